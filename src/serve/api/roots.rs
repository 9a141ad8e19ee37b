//! What a job may touch that was submitted over HTTP, and not taken from a file on disk: loopback is
//! not trusted with code, nor with every file.

use std::path::{Path, PathBuf};

use crate::job::JobSpec;
use crate::job::service::Service;
use crate::serve::rivals::{absolute, folders};

/// Why the job may not be submitted; every reason at once.
#[must_use]
pub fn faults(spec: &JobSpec, service: &Service, roots: &[PathBuf]) -> Vec<String> {
    let mut faults = Vec::new();
    if service.engine.is_some() {
        faults.push(
            "engine: programs are taken from job files in the server's --jobs folder only"
                .to_owned(),
        );
    }
    let mut files: Vec<(String, PathBuf)> = Vec::new();
    let mut add = |what: &str, file: Option<&Path>| {
        files.extend(file.map(|file| (what.to_owned(), file.to_owned())));
    };
    add("queue", spec.queue.file());
    add("store", spec.location().store_url().file());
    add("alarms.secret_file", service.alarms.secret_file.as_deref());
    for (key, value) in &spec.kafka {
        let is_file =
            ["location", "file", "path", "keytab", "librar"].iter().any(|it| key.contains(it));
        add(&format!("kafka {key}"), is_file.then_some(Path::new(value)));
    }
    files.extend(folders(spec).map(|folder| ("sink".to_owned(), folder)));
    let roots: Vec<PathBuf> = roots.iter().map(|root| absolute(root)).collect();
    for (what, file) in files {
        let whole = absolute(&file);
        if !roots.iter().any(|root| whole.starts_with(root)) {
            let all: Vec<String> = roots.iter().map(|root| root.display().to_string()).collect();
            faults.push(format!(
                "{what}: {} is not within {}, where submitted jobs may have files; the server's roots \
                 say where",
                file.display(),
                all.join(", ")
            ));
        }
    }
    faults
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_outside_of_the_roots_and_programs_are_refused() {
        let root = tempfile::tempdir().unwrap();
        let roots = [root.path().to_owned()];
        let inside = |name: &str| root.path().join(name).display().to_string();
        let spec = |queue: &str, csv: &str| JobSpec {
            queue: format!("sqlite:{queue}").parse().unwrap(),
            sink: vec![format!("csv:{csv}").parse().unwrap()],
            ..JobSpec::default()
        };
        let service = Service::default();
        assert!(faults(&spec(&inside("q.db"), &inside("rows")), &service, &roots).is_empty());
        let out = faults(&spec(&inside("../q.db"), "/etc/rows"), &service, &roots);
        // Queue, the store beside it, and the folder.
        assert_eq!(out.len(), 3, "{out:?}");
        let service = Service { engine: Some("/bin/sh".into()), ..service };
        let out = faults(&spec(&inside("q.db"), &inside("rows")), &service, &roots);
        assert!(out[0].starts_with("engine: "), "{out:?}");
    }
}
