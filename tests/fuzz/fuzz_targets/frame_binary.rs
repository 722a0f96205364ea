//! Any bytes as the binary header of a frame.

#![no_main]

#[path = "../checks/frame.rs"]
mod frame;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| frame::check(frame::Input::Header(1), bytes));
