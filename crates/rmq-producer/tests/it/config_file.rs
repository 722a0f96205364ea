//! Settings from files: every option can be set and is shown, and what is wrong is told with what was meant.

use std::collections::BTreeSet;

use rmq_producer::{Compression, Producer, ProducerBuilder, ProducerConfig, RemotingConfig, RetryPolicy};

use crate::world::*;

/// Every option, with another value than its default.
const ALL: &str = r#"
producer_group = "orders"
name_servers = "10.0.0.1:9876;10.0.0.2:9876"
address_service = "http://ns.example:8080/rocketmq/nsaddr"
instance_name = "one"
client_ip = "10.9.9.9"
send_timeout = "5s"
api_timeout = "250ms"
create_topic_key = "TEMPLATE"
default_topic_queue_nums = 7
header_encoding = "binary"
send_header = "v1"
limits.max_body_bytes = "1MiB"
limits.max_properties_bytes = 1000
max_group_length = 200
check_name_servers = false
warm_up = ["orders", "payments"]
heartbeat_interval = "10s"
heartbeat_v2 = true
route_refresh_interval = "1m"
missing_topic_memory = "100ms"
unused_topic_timeout = "2m"
retries.times = 5
retries.codes = [2, 14]
retries.strict = true
retries.retry_another_broker_when_not_store_ok = true
retries.attempt_timeout = "1s"
back_pressure.sends = 10
back_pressure.bytes = "1KiB"
queue_choice = "two_random"
latency_fault.strategy = "v4"
latency_fault.steps = [["10ms", "0s"], ["100ms", "7s"]]
latency_fault.isolation_latency = "2s"
latency_fault.rule = "only_forward"
compression.type = "zlib"
compression.level = 9
compression.over_bytes = "16KiB"
namespace = "MQ_INST_1"
namespace_v2 = "tenant"
unit_mode = true
unit_name = "unit"
zone = "z1"
zone_mode = false
vip_channel = true
remoting.connect_timeout = "1s"
remoting.idle_timeout = "0s"
remoting.frame_limits.max_frame_bytes = "8MiB"
remoting.frame_limits.max_header_bytes = "64KiB"
remoting.frame_limits.max_ext_fields = 100
remoting.frame_limits.max_json_depth = 8
remoting.max_in_flight = 100
remoting.max_in_flight_bytes = "1MiB"
remoting.max_oneway = 101
remoting.max_oneway_bytes = "2MiB"
remoting.max_in_flight_per_connection = 102
remoting.max_orphans = 103
remoting.write_high_water_bytes = "3MiB"
remoting.max_serving = 104
remoting.reconnect_backoff_first = "1ms"
remoting.reconnect_backoff_max = "1s"
remoting.seed = 42
"#;

#[cfg(feature = "acl")]
const CREDENTIALS: &str = r#"
credentials.access_key = "AK"
credentials.secret_key = "SK"
credentials.security_token = "ST"
"#;
#[cfg(not(feature = "acl"))]
const CREDENTIALS: &str = "";

#[cfg(feature = "tls")]
const TLS: &str = r#"
tls.ca_file = "ca.pem"
tls.cert_file = "client.pem"
tls.key_file = "client.key"
tls.server_name = "mq.rocketmq.example"
tls.dangerous_accept_any_certificate = true
"#;
#[cfg(not(feature = "tls"))]
const TLS: &str = "";

fn all() -> String {
    [ALL, CREDENTIALS, TLS].concat()
}

fn read(text: &str) -> ProducerConfig {
    toml::from_str(text).unwrap_or_else(|error| panic!("{error}"))
}

fn refused(text: &str) -> String {
    toml::from_str::<ProducerConfig>(text).expect_err(text).to_string()
}

/// The lines that set something.
fn lines(text: &str) -> BTreeSet<&str> {
    text.lines().filter(|line| !line.is_empty() && !line.starts_with('#')).collect()
}

#[test]
fn every_option_can_be_set_from_a_file_and_is_shown() {
    let text = all();
    let shown = read(&text).to_string();
    let hidden = text.replace("\"SK\"", "\"<hidden>\"").replace("\"ST\"", "\"<hidden>\"");
    for line in lines(&hidden) {
        assert!(lines(&shown).contains(line), "not shown: {line}\n{shown}");
    }
    // What is shown by default is all there is: `show` takes the settings apart field by field.
    let defaults = ProducerConfig::new("pg").to_string();
    for line in defaults.lines().chain(shown.lines()) {
        let option = line.trim_start_matches("# ").split(' ').next().unwrap_or_default();
        let section = format!("{option}.");
        let is_set = |line: &&str| line.starts_with(&format!("{option} ")) || line.starts_with(&section);
        let roots = option == "tls.roots" || option == "credentials.key_file";
        assert!(roots || lines(&text).iter().any(is_set), "{option} is not in the file of this test: add it");
    }
    for line in lines(&hidden) {
        // The other types may not be compiled in.
        let only_one = line == "compression.type = \"zlib\"";
        assert!(only_one || !lines(&defaults).contains(line), "that is the default, so it shows nothing: {line}");
    }
}

#[test]
fn every_setting_of_the_transport_but_its_clock_is_shown() {
    let shown = ProducerConfig::new("pg").to_string();
    let debug = format!("{:?}", RemotingConfig::default());
    let mut fields = 0;
    for field in debug.split([',', '{']).filter_map(|part| part.split_once(": ")).map(|(name, _)| name.trim()) {
        assert!(
            shown.contains(&format!("remoting.{field}")) || shown.contains(&format!("frame_limits.{field}")),
            "{field}"
        );
        fields += 1;
    }
    assert!(fields >= 17, "{debug}");
}

#[test]
fn what_is_shown_can_be_read_and_shows_the_same_again() {
    for config in [ProducerConfig::new("pg"), read(&ALL.replace("\"v4\"", "\"v5\""))] {
        let shown = config.to_string();
        assert_eq!(read(&shown).to_string(), shown);
    }
}

#[test]
fn json_says_the_same_as_toml() {
    let value: toml::Value = toml::from_str(&all()).unwrap();
    let json = serde_json::to_string(&value).unwrap();
    let from_json: ProducerConfig = serde_json::from_str(&json).unwrap();
    assert_eq!(from_json.to_string(), read(&all()).to_string());
}

#[test]
fn values_have_more_than_one_form() {
    let config = read(
        "name_servers = [\"a\", \"b:1\"]\nsend_timeout = 1500\nlimits.max_body_bytes = 1048576\nlatency_fault = true",
    );
    assert_eq!((config.name_servers.as_str(), config.send_timeout), ("a;b:1", milliseconds(1500)));
    assert_eq!((config.limits.body_limit(), config.latency_fault.is_some()), (1 << 20, true));
    assert!(read("latency_fault = false").latency_fault.is_none());
    assert_eq!(read("compression.type = \"off\"").compression.compression_type(), None);
}

#[test]
fn what_a_file_does_not_name_stays_as_it_was() {
    let mut config = ProducerConfig::new("pg");
    config.send_timeout = seconds(9);
    config.retries = RetryPolicy::times(7).strict();
    config.compression = Compression::zlib().level(1).over(100);
    config.overlay(toml::Deserializer::parse("retries.times = 1\ncompression.level = 2").unwrap()).unwrap();
    let shown = config.to_string();
    for line in [
        "send_timeout = \"9s\"",
        "retries.times = 1",
        "retries.strict = true",
        "compression.level = 2",
        "compression.over_bytes = 100",
    ] {
        assert!(lines(&shown).contains(line), "{line}\n{shown}");
    }
}

#[test]
fn an_unknown_name_is_an_error_that_suggests_the_nearest() {
    for (text, part) in [
        ("send_timout = 1", "there is no option send_timout; did you mean send_timeout?"),
        ("sendTimeout = 1", "did you mean send_timeout?"),
        ("retries.tims = 1", "there is no option retries.tims; did you mean retries.times?"),
        ("remoting.frame_limits.max_frame_byte = 1", "did you mean remoting.frame_limits.max_frame_bytes?"),
        ("sendMsgTimeout = 1", "here it is called send_timeout"),
        ("retryTimesWhenSendFailed = 1", "here it is called retries.times"),
        ("colour = 1", "there is no option colour; there are producer_group, name_servers"),
        ("header_encoding = \"jsn\"", "did you mean \"json\"? It can be \"json\", \"binary\""),
        ("send_timeout = \"3 weeks\"", "a time such as \"3s\""),
        ("send_timeout = -1", "a time such as \"3s\""),
        ("limits.max_body_bytes = \"4kb\"", "\"64MiB\""),
        ("retries = 3", "a table for the option retries"),
        ("latency_fault.steps = [[\"2s\", \"1s\"], [\"1s\", \"1s\"]]", "latency_fault.steps"),
        ("vip_channel = \"yes\"", "expected a boolean"),
    ] {
        let error = refused(text);
        assert!(error.contains(part), "{text}: {error}");
    }
}

#[test]
fn an_option_without_its_feature_says_which_one_is_missing() {
    let mut needed = vec![];
    if cfg!(not(feature = "acl")) {
        needed.push(("credentials.access_key = \"AK\"", "the option credentials needs the feature `acl`"));
    }
    if cfg!(not(feature = "tls")) {
        needed.push(("tls = true", "the option tls needs the feature `tls`"));
    }
    if cfg!(not(feature = "lz4")) {
        needed.push(("compression.type = \"lz4\"", "needs the feature `lz4`"));
    }
    if cfg!(not(feature = "zstd")) {
        needed.push(("compression.type = \"zstd\"", "needs the feature `zstd`"));
    }
    for (text, part) in needed {
        let error = refused(text);
        assert!(error.contains(part), "{text}: {error}");
    }
}

#[cfg(feature = "acl")]
#[test]
fn credentials_are_two_keys_or_a_file_and_never_half() {
    use rmq_producer::{Credentials, CredentialsSource};

    let of = |text: &str| read(text).credentials.expect("they are set");
    let keys = "[credentials]\naccess_key = \"AK\"\nsecret_key = \"canary\"";
    assert_eq!(of(keys), Credentials::new("AK", "canary").into());
    assert_eq!(of("credentials.key_file = \"keys\""), CredentialsSource::key_file("keys"));
    let shown = read(keys).to_string();
    assert!(!shown.contains("canary"), "{shown}");
    let secret_of_display = refused(&shown);
    assert!(secret_of_display.contains("fill it in"), "{secret_of_display}");
    for half in ["access_key = \"AK\"", "secret_key = \"canary\"", "access_key = \"AK\"\nkey_file = \"keys\""] {
        let error = refused(&format!("[credentials]\n{half}"));
        assert!(error.contains("or key_file alone"), "{error}");
    }
}

#[cfg(feature = "tls")]
#[test]
fn tls_is_a_switch_or_a_table() {
    use rmq_producer::{TlsConfig, TlsRoots};

    assert_eq!(read("tls = true").tls, Some(TlsConfig::new()));
    assert_eq!(read("tls = false").tls, None);
    assert_eq!(read("tls.roots = \"webpki\"").tls, Some(TlsConfig::new().roots(TlsRoots::WebPki)));
    let both = read("[tls]\nkey_file = \"k\"\ncert_file = \"c\"").tls;
    assert_eq!(both, Some(TlsConfig::new().client_certificate("c", "k")));
    assert!(refused("tls.ca_file = 1").contains("string"), "a number is no path");
    assert!(refused("tls.certs_file = \"c\"").contains("did you mean tls.cert_file?"));
}

#[tokio::test(start_paused = true)]
async fn a_producer_starts_from_a_file() {
    let cluster = start(one_broker()).await;
    let text =
        format!("producer_group = \"orders\"\nname_servers = \"{}\"\nsend_timeout = \"7s\"", cluster.name_servers());
    for builder in [ProducerBuilder::from(read(&text)), Producer::builder_from(read(&text))] {
        let producer = builder.connector(cluster.connector()).start().await.unwrap();
        assert_eq!((producer.group(), producer.config().send_timeout), ("orders", seconds(7)));
        producer.send(hello()).await.unwrap();
        producer.shutdown(seconds(1)).await;
    }
}
