//! `rmq demo`, in the process and against a cluster outside of it.

use std::path::Path;

use rmq_testkit::{Fault, RequestCode, ResponseCode};

use crate::program::{command, rmq, run};
use crate::servers::servers;

fn last_four_lines(stdout: &str) -> Vec<&str> {
    let lines: Vec<_> = stdout.lines().map(str::trim).collect();
    lines[lines.len() - 4..].to_vec()
}

#[test]
fn the_demo_needs_no_server_and_ends_with_the_lines_to_copy() {
    // A variable that people have set for other commands sends no demo to their cluster.
    let ran = run(command(["demo"]).env("NAMESRV_ADDR", "host:0"), b"").assert_success();
    assert!(ran.stdout.contains("1,000 of 1,000 sent in ") && ran.stdout.contains("1,000 SEND_OK"), "{}", ran.stdout);
    assert!(ran.stdout.contains("… 990 more …"), "{}", ran.stdout);
    assert!(ran.stdout.contains("time of one send: min "), "{}", ran.stdout);
    assert!(ran.stdout.contains("Checked: the brokers hold all 1,000, each "), "{}", ran.stdout);
    let code = last_four_lines(&ran.stdout);
    assert!(code[0].starts_with("use rmq_producer::"), "{code:?}");
}

#[test]
fn half_way_one_broker_is_killed_and_all_messages_arrive() {
    let ran = rmq(["demo"]).assert_success();
    let (_, report) = ran.stdout.split_once("broker-b was killed after ").expect(&ran.stdout);
    assert!(report.contains(", when 500 messages were done.\n"), "{report}");
    let moved = report.lines().nth(1).expect("what it did to the sends");
    let numbers: Vec<u64> = moved.split_whitespace().filter_map(|word| word.parse().ok()).collect();
    // A send that came before anybody knew had to move, and moving takes a retry.
    assert!(numbers[0] >= 1 && numbers[1] >= numbers[0], "{moved}");
    assert!(moved.contains(" moved to the other broker, with "), "{moved}");
    assert!(ran.stdout.contains("1,000 SEND_OK") && !ran.stdout.contains("failed,"), "{}", ran.stdout);
    let stored = |broker: &str| -> u64 {
        let rows = ran.stdout.lines().filter(|line| line.starts_with(broker) && line.contains(" to "));
        rows.filter_map(|row| row.split_whitespace().nth(2)?.parse::<u64>().ok()).sum()
    };
    assert_eq!(stored("broker-a") + stored("broker-b"), 1_000, "{}", ran.stdout);
    assert!(stored("broker-a") > stored("broker-b"), "the dead one got less: {}", ran.stdout);
}

#[test]
fn the_lines_to_copy_are_those_of_both_readmes() {
    let ran = rmq(["demo"]).assert_success();
    let code = last_four_lines(&ran.stdout).join("\n");
    for readme in ["../../README.md", "../rmq-producer/README.md"] {
        let text = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(readme)).expect(readme);
        let lines: Vec<_> = text.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
        assert!(lines.join("\n").contains(&code), "{readme} does not show\n{code}");
    }
}

#[test]
fn a_cluster_outside_gets_the_same_thousand_messages() {
    let servers = servers();
    let address = servers.name_servers();
    let ran = rmq(["demo", "--namesrv", &address, "--topic", "orders"]).assert_success();
    let stored = servers.messages("orders");
    assert_eq!(stored.len(), 1_000);
    let sizes: std::collections::BTreeSet<_> =
        stored.iter().map(|copy| copy.plain_body().expect("zlib").len()).collect();
    assert!(sizes.len() > 5 && sizes.first() < Some(&100) && sizes.last() > Some(&1_000_000), "{sizes:?}");
    assert!(ran.stdout.contains("the brokers hold all 1,000"), "{}", ran.stdout);
    assert!(!ran.stdout.contains("was killed"), "nothing outside is killed: {}", ran.stdout);
    assert!(last_four_lines(&ran.stdout)[1].contains(&format!("name_servers(\"{address}\")")), "{}", ran.stdout);
}

#[test]
fn a_topic_that_the_demo_creates_is_checked_as_well() {
    let servers = servers();
    let ran = rmq(["demo", "--namesrv", &servers.name_servers()]).assert_success();
    assert_eq!(servers.messages("rmq-demo").len(), 1_000);
    assert!(ran.stdout.contains("the brokers hold all 1,000"), "{}", ran.stdout);
}

#[test]
fn a_demo_with_failures_shows_them_and_exits_with_1() {
    let servers = servers();
    // Refused for good, so that no other broker is tried.
    let refused = Fault::reply(ResponseCode::MESSAGE_ILLEGAL).nth(20).times(3);
    servers.broker("broker-a").on(RequestCode::SEND_MESSAGE_V2, refused);
    let ran = rmq(["demo", "--namesrv", &servers.name_servers(), "--topic", "orders"]);
    assert_eq!(ran.code, Some(1), "{ran:#?}");
    assert!(ran.stdout.contains("997 SEND_OK; 3 failed") && ran.stdout.contains("hold all 997"), "{ran:#?}");
    assert!(ran.stderr.starts_with("error: ") && ran.stderr.ends_with("[3 times]\n"), "{ran:#?}");
}

#[test]
fn a_broker_that_confirms_what_it_does_not_have_is_found_out() {
    let servers = servers();
    let short = Fault::edit(|answer| answer.ext_fields_mut().set("offset", "3"));
    servers.on(RequestCode::GET_MAX_OFFSET, &short);
    let ran = rmq(["demo", "--namesrv", &servers.name_servers(), "--topic", "orders"]);
    assert_eq!(ran.code, Some(1));
    assert!(ran.stdout.contains("WRONG: broker-a confirmed offset 124 of queue 0"), "{ran:#?}");
}
