//! Whole producers against whole clusters: scripted ones in memory and over TCP, and real Apache RocketMQ 4.9.7 and 5.5.0.
//!
//! A behaviour is one test that runs in every [`place`]; what a broker holds is read back by something that is not ours (the Java
//! client) or by the scripted cluster, and compared message by message.

mod access_control;
mod bad_input;
mod bodies;
mod broker_faults;
mod compressed_bodies;
mod concurrency;
mod expectation;
mod foreign_client;
mod header_forms;
mod heartbeat;
mod java_client;
mod ledger;
mod moves;
mod oneway;
mod place;
mod properties;
mod refusals_live;
mod restart;
mod routes;
mod send;
mod shared_instance;
mod static_topics;
mod status;
mod stored;
mod tls;
mod topic_admin;
mod trouble;
mod wire_tap;
