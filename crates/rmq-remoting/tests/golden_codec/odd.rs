//! Frames that no well-behaved peer sends: the same result as Java, or a typed refusal that is listed here with its
//! reason.

use rmq_remoting::FrameError;

use crate::data::{assert_reads_as, assert_survives_our_encoder, cases, decode, hex, text};

#[test]
fn odd_frames_end_as_in_java_but_for_the_listed_differences() {
    let mut met = Vec::new();
    for case in cases("commands_odd.json") {
        let name = text(&case, "name");
        let ours = decode(&hex(text(&case, "frame")));
        let difference = DIFFERENCES.iter().find(|difference| difference.name == name);
        if let Some(difference) = difference {
            met.push(name.to_owned());
            match (&ours, &difference.ours) {
                (Err(error), Ours::Refuses(expected)) => assert_eq!(&error.to_string(), expected, "{name}"),
                (Ok(command), Ours::Reads(language)) => {
                    assert_eq!(command.language().map(|language| language.to_string()).as_deref(), Some(*language));
                }
                _ => panic!("{name}: {ours:?}, but {}", difference.reason),
            }
            continue;
        }
        match (&ours, case["expected"]["error"].as_str()) {
            (Ok(command), None) => {
                assert_reads_as(command, &case["expected"], name);
                assert_survives_our_encoder(command, name);
            }
            (Err(_), Some(_)) => {}
            _ => panic!("{name}: {ours:?}, Java: {}", case["expected"]),
        }
    }
    assert_eq!(met.len(), DIFFERENCES.len(), "only {met:?} exist");
}

#[test]
fn refusals_say_what_is_wrong() {
    let refusal = |name: &str| {
        let all = cases("commands_odd.json");
        let case = all.iter().find(|case| text(case, "name") == name).unwrap_or_else(|| panic!("no case {name}"));
        decode(&hex(text(case, "frame"))).expect_err("a refusal")
    };
    assert_eq!(refusal("serialize type 2"), FrameError::UnknownEncoding(2));
    assert_eq!(refusal("header length beyond the frame"), FrameError::HeaderOverrunsFrame { header: 11, frame: 10 });
    let json = |at, reason| FrameError::Json { at, reason };
    assert_eq!(refusal("JSON: empty header"), json(0, "expected an object"));
    assert_eq!(refusal("JSON: truncated text"), json(30, "expected a comma or a closing bracket"));
    assert_eq!(refusal("JSON: language a number out of range"), json(30, "no language has this number"));
    let binary = |at, reason| FrameError::Binary { at, reason };
    assert_eq!(refusal("binary: header shorter than 21 bytes"), binary(5, "the header ends in the middle of a number"));
    assert_eq!(refusal("binary: remark longer than the header"), binary(17, "an impossible text length"));
    assert_eq!(
        refusal("binary: ext block longer than the header"),
        binary(21, "an ext block that overruns the header")
    );
    assert_eq!(refusal("binary: ext entry truncated"), binary(28, "an impossible text length"));
}

/// A case that we treat differently from the Java release it names, on purpose.
struct Difference {
    name: &'static str,
    ours: Ours,
    reason: &'static str,
}

enum Ours {
    /// Refuses with this text.
    Refuses(&'static str),
    /// Reads the command, with this language.
    Reads(&'static str),
}

/// Not listed, because it is the same everywhere: Java keeps a field whose value is null, we leave it out.
const DIFFERENCES: &[Difference] = &[
    Difference {
        name: "JSON: only code",
        ours: Ours::Refuses("the header has no `opaque`"),
        reason: "nobody can be answered, or was asked, by a number that the receiver makes up",
    },
    Difference {
        name: "JSON: empty object",
        ours: Ours::Refuses("the header has no `code`"),
        reason: "0 would be a success to a client",
    },
    Difference {
        name: "JSON: unquoted keys (4.9.7)",
        ours: Ours::Refuses("malformed JSON header at byte 1: expected a string"),
        reason: "5.5.0 refuses them too, and no known peer writes them in a header",
    },
    Difference {
        name: "JSON: language NODE_JS (4.9.7)",
        ours: Ours::Reads("NODE_JS"),
        reason: "we know the language, as releases since 5.3.2 do",
    },
    Difference {
        name: "binary: language code 13 (4.9.7)",
        ours: Ours::Reads("NODE_JS"),
        reason: "we know the language, as releases since 5.3.2 do",
    },
];
