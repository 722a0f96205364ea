//! Every example runs, without a server and against the one that `NAMESRV_ADDR` names.
//!
//! Cargo builds the examples with the tests of the package, unless it is told to build this one alone.

#![allow(clippy::expect_used, reason = "a test")]

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;

use rmq_testkit::TestCluster;

/// The examples, by the files that are there.
fn names() -> BTreeSet<String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples");
    let files = std::fs::read_dir(folder).expect("the examples are there").map(|file| file.expect("a file").path());
    let sources = files.filter(|path| path.extension().is_some_and(|extension| extension == "rs"));
    sources.filter_map(|path| Some(path.file_stem()?.to_str()?.to_owned())).collect()
}

fn program(name: &str) -> PathBuf {
    // This test is …/debug/deps/examples-<hash>, and the programs are in …/debug/examples.
    let this = std::env::current_exe().expect("a program knows where it is");
    let folder = this.parent().and_then(Path::parent).expect("it lies in a folder of the target folder");
    let path = folder.join("examples").join(name).with_extension(std::env::consts::EXE_EXTENSION);
    assert!(path.exists(), "{name} is not built: cargo build -p rmq-producer --examples");
    path
}

/// What it prints on its way to a good end.
fn run(name: &str, name_servers: Option<&str>) -> String {
    let mut command = Command::new(program(name));
    match name_servers {
        Some(address) => command.env("NAMESRV_ADDR", address),
        None => command.env_remove("NAMESRV_ADDR"),
    };
    let output = command.output().expect("it starts");
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
        let out = run(&name, None);
        assert!(out.starts_with("NAMESRV_ADDR is not set") && out.lines().count() > 1, "{name}: {out}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn each_example_sends_to_the_cluster_that_is_named() {
    for name in names() {
        let cluster = TestCluster::builder().brokers(2).topic("orders", 4).start().await.expect("free ports");
        let address = cluster.name_servers();
        let out = tokio::task::block_in_place(|| run(&name, Some(&address)));
        assert!(out.starts_with(&format!("sending to the cluster of {address}\n")), "{name}: {out}");
        let stored: usize = cluster.brokers().iter().map(|broker| broker.all_messages().len()).sum();
        assert!(stored > 0, "{name} sent nothing: {out}");
        cluster.shutdown().await;
    }
}
