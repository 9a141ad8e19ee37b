//! Temporary folders and topics of one bench run.
//!
//! ```text
//!  Workspace    a new folder next to the queue file
//!   └ TestTopic    one topic in a queue of its own
//!      └ Job   one job's store and CSV folder
//! ```
//!
//! Each removes its folder when it is dropped, so the disk holds one backlog at a time, and a run
//! that ends early, by an error or Ctrl-C, leaves nothing behind. In a cluster, topic names start
//! with the name of the run; they cannot be deleted from here, so a message reports that they
//! remain.

use std::cell::Cell;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, ensure};
use jiff::Timestamp;
use seismic_pipeline::Counters;
use seismic_pipeline::Rules;
use seismic_pipeline::verify::verify;
use seismic_queue::{JobStore, Offset, Partition, Producer, Queue, Topic, Url};

use crate::cli::exit::Usage;
use crate::cli::stdio::tell;
use crate::demo::child::Consumer;
use crate::job::sinks;

/// A folder that is removed, with all that is in it, when this is dropped.
struct Folder(PathBuf);

impl Folder {
    fn make(path: PathBuf) -> anyhow::Result<Self> {
        fs::create_dir(&path).with_context(|| format!("making {}", path.display()))?;
        Ok(Folder(path))
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // What cannot be removed now is a folder whose name says what it was.
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// Where one run of the bench works.
pub struct Workspace {
    folder: Folder,
    /// The folder above, when it was made for this.
    above: Option<PathBuf>,
    queue: Url,
    run: String,
    topics_made: Cell<u32>,
}

impl Workspace {
    /// A new place next to `queue`: on the same disk, or in the same cluster.
    pub fn new(queue: &Url) -> anyhow::Result<Self> {
        if !queue.capabilities().is_shared {
            let why = "bench runs the job as another process, which cannot see this one's memory";
            return Err(Usage(format!("--queue {queue}: {why}")).into());
        }
        let beside = queue.file().map(|file| file.parent().unwrap_or(Path::new("")));
        let beside = beside.unwrap_or(Path::new("output")).to_owned();
        let is_new = !beside.as_os_str().is_empty() && !beside.exists();
        fs::create_dir_all(&beside).with_context(|| format!("making {}", beside.display()))?;
        let run = format!("bench-{}", Timestamp::now().strftime("%Y%m%d-%H%M%S-%3f"));
        let folder = Folder::make(beside.join(&run))?;
        let (above, queue) = (is_new.then_some(beside), queue.clone());
        Ok(Workspace { folder, above, queue, run, topics_made: Cell::new(0) })
    }

    /// A topic of its own, empty.
    pub fn topic(&self, name: &str, partitions: u32) -> anyhow::Result<TestTopic> {
        let folder = Folder::make(self.folder.0.join(name))?;
        let url = self.queue.at_file(&folder.0.join("queue.db"));
        let url = url.unwrap_or_else(|| self.queue.clone());
        // A cluster keeps the topics of earlier topics_made.
        let number = self.topics_made.replace(self.topics_made.get() + 1);
        let name = format!("{}-{number}-{name}", self.run);
        let queue = url.open()?;
        let topic = queue.create(&name, partitions)?;
        Ok(TestTopic { url, queue, topic, jobs: Cell::new(0), folder })
    }
}

impl Drop for Workspace {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.folder.0);
        if let Some(above) = &self.above {
            // Only if no one else has put anything into it.
            let _ = fs::remove_dir(above);
        }
        if self.queue.file().is_none() {
            let Workspace { queue, run, .. } = self;
            tell(format_args!(
                "topics whose names begin with {run} stay in {queue}; delete them there"
            ));
        }
    }
}

/// A topic, and the jobs that read it.
pub struct TestTopic {
    url: Url,
    pub queue: Box<dyn Queue>,
    pub topic: Topic,
    jobs: Cell<u32>,
    // Last, so that files are closed before they are removed.
    folder: Folder,
}

impl TestTopic {
    /// A producer to its topic.
    pub fn producer(&self) -> anyhow::Result<Box<dyn Producer>> {
        Ok(self.queue.producer(&self.topic, &self.topic.name)?)
    }

    /// A new job that reads the topic from its beginning.
    pub fn job(&self) -> anyhow::Result<Job> {
        let number = self.jobs.replace(self.jobs.get() + 1);
        let folder = Folder::make(self.folder.0.join(format!("job-{number}")))?;
        let group = format!("{}-{number}", self.topic.name);
        let store = self.url.default_store(&group);
        // A file lies in the folder that is removed.
        let store = store.at_file(&folder.0.join("home.db")).unwrap_or(store);
        Ok(Job {
            queue: self.url.clone(),
            store,
            topic: self.topic.name.clone(),
            rows: format!("{group}-rows"),
            dead: format!("{group}-dead"),
            group,
            csv: folder.0.join("csv"),
            _folder: folder,
        })
    }

    /// A sink that sends rows back to the queue, with a new topic for them; `None` where there is
    /// no such sink.
    pub fn sink_back(&self) -> anyhow::Result<Option<SinkBack>> {
        let Some((sink, queue)) = seismic_sinks::sends_back_to(&self.url)? else { return Ok(None) };
        let topic = queue.create(&format!("{}-back", self.topic.name), self.topic.partitions)?;
        Ok(Some(SinkBack { spec: format!("{}:{}", sink.scheme, topic.name), queue, topic }))
    }

    /// Folds the log again and compares everything that the job made of it, so that no figure comes
    /// from a run that was wrong.
    pub fn verify(&self, job: &Job) -> anyhow::Result<Counters> {
        let store = job.store()?;
        let mut report = verify(&*self.queue, &*store, &Rules::default(), true, &mut |_| {})?;
        sinks::compare(&sinks::csv(&job.csv)?, &self.url, &*store, &mut report)?;
        let differences: Vec<_> = report.differences.iter().map(ToString::to_string).collect();
        ensure!(
            report.is_fine(),
            "the measured job's result is wrong, so its figures are not shown; please report it:\n  {}",
            differences.join("\n  ")
        );
        Ok(report.counters())
    }
}

/// A sink that sends rows back to the queue of the job.
pub struct SinkBack {
    /// As option `--sink` takes it.
    pub spec: String,
    /// The queue as consumers of the rows read it.
    pub queue: Box<dyn Queue>,
    pub topic: Topic,
}

/// One job: a store and a CSV folder of its own.
pub struct Job {
    queue: Url,
    store: Url,
    group: String,
    topic: String,
    rows: String,
    dead: String,
    csv: PathBuf,
    /// Removed when this is dropped.
    _folder: Folder,
}

impl Job {
    /// Starts it as a process of its own, rows to CSV, with further options of `run`.
    pub fn start(&self, options: &[&str]) -> anyhow::Result<Consumer> {
        let (queue, store) = (self.queue.to_string(), self.store.to_string());
        let csv = format!("csv:{}", self.csv.display());
        let mut options_of_job =
            vec!["--queue", &queue, "--store", &store, "--group", &self.group, "--sink", &csv];
        if self.store.with_slot("bench").is_some() {
            // With a name it is back at once, and not after its session.
            options_of_job.extend(["--slot", "bench"]);
        }
        let topics = [
            ["--topic", &self.topic],
            ["--result-topic", &self.rows],
            ["--dead-topic", &self.dead],
        ];
        Consumer::start([&options_of_job, topics.as_flattened(), options].concat())
    }

    /// Its store, for looking in.
    pub fn store(&self) -> anyhow::Result<Box<dyn JobStore>> {
        Ok(self.store.open_store()?)
    }

    /// Its result topic in `store`, and where that ends now.
    pub fn rows(&self, store: &dyn JobStore) -> anyhow::Result<(Topic, Vec<(Partition, Offset)>)> {
        let topic = store.topics().topic(&self.rows)?;
        let spans = store.topics().spans(&topic)?;
        let ends = topic.all().zip(spans.iter().map(|span| span.end)).collect();
        Ok((topic, ends))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::backends::Url;

    #[test]
    fn a_site_is_gone_with_all_that_was_made_in_it_and_for_it() {
        let folder = tempfile::tempdir().unwrap();
        let above = folder.path().join("output");
        let workspace = Workspace::new(&Url::of_file(&above.join("queue.db"))).unwrap();
        let test = workspace.topic("load", 2).unwrap();
        let job = test.job().unwrap();
        assert!(
            job.csv.parent().is_some_and(Path::exists) && test.folder.0.join("queue.db").exists()
        );
        drop((job, test));
        assert_eq!(fs::read_dir(&workspace.folder.0).unwrap().count(), 0);
        drop(workspace);
        assert!(!above.exists());
    }

    #[test]
    fn a_folder_that_was_there_stays() {
        let folder = tempfile::tempdir().unwrap();
        drop(Workspace::new(&Url::of_file(&folder.path().join("queue.db"))).unwrap());
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
    }

    #[test]
    fn a_queue_that_no_other_process_can_see_is_refused() {
        let error = Workspace::new(&"memory:".parse::<Url>().unwrap()).err().unwrap();
        assert!(error.downcast_ref::<Usage>().is_some() && error.to_string().contains("memory:"));
    }
}
