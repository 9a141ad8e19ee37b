//! Resolves command line and job file to a job.

use super::JobSpec;
use super::fault::Fault;
use crate::error::Usage;
use crate::job::file::{JobFile, statement};
use crate::job::location::Location;
use crate::job::options::JobOptions;
use crate::job::origin::Once;

impl JobSpec {
    /// The job that the command line and a job file describe: the command line overrides the file,
    /// and the file overrides the defaults.
    ///
    /// # Errors
    /// Everything that is wrong with it, each with the option, or the file and line, to correct.
    pub fn resolve(line: JobOptions, mut file: JobFile, once: Once) -> Result<JobSpec, Usage> {
        let mut faults = std::mem::take(&mut file.faults);
        let once = match file.service.fork.once() {
            // A decision for this start overrides where the file has the job begin.
            _ if once.sets_position() => {
                file.options.from = None;
                once
            }
            Ok(Some(fork)) if line.from.is_none() => {
                if let Some(place) = file.place_of("from") {
                    faults.push(format!("{place}: [fork] says already where the job begins"));
                }
                Once { accept_loss: once.accept_loss, begun: once.begun, ..fork }
            }
            Ok(_) => once,
            Err((key, why)) => {
                let place = file.place_of(key).unwrap_or_else(|| key.to_owned());
                faults.push(format!("{place}: {why}"));
                once
            }
        };
        let (options, of_file) = line.in_spans().or(std::mem::take(&mut file.options));
        let max_parallelism = file.service.max_parallelism;
        let set = options.set_keys();
        let mut spec = JobSpec { max_parallelism, once, ..JobSpec::of(options) };
        let mut strange = Vec::new();
        if let Some(mut definition) = file.statement.take() {
            definition.input.topic.clone_from(&spec.topic);
            definition.output.topic.clone_from(&spec.result_topic);
            definition.timing = statement::timing(&definition, &set, &spec);
            strange
                .extend(statement::strange(&set, &definition).map(|(key, why)| Fault { key, why }));
            spec.statement = Some(definition);
            spec.tables = std::mem::take(&mut file.tables);
            let location = spec.location();
            spec.tables.iter_mut().for_each(|table| table.source.read_from(&location));
            spec.functions = std::mem::take(&mut file.functions);
            spec.sink.clear();
        }
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        match file.service.slots_of_each(spec.slots, cores) {
            Ok(slots) => spec.slots = slots,
            Err(why) => {
                let key = file.source_of("max_parallelism");
                faults.push(format!("{}: {why}", key.as_deref().unwrap_or("max_parallelism")));
            }
        }
        for fault in spec.faults().into_iter().chain(strange) {
            let is_of_file = of_file.contains(fault.key) || statement::key(fault.key).is_some();
            let at_line = is_of_file.then(|| file.place_of(fault.key)).flatten();
            faults.push(match at_line {
                Some(place) => format!("{place}: {}", fault.why),
                None => format!("--{}: {}", fault.key.replace('_', "-"), fault.why),
            });
        }
        if faults.is_empty() { Ok(spec) } else { Err(Usage(faults.join("\n       "))) }
    }

    /// The options, and the defaults of those that are not set.
    #[must_use]
    pub fn of(options: JobOptions) -> JobSpec {
        let default = JobSpec::default();
        let Location { queue, store, group, kafka } = options.location.into();
        JobSpec {
            queue,
            store,
            group,
            kafka: kafka.into_iter().collect(),
            topic: options.topic.unwrap_or(default.topic),
            result_topic: options.result_topic.unwrap_or(default.result_topic),
            dead_topic: options.dead_topic.unwrap_or(default.dead_topic),
            sink: if options.sink.is_empty() { default.sink } else { options.sink },
            from: options.from,
            window: options.window.unwrap_or(default.window),
            lateness: options.lateness.unwrap_or(default.lateness),
            allowed_lateness: options.allowed_lateness.unwrap_or(default.allowed_lateness),
            idle_timeout: options.idle_timeout.unwrap_or(default.idle_timeout),
            max_ahead: options.max_ahead.unwrap_or(default.max_ahead),
            max_jump: options.max_jump.unwrap_or(default.max_jump),
            time: options.time.unwrap_or(default.time),
            dedupe: options.dedupe.unwrap_or(default.dedupe),
            amplitude: options.amplitude.unwrap_or(default.amplitude),
            region: options.region.unwrap_or(default.region),
            earliest_event: options.earliest_event.unwrap_or(default.earliest_event),
            latest_event: options.latest_event.unwrap_or(default.latest_event),
            phases: options.phases.unwrap_or(default.phases),
            rollup: options.rollup,
            max_sensors: options.max_sensors.unwrap_or(default.max_sensors),
            spread: options.spread.unwrap_or(default.spread),
            repartition: options.repartition,
            slots: options.slots,
            slot: options.slot,
            commit_interval: options.commit_interval.unwrap_or(default.commit_interval),
            checkpoint_interval: options.checkpoint_interval.unwrap_or(default.checkpoint_interval),
            checkpoints_kept: options.checkpoints_kept.unwrap_or(default.checkpoints_kept),
            max_records: options.max_records,
            until_caught_up: options.until_caught_up,
            drain: options.drain,
            http: options.http,
            max_parallelism: None,
            statement: None,
            tables: Vec::new(),
            functions: Vec::new(),
            once: default.once,
        }
    }
}
