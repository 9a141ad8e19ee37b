//! The rows of the result topic as expected in the table when panes are merged: each window once,
//! at the position of its first row.

use std::collections::{HashMap, HashSet};

use seismic_proto::{Row, SeismicAggRecord};
use seismic_queue::{Offset, Partition};

use super::TopicRows;
use crate::{Error, Result, limits};

/// Sensor, start, end and era.
pub(crate) type Window = (String, i64, i64, i32);

/// One partition of the topic.
pub(crate) struct MergedTopic<'a> {
    rows: TopicRows<'a>,
    /// Rows that are dead letters instead.
    refused: &'a HashSet<(Partition, Offset)>,
    /// Windows with further rows, added up; `None`: it was given.
    sums: HashMap<Window, Option<SeismicAggRecord>>,
    /// Windows of which the topic has lost rows: what is left of them says nothing.
    begun: HashSet<Window>,
}

/// The window of a row.
pub(crate) fn window(row: &SeismicAggRecord) -> Window {
    (row.sensor_id.clone(), row.window_start_ts, row.window_end_ts, row.clock_era)
}

impl<'a> MergedTopic<'a> {
    /// Every row as it is.
    pub(crate) fn plain(rows: TopicRows<'a>, refused: &'a HashSet<(Partition, Offset)>) -> Self {
        MergedTopic { rows, refused, sums: HashMap::new(), begun: HashSet::new() }
    }

    /// Windows, of which `first_pass` and `second_pass` add up the further rows: the same ones
    /// again.
    pub(crate) fn merged(
        rows: TopicRows<'a>,
        [mut first_pass, mut second_pass]: [TopicRows<'a>; 2],
        refused: &'a HashSet<(Partition, Offset)>,
    ) -> Result<Self> {
        let mut merged = MergedTopic::plain(rows, refused);
        while let Some((_, row)) = first_pass.next_row()? {
            let Row::Window(row) = row else { continue };
            if row.pane > 0 {
                merged.sums.insert(window(&row), None);
            }
            if merged.sums.len() > limits::MERGED_WINDOWS {
                let most = limits::MERGED_WINDOWS;
                let what = format!("more than {most} windows have several rows");
                return Err(Error::NothingToCompare { sink: "the result topic".to_owned(), what });
            }
        }
        while let Some((offset, row)) = second_pass.next_row()? {
            let Row::Window(row) = row else { continue };
            if merged.is_refused(offset) {
                continue;
            }
            match merged.sums.get_mut(&window(&row)) {
                Some(Some(sum)) => sum.add_pane(&row),
                Some(first) => *first = Some(row),
                None => {}
            }
        }
        Ok(merged)
    }

    pub(crate) fn partition(&self) -> Partition {
        self.rows.partition
    }

    pub(crate) fn is_refused(&self, offset: Offset) -> bool {
        self.refused.contains(&(self.rows.partition, offset))
    }

    /// Sees a row of the table whose first row the topic has lost.
    pub(crate) fn see_begun(&mut self, row: &Row) {
        if let Row::Window(row) = row
            && row.pane > 0
        {
            self.begun.insert(window(row));
        }
    }

    /// The next row that the table must have, with its offset; `None` at the end.
    pub(crate) fn next_row(&mut self) -> Result<Option<(Offset, Row)>> {
        while let Some((offset, row)) = self.rows.next_row()? {
            let Row::Window(of_window) = &row else { return Ok(Some((offset, row))) };
            if self.sums.is_empty() {
                return Ok(Some((offset, row)));
            }
            let window = window(of_window);
            if self.begun.contains(&window) || self.is_refused(offset) {
                continue;
            }
            match self.sums.get_mut(&window) {
                None => return Ok(Some((offset, row))),
                Some(sum) => {
                    if let Some(sum) = sum.take() {
                        return Ok(Some((offset, Row::Window(sum))));
                    }
                }
            }
        }
        Ok(None)
    }
}
