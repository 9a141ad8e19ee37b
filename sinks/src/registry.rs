//! The list of sinks, and what each line of it answers for its sink.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

use seismic_proto::Schema;
use seismic_queue::{Finding, JobStore, Need, Queue, Url};

use crate::compare::Comparison;
use crate::options::SinkOption;
#[cfg(feature = "rocketmq")]
use crate::rocketmq;
use crate::{Result, Sink, SinkSpec, console, csv};

/// Every sink there is. A new one is its folder and a line here.
const SINKS: &[&Entry] = &[
    &console::ENTRY,
    &csv::ENTRY,
    #[cfg(feature = "rocketmq")]
    &rocketmq::ENTRY,
];

/// A kind of sink: nothing outside its folder knows more of it than this.
#[derive(Debug)]
pub struct Entry {
    /// What a spec begins with.
    pub scheme: &'static str,
    /// Its whole form, for people.
    pub form: &'static str,
    /// What follows the colon when nothing is given; `None`: nothing may follow.
    pub target: Option<&'static str>,
    /// Its own options; those that every sink takes come on top.
    pub options: &'static [SinkOption],
    /// Opens it. It does not recover yet.
    pub open: fn(&SinkSpec, &Context) -> Result<Box<dyn Sink>>,
    /// What is wrong with its target, without changing anything there. Run by `doctor`.
    pub examine: fn(&SinkSpec) -> Vec<Finding>,
    /// Compares what it holds with the result topic; `None` where it holds nothing. Run by `verify`.
    pub compare: Option<fn(&SinkSpec, &Context, &mut Comparison<'_>) -> Result<u64>>,
    /// The rights that it needs to topics of the job's queue. Run by `doctor`.
    pub needs: fn(&SinkSpec) -> Vec<Need>,
    /// The topic of that name in the queue at this address, read by the rule of those who read the
    /// rows that such a sink wrote there; `None` when the topic is not one of a sink's. For sinks
    /// that write into queues.
    pub rows_in: Option<fn(&Url, &str) -> Result<Option<Box<dyn Queue>>>>,
}

/// Whose rows a sink shows.
#[derive(Clone)]
pub struct Context {
    /// Id of the store, given once: a sink refuses rows of another.
    pub store_id: String,
    /// Name of the result topic, for messages.
    pub topic: String,
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

/// The list, in the order in which people read it.
pub fn all() -> impl Iterator<Item = &'static Entry> {
    SINKS.iter().copied()
}

/// The sink of that scheme.
pub(crate) fn find(scheme: &str) -> Option<&'static Entry> {
    all().find(|entry| entry.scheme == scheme)
}

/// Opens the sink that `spec` names. It still has to recover, which
/// [`SinkRunner::new`](crate::SinkRunner::new) lets it do.
///
/// # Errors
/// What the sink says of its target: in use, not writable.
pub fn open(spec: &SinkSpec, context: &Context) -> Result<Box<dyn Sink>> {
    (spec.entry().open)(spec, context)
}

/// The queue at `url`, so that a topic of it that a sink wrote shows what counts of the sink's
/// messages; `None` when no sink wrote the topic.
///
/// # Errors
/// When the queue cannot be asked.
pub fn rows_in(url: &Url, topic: &str) -> Result<Option<Box<dyn Queue>>> {
    for rows_in in all().filter_map(|entry| entry.rows_in) {
        if let Some(queue) = rows_in(url, topic)? {
            return Ok(Some(queue));
        }
    }
    Ok(None)
}
