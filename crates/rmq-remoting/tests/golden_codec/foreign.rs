//! Headers of clients that are neither ours nor Java's or Go's.

use crate::data::{assert_reads_as, assert_survives_our_encoder, cases, decode, text};

#[test]
fn headers_of_old_foreign_clients_are_read() {
    for case in cases("foreign_headers.json") {
        let (name, header) = (text(&case, "name"), text(&case, "header"));
        let length = u32::try_from(header.len()).unwrap();
        let mut frame = (length + 4).to_be_bytes().to_vec();
        frame.extend_from_slice(&length.to_be_bytes());
        frame.extend_from_slice(header.as_bytes());
        let command = decode(&frame).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_reads_as(&command, &case["expected"], name);
        assert_survives_our_encoder(&command, name);
    }
}
