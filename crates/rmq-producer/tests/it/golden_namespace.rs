//! Names with and without namespace are Java's.

use std::borrow::Cow;

use rmq_producer::namespace::{
    Namespace, dlq_topic, is_dlq_topic, is_retry_topic, is_system_name, namespace_of, retry_topic, without_namespace,
    without_retry_and_dlq,
};
use serde_json::Value;

/// What is not looked at here, by the beginning of the case's name. Of the others these members are not:
/// - `instance_id` of addresses that are no end point of an instance: it is never asked for;
/// - `cut_endpoint`, `client_namesrv_addr`: reading addresses is instance/name_server_list.rs's;
/// - `reply_topic`: it belongs to request and reply.
const ELSEWHERE: [(&str, &str); 1] = [("client id of ", "the text of client ids is instance/client_id.rs's")];

fn text(value: &Value) -> Option<&str> {
    value.as_str()
}

#[test]
fn names_are_wrapped_and_unwrapped_as_java_does() {
    let cases: Vec<Value> = serde_json::from_str(include_str!("../golden/namespace.json")).expect("a list of cases");
    assert_eq!(cases.len(), 54);
    for case in &cases {
        let name = text(&case["name"]).expect("a name");
        let (inputs, expected) = (&case["inputs"], &case["expected"]);
        if ELSEWHERE.iter().any(|(beginning, _)| name.starts_with(beginning)) {
            continue;
        } else if name.starts_with("namespace ") {
            in_a_namespace(name, inputs, expected);
        } else if name.starts_with("name server ") {
            end_point(name, inputs, expected);
        } else if name.starts_with("name ") {
            by_itself(name, inputs, expected);
        } else {
            assert!(name.starts_with("configuration: "), "no test for {name}");
            configuration(name, inputs, expected);
        }
    }
}

fn in_a_namespace(case: &str, inputs: &Value, expected: &Value) {
    let namespace = Namespace::v1(text(&inputs["namespace"]).unwrap_or_default());
    // Java hands null back; there is none here, and the empty name stands for it
    let name = text(&inputs["name"]).unwrap_or_default();
    let answer = |key: &str| text(&expected[key]).unwrap_or_default().to_owned();
    let wrapped = namespace.wrap(name);
    assert_eq!(wrapped, answer("wrap"), "{case}");
    assert_eq!(Value::Bool(namespace.is_in(name)), expected["is_already_with_namespace"], "{case}");
    assert_eq!(namespace.unwrap(name), answer("without_this_namespace"), "{case}");
    assert_eq!(namespace.unwrap(&wrapped), answer("wrap_then_without"), "{case}");
    assert_eq!(namespace.wrap(&wrapped), wrapped, "{case}: twice");
    assert_eq!(&*namespace.wrap_shared(&name.into()), wrapped, "{case}: shared");
    // of no group, Java makes no retry topic
    if let Some(retry) = text(&expected["wrap_and_retry"]) {
        assert_eq!(retry_topic(&wrapped), retry, "{case}");
    }
    if namespace.is_none() {
        assert!(matches!(wrapped, Cow::Borrowed(_)), "{case}: nothing is copied");
    }
}

fn by_itself(case: &str, inputs: &Value, expected: &Value) {
    // Java writes `%RETRY%null`; there is no null here
    let Some(name) = text(&inputs["name"]) else { return assert_eq!(case, "name null") };
    assert_eq!(Some(&*without_namespace(name)), text(&expected["without_namespace"]), "{case}");
    assert_eq!(Some(namespace_of(name).unwrap_or_default()), text(&expected["namespace_of"]), "{case}");
    assert_eq!(Some(without_retry_and_dlq(name)), text(&expected["without_retry_and_dlq"]), "{case}");
    assert_eq!(expected["is_retry"], is_retry_topic(name), "{case}");
    assert_eq!(expected["is_dlq"], is_dlq_topic(name), "{case}");
    assert_eq!(expected["is_system"], is_system_name(name), "{case}");
    assert_eq!(Some(&*retry_topic(name)), text(&expected["retry_topic"]), "{case}");
    assert_eq!(Some(&*dlq_topic(name)), text(&expected["dlq_topic"]), "{case}");
}

fn end_point(case: &str, inputs: &Value, expected: &Value) {
    let namespace = Namespace::of_end_point(text(&inputs["namesrv_addr"]).expect("an address"));
    assert_eq!(expected["is_instance_endpoint"], !namespace.is_none(), "{case}");
    assert_eq!(namespace.as_str(), text(&expected["client_namespace"]), "{case}");
    if !namespace.is_none() {
        assert_eq!(namespace.as_str(), text(&expected["instance_id"]), "{case}");
    }
    assert_eq!(Some(&*namespace.wrap("T")), text(&expected["client_with_namespace_T"]), "{case}");
}

/// A namespace that was set wins over the address, whatever came first: here the two are not mixed, and the caller
/// asks the address only where no namespace was set.
fn configuration(case: &str, inputs: &Value, expected: &Value) {
    let address = text(&inputs["namesrv_addr"]).expect("an address");
    let set = text(&inputs["namespace"]).map(Namespace::v1);
    let namespace = set.unwrap_or_else(|| Namespace::of_end_point(address));
    assert_eq!(namespace.as_str(), text(&expected["namespace"]), "{case}");
}
