//! The output of an engine: encoded rows and dead letters waiting for a commit.

use seismic_proto::{ClosedBy, Message, SeismicAggRecord, SeismicDeadLetter};
use seismic_queue::{Block, Offset, Partition};
use sha2::{Digest, Sha256};

use crate::engine::clock_step::ClockStep;
use crate::engine::repartition::envelope::RecordPosition;
use crate::engine::windows::amplitude_stats::AmplitudeStats;
use crate::engine::windows::reject_counts::RejectCounts;
use crate::engine::windows::reject_reason::RejectReason;
use crate::engine::windows::sensor::sampling_interval::SamplingInterval;
use crate::limits;

/// Role of the output with result rows.
pub const RESULT: &str = "result";
/// Role of the output with dead letters.
pub const DEAD: &str = "dead";
/// Role of the outputs with roll-up rows, of which there is one for each length.
pub const ROLLUP: &str = "rollup";

/// Encoded output of one partition. The commit takes the blocks; scratch memory stays.
#[derive(Debug, Default)]
pub struct Output {
    /// Result rows, keyed by sensor.
    pub rows: Block,
    /// Dead letters, keyed by sensor where it is known.
    pub dead: Block,
    /// Rows of the roll-ups, by level, as far as there were some.
    pub rollups: Vec<Block>,
    /// Steps of clocks since this was asked for last, as far as there is room, and how many there
    /// were. For people; no part of the results.
    pub(crate) steps: (Vec<ClockStep>, u64),
    row: SeismicAggRecord,
    letter: SeismicDeadLetter,
    bytes: Vec<u8>,
}

/// Where an engine's input comes from, for the names in its output.
#[derive(Clone, Debug)]
pub(crate) struct Input {
    pub topic: String,
    pub partition: u32,
}

/// What a row says beside its window.
pub(crate) struct Closing<'a> {
    pub sensor: &'a str,
    pub interval: SamplingInterval,
    pub closed_by: ClosedBy,
    pub input: &'a Input,
    pub offset: Offset,
    /// How often the sensor's clock was set back.
    pub era: u32,
}

/// A span with at least one record.
#[derive(Clone, Copy, Debug)]
pub struct Row<'a> {
    /// Start, ms since 1970 UTC.
    pub start_ms: i64,
    /// Length, ms.
    pub length_ms: i64,
    /// Number of the row among those of the span.
    pub pane: u32,
    /// Records of phase P, of phase S, and of noise.
    pub phases: [u64; 3],
    /// Records rejected.
    pub rejects: RejectCounts,
    /// What is summed up of them.
    pub sums: &'a AmplitudeStats,
}

impl Row<'_> {
    /// Records counted.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.phases.iter().sum()
    }

    /// Fills every field that the span and its sensor's interval say.
    pub fn fill(&self, row: &mut SeismicAggRecord, interval: SamplingInterval) {
        // A phase count beyond i32 needs 2^31 records in one span of one sensor.
        let narrow = |phases: u64| i32::try_from(phases).unwrap_or(i32::MAX);
        let count = self.count();
        row.window_start_ts = self.start_ms;
        row.window_end_ts = self.start_ms + self.length_ms;
        [row.p_phase_count, row.s_phase_count, row.n_phase_count] = self.phases.map(narrow);
        self.sums.fill(row, self.start_ms, count);
        row.sample_interval_ms = interval.ms();
        row.gap_fraction = interval.gap(count, self.length_ms);
        self.rejects.fill(row);
        row.pane = i32::try_from(self.pane).unwrap_or(i32::MAX);
    }
}

impl Output {
    /// Whether nothing waits.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.blocks().all(Block::is_empty)
    }

    /// Bytes that wait.
    #[must_use]
    pub fn size(&self) -> usize {
        self.blocks().map(|block| block.bytes().len()).sum()
    }

    /// Throws away what waits, as a replay does.
    pub fn clear(&mut self) {
        self.rows.clear();
        self.dead.clear();
        self.rollups.iter_mut().for_each(Block::clear);
        self.steps = (Vec::new(), 0);
    }

    /// What waits for each output, in the order of a commit: results, dead letters, and each
    /// roll-up as far as there were some.
    pub(crate) fn blocks_mut(&mut self) -> impl Iterator<Item = &mut Block> {
        [&mut self.rows, &mut self.dead].into_iter().chain(&mut self.rollups)
    }

    fn blocks(&self) -> impl Iterator<Item = &Block> {
        [&self.rows, &self.dead].into_iter().chain(&self.rollups)
    }

    /// Writes a row: of a window, or of a roll-up of that level.
    pub(crate) fn row(&mut self, level: Option<usize>, row: &Row<'_>, closing: &Closing<'_>) {
        let &Closing { sensor, interval, closed_by, input, offset, era } = closing;
        row.fill(&mut self.row, interval);
        self.row.sensor_id.clear();
        self.row.sensor_id.push_str(sensor);
        self.row.closed_by = closed_by.into();
        self.row.input_partition = input.partition as i32;
        self.row.closing_offset = offset.0 as i64;
        self.row.clock_era = i32::try_from(era).unwrap_or(i32::MAX);
        self.bytes.clear();
        self.row.encode_raw(&mut self.bytes);
        let block = match level {
            None => &mut self.rows,
            Some(level) => {
                let levels = self.rollups.len().max(level + 1);
                self.rollups.resize_with(levels, Block::default);
                &mut self.rollups[level]
            }
        };
        block
            .push(sensor.as_bytes(), &self.bytes)
            .expect("a row is a sensor id and some numbers, far below the limit of a message");
    }

    /// Notes a step of a clock.
    #[cold]
    pub(crate) fn step(&mut self, step: ClockStep) {
        self.steps.1 += 1;
        if self.steps.0.len() < limits::STEPS_TOLD {
            self.steps.0.push(step);
        }
    }

    /// Writes a dead letter, with the place in the input where its producer put it: `origin` is set
    /// where the input is the internal topic of a repartition.
    pub(crate) fn dead_letter(
        &mut self,
        record: DeadLetter<'_>,
        input: &Input,
        origin: Option<(&str, RecordPosition)>,
    ) {
        let kept = record.bytes.len().min(limits::DEAD_LETTER_BYTES);
        let letter = &mut self.letter;
        letter.reason.clear();
        letter.reason.push_str(record.reason.name());
        let read = RecordPosition {
            partition: Partition(input.partition),
            offset: record.offset,
            index: record.index as u32,
        };
        let (topic, place) = origin.unwrap_or((&input.topic, read));
        letter.input_topic.clear();
        letter.input_topic.push_str(topic);
        letter.input_partition = place.partition.0 as i32;
        letter.input_offset = place.offset.0 as i64;
        letter.index = place.index as i32;
        letter.internal_offset = origin.map(|_| record.offset.0 as i64);
        letter.internal_index = if origin.is_some() { record.index } else { 0 };
        letter.append_ms = record.append_ms;
        letter.bytes.clear();
        letter.bytes.extend_from_slice(&record.bytes[..kept]);
        letter.original_len = record.bytes.len() as i64;
        letter.sha256.clear();
        letter.sha256.extend_from_slice(&Sha256::digest(record.bytes));
        let (by, at) = record.decided.unwrap_or((ClosedBy::Unknown, Offset(0)));
        (letter.decided_by, letter.decided_offset) = (by.into(), at.0 as i64);
        self.bytes.clear();
        letter.encode_raw(&mut self.bytes);
        let key = &record.sensor[..record.sensor.len().min(limits::SENSOR_ID_BYTES)];
        self.dead
            .push(key, &self.bytes)
            .expect("the original is cut and the rest is small, so it is below the limit");
    }
}

/// A record on its way to the dead letters.
pub(crate) struct DeadLetter<'a> {
    pub reason: RejectReason,
    pub offset: Offset,
    pub index: i32,
    pub append_ms: i64,
    pub sensor: &'a [u8],
    pub bytes: &'a [u8],
    /// What decided a record that was held, and where.
    pub decided: Option<(ClosedBy, Offset)>,
}
