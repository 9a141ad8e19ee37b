//! Jobs in a circle: what one writes another one reads, as its input or as a table, and so on back to the
//! first. Each would compute with rows that come of its own, and none could be begun before the others.

use std::fmt;

use seismic_queue::Url;

use crate::job::JobSpec;
use crate::serve::rivals::absolute;

/// That a job would be in a circle.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Circle {
    /// The job, those that read on from it, and what each writes that the next one reads.
    links: Vec<(String, String)>,
}

impl std::error::Error for Circle {}

impl fmt::Display for Circle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "jobs would go in a circle: ")?;
        let readers = self.links.iter().skip(1).chain(self.links.first());
        for (number, ((job, topic), (reader, _))) in self.links.iter().zip(readers).enumerate() {
            let comma = if number > 0 { ", " } else { "" };
            write!(f, "{comma}{job} writes {topic}, which {reader} reads")?;
        }
        write!(f, "; have one of them read another topic")
    }
}

impl Circle {
    /// The other jobs of it.
    pub fn others(&self) -> impl Iterator<Item = &str> {
        self.links.iter().skip(1).map(|(job, _)| &**job)
    }

    /// Why the job cannot be, for whoever may not know which jobs those are.
    #[must_use]
    pub fn told_to_strangers(&self) -> String {
        let job = self.links.first().map_or("it", |(job, _)| job);
        format!(
            "job {job} would read what comes of its own rows, by way of a job of another project"
        )
    }
}

/// A topic, and the file or the cluster that has it.
#[derive(Clone, Debug, PartialEq, Eq)]
struct LocatedTopic {
    at: String,
    topic: String,
}

/// What a job reads and writes.
#[derive(Clone, Debug)]
pub struct Flows {
    job: String,
    reads: Vec<LocatedTopic>,
    writes: Vec<LocatedTopic>,
}

impl Flows {
    /// Those of the job of that name.
    #[must_use]
    pub fn of(job: &str, spec: &JobSpec) -> Flows {
        let location = spec.location();
        let in_store = |of: Option<&str>| match of {
            Some(of) => at(&location.of_job(of).store_url(), of),
            None => at(&spec.queue, &spec.group),
        };
        let place = |at: String, topic: &str| LocatedTopic { at, topic: topic.to_owned() };
        let mut reads = Vec::new();
        match &spec.statement {
            None => reads.push(place(in_store(None), &spec.topic)),
            Some(statement) => {
                let inputs = statement.inputs();
                reads.extend(inputs.map(|it| place(in_store(it.of.as_deref()), &it.topic)));
            }
        }
        let tables = spec.tables.iter().filter_map(|table| table.source.topic());
        reads.extend(tables.map(|it| place(in_store(it.of.as_deref()), &it.topic)));
        let store = at(&location.store_url(), &spec.group);
        let rollups = spec.rollups().map(|rollup| rollup.topic(&spec.result_topic));
        let topics =
            [spec.result_topic.clone(), spec.dead_topic.clone()].into_iter().chain(rollups);
        let writes = topics.map(|topic| LocatedTopic { at: store.clone(), topic }).collect();
        Flows { job: job.to_owned(), reads, writes }
    }

    /// The shortest circle of this job by way of others.
    #[must_use]
    pub fn circle(&self, others: &[Flows]) -> Option<Circle> {
        // Who was reached first, by what, and from whom.
        let mut reached: Vec<(&Flows, Option<usize>, &str)> = vec![(self, None, "")];
        let mut next = 0;
        while let Some((from, ..)) = reached.get(next).copied() {
            for topic in &from.writes {
                if self.reads.contains(topic) {
                    let mut links = vec![(from.job.clone(), topic.topic.clone())];
                    let (mut at, mut by) = (reached[next].1, reached[next].2);
                    while let Some(before) = at {
                        links.push((reached[before].0.job.clone(), by.to_owned()));
                        (at, by) = (reached[before].1, reached[before].2);
                    }
                    links.reverse();
                    return Some(Circle { links });
                }
                for reader in others.iter().filter(|other| other.reads.contains(topic)) {
                    if reached.iter().all(|(known, ..)| known.job != reader.job) {
                        reached.push((reader, Some(next), &topic.topic));
                    }
                }
            }
            next += 1;
        }
        None
    }
}

/// The file or the cluster of which the store of a group is a part.
fn at(url: &Url, group: &str) -> String {
    let text = url.to_string();
    match (url.file(), text.strip_suffix(&format!("/{group}"))) {
        (Some(file), _) => absolute(file).display().to_string(),
        (None, Some(cluster)) => cluster.to_owned(),
        (None, None) => text,
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::job::file;
    use crate::job::options::JobOptions;
    use crate::job::origin::Once;

    fn flows(job: &str, input: &str, tables: &str) -> Flows {
        let from = if tables.is_empty() { "" } else { "join T on T.a = rows.a" };
        let text = format!(
            "group = '{job}'\ndead_topic = '{job}-dead'\nsql = 'select rows.a from rows {from}'\n\
             input = {{ {input}, columns = {{ a = 'text' }} }}\n\
             output = {{ topic = '{job}-rows', columns = {{ a = 'text' }} }}\n{tables}"
        );
        let file = file::read(&text, Path::new("job.toml"));
        Flows::of(job, &JobSpec::resolve(JobOptions::default(), file, Once::default()).unwrap())
    }

    fn reading(job: &str, of: &str) -> Flows {
        flows(job, &format!("topic = '{of}-rows', of = '{of}'"), "")
    }

    #[test]
    fn a_circle_of_jobs_is_named_and_a_chain_is_none() {
        let chain = [flows("a", "topic = 'readings'", ""), reading("b", "a"), reading("c", "b")];
        assert_eq!(reading("d", "c").circle(&chain), None);
        assert_eq!(chain[0].circle(&chain[1..]), None);
        let back = reading("a", "c");
        let circle = back.circle(&chain[1..]).unwrap();
        assert_eq!(
            circle.to_string(),
            "jobs would go in a circle: a writes a-rows, which b reads, b writes b-rows, which c reads, \
             c writes c-rows, which a reads; have one of them read another topic"
        );
        assert_eq!(circle.others().collect::<Vec<_>>(), ["b", "c"]);
        assert_eq!(
            circle.told_to_strangers(),
            "job a would read what comes of its own rows, by way of a job of another project"
        );
    }

    #[test]
    fn tables_and_dead_letters_close_a_circle_and_a_topic_of_the_queue_is_another_one() {
        let table = |of: &str| {
            format!(
                "[dimension.T]\nsource = 'topic:{of}-dead'\nof = '{of}'\nkey = 'a'\ncolumns = {{ a = 'text' }}\n"
            )
        };
        let with_table = flows("a", "topic = 'readings'", &table("b"));
        let circle = with_table.circle(&[reading("b", "a")]).unwrap().to_string();
        assert!(
            circle.contains("a writes a-rows, which b reads, b writes b-dead, which a reads"),
            "{circle}"
        );
        let of_queue = flows("a", "topic = 'b-rows'", "");
        assert_eq!(of_queue.circle(&[reading("b", "a")]), None);
        let of_itself = flows("a", "topic = 'a-dead', of = 'a'", "");
        let of_itself = of_itself.circle(&[]).unwrap().to_string();
        assert!(of_itself.contains("circle: a writes a-dead, which a reads;"), "{of_itself}");
    }
}
