//! Alarm messages: documented and signed JSON, or text for Slack.

use hmac::{Hmac, KeyInit as _, Mac as _};
use serde_json::{Value, json};
use sha2::Sha256;

use super::keeper::Change;
use super::kind::Kind;

/// Version of the JSON.
const VERSION: u32 = 1;

/// Changes of one kind of one job that are listed individually; more of them become one entry.
const ONE_BY_ONE: usize = 5;

/// Texts that such an entry quotes.
const QUOTED: usize = 3;

/// Lines of a message to Slack: more are counted.
const LINES: usize = 40;

/// Changes of one kind that a target gets as one entry.
#[derive(Debug, PartialEq, Eq)]
struct Entry<'a> {
    job: &'a str,
    kind: Kind,
    subject: &'a str,
    is_raised: bool,
    since_ms: i64,
    text: String,
    /// How many changes it stands for.
    count: usize,
}

/// The message for changes: one entry each, or one for all of a kind of a job where they are many.
fn entries(changes: &[(String, Change)]) -> Vec<Entry<'_>> {
    let mut groups: Vec<Vec<&(String, Change)>> = Vec::new();
    for change in changes {
        let is_its = |group: &&mut Vec<&(String, Change)>| {
            let (job, first) = group[0];
            (job, first.kind, first.is_raised) == (&change.0, change.1.kind, change.1.is_raised)
        };
        match groups.iter_mut().find(is_its) {
            Some(group) => group.push(change),
            None => groups.push(vec![change]),
        }
    }
    let mut all = Vec::new();
    for group in groups {
        if group.len() <= ONE_BY_ONE {
            all.extend(group.into_iter().map(|(job, change)| Entry {
                job,
                kind: change.kind,
                subject: &change.subject,
                is_raised: change.is_raised,
                since_ms: change.since_ms,
                text: change.text.clone(),
                count: 1,
            }));
            continue;
        }
        let (job, first) = group[0];
        let quoted: Vec<&str> = group.iter().take(QUOTED).map(|(_, it)| &*it.text).collect();
        let (count, more) = (group.len(), group.len() - quoted.len());
        all.push(Entry {
            job,
            kind: first.kind,
            subject: "",
            is_raised: first.is_raised,
            since_ms: group.iter().map(|(_, it)| it.since_ms).min().unwrap_or(first.since_ms),
            text: format!("{}; and {more} more", quoted.join("; ")),
            count,
        });
    }
    all
}

/// The JSON of changes that are delivered together.
#[must_use]
pub fn body(server: &str, now_ms: i64, changes: &[(String, Change)]) -> Value {
    let one = |entry: Entry<'_>| {
        json!({
            "job": entry.job,
            "kind": entry.kind.name(),
            "subject": entry.subject,
            "state": if entry.is_raised { "raised" } else { "recovered" },
            "text": entry.text,
            "since_ms": entry.since_ms,
            "count": entry.count,
        })
    };
    json!({
        "version": VERSION,
        "server": server,
        "sent_ms": now_ms,
        "alarms": entries(changes).into_iter().map(one).collect::<Vec<_>>(),
    })
}

/// The same as Slack and what understands its webhooks show it.
#[must_use]
pub fn slack(server: &str, changes: &[(String, Change)]) -> Value {
    let one = |entry: Entry<'_>| match entry.is_raised {
        true => format!("*{}* ({}): {}", entry.job, entry.kind, entry.text),
        false => format!("*{}* ({}) is over: {}", entry.job, entry.kind, entry.text),
    };
    let mut lines: Vec<String> =
        entries(changes).into_iter().map(one).map(|it| escaped(&it)).collect();
    let more = lines.len().saturating_sub(LINES);
    if more > 0 {
        lines.truncate(LINES);
        lines.push(format!("and {more} more"));
    }
    json!({ "text": format!("seismic on {server}\n{}", lines.join("\n")) })
}

/// Text in which Slack sees no link and no mention: what sensors call themselves may be in it.
fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

/// The signature of a body: HMAC-SHA256 as hexadecimal digits.
#[must_use]
pub fn signature(secret: &[u8], body: &[u8]) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret).expect("HMAC takes keys of any length");
    mac.update(body);
    mac.finalize().into_bytes().iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_body_says_what_and_since_when() {
        let change = Change {
            kind: Kind::Failure,
            subject: String::new(),
            is_raised: true,
            text: "it is gone".to_owned(),
            since_ms: 5,
        };
        let changes = [("coast".to_owned(), change)];
        let body = body("host", 7, &changes);
        assert_eq!(body["alarms"][0]["kind"], "failure");
        assert_eq!(body["alarms"][0]["state"], "raised");
        assert_eq!((&body["sent_ms"], &body["version"]), (&json!(7), &json!(1)));
        assert!(slack("host", &changes)["text"].as_str().unwrap().contains("*coast* (failure)"));
    }

    #[test]
    fn many_of_one_kind_are_one_entry_and_slack_sees_no_mentions() {
        let change = |n: usize| Change {
            kind: Kind::SensorNoData,
            subject: format!("S{n}"),
            is_raised: true,
            text: format!("S{n} is silent <!channel>"),
            since_ms: n as i64,
        };
        let changes: Vec<_> = (1..=137).map(|n| ("coast".to_owned(), change(n))).collect();
        let all = body("host", 7, &changes);
        assert_eq!(all["alarms"].as_array().unwrap().len(), 1);
        let one = &all["alarms"][0];
        assert_eq!((&one["count"], &one["since_ms"]), (&json!(137), &json!(1)));
        assert!(one["text"].as_str().unwrap().ends_with("; and 134 more"), "{one}");
        assert_eq!(body("host", 7, &changes[..5])["alarms"].as_array().unwrap().len(), 5);
        let text = slack("host", &changes)["text"].to_string();
        assert!(text.contains("&lt;!channel&gt;") && !text.contains("<!channel>"), "{text}");
        let of_jobs: Vec<_> = (0..200).map(|n| (format!("job{n}"), change(n))).collect();
        let text = slack("host", &of_jobs)["text"].as_str().unwrap().to_owned();
        assert!(text.lines().count() < 50 && text.ends_with("and 160 more"), "{text}");
    }

    #[test]
    fn a_signature_is_that_of_rfc_4231() {
        // Test case 2.
        let digits = signature(b"Jefe", b"what do ya want for nothing?");
        assert!(digits.starts_with("5bdcc146bf60754e6a042426089575c7"), "{digits}");
    }
}
