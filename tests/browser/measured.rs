//! What a page costs: how long tasks of its main thread take, and its memory.

use std::fs;

use serde_json::{Value, json};

use super::devtools::Chromium;

/// A task of the main thread, ms.
#[derive(Clone, Copy, Debug, Default)]
pub struct Task {
    /// On the clock: what somebody waits, on a machine that does other things too.
    pub clock: f64,
    /// Of a core, which others on the machine do not change.
    pub core: f64,
}

/// Memory of a page, bytes.
#[derive(Clone, Copy, Debug)]
pub struct Memory {
    /// Objects of its scripts, with those that are no longer used.
    pub heap: u64,
    /// What its process has for itself, the heap among it: what is free again when the page is closed.
    pub private: u64,
    /// The same with its share of what several processes have, as the program of the browser.
    pub share: u64,
}

impl Chromium {
    /// Notes the tasks of all threads from now on.
    pub fn begin_trace(&mut self) {
        let categories = json!(["toplevel", "disabled-by-default-devtools.timeline"]);
        let config = json!({ "includedCategories": categories, "excludedCategories": ["*"] });
        self.call(
            "Tracing.start",
            json!({ "transferMode": "ReportEvents", "traceConfig": config }),
        );
    }

    /// The longest tasks of the page's main thread: of a core, since [`Chromium::begin_trace`]; on the clock,
    /// from `loaded_ms` of that on, since a browser that starts has its own processes to wait for.
    pub fn longest_tasks(&mut self, loaded_ms: f64) -> Task {
        self.call("Tracing.end", json!({}));
        self.wait_for_event("Tracing.tracingComplete");
        let all: Vec<Value> = {
            let parts = self.events_of("Tracing.dataCollected");
            parts.flat_map(|it| it["value"].as_array().unwrap().clone()).collect()
        };
        let is_main = |it: &&Value| it["args"]["name"] == "CrRendererMain";
        let mains: Vec<_> = all
            .iter()
            .filter(|it| it["name"] == "thread_name")
            .filter(is_main)
            .map(|it| (&it["pid"], &it["tid"]))
            .collect();
        let of_main = all.iter().filter(|it| {
            let name = it["name"].as_str().unwrap_or_default();
            name.ends_with("RunTask") && mains.contains(&(&it["pid"], &it["tid"]))
        });
        let ms = |it: &Value, key: &str| it[key].as_f64().unwrap_or(0.0) / 1e3;
        let began_ms = all.iter().map(|it| ms(it, "ts")).filter(|it| *it > 0.0);
        let loaded_ms = began_ms.fold(f64::MAX, f64::min) + loaded_ms;
        let mut count = 0;
        let longest = of_main.fold(Task::default(), |most, it| {
            count += 1;
            let clock = if ms(it, "ts") < loaded_ms { 0.0 } else { ms(it, "dur") };
            Task { clock: most.clock.max(clock), core: most.core.max(ms(it, "tdur")) }
        });
        assert!(count > 100 && longest.core > 0.0, "{count} tasks: {longest:?}");
        longest
    }

    /// What the page has in memory now.
    pub fn memory(&mut self) -> Memory {
        let used = self.call("Runtime.getHeapUsage", json!({}));
        let heap = used["usedSize"].as_f64().unwrap() as u64;
        let pages = self.renderers().into_iter().filter_map(|pid| {
            let of_it = fs::read_to_string(format!("/proc/{pid}/smaps_rollup")).ok()?;
            let bytes = |name: &str| -> u64 {
                let lines = of_it.lines().filter(|line| line.starts_with(name));
                lines
                    .map(|line| {
                        line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() << 10
                    })
                    .sum()
            };
            Some(Memory { heap, private: bytes("Private_"), share: bytes("Pss:") })
        });
        // One that waits for a page to come has less.
        pages.max_by_key(|it| it.private).unwrap()
    }

    /// Its processes that have pages.
    fn renderers(&self) -> Vec<u32> {
        let of_parent = |pid: u32| -> Option<u32> {
            let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
            stat.rsplit_once(')')?.1.split_whitespace().nth(1)?.parse().ok()
        };
        let is_ours = |pid: u32| {
            std::iter::successors(Some(pid), |&pid| of_parent(pid)).any(|pid| pid == self.pid())
        };
        let all = fs::read_dir("/proc")
            .unwrap()
            .filter_map(|it| it.ok()?.file_name().to_str()?.parse().ok());
        let is_renderer = |pid: &u32| {
            let line = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
            String::from_utf8_lossy(&line).contains("--type=renderer")
        };
        all.filter(is_renderer).filter(|&pid| is_ours(pid)).collect()
    }
}
