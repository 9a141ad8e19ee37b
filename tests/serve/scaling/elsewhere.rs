//! Workers of one job on Kafka that a command starts and stops on three stand-ins for machines, by the
//! example of deploy/nodes/ and an `ssh` that starts them here.

use std::fs;
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use rustix::process::{Pid, Signal, kill_process};
use seismic_brokers::Kafka;
use serde_json::Value;

use super::kafka::may_change;
use crate::serve::{ServeStage, http_get, url_of};
use crate::stage::{Running, STOP, Stage, wait_until};

const PARTITIONS: usize = 12;

/// The rest of `ssh`: a node is a folder, and one that is down has a file beside it.
const SSH: &str = r#"#!/bin/sh
while [ "$1" != -- ]; do shift; done
node=$2
shift 2
echo "$node $*" >>"$NODES/asked"
if [ -e "$NODES/$node.down" ]; then
    echo "ssh: connect to host $node port 22: No route to host" >&2
    exit 255
fi
SEISMIC_NODE_STATE=$NODES/$node exec sh -c "$*"
"#;

/// A server whose job has its workers on nodes.
struct Nodes {
    stage: ServeStage,
    server: Option<Running>,
    url: String,
    queue: String,
}

impl Nodes {
    fn start(queue: &str) -> Nodes {
        let mut stage = Stage::new();
        let leak = |text: String| -> &'static str { Box::leak(text.into_boxed_str()) };
        let deploy = Path::new(env!("CARGO_MANIFEST_DIR")).join("deploy/nodes");
        let path = |name: &str| stage.path(name).display().to_string();
        let own_path = format!("{}:{}", path("bin"), std::env::var("PATH").unwrap());
        stage.variables.extend([
            ("PATH", leak(own_path)),
            ("NODES", leak(path("nodes"))),
            ("SEISMIC_NODE_WORKER", leak(deploy.join("worker").display().to_string())),
            ("SEISMIC_NODE_JOB", leak(path("node.toml"))),
            ("SEISMIC_NODE_ADDRESS", "127.0.0.1"),
            ("SEISMIC_NODE_TOKEN", leak(path("no-token"))),
            ("SEISMIC_NODE_PROGRAM", env!("CARGO_BIN_EXE_seismic")),
        ]);
        for folder in ["bin", "nodes", "jobs"] {
            fs::create_dir(stage.path(folder)).unwrap();
        }
        fs::write(stage.path("bin/ssh"), SSH).unwrap();
        fs::set_permissions(stage.path("bin/ssh"), fs::Permissions::from_mode(0o755)).unwrap();
        let job = format!(
            "name = 'coast'\nqueue = '{queue}'\nslots = 2\nwindow = '200ms'\nlateness = '50ms'\n\
             idle_timeout = '0'\n"
        );
        fs::write(stage.path("node.toml"), &job).unwrap();
        let stage = ServeStage { stage };
        let scale = deploy.join("scale");
        stage.write_job(
            "coast.toml",
            &format!(
                "{job}workers = 3\nsink = ['csv:rows']\n[restart]\ninterval_s = 1\n[elastic]\n\
                 action = 'command'\ninterval_s = 1\nverify_within_s = 60\ncpu_down = 0\n\
                 policy = 'threshold'\nthroughput_down = 0\nthroughput_up = 1000000\ncpu_up = 0.99\n\
                 command = ['{}', '{{action}}', '{{node}}', '{{worker}}', '{{slots}}', '{{port}}']\n\
                 nodes = ['node01', 'node02', 'node03']\nworker_port = {}\n\
                 worker_url = 'http://127.0.0.1:{{port}}'\n",
                scale.display(),
                free_ports(10_000, 8)
            ),
        );
        let partitions = PARTITIONS.to_string();
        let topic = ["topic", "create", "seismic-data-topic", "--partitions", &partitions];
        stage.stage.ok(&[&topic[..], &["--queue", queue]].concat());
        let server = stage.serve(&[]);
        let url = url_of(&server);
        Nodes { stage, server: Some(server), url, queue: queue.to_owned() }
    }

    fn get(&self, path: &str) -> Value {
        serde_json::from_str(&http_get(&self.url, path)).unwrap()
    }

    fn scaling(&self) -> Value {
        self.get("/api/v1/jobs/coast/autoscale")
    }

    fn command(&self, args: &[&str]) -> String {
        self.stage.stage.ok(&[args, &["--server", &self.url]].concat())
    }

    /// Until so many workers answer, which hold all partitions.
    fn wait_for(&self, workers: usize) {
        let running = || {
            let all = self.get("/api/v1/workers");
            let alive = all["workers"].as_array().unwrap().iter();
            alive.filter(|it| it["is_alive"] == true).fold((0, 0), |(workers, held), it| {
                (workers + 1, held + it["partitions"].as_array().map_or(0, Vec::len))
            })
        };
        wait_until(&format!("{workers} workers hold all partitions"), || {
            running() == (workers, PARTITIONS) && may_change(&self.scaling())
        });
    }

    /// Where the workers are, from the second on.
    fn nodes(&self) -> Vec<String> {
        let all = self.scaling();
        let all = all["elsewhere"].as_array().unwrap().iter();
        all.map(|it| it["node"].as_str().unwrap().to_owned()).collect()
    }

    /// Processes of workers on nodes.
    fn processes(&self) -> Vec<i32> {
        processes(&self.stage.stage.path("nodes"))
    }

    fn read(&self, name: &str) -> String {
        fs::read_to_string(self.stage.stage.path(name)).unwrap_or_default()
    }
}

impl Drop for Nodes {
    fn drop(&mut self) {
        for pid in self.processes() {
            let _ = kill_process(Pid::from_raw(pid).unwrap(), Signal::KILL);
        }
    }
}

/// Those that run of which a node has the number.
fn processes(nodes: &Path) -> Vec<i32> {
    let nodes = fs::read_dir(nodes).into_iter().flatten().flatten().map(|it| it.path());
    let files = nodes.filter_map(|node| fs::read_dir(node).ok()).flatten().flatten();
    let pids = files.map(|it| it.path()).filter(|it| it.extension().is_some_and(|it| it == "pid"));
    let pids = pids.filter_map(|it| fs::read_to_string(it).ok()?.trim().parse().ok());
    let is_ours = |pid: &i32| {
        let line = fs::read_to_string(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        line.contains("\0--slot\0coast-")
    };
    pids.filter(is_ours).collect()
}

/// A port before so many that nobody has now, of thousands that this test has for itself.
pub fn free_ports(of_test: u16, count: u16) -> u16 {
    let is_free = |port: u16| TcpListener::bind(("127.0.0.1", port)).is_ok();
    // Below those that are given to connections.
    let first = of_test + (std::process::id() % 800) as u16 * 10;
    let mut all = (first..of_test + 10_000).step_by(10);
    all.find(|base| (base + 1..=base + count).all(is_free)).unwrap()
}

#[test]
#[ignore = "long, on brokers: .ci/run --long"]
fn a_command_has_workers_on_nodes_and_what_is_not_seen_there_is_taken_back() {
    let Some(kafka) = Kafka::one() else { return };
    let mut it = Nodes::start(&format!("kafka://{}", kafka.address()));
    it.wait_for(3);
    assert_eq!(it.nodes(), ["node01", "node02"]);
    let load = ["generate", "--forever", "--sensors", "120", "--partitions", "12", "--rate", "300"];
    let load = it.stage.stage.spawn(&[&load[..], &["--queue", &it.queue]].concat());
    // The next ones come to the nodes that have the fewest.
    let said = it.command(&["job", "scale", "coast", "--workers", "5"]);
    assert_eq!(said.trim(), "job coast runs with 5 workers and 10 slots");
    assert_eq!(it.nodes(), ["node01", "node02", "node03", "node01"]);
    let status = it.command(&["autoscale", "status", "coast"]);
    assert!(status.contains("-4 on node03, 2 slots: running"), "{status}");
    assert!(status.contains("done last: start ") && status.contains("exit code 0"), "{status}");
    // So do the job's entry and metrics.
    let entry: Value = serde_json::from_str(&http_get(&it.url, "/api/v1/jobs/coast")).unwrap();
    let elsewhere = entry["job"]["scaling"]["elsewhere"].as_array().unwrap();
    let nodes: Vec<&str> = elsewhere.iter().filter_map(|it| it["node"].as_str()).collect();
    assert_eq!(nodes, it.nodes());
    assert!(elsewhere.iter().all(|it| it["state"] == "running"), "{elsewhere:?}");
    let metrics = http_get(&it.url, "/metrics");
    let running = "seismic_scaling_workers_elsewhere{kind=\"running\",job_name=\"coast\"} 4";
    assert!(metrics.contains(running), "{metrics}");
    assert!(metrics.contains("seismic_worker_up{job_name=\"coast\",worker=\"coast/5\"} 1"));
    assert!(it.command(&["job", "show", "coast"]).contains("-4 on node03, 2 slots: running"));
    // The change has left a note of its savepoint, with the position of each partition.
    let folder = fs::read_dir(it.stage.stage.path("output/serve.db.elastic")).unwrap();
    let notes = folder.map(|it| it.unwrap().path().join("savepoints")).next().unwrap();
    let note = || {
        let mut all = fs::read_dir(&notes).into_iter().flatten().map(|it| it.unwrap().path());
        all.find(|it: &std::path::PathBuf| it.extension().is_some_and(|it| it == "json"))
    };
    wait_until("there is a note", || note().is_some());
    let note = note().unwrap();
    let note: Value = serde_json::from_slice(&fs::read(note).unwrap()).unwrap();
    assert!(note["savepoint"].as_str().unwrap().starts_with("elastic-"), "{note}");
    assert_eq!(note["partitions"].as_array().map(Vec::len), Some(PARTITIONS), "{note}");
    // A server that dies finds them where they are.
    let before = it.processes();
    assert_eq!(before.len(), 4);
    assert!(it.server.take().unwrap().kill());
    let server = it.stage.serve(&[]);
    (it.url, it.server) = (url_of(&server), Some(server));
    it.wait_for(5);
    assert_eq!(it.processes(), before);
    // A node that is down: the change is taken back, and both the log and an alert name it.
    fs::write(it.stage.stage.path("nodes/node02.down"), "").unwrap();
    let failed = ["job", "scale", "coast", "--workers", "6", "--server", &it.url];
    let failed = it.stage.stage.run(&failed);
    assert_ne!(failed.code, Some(0), "{failed}");
    assert!(failed.stderr.contains("the change was taken back: "), "{failed}");
    assert!(
        failed.stderr.contains("on node02") && failed.stderr.contains("No route to host"),
        "{failed}"
    );
    let acted = it.scaling()["acted"].clone();
    assert_eq!(acted["exit_code"], 255, "{acted}");
    it.wait_for(5);
    fs::remove_file(it.stage.stage.path("nodes/node02.down")).unwrap();
    // A worker that dies is started again where it was.
    let died = before[0];
    kill_process(Pid::from_raw(died).unwrap(), Signal::KILL).unwrap();
    wait_until("another one runs in its place", || {
        let now = it.processes();
        now.len() == 4 && !now.contains(&died)
    });
    it.wait_for(5);
    // The last ones go first.
    it.command(&["job", "scale", "coast", "--workers", "3"]);
    it.wait_for(3);
    assert_eq!(it.nodes(), ["node01", "node02"]);
    assert_eq!(it.processes().len(), 2);
    load.stop_within(Signal::TERM, STOP).ok();
    wait_until("all is read", || it.get("/api/v1/jobs")["jobs"][0]["numbers"]["lag"] == 0);
    it.command(&["job", "stop", "coast"]);
    wait_until("nothing runs on any node", || it.processes().is_empty());
    it.server.take().unwrap().stop_within(Signal::TERM, STOP).ok();
    let asked = it.read("nodes/asked");
    assert!(asked.contains("node03 ") && asked.contains("/worker stop coast-"), "{asked}");
    let text = it.stage.stage.ok(&["verify", "--job", "jobs/coast.toml", "--sink", "csv:rows"]);
    assert!(text.contains("verified: "), "{text}");
}

#[test]
fn workers_elsewhere_are_taken_from_files_of_the_server_only() {
    let stage = Stage::new();
    let server = stage.spawn(&["serve", "--http", "127.0.0.1:0"]);
    let url = url_of(&server);
    for also in ["action = 'command'\ncommand = ['/bin/true']", "api_url = 'http://10.0.0.1'"] {
        let text = format!("name = 'coast'\nqueue = 'kafka://127.0.0.1:1'\n[elastic]\n{also}\n");
        fs::write(stage.path("job.toml"), text).unwrap();
        let refused = stage.refused(&["job", "submit", "job.toml", "--server", &url], 2);
        assert!(refused.contains("workers elsewhere are taken from job files"), "{refused}");
    }
    server.stop_within(Signal::TERM, STOP).ok();
}

#[test]
fn a_command_that_means_nothing_is_refused_with_its_line() {
    let stage = Stage::new();
    for (text, why) in [
        ("action = 'command'\n", "action \"command\" needs a command"),
        ("command = ['/bin/x', '{nodes}']\n", "{nodes} stands for nothing"),
        ("command = ['{node}']\n", "is no program"),
        ("nodes = ['-oProxyCommand=x']\n", "is no name of a node"),
        ("nodes = ['a', 'a']\n", "stands there twice"),
        ("worker_url = 'file:///etc'\n", "is no address"),
        ("statefulset = 'a/b'\n", "is no name of Kubernetes"),
    ] {
        let text = format!("name = 'coast'\nqueue = 'kafka://h:9092'\n[elastic]\n{text}");
        fs::write(stage.path("job.toml"), text).unwrap();
        let refused = stage.refused(&["job", "check", "job.toml"], 2);
        assert!(refused.contains(why) && refused.contains("job.toml:"), "{refused}");
    }
}
