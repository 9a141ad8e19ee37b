//! Histories of a job with two inputs, a keyed output and journal entries of its own kind: the same
//! seams, faults and clocks as the others, and its own proof.
//!
//! ```text
//! SIMULATION_HISTORIES=100000 cargo test -p seismic-pipeline --test simulation two_inputs
//! SIMULATION_SEED=4711                                                     one, told in full
//! ```

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use seismic_pipeline::simulation::RecordBudget;
use seismic_pipeline::verify::{Difference, DifferenceKind, verify};
use seismic_pipeline::{Entry, Finish, Settings};
use seismic_queue::memory::{Memory, MemoryStore};
use seismic_queue::{Append, Block, JobStore, Lease, Offset, Partition, Queue};

use crate::action::Fate;
use crate::counts::{self, Change, Counts};
use crate::ground::Ground;
use crate::process::{Flags, Process, Stage};
use crate::random::Random;
use crate::source::{Fault, Shared, Simulated};

/// Steps after which a job that should end is held to be stuck.
const ENOUGH: usize = 10_000;

/// Actions of one history.
const ACTIONS: u32 = 120;

const FATES: [Fate; 7] = [
    Fate::Made,
    Fate::Echoed,
    Fate::Busy,
    Fate::MadeUnheard,
    Fate::LostUnheard,
    Fate::MadeThenDead,
    Fate::DeadBefore,
];

/// Everyone in a history.
struct World<'a> {
    stage: &'a Stage,
    random: Random,
    process: Option<Process<'a>>,
    zombies: Vec<Process<'a>>,
    started: usize,
    version: Arc<AtomicU64>,
    /// What the sources of the second input are told, newest last.
    orders: Arc<std::sync::Mutex<Vec<Shared>>>,
    /// Messages appended to each input.
    published: [u64; 2],
    damaged: BTreeSet<(Partition, u64)>,
}

/// What a history reached.
struct Told {
    hash: u64,
    fault: Option<String>,
    sights: BTreeSet<&'static str>,
    lines: Vec<String>,
}

fn run(seed: u64, told: bool) -> Told {
    let mut random = Random::new(seed ^ 0x0c0_475);
    let partitions = 1 + random.below(3);
    let ground = Ground::new(partitions, told);
    let happen = || {
        let (version, orders) = (Arc::<AtomicU64>::default(), Arc::default());
        let stage = stage(&mut random, &ground, (&version, &orders), partitions);
        drop::<Box<dyn Lease>>(stage.store.acquire(&stage.job).unwrap());
        let mut world = World {
            stage: &stage,
            random,
            process: None,
            zombies: Vec::new(),
            started: 0,
            version,
            orders,
            published: [0; 2],
            damaged: BTreeSet::new(),
        };
        for _ in 0..ACTIONS {
            world.act()?;
        }
        world.end()
    };
    let fault = crate::search::caught(happen).err();
    let (hash, lines) = ground.told();
    let sights = std::mem::take(&mut ground.truth().sights);
    Told { hash, fault, sights, lines }
}

type Orders = Arc<std::sync::Mutex<Vec<Shared>>>;

fn stage(
    random: &mut Random,
    ground: &Arc<Ground>,
    (version, orders): (&Arc<AtomicU64>, &Orders),
    partitions: u32,
) -> Stage {
    let queue = Memory::with_clock(Arc::clone(&ground.wall));
    let store = MemoryStore::with_clock(Arc::clone(&ground.wall));
    let inputs = counts::INPUTS.map(|name| queue.create(name, partitions).unwrap());
    let ms = |ms: u32| Duration::from_millis(ms.into());
    let service = Settings {
        idle_timeout: ms(random.one_of(&[0, 300, 1_000])),
        commit_every: ms(random.one_of(&[0, 20, 200])),
        snapshot_every: ms(random.one_of(&[50, 500, 5_000])),
        ..Settings::default()
    };
    let finish = if random.percent(50) { Finish::Drain } else { Finish::CaughtUp };
    let log = queue.clone();
    let topics = inputs.clone();
    let first = move |partition: Partition| {
        topics.iter().map(|it| Ok(log.spans(it)?[partition.0 as usize].first)).collect()
    };
    // The truth of the second input's sources is apart: positions of both are not of one log.
    let (log, topic, aside) = (queue.clone(), inputs[1].clone(), Ground::new(partitions, false));
    for partition in topic.all() {
        aside.known(partition, |known| known.committed = Some(Offset(0)));
    }
    let orders = Arc::clone(orders);
    let open = move |_: usize, partitions: &[Partition]| {
        let source = log.source(&topic, partitions)?;
        let (source, told) = Simulated::new(source, partitions, &aside);
        orders.lock().unwrap().push(told);
        Ok(Box::new(source) as Box<dyn seismic_queue::Source>)
    };
    let log = queue.clone();
    Stage {
        ground: Arc::clone(ground),
        queue,
        store,
        job: counts::job("simulation", inputs.to_vec()),
        kind: Box::new(Counts { tenth: 3, version: Arc::clone(version) }),
        last: Settings { finish, ..service.clone() },
        service,
        budget: RecordBudget::new(None),
        first: Box::new(first),
        open: Box::new(open),
        spans: Box::new(move |topic| Ok(log.spans(topic)?)),
        flags: (0..ACTIONS as usize + 8).map(|_| Flags::default()).collect(),
    }
}

impl<'a> World<'a> {
    fn act(&mut self) -> Result<(), String> {
        match self.random.below(100) {
            0..30 => self.append(),
            30..70 => self.turn()?,
            70..76 => {
                let fate = self.random.one_of(&FATES);
                let slot = self.random.below(4) as u8;
                let running = self.process.as_mut().and_then(|it| it.slot(slot));
                running.into_iter().for_each(|it| it.line.borrow_mut().decide(fate));
            }
            76..80 => self.fail_a_source(),
            80..82 => {
                let landing = self.random.percent(50);
                self.process.take().into_iter().for_each(|it| it.die(landing));
            }
            82..84 => self.take_over()?,
            84..86 => {
                let slot = self.random.below(4) as u8;
                if let Some(zombie) = self.zombies.last_mut() {
                    zombie.step(slot, 0)?;
                }
            }
            86..88 => self.process.iter().for_each(Process::stop),
            88..91 => drop(self.version.fetch_add(1, Ordering::Relaxed)),
            91..94 => {
                if let Some(process) = &self.process {
                    process.housekeep()?;
                }
            }
            94..96 => self.damage(),
            96..97 => {
                for _ in 0..10 {
                    self.stage.ground.wait(Duration::from_millis(150));
                    (0..4).try_for_each(|_| self.turn())?;
                }
            }
            97..98 => {
                let slots = 1 + self.random.below(4) as usize;
                self.process.iter_mut().for_each(|it| it.resize(slots));
            }
            _ => {
                let ms = self.random.one_of(&[5, 100, 260, 1_500]);
                self.stage.ground.wait(Duration::from_millis(ms));
            }
        }
        match self.stage.ground.truth().broken.first() {
            Some(broken) => Err(broken.clone()),
            None => Ok(()),
        }
    }

    /// One to four messages of an input, for one of three keys of a partition.
    fn append(&mut self) {
        let input = self.random.below(2) as usize;
        let partition = Partition(self.random.below(self.stage.job.partitions()));
        let topic = &self.stage.job.inputs[input];
        let mut producer = self.stage.queue.producer(topic, "p").unwrap();
        let mut block = Block::default();
        for _ in 0..=self.random.below(4) {
            let key = format!("{partition}k{}", self.random.below(3));
            block.push(key.as_bytes(), b"").unwrap();
        }
        let first_sequence = producer.next_sequence(partition).unwrap();
        producer.append(&[Append { partition, first_sequence, block: &block }]).unwrap();
        self.published[input] += u64::from(block.count());
        // The bound of a commit's rows, as `Ground::committed` knows it.
        self.stage.ground.truth().published += 10 * u64::from(block.count());
    }

    fn start(&mut self, settings: &'a Settings) -> Result<Process<'a>, String> {
        let flags = self.stage.flags.get(self.started).ok_or("it dies again and again")?;
        self.started += 1;
        let slots = 1 + self.random.below(2) as usize;
        Process::start(self.stage, flags, settings, slots)
    }

    fn turn(&mut self) -> Result<(), String> {
        if self.process.is_none() {
            self.process = Some(self.start(&self.stage.service)?);
        }
        let messages = self.random.one_of(&[0, 0, 1, 2]);
        // The newest sources are those of this process, unless it has not opened any yet.
        if let Some(told) = self.orders.lock().unwrap().last() {
            told.lock().unwrap().messages = messages.into();
        }
        let slot = self.random.below(4) as u8;
        let process = self.process.as_mut().expect("it was just started");
        process.step(slot, messages)?;
        if process.is_over() {
            self.process = None;
        }
        Ok(())
    }

    fn fail_a_source(&mut self) {
        let fault = if self.random.percent(30) { Fault::Dead } else { Fault::Busy };
        let is_poll = self.random.percent(60);
        let further = self.random.percent(50);
        let told = if further {
            self.orders.lock().unwrap().last().cloned()
        } else {
            let slot = self.random.below(4) as u8;
            self.process.as_mut().and_then(|it| it.slot(slot)).map(|it| Arc::clone(&it.source))
        };
        let Some(told) = told else { return };
        let mut told = told.lock().unwrap();
        if is_poll { told.polls.push_back(fault) } else { told.ends.push_back(fault) }
    }

    fn take_over(&mut self) -> Result<(), String> {
        let Some(mut old) = self.process.take() else { return Ok(()) };
        self.stage.store.break_lock();
        self.process = Some(self.start(&self.stage.service)?);
        old.fence();
        self.zombies.push(old);
        Ok(())
    }

    /// A checkpoint is damaged, while there is another one.
    fn damage(&mut self) {
        let view = self.stage.store.view().unwrap();
        let partition = Partition(self.random.below(self.stage.job.partitions()));
        let all = view.partitions[partition.0 as usize].checkpoints.iter();
        let good = all.map(|info| info.manifest.checkpoint);
        let good: Vec<_> =
            good.filter(|&number| !self.damaged.contains(&(partition, number))).collect();
        if let [.., _, newest] = good[..] {
            self.stage.store.damage(partition, newest);
            self.damaged.insert((partition, newest));
        }
    }

    /// No more faults; the job ends and runs once more, and then all must be as it should.
    fn end(mut self) -> Result<(), String> {
        self.orders
            .lock()
            .unwrap()
            .iter()
            .for_each(|told| *told.lock().unwrap() = Default::default());
        for mut zombie in std::mem::take(&mut self.zombies) {
            zombie.calm();
            (0..6).try_for_each(|turn| zombie.step(turn, 0))?;
        }
        if let Some(process) = self.process.take() {
            process.die(false);
        }
        let mut last = self.start(&self.stage.last)?;
        for step in 0.. {
            if last.is_over() {
                break;
            }
            if step > ENOUGH {
                return Err("the job never ends".to_owned());
            }
            last.step(step as u8, 0)?;
        }
        drop(last);
        if let Some(broken) = self.stage.ground.truth().broken.first() {
            return Err(broken.clone());
        }
        self.verify_says()?;
        self.every_message_has_its_row()?;
        self.note_sights();
        Ok(())
    }

    fn verify_says(&self) -> Result<(), String> {
        let Stage { queue, store, kind, .. } = self.stage;
        let report = verify(queue, store, &**kind, false, &mut |_| {})
            .map_err(|error| format!("verify: {error}: {:?}", std::error::Error::source(&error)))?;
        let is_damage = |found: &&Difference| {
            let names = |(partition, number): &(Partition, u64)| {
                found.partition == *partition && found.key == format!("checkpoint {number}")
            };
            found.kind == DifferenceKind::CheckpointDiffers && self.damaged.iter().any(names)
        };
        match report.differences.iter().find(|found| !is_damage(found)) {
            Some(found) => Err(format!("verify finds: {found}")),
            None => Ok(()),
        }
    }

    /// An oracle of its own: each message once, counts without gaps, factors and versions that only
    /// rise.
    fn every_message_has_its_row(&self) -> Result<(), String> {
        let view = self.stage.store.view().unwrap();
        let mut all: BTreeMap<_, Change> = BTreeMap::new();
        let topic = &view.job.outputs[0].topic;
        for rows in crate::readers::held(&self.stage.store, topic).into_values() {
            for (key, row) in rows.1 {
                let change = Change::read(&row).ok_or("a row says nothing")?;
                if change.key.as_bytes() != key {
                    return Err(format!("{change:?} stands under another key"));
                }
                if let Some(twice) = all.insert(change.identity, change) {
                    return Err(format!("{twice:?} is there twice"));
                }
            }
        }
        let of = |input: usize| all.values().filter(move |it| it.identity.input == input);
        for (input, published) in self.published.into_iter().enumerate() {
            let rows = of(input).count() as u64;
            if rows != published {
                return Err(format!("{published} messages of input {input} gave {rows} rows"));
            }
            // In the order of the log, since identities sort so.
            let mut before: BTreeMap<&str, [u64; 3]> = BTreeMap::new();
            for change in of(input) {
                let last = before.entry(&change.key).or_default();
                let now = [change.count, change.factor, change.version];
                let is_next = now[input] == last[input] + 1;
                if !is_next || now.iter().zip(*last).any(|(now, last)| *now < last) {
                    return Err(format!("{change:?} follows {last:?}"));
                }
                *last = now;
            }
        }
        Ok(())
    }

    fn note_sights(&self) {
        let ground = &self.stage.ground;
        let mut inputs = BTreeSet::new();
        for partition in self.stage.job.input().all() {
            let journal = ground.known(partition, |known| known.journal.clone());
            for entry in journal {
                match Entry::decode(&entry.bytes).unwrap() {
                    Entry::Run { input, .. } => drop(inputs.insert(input)),
                    Entry::Idle { .. } => ground.saw("an idle close"),
                    Entry::Own(_) => ground.saw("an entry of the kind's own"),
                    Entry::End => ground.saw("a drain"),
                    _ => {}
                }
            }
        }
        if inputs.len() == 2 {
            ground.saw("both inputs");
        }
        if self.stage.flags.iter().any(|flags| flags.metrics.messages_replayed() > 0) {
            ground.saw("a replay of both inputs");
        }
    }
}

/// What at least one history in twenty must have reached.
const EXPECTED: [&str; 9] = [
    "both inputs",
    "an idle close",
    "an entry of the kind's own",
    "a drain",
    "a replay of both inputs",
    "recovery from an older checkpoint",
    "a commit lost of which nobody hears",
    "a commit made of which nobody hears",
    "a commit of a job that was taken over, refused",
];

#[test]
fn every_history_of_two_inputs_ends_well() {
    let number = |name: &str| std::env::var(name).ok()?.parse::<u64>().ok();
    if let Some(seed) = number("SIMULATION_SEED") {
        let told = run(seed, true);
        println!("{}", told.lines.join("\n"));
        assert_eq!(told.fault, None);
        return;
    }
    let (from, count) = (number("SIMULATION_FROM"), number("SIMULATION_HISTORIES"));
    let (from, count) = (from.unwrap_or(0), count.unwrap_or(1_000));
    let mut sights = BTreeMap::<_, u64>::new();
    for seed in from..from + count {
        let told = run(seed, false);
        assert_eq!(told.fault, None, "seed {seed}");
        if seed % 50 == 0 {
            assert_eq!(run(seed, false).hash, told.hash, "seed {seed} differs the second time");
        }
        told.sights.into_iter().for_each(|sight| *sights.entry(sight).or_default() += 1);
    }
    sights.iter().for_each(|(sight, times)| println!("{times:>8} {sight}"));
    for sight in EXPECTED {
        let times = sights.get(sight).copied().unwrap_or(0);
        assert!(times * 20 > count, "hardly any history has {sight}: {times} of {count}");
    }
}
