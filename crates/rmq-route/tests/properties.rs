//! What holds for any input: reading never panics, standard JSON passes unchanged, order never matters.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;

use proptest::collection::{btree_map, vec};
use proptest::prelude::*;
use proptest::sample::{Index, select};
use rmq_route::fastjson::{self, MAX_DEPTH};
use rmq_route::{
    BrokerData, OrderConf, Perm, QueueCursor, QueueData, RouteDiff, RouteTable, TopicPublishInfo, TopicQueueMapping,
    TopicRouteData,
};
use serde_json::Value;

proptest! {
    #[test]
    fn arbitrary_bytes_are_read_or_refused(bytes in vec(any::<u8>(), 0..200)) {
        drop(TopicRouteData::from_json(&bytes));
        drop(fastjson::from_slice::<Value>(&bytes));
    }

    #[test]
    fn text_made_of_json_pieces_is_read_or_refused_and_never_changed_twice(pieces in vec(piece(), 0..60)) {
        let text = pieces.concat();
        drop(TopicRouteData::from_json(text.as_bytes()));
        if let Ok(once) = fastjson::to_standard(&text) {
            let twice = fastjson::to_standard(&once);
            prop_assert!(matches!(&twice, Ok(Cow::Borrowed(same)) if *same == once), "{once} → {twice:?}");
        }
    }

    #[test]
    fn whatever_serde_json_reads_passes_unchanged(pieces in vec(piece(), 0..30)) {
        let text = pieces.concat();
        if serde_json::from_str::<Value>(&text).is_ok() {
            let standard = fastjson::to_standard(&text);
            prop_assert!(matches!(standard, Ok(Cow::Borrowed(same)) if same == text));
        }
    }

    #[test]
    fn standard_json_passes_unchanged(value in json(), pretty: bool) {
        let text = if pretty { serde_json::to_string_pretty(&value) } else { serde_json::to_string(&value) }.unwrap();
        let standard = fastjson::to_standard(&text);
        prop_assert!(matches!(standard, Ok(Cow::Borrowed(same)) if same == text));
        prop_assert_eq!(fastjson::from_slice::<Value>(text.as_bytes()).unwrap(), value);
    }

    #[test]
    fn a_table_with_loose_keys_reads_back_equal(value in json(), keys in vec((any::<i64>(), json()), 0..5), spaces in "[ \n\t]{0,3}") {
        let mut expected = serde_json::Map::new();
        let mut loose = String::new();
        for (number, object) in &keys {
            loose += &format!("{spaces}{number}{spaces}:{spaces}{value},{{\"key\":{object}}}{spaces}:{number},");
            expected.insert(number.to_string(), value.clone());
            expected.insert(format!("{{\"key\":{object}}}"), (*number).into());
        }
        let loose = format!("{{{}}}", loose.trim_end_matches(','));
        let back: Value = fastjson::from_slice(loose.as_bytes()).unwrap();
        prop_assert_eq!(back, Value::Object(expected), "{}", loose);
    }

    #[test]
    fn a_cut_text_is_refused(route in route(), cut: Index, loose: bool) {
        let text = if loose { route.to_loose_json() } else { route.to_json() };
        let mut at = cut.index(text.len() - 1) + 1;
        while !text.is_char_boundary(at) {
            at -= 1;
        }
        prop_assert!(TopicRouteData::from_json(&text.as_bytes()[..at]).is_err());
    }

    #[test]
    fn both_forms_of_a_route_read_back_equal(route in route()) {
        prop_assert_eq!(&TopicRouteData::from_json(route.to_json().as_bytes()).unwrap(), &route);
        prop_assert_eq!(&TopicRouteData::from_json(route.to_loose_json().as_bytes()).unwrap(), &route);
    }

    #[test]
    fn the_order_of_a_route_does_not_change_what_is_published((one, other) in shuffled()) {
        let topic: Arc<str> = "T".into();
        prop_assert_eq!(TopicPublishInfo::from_route(&topic, &one), TopicPublishInfo::from_route(&topic, &other));
        prop_assert!(RouteDiff::between(&one, &other).is_empty());
    }

    #[test]
    fn a_difference_is_one_from_both_sides(one in route(), other in route()) {
        let diff = RouteDiff::between(&one, &other);
        let back = RouteDiff::between(&other, &one);
        prop_assert_eq!(diff.is_empty(), back.is_empty());
        prop_assert!(diff.added_brokers().eq(back.removed_brokers()));
        prop_assert_eq!(diff.moved_brokers().count(), back.moved_brokers().count());
        prop_assert_eq!(diff.queues.len(), back.queues.len());
        prop_assert!(RouteDiff::between(&one, &one.clone()).is_empty());
        prop_assert_eq!(diff.to_string() == "no change", diff.is_empty());
    }

    #[test]
    fn what_is_published_is_writable_and_has_a_master(route in route()) {
        let table = RouteTable::new();
        table.update("T", route.clone());
        let found = table.get("T").unwrap();
        let info = &found.publish;
        if !info.is_ordered() && !info.is_static() {
            for queue in info.queues() {
                let offered = route.queue_datas.iter().any(|data| {
                    *data.broker_name == **queue.broker_name()
                        && data.perm.contains(Perm::WRITE)
                        && (0..data.write_queue_nums).contains(&queue.queue_id())
                });
                prop_assert!(offered, "{queue} is not offered");
                prop_assert!(table.master_address(queue.broker_name()).is_some());
            }
        }
    }

    #[test]
    fn a_cursor_goes_round_evenly_from_any_start(start: usize, queues in 1_i32..20, rounds in 1_usize..5) {
        let mut route = TopicRouteData::default();
        route.queue_datas.push(QueueData::new("a", queues));
        route.broker_datas.push(BrokerData::new("C", "a", "h:1"));
        let info = TopicPublishInfo::from_route(&"T".into(), &route);
        let len = info.queues().len();
        // A start near the end of the range may cut one round short where it wraps.
        prop_assume!(usize::MAX - start > len * rounds);
        let cursor = QueueCursor::starting_at(start);
        let mut hits = BTreeMap::new();
        for _ in 0..len * rounds {
            *hits.entry(info.at(cursor.advance()).unwrap().queue_id()).or_insert(0) += 1;
        }
        prop_assert_eq!(hits.len(), len);
        prop_assert!(hits.values().all(|count| *count == rounds));
    }

    #[test]
    fn a_default_topic_never_offers_more_than_was_asked_for(route in route(), wanted in -2_i32..20) {
        let clamped = route.clamped_for_default_topic(wanted);
        for (before, after) in route.queue_datas.iter().zip(&clamped.queue_datas) {
            prop_assert_eq!(after.write_queue_nums, wanted.min(before.read_queue_nums));
            prop_assert_eq!(after.read_queue_nums, after.write_queue_nums);
            prop_assert_eq!(after.perm, before.perm);
        }
        prop_assert_eq!(clamped.broker_datas, route.broker_datas);
    }

    #[test]
    fn any_order_configuration_is_read_and_its_good_part_reads_the_same(text in "[ab:;0-9+ -]{0,24}") {
        let conf = OrderConf::parse(&text);
        let again = OrderConf::parse(&conf.to_string());
        prop_assert_eq!(again.items(), conf.items());
        prop_assert!(again.defects().is_empty());
    }
}

#[test]
fn deep_texts_are_refused_without_deep_recursion() {
    for piece in ["[", "{0:", "{{", "{[", "{\"a\":["] {
        let text = piece.repeat(1_000_000);
        assert!(fastjson::to_standard(&text).is_err());
        assert!(TopicRouteData::from_json(text.as_bytes()).is_err());
    }
    let deepest = format!("{}{}", "{0:".repeat(MAX_DEPTH - 1) + "{", "}".repeat(MAX_DEPTH));
    assert!(fastjson::from_slice::<Value>(deepest.as_bytes()).is_ok());
}

fn piece() -> impl Strategy<Value = &'static str> {
    select(vec![
        "{",
        "}",
        "[",
        "]",
        ":",
        ",",
        "\"",
        "\\",
        " ",
        "\n",
        "0",
        "-1",
        "1.5e3",
        "null",
        "true",
        "\"a\"",
        "\"b\\\"\"",
        "abc",
        "$ref",
        "\"$ref\"",
        "ä",
        "\u{1F600}",
        "{0:1}",
        "{\"a\":",
        "{{\"q\":0}:",
        "\u{0}",
        "\"brokerDatas\":[",
        "\"queueDatas\":[",
        "'",
        "/*",
    ])
}

fn json() -> impl Strategy<Value = Value> {
    let text = || "[\\PC\"\\\\\n{}:$]{0,8}";
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        text().prop_map(Value::from),
    ];
    leaf.prop_recursive(5, 24, 4, move |inner| {
        prop_oneof![
            vec(inner.clone(), 0..4).prop_map(Value::from),
            btree_map(text(), inner, 0..4).prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

fn name() -> impl Strategy<Value = String> {
    prop_oneof![
        8 => select(vec!["a", "b", "c", "broker-a"]).prop_map(str::to_owned),
        1 => "\\PC{0,6}",
        1 => Just("{0:\"x\"},\\".to_owned()),
    ]
}

fn route() -> impl Strategy<Value = TopicRouteData> {
    let queues = (name(), 0..16_i32, -1..9_i32, -1..9_i32, 0..4_i32).prop_map(|(name, perm, read, write, flag)| {
        let mut data = QueueData::new(name, read);
        data.perm = Perm(perm);
        data.write_queue_nums = write;
        data.topic_sys_flag = flag;
        data
    });
    let broker = (name(), name(), btree_map(-1..4_i64, name(), 0..3), any::<bool>(), proptest::option::of(name()))
        .prop_map(|(cluster, name, addrs, acting, zone)| {
            let mut data = BrokerData::new(cluster, name, "");
            data.broker_addrs = addrs;
            data.enable_acting_master = acting;
            data.zone_name = zone;
            data
        });
    let mapping = (name(), btree_map(0..6_i32, 0..6_i32, 0..4), 0..3_i64, select(vec!["__global__", "own"]), 0..6_i32)
        .prop_map(|(bname, ids, epoch, scope, total)| {
            let mut mapping = TopicQueueMapping::default();
            mapping.bname = bname;
            mapping.curr_id_map = ids;
            mapping.epoch = epoch;
            mapping.scope = scope.to_owned();
            mapping.total_queues = total;
            mapping
        });
    let conf = proptest::option::weighted(0.2, "([ab]:[0-9];){0,2}");
    (
        vec(queues, 0..5),
        vec(broker, 0..5),
        conf,
        btree_map(name(), vec(name(), 0..2), 0..2),
        proptest::option::weighted(0.2, btree_map(name(), mapping, 0..3)),
    )
        .prop_map(|(queues, brokers, conf, filters, mapping)| {
            let mut route = TopicRouteData::default();
            route.queue_datas = queues;
            route.broker_datas = brokers;
            route.order_topic_conf = conf;
            route.filter_server_table = filters;
            route.topic_queue_mapping_by_broker = mapping;
            route
        })
}

/// A route, and the same with its lists in another order.
fn shuffled() -> impl Strategy<Value = (TopicRouteData, TopicRouteData)> {
    route().prop_flat_map(|route| {
        let queues = Just(route.queue_datas.clone()).prop_shuffle();
        let brokers = Just(route.broker_datas.clone()).prop_shuffle();
        (Just(route), queues, brokers).prop_map(|(route, queues, brokers)| {
            let mut other = route.clone();
            other.queue_datas = queues;
            other.broker_datas = brokers;
            (route, other)
        })
    })
}
