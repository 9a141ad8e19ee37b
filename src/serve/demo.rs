//! `serve --demo`: a folder with a job, and a network of sensors that this process simulates until
//! the server ends. After a restart it continues where it was.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};

use anyhow::Context as _;
use seismic_generator::Options;

use crate::backends::Url;

/// Sensors: enough for a map, few enough to read their names.
const SENSORS: u32 = 40;

/// Samples per second of each: a day of them is some gigabytes.
const SAMPLE_RATE_HZ: f64 = 10.0;

/// Records that are faulty on purpose, of 100: fewer than raise an alarm.
const ANOMALY_PERCENT: f64 = 2.0;

/// The network that is played. Dropping it ends it.
pub struct Demo {
    /// Folder of its job file.
    pub jobs: PathBuf,
    /// File of the server's state.
    pub state: PathBuf,
    stop: Arc<AtomicBool>,
    network: Option<JoinHandle<()>>,
}

impl Demo {
    /// Makes what is missing in the folder, and plays from now on.
    ///
    /// # Errors
    /// When files cannot be written, or the queue cannot be opened.
    pub fn start(folder: &Path) -> anyhow::Result<Demo> {
        let jobs = folder.join("jobs");
        fs::create_dir_all(&jobs).with_context(|| format!("making {}", jobs.display()))?;
        let url = Url::of_file(&folder.join("queue.db"));
        write_job(&jobs.join("demo.toml"), &url, &folder.join("rows"))?;
        let options = Options {
            sensors: SENSORS,
            sample_rate_hz: SAMPLE_RATE_HZ,
            anomaly_percent: ANOMALY_PERCENT,
            forever: true,
            ..Options::default()
        };
        let queue = url.open()?;
        // Made here, so that the job does not wait for it.
        queue.create(&options.topic, options.partitions)?;
        let stop = Arc::new(AtomicBool::new(false));
        let is_over = Arc::clone(&stop);
        let play = move || {
            if let Err(error) =
                seismic_generator::generate(&*queue, &options, &is_over, &mut |_| {})
            {
                tracing::error!("the sensors of the demo have stopped: {error}");
            }
        };
        let network = thread::Builder::new().name("demo sensors".to_owned()).spawn(play)?;
        let state = folder.join("serve.db");
        Ok(Demo { jobs, state, stop, network: Some(network) })
    }
}

impl Drop for Demo {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(network) = self.network.take() {
            // A panic was printed where it happened.
            let _ = network.join();
        }
    }
}

/// Writes the job file, unless there is one: it may have been edited.
fn write_job(path: &Path, url: &Url, rows: &Path) -> anyhow::Result<()> {
    if path.exists() {
        return Ok(());
    }
    // JSON's text is TOML's.
    let text = |of: &str| serde_json::Value::from(of).to_string();
    let (queue, sink) = (text(&url.to_string()), text(&format!("csv:{}", rows.display())));
    let file = format!(
        "# The job of `seismic serve --demo`. Edit it while it runs: the server follows.\n\
         name = \"demo\"\nqueue = {queue}\nsink = [{sink}]\n"
    );
    fs::write(path, file).with_context(|| format!("writing {}", path.display()))
}
