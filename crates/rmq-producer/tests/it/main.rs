//! Whole producers against a cluster in memory, on a paused clock.

mod bounds;
mod callback;
mod cancel;
mod connection;
mod enqueue;
mod error_text;
mod fault;
mod heartbeat;
mod hooks;
mod metrics;
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
