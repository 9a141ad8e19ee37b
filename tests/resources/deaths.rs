//! Deaths of the server while it keeps and forgets files: what it says is there is whole, and nothing
//! else is.

use std::fs;
use std::io::Write as _;

use super::{Server, contents, served};
use crate::stage::{Stage, wait_until};

const ONE: &str = "/api/v1/resources/table.csv";

#[test]
fn a_death_between_file_and_state_leaves_nothing_half() {
    let serve = served(Stage::new());
    let stage = &serve.stage;
    let server = Server::start(stage);
    let first = server.put("table.csv", "first").json(200)["sha256"].take();
    let first = first.as_str().unwrap().to_owned();
    server.stop();
    let before = vec![("table.csv".to_owned(), first.clone())];

    // The file is there, and the state does not know it.
    let server = Server::start_with(stage, "resource-placed=return(abort)");
    assert_eq!(server.put("table.csv", "second").status, 0, "nobody answers");
    assert_eq!(server.running.wait().code, None, "it died");
    assert_eq!(contents(stage).len(), 2, "the file of the second is there");
    let server = Server::start(stage);
    assert_eq!(server.names(), before);
    assert_eq!(contents(stage), [first.clone()].into(), "and swept");
    assert_eq!(server.client().get(&format!("{ONE}/content")).body, "first");
    server.stop();

    // The state knows the second one, and the file of the first is still there.
    let server = Server::start_with(stage, "resource-forgotten=return(abort)");
    assert_eq!(server.put("table.csv", "second").status, 0);
    assert_eq!(server.running.wait().code, None, "it died");
    assert_eq!(contents(stage).len(), 2);
    let server = Server::start(stage);
    assert_eq!(server.client().get(&format!("{ONE}/content")).body, "second");
    let second = server.names()[0].1.clone();
    assert_eq!(contents(stage), [second].into());
    server.stop();

    // A delete that nobody was told of is one.
    let server = Server::start_with(stage, "resource-forgotten=return(abort)");
    assert_eq!(server.client().ask("DELETE", ONE, "").status, 0);
    assert_eq!(server.running.wait().code, None, "it died");
    assert_eq!(contents(stage).len(), 1);
    let server = Server::start(stage);
    assert!(server.names().is_empty() && contents(stage).is_empty());
    server.stop();
}

#[test]
fn a_server_that_is_killed_while_a_file_comes_keeps_nothing_of_it() {
    let serve = served(Stage::new());
    let stage = &serve.stage;
    let server = Server::start(stage);
    server.put("table.csv", "first").json(200);
    let kept = contents(stage);
    let mut stream = server.client().connect();
    let head = format!(
        "PUT {ONE} HTTP/1.1\r\nHost: {}\r\nX-Seismic-Request: 1\r\nContent-Length: 9000000\r\n\r\n",
        server.client().address
    );
    stream.write_all(head.as_bytes()).unwrap();
    stream.write_all(&vec![b'x'; 1 << 20]).unwrap();
    let is_coming = || {
        let files = contents(stage).into_iter().filter(|name| name.starts_with(".new"));
        let path = |name: String| stage.path("output/serve.db.resources").join(name);
        files.map(path).any(|file| fs::metadata(file).is_ok_and(|it| it.len() >= 256 << 10))
    };
    wait_until("a part of it has come", is_coming);
    server.running.kill();
    assert_eq!(contents(stage).len(), kept.len() + 1);
    let server = Server::start(stage);
    assert_eq!(contents(stage), kept);
    assert_eq!(server.client().get(&format!("{ONE}/content")).body, "first");
    server.stop();
}

#[test]
fn a_file_that_does_not_come_whole_is_not_kept() {
    let serve = served(Stage::new());
    let stage = &serve.stage;
    let server = Server::start(stage);
    let mut stream = server.client().connect();
    let head = format!(
        "PUT {ONE} HTTP/1.1\r\nHost: {}\r\nX-Seismic-Request: 1\r\nContent-Length: 100\r\n\r\nhalf",
        server.client().address
    );
    stream.write_all(head.as_bytes()).unwrap();
    wait_until("it comes", || !contents(stage).is_empty());
    drop(stream);
    wait_until("what has come of it is deleted", || contents(stage).is_empty());
    assert!(server.names().is_empty());
    server.stop();
}
