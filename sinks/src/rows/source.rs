//! Which output of a job a sink shows: the option `source`.

use seismic_queue::{Job, View};

use crate::options::{OptionKind, SinkOption};
use crate::{Context, Error, Result, SinkSpec};

/// The role of a job's roll-ups.
const ROLLUP: &str = Job::PLAIN_ROLES[2];

/// What every value looks like.
const FORMS: &str = "rows, rollup:SPAN (as rollup:60s) or topic:NAME";

/// Which rows of a job.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Source<'a> {
    /// Those of its result topic.
    Rows,
    /// Those of the roll-up whose spans have this length, ms.
    Rollup(u64),
    /// Those of the topic of that name.
    Topic(&'a str),
}

impl<'a> Source<'a> {
    fn parse(text: &'a str) -> std::result::Result<Source<'a>, String> {
        match text.split_once(':').unwrap_or((text, "")) {
            ("rows", "") => Ok(Source::Rows),
            ("topic", name) if !name.is_empty() => Ok(Source::Topic(name)),
            ("rollup", span) => match span_ms(span) {
                Some(ms) => Ok(Source::Rollup(ms)),
                None => Err(format!("source is {text:?}; it must be {FORMS}")),
            },
            ("triggers", "") => {
                Err(format!("source is \"triggers\", and no job has triggers; it must be {FORMS}"))
            }
            _ => Err(format!("source is {text:?}; it must be {FORMS}")),
        }
    }
}

/// The length of a span, as `60s` or `1m`.
fn span_ms(text: &str) -> Option<u64> {
    let kind = OptionKind::Duration { min_ms: 1, max_ms: u64::MAX };
    let span = SinkOption { name: "source", kind, default: "1s", doc: "" };
    span.parse(text).ok()
}

/// What is wrong with the option of a spec; `None`: nothing.
pub(crate) fn fault(spec: &SinkSpec) -> Option<String> {
    match Source::parse(spec.text("source")) {
        Ok(Source::Rows) => None,
        // Its readers' rule counts the rows of the result topic.
        Ok(_) if !spec.entry().passes_over => Some(format!(
            "{} has no option \"source\": it takes the rows of the result topic",
            spec.scheme()
        )),
        parsed => parsed.err(),
    }
}

/// The place in the job of the output whose rows the sink shows.
///
/// # Errors
/// [`Error::NoSource`] when the job has no such output, or one without rows of windows.
pub(crate) fn output_of(spec: &SinkSpec, job: &Job) -> Result<usize> {
    let text = spec.text("source");
    let found = match Source::parse(text) {
        Ok(Source::Rows) => Some(0),
        Ok(Source::Topic(name)) => {
            all(job).find(|(_, _, topic)| *topic == name).map(|(place, ..)| place)
        }
        Ok(Source::Rollup(ms)) => {
            all(job).find(|(_, span, _)| *span == Some(ms)).map(|(place, ..)| place)
        }
        Err(_) => None,
    };
    found.ok_or_else(|| {
        let words = |(place, _, topic): (usize, Option<u64>, &str)| {
            format!("{} ({topic})", words(job, place))
        };
        let there: Vec<_> = all(job).map(words).collect();
        let (sink, wanted) = (spec.shown(), text.to_owned());
        Error::NoSource { sink, wanted, group: job.group.clone(), there: there.join(", ") }
    })
}

/// The source that is the output at that place of a job.
pub(crate) fn words(job: &Job, output: usize) -> String {
    match (output, job.outputs.get(output)) {
        (1.., Some(output)) => match suffix(job, &output.topic) {
            Some(span) => format!("rollup:{span}"),
            None => format!("topic:{}", output.topic),
        },
        _ => "rows".to_owned(),
    }
}

/// The outputs with rows: place in the job, length of the spans of a roll-up, and topic.
fn all(job: &Job) -> impl Iterator<Item = (usize, Option<u64>, &str)> {
    job.outputs.iter().enumerate().filter_map(|(place, output)| {
        let topic = &*output.topic;
        match place {
            0 => Some((0, None, topic)),
            _ if output.role == ROLLUP => {
                Some((place, suffix(job, topic).and_then(span_ms), topic))
            }
            _ => None,
        }
    })
}

/// The span of a roll-up as it was typed: its topic is called after it.
fn suffix<'a>(job: &Job, topic: &'a str) -> Option<&'a str> {
    topic.strip_prefix(job.main_topic())?.strip_prefix('-')
}

impl Context {
    /// The context of the rows that a sink is told to show.
    ///
    /// # Errors
    /// [`Error::NoSource`] when the job has none of that kind.
    pub fn of_source(&self, spec: &SinkSpec, view: &View) -> Result<Context> {
        let output = output_of(spec, &view.job)?;
        let topic = match output {
            0 => self.topic.clone(),
            _ => view.job.outputs[output].topic.clone(),
        };
        Ok(Context { topic, output, ..self.clone() })
    }

    /// Whose rows these are, for sinks whose place names no topic: the id of the store, and behind it
    /// the topic where that is not the result topic.
    pub(crate) fn owner(&self) -> String {
        match self.output {
            0 => self.store_id.clone(),
            _ => format!("{} {}", self.store_id, self.topic),
        }
    }
}

#[cfg(test)]
mod tests {
    use seismic_queue::Topic;

    use super::*;

    fn job() -> Job {
        let input = Topic { name: "in".to_owned(), id: "1".to_owned(), partitions: 2 };
        Job::plain("coast", input, ["rows", "dead", "rows-1m", "rows-1h"])
    }

    fn found(source: &str) -> std::result::Result<usize, String> {
        let spec: SinkSpec =
            format!("csv:x,source={source}").parse().map_err(|e: Error| e.to_string())?;
        output_of(&spec, &job()).map_err(|error| error.to_string())
    }

    #[test]
    fn a_source_is_the_rows_a_roll_up_by_its_length_or_a_topic_by_its_name() {
        for (source, place) in [
            ("rows", 0),
            ("rollup:60s", 2),
            ("rollup:1m", 2),
            ("rollup:1h", 3),
            ("topic:rows", 0),
            ("topic:rows-1h", 3),
        ] {
            assert_eq!(found(source), Ok(place), "{source}");
        }
    }

    #[test]
    fn a_source_that_a_job_does_not_have_is_told_with_those_that_it_has() {
        for source in ["rollup:2s", "topic:dead", "topic:elsewhere"] {
            let error = found(source).unwrap_err();
            let there = "rows (rows), rollup:1m (rows-1m), rollup:1h (rows-1h)";
            assert!(error.contains(source) && error.contains(there), "{error}");
        }
    }

    #[test]
    fn a_source_that_no_job_has_is_refused_before_one_is_asked() {
        for source in ["triggers", "row", "rollup", "rollup:", "rollup:x", "topic:", ""] {
            let error = found(source).unwrap_err();
            assert!(error.contains("rows, rollup:SPAN (as rollup:60s) or topic:NAME"), "{error}");
        }
        assert!(found("triggers").unwrap_err().contains("no job has triggers"));
    }

    #[test]
    fn a_place_in_the_job_is_said_as_the_option_says_it() {
        for (place, source) in [(0, "rows"), (2, "rollup:1m"), (3, "rollup:1h"), (1, "topic:dead")]
        {
            assert_eq!(words(&job(), place), source);
        }
    }
}
