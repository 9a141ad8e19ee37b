//! Producers that die with sends under way, which land at any moment, and readers that begin
//! anywhere.

use proptest::prelude::*;

use super::*;
use crate::producer::ProducerPosition;
use crate::producer_recovery::Trace;
use crate::protocol::unique_id::UniqueIds;
use crate::repeats::send_marks::from;

/// Properties of the messages of a send, which may land later.
type Flight = Vec<Vec<u8>>;

/// A queue, and producers of one name that write to it, one after the other.
struct World {
    log: Vec<Vec<u8>>,
    ids: UniqueIds,
    /// Sends of those that died.
    late: Vec<Flight>,
    place: ProducerPosition,
}

fn message(id: [u8; 32], marks: &[(&str, String)]) -> Vec<u8> {
    let mut text = Vec::new();
    properties::put(&mut text, "KEYS", b"S1");
    properties::put(&mut text, properties::UNIQUE_ID, &id);
    for (name, value) in marks {
        properties::put(&mut text, name, value.as_bytes());
    }
    text
}

impl World {
    fn new() -> Self {
        let (log, ids, late) = (Vec::new(), UniqueIds::new(), Vec::new());
        World { log, ids, late, place: ProducerPosition::default() }
    }

    fn flight(&mut self, producer: &str, sequence: u64, count: u32) -> Flight {
        let first = self.ids.next(count, 1);
        let marks = [(FROM, from(producer, sequence)), (AFTER, self.place.after.to_string())];
        let of = |n: u32| {
            let marks = if n == 0 { &marks[..] } else { &[] };
            message(first.plus(n).text(), marks)
        };
        (0..count).map(of).collect()
    }

    fn send(&mut self, count: u32) {
        let flight = self.flight("p", self.place.next, count);
        let (next, at) = (self.place.next + u64::from(count), Offset(self.log.len() as u64));
        self.log.extend(flight);
        self.place = self.place.acknowledged(next, at, count);
    }

    /// Dies with a send under way; its successor reads back what is there.
    fn die(&mut self, count: u32) {
        let flight = self.flight("p", self.place.next, count);
        self.late.push(flight);
        let mut trace = Trace::new("p");
        self.log.iter().for_each(|text| trace.see(text));
        self.place =
            ProducerPosition { next: trace.next_sequence(), after: Offset(self.log.len() as u64) };
    }

    fn act(&mut self, action: u8, number: u8) {
        let count = u32::from(number % 4) + 1;
        match action % 6 {
            0 | 1 => self.send(count),
            2 => self.die(count),
            3 if !self.late.is_empty() => {
                let flight = self.late.swap_remove(usize::from(number) % self.late.len());
                // A broker that crashes may keep a beginning.
                let kept = if number > 200 { flight.len().div_ceil(2) } else { flight.len() };
                self.log.extend(flight.into_iter().take(kept));
            }
            4 => {
                let other = self.flight("q", self.log.len() as u64, count);
                self.log.extend(other);
            }
            _ => {
                // Of another process, whose ids never follow these.
                let id = UniqueIds::new().next(1, 1).text();
                self.log.push(message(id, &[]));
            }
        }
    }

    /// What a reader that begins at `start` gives.
    fn given(&self, start: usize) -> Vec<usize> {
        let (mut repeats, mut given) = (Repeats::new(Offset(start as u64)), Vec::new());
        for (at, text) in self.log.iter().enumerate().skip(start) {
            let offset = Offset(at as u64);
            let mut verdict = repeats.judge(offset, text);
            if let Verdict::NeedsHistory(from) = verdict {
                repeats = self.history(from, at);
                verdict = repeats.judge(offset, text);
            }
            match verdict {
                Verdict::New => given.push(at),
                Verdict::Repeat => {}
                Verdict::NeedsHistory(from) => panic!("{from} is needed again at {at}"),
            }
        }
        given
    }

    fn history(&self, mut from: Offset, until: usize) -> Repeats {
        loop {
            let mut repeats = Repeats::new(from);
            let range = from.0 as usize..until;
            range.for_each(|at| repeats.see(Offset(at as u64), &self.log[at]));
            match repeats.lacks(Offset(until as u64)) {
                Some(earlier) => from = earlier,
                None => return repeats,
            }
        }
    }

    /// Sequence numbers of the producer in what is given.
    fn sequences(&self, given: &[usize]) -> Vec<u64> {
        let (mut sequences, mut current) = (Vec::new(), None);
        for (at, text) in self.log.iter().enumerate() {
            let marks = Marks::of(text);
            let id = marks.id.unwrap();
            let number = match (marks.from.and_then(parse_from), current) {
                (Some((producer, number)), _) => (producer == "p").then_some(number),
                (None, Some((number, expected))) if expected == id => Some(number),
                _ => None,
            };
            current = number.map(|number| (number + 1, id.next()));
            if given.contains(&at) {
                sequences.extend(number);
            }
        }
        sequences
    }
}

proptest! {
    #[test]
    fn every_reader_gives_each_message_once_wherever_it_begins(
        actions in prop::collection::vec((any::<u8>(), any::<u8>()), 1..60),
    ) {
        let mut world = World::new();
        actions.iter().for_each(|(action, number)| world.act(*action, *number));
        let all = world.given(0);
        let sequences = world.sequences(&all);
        prop_assert_eq!(&sequences, &(0..sequences.len() as u64).collect::<Vec<_>>());
        for start in 1..world.log.len() {
            let expected: Vec<_> = all.iter().copied().filter(|at| *at >= start).collect();
            prop_assert_eq!(world.given(start), expected, "from {}", start);
        }
    }
}

#[test]
fn a_send_that_lands_late_is_given_once_whether_before_or_behind_its_repeat() {
    for lands_first in [true, false] {
        let mut world = World::new();
        world.send(2);
        world.die(3);
        let late = world.late.pop().unwrap();
        if lands_first {
            world.log.extend(late.clone());
        }
        world.send(3);
        if !lands_first {
            world.log.extend(late);
        }
        world.send(1);
        assert_eq!(world.given(0), [0, 1, 2, 3, 4, 8]);
        assert_eq!(world.given(6), [8]);
    }
}

#[test]
fn what_says_no_offset_is_never_a_repeat() {
    let mut ids = UniqueIds::new();
    let mut repeats = Repeats::new(Offset(0));
    for at in 0..4 {
        let text = message(ids.next(1, 1).text(), &[(FROM, from("p", 7))]);
        assert_eq!(repeats.judge(Offset(at), &text), Verdict::New);
    }
}
