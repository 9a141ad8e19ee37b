//! A folder of job files as the desired state: new files are submitted and started, changed ones
//! are resubmitted, and a job whose file is gone is stopped and removed.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use super::life::state::State;
use super::life::{Input, Intent};
use super::state::audit::AuditEntry;
use super::state::versions::Authorship;
use super::supervisor::Supervisor;
use super::worker::order::{Begin, Description};
use crate::job::file;
use crate::time::now_ms;

/// Who submits what the files say, in versions and in the audit log.
const WHO: &str = "jobs folder";

/// The folder, and what was read in it.
pub struct JobsFolder {
    path: PathBuf,
    /// Text of each file when it was taken in last.
    seen: BTreeMap<String, String>,
    /// The job that each file describes: one that it described before is forgotten.
    described: BTreeMap<String, String>,
    /// Jobs that were stopped because their file was gone, by file: one that comes back starts.
    gone: BTreeMap<String, String>,
    /// What is wrong with files, by file.
    problems: BTreeMap<String, String>,
}

impl JobsFolder {
    /// The folder at `path`.
    #[must_use]
    pub fn new(path: PathBuf) -> Self {
        // Jobs are known by their file: the folder spelled another way has the same ones.
        let path = path.canonicalize().unwrap_or(path);
        let (seen, described) = (BTreeMap::new(), BTreeMap::new());
        JobsFolder { path, seen, described, gone: BTreeMap::new(), problems: BTreeMap::new() }
    }

    /// Has the server do what the files say.
    pub fn follow(&mut self, server: &mut Supervisor) {
        let files = match job_files(&self.path) {
            Ok(files) => files,
            Err(error) => {
                return self.problem(&self.path.display().to_string(), &error.to_string());
            }
        };
        self.problems.remove(&self.path.display().to_string());
        let mut present = BTreeSet::new();
        for path in files {
            let name = path.display().to_string();
            present.insert(name.clone());
            match file::text_of(&path) {
                Ok(text) if self.seen.get(&name) == Some(&text) => {}
                Ok(text) => {
                    // What was refused is retried: what was wrong may lie outside of the file.
                    match self.read(server, &name, &text) {
                        true => self.seen.insert(name, text),
                        false => self.seen.remove(&name),
                    };
                }
                Err(why) => self.problem(&name, &format!("the job file {name} {why}")),
            }
        }
        self.seen.retain(|name, _| present.contains(name));
        self.described.retain(|name, _| present.contains(name));
        self.problems
            .retain(|name, _| present.contains(name) || *name == self.path.display().to_string());
        let gone = server.jobs().filter_map(|job| {
            let source = job.stored.source.as_ref()?;
            let is_it = |file: &&String| *file == source || is_same_file(source, file);
            let Some(file) = present.iter().find(is_it) else {
                return Some((job.name().to_owned(), source.clone(), true));
            };
            let is_of_another = self.described.get(file).is_some_and(|now| now != job.name());
            is_of_another.then(|| (job.name().to_owned(), source.clone(), false))
        });
        for (name, source, is_gone) in gone.collect::<Vec<_>>() {
            forget(server, &name, &source);
            if is_gone {
                self.gone.insert(source, name);
            }
        }
        self.gone.retain(|_, job| server.job(job).is_some());
    }

    /// Takes in a file that is new or has changed; whether it could be.
    fn read(&mut self, server: &mut Supervisor, name: &str, text: &str) -> bool {
        let was_gone = self.gone.remove(name);
        let is_this = |source: &str| source == name || is_same_file(source, name);
        let before = server.jobs().find(|job| job.stored.source.as_deref().is_some_and(is_this));
        let env = server.settings().env.clone();
        let description = Description {
            text: text.to_owned(),
            file: name.to_owned(),
            env: env.filter(|_| !file::envs::names(text).is_empty()),
            ..Description::default()
        };
        if let Some(job) = before
            && server.is_in(job, &description)
            && job.spec.is_some()
        {
            // As an earlier server left it, which may have died before it could start it.
            let is_new = job.life.standing().state == State::Created;
            let job = job.name().to_owned();
            self.described.insert(name.to_owned(), job.clone());
            if is_new || was_gone.is_some_and(|gone| gone == job) {
                ask(server, &job, Input::Start);
            }
            return true;
        }
        let is_new = before.is_some_and(|job| job.life.standing().state == State::Created);
        let before =
            before.map(|job| (job.name().to_owned(), job.spec.clone(), job.service.clone()));
        let job = match self.submit(server, name, description) {
            Ok(job) => job,
            Err(error) => {
                if let Some(job) = was_gone {
                    self.gone.insert(name.to_owned(), job);
                }
                self.problem(name, &format!("{error:#}"));
                return false;
            }
        };
        self.problems.remove(name);
        self.described.insert(name.to_owned(), job.clone());
        let Some((old, spec, service)) = before else {
            ask(server, &job, Input::Start);
            return true;
        };
        if old != job {
            forget(server, &old, name);
            ask(server, &job, Input::Start);
            return true;
        }
        if is_new || was_gone.is_some() {
            ask(server, &job, Input::Start);
            return true;
        }
        let Some(now) = server.job(&job) else { return true };
        let is_same_work = now.spec == spec
            && now.service.engine == service.engine
            && now.service.workers == service.workers
            && now.service.sink_process == service.sink_process;
        if is_same_work {
            tracing::info!("job {job}: {name} has changed; nothing of it needs another worker");
            server.tell_levels(&job);
        } else if now.life.saved().intent == Intent::Run
            || matches!(now.life.standing().state, State::Failed | State::Finished)
        {
            tracing::info!("job {job}: {name} has changed, so its worker is started again");
            ask(server, &job, Input::Stop);
            ask(server, &job, Input::Start);
        }
        true
    }

    fn submit(
        &self,
        server: &mut Supervisor,
        file: &str,
        description: Description,
    ) -> anyhow::Result<String> {
        let name = server.name_of(&description)?;
        if let Some(other) = server.job(&name).and_then(|job| job.stored.source.as_deref())
            && other != file
            && Path::new(other).exists()
            && !is_same_file(other, file)
        {
            anyhow::bail!("job {name} is described by {other} already; give this one another name");
        }
        let by = Authorship { is_proved: true, ..Authorship::of(WHO) };
        let submitted = server.submit(description, Some(file.to_owned()), Begin::default(), &by)?;
        if submitted.is_new_version {
            note(server, "submit", &submitted.name, file);
        }
        Ok(submitted.name)
    }

    fn problem(&mut self, name: &str, why: &str) {
        if self.problems.get(name).is_none_or(|known| known != why) {
            tracing::error!("{why}");
            self.problems.insert(name.to_owned(), why.to_owned());
        }
    }
}

fn ask(server: &mut Supervisor, job: &str, input: Input) {
    let action = if matches!(input, Input::Start) { "start" } else { "stop" };
    match server.ask(job, input) {
        Ok(()) => note(server, action, job, ""),
        Err(error) => tracing::error!("job {job}: {error:#}"),
    }
}

/// Notes in the audit log what was done because a file said so.
fn note(server: &mut Supervisor, action: &str, job: &str, detail: &str) {
    let version = server.state().newest_version(job).ok();
    let entry = AuditEntry {
        at_ms: now_ms(),
        who: WHO.to_owned(),
        is_proved: true,
        action: action.to_owned(),
        job: Some(job.to_owned()),
        version,
        result: "done".to_owned(),
        detail: detail.to_owned(),
        ..AuditEntry::default()
    };
    if let Err(error) = server.state_mut().note(&entry) {
        tracing::error!("the audit log: {error:#}");
    }
}

/// Stops a job whose file is gone, and forgets it when it has ended.
fn forget(server: &mut Supervisor, name: &str, source: &str) {
    let Some(job) = server.job(name) else { return };
    if server.has_workers(name) {
        if job.life.saved().intent != Intent::Stop {
            tracing::info!("job {name}: {source} no longer describes it, so it is stopped");
            ask(server, name, Input::Stop);
        }
    } else {
        match server.delete(name) {
            Ok(()) => note(server, "delete", name, source),
            Err(error) => tracing::error!("job {name}: {error:#}"),
        }
    }
}

/// Whether both spell the path of one file that is there.
fn is_same_file(a: &str, b: &str) -> bool {
    match (Path::new(a).canonicalize(), Path::new(b).canonicalize()) {
        (Ok(a), Ok(b)) => a == b,
        _ => false,
    }
}

/// The job files of a folder, in order of names.
fn job_files(folder: &Path) -> std::io::Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        let is_hidden =
            path.file_name().is_some_and(|name| name.to_string_lossy().starts_with('.'));
        if !is_hidden && path.extension().is_some_and(|ext| ext == "toml") && path.is_file() {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}
