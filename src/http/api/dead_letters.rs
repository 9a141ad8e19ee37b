//! Dead letters of a job: the newest ones, decoded.

use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use seismic_pipeline::DEAD;
use seismic_proto::{Message as _, SeismicDeadLetter};
use seismic_queue::{Batch, Event, Offset, Partition};
use serde_json::{Value, json};

use super::{location_with, reply};
use crate::cli::json::{Content, Value as Decoded};
use crate::http::{ApiError, Jobs, Right, Route};
use crate::job::location::Location;

/// Letters that are looked at in each partition for those of one reason.
const LOOKED_AT: u64 = 10_000;

/// Letters of an answer.
const MOST: u64 = 500;

pub fn routes(jobs: &Arc<dyn Jobs>) -> Vec<Route> {
    let jobs = Arc::clone(jobs);
    vec![
        Route::get("/api/v1/jobs/{name}/dead-letters", "The newest dead letters, decoded")
            .needs(Right::Read)
            .number("limit", "How many to give, at most 500 [default: 50]")
            .text("reason", "Only those of this reason, among the newest 10,000 of each partition")
            .gives("DeadLetters")
            .handled(move |call| {
                let limit = call.number("limit", 50, MOST)?;
                let location = location_with(&*jobs, call, |topics| topics.dead.as_str())?;
                let found = look(&location, limit as usize, call.query("reason"));
                reply(found.map_err(|error| ApiError::unavailable(&error))?)
            }),
    ]
}

/// A letter with when it was written.
struct DatedLetter {
    append_ms: i64,
    shown: Value,
}

fn look(location: &Location, limit: usize, reason: Option<&str>) -> anyhow::Result<Value> {
    let store = location.open_store()?;
    let view = store.view()?;
    let Some(dead) = view.job.topic_of(DEAD) else {
        return Ok(json!({ "total": 0, "dead_letters": [] }));
    };
    let topic = store.topics().topic(dead)?;
    let (mut total, mut all) = (0, Vec::new());
    for (partition, span) in topic.all().zip(store.topics().spans(&topic)?) {
        total += span.end.0 - span.first.0;
        let most = if reason.is_some() { LOOKED_AT } else { limit as u64 };
        let from = Offset(span.end.0.saturating_sub(most)).max(span.first);
        if limit == 0 || from >= span.end {
            continue;
        }
        let mut reader = store.topics().reader(&topic, &[(partition, from)])?;
        let (mut next, mut spare) = (from, Vec::<Batch>::new());
        let mut of_it = std::collections::VecDeque::new();
        while next < span.end {
            let event = reader.read(Duration::from_secs(5), &mut spare)?;
            let Event::Batch(batch) = event else { break };
            for message in batch.messages().take_while(|message| message.offset < span.end) {
                let Ok(letter) = SeismicDeadLetter::decode(message.value) else { continue };
                if reason.is_none_or(|reason| letter.reason == reason) {
                    of_it.push_back((message.append_ms, message.offset, letter));
                }
                if of_it.len() > limit {
                    of_it.pop_front();
                }
            }
            next = batch.next();
            spare.push(batch);
        }
        all.extend(of_it.into_iter().map(|(append_ms, offset, letter)| DatedLetter {
            append_ms,
            shown: shown(partition, offset, append_ms, &letter),
        }));
    }
    all.sort_by_key(|found| std::cmp::Reverse(found.append_ms));
    let newest: Vec<Value> = all.into_iter().take(limit).map(|found| found.shown).collect();
    Ok(json!({ "total": total, "dead_letters": newest }))
}

fn shown(
    partition: Partition,
    offset: Offset,
    append_ms: i64,
    letter: &SeismicDeadLetter,
) -> Value {
    let is_whole = letter.original_len == letter.bytes.len() as i64;
    let record = Decoded::parse(&letter.bytes, Content::Records).filter(|_| is_whole);
    json!({
        "partition": partition.0,
        "offset": offset.0,
        "written_ms": append_ms,
        "reason": letter.reason,
        "input_topic": letter.input_topic,
        "input_partition": letter.input_partition,
        "input_offset": letter.input_offset,
        "index": letter.index,
        "append_ms": letter.append_ms,
        "original_len": letter.original_len,
        "bytes": STANDARD.encode(&letter.bytes),
        "record": record,
    })
}
