//! What a job submitted over HTTP may access, unlike one from a file on disk: loopback clients may
//! neither run code nor access every file.

use std::path::{Path, PathBuf};

use seismic_sinks::OptionKind;

use crate::job::JobSpec;
use crate::job::service::{Elsewhere, Service};
use crate::serve::rivals::{self, absolute};

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
    if service.elastic.action.is_elsewhere() || service.elastic.elsewhere != Elsewhere::default() {
        faults.push(
            "elastic.action: workers elsewhere are taken from job files in the server's --jobs folder \
             only, since their commands run here, and tokens go where they say"
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
    add("fork.of_store", spec.once.of_store.as_ref().and_then(|store| store.file()));
    for (key, value) in &spec.kafka {
        let is_file =
            ["location", "file", "path", "keytab", "librar"].iter().any(|it| key.contains(it));
        add(&format!("kafka {key}"), is_file.then_some(Path::new(value)));
    }
    for sink in &spec.sink {
        // What such a file has, a password or a part of an error, goes where the job says.
        for option in sink.entry().all_options() {
            let is_file = matches!(option.kind, OptionKind::Text("FILE"));
            let file = sink.options().get(option.name).filter(|file| is_file && !file.is_empty());
            let what = format!("sink {} {}", sink.scheme(), option.name);
            files.extend(file.map(|file| (what, PathBuf::from(file))));
        }
    }
    for table in &spec.tables {
        // What is read there, or a part of what cannot be, is in rows and errors.
        let files_of = table.source.files().into_iter();
        files.extend(files_of.map(|(key, file)| match key {
            "source" => (format!("dimension.{}", table.table), file),
            key => (format!("dimension.{} {key}", table.table), file),
        }));
    }
    for function in &spec.functions {
        let file = function.source.file().map(Path::to_owned);
        files.extend(file.map(|file| (function.key.clone(), file)));
    }
    files.extend(rivals::files(spec).map(|file| ("sink".to_owned(), file)));
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
    use crate::dimension::TableSpec;
    use crate::dimension::database::SourceKeys;
    use crate::dimension::source::TableSource;

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
        // So are a table that rows are looked up in, and a store of which a job would begin as a fork.
        let table = |at: &str| JobSpec {
            tables: vec![TableSpec {
                table: "sites".to_owned(),
                source: TableSource::new(&format!("file:{at}"), &SourceKeys::default()).unwrap(),
                ttl: std::time::Duration::from_secs(60),
                stale: None,
            }],
            ..spec(&inside("q.db"), &inside("rows"))
        };
        assert!(faults(&table(&inside("sites.csv")), &service, &roots).is_empty());
        let out = faults(&table("/etc/sites.csv"), &service, &roots);
        assert!(out.len() == 1 && out[0].starts_with("dimension.sites: "), "{out:?}");
        let mut fork = spec(&inside("q.db"), &inside("rows"));
        fork.once.of_store = Some("sqlite:/srv/others.db".parse().unwrap());
        let out = faults(&fork, &service, &roots);
        assert!(out.len() == 1 && out[0].starts_with("fork.of_store: "), "{out:?}");
        // So is the file of any other sink.
        let map = |at: &str| JobSpec {
            sink: vec![format!("geojson:{at}").parse().unwrap()],
            ..spec(&inside("q.db"), &inside("rows"))
        };
        assert!(faults(&map(&inside("map.json")), &service, &roots).is_empty());
        assert_eq!(faults(&map("/etc/map.json"), &service, &roots).len(), 1);
        #[cfg(feature = "postgres")]
        {
            let sink = |password: &str, authority: &str| JobSpec {
                sink: vec![
                    format!(
                        "postgres://me@host.example/base,sslmode=verify-full,\
                         password_file={password},ssl_ca={authority}"
                    )
                    .parse()
                    .unwrap(),
                ],
                ..spec(&inside("q.db"), &inside("rows"))
            };
            let within = sink(&inside("password"), &inside("ca.pem"));
            assert!(faults(&within, &service, &roots).is_empty());
            let out = faults(&sink("/etc/shadow", "/etc/ca.pem"), &service, &roots);
            assert_eq!(out.len(), 2, "{out:?}");
            assert!(out.iter().any(|it| it.contains("password_file")), "{out:?}");
            assert!(out.iter().any(|it| it.contains("ssl_ca")), "{out:?}");
        }
        // Nor may the password of a table's database be in any file.
        #[cfg(feature = "mysql")]
        {
            let mut of_database = table(&inside("sites.csv"));
            let options = [("table", "t"), ("password_file", "/etc/shadow")]
                .map(|(key, value)| (key.to_owned(), value.to_owned()))
                .into();
            let keys = SourceKeys { options, ..SourceKeys::default() };
            of_database.tables[0].source = TableSource::new("mysql://me@db/x", &keys).unwrap();
            let out = faults(&of_database, &service, &roots);
            let begins = "dimension.sites password_file: /etc/shadow is not within";
            assert!(out.len() == 1 && out[0].starts_with(begins), "{out:?}");
        }
        let service = Service { engine: Some("/bin/sh".into()), ..service };
        let out = faults(&spec(&inside("q.db"), &inside("rows")), &service, &roots);
        assert!(out[0].starts_with("engine: "), "{out:?}");
    }
}
