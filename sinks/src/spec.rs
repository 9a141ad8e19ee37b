//! Which sink is meant, and the one list of sinks.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use seismic_queue::{JobStore, Url};

#[cfg(feature = "rocketmq")]
use crate::rocketmq;
use crate::{Error, Result, Sink, console, csv};

/// Every sink there is. A new one is its file and a line here.
const SINKS: &[&Entry] = &[
    &console::ENTRY,
    &csv::ENTRY,
    #[cfg(feature = "rocketmq")]
    &rocketmq::ENTRY,
];

/// What this list knows about a sink.
#[derive(Debug)]
pub struct Entry {
    /// What a spec begins with.
    pub scheme: &'static str,
    /// Its whole form, for people.
    pub form: &'static str,
    /// What follows the colon when nothing is said; `None`: nothing may follow.
    pub target: Option<&'static str>,
    /// Opens it at the target (empty when there is none).
    pub open: fn(target: &str, context: &Context) -> Result<Box<dyn Sink>>,
}

/// A sink as the command line names it: `console`, `csv`, `csv:DIR`, `rocketmq:TOPIC`.
#[derive(Clone, Debug)]
pub struct Spec {
    entry: &'static Entry,
    target: String,
}

impl Spec {
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
}

impl PartialEq for Spec {
    fn eq(&self, other: &Self) -> bool {
        (self.scheme(), self.target()) == (other.scheme(), other.target())
    }
}

impl Eq for Spec {}

impl FromStr for Spec {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let refuse = |why| {
            let known = SINKS.iter().map(|entry| entry.form).collect::<Vec<_>>().join(", ");
            Err(Error::Spec { spec: text.to_owned(), why, known })
        };
        let (scheme, target) = match text.split_once(':') {
            Some((scheme, target)) => (scheme, Some(target)),
            None => (text, None),
        };
        let Some(&entry) = SINKS.iter().find(|entry| entry.scheme == scheme) else {
            return refuse("there is none of that name");
        };
        let target = match (target, entry.target) {
            (Some(""), Some(_)) => return refuse("nothing stands after the colon"),
            (Some(_), None) => return refuse("nothing may stand after its name"),
            (given, default) => given.or(default).unwrap_or_default().to_owned(),
        };
        Ok(Spec { entry, target })
    }
}

impl fmt::Display for Spec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.scheme())?;
        if self.target.is_empty() { Ok(()) } else { write!(f, ":{}", self.target) }
    }
}

/// Whose rows a sink shows.
#[derive(Clone)]
pub struct Context {
    /// Given once to a store: a sink refuses rows of another.
    pub store_id: String,
    /// Name of the result topic, for messages.
    pub topic: String,
    /// Where the job reads: sinks of the same cluster write there.
    pub queue: Option<Url>,
    /// The store as this process has it opened, for sinks that can keep nothing themselves: a second handle
    /// would wait for the commits of the first.
    pub store: Option<Arc<dyn JobStore>>,
}

impl Context {
    /// The context of a store's own result topic.
    ///
    /// # Errors
    /// As [`JobStore::view`].
    pub fn of(store: &dyn JobStore) -> Result<Self> {
        let view = store.view()?;
        Ok(Context {
            store_id: view.id,
            topic: view.job.main_topic().to_owned(),
            queue: None,
            store: None,
        })
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

/// Opens the sink that `spec` names. It still has to recover; [`Relay::new`](crate::Relay::new)
/// lets it.
///
/// # Errors
/// What the sink says of its target: in use, not writable.
pub fn open(spec: &Spec, context: &Context) -> Result<Box<dyn Sink>> {
    (spec.entry.open)(&spec.target, context)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn specs_read_back_as_written_with_the_default_filled_in() {
        for (text, whole) in [
            ("console", "console"),
            ("csv", "csv:output/seismic_agg_result"),
            ("csv:/tmp/a:b", "csv:/tmp/a:b"),
        ] {
            let spec: Spec = text.parse().unwrap();
            assert_eq!(spec.to_string(), whole);
            assert_eq!(whole.parse::<Spec>().unwrap(), spec);
        }
    }

    #[test]
    fn an_unknown_or_incomplete_spec_says_what_is_known() {
        for text in ["", "kafka", "csv:", "console:x", "CSV", ":"] {
            let error = text.parse::<Spec>().unwrap_err().to_string();
            assert!(error.contains("console, csv[:DIR]"), "{error}");
        }
    }
}
