//! Unique ids, offset ids and checksums, as Java makes and reads them.

use std::net::{IpAddr, SocketAddr};

use rmq_message::stored::body_crc;
use rmq_message::{MonthStarts, OffsetId, UniqueId};
use serde_json::Value;

use crate::golden::{Case, bytes, cases, number, text};

/// Beginnings of names that are none of this crate's business.
const NOT_OURS: &[(&str, &str)] = &[
    ("hex text ", "reading hex is no public function; ids are read through FromStr"),
    ("address ", "which address a client shows is chosen by the client, not by the id"),
];

#[test]
fn ids_are_those_of_java() {
    let cases = cases(include_str!("../golden/ids.json"));
    for (beginning, _) in NOT_OURS {
        assert!(cases.iter().any(|case| case.name.starts_with(beginning)), "no case {beginning}");
    }
    for case in cases {
        let of = |beginning| case.name.starts_with(beginning);
        if of("create unique id: ") {
            create_unique_id(&case);
        } else if of("read unique id: ") {
            read_unique_id(&case);
        } else if of("time of unique id: ") {
            time_of_unique_id(&case);
        } else if of("create offset id: ") {
            create_offset_id(&case);
        } else if of("decode offset id: ") {
            decode_offset_id(&case);
        } else if of("crc32 of ") {
            let crc: u32 = number(&case.expected["crc32"]);
            assert_eq!(body_crc(&bytes(&case.inputs["data"])), crc, "{}", case.name);
        } else {
            assert!(NOT_OURS.iter().any(|(beginning, _)| of(beginning)), "no test for {}", case.name);
        }
    }
}

fn create_unique_id(Case { name, inputs, expected }: &Case) {
    let ip = text(&inputs["ip"]).parse().expect("an address");
    let identity: i32 = number(&inputs["hash"]);
    let id = UniqueId::from_parts(
        ip,
        number(&inputs["pid"]),
        u32::from_be_bytes(identity.to_be_bytes()),
        number(&inputs["diff_ms"]),
        number(&inputs["counter"]),
    );
    assert_eq!(id, text(&expected["id"]), "{name}");
}

fn read_unique_id(Case { name, inputs, expected }: &Case) {
    let id = unique_id(&inputs["id"]);
    assert_eq!(id.ip(), ip(&expected["ip"]), "{name}");
    assert_eq!(id.process_id(), number::<u16>(&expected["pid"]), "{name}");
    assert_eq!(id, text(&inputs["id"]), "{name}");
}

fn time_of_unique_id(Case { name, inputs, expected }: &Case) {
    let months = MonthStarts::new(number(&inputs["month_start_ms"]), number(&inputs["previous_month_start_ms"]));
    let now_ms = number(&inputs["now_ms"]);
    let time_ms = unique_id(&inputs["id"]).time_ms(now_ms, months);
    assert_eq!(time_ms, number::<i64>(&expected["time_ms"]), "{name}");
    // the zones of the cases have one offset in both months but for New York, which changes its clocks in November
    match text(&inputs["time_zone"]) {
        "UTC" => assert_eq!(MonthStarts::utc(now_ms), months, "{name}"),
        "Asia/Shanghai" => assert_eq!(MonthStarts::at_offset(now_ms, 8 * 3_600), months, "{name}"),
        zone => assert_eq!(zone, "America/New_York"),
    }
}

fn create_offset_id(Case { name, inputs, expected }: &Case) {
    let ip: IpAddr = text(&inputs["ip"]).parse().expect("an address");
    let id = OffsetId::new(SocketAddr::new(ip, number(&inputs["port"])), number(&inputs["offset"]));
    assert_eq!(id.to_string(), text(&expected["id"]), "{name}");
}

fn decode_offset_id(Case { name, inputs, expected }: &Case) {
    let id = text(&inputs["id"]).parse::<OffsetId>();
    if expected.get("error").is_some() {
        assert!(id.is_err(), "{name}");
        return;
    }
    let id = id.expect("an offset id");
    assert_eq!(id.store_host(), SocketAddr::new(ip(&expected["ip"]), number(&expected["port"])), "{name}");
    assert_eq!(id.offset(), number::<i64>(&expected["offset"]), "{name}");
}

fn unique_id(value: &Value) -> UniqueId {
    text(value).parse().expect("a unique id")
}

fn ip(value: &Value) -> IpAddr {
    let ip = bytes(value);
    match <[u8; 4]>::try_from(&*ip) {
        Ok(ip) => ip.into(),
        Err(_) => <[u8; 16]>::try_from(ip).expect("4 or 16 bytes").into(),
    }
}
