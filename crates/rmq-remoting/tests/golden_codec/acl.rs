//! Signatures of Java's `AclClientRPCHook`, and of real clients on the wire.

use rmq_remoting::{AclHook, Credentials, Endpoint, HeaderEncoding, RemotingCommand, RequestCode, RpcHook as _};
use serde_json::Value;

use crate::data::{cases, decode, encode, folder, hex, read, text};

#[test]
fn every_request_is_signed_as_java_signs_it() {
    let mut signed = 0;
    for case in cases("acl.json").iter().filter(|case| case["expected"]["ext_fields"].is_object()) {
        let (name, inputs, expected) = (text(case, "name"), &case["inputs"], &case["expected"]);
        let mut request = RemotingCommand::request(RequestCode::SEND_MESSAGE_V2);
        for (field, value) in
            [&inputs["header"], &inputs["ext_fields"]].into_iter().filter_map(Value::as_object).flatten()
        {
            let value = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            request.ext_fields_mut().set(field.clone(), value);
        }
        let body = inputs["body"].as_str().map(hex).unwrap_or_default();
        let mut credentials = Credentials::new(text(inputs, "access_key"), text(inputs, "secret_key"));
        if let Some(token) = inputs["security_token"].as_str() {
            credentials = credentials.with_security_token(token);
        }
        let request = sign(request.with_body(body), &credentials);
        let fields: serde_json::Map<String, Value> =
            request.ext_fields().unwrap().iter().map(|(name, value)| (name.to_owned(), value.into())).collect();
        assert_eq!(Value::Object(fields), expected["ext_fields"], "{name}");
        assert_eq!(request.field("Signature"), expected["signature"].as_str(), "{name}");
        signed += 1;
    }
    assert!(signed > 10, "{signed}");
}

#[test]
fn signatures_survive_both_header_encodings() {
    let credentials = Credentials::new("AK", "SK");
    for encoding in [HeaderEncoding::Json, HeaderEncoding::Rocketmq] {
        let request = RemotingCommand::request(RequestCode::SEND_MESSAGE_V2).with_encoding(encoding);
        let sent = sign(request.with_field("b", "T\u{4e3b}").with_body("hello"), &credentials);
        let arrived = decode(&encode(&sent)).unwrap();
        assert_eq!(sign(arrived.clone(), &credentials).field("Signature"), arrived.field("Signature"), "{encoding:?}");
    }
}

fn sign(mut request: RemotingCommand, credentials: &Credentials) -> RemotingCommand {
    let hook = AclHook::new(&credentials.clone().into()).expect("keys that are not empty");
    let to = Endpoint::parse("127.0.0.1:9876").expect("an address");
    hook.before_request(&to, &mut request).expect("nothing hinders signing");
    request
}

#[test]
fn what_java_clients_signed_on_the_wire_is_what_we_sign() {
    let credentials = Credentials::new("rocketmq2", "12345678").with_security_token("tok");
    for capture in ["java4.9.7-4.9.7-acl.json", "java5.5.0-5.5.0-acl.json"] {
        let conversation = read(&folder().join("captures").join(capture));
        let events = conversation["events"].as_array().expect("events").iter();
        let sent = events.filter(|event| event["dir"] == ">" && event["hex"].is_string());
        let mut signed = 0;
        for event in sent {
            let mut request = decode(&hex(text(event, "hex"))).unwrap();
            let Some(by_java) = request.ext_fields_mut().remove("Signature") else { panic!("{capture}: {event}") };
            assert_eq!(sign(request, &credentials).field("Signature"), Some(&*by_java), "{capture}: {}", event["name"]);
            signed += 1;
        }
        assert!(signed > 5, "{capture}: {signed}");
    }
}
