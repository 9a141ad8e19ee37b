//! Workers of one job on Kafka that Kubernetes has as pods: an API server after the API reference, which has
//! a worker of this machine for each pod of the set.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::process::Child;
use std::sync::{Arc, Mutex};
use std::thread;
use std::{fs, mem};

use rustix::process::{Pid, Signal, kill_process};
use seismic_brokers::Kafka;
use serde_json::{Value, json};

use super::elsewhere::free_ports;
use super::kafka::may_change;
use crate::serve::{ServeStage, http_get, url_of};
use crate::stage::{STOP, Stage, wait_until};

const PARTITIONS: usize = 12;

/// What a pod with that ordinal is.
type Start = dyn Fn(usize) -> Child + Send;

/// The set: its version, the number that is wanted, and pods by their ordinals.
struct Set {
    version: u64,
    replicas: usize,
    pods: Vec<Child>,
    start: Box<Start>,
    /// Whether the next patch is refused because the set has changed.
    conflicts: bool,
    patches: usize,
}

impl Set {
    /// As the controller of a StatefulSet does: the highest ordinals go first.
    fn reconcile(&mut self) {
        while self.pods.len() > self.replicas {
            end(self.pods.pop().unwrap());
        }
        while self.pods.len() < self.replicas {
            let pod = (self.start)(self.pods.len());
            self.pods.push(pod);
        }
    }

    fn scale(&self) -> Value {
        json!({
            "kind": "Scale",
            "apiVersion": "autoscaling/v1",
            "metadata": { "name": "seismic-workers", "resourceVersion": self.version.to_string() },
            "spec": { "replicas": self.replicas },
            "status": { "replicas": self.pods.len() },
        })
    }

    fn answer(&mut self, method: &str, body: &Value) -> (u16, Value) {
        if method == "GET" {
            return (200, self.scale());
        }
        self.patches += 1;
        let is_newest = body["metadata"]["resourceVersion"] == *self.version.to_string();
        if mem::take(&mut self.conflicts) || !is_newest {
            return (
                409,
                json!({ "kind": "Status", "code": 409, "message": "it has been modified" }),
            );
        }
        self.version += 1;
        self.replicas = body["spec"]["replicas"].as_u64().unwrap() as usize;
        self.reconcile();
        (200, self.scale())
    }
}

impl Drop for Set {
    fn drop(&mut self) {
        self.pods.drain(..).for_each(|mut pod| {
            let _ = pod.kill();
            let _ = pod.wait();
        });
    }
}

/// Asked to end, and waited for elsewhere: the API server answers before pods have gone.
fn end(mut pod: Child) {
    let pid = Pid::from_raw(pod.id().cast_signed()).unwrap();
    kill_process(pid, Signal::TERM).unwrap();
    thread::spawn(move || pod.wait());
}

fn serve(set: &Arc<Mutex<Set>>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let set = Arc::clone(set);
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            reply(stream, &set);
        }
    });
    url
}

fn reply(mut stream: TcpStream, set: &Mutex<Set>) {
    let mut reader = BufReader::new(stream.try_clone().unwrap());
    let mut line = String::new();
    if reader.read_line(&mut line).unwrap_or(0) == 0 {
        return;
    }
    let method = line.split(' ').next().unwrap().to_owned();
    assert!(line.contains("/apis/apps/v1/namespaces/quakes/statefulsets/seismic-workers/scale"));
    let mut bytes = 0;
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).unwrap();
        let Some((name, value)) = line.trim_end().split_once(": ") else { break };
        if name.eq_ignore_ascii_case("content-length") {
            bytes = value.parse().unwrap();
        }
    }
    let mut body = vec![0; bytes];
    reader.read_exact(&mut body).unwrap();
    let body = serde_json::from_slice(&body).unwrap_or(Value::Null);
    let (status, body) = set.lock().unwrap().answer(&method, &body);
    let text = body.to_string();
    let bytes = text.len();
    let head = format!(
        "HTTP/1.1 {status} X\r\nContent-Length: {bytes}\r\nConnection: close\r\n\r\n{text}"
    );
    let _ = stream.write_all(head.as_bytes());
}

#[test]
#[ignore = "long, on brokers: .ci/run --long"]
fn kubernetes_has_as_many_pods_as_are_wanted_and_they_are_workers_of_the_job() {
    let Some(kafka) = Kafka::one() else { return };
    let queue = format!("kafka://{}", kafka.address());
    let stage = ServeStage { stage: Stage::new() };
    fs::create_dir(stage.stage.path("jobs")).unwrap();
    let job = format!(
        "name = 'coast'\nqueue = '{queue}'\nslots = 2\nwindow = '200ms'\nlateness = '50ms'\n\
         idle_timeout = '0'\n"
    );
    fs::write(stage.stage.path("pod.toml"), &job).unwrap();
    fs::write(stage.stage.path("token"), "abc").unwrap();
    let port = free_ports(20_000, 8);
    let command = {
        let folder = stage.stage.path("");
        move |ordinal: usize| {
            let (slot, port) =
                (format!("seismic-workers-{ordinal}"), usize::from(port) + ordinal + 2);
            let args = ["run", "--job", "pod.toml", "--quiet", "--slot", &slot];
            let mut pod = std::process::Command::new(env!("CARGO_BIN_EXE_seismic"));
            let log = fs::File::create(folder.join(format!("{slot}.log"))).unwrap();
            pod.args(args).args(["--http", &format!("127.0.0.1:{port}")]).current_dir(&folder);
            pod.stdout(log.try_clone().unwrap()).stderr(log).spawn().unwrap()
        }
    };
    let (version, replicas, pods, patches) = (1, 0, Vec::new(), 0);
    let set = Set { version, replicas, pods, start: Box::new(command), conflicts: false, patches };
    let set = Arc::new(Mutex::new(set));
    let api = serve(&set);
    stage.write_job(
        "coast.toml",
        &format!(
            "{job}workers = 3\nsink = ['csv:rows']\n[restart]\ninterval_s = 1\n[elastic]\n\
             action = 'kubernetes'\ninterval_s = 1\nverify_within_s = 60\ncpu_down = 0\n\
             policy = 'threshold'\nthroughput_down = 0\nthroughput_up = 1000000\ncpu_up = 0.99\n\
             api_url = '{api}'\napi_token_file = '{}'\nnamespace = 'quakes'\n\
             worker_url = 'http://127.0.0.1:{}{{place}}'\n",
            stage.stage.path("token").display(),
            port / 10
        ),
    );
    let partitions = PARTITIONS.to_string();
    let topic = ["topic", "create", "seismic-data-topic", "--partitions", &partitions];
    stage.stage.ok(&[&topic[..], &["--queue", &queue]].concat());
    let server = stage.serve(&[]);
    let url = url_of(&server);
    let get = |path: &str| -> Value { serde_json::from_str(&http_get(&url, path)).unwrap() };
    let scaling = || get("/api/v1/jobs/coast/autoscale");
    let wait_for = |workers: usize| {
        let running = || {
            let all = get("/api/v1/workers");
            let alive = all["workers"].as_array().unwrap().iter();
            alive.filter(|it| it["is_alive"] == true).fold((0, 0), |(workers, held), it| {
                (workers + 1, held + it["partitions"].as_array().map_or(0, Vec::len))
            })
        };
        wait_until(&format!("{workers} workers hold all partitions"), || {
            running() == (workers, PARTITIONS) && may_change(&scaling())
        });
    };
    wait_for(3);
    assert_eq!(set.lock().unwrap().replicas, 2);
    let load = ["generate", "--forever", "--sensors", "120", "--partitions", "12", "--rate", "300"];
    let load = stage.stage.spawn(&[&load[..], &["--queue", &queue]].concat());
    // Somebody else's change comes between.
    set.lock().unwrap().conflicts = true;
    let scale = |workers: &str| {
        stage.stage.run(&["job", "scale", "coast", "--workers", workers, "--server", &url])
    };
    let said = scale("5").ok().stdout;
    assert_eq!(said.trim(), "job coast runs with 5 workers and 10 slots");
    wait_for(5);
    let now = {
        let set = set.lock().unwrap();
        (set.replicas, set.patches)
    };
    assert_eq!(now, (4, 3));
    let status = stage.stage.ok(&["autoscale", "status", "coast", "--server", &url]);
    assert!(status.contains("worker 5: seismic-workers-3, 2 slots: running"), "{status}");
    assert!(status.contains("done last: scale to 4 pods: done"), "{status}");
    // Pods that end at once are never seen, and the change is taken back.
    let works = mem::replace(
        &mut set.lock().unwrap().start,
        Box::new(|_| std::process::Command::new("true").spawn().unwrap()),
    );
    let failed = scale("6");
    assert_ne!(failed.code, Some(0), "{failed}");
    assert!(failed.stderr.contains("the change was taken back"), "{failed}");
    wait_until("the set has its pods of before", || set.lock().unwrap().replicas == 4);
    set.lock().unwrap().start = works;
    wait_for(5);
    scale("3").ok();
    wait_for(3);
    load.stop_within(Signal::TERM, STOP).ok();
    wait_until("all is read", || get("/api/v1/jobs")["jobs"][0]["numbers"]["lag"] == 0);
    stage.stage.ok(&["job", "stop", "coast", "--server", &url]);
    wait_until("no pod is left", || set.lock().unwrap().replicas == 0);
    server.stop_within(Signal::TERM, STOP).ok();
    let text = stage.stage.ok(&["verify", "--job", "jobs/coast.toml", "--sink", "csv:rows"]);
    assert!(text.contains("verified: "), "{text}");
}
