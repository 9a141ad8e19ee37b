//! Workers of a shared job in the status.

use seismic_queue::GroupMember;
use serde::Serialize;

/// A worker of a job that several share.
#[derive(Clone, Debug, Serialize)]
pub struct MemberStatus {
    /// Its slot.
    pub slot: String,
    /// Its id in the group.
    pub member: String,
    /// Where it runs.
    pub host: String,
    /// Its partitions.
    pub partitions: Vec<u32>,
}

impl MemberStatus {
    pub(super) fn of(member: &GroupMember) -> Self {
        MemberStatus {
            slot: member.slot.clone(),
            member: member.member.clone(),
            host: member.host.clone(),
            partitions: member.partitions.iter().map(|partition| partition.0).collect(),
        }
    }
}
