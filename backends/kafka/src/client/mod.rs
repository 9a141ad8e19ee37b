//! Clients of librdkafka: their configuration and their requests to the cluster.

pub(crate) mod admin;
pub(crate) mod broker_addresses;
pub(crate) mod cluster;
pub(crate) mod connection;
pub(crate) mod coordinator;
pub(crate) mod group_client;
#[allow(unsafe_code, reason = "calls of librdkafka that have no safe wrapper; this file only")]
pub(crate) mod native;
pub(crate) mod offsets;
pub(crate) mod open_transactions;
pub(crate) mod opening;
mod refused_logins;
pub(crate) mod rights;
pub(crate) mod suspension;
pub(crate) mod writing;
