//! What targets get: documented JSON, signed, or the text that Slack shows.

use hmac::{Hmac, KeyInit as _, Mac as _};
use serde_json::{Value, json};
use sha2::Sha256;

use super::keeper::Change;

/// Version of the JSON.
const VERSION: u32 = 1;

/// The JSON of changes that are told together.
#[must_use]
pub fn body(server: &str, now_ms: i64, changes: &[(String, Change)]) -> Value {
    let one = |(job, change): &(String, Change)| {
        json!({
            "job": job,
            "kind": change.kind.name(),
            "state": if change.is_raised { "raised" } else { "recovered" },
            "text": change.text,
            "since_ms": change.since_ms,
        })
    };
    json!({
        "version": VERSION,
        "server": server,
        "sent_ms": now_ms,
        "alarms": changes.iter().map(one).collect::<Vec<_>>(),
    })
}

/// The same as Slack and what understands its webhooks show it.
#[must_use]
pub fn slack(server: &str, changes: &[(String, Change)]) -> Value {
    let one = |(job, change): &(String, Change)| match change.is_raised {
        true => format!("*{job}* ({}): {}", change.kind, change.text),
        false => format!("*{job}* ({}) is over: {}", change.kind, change.text),
    };
    let lines: Vec<String> = changes.iter().map(one).collect();
    json!({ "text": format!("seismic on {server}\n{}", lines.join("\n")) })
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
    use super::super::kind::Kind;
    use super::*;

    #[test]
    fn a_body_says_what_and_since_when() {
        let change = Change {
            kind: Kind::Failure,
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
    fn a_signature_is_that_of_rfc_4231() {
        // Test case 2.
        let digits = signature(b"Jefe", b"what do ya want for nothing?");
        assert!(digits.starts_with("5bdcc146bf60754e6a042426089575c7"), "{digits}");
    }
}
