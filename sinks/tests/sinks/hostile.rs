//! A commit file with any bytes is refused or refers to existing rows; nothing panics, and a
//! refused folder is unchanged. Shared with the fuzz target `mark`.

use std::fs;
use std::path::Path;

use seismic_proto::Schema;
use seismic_queue::{Offset, Span};
use seismic_sinks::csv::{Csv, CsvReader};
use seismic_sinks::{Context, Sink};

/// A folder with this mark and one file, as verify and the sink find it.
pub fn mark(bytes: &[u8]) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("windows-000001-2026-11-21T09Z.csv");
    fs::write(&file, "sensor_id\nS001\n").unwrap();
    fs::write(folder.path().join("windows.mark"), bytes).unwrap();
    let content = CsvReader::open(folder.path(), Schema::windows());
    let is_mark = matches!(content, Ok(Some(_)));
    if let Ok(Some(content)) = content {
        content.rows().for_each(drop);
    }
    let recovered = recover(folder.path());
    if !is_mark {
        assert!(!recovered, "verify and the sink agree");
        assert_eq!(fs::read(folder.path().join("windows.mark")).unwrap(), bytes);
        assert_eq!(fs::read(&file).unwrap(), b"sensor_id\nS001\n");
    }
}

fn recover(folder: &Path) -> bool {
    let context = Context::new("home", "results");
    let mut csv = Csv::open(folder, &context).unwrap();
    csv.recover(&[Span { first: Offset(0), end: Offset(9) }; 2]).is_ok()
}

/// The same body under a first line whose checksum fits: most changes would end at the checksum.
pub fn sealed(bytes: &[u8]) -> Vec<u8> {
    let text = String::from_utf8_lossy(bytes);
    let body = text.split_once('\n').map_or("", |(_, body)| body);
    let sum = crc32fast::hash(format!("1{body}").as_bytes());
    format!("seismic-csv-mark 1 {sum:08x}\n{body}").into_bytes()
}
