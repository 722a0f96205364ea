//! The seeds of the fuzz targets on frames, replayed; `cargo xtask fuzz` goes further.

#[path = "../../../tests/fuzz/checks/frame.rs"]
mod frame;
#[path = "../../../tests/fuzz/checks/seeds.rs"]
mod seeds;

use frame::Input;

#[test]
fn every_seed_of_a_json_header_is_read_safely() {
    seeds::replay("frame_json", |bytes| frame::check(Input::Header(0), bytes));
}

#[test]
fn every_seed_of_a_binary_header_is_read_safely() {
    seeds::replay("frame_binary", |bytes| frame::check(Input::Header(1), bytes));
}

#[test]
fn every_seed_of_a_stream_is_read_safely() {
    seeds::replay("frame_stream", |bytes| frame::check(Input::Stream, bytes));
}
