//! Numbers of requests and answers, with the names of RocketMQ's `RequestCode`, `ResponseCode`,
//! `PullSysFlag` and `MessageSysFlag`.

/// What is asked (`RequestCode`).
pub(crate) mod request {
    pub(crate) const PULL_MESSAGE: i32 = 11;
    pub(crate) const UPDATE_CONSUMER_OFFSET: i32 = 15;
    pub(crate) const UPDATE_AND_CREATE_TOPIC: i32 = 17;
    pub(crate) const GET_BROKER_CONFIG: i32 = 26;
    pub(crate) const GET_BROKER_RUNTIME_INFO: i32 = 28;
    pub(crate) const SEARCH_OFFSET_BY_TIMESTAMP: i32 = 29;
    pub(crate) const GET_MAX_OFFSET: i32 = 30;
    pub(crate) const GET_MIN_OFFSET: i32 = 31;
    pub(crate) const HEART_BEAT: i32 = 34;
    pub(crate) const GET_ROUTEINFO_BY_TOPIC: i32 = 105;
    pub(crate) const GET_BROKER_CLUSTER_INFO: i32 = 106;
    pub(crate) const GET_ALL_TOPIC_LIST_FROM_NAMESERVER: i32 = 206;
    pub(crate) const SEND_BATCH_MESSAGE: i32 = 320;
}

/// What is answered (`ResponseCode`).
pub(crate) mod response {
    pub(crate) const SUCCESS: i32 = 0;
    pub(crate) const SYSTEM_ERROR: i32 = 1;
    pub(crate) const SYSTEM_BUSY: i32 = 2;
    pub(crate) const FLUSH_DISK_TIMEOUT: i32 = 10;
    pub(crate) const SLAVE_NOT_AVAILABLE: i32 = 11;
    pub(crate) const FLUSH_SLAVE_TIMEOUT: i32 = 12;
    pub(crate) const MESSAGE_ILLEGAL: i32 = 13;
    pub(crate) const SERVICE_NOT_AVAILABLE: i32 = 14;
    pub(crate) const NO_PERMISSION: i32 = 16;
    pub(crate) const TOPIC_NOT_EXIST: i32 = 17;
    pub(crate) const PULL_NOT_FOUND: i32 = 19;
    pub(crate) const PULL_RETRY_IMMEDIATELY: i32 = 20;
    pub(crate) const PULL_OFFSET_MOVED: i32 = 21;
}

/// How a pull is to be done (`PullSysFlag`).
pub(crate) mod pull {
    /// Wait for messages when there are none.
    pub(crate) const SUSPEND: i32 = 1 << 1;
    /// The subscription is in the request, not in a heartbeat.
    pub(crate) const SUBSCRIPTION: i32 = 1 << 2;
}

/// What a stored message says of itself (`MessageSysFlag`).
pub(crate) mod stored {
    pub(crate) const COMPRESSED: i32 = 1;
    /// The sender's address has 16 bytes.
    pub(crate) const BORNHOST_V6: i32 = 1 << 4;
    /// The broker's address has 16 bytes.
    pub(crate) const STOREHOST_V6: i32 = 1 << 5;
    /// The body is several messages under one offset (topics with `queue.type=BatchCQ`).
    pub(crate) const INNER_BATCH: i32 = 1 << 7;
    pub(crate) const COMPRESSION_TYPE: i32 = 0x700;
    pub(crate) const COMPRESSION_LZ4: i32 = 0x100;
    pub(crate) const COMPRESSION_ZSTD: i32 = 0x200;
}
