//! Codes, languages and version numbers against the tables of the Java classes.

use rmq_remoting::{LanguageCode, MqVersion, RemotingCommand, RequestCode, ResponseCode};
use serde_json::{Map, Value};

use crate::data::{cases, text};

#[test]
fn every_request_code_of_both_releases_has_its_number() {
    let mut names = 0;
    for (name, number) in tables("request codes") {
        assert_eq!(RequestCode::from_name(&name), Some(RequestCode(number)), "{name}");
        assert_eq!(RequestCode(number).name(), Some(name.as_str()), "no number has two names");
        names += 1;
    }
    assert_eq!(names, 96 + 169);
    assert_eq!(RequestCode::KNOWN.len(), 174);
}

#[test]
fn every_response_code_of_both_releases_has_its_number() {
    for (name, number) in tables("response codes") {
        assert_eq!(ResponseCode::from_name(&name), Some(ResponseCode(number)), "{name}");
    }
    for (name, number) in tables("response codes (5.5.0)") {
        assert_eq!(ResponseCode(number).name(), Some(name.as_str()), "the newer name is shown");
    }
    assert_eq!(ResponseCode::KNOWN.len(), 68);
}

#[test]
fn we_know_no_code_that_java_does_not_know() {
    let known = |kind: &str| tables(kind).into_iter().map(|(_, number)| number).collect::<Vec<_>>();
    let requests = known("request codes");
    assert!(RequestCode::KNOWN.iter().all(|code| requests.contains(&code.0)));
    let responses = known("response codes");
    assert!(ResponseCode::KNOWN.iter().all(|code| responses.contains(&code.0)));
}

#[test]
fn every_language_has_its_code() {
    for (name, number) in tables("language codes") {
        let language = LanguageCode::from_name(&name).unwrap();
        assert_eq!(i32::from(language.code()), number);
        assert_eq!(LanguageCode::from_ordinal(number.into()), Some(language));
        assert_eq!(language.to_string(), name);
    }
    assert_eq!(tables("language codes (5.5.0)").len(), 14);
}

#[test]
fn every_release_has_its_version_number() {
    let releases = tables("version ordinals");
    assert_eq!(releases.len(), 100);
    for (name, number) in releases {
        let parts: Vec<i32> = name.trim_start_matches('V').split('_').map(|part| part.parse().unwrap()).collect();
        assert_eq!(MqVersion::release(parts[0], parts[1], parts[2]), Some(MqVersion(number)), "{name}");
        assert_eq!(MqVersion(number).to_string(), format!("{}.{}.{}", parts[0], parts[1], parts[2]));
    }
}

#[test]
fn our_commands_say_the_newest_release() {
    let case =
        cases("constants.json").into_iter().find(|case| text(case, "name") == "current version (5.5.0)").unwrap();
    let newest = case["expected"]["CURRENT_VERSION"].as_i64().unwrap();
    assert_eq!(i64::from(RemotingCommand::request(RequestCode::HEART_BEAT).version()), newest);
}

/// Names and numbers of all tables whose name starts so.
fn tables(name: &str) -> Vec<(String, i32)> {
    let all = cases("constants.json");
    let tables = all.iter().filter(|case| text(case, "name").starts_with(name));
    let rows: Vec<_> = tables.flat_map(|case| rows(case["expected"].as_object().expect("a table"))).collect();
    assert!(!rows.is_empty(), "no table {name}");
    rows
}

fn rows(table: &Map<String, Value>) -> Vec<(String, i32)> {
    let number = |value: &Value| value.as_i64().and_then(|number| i32::try_from(number).ok()).expect("a number");
    table.iter().map(|(name, value)| (name.clone(), number(value))).collect()
}
