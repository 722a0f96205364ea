//! What the program makes of its arguments and environment, before it talks to anybody.

use crate::program::{command, rmq, run};
use crate::servers::servers;

#[test]
fn without_a_command_the_help_is_shown() {
    let ran = rmq::<&str>([]);
    assert_eq!(ran.code, Some(2));
    for command in ["demo", "send", "route", "serve"] {
        assert!(ran.stderr.contains(&format!("\n  {command} ")), "{command}: {}", ran.stderr);
    }
}

#[test]
fn help_and_version_are_no_failures() {
    assert!(rmq(["--help"]).assert_success().stdout.contains("Exit codes"));
    assert_eq!(rmq(["--version"]).assert_success().stdout, concat!("rmq ", env!("CARGO_PKG_VERSION"), "\n"));
    for command in ["demo", "send", "route", "serve"] {
        assert!(rmq([command, "--help"]).assert_success().stdout.contains("Usage: rmq"), "{command}");
    }
}

#[test]
fn a_line_that_makes_no_sense_is_refused_before_anybody_is_asked() {
    let servers = servers();
    let address = servers.name_servers();
    let send = ["send", "--namesrv", address.as_str(), "--topic", "orders"];
    for wrong in [
        &[][..],
        &["--body", "x", "--body-size", "3"],
        &["--body", "x", "--body-file", "f"],
        &["--body", "x", "--count", "0"],
        &["--body", "x", "--concurrency", "0"],
        &["--body", "x", "--concurrency", "100000"],
        &["--body", "x", "--timeout", "3"],
        &["--body", "x", "--property", "colour"],
        &["--body", "x", "--header-encoding", "xml"],
        &["--body-size", "-1"],
        &["--body", "x", "--unknown"],
    ] {
        let ran = rmq(send.iter().chain(wrong));
        assert_eq!(ran.code, Some(2), "{wrong:?}: {ran:#?}");
        assert!(ran.stderr.starts_with("error: ") && ran.stderr.contains("--help"), "{wrong:?}: {ran:#?}");
        assert_eq!(ran.stdout, "");
    }
    assert_eq!(servers.request_count(rmq_testkit::RequestCode::GET_ROUTEINFO_BY_TOPIC), 0);
}

#[test]
fn the_name_servers_may_come_from_the_environment() {
    let servers = servers();
    let mut route = command(["route", "--topic", "orders"]);
    let ran = run(route.env("NAMESRV_ADDR", servers.name_servers()), b"").assert_success();
    assert!(ran.stdout.starts_with("topic orders: 2 brokers"), "{}", ran.stdout);

    let mut argument_wins = command(["route", "--topic", "orders", "--namesrv", &servers.name_servers()]);
    run(argument_wins.env("NAMESRV_ADDR", "host:0"), b"").assert_success();
}

#[test]
fn the_log_is_off_unless_asked_for_and_never_on_standard_output() {
    let servers = servers();
    let address = servers.name_servers();
    let send = ["send", "--namesrv", address.as_str(), "--topic", "orders", "--body", "x", "--json"];
    rmq(send).assert_success();

    let by_argument = rmq(send.iter().chain(&["--log", "trace"]));
    let by_variable = run(command(send).env("RUST_LOG", "trace"), b"");
    for ran in [by_argument, by_variable] {
        assert_eq!(ran.code, Some(0));
        assert!(ran.stderr.contains("rmq_"), "{ran:#?}");
        assert_eq!(ran.json_lines().len(), 1);
    }
    let bad = rmq(send.iter().chain(&["--log", "=="]));
    assert!(bad.one_sentence().contains("--log is no filter"), "{bad:#?}");
}
