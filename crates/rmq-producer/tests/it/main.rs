//! Whole producers against a cluster in memory, on a paused clock.

#[cfg(feature = "acl")]
mod acl;
mod any_compressed;
mod bounds;
mod callback;
mod cancel;
mod compression;
mod config_file;
mod connection;
mod discovery;
mod enqueue;
mod error_text;
mod fault;
mod golden_compression;
mod golden_hash;
mod golden_namespace;
mod heartbeat;
mod hooks;
mod metrics;
mod name_servers;
mod namespace;
mod oneway;
mod queue_choice;
mod redirect;
mod retry;
mod retry_table;
mod routes;
mod send;
mod send_and_sync;
mod server_requests;
mod sharding;
mod sharing;
mod shutdown;
mod start;
mod static_topic;
mod status;
mod time;
#[cfg(feature = "tls")]
mod tls;
mod unit_and_retry_headers;
mod vip;
mod warm_up;
mod world;
