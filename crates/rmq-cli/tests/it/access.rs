//! Credentials, TLS, namespaces and configuration files: by flag, by variable and by file.

use std::path::PathBuf;

use rmq_testkit::{Account, TestCluster};

use crate::program::{Ran, rmq};
#[cfg(any(feature = "acl", feature = "tls"))]
use crate::program::{command, run};
use crate::servers::{Servers, servers, start};

/// A file of the test's own, gone with it.
struct File(PathBuf);

impl File {
    fn new(name: &str, text: &str) -> Self {
        let path = std::env::temp_dir().join(format!("rmq-cli-{}-{name}", std::process::id()));
        std::fs::write(&path, text).expect("a file");
        Self(path)
    }

    fn path(&self) -> &str {
        self.0.to_str().expect("Unicode")
    }
}

impl Drop for File {
    fn drop(&mut self) {
        std::fs::remove_file(&self.0).ok();
    }
}

fn guarded() -> Servers {
    start(TestCluster::builder().brokers(2).topic("orders", 4).accounts([Account::new("AK", "canary-secret")]))
}

fn send(servers: &Servers, arguments: &[&str]) -> Ran {
    let address = servers.name_servers();
    rmq(["send", "--namesrv", &address, "--topic", "orders", "--body", "x"].iter().chain(arguments))
}

#[cfg(feature = "acl")]
#[test]
fn credentials_come_from_flags_variables_or_a_file() {
    let servers = guarded();
    let address = servers.name_servers();
    send(&servers, &["--access-key", "AK", "--secret-key", "canary-secret"]).assert_success();

    let line = ["send", "--namesrv", &address, "--topic", "orders", "--body", "x"];
    let mut by_variable = command(line);
    by_variable.env("ROCKETMQ_ACCESS_KEY", "AK").env("ROCKETMQ_SECRET_KEY", "canary-secret");
    run(&mut by_variable, b"").assert_success();
    let mut half_and_half = command(line.iter().chain(&["--access-key", "AK"]));
    run(half_and_half.env("ROCKETMQ_SECRET_KEY", "canary-secret"), b"").assert_success();

    let file = File::new("keys.toml", "[credentials]\naccess_key = \"AK\"\nsecret_key = \"canary-secret\"\n");
    send(&servers, &["--config", file.path()]).assert_success();
    assert_eq!(servers.message_count("orders"), 4);
    rmq(["demo", "--namesrv", &address, "--config", file.path()]).assert_success();
}

#[cfg(feature = "acl")]
#[test]
fn who_is_refused_is_told_what_to_check_and_no_secret_is_shown() {
    let servers = guarded();
    let unsigned = send(&servers, &[]);
    assert!(unsigned.code == Some(1) && unsigned.stderr.contains("set credentials"), "{unsigned:#?}");
    let wrong = send(&servers, &["--access-key", "AK", "--secret-key", "canary-wrong", "--log", "trace", "--json"]);
    assert!(wrong.code == Some(1) && wrong.stdout.contains("secret key"), "{wrong:#?}");
    let token = ["--access-key", "AK", "--secret-key", "canary-secret", "--security-token", "canary-token"];
    let right = send(&servers, &[&token[..], &["--log", "trace"]].concat());
    assert_eq!(right.code, Some(0), "{right:#?}");
    for ran in [unsigned, wrong, right] {
        assert!(!format!("{}{}", ran.stdout, ran.stderr).contains("canary"), "{ran:#?}");
    }
    let half = send(&servers, &["--access-key", "AK"]);
    assert!(half.one_sentence().contains("ROCKETMQ_SECRET_KEY"), "{half:#?}");
    let other_half = send(&servers, &["--secret-key", "canary-secret"]);
    assert!(other_half.one_sentence().contains("--access-key"), "{other_half:#?}");
}

#[cfg(feature = "tls")]
#[test]
fn tls_is_verified_unless_danger_is_accepted() {
    use rmq_testkit::{TlsServerConfig, TlsServerMode};

    let key = rcgen::KeyPair::generate().expect("a key");
    let params = rcgen::CertificateParams::new(vec!["127.0.0.1".to_owned()]).expect("a legal name");
    let chain = params.self_signed(&key).expect("a certificate").pem();
    let tls = TlsServerConfig::new(&chain, key.serialize_pem()).expect("a certificate with its key");
    let servers = start(TestCluster::builder().topic("orders", 4).tls(tls.mode(TlsServerMode::Enforcing)));
    let address = servers.name_servers();
    let ca = File::new("ca.pem", &chain);
    let tls_on = ["--tls-ca", ca.path()];
    for flags in [&tls_on[..], &["--tls-insecure"], &["--tls", "--tls-insecure", "--tls-server-name", "other.example"]]
    {
        send(&servers, flags).assert_success();
        rmq(["route", "--namesrv", &address, "--topic", "orders"].iter().chain(flags)).assert_success();
        rmq(["demo", "--namesrv", &address].iter().chain(flags)).assert_success();
    }
    let mut by_variable = command(["route", "--namesrv", &address, "--topic", "orders"]);
    run(by_variable.env("ROCKETMQ_TLS", "insecure"), b"").assert_success();

    for ran in [send(&servers, &["--tls"]), rmq(["route", "--namesrv", &address, "--topic", "orders", "--tls"])] {
        let sentence = ran.one_sentence();
        assert!(sentence.contains("--tls-ca") && sentence.contains("--tls-insecure"), "both ways out: {sentence}");
    }
    let wrong_name = send(&servers, &["--tls-ca", ca.path(), "--tls-server-name", "other.example"]);
    assert!(wrong_name.one_sentence().contains("--tls-server-name"), "{wrong_name:#?}");
    let no_file = send(&servers, &["--tls-ca", "no/such/file"]);
    assert!(no_file.one_sentence().contains("no/such/file"), "{no_file:#?}");
}

#[test]
fn settings_come_from_a_file_and_flags_win() {
    let servers = servers();
    let toml = File::new(
        "all.toml",
        &format!(
            "name_servers = \"{}\"\nproducer_group = \"from-file\"\nnamespace = \"tenant\"\n",
            servers.name_servers()
        ),
    );
    let json = File::new("all.json", &format!("{{\"name_servers\": [\"{}\"]}}", servers.name_servers()));
    rmq(["send", "--config", toml.path(), "--topic", "orders", "--body", "x"]).assert_success();
    assert_eq!(servers.message_count("tenant%orders"), 1);
    rmq(["send", "--config", toml.path(), "--namespace", "other", "--topic", "orders", "--body", "x"]).assert_success();
    assert_eq!(servers.message_count("other%orders"), 1);
    rmq(["send", "--config", json.path(), "--topic", "orders", "--body", "x"]).assert_success();
    assert_eq!(servers.message_count("orders"), 1);
    let route = rmq(["route", "--config", json.path(), "--topic", "orders"]).assert_success();
    assert!(route.stdout.starts_with("topic orders"), "{route:#?}");
    rmq(["route", "--config", toml.path(), "--topic", "orders"]).assert_success();
}

#[test]
fn what_is_wrong_with_a_file_is_one_sentence_with_its_line() {
    let send = |file: &str| rmq(["send", "--config", file, "--topic", "orders", "--body", "x"]);
    let unknown = File::new("unknown.toml", "name_servers = \"a\"\nsend_timout = 3\n");
    let sentence = send(unknown.path()).one_sentence().to_owned();
    assert!(sentence.contains("line 2") && sentence.contains("did you mean send_timeout?"), "{sentence}");
    let broken = File::new("broken.json", "{\"send_timeout\": ");
    assert!(send(broken.path()).one_sentence().contains("broken.json"));
    assert!(send("no/such/file").one_sentence().contains("--config no/such/file cannot be read"));
    assert!(send("cluster.yaml").one_sentence().contains("write TOML or JSON"));
    let none = rmq(["send", "--topic", "orders", "--body", "x"]);
    assert!(none.one_sentence().contains("NAMESRV_ADDR"), "{none:#?}");
}

#[test]
fn the_demo_s_own_cluster_takes_no_flags_of_access() {
    let ran = rmq(["demo", "--namespace", "x"]);
    assert!(ran.one_sentence().contains("--namesrv"), "{ran:#?}");
}

#[test]
fn a_flag_without_its_feature_says_which_one_is_missing() {
    let servers = guarded();
    for (is_there, flags, feature) in [
        (cfg!(feature = "acl"), &["--access-key", "AK", "--secret-key", "SK"][..], "`acl`"),
        (cfg!(feature = "tls"), &["--tls"], "`tls`"),
        (cfg!(feature = "tls"), &["--tls-insecure"], "`tls`"),
    ] {
        let ran = send(&servers, flags);
        assert_eq!(ran.stderr.contains(feature), !is_there, "{flags:?}: {ran:#?}");
    }
}
