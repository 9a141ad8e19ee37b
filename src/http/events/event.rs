//! One event: the jobs as they were at one time.

use hyper::body::Bytes;

use crate::http::Caller;

/// What is sent each second.
#[derive(Debug, Default)]
pub struct Event {
    at_ms: i64,
    /// Name and JSON of each job.
    jobs: Vec<(String, String)>,
    /// The text for all who see all of them.
    all: Bytes,
}

impl Event {
    /// The event of that time.
    pub fn new(at_ms: i64, jobs: Vec<(String, String)>) -> Event {
        let all = text(at_ms, jobs.iter().map(|(_, job)| job.as_str()));
        Event { at_ms, jobs, all }
    }

    /// What the caller sees of it.
    pub fn text_for(&self, caller: &Caller) -> Bytes {
        if caller.scope().is_all() {
            return self.all.clone();
        }
        let theirs = self.jobs.iter().filter(|(name, _)| caller.reaches(name));
        text(self.at_ms, theirs.map(|(_, job)| job.as_str()))
    }
}

fn text<'a>(at_ms: i64, jobs: impl Iterator<Item = &'a str>) -> Bytes {
    let jobs = jobs.collect::<Vec<_>>().join(",");
    Bytes::from(format!("event: jobs\ndata: {{\"at_ms\":{at_ms},\"jobs\":[{jobs}]}}\n\n"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_sees_what_they_do_not_reach() {
        let job = |name: &str| (name.to_owned(), format!("{{\"name\":\"{name}\"}}"));
        let event = Event::new(7, vec![job("coast"), job("north")]);
        let all = event.text_for(&Caller::local("anna"));
        let expected = "event: jobs\ndata: {\"at_ms\":7,\"jobs\":[{\"name\":\"coast\"},{\"name\":\"north\"}]}\n\n";
        assert_eq!(all, expected);
        assert_eq!(
            event.text_for(&Caller::stranger("nobody")),
            "event: jobs\ndata: {\"at_ms\":7,\"jobs\":[]}\n\n"
        );
    }
}
