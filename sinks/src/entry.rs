//! An entry in the list of sinks, and the spec that selects one.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use seismic_proto::Schema;
use seismic_queue::{Batch, Finding, JobStore, Need, Queue, Url};

use crate::compare::Comparison;
use crate::options::{COMMON, SinkOption, milliseconds};
use crate::position::mark::SinkMark;
use crate::table_source::{TableQuestion, TableRows};
use crate::{Result, Sink};

/// Reads what a sink itself knows of its position.
pub type KnownPosition = fn(&SinkSpec, &Url) -> Result<Option<SinkMark>>;

/// Compares what a sink holds with the result topic and counts the rows that it looked at.
pub type Compare = fn(&SinkSpec, &Context, &mut Comparison<'_>) -> Result<u64>;

/// How tables of a kind of server are read.
#[derive(Debug)]
pub struct TableReading {
    /// Whether a SELECT may stand in place of a table.
    pub has_queries: bool,
    /// How a table is written, for people.
    pub table: &'static str,
    /// Whether rows are found there by one column, whose name the server does not know.
    pub has_one_key: bool,
    /// Reads the table that a spec names, or what a query answers at its server, as a whole.
    pub load_all: fn(&SinkSpec, &TableQuestion<'_>) -> Result<TableRows>,
}

/// Opens the topic of that name in the queue at this address, as a reader of a sink's rows.
pub type RowsIn = fn(&Url, &str) -> Result<Option<Box<dyn Queue>>>;

/// Opens the queue at this address as a reader of a sink's rows.
pub type SendsBackTo = fn(&Url) -> Result<Option<Box<dyn Queue>>>;

/// What a sink writes where it writes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Written {
    /// What has this name, as a topic or a table.
    Named(String),
    /// What has names that begin so, as keys.
    Beginning(String),
}

/// Sends what was encoded before, once.
pub type BareLoop = Box<dyn FnOnce() -> Result<()>>;

/// The statements of a sink alone for these batches, whose rows are encoded already.
pub type Bare = fn(&SinkSpec, &Context, &[Batch]) -> Result<BareLoop>;

/// A kind of sink: nothing outside its folder knows more of it than this.
#[derive(Debug)]
pub struct Entry {
    /// What a spec begins with.
    pub scheme: &'static str,
    /// Its whole form, for people.
    pub form: &'static str,
    /// What follows the colon when nothing is given; `None`: nothing may follow.
    pub target: Option<&'static str>,
    /// Its own options; those that every sink takes come on top. One of the same name as one of
    /// those stands for it, with a default and a range of its own.
    pub options: &'static [SinkOption],
    /// Options that say, with the target, where it writes.
    pub place: &'static [&'static str],
    /// The name under which its position and state are kept: that of the sink once it is open.
    pub name: fn(&SinkSpec) -> String,
    /// Whether rows can be passed over: by the option `where`, and by `seismic sink skip`.
    pub passes_over: bool,
    /// Whether it keeps rows that its target refuses itself, where `on_data_error` says so; else
    /// the store keeps their places.
    pub keeps_refused: bool,
    /// Whether it writes to a server of its own, which may be down while the job runs.
    pub is_remote: bool,
    /// Whether it only shows rows, and keeps none: then each process of a job may have one.
    pub shows_only: bool,
    /// The file or folder on this machine that it writes; `None` where it writes none.
    pub file: fn(&SinkSpec) -> Option<PathBuf>,
    /// What it writes elsewhere: a topic, a table, a measurement, keys; `None` where it writes to this
    /// machine alone.
    pub writes: fn(&SinkSpec) -> Option<Written>,
    /// What is wrong with target and options beyond what each option says of its values. Looks at
    /// nothing but them.
    pub check: fn(&SinkSpec) -> Vec<String>,
    /// Opens it. It does not recover yet.
    pub open: fn(&SinkSpec, &Context) -> Result<Box<dyn Sink>>,
    /// What is wrong with its target, without changing anything there. Run by `doctor`.
    pub examine: fn(&SinkSpec) -> Vec<Finding>,
    /// The definitions that it expects at its target, for rows of this schema; `None` where it
    /// expects none.
    pub ddl: Option<fn(&SinkSpec, &Schema) -> Result<String>>,
    /// Compares what it holds with the result topic; `None` where it holds nothing. Run by
    /// `verify`.
    pub compare: Option<Compare>,
    /// What it itself knows of its position, without locking or changing anything, where the job's
    /// queue is at this address; `None` where it knows nothing, or nothing that could be looked at
    /// quickly.
    pub mark: Option<KnownPosition>,
    /// The rights that it needs to topics of the job's queue. Run by `doctor`.
    pub needs: fn(&SinkSpec) -> Vec<Need>,
    /// The topic of that name in the queue at this address, read by the rule of those who read the
    /// rows that such a sink wrote there; `None` when the topic is not one of a sink's. For sinks
    /// that write into queues.
    pub rows_in: Option<RowsIn>,
    /// The queue at this address, read by that rule, whatever its topics are; `None` when such a
    /// sink cannot write there. For sinks that write into queues.
    pub sends_back_to: Option<SendsBackTo>,
    /// How tables of the same server are read, for jobs that look things up in them; `None` where it
    /// has none that could be read so.
    pub lookup: Option<&'static TableReading>,
    /// The same statements without what the sink computes, for the bench; `None` where a file takes the
    /// rows, or nobody measures it.
    pub bare: Option<Bare>,
}

/// Whose rows a sink shows.
#[derive(Clone)]
pub struct Context {
    /// Id of the store, given once: a sink refuses rows of another.
    pub store_id: String,
    /// Name of the result topic, for messages.
    pub topic: String,
    /// Place of that topic among the outputs of the job.
    pub output: usize,
    /// Columns of its rows.
    pub schema: Cow<'static, Schema>,
    /// Where the job reads: sinks of the same cluster write there.
    pub queue: Option<Url>,
    /// The store as this process has it opened, for sinks that keep state there: a second handle
    /// would wait for the commits of the first.
    pub store: Option<Arc<dyn JobStore>>,
}

impl Context {
    /// The context of window statistics of a store's topic.
    #[must_use]
    pub fn new(store_id: &str, topic: &str) -> Self {
        Context {
            store_id: store_id.to_owned(),
            topic: topic.to_owned(),
            output: 0,
            schema: Cow::Borrowed(Schema::windows()),
            queue: None,
            store: None,
        }
    }

    /// The context of a store's own result topic.
    ///
    /// # Errors
    /// As [`JobStore::view`].
    pub fn of(store: &dyn JobStore) -> Result<Self> {
        let view = store.view()?;
        Ok(Context::new(&view.id, view.job.main_topic()))
    }

    /// With the place of the job's queue, and the store.
    #[must_use]
    pub fn at(self, queue: Url, store: Arc<dyn JobStore>) -> Self {
        Context { queue: Some(queue), store: Some(store), ..self }
    }
}

impl fmt::Debug for Context {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let store = self.store.as_ref().map(|store| store.name());
        let Context { store_id, topic, queue, .. } = self;
        f.debug_tuple("Context").field(store_id).field(topic).field(queue).field(&store).finish()
    }
}

/// A sink that there is, with its target and valid options.
#[derive(Clone, Debug)]
pub struct SinkSpec {
    pub(crate) entry: &'static Entry,
    pub(crate) target: String,
    /// Those that were given, as they were written.
    pub(crate) options: BTreeMap<String, String>,
}

impl SinkSpec {
    /// Its place in the list of sinks.
    #[must_use]
    pub fn entry(&self) -> &'static Entry {
        self.entry
    }

    /// What it begins with: `console`, `csv`, ….
    #[must_use]
    pub fn scheme(&self) -> &'static str {
        self.entry.scheme
    }

    /// Where it writes to, with the default filled in; empty when there is no choice.
    #[must_use]
    pub fn target(&self) -> &str {
        &self.target
    }

    /// The name under which its position and state are kept.
    #[must_use]
    pub fn name(&self) -> String {
        (self.entry.name)(self)
    }

    /// Whether both write to the same place, whatever their options are.
    #[must_use]
    pub fn is_same_place(&self, other: &SinkSpec) -> bool {
        (self.scheme(), self.target()) == (other.scheme(), other.target())
            && self.entry.place.iter().all(|name| self.text(name) == other.text(name))
    }

    /// The options that were given, as they were written.
    #[must_use]
    pub fn options(&self) -> &BTreeMap<String, String> {
        &self.options
    }

    /// Rows that are written at once at most. 0 is no limit, where the sink allows it.
    #[must_use]
    pub fn batch_rows(&self) -> usize {
        match self.number("batch_rows") {
            0 => usize::MAX,
            rows => usize::try_from(rows).unwrap_or(usize::MAX),
        }
    }

    /// Connections that write at once, where the sink has such an option; else 1.
    #[must_use]
    pub fn parallelism(&self) -> usize {
        match self.option("parallelism") {
            Some(_) => usize::try_from(self.number("parallelism")).unwrap_or(usize::MAX),
            None => 1,
        }
    }

    /// Longest time from writing a row until it is durable. 0 is no limit, where the sink allows
    /// it.
    #[must_use]
    pub fn flush_every(&self) -> Duration {
        match self.number("flush_ms") {
            0 => Duration::MAX,
            ms => milliseconds(ms),
        }
    }

    /// How long rows are kept that it has written, should its server lose them; 0: not at all.
    #[must_use]
    pub fn hold_behind(&self) -> Duration {
        milliseconds(self.number("hold_behind"))
    }

    /// The remedy where its server may lose what it wrote last: another one, or what is kept.
    pub(crate) fn or_keep(&self, other: &str) -> String {
        match self.hold_behind().as_millis() {
            0 => format!("{other}, or keep the rows with hold_behind=1h"),
            ms => format!("{other}; hold_behind keeps the rows of the last {} s", ms / 1_000),
        }
    }

    /// The condition that rows meet which it is given; empty: every row.
    #[must_use]
    pub fn condition(&self) -> &str {
        self.text("where")
    }

    /// Whether a row that its target refuses for its content is passed over and its place kept in
    /// the store, instead of stopping the sink.
    pub(crate) fn passes_over_refused(&self) -> bool {
        let is_wanted = self.option("on_data_error").is_some();
        !self.entry.keeps_refused && is_wanted && self.text("on_data_error") == "dead-letter"
    }

    /// The value of an option of this sink, in its smallest unit: as given, or its default.
    pub(crate) fn number(&self, name: &str) -> u64 {
        let option = self.option(name).expect("an option of this sink");
        let text = self.options.get(name).map_or(option.default, String::as_str);
        option.parse(text).expect("checked when the spec was made; defaults are values")
    }

    /// The text of an option of this sink: as given, or its default.
    pub(crate) fn text(&self, name: &str) -> &str {
        let default = || self.option(name).expect("an option of this sink").default;
        self.options.get(name).map_or_else(default, String::as_str)
    }

    pub(crate) fn option(&self, name: &str) -> Option<&'static SinkOption> {
        self.entry.all_options().find(|option| option.name == name)
    }
}

impl PartialEq for SinkSpec {
    fn eq(&self, other: &Self) -> bool {
        self.is_same_place(other) && self.options == other.options
    }
}

impl Eq for SinkSpec {}

impl Entry {
    /// Its own options and those that every sink takes.
    pub fn all_options(&self) -> impl Iterator<Item = &'static SinkOption> + use<> {
        let own = self.options;
        let is_common =
            move |common: &&SinkOption| own.iter().all(|option| option.name != common.name);
        own.iter().chain(COMMON.iter().filter(is_common))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_sink_writes_elsewhere_has_a_name_or_the_beginning_of_one() {
        let of = |text: &str| {
            let spec: SinkSpec = text.parse().unwrap();
            (spec.entry().writes)(&spec)
        };
        for text in ["console", "csv:rows", "geojson:map.json"] {
            assert_eq!(of(text), None, "{text}");
        }
        let named = |name: &str| Some(Written::Named(name.to_owned()));
        #[cfg(feature = "rocketmq")]
        assert_eq!(of("rocketmq:coast-rows"), named("coast-rows"));
        #[cfg(feature = "postgres")]
        assert_eq!(of("postgres://u@h/d,table=coast.rows"), named("coast.rows"));
        #[cfg(feature = "mysql")]
        assert_eq!(of("mariadb://u@h/d,table=rows"), named("rows"));
        #[cfg(feature = "influx")]
        {
            assert_eq!(of("influx:rows.lp,measurement=coast"), None);
            let server = "influx:http://h/write?db=d&precision=ms,measurement=coast";
            assert_eq!(of(server), named("coast"));
        }
        #[cfg(feature = "hbase")]
        assert_eq!(of("hbase:http://h,namespace=coast,table=rows"), named("coast:rows"));
        #[cfg(feature = "opensearch")]
        {
            assert_eq!(of("opensearch:http://h,index=coast"), named("coast"));
            let beginning = Some(Written::Beginning("coast-".to_owned()));
            assert_eq!(of("elasticsearch:http://h,index=coast-%Y.%m"), beginning);
        }
        #[cfg(feature = "redis")]
        for (key, beginning) in [
            ("", "seismic:"),
            (",key=coast:{sensor_id}", "coast:"),
            (",key={{{sensor_id}", "{"),
            (",key={sensor_id}:coast", ""),
            (",key=sensor_id", ""),
        ] {
            let is = of(&format!("redis://h/0,name=a{key}"));
            assert_eq!(is, Some(Written::Beginning(beginning.to_owned())), "{key}");
        }
        // Without the features, nothing else is asked.
        assert_eq!(named("a"), Some(Written::Named("a".to_owned())));
    }
}
