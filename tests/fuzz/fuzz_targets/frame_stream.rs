//! Any bytes as all that a peer sends.

#![no_main]

#[path = "../checks/frame.rs"]
mod frame;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| frame::check(frame::Input::Stream, bytes));
