//! Actions, and histories of them generated from a seed.
//!
//! Every action is valid in every state of the world, so any of them can be left out. Numbers of
//! slots, partitions and checkpoints count modulo what is there.

use crate::random::Random;

/// One thing that happens.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Action {
    /// A producer appends some messages; what is in them is drawn from the seed.
    Append { producer: u8, partition: u8, seed: u32 },
    /// A producer repeats its last call, with `more` messages behind.
    Retry { producer: u8, more: u8 },
    /// A producer dies and comes back.
    ProducerDies { producer: u8 },
    /// A slot takes a turn and is given at most that many messages. Starts the job if none runs.
    Turn { slot: u8, messages: u8 },
    /// The commit that a slot has under way, or else its next one, is tried and ends like this.
    Commit { slot: u8, fate: Fate },
    /// The next poll of a slot fails, and may be repeated.
    PollFails { slot: u8 },
    /// The slot dies at its next poll.
    PollDies { slot: u8 },
    /// The next questions for the log's end fail.
    EndFails { slot: u8, times: u8 },
    /// The slot dies at its next question for the log's end.
    EndDies { slot: u8 },
    /// The slot dies when it next loads what the store knows.
    LoadDies { slot: u8 },
    /// The source says nothing for that many polls.
    Pause { slot: u8, polls: u8 },
    /// kill -9 of the job. Commits under way land first, or never.
    Die { landing: bool },
    /// The job is asked to stop.
    Stop,
    /// Another process takes the store and runs the job; this one does not know yet.
    Takeover,
    /// A slot of a job that was taken over continues.
    ZombieTurn { slot: u8 },
    /// The commit of such a slot arrives.
    ZombieCommit { slot: u8, fate: Fate },
    /// Another number of slots is wanted: partitions move while the job works.
    Scale { slots: u8 },
    /// The job keeps house: holds, retention, journal.
    KeepHouse,
    /// The same retention of the log, but while a slot waits for its next commit.
    RetainMeanwhile { slot: u8 },
    /// Both clocks continue.
    Wait { ms: u16 },
    /// The wall clock is set.
    SetClock { by_ms: i32 },
    /// A bit of a stored checkpoint flips, counted from the newest; never of the last good one.
    Damage { partition: u8, checkpoint: u8 },
    /// The reader that runs throughout reads all there is.
    Read,
    /// The sink works for that many turns.
    Sink { turns: u8, end: SinkEnd },
}

/// What becomes of a commit.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Fate {
    /// It is made.
    Made,
    /// It is made, and arrives a second time.
    Echoed,
    /// It is not made, and will be retried.
    Busy,
    /// It is made, but no one hears of it.
    MadeUnheard,
    /// It is not made, and no one knows that.
    LostUnheard,
    /// It is made, and the slot dies before it hears of it.
    MadeThenDead,
    /// The slot dies before it is made.
    DeadBefore,
}

/// How a sink's turns end.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum SinkEnd {
    /// Everything written is durable.
    Synced,
    /// The next write fails, and may be repeated.
    Stuck,
    /// The sink dies, and what was not synced with it.
    Lost,
    /// The sink dies, but what was not synced is there.
    Kept,
}

/// What a history happens to.
#[derive(Clone, Debug)]
pub struct Setup {
    pub partitions: u32,
    /// Slots of the first run, the second, ... and around.
    pub slots: [usize; 3],
    pub sensors: u32,
    pub window_ms: i64,
    pub lateness_ms: i64,
    pub max_ahead_ms: i64,
    pub max_sensors: u64,
    pub ingest: bool,
    pub dedupe: bool,
    pub idle_timeout_ms: u64,
    pub commit_every_ms: u64,
    pub snapshot_every_ms: u64,
    /// Retention of every topic, where house is kept.
    pub max_bytes: Option<u64>,
    pub max_age_ms: Option<u64>,
    /// The last run closes every window.
    pub drained: bool,
    /// The run before the last one is stopped and not killed.
    pub stopped: bool,
    /// Of each slot's first commits that the last run waits for.
    pub last_fates: [Fate; 3],
}

/// A setup and what happens to it.
#[derive(Clone, Debug)]
pub struct History {
    pub setup: Setup,
    pub actions: Vec<Action>,
}

impl History {
    /// The history of a seed.
    pub fn of(seed: u64) -> Self {
        let random = &mut Random::new(seed);
        let setup = Setup::random(random);
        let calm = random.percent(10);
        let longest = random.one_of(&[40, 80, 160]);
        let count = 10 + random.below(longest) as usize;
        let mut actions = Vec::with_capacity(count + 32);
        while actions.len() < count {
            match random.below(100) {
                0..=3 => spell(random, &mut actions),
                4..=13 => round(random, calm, &mut actions),
                _ => actions.push(Action::random(random, calm)),
            }
        }
        History { setup, actions }
    }
}

/// A while in which one slot works without faults and time continues: mostly a silence, sometimes
/// with messages now and then. Without such spells hardly anything would ever be idle.
fn spell(random: &mut Random, actions: &mut Vec<Action>) {
    let slot = random.below(3) as u8;
    let ms = random.one_of(&[30, 100, 240]);
    let is_busy = random.percent(40);
    for _ in 0..3 + random.below(10) {
        if is_busy && random.percent(40) {
            let (producer, partition) = (random.below(2) as u8, random.below(3) as u8);
            actions.push(Action::Append { producer, partition, seed: random.bits() });
        }
        actions.push(Action::Turn { slot, messages: 0 });
        actions.push(Action::Wait { ms });
        actions.push(Action::Commit { slot, fate: Fate::Made });
    }
}

/// Messages on their way through one slot, up to the outcome of their commit.
fn round(random: &mut Random, calm: bool, actions: &mut Vec<Action>) {
    let partition = random.below(3) as u8;
    // Slots have the partitions dealt out, so this one has it, however many there are.
    let slot = partition;
    let fate = if calm { Fate::Made } else { Fate::random(random) };
    actions.push(Action::Append { producer: 0, partition, seed: random.bits() });
    actions.push(Action::Turn { slot, messages: 0 });
    actions.push(Action::Turn { slot, messages: random.one_of(&[0, 1, 2]) });
    actions.push(Action::Wait { ms: random.one_of(&[5, 120, 300]) });
    actions.push(Action::Turn { slot, messages: 0 });
    actions.push(Action::Commit { slot, fate });
    actions.push(Action::Turn { slot, messages: 0 });
}

impl Setup {
    fn random(random: &mut Random) -> Self {
        let ingest = random.percent(10);
        Setup {
            partitions: 1 + random.below(3),
            slots: std::array::from_fn(|_| 1 + random.below(3) as usize),
            sensors: 1 + random.below(4),
            window_ms: random.one_of(&[100, 250, 1_000]),
            lateness_ms: random.one_of(&[0, 50, 500]),
            max_ahead_ms: random.one_of(&[0, 200, 5_000, 7_200_000]),
            max_sensors: random.one_of(&[1, 3, 1_000, 1_000]),
            ingest,
            dedupe: !ingest && random.percent(25),
            idle_timeout_ms: random.one_of(&[0, 100, 300, 300, 1_000, 2_000]),
            commit_every_ms: random.one_of(&[0, 0, 20, 100]),
            snapshot_every_ms: random.one_of(&[0, 30, 200, 200, 1_000, 5_000]),
            max_bytes: random.one_of(&[None, Some(0), Some(1_000)]),
            max_age_ms: random.one_of(&[None, Some(100), Some(10_000)]),
            drained: random.percent(70),
            stopped: random.percent(50),
            last_fates: std::array::from_fn(|_| {
                use Fate::*;
                random.one_of(&[Made, Made, MadeUnheard, LostUnheard])
            }),
        }
    }
}

impl Action {
    fn random(random: &mut Random, calm: bool) -> Self {
        let slot = random.below(3) as u8;
        let (fate, end) = match calm {
            true => (Fate::Made, SinkEnd::Synced),
            false => (Fate::random(random), SinkEnd::random(random)),
        };
        let messages = random.one_of(&[1, 1, 2, 3, 100]);
        let ms = random.one_of(&[1, 5, 20, 50, 120, 240, 240, 300, 700, 3_000]);
        let kind = random.below(if calm { 78 } else { 100 });
        match kind {
            0..=24 => Action::Turn { slot, messages },
            25..=27 => Action::Scale { slots: 1 + random.below(3) as u8 },
            28..=42 => {
                let producer = random.below(2) as u8;
                let partition = random.below(3) as u8;
                Action::Append { producer, partition, seed: random.bits() }
            }
            43..=57 => Action::Commit { slot, fate },
            58..=69 => Action::Wait { ms },
            70..=71 => Action::Read,
            72..=74 => Action::Sink { turns: 1 + random.below(4) as u8, end },
            75..=77 => Action::KeepHouse,
            78..=79 => {
                Action::Retry { producer: random.below(2) as u8, more: random.below(3) as u8 }
            }
            80 => Action::ProducerDies { producer: random.below(2) as u8 },
            81..=82 => Action::PollFails { slot },
            83 => Action::PollDies { slot },
            84..=85 => Action::EndFails { slot, times: 1 + random.below(3) as u8 },
            86 => Action::EndDies { slot },
            87 => Action::LoadDies { slot },
            88 => Action::Pause { slot, polls: 1 + random.below(5) as u8 },
            89..=90 => Action::Die { landing: random.percent(50) },
            91 => Action::Stop,
            92 => Action::Takeover,
            93..=94 => Action::ZombieTurn { slot },
            95 => Action::ZombieCommit { slot, fate },
            96 => {
                let by_ms = random.one_of(&[3_600_000, -3_600_000, 250, -250]);
                Action::SetClock { by_ms }
            }
            97 => Action::RetainMeanwhile { slot },
            _ => {
                let partition = random.below(3) as u8;
                Action::Damage { partition, checkpoint: random.below(4) as u8 }
            }
        }
    }
}

impl Fate {
    fn random(random: &mut Random) -> Self {
        use Fate::*;
        let good = [Made, Made, Made, Made, Made, Made, Echoed];
        let bad = [Busy, Busy, MadeUnheard, LostUnheard, MadeThenDead, DeadBefore];
        if random.percent(60) { random.one_of(&good) } else { random.one_of(&bad) }
    }
}

impl Fate {
    /// For people.
    pub fn name(self) -> &'static str {
        match self {
            Fate::Made => "a commit made",
            Fate::Echoed => "a commit that arrives twice",
            Fate::Busy => "a commit that is tried again",
            Fate::MadeUnheard => "a commit made of which nobody hears",
            Fate::LostUnheard => "a commit lost of which nobody hears",
            Fate::MadeThenDead => "a death after a commit",
            Fate::DeadBefore => "a death before a commit",
        }
    }
}

impl SinkEnd {
    fn random(random: &mut Random) -> Self {
        use SinkEnd::*;
        random.one_of(&[Synced, Synced, Stuck, Lost, Kept])
    }
}
