//! Rows as lines of InfluxDB's line protocol, in a file or at a server (InfluxDB 1, 2 and 3,
//! VictoriaMetrics, Telegraf, QuestDB).
//!
//! **Effectively once.** The position is stored in the job store. After a crash between lines and
//! position, or a lost response, the same lines are written again. InfluxDB keeps one point of the
//! same series and time; `VictoriaMetrics` does with `-dedup.minScrapeInterval=1ms`, `QuestDB`
//! where the table has `DEDUP UPSERT KEYS` of time and tags; Telegraf passes them on. Pane and era
//! of a window are tags, so no two rows are the same point.

mod line;
mod output;

use std::env;
use std::fs;
use std::path::Path;

use seismic_proto::Schema;
use seismic_queue::{Finding, Offset, Span};

use self::line::LineFormat;
use self::output::Output;
use crate::entry::{Entry, Written};
use crate::options::{self, OptionKind, SinkOption};
use crate::{Context, Error, Result, Rows, Sink, SinkSpec, limits};

/// Where the token is taken from when no file is named.
const TOKEN_VARIABLE: &str = "SEISMIC_SINK_INFLUX_TOKEN";

/// Its place in the list of sinks.
pub(crate) const ENTRY: Entry = Entry {
    scheme: "influx",
    form: "influx:FILE or influx:http://HOST:PORT/api/v2/write?org=ORG&bucket=BUCKET",
    target: Some("output/windows.lp"),
    options: OPTIONS,
    place: &["measurement"],
    name,
    passes_over: true,
    keeps_refused: false,
    is_remote: true,
    shows_only: false,
    file: |spec| (!is_server(spec.target())).then(|| spec.target().into()),
    writes: |spec| {
        let measurement = || Written::Named(spec.text("measurement").to_owned());
        is_server(spec.target()).then(measurement)
    },
    check,
    open: |spec, context| Ok(Box::new(Influx::open(spec, context)?)),
    examine,
    ddl: None,
    compare: None,
    mark: None,
    needs: |_| Vec::new(),
    rows_in: None,
    sends_back_to: None,
    lookup: None,
    bare: None,
};

const OPTIONS: &[SinkOption] = &[
    SinkOption {
        name: "measurement",
        kind: OptionKind::Text("NAME"),
        default: "seismic_windows",
        doc: "measurement of the lines",
    },
    SinkOption {
        name: "tags",
        kind: OptionKind::Text("FIELD,…"),
        default: "sensor_id,pane,clock_era,input_partition",
        doc: "fields that are tags; they must include those that distinguish rows of the same time",
    },
    SinkOption {
        name: "time",
        kind: OptionKind::Text("FIELD"),
        default: "window_start_ts",
        doc: "field with the time of a line",
    },
    SinkOption {
        name: "precision",
        kind: OptionKind::Word(&["ms", "s", "us", "ns"]),
        default: "ms",
        doc: "unit of times; for a server it is also part of the address",
    },
    options::on_data_error(
        "a row that cannot be a line: the sink stops, or passes over it and the store keeps it",
    ),
    SinkOption {
        name: "token_file",
        kind: OptionKind::Text("FILE"),
        default: "",
        doc: "file with the server's token; without it the variable SEISMIC_SINK_INFLUX_TOKEN",
    },
    SinkOption {
        name: "batch_rows",
        kind: OptionKind::Count { min: 1, max: 1_000_000 },
        default: "5000",
        doc: "rows after which lines are sent",
    },
    SinkOption {
        name: "flush_ms",
        kind: OptionKind::Duration { min_ms: 1, max_ms: 3_600_000 },
        default: "1000",
        doc: "longest time from a row until its line is written",
    },
];

/// Writes lines to one place.
pub struct Influx {
    name: String,
    /// What messages name.
    place: String,
    context: Context,
    format: LineFormat,
    /// The address or file.
    target: String,
    token: Option<String>,
    /// `None` until it recovers.
    output: Option<Output>,
    lines: String,
}

fn is_server(target: &str) -> bool {
    target.starts_with("http://") || target.starts_with("https://")
}

/// The place without what stands behind the path of an address: it may be secret.
fn place(spec: &SinkSpec) -> String {
    let target = spec.target();
    if is_server(target) {
        return target.split('?').next().unwrap_or(target).to_owned();
    }
    // The same from everywhere.
    let path = std::path::absolute(target);
    path.map_or_else(|_| target.to_owned(), |path| path.display().to_string())
}

/// What stands behind the path of an address.
fn query(target: &str) -> &str {
    if is_server(target) { target.split_once('?').map_or("", |(_, query)| query) } else { "" }
}

/// The place, with what of the query says where lines go: two buckets of a server are two sinks.
fn name(spec: &SinkSpec) -> String {
    const PLACES: [&str; 5] = ["bucket", "db", "org", "orgID", "rp"];
    let is_place =
        |part: &&str| part.split_once('=').is_some_and(|(name, _)| PLACES.contains(&name));
    let mut parts: Vec<&str> = query(spec.target()).split('&').filter(is_place).collect();
    parts.sort_unstable();
    let parts: String = parts.iter().map(|part| format!(",{part}")).collect();
    format!("influx:{}{parts},measurement={}", place(spec), spec.text("measurement"))
}

fn check(spec: &SinkSpec) -> Vec<String> {
    let target = spec.target();
    let mut faults = Vec::new();
    let address = target.split_once("//").map_or("", |(_, rest)| rest);
    let host = address.split(['/', '?']).next().unwrap_or_default();
    let query = query(target);
    let has_password = query.split('&').any(|part| part.starts_with("p="));
    if is_server(target) && (host.contains('@') || has_password) {
        faults.push(format!(
            "its address has a password, which lists of processes and backups would show: name a \
             file with \
             a token, as in token_file=FILE, or set the variable {TOKEN_VARIABLE}"
        ));
    }
    let precision = spec.text("precision");
    let said = query.split('&').find_map(|part| part.strip_prefix("precision="));
    if is_server(target) && !is_unit(said, precision) {
        faults.push(format!(
            "the address must give the unit of times, the same as the option precision: end it \
             with \
             &precision={precision}"
        ));
    }
    if spec.text("measurement").is_empty() || spec.text("measurement").contains('\n') {
        faults.push("measurement must be one line of text".to_owned());
    }
    faults
}

/// Whether an address that says this unit, or none, means that of the option `precision`. Versions
/// of servers have different words.
fn is_unit(said: Option<&str>, precision: &str) -> bool {
    match precision {
        "ns" => matches!(said, None | Some("ns" | "n" | "nanosecond")),
        "us" => matches!(said, Some("us" | "u" | "microsecond")),
        "ms" => matches!(said, Some("ms" | "millisecond")),
        _ => matches!(said, Some("s" | "second")),
    }
}

impl Influx {
    /// The sink of that spec. It does not connect yet.
    ///
    /// # Errors
    /// When the fields are not those of the rows, or a token cannot be read.
    pub fn open(spec: &SinkSpec, context: &Context) -> Result<Self> {
        let token = match spec.text("token_file") {
            "" => env::var(TOKEN_VARIABLE).ok(),
            file => {
                let at = Path::new(file);
                let token = fs::read_to_string(at).map_err(Error::io(at, "reading the token"))?;
                Some(token.trim().to_owned())
            }
        };
        Ok(Influx {
            name: name(spec),
            place: place(spec),
            context: context.clone(),
            format: format(spec, &context.schema)?,
            target: spec.target().to_owned(),
            token,
            output: None,
            lines: String::new(),
        })
    }
}

fn format(spec: &SinkSpec, schema: &Schema) -> Result<LineFormat> {
    let text = |name| spec.text(name);
    let (tags, time) = (text("tags"), text("time"));
    let format = LineFormat::of(schema, text("measurement"), tags, time, text("precision"));
    format.map_err(|what| Error::TableDiffers { place: name(spec), what })
}

impl Sink for Influx {
    fn name(&self) -> &str {
        &self.name
    }

    /// Goes on from where the job's store knows it to be; a new place begins with the oldest row.
    fn recover(&mut self, rows: &[Span]) -> Result<Vec<Offset>> {
        self.lines.clear();
        // The lock of the file goes with it.
        self.output = None;
        self.output = Some(match is_server(&self.target) {
            true => Output::server(&self.target, self.token.clone(), limits::SILENT_PATIENCE)?,
            false => Output::file(Path::new(&self.target))?,
        });
        let known = match &self.context.store {
            Some(store) => store.view()?.sinks,
            None => Vec::new(),
        };
        let next = (0u32..).zip(rows).map(|(partition, span)| {
            let is_it = |at: &&seismic_queue::SinkPosition| {
                let of = (&*at.sink, at.output, at.partition.0);
                of == (&*self.name, self.context.output, partition)
            };
            known.iter().find(is_it).map_or(span.first, |at| at.next)
        });
        Ok(next.collect())
    }

    fn write(&mut self, rows: &Rows<'_>) -> Result<()> {
        if self.lines.len() >= limits::LINES_BYTES {
            self.sync()?;
        }
        let begun = self.lines.len();
        for at in rows.iter() {
            if let Err(what) = self.format.put(rows.schema(), at.row, &mut self.lines) {
                self.lines.truncate(begun);
                let (place, partition, offset) = (self.place.clone(), rows.partition(), at.offset);
                return Err(Error::RowRefused { place, partition, offset, what });
            }
        }
        Ok(())
    }

    fn sync(&mut self) -> Result<()> {
        if self.lines.is_empty() {
            return Ok(());
        }
        let output = self.output.as_mut().expect("it has recovered");
        output.put(&self.place, &self.lines)?;
        self.lines.clear();
        Ok(())
    }
}

fn examine(spec: &SinkSpec) -> Vec<Finding> {
    if let Err(error) = format(spec, Schema::windows()) {
        return vec![Finding::problem(error.to_string(), "correct tags or time")];
    }
    if !is_server(spec.target()) {
        return vec![Finding::fine("lines are added to the file")];
    }
    let token = Influx::open(spec, &Context::new("", "")).map(|sink| sink.token);
    // No line at all is a valid body, and says whether address and token are right.
    let written = token.and_then(|token| {
        Output::server(spec.target(), token, limits::CONNECT_PATIENCE)?.put(&place(spec), "\n")
    });
    vec![match written {
        Ok(()) | Err(Error::RowsRefused { .. }) => Finding::fine("the server takes lines"),
        Err(error) => Finding::problem(
            error.to_string(),
            "start the server, or correct the address; a token comes from token_file=FILE",
        ),
    }]
}
