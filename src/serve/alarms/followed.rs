//! A topic that one job's alarms follow: reopened when it was missing or its broker was
//! unreachable; messages that are not rows are skipped.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use seismic_proto::{Row, Schema, ValueRef};
use seismic_queue::{Batch, Event, Offset, Partition, Queue, Reader, Topic};
use seismic_sinks::{RowAt, RowDecoder};

use super::rows::{Matched, QUOTED};
use super::topic_findings::{TopicFindings, lock};
use super::trouble::Trouble;
use super::wanted::Wanted;
use crate::serve::limits;
use crate::time::now_ms;

/// A topic that is to be followed, whether it can be or not.
pub(super) struct Following {
    name: String,
    followed: Option<Followed>,
    trouble: Trouble,
}

impl Following {
    pub(super) fn new(name: &str) -> Following {
        let trouble = Trouble::of(&format!("topic {name}"));
        Following { name: name.to_owned(), followed: None, trouble }
    }

    /// Whether it is to be opened now.
    pub(super) fn is_due(&self) -> bool {
        self.followed.is_none() && !self.trouble.is_fresh()
    }

    /// Reads what there is, from a topic of this queue; whether there was something. `Err` when it
    /// failed, which was noted.
    pub(super) fn turn(
        &mut self,
        job: &str,
        wanted: &Wanted,
        found: &Mutex<TopicFindings>,
        queue: Option<&dyn Queue>,
    ) -> Result<bool, ()> {
        if self.is_due() && queue.is_none() {
            return Ok(false);
        }
        match self.try_turn(job, wanted, found, queue) {
            Ok(read) => {
                if self.followed.is_some() {
                    self.trouble.is_over();
                }
                Ok(read)
            }
            Err(error) => {
                self.followed = None;
                if self.name == wanted.result_topic {
                    // No one knows whether there are rows of its sensors.
                    lock(found).since_ms = None;
                }
                self.trouble.see(job, &error);
                Err(())
            }
        }
    }

    fn try_turn(
        &mut self,
        job: &str,
        wanted: &Wanted,
        found: &Mutex<TopicFindings>,
        queue: Option<&dyn Queue>,
    ) -> anyhow::Result<bool> {
        if let (true, Some(queue)) = (self.is_due(), queue) {
            self.followed = Some(Followed::open(queue, wanted, &self.name, found)?);
        }
        self.followed.as_mut().map_or(Ok(false), |it| it.turn(job, found))
    }
}

/// Messages that are no rows, which are passed over.
#[derive(Default)]
struct Refused {
    /// How many were not told of, and the first of them.
    count: u64,
    first: Option<String>,
    /// The next offset of each partition after those that were seen: several alarms see each.
    seen: BTreeMap<usize, Offset>,
    said: Option<Instant>,
}

impl Refused {
    fn see(&mut self, place: usize, offset: Offset, error: &seismic_sinks::Error) {
        let next = self.seen.entry(place).or_insert(Offset(0));
        if offset < *next {
            return;
        }
        *next = Offset(offset.0 + 1);
        self.count += 1;
        self.first.get_or_insert_with(|| error.to_string());
    }

    /// Says at once what was passed over, and then once a minute.
    fn say(&mut self, job: &str) {
        if self.said.is_some_and(|at| at.elapsed() < limits::REFUSED_EVERY) {
            return;
        }
        if let Some(first) = self.first.take() {
            let count = std::mem::take(&mut self.count);
            tracing::warn!("job {job}: {count} messages are no rows and raise no alarm: {first}");
            self.said = Some(Instant::now());
        }
    }
}

/// A topic that is followed.
struct Followed {
    topic: Topic,
    reader: Box<dyn Reader>,
    spare: Vec<Batch>,
    /// Alarms on its rows, by their number.
    alarms: Vec<(usize, RowDecoder)>,
    /// What reads rows of expected sensors.
    sensors: Option<(RowDecoder, Vec<String>)>,
    refused: Refused,
}

impl Followed {
    fn open(
        queue: &dyn Queue,
        wanted: &Wanted,
        name: &str,
        found: &Mutex<TopicFindings>,
    ) -> anyhow::Result<Followed> {
        let topic = queue.topic(name)?;
        let spans = queue.spans(&topic)?;
        let has_sensors = !wanted.sensors.is_empty() && name == wanted.result_topic;
        let mut all = lock(found);
        let known = all.places.get(name).filter(|known| known.len() == spans.len());
        let next: Vec<u64> = match known {
            // What was deleted since then, or is of a topic that was recreated, is not there.
            Some(known) => known
                .iter()
                .zip(&spans)
                .map(|(&next, span)| next.clamp(span.first.0, span.end.0))
                .collect(),
            None => spans.iter().map(|span| span.end.0).collect(),
        };
        if has_sensors {
            all.since_ms.get_or_insert(now_ms());
        }
        all.places.insert(name.to_owned(), next.clone());
        drop(all);
        let at: Vec<(Partition, Offset)> = topic
            .all()
            .zip(next.iter().zip(&spans))
            .map(|(partition, (&next, span))| {
                // A sensor may have had its newest row a while ago.
                let before = if has_sensors { limits::ROWS_BEFORE } else { 0 };
                (partition, Offset(next.saturating_sub(before)).max(span.first))
            })
            .collect();
        let alarms = wanted.rows.iter().enumerate().filter(|(_, it)| it.topic == name);
        let alarms =
            alarms.map(|(number, it)| Ok((number, it.decoder(wanted.statement.as_ref())?)));
        let alarms = alarms.collect::<anyhow::Result<_>>()?;
        let sensors =
            has_sensors.then(|| (RowDecoder::new(name, Schema::windows()), wanted.sensors.clone()));
        let reader = queue.reader(&topic, &at)?;
        let (spare, refused) = (Vec::new(), Refused::default());
        Ok(Followed { topic, reader, spare, alarms, sensors, refused })
    }

    /// Reads what there is; whether there was something.
    fn turn(&mut self, job: &str, found: &Mutex<TopicFindings>) -> anyhow::Result<bool> {
        self.refused.say(job);
        let wait = Duration::from_millis(10);
        let Event::Batch(batch) = self.reader.read(wait, &mut self.spare)? else {
            return Ok(false);
        };
        let place = batch.partition().0 as usize;
        let from = {
            let all = lock(found);
            all.places.get(&self.topic.name).and_then(|it| it.get(place)).copied()
        };
        let from = Offset(from.context("a partition that was not there")?);
        let refused = &mut self.refused;
        // One message that is no row keeps no alarm on those after it.
        let mut pass_over = |error: seismic_sinks::Error| match error {
            seismic_sinks::Error::Row { offset, .. } if offset < from => Ok(()),
            error @ seismic_sinks::Error::Row { offset, .. } => {
                refused.see(place, offset, &error);
                Ok(())
            }
            error => Err(error),
        };
        let mut matched = Vec::new();
        for (number, decoder) in &mut self.alarms {
            let mut one = Matched::default();
            let rows = decoder.decode_unless(&batch, &mut pass_over)?;
            let schema = rows.schema();
            for row in rows.iter().filter(|row| row.offset >= from) {
                one.count += 1;
                if one.quoted.len() < QUOTED {
                    one.quoted.push(in_words(schema, &row));
                }
            }
            matched.push((*number, one));
        }
        let mut last = Vec::new();
        if let Some((decoder, sensors)) = &mut self.sensors {
            let rows = decoder.decode_unless(&batch, &mut pass_over)?;
            for (row, message) in rows.iter().zip(rows.messages()) {
                if let Row::Window(window) = row.row
                    && sensors.iter().any(|it| **it == *window.sensor_id)
                {
                    last.push((window.sensor_id.to_string(), message.append_ms));
                }
            }
        }
        // All of it at once: whoever takes it has the rows before the place, and no others.
        let mut all = lock(found);
        for (number, one) in matched {
            all.rows[number].add(one);
        }
        for (sensor, at_ms) in last {
            let newest = all.last_ms.entry(sensor).or_insert(at_ms);
            *newest = at_ms.max(*newest);
        }
        let next = batch.next().max(from).0;
        if let Some(known) = all.places.get_mut(&self.topic.name) {
            known[place] = next;
        }
        drop(all);
        self.spare.push(batch);
        Ok(true)
    }
}

/// Columns of a row of windows that a message quotes, where it has them; of others it quotes as many.
const QUOTED_COLUMNS: [&str; 6] = [
    "sensor_id",
    "window_start_ts",
    "window_end_ts",
    "avg_amplitude",
    "max_amplitude",
    "min_amplitude",
];

/// Letters of a text that a message quotes.
const QUOTED_LETTERS: usize = 80;

fn in_words(schema: &Schema, row: &RowAt<'_>) -> String {
    let columns: Vec<usize> = match row.row {
        Row::Window(_) => QUOTED_COLUMNS.iter().filter_map(|it| schema.index_of(it)).collect(),
        Row::Values(_) => (0..schema.columns().len().min(QUOTED_COLUMNS.len())).collect(),
    };
    let words = columns.into_iter().filter_map(|place| {
        let column = &schema.columns()[place];
        match row.row.get(place) {
            ValueRef::Null => None,
            ValueRef::Text(text) => {
                let end = text.floor_char_boundary(QUOTED_LETTERS);
                Some(column.show_named(ValueRef::Text(&text[..end])))
            }
            value => Some(column.show_named(value)),
        }
    });
    words.collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use seismic_proto::{Message as _, SeismicAggRecord};
    use seismic_queue::{Append, Block};

    use super::*;
    use crate::backends::Url;
    use crate::job::location::Location;
    use crate::job::service::RowAlarm;

    fn push(queue: &dyn Queue, topic: &str, value: &[u8]) {
        let topic = queue.topic(topic).unwrap();
        let (partition, mut block) = (Partition(0), Block::default());
        block.push(b"A", value).unwrap();
        let mut producer = queue.producer(&topic, "test").unwrap();
        let first_sequence = producer.next_sequence(partition).unwrap();
        producer.append(&[Append { partition, first_sequence, block: &block }]).unwrap();
    }

    fn turns(
        topic: &mut Following,
        wanted: &Wanted,
        found: &Mutex<TopicFindings>,
        queue: &dyn Queue,
    ) {
        while topic.turn("coast", wanted, found, Some(queue)) == Ok(true) {}
    }

    #[test]
    fn a_missing_topic_and_a_message_that_is_no_row_keep_no_other_alarm() {
        let folder = tempfile::tempdir().unwrap();
        let url = Url::of_file(&folder.path().join("queue.db"));
        let location = Location { queue: url, ..Location::default() };
        let queue = location.open_queue().unwrap();
        let wanted = Wanted {
            location,
            result_topic: "results".to_owned(),
            statement: None,
            rows: ["missing", "results"]
                .map(|name| RowAlarm::new(&format!("topic:{name}"), "", 6).unwrap())
                .into(),
            sensors: vec!["A".to_owned()],
            clocks: false,
        };
        let found = TopicFindings { rows: vec![Matched::default(); 2], ..TopicFindings::default() };
        let found = Mutex::new(found);
        let mut missing = Following::new("missing");
        let mut results = Following::new("results");
        assert_eq!(missing.turn("coast", &wanted, &found, Some(&*queue)), Err(()));
        assert_eq!(results.turn("coast", &wanted, &found, Some(&*queue)), Err(()));
        // It is not asked for again at once, and sensors are not judged meanwhile.
        assert_eq!(results.turn("coast", &wanted, &found, Some(&*queue)), Ok(false));
        assert_eq!(lock(&found).since_ms, None);
        queue.create("results", 1).unwrap();
        let mut results = Following::new("results");
        turns(&mut results, &wanted, &found, &*queue);
        assert!(lock(&found).since_ms.is_some());
        let row = SeismicAggRecord { sensor_id: "A".to_owned(), ..SeismicAggRecord::default() };
        push(&*queue, "results", &row.encode_to_vec());
        push(&*queue, "results", b"\xff\xff");
        push(&*queue, "results", &row.encode_to_vec());
        turns(&mut results, &wanted, &found, &*queue);
        assert_eq!(lock(&found).rows[1].count, 2);
        assert!(lock(&found).last_ms.contains_key("A"));
        assert_eq!(lock(&found).places["results"], [3]);
        // Two decoders have seen it: it is one message.
        assert_eq!(results.followed.map(|it| it.refused.seen), Some([(0, Offset(2))].into()));
    }
}
