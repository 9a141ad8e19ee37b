//! Merges the items of many files by time.
//!
//! Each file keeps its own order: of the next items of all files, the oldest is taken; among equal
//! ones, that of the file named first. So files that are sorted give one sorted order, whatever
//! their names. A few items of each file are in memory, and at most [`limits::OPEN_FILES`] files
//! are open.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};

use crate::limits;

/// The items of one file, in its order.
pub(crate) trait TimedItems {
    /// What comes one after the other.
    type Item;

    /// Time of the next item; `None` after the last. Opens the file if it needs to.
    fn peek(&mut self) -> Option<i64>;

    /// The next item. Opens the file if it needs to.
    fn next(&mut self) -> Option<Self::Item>;

    /// Closes the file until it is needed again.
    fn suspend(&mut self);

    /// Whether the file is open.
    fn is_open(&self) -> bool;
}

/// The items of all files by time.
pub(crate) struct Merge<F> {
    files: Vec<F>,
    /// Time of each file's next item, oldest on top.
    next: BinaryHeap<Reverse<(i64, usize)>>,
    /// Files that may be open, the one that was opened first in front.
    open: VecDeque<usize>,
}

impl<F: TimedItems> Merge<F> {
    pub(crate) fn new(files: Vec<F>) -> Self {
        let mut merge = Merge { files, next: BinaryHeap::new(), open: VecDeque::new() };
        for number in 0..merge.files.len() {
            let was_open = merge.files[number].is_open();
            merge.peek(number, was_open);
        }
        merge
    }

    /// The next item, and the number of its file.
    pub(crate) fn next(&mut self) -> Option<(usize, F::Item)> {
        let Reverse((_, number)) = self.next.pop()?;
        // Taking an item may open the file as well as looking at the next.
        let was_open = self.files[number].is_open();
        let item = self.files[number].next()?;
        self.peek(number, was_open);
        Some((number, item))
    }

    fn peek(&mut self, number: usize, was_open: bool) {
        let file = &mut self.files[number];
        let time = file.peek();
        self.next.extend(time.map(|time| Reverse((time, number))));
        if time.is_none() {
            file.suspend();
        } else if !was_open && file.is_open() {
            self.open.push_back(number);
            if self.open.len() > limits::OPEN_FILES {
                let oldest = self.open.pop_front().expect("there are that many");
                self.files[oldest].suspend();
            }
        }
    }

    /// How many files are open.
    #[cfg(test)]
    pub(crate) fn opened(&self) -> usize {
        self.files.iter().filter(|file| file.is_open()).count()
    }

    /// The files, when all is read.
    pub(crate) fn into_files(self) -> Vec<F> {
        self.files
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// A file that counts how many of its kind are open.
    struct Fake {
        items: VecDeque<i64>,
        is_open: bool,
    }

    impl TimedItems for Fake {
        type Item = i64;

        fn peek(&mut self) -> Option<i64> {
            self.is_open = true;
            self.items.front().copied()
        }

        fn next(&mut self) -> Option<i64> {
            self.is_open = true;
            self.items.pop_front()
        }

        fn suspend(&mut self) {
            self.is_open = false;
        }

        fn is_open(&self) -> bool {
            self.is_open
        }
    }

    fn merged(files: Vec<Vec<i64>>) -> Vec<(usize, i64)> {
        let fake = |items: Vec<i64>| Fake { items: items.into(), is_open: false };
        let mut merge = Merge::new(files.into_iter().map(fake).collect());
        let mut all = Vec::new();
        while let Some(next) = merge.next() {
            assert!(merge.opened() <= limits::OPEN_FILES);
            all.push(next);
        }
        all
    }

    proptest! {
        #[test]
        fn sorted_files_give_one_order_and_every_file_keeps_its_own(
            files in prop::collection::vec(prop::collection::vec(0i64..20, 0..6), 0..6),
            sorted: bool,
        ) {
            let mut files = files;
            if sorted {
                files.iter_mut().for_each(|file| file.sort_unstable());
            }
            let all = merged(files.clone());
            prop_assert!(!sorted || all.is_sorted_by_key(|&(_, time)| time));
            for (number, file) in files.into_iter().enumerate() {
                let of = all.iter().filter(|(of, _)| *of == number).map(|&(_, time)| time);
                prop_assert!(of.eq(file));
            }
        }
    }

    #[test]
    fn few_of_many_files_are_open() {
        let files: Vec<_> = (0..1_000).map(|i| vec![i, i + 5_000, i + 9_000]).collect();
        assert_eq!(merged(files).len(), 3_000);
    }
}
