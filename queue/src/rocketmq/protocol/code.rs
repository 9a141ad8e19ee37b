//! Numbers of requests and answers, with the names of RocketMQ's `RequestCode`, `ResponseCode`,
//! `PullSysFlag` and `MessageSysFlag`.

/// What is asked (`RequestCode`).
pub(in crate::rocketmq) mod request {
    pub(in crate::rocketmq) const PULL_MESSAGE: i32 = 11;
    pub(in crate::rocketmq) const UPDATE_CONSUMER_OFFSET: i32 = 15;
    pub(in crate::rocketmq) const UPDATE_AND_CREATE_TOPIC: i32 = 17;
    pub(in crate::rocketmq) const GET_BROKER_CONFIG: i32 = 26;
    pub(in crate::rocketmq) const GET_BROKER_RUNTIME_INFO: i32 = 28;
    pub(in crate::rocketmq) const SEARCH_OFFSET_BY_TIMESTAMP: i32 = 29;
    pub(in crate::rocketmq) const GET_MAX_OFFSET: i32 = 30;
    pub(in crate::rocketmq) const GET_MIN_OFFSET: i32 = 31;
    pub(in crate::rocketmq) const HEART_BEAT: i32 = 34;
    pub(in crate::rocketmq) const GET_ROUTEINFO_BY_TOPIC: i32 = 105;
    pub(in crate::rocketmq) const GET_BROKER_CLUSTER_INFO: i32 = 106;
    pub(in crate::rocketmq) const GET_ALL_TOPIC_LIST_FROM_NAMESERVER: i32 = 206;
    pub(in crate::rocketmq) const SEND_BATCH_MESSAGE: i32 = 320;
}

/// What is answered (`ResponseCode`).
pub(in crate::rocketmq) mod response {
    pub(in crate::rocketmq) const SUCCESS: i32 = 0;
    pub(in crate::rocketmq) const SYSTEM_ERROR: i32 = 1;
    pub(in crate::rocketmq) const SYSTEM_BUSY: i32 = 2;
    pub(in crate::rocketmq) const FLUSH_DISK_TIMEOUT: i32 = 10;
    pub(in crate::rocketmq) const SLAVE_NOT_AVAILABLE: i32 = 11;
    pub(in crate::rocketmq) const FLUSH_SLAVE_TIMEOUT: i32 = 12;
    pub(in crate::rocketmq) const MESSAGE_ILLEGAL: i32 = 13;
    pub(in crate::rocketmq) const SERVICE_NOT_AVAILABLE: i32 = 14;
    pub(in crate::rocketmq) const NO_PERMISSION: i32 = 16;
    pub(in crate::rocketmq) const TOPIC_NOT_EXIST: i32 = 17;
    pub(in crate::rocketmq) const PULL_NOT_FOUND: i32 = 19;
    pub(in crate::rocketmq) const PULL_RETRY_IMMEDIATELY: i32 = 20;
    pub(in crate::rocketmq) const PULL_OFFSET_MOVED: i32 = 21;
}

/// How a pull is to be done (`PullSysFlag`).
pub(in crate::rocketmq) mod pull {
    /// Wait for messages when there are none.
    pub(in crate::rocketmq) const SUSPEND: i32 = 1 << 1;
    /// The subscription is in the request, not in a heartbeat.
    pub(in crate::rocketmq) const SUBSCRIPTION: i32 = 1 << 2;
}

/// What a stored message says of itself (`MessageSysFlag`).
pub(in crate::rocketmq) mod stored {
    pub(in crate::rocketmq) const COMPRESSED: i32 = 1;
    /// The sender's address has 16 bytes.
    pub(in crate::rocketmq) const BORNHOST_V6: i32 = 1 << 4;
    /// The broker's address has 16 bytes.
    pub(in crate::rocketmq) const STOREHOST_V6: i32 = 1 << 5;
    /// The body is several messages under one offset (topics with `queue.type=BatchCQ`).
    pub(in crate::rocketmq) const INNER_BATCH: i32 = 1 << 7;
    pub(in crate::rocketmq) const COMPRESSION_TYPE: i32 = 0x700;
    pub(in crate::rocketmq) const COMPRESSION_LZ4: i32 = 0x100;
    pub(in crate::rocketmq) const COMPRESSION_ZSTD: i32 = 0x200;
}
