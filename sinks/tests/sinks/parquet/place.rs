//! A folder of Parquet files as a target of the conformance suite.

use std::borrow::Cow;
use std::fs::{self, File};
use std::path::Path;

use parquet::file::reader::{FileReader as _, SerializedFileReader};
use parquet::record::{Field, Row as ParquetRow};
use seismic_proto::{Row, Schema, SeismicAggRecord};
use seismic_queue::{Offset, Partition};
use seismic_sinks::conformance::{Owners, Promises, Shows, SinkTarget, three, window};
use seismic_sinks::parquet::Parquet;
use seismic_sinks::{Context, Result, Sink, SinkSpec};
use serde_json::{Map, Value};
use tempfile::TempDir;

use crate::json_rows::row_of;

/// A folder of its own.
pub struct FolderPlace {
    pub folder: TempDir,
    options: String,
}

impl FolderPlace {
    pub fn new(options: &str) -> FolderPlace {
        // In memory where there is some: it is flushed thousands of times, and nothing cuts its power.
        let folder = tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap();
        FolderPlace { folder, options: options.to_owned() }
    }

    fn spec(&self) -> SinkSpec {
        format!("parquet:{}{}", self.folder.path().display(), self.options).parse().unwrap()
    }

    pub fn sink(&self) -> Parquet {
        Parquet::open(&self.spec(), &Context::new("home", "results")).unwrap()
    }

    /// Its files, in order of days and numbers.
    pub fn files(&self) -> Vec<String> {
        let mut files = Vec::new();
        for day in fs::read_dir(self.folder.path()).unwrap() {
            let day = day.unwrap();
            if day.path().is_dir() {
                let of_day = fs::read_dir(day.path()).unwrap().map(|it| it.unwrap().file_name());
                let name = day.file_name().into_string().unwrap();
                files.extend(of_day.map(|file| format!("{name}/{}", file.to_str().unwrap())));
            }
        }
        files.sort();
        files
    }

    /// Its rows, by number of file and place in the topic.
    pub fn rows_of(&self, schema: &Schema) -> Vec<(Partition, Row)> {
        let mut rows: Vec<(String, u64, u64, Row)> = Vec::new();
        for file in self.files() {
            let number = file.split('/').next_back().unwrap().to_owned();
            for row in rows_in(&self.folder.path().join(file)) {
                let place = |name: &str| row[name].as_u64().unwrap();
                let (partition, offset) = (place("result_partition"), place("result_offset"));
                rows.push((number.clone(), partition, offset, row_of(schema, &row)));
            }
        }
        rows.sort_by(|one, other| (&one.0, one.1, one.2).cmp(&(&other.0, other.1, other.2)));
        rows.into_iter().map(|(_, partition, _, row)| (Partition(partition as u32), row)).collect()
    }

    /// A copy of the folder, as a crash would leave it.
    pub fn copy(&self) -> FolderPlace {
        let other = FolderPlace::new(&self.options);
        copy(self.folder.path(), other.folder.path());
        other
    }
}

fn copy(from: &Path, to: &Path) {
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let to = to.join(entry.file_name());
        match entry.path().is_dir() {
            true => {
                fs::create_dir(&to).unwrap();
                copy(&entry.path(), &to);
            }
            false => drop(fs::copy(entry.path(), to).unwrap()),
        }
    }
}

pub fn rows_in(file: &Path) -> Vec<Value> {
    let reader = SerializedFileReader::new(File::open(file).unwrap()).unwrap();
    reader.get_row_iter(None).unwrap().map(|row| object(&row.unwrap())).collect()
}

fn object(row: &ParquetRow) -> Value {
    let value = |field: &Field| match field {
        Field::Null => Value::Null,
        Field::Int(value) => (*value).into(),
        Field::Long(value) | Field::TimestampMillis(value) => (*value).into(),
        Field::Float(value) => f64::from(*value).into(),
        Field::Double(value) => (*value).into(),
        Field::Bool(value) => (*value).into(),
        Field::Str(text) => text.as_str().into(),
        other => panic!("{other:?}"),
    };
    let fields = row.get_column_iter().map(|(name, field)| (name.clone(), value(field)));
    Value::Object(fields.collect::<Map<_, _>>())
}

impl SinkTarget for FolderPlace {
    fn promises(&self) -> Promises {
        Promises { shows: Shows::EveryRow, owners: Owners::First }
    }

    fn open(&self, store: &str) -> Result<Box<dyn Sink>> {
        Ok(Box::new(Parquet::open(&self.spec(), &Context::new(store, "results"))?))
    }

    fn store_id(&self, store: &str) -> String {
        store.to_owned()
    }

    fn note(&self, _: &[Offset]) {}

    fn image(&self) -> Option<Box<dyn SinkTarget>> {
        Some(Box::new(self.copy()))
    }

    fn rows(&self) -> Vec<SeismicAggRecord> {
        self.rows_of(Schema::windows()).into_iter().map(|(_, row)| window(row)).collect()
    }
}

/// A folder with rows of three columns.
pub struct ThreeColumns(pub FolderPlace);

impl three::SinkTarget for ThreeColumns {
    fn open(&self) -> Result<Box<dyn Sink>> {
        let context =
            Context { schema: Cow::Owned(three::schema()), ..Context::new("home", "three") };
        Ok(Box::new(Parquet::open(&self.0.spec(), &context)?))
    }

    fn rows(&self) -> Vec<(Partition, Row)> {
        self.0.rows_of(&three::schema())
    }
}
