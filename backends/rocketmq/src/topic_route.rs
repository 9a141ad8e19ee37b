//! The queues of a topic, as reported by nameservers (`TopicRouteData`, `ClusterInfo`).
//!
//! A partition is one queue of one broker. They are numbered by the name of the broker, then by the
//! number of the queue, which is the same for every client and nameserver. The numbering is part of
//! the topic id, which the store of a job keeps: a job whose queues would be renumbered is refused.
#![deny(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use std::collections::BTreeMap;

use serde::Deserialize;

use crate::error::{Error, Result};
use crate::limits;

/// Bit of a queue's permission (`PermName`): it may be read.
const READABLE: i32 = 4;

/// The queues of a topic in order of partitions, and the brokers that have them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Route {
    pub(crate) queues: Vec<BrokerQueue>,
    /// Address of each broker's master, by the broker's name.
    pub(crate) masters: BTreeMap<String, String>,
}

/// One queue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct BrokerQueue {
    pub(crate) broker: String,
    pub(crate) queue: u32,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct TopicRouteData {
    #[serde(default)]
    queue_datas: Vec<QueueData>,
    #[serde(default)]
    broker_datas: Vec<BrokerData>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct QueueData {
    broker_name: String,
    read_queue_nums: u32,
    perm: i32,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct BrokerData {
    broker_name: String,
    broker_addrs: BTreeMap<String, String>,
}

impl BrokerData {
    /// Number 0 is the master.
    fn master(self) -> Option<(String, String)> {
        let BrokerData { broker_name, mut broker_addrs } = self;
        Some((broker_name, broker_addrs.remove("0")?))
    }
}

impl Route {
    /// Reads the body of a nameserver's answer.
    ///
    /// # Errors
    /// [`Error::Frame`] when it is not a route or names more than anyone has.
    pub(crate) fn parse(body: &[u8]) -> Result<Route> {
        let what = "it is not a route";
        let data: TopicRouteData =
            serde_json::from_slice(body).map_err(|_| Error::Frame { what })?;
        let mut readable: Vec<_> =
            data.queue_datas.into_iter().filter(|queue| queue.perm & READABLE != 0).collect();
        readable.sort_by(|a, b| a.broker_name.cmp(&b.broker_name));
        let mut queues = Vec::new();
        for QueueData { broker_name: broker, read_queue_nums, .. } in readable {
            let of_broker =
                (0..read_queue_nums).map(|queue| BrokerQueue { broker: broker.clone(), queue });
            queues.extend(of_broker.take(limits::ROUTE_ENTRIES.saturating_add(1)));
            if queues.len() > limits::ROUTE_ENTRIES {
                return Err(Error::Frame { what: "it is a route of more queues than the limit" });
            }
        }
        let masters = data.broker_datas.into_iter().filter_map(BrokerData::master).collect();
        Ok(Route { queues, masters })
    }

    /// What tells this numbering of queues from another: `broker:queues` of each broker in order.
    pub(crate) fn numbering(&self) -> String {
        let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
        for place in &self.queues {
            let count = counts.entry(&place.broker).or_default();
            *count = count.saturating_add(1);
        }
        let of_each = counts.iter().map(|(broker, count)| format!("{broker}:{count}"));
        of_each.collect::<Vec<_>>().join("+")
    }
}

/// The brokers of a cluster.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct ClusterInfo {
    /// Address of each broker's master, by the broker's name.
    pub(crate) masters: BTreeMap<String, String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ClusterInfoData {
    #[serde(default)]
    broker_addr_table: BTreeMap<String, BrokerData>,
}

impl ClusterInfo {
    /// Reads the body of a nameserver's answer.
    ///
    /// # Errors
    /// [`Error::Frame`] when it is not one.
    pub(crate) fn parse(body: &[u8]) -> Result<ClusterInfo> {
        // A nameserver writes the numbers of brokers as bare JSON keys here, whatever is asked for.
        let text = quote_numeric_keys(body);
        let what = "it is not a list of brokers";
        let data: ClusterInfoData =
            serde_json::from_slice(&text).map_err(|_| Error::Frame { what })?;
        let masters = data.broker_addr_table.into_values().filter_map(BrokerData::master);
        Ok(ClusterInfo { masters: masters.collect() })
    }
}

/// Puts quotes around keys like `{0:` and `,1:`, as fastjson writes maps with numeric keys.
fn quote_numeric_keys(json: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(json.len());
    let (mut in_text, mut escaped, mut number) = (false, false, None);
    let mut after_break = false;
    for &byte in json {
        if in_text {
            in_text = escaped || byte != b'"';
            escaped = byte == b'\\' && !escaped;
        } else if byte.is_ascii_digit() && (after_break || number.is_some()) {
            number.get_or_insert(out.len());
        } else {
            if let (b':', Some(start)) = (byte, number) {
                out.insert(start, b'"');
                out.push(b'"');
            }
            number = None;
            in_text = byte == b'"';
        }
        after_break = !in_text && matches!(byte, b'{' | b',');
        out.push(byte);
    }
    out
}

#[cfg(test)]
#[allow(clippy::arithmetic_side_effects, clippy::indexing_slicing)]
mod tests {
    use super::*;

    const ROUTE: &str = r#"{"brokerDatas":[
        {"brokerAddrs":{"0":"127.0.0.1:2","1":"127.0.0.1:3"},"brokerName":"b","cluster":"c"},
        {"brokerAddrs":{"0":"127.0.0.1:1"},"brokerName":"a","cluster":"c"}],
        "filterServerTable":{},"queueDatas":[
        {"brokerName":"b","perm":6,"readQueueNums":2,"topicSysFlag":0,"writeQueueNums":2},
        {"brokerName":"a","perm":6,"readQueueNums":1,"topicSysFlag":0,"writeQueueNums":1},
        {"brokerName":"z","perm":2,"readQueueNums":9,"topicSysFlag":0,"writeQueueNums":9}]}"#;

    #[test]
    fn queues_are_numbered_by_broker_and_queue_whatever_the_order_of_the_answer() {
        let route = Route::parse(ROUTE.as_bytes()).unwrap();
        let places: Vec<_> = route.queues.iter().map(|p| (&*p.broker, p.queue)).collect();
        assert_eq!(places, [("a", 0), ("b", 0), ("b", 1)]);
        assert_eq!(route.numbering(), "a:1+b:2");
        assert_eq!(route.masters["b"], "127.0.0.1:2");
    }

    #[test]
    fn a_route_of_endless_queues_is_refused() {
        let text = ROUTE.replace("\"readQueueNums\":2", "\"readQueueNums\":4294967295");
        assert!(matches!(Route::parse(text.as_bytes()), Err(Error::Frame { .. })));
    }

    #[test]
    fn bare_numbers_as_keys_are_understood_and_text_is_left_alone() {
        let text =
            r#"{"brokerAddrTable":{"a":{"brokerAddrs":{0:"1,2:3",1:"x\"{4:"},"brokerName":"a"}}}"#;
        let info = ClusterInfo::parse(text.as_bytes()).unwrap();
        assert_eq!(info.masters["a"], "1,2:3");
        let quoted = String::from_utf8(quote_numeric_keys(text.as_bytes())).unwrap();
        assert!(quoted.contains(r#"{"0":"1,2:3","1":"x\"{4:"}"#), "{quoted}");
    }
}
