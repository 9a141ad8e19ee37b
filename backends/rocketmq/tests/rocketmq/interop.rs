//! Interoperability with the Java client and tools, in both directions.

use std::fs;
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use seismic_queue::{Append, Block, Event, Offset, Partition, Queue};

use crate::fresh::Fresh;

/// Keys and values of a topic, in order of partitions and offsets.
fn read(queue: &dyn Queue, topic: &str, count: usize) -> Vec<(String, Vec<u8>)> {
    let topic = queue.topic(topic).unwrap();
    let at: Vec<_> = topic.all().map(|partition| (partition, Offset(0))).collect();
    let mut reader = queue.reader(&topic, &at).unwrap();
    let (mut all, begun) = (Vec::new(), Instant::now());
    while all.len() < count {
        assert!(begun.elapsed() < Duration::from_secs(60), "only {} of {count}", all.len());
        if let Event::Batch(batch) = reader.read(Duration::from_secs(1), &mut Vec::new()).unwrap() {
            let text = |key: &[u8]| String::from_utf8(key.to_vec()).unwrap();
            all.extend(batch.messages().map(|it| (text(it.key), it.value.to_vec())));
        }
    }
    all.sort();
    all
}

#[test]
fn messages_of_the_java_client_are_read_compressed_or_not() {
    let Some(fresh) = Fresh::new() else { return };
    let queue = fresh.bare();
    let sent: Vec<(String, Vec<u8>)> =
        (0..20).map(|i| (format!("S{i:03}"), vec![i; 40 + usize::from(i) * 50])).collect();
    let lines = sent.iter().map(|(key, body)| format!("{key} {}\n", STANDARD.encode(body)));
    let file = fresh.rocketmq.folder().join("to-send");
    fs::write(&file, lines.collect::<String>()).unwrap();
    for kind in ["none", "ZLIB", "LZ4", "ZSTD"] {
        let topic = format!("java-{kind}");
        queue.create(&topic, 2).unwrap();
        let said = fresh.rocketmq.java("SingleSends", &[&topic, kind, file.to_str().unwrap()]);
        assert!(said.contains("sent 20"), "{kind}: {said}");
        assert_eq!(read(&queue, &topic, 20), sent, "{kind}");
    }
}

#[test]
fn mqadmin_finds_and_prints_what_we_append() {
    let Some(fresh) = Fresh::new() else { return };
    let queue = fresh.bare();
    let topic = queue.create("for-mqadmin", 1).unwrap();
    let mut block = Block::default();
    for i in 0..5 {
        block.push(format!("S{i:03}").as_bytes(), format!("value {i}").as_bytes()).unwrap();
    }
    let append = Append { partition: Partition(0), first_sequence: 0, block: &block };
    queue.producer(&topic, "p").unwrap().append(&[append]).unwrap();
    let printed = fresh.rocketmq.admin(&["printMsg", "-t", "for-mqadmin"]);
    for i in 0..5 {
        assert!(printed.contains(&format!("value {i}")), "{printed}");
    }
    // The broker enters messages into its index a moment later.
    let begun = Instant::now();
    let line = loop {
        let found = fresh.rocketmq.admin(&["queryMsgByKey", "-t", "for-mqadmin", "-k", "S003"]);
        if let Some(line) = found.lines().rfind(|line| line.trim().ends_with(" 3")) {
            break line.to_owned();
        }
        assert!(begun.elapsed() < Duration::from_secs(60), "{found}");
    };
    let id = line.split_whitespace().next().unwrap();
    assert_eq!(id.len(), 32, "the message's own id: {line}");
    let found = fresh.rocketmq.admin(&["queryMsgByUniqueKey", "-t", "for-mqadmin", "-i", id]);
    assert!(found.contains("S003"), "{found}");
}

#[test]
fn what_mqadmin_sends_is_read() {
    let Some(fresh) = Fresh::new() else { return };
    let bare = fresh.bare();
    bare.create("from-mqadmin", 1).unwrap();
    let said = fresh.rocketmq.admin(&[
        "sendMessage",
        "-t",
        "from-mqadmin",
        "-p",
        "hello",
        "-k",
        "K1",
        "-c",
        "tag",
    ]);
    assert!(said.contains("SEND_OK"), "{said}");
    assert_eq!(read(&bare, "from-mqadmin", 1), [("K1".to_owned(), b"hello".to_vec())]);
}
