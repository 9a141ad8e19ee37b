//! Which worker has which partition, where several share a job.

use seismic_queue::{GroupMember, Partition};
use serde_json::{Value, json};

/// For people.
pub fn text(members: &[GroupMember], partitions: u32) -> String {
    if members.is_empty() {
        return "\nno worker is at work\n".to_owned();
    }
    let width = members.iter().map(|member| member.slot.len()).max().unwrap_or(0).max(4);
    let mut text = format!("\n{:<width$}  {:<15}  {:<15}  member\n", "slot", "host", "partitions");
    for GroupMember { slot, member, host, partitions } in members {
        let numbers: Vec<_> = partitions.iter().map(Partition::to_string).collect();
        text += &format!("{slot:<width$}  {host:<15}  {:<15}  {member}\n", numbers.join(" "));
    }
    let is_free = |partition: &u32| {
        members.iter().all(|member| !member.partitions.contains(&Partition(*partition)))
    };
    let free: Vec<_> = (0..partitions).filter(is_free).map(|number| number.to_string()).collect();
    if !free.is_empty() {
        text += &format!("nobody has partition {} at this moment\n", free.join(", "));
    }
    text
}

/// For programs.
pub fn json(members: &[GroupMember]) -> Value {
    let member = |it: &GroupMember| {
        json!({
            "slot": it.slot,
            "member": it.member,
            "host": it.host,
            "partitions": it.partitions.iter().map(|partition| partition.0).collect::<Vec<_>>(),
        })
    };
    members.iter().map(member).collect()
}
