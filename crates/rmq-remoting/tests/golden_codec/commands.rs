//! Every command a producer sends or gets, as Java writes it.

use crate::data::{assert_reads_as, assert_survives_our_encoder, cases, decode, encode, hex, text};

#[test]
fn every_java_frame_reads_as_java_reads_it() {
    for case in cases("commands.json") {
        let name = text(&case, "name");
        let command = decode(&hex(text(&case, "frame"))).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_reads_as(&command, &case["decoded"], name);
        assert_survives_our_encoder(&command, name);
    }
}

#[test]
fn our_encoder_writes_the_bytes_that_java_wrote() {
    let mut different = Vec::new();
    let all = cases("commands.json");
    for case in &all {
        let frame = hex(text(case, "frame"));
        if encode(&decode(&frame).unwrap()) != frame {
            different.push(text(case, "name"));
        }
    }
    different.sort_unstable();
    let mut known: Vec<_> = WRITTEN_DIFFERENTLY.iter().flat_map(|(_, names)| *names).copied().collect();
    known.sort_unstable();
    assert_eq!(different, known);
}

/// Why we do not write the same bytes, and in which frames.
const WRITTEN_DIFFERENTLY: &[(&str, &[&str])] = &[
    (
        "fastjson 1 escapes U+007F to U+009F, U+2028 and U+2029 too, in upper case; we write as fastjson 2 does",
        &[
            "send V1, escaped [JSON] (4.9.7)",
            "send V2, escaped [JSON] (4.9.7)",
            "send V2 oneway, escaped [JSON] (4.9.7)",
            "send batch, escaped [JSON] (4.9.7)",
            "send reply V1, escaped [JSON] (4.9.7)",
            "send reply V2, escaped [JSON] (4.9.7)",
            "push reply, escaped [JSON] (4.9.7)",
        ],
    ),
    (
        "Java writes a name twice when it is in the header object and in the map; our map has it once",
        &[
            "extra ext fields beside the header [ROCKETMQ] (4.9.7)",
            "extra ext fields beside the header [ROCKETMQ] (5.5.0)",
        ],
    ),
];
