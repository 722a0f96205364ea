//! Every example runs, without a server and against the one that `NAMESRV_ADDR` names.
//!
//! Cargo builds the examples with the tests of the package, unless it is told to build this one alone.

#![allow(clippy::expect_used, reason = "a test")]

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;

use rmq_testkit::{TestCluster, TlsServerConfig, TlsServerMode};

/// The examples, by the files that are there, but those whose feature is not compiled in.
fn names() -> BTreeSet<String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples");
    let files = std::fs::read_dir(folder).expect("the examples are there").map(|file| file.expect("a file").path());
    let sources = files.filter(|path| path.extension().is_some_and(|extension| extension == "rs"));
    let names = sources.filter_map(|path| Some(path.file_stem()?.to_str()?.to_owned()));
    let missing = [("acl", cfg!(feature = "acl")), ("tls", cfg!(feature = "tls"))];
    names.filter(|name| !missing.contains(&(name.as_str(), false))).collect()
}

fn program(name: &str) -> PathBuf {
    // This test is …/debug/deps/examples-<hash>, and the programs are in …/debug/examples.
    let this = std::env::current_exe().expect("a program knows where it is");
    let folder = this.parent().and_then(Path::parent).expect("it lies in a folder of the target folder");
    let path = folder.join("examples").join(name).with_extension(std::env::consts::EXE_EXTENSION);
    assert!(path.exists(), "{name} is not built: cargo build -p rmq-producer --examples");
    path
}

/// What it prints on its way to a good end, where the environment has nothing but these variables of ours.
fn run(name: &str, variables: &[(&str, &str)]) -> String {
    let mut command = Command::new(program(name));
    for ours in ["NAMESRV_ADDR", "TLS_CA", "ROCKETMQ_TLS", "ROCKETMQ_ACCESS_KEY", "ROCKETMQ_SECRET_KEY"] {
        command.env_remove(ours);
    }
    let output = command.envs(variables.iter().copied()).output().expect("it starts");
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success() && err.is_empty(), "{name}: {}\n{out}{err}", output.status);
    out.into_owned()
}

#[test]
fn the_examples_are_those_that_the_readme_promises() {
    let promised =
        ["simple", "enqueue", "oneway", "callback", "ordered", "selector", "hooks", "namespace", "compression"];
    let names = names();
    assert!(promised.iter().all(|name| names.contains(*name)), "{names:?}");
}

#[test]
fn each_example_runs_without_a_server() {
    for name in names() {
        let out = run(&name, &[]);
        assert!(out.starts_with("NAMESRV_ADDR is not set") && out.lines().count() > 1, "{name}: {out}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn each_example_sends_to_the_cluster_that_is_named() {
    let key = rcgen::KeyPair::generate().expect("a key");
    let certificate = rcgen::CertificateParams::new(["127.0.0.1".to_owned()]).expect("a name");
    let certificate = certificate.self_signed(&key).expect("a certificate");
    let authority = std::env::temp_dir().join(format!("rmq-examples-{}.pem", std::process::id()));
    std::fs::write(&authority, certificate.pem()).expect("a file");
    for name in names() {
        let mut cluster = TestCluster::builder().brokers(2).topic("orders", 4);
        if name == "tls" {
            let tls = TlsServerConfig::new(certificate.pem(), key.serialize_pem()).expect("a pair");
            cluster = cluster.tls(tls.mode(TlsServerMode::Enforcing));
        }
        let cluster = cluster.start().await.expect("free ports");
        let address = cluster.name_servers();
        let variables =
            [("NAMESRV_ADDR", address.as_str()), ("TLS_CA", authority.to_str().expect("a path that is text"))];
        let out = tokio::task::block_in_place(|| run(&name, &variables));
        assert!(out.starts_with(&format!("sending to the cluster of {address}\n")), "{name}: {out}");
        let stored: usize = cluster.brokers().iter().map(|broker| broker.all_messages().len()).sum();
        assert!(stored > 0, "{name} sent nothing: {out}");
        cluster.shutdown().await;
    }
    std::fs::remove_file(&authority).expect("it is there");
}
