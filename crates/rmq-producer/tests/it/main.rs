//! Whole producers against a cluster in memory, on a paused clock.

mod any_compressed;
mod cancel;
mod connection;
mod error_text;
mod fault;
mod golden_compression;
mod golden_hash;
mod golden_namespace;
mod heartbeat;
mod name_servers;
mod oneway;
mod queue_choice;
mod retry;
mod routes;
mod send;
mod send_and_sync;
mod shutdown;
mod start;
mod status;
mod time;
mod world;
