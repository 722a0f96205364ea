//! JSON headers as text: what is read, and what is refused with which words.

use super::decode;
use crate::codec::FrameLimits;
use crate::{ExtFields, FrameError, LanguageCode, RemotingCommand};

#[test]
fn members_may_be_missing_null_or_text() {
    let command = read(r#"{"opaque":"-5","code":"17","flag":null,"version":null,"remark":null,"extFields":null}"#);
    assert_eq!((command.code(), command.opaque(), command.flag(), command.version()), (17, -5, 0, 0));
    assert_eq!((command.remark(), command.ext_fields()), (None, None));
    assert_eq!(command.language(), Some(LanguageCode::JAVA), "what a Java peer takes a missing one for");
}

#[test]
fn unknown_members_are_skipped_whatever_they_hold() {
    let command = read(
        r#"{"zzz":{"a":[1,-2.5e+7,{"b":null},"\"}]\u00e9"],"code":9},"code":1,"":true,"opaque":2,"Code":3,"x":false}"#,
    );
    assert_eq!((command.code(), command.opaque()), (1, 2));
}

#[test]
fn white_space_and_a_line_feed_behind_the_object_do_no_harm() {
    assert_eq!(
        read("\r\n\t { \"code\" : 1 ,\n\"opaque\":2 , \"extFields\" : { } }\n").ext_fields(),
        Some(&ExtFields::new())
    );
}

#[test]
fn of_repeated_members_the_last_one_counts() {
    let command = read(r#"{"code":1,"opaque":2,"extFields":{"a":"1","b":"2"},"code":3,"extFields":{"a":"4"}}"#);
    assert_eq!((command.code(), command.field("a"), command.field("b")), (3, Some("4"), None));
}

#[test]
fn every_ext_value_becomes_text() {
    let values = r#""n":-12,"f":1.50,"t":true,"o":{"a": [1]},"null":null,"e":"","k\u00e9y":"\u0001""#;
    let command = read(&format!(r#"{{"code":1,"opaque":2,"extFields":{{{values}}}}}"#));
    let fields = command.ext_fields().unwrap();
    let expected = [("n", "-12"), ("f", "1.50"), ("t", "true"), ("o", r#"{"a": [1]}"#), ("e", ""), ("kéy", "\u{1}")];
    assert_eq!(fields.iter().collect::<Vec<_>>(), expected);
}

#[test]
fn escapes_and_raw_control_characters_are_read() {
    let command =
        read("{\"code\":1,\"opaque\":2,\"remark\":\"\\\"\\\\\\/\\b\\f\\n\\r\\t\\u00E9\\ud83d\\uDE80\u{1}\u{2}é\"}");
    assert_eq!(command.remark(), Some("\"\\/\u{8}\u{c}\n\r\té🚀\u{1}\u{2}é"));
}

#[test]
fn a_language_is_a_name_in_any_case_or_an_ordinal() {
    let language = |value: &str| read(&format!(r#"{{"code":1,"opaque":2,"language":{value}}}"#)).language();
    assert_eq!(language("\"rust\""), Some(LanguageCode::RUST));
    assert_eq!(language("9"), Some(LanguageCode::GO));
    assert_eq!(language("\"COBOL\""), None);
    assert_eq!(language("null"), None);
}

#[test]
fn malformed_headers_are_refused_with_the_place_and_the_reason() {
    let cases: &[(&str, usize, &str)] = &[
        ("", 0, "expected an object"),
        ("[]", 0, "expected an object"),
        ("{code:1}", 1, "expected a string"),
        ("{'code':1}", 1, "expected a string"),
        ("{\"code\" 1}", 8, "expected a colon"),
        ("{\"code\":1,}", 10, "expected a string"),
        ("{\"code\":1;", 9, "expected a comma or a closing bracket"),
        ("{\"code\":1} x", 11, "text behind the object"),
        ("{\"code\":true}", 8, "expected a number"),
        ("{\"code\":nil}", 8, "unknown word"),
        ("{\"code\":1.5}", 8, "not an integer of 32 bits"),
        ("{\"code\":2147483648}", 8, "not an integer of 32 bits"),
        ("{\"code\":\"x\"}", 8, "not an integer of 32 bits"),
        ("{\"code\":01}", 9, "expected a comma or a closing bracket"),
        ("{\"code\":-}", 9, "expected a digit"),
        ("{\"x\":1.}", 7, "expected a digit"),
        ("{\"x\":1e}", 7, "expected a digit"),
        ("{\"x\":tru}", 5, "unknown word"),
        ("{\"x\":}", 5, "expected a value"),
        ("{\"x\":\"abc", 9, "a string without end"),
        ("{\"x\":\"\\x\"}", 7, "unknown escape"),
        ("{\"x\":\"\\u12g4\"}", 10, "expected four hexadecimal digits"),
        ("{\"x\":\"\\ud83d\"}", 12, "half of a surrogate pair"),
        ("{\"x\":\"\\ude80\"}", 12, "half of a surrogate pair"),
        ("{\"x\":\"\\ud83d\\u0041\"}", 18, "half of a surrogate pair"),
        ("{\"language\":14}", 12, "no language has this number"),
        ("{\"language\":true}", 12, "expected a number"),
        ("{\"extFields\":\"\"}", 13, "expected an object"),
        ("{\"extFields\":{\"a\"}}", 17, "expected a colon"),
        ("\u{feff}{}", 0, "expected an object"),
    ];
    for &(header, at, reason) in cases {
        assert_eq!(refuse(header.as_bytes()), FrameError::Json { at, reason }, "{header}");
    }
    assert_eq!(refuse(b"{\"x\":\"\xff\"}"), FrameError::NotUtf8 { at: 6 });
    assert_eq!(refuse(br#"{"opaque":1}"#), FrameError::Missing("code"));
    assert_eq!(refuse(br#"{"code":1,"opaque":null}"#), FrameError::Missing("opaque"));
}

#[test]
fn nesting_is_bounded() {
    let nested = |depth: usize| format!(r#"{{"code":1,"opaque":2,"x":{}{}}}"#, "[".repeat(depth), "]".repeat(depth));
    assert_eq!(read(&nested(63)).code(), 1);
    let too_deep = FrameError::Json { at: 88, reason: "nested too deep" };
    assert_eq!(refuse(nested(64).as_bytes()), too_deep);
    let bottomless = format!(r#"{{"x":{}"#, "{\"y\":".repeat(100_000));
    assert!(matches!(refuse(bottomless.as_bytes()), FrameError::Json { reason: "nested too deep", .. }));
}

fn read(header: &str) -> RemotingCommand {
    decode(header.as_bytes(), &FrameLimits::default()).unwrap_or_else(|error| panic!("{header}: {error}"))
}

fn refuse(header: &[u8]) -> FrameError {
    decode(header, &FrameLimits::default()).expect_err("a refusal")
}
