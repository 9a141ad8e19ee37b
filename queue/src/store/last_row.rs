//! Whether a topic of a store still has the rows that its commits wrote. Where positions and rows
//! are in one file, they are restored together; elsewhere one may be restored without the other.

use crate::{Error, Fingerprint, Offset, Partition, Queue, Result, Topic};

/// What a commit noted of a partition of an output, apart from the topic itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LastRow {
    /// Id of the topic.
    pub topic_id: String,
    /// Behind the last row that was written; 0 where there is none, or where rows go by key.
    pub next: Offset,
    /// The last row; `None` where it is not known.
    pub row: Option<Fingerprint>,
}

impl LastRow {
    /// Compares a topic with what was noted of its partitions, in their order; the partitions of
    /// which nothing can be said, since their last row is gone.
    ///
    /// # Errors
    /// [`Error::OutputDiffers`] when it is not what was written, or not all of it.
    pub fn compare(
        queue: &dyn Queue,
        name: &str,
        noted: &[Option<LastRow>],
    ) -> Result<Vec<Partition>> {
        let noted: Vec<(Partition, &LastRow)> = (0..)
            .map(Partition)
            .zip(noted)
            .filter_map(|(it, last)| Some((it, last.as_ref()?)))
            .collect();
        let Some((first, of_first)) = noted.first() else { return Ok(Vec::new()) };
        let differs = |partition: Partition, last: &LastRow, found: String| {
            let (topic, at) = (name.to_owned(), queue.name());
            Error::OutputDiffers { topic, at, partition, next: last.next, found }
        };
        let topic = match queue.topic(name) {
            Err(Error::TopicMissing { .. }) => {
                return Err(differs(*first, of_first, "there is no such topic now".to_owned()));
            }
            topic => topic?,
        };
        let spans = queue.spans(&topic)?;
        let end_of = |partition: Partition| spans.get(partition.0 as usize).map(|span| span.end);
        for &(partition, last) in &noted {
            let end = end_of(partition).unwrap_or_default();
            if last.topic_id != topic.id {
                let found = format!(
                    "the topic of that name is another one (id {}, not {}), which ends at offset {end}",
                    topic.id, last.topic_id
                );
                return Err(differs(partition, last, found));
            }
            if end < last.next {
                return Err(differs(partition, last, format!("it ends at offset {end}")));
            }
        }
        LastRow::compare_rows(queue, &topic, &noted, &differs)
    }

    fn compare_rows(
        queue: &dyn Queue,
        topic: &Topic,
        noted: &[(Partition, &LastRow)],
        differs: &dyn Fn(Partition, &LastRow, String) -> Error,
    ) -> Result<Vec<Partition>> {
        let row = |(partition, last): &(Partition, &LastRow)| Some((*partition, last.row?.offset));
        let at: Vec<_> = noted.iter().filter_map(row).collect();
        let found = Fingerprint::find_each(queue, topic, &at)?;
        let mut unprovable = Vec::new();
        let written = noted.iter().filter_map(|(it, last)| Some((*it, *last, last.row?)));
        for ((partition, last, written), found) in written.zip(found) {
            match found {
                Some(found) if found != written => {
                    let found = format!("its last row, {written}, is not the one there, {found}");
                    return Err(differs(partition, last, found));
                }
                Some(_) => {}
                None => unprovable.push(partition),
            }
        }
        Ok(unprovable)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::memory::Memory;
    use crate::{Append, Block};

    fn topic_of(rows: &[&[u8]]) -> (Memory, Topic) {
        let queue = Memory::new();
        let topic = queue.create("rows", 2).unwrap();
        let mut block = Block::default();
        rows.iter().for_each(|row| block.push(b"k", row).unwrap());
        let append = Append { partition: Partition(1), first_sequence: 0, block: &block };
        queue.producer(&topic, "p").unwrap().append(&[append]).unwrap();
        (queue, topic)
    }

    fn noted(queue: &Memory, topic: &Topic, next: u64) -> Vec<Option<LastRow>> {
        let at = Offset(next - 1);
        let row = Fingerprint::find(queue, topic, Partition(1), at).unwrap();
        vec![None, Some(LastRow { topic_id: topic.id.clone(), next: Offset(next), row })]
    }

    fn differs(queue: &Memory, noted: &[Option<LastRow>]) -> String {
        let error = LastRow::compare(queue, "rows", noted).unwrap_err();
        assert!(matches!(error, Error::OutputDiffers { .. }), "{error}");
        assert!(error.to_string().contains("rows/1 of memory: up to offset 2"), "{error}");
        error.to_string()
    }

    #[test]
    fn a_topic_that_has_grown_is_the_one_that_was_written() {
        let (queue, topic) = topic_of(&[b"a", b"b", b"c"]);
        let noted = noted(&queue, &topic, 2);
        assert_eq!(LastRow::compare(&queue, "rows", &noted).unwrap(), []);
    }

    #[test]
    fn another_topic_a_shorter_one_and_another_row_are_named() {
        let (queue, topic) = topic_of(&[b"a", b"b"]);
        let noted = noted(&queue, &topic, 2);
        let (shorter, other) = (topic_of(&[b"a"]), topic_of(&[b"a", b"x", b"c"]));
        let with_id = |id: &str| {
            let mut noted = noted.clone();
            noted[1].as_mut().unwrap().topic_id = id.to_owned();
            noted
        };
        assert!(differs(&queue, &with_id("of before")).contains("not of before"));
        assert!(differs(&shorter.0, &with_id(&shorter.1.id)).contains("it ends at offset 1"));
        let said = differs(&other.0, &with_id(&other.1.id));
        assert!(said.contains("offset 1, appended at"), "{said}");
        assert!(differs(&Memory::new(), &noted).contains("no such topic"));
    }
}
