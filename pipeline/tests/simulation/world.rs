//! The world of a history, and its end: faults stop, the job runs once more until it is done, and
//! then everything is checked.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use seismic_pipeline::simulation::{RecordBudget, hold_log};
use seismic_pipeline::{
    Dedupe, ENGINE_VERSION, Finish, OLDEST_ENGINE_VERSION, ROLLUP, Rules, Settings, TimeMode,
};
use seismic_queue::memory::{Memory, MemoryStore};
use seismic_queue::{Job, JobStore, Lease, Partition, Policy, Queue, Retention};

use crate::action::{Action, History, Setup};
use crate::ground::Ground;
use crate::process::{Flags, Process, Stage};
use crate::producers::Producers;
use crate::proof;
use crate::readers::{Show, Throughout};
use crate::source::Fault;

/// Steps after which a job that should end is held to be stuck.
const ENOUGH: usize = 10_000;

/// What a history left.
pub struct Told {
    /// Of everything that happened.
    pub hash: u64,
    /// What happened, if it was wanted.
    pub lines: Vec<String>,
    /// What is wrong, if anything.
    pub fault: Option<String>,
    /// What was reached, to see that histories are worth something.
    pub sights: BTreeSet<&'static str>,
}

/// Lets a history happen and proves its end.
pub fn run(history: &History, told: bool) -> Told {
    let ground = Ground::new(history.setup.partitions, told);
    let happen = || {
        let stage = stage(&history.setup, &ground, history.actions.len() + 8);
        let mut world = World::new(&stage, &history.setup)?;
        for action in &history.actions {
            ground.say(|| format!("{action:?}"));
            world.act(*action)?;
            if let Some(broken) = ground.truth().broken.first() {
                return Err(broken.clone());
            }
        }
        world.end()
    };
    let fault = crate::search::caught(happen).err();
    let (hash, lines) = ground.told();
    let sights = std::mem::take(&mut ground.truth().sights);
    Told { hash, lines, fault, sights }
}

fn stage(setup: &Setup, ground: &Arc<Ground>, processes: usize) -> Stage {
    let queue = Memory::with_clock(Arc::clone(&ground.wall));
    let store = MemoryStore::with_clock(Arc::clone(&ground.wall));
    let input = queue.create("seismic-data-topic", setup.partitions).unwrap();
    let ms = Duration::from_millis;
    let rules = Rules {
        // A share of jobs was begun by an older program.
        version: match setup.dedupe && setup.drained {
            true => OLDEST_ENGINE_VERSION,
            false => ENGINE_VERSION,
        },
        window_ms: setup.window_ms,
        lateness_ms: setup.lateness_ms,
        max_ahead_ms: setup.max_ahead_ms,
        // Of half of the jobs clocks step far by little more than a window.
        max_jump_ms: if setup.sensors.is_multiple_of(2) { 2 * setup.window_ms } else { 3_600_000 },
        // Of some, late records still count.
        allowed_lateness_ms: if setup.partitions % 2 == 1 { 10 * setup.window_ms } else { 0 },
        max_sensors: setup.max_sensors,
        time: if setup.ingest { TimeMode::Ingest } else { TimeMode::Event },
        dedupe: if setup.dedupe { Dedupe::Time } else { Dedupe::Off },
        rollups_ms: [2, 10].map(|windows| windows * setup.window_ms).to_vec(),
        ..Rules::default()
    };
    let service = Settings {
        idle_timeout: ms(setup.idle_timeout_ms),
        commit_every: ms(setup.commit_every_ms),
        snapshot_every: ms(setup.snapshot_every_ms),
        ..Settings::default()
    };
    let finish = if setup.drained { Finish::Drain } else { Finish::CaughtUp };
    let (log, topic) = (queue.clone(), input.clone());
    let firsts =
        move |partition: Partition| Ok(vec![log.spans(&topic)?[partition.0 as usize].first]);
    let log = queue.clone();
    Stage {
        ground: Arc::clone(ground),
        queue,
        store,
        job: Job::plain("simulation", input, topics(&rules)),
        kind: Box::new(rules),
        last: Settings { finish, ..service.clone() },
        service,
        budget: RecordBudget::new(None),
        first: Box::new(firsts),
        open: Box::new(|_, _| unreachable!("there is one input")),
        spans: Box::new(move |topic| Ok(log.spans(topic)?)),
        flags: (0..processes).map(|_| Flags::default()).collect(),
    }
}

/// Topics of the outputs of windows, in the order of a commit.
fn topics(rules: &Rules) -> Vec<String> {
    let rollups = rules.rollups_ms.iter().map(|length_ms| format!("rows-{length_ms}ms"));
    ["rows", "dead"].map(str::to_owned).into_iter().chain(rollups).collect()
}

/// Everyone in it.
pub struct World<'a> {
    pub stage: &'a Stage,
    pub setup: &'a Setup,
    field: Producers,
    /// The one that owns the store.
    process: Option<Process<'a>>,
    /// Those that did.
    zombies: Vec<Process<'a>>,
    started: usize,
    pub rows: Throughout,
    pub dead: Throughout,
    pub rollups: Vec<Throughout>,
    pub show: Show<'a>,
    /// Checkpoints that are damaged.
    pub damaged: BTreeSet<(Partition, u64)>,
}

impl<'a> World<'a> {
    fn new(stage: &'a Stage, setup: &'a Setup) -> Result<Self, String> {
        // A first owner makes the store; nothing runs yet.
        drop::<Box<dyn Lease>>(stage.store.acquire(&stage.job).unwrap());
        let policy = Policy { max_age_ms: setup.max_age_ms, max_bytes: setup.max_bytes };
        stage.queue.set_policy(stage.job.input(), policy).unwrap();
        for topic in stage.job.topics() {
            let topics = stage.store.topics();
            topics.set_policy(&topics.topic(topic).unwrap(), policy).unwrap();
        }
        Ok(World {
            stage,
            setup,
            field: Producers::new(&stage.queue, stage.job.input(), setup, &stage.ground),
            process: None,
            zombies: Vec::new(),
            started: 0,
            rows: Throughout::new(&stage.store, "rows"),
            dead: Throughout::new(&stage.store, "dead"),
            rollups: stage
                .job
                .topics_of(ROLLUP)
                .map(|topic| Throughout::new(&stage.store, topic))
                .collect(),
            show: Show::new(&stage.store),
            damaged: BTreeSet::new(),
        })
    }

    /// Lets an action happen.
    fn act(&mut self, action: Action) -> Result<(), String> {
        use Action::*;
        match action {
            Append { producer, partition, seed } => self.field.append(producer, partition, seed),
            Retry { producer, more } => self.field.retry(producer, more),
            ProducerDies { producer } => self.field.restart(producer),
            Turn { slot, messages } => self.turn(slot, messages)?,
            Stop => self.process.iter().for_each(Process::stop),
            Die { landing } => self.process.take().into_iter().for_each(|it| it.die(landing)),
            Takeover => self.take_over()?,
            ZombieTurn { slot } => {
                if let Some(zombie) = self.zombies.last_mut() {
                    zombie.step(slot, 0)?;
                }
            }
            ZombieCommit { slot, fate } => {
                if let Some(running) = self.zombies.last_mut().and_then(|z| z.slot(slot)) {
                    running.line.borrow_mut().decide(fate);
                }
            }
            Scale { slots } => self.process.iter_mut().for_each(|it| it.resize(slots.into())),
            KeepHouse => self.housekeep()?,
            Wait { ms } => self.stage.ground.wait(Duration::from_millis(ms.into())),
            SetClock { by_ms } => self.stage.ground.set_wall(by_ms.into()),
            Damage { partition, checkpoint } => self.damage(partition, checkpoint),
            Read => self.read(),
            Sink { turns, end } => self.show.turns(turns, end),
            fault => self.plan(fault),
        }
        Ok(())
    }

    /// Faults that wait at a slot's seams.
    fn plan(&mut self, fault: Action) {
        use Action::*;
        let (Commit { slot, .. }
        | PollFails { slot }
        | PollDies { slot }
        | EndFails { slot, .. }
        | EndDies { slot }
        | LoadDies { slot }
        | RetainMeanwhile { slot }
        | Pause { slot, .. }) = fault
        else {
            return;
        };
        let Some(running) = self.process.as_mut().and_then(|it| it.slot(slot)) else { return };
        let mut source = running.source.lock().unwrap();
        match fault {
            Commit { fate, .. } => running.line.borrow_mut().decide(fate),
            PollFails { .. } => source.polls.push_back(Fault::Busy),
            PollDies { .. } => source.polls.push_back(Fault::Dead),
            EndFails { times, .. } => {
                source.ends.extend(std::iter::repeat_n(Fault::Busy, times.into()));
            }
            EndDies { .. } => source.ends.push_back(Fault::Dead),
            LoadDies { .. } => running.line.borrow_mut().load_dies = true,
            RetainMeanwhile { .. } => {
                let Stage { queue, store, job, .. } = self.stage;
                let (queue, store, job) = (queue.clone(), store.clone(), job.clone());
                running.line.borrow_mut().meanwhile = Some(Box::new(move || {
                    hold_log(&queue, &store, &job);
                    queue.retain(job.input(), false).unwrap();
                }));
            }
            Pause { polls, .. } => source.pause += polls,
            _ => {}
        }
    }

    fn start(&mut self, settings: &'a Settings) -> Result<Process<'a>, String> {
        let flags = self.stage.flags.get(self.started).ok_or("it dies again and again")?;
        let slots = self.setup.slots[self.started % self.setup.slots.len()];
        self.started += 1;
        Process::start(self.stage, flags, settings, slots)
    }

    fn turn(&mut self, slot: u8, messages: u8) -> Result<(), String> {
        if self.process.is_none() {
            self.process = Some(self.start(&self.stage.service)?);
        }
        let process = self.process.as_mut().expect("it was just started");
        process.step(slot, messages)?;
        if process.is_over() {
            self.process = None;
        }
        Ok(())
    }

    fn take_over(&mut self) -> Result<(), String> {
        let Some(mut old) = self.process.take() else { return Ok(()) };
        self.stage.store.break_lock();
        self.process = Some(self.start(&self.stage.service)?);
        old.fence();
        self.zombies.push(old);
        Ok(())
    }

    /// Retention may released what a reader without a hold has not read.
    fn housekeep(&mut self) -> Result<(), String> {
        let Some(process) = &self.process else { return Ok(()) };
        self.rows.read();
        self.dead.read();
        self.rollups.iter_mut().for_each(Throughout::read);
        process.housekeep()
    }

    fn read(&mut self) {
        self.rows.read();
        self.dead.read();
        self.rollups.iter_mut().for_each(Throughout::read);
    }

    fn damage(&mut self, partition: u8, checkpoint: u8) {
        let view = self.stage.store.view().unwrap();
        let partition = Partition(u32::from(partition) % self.setup.partitions);
        let all = view.partitions[partition.0 as usize].checkpoints.iter();
        let good: Vec<_> = all
            .map(|info| info.manifest.checkpoint)
            .filter(|&number| !self.damaged.contains(&(partition, number)))
            .collect();
        if good.len() < 2 {
            return;
        }
        let number = good[good.len() - 1 - usize::from(checkpoint) % good.len()];
        self.stage.store.damage(partition, number);
        self.damaged.insert((partition, number));
        self.stage.ground.note("damaged: partition, checkpoint", &[partition.0.into(), number]);
    }

    /// No more faults but few: zombies learn what they are, the job ends and runs once more.
    fn end(mut self) -> Result<(), String> {
        self.stage.ground.say(|| "the end begins".to_owned());
        for mut zombie in std::mem::take(&mut self.zombies) {
            zombie.calm();
            for turn in 0..6 {
                zombie.step(turn, 0)?;
            }
        }
        if let Some(mut process) = self.process.take() {
            process.calm();
            if self.setup.stopped {
                process.stop();
                finish(&mut process)?;
            } else {
                process.die(false);
            }
        }
        let mut last = self.start(&self.stage.last)?;
        for running in &last.slots {
            running.line.borrow_mut().fates.extend(self.setup.last_fates);
        }
        finish(&mut last)?;
        drop(last);
        if let Some(broken) = self.stage.ground.truth().broken.first() {
            return Err(broken.clone());
        }
        self.read();
        proof::prove(&mut self)
    }
}

/// Steps until the process is over on its own.
fn finish(process: &mut Process<'_>) -> Result<(), String> {
    for step in 0..ENOUGH {
        if process.is_over() {
            return Ok(());
        }
        process.step(step as u8, 0)?;
    }
    Err("the job never ends".to_owned())
}
