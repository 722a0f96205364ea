//! Any bytes as the answer of a name server.

#![no_main]

#[path = "../checks/route_json.rs"]
mod route_json;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| route_json::check(bytes));
