//! What a user can write on the command line.
//!
//! A line that makes no sense is refused here (exit code 2); names, addresses and messages are judged by the libraries that use them, and still
//! before a byte is sent (exit code 1).

use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand, ValueEnum};

mod access;
mod property;
mod time;
mod topic_queues;

pub(crate) use access::Access;
pub(crate) use property::Property;
pub(crate) use topic_queues::TopicQueues;

/// Sends to, looks into and imitates Apache RocketMQ clusters.
#[derive(Debug, Parser)]
#[command(name = "rmq", version, arg_required_else_help = true, max_term_width = 110)]
#[command(
    after_help = "Exit codes: 0 all went well, 1 something failed, 2 the command line makes no sense, 130 stopped by Ctrl-C."
)]
pub(crate) struct Cli {
    /// What to log on standard error, such as `debug` or `rmq_remoting=trace,info`; nothing by default
    #[arg(long, global = true, env = "RUST_LOG", hide_env_values = true, value_name = "FILTER")]
    pub(crate) log: Option<String>,

    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    Demo(DemoArgs),
    Send(SendArgs),
    #[command(alias = "topic-route", alias = "topicRoute")]
    Route(RouteArgs),
    Serve(ServeArgs),
}

/// Send 1,000 messages and show what became of them: to two brokers inside this process, one of which is killed half-way, or to your cluster
#[derive(Debug, Args)]
pub(crate) struct DemoArgs {
    /// Name servers of a real cluster, `HOST:PORT` separated by `;`; without it the cluster lives inside this process
    #[arg(long, short = 'n', value_name = "HOST:PORT")]
    pub(crate) namesrv: Option<String>,

    /// The topic to send to; brokers create it if they are allowed to
    #[arg(long, short = 't', default_value = "rmq-demo")]
    pub(crate) topic: String,

    #[command(flatten)]
    pub(crate) access: Access,
}

/// Send one message, or many of the same
#[derive(Debug, Args)]
#[command(
    after_help = "Without --json, results are for people; with it, each result is one JSON object on a line of its own:\n\
    status, messageId, offsetMessageId, topic, brokerName, queueId, queueOffset, elapsedMs, attempts,\n\
    maybeStoredAttempts, and for a failure also error, kind, possiblyStored."
)]
pub(crate) struct SendArgs {
    #[command(flatten)]
    pub(crate) name_servers: NameServers,

    /// The topic to send to
    #[arg(long, short = 't')]
    pub(crate) topic: String,

    #[command(flatten)]
    pub(crate) body: Body,

    /// How many messages to send
    #[arg(long, short = 'c', default_value_t = 1, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) count: u64,

    /// How many sends to have under way at once
    #[arg(long, default_value_t = 16, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=MOST_AT_ONCE))]
    pub(crate) concurrency: u16,

    /// The tag that consumers filter by
    #[arg(long)]
    pub(crate) tag: Option<String>,

    /// A key to find the message by; may be given several times
    #[arg(long = "key", value_name = "KEY")]
    pub(crate) keys: Vec<String>,

    /// A property of your own; may be given several times
    #[arg(long = "property", short = 'p', value_name = "NAME=VALUE")]
    pub(crate) properties: Vec<Property>,

    /// Do not wait for an answer: the broker never says whether it stored the message
    #[arg(long)]
    pub(crate) oneway: bool,

    /// One JSON object per result on standard output
    #[arg(long)]
    pub(crate) json: bool,

    /// The producer group [default: rmq-cli]
    #[arg(long, short = 'g', value_name = "GROUP")]
    pub(crate) group: Option<String>,

    /// How long one send may take, such as `500ms`, `3s` or `1m` [default: 3s]
    #[arg(long, value_name = "TIME", value_parser = time::parse)]
    pub(crate) timeout: Option<Duration>,

    /// How often a failed message is tried again, at another broker where there is one [default: 2]
    #[arg(long, value_name = "N")]
    pub(crate) retries: Option<u32>,

    /// How request headers are written [default: json]
    #[arg(long, value_enum, value_name = "FORM")]
    pub(crate) header_encoding: Option<HeaderForm>,

    #[command(flatten)]
    pub(crate) access: Access,
}

/// Where the message body comes from: exactly one of these.
#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
pub(crate) struct Body {
    /// The body as text
    #[arg(long = "body", short = 'b', value_name = "TEXT", allow_hyphen_values = true)]
    pub(crate) text: Option<String>,

    /// A file that is the body; `-` is standard input
    #[arg(long = "body-file", value_name = "FILE")]
    pub(crate) file: Option<PathBuf>,

    /// A body of this many bytes, made up
    #[arg(long = "body-size", value_name = "BYTES")]
    pub(crate) size: Option<usize>,
}

/// Show the brokers, addresses and queues of a topic [also: topicRoute]
#[derive(Debug, Args)]
pub(crate) struct RouteArgs {
    #[command(flatten)]
    pub(crate) name_servers: NameServers,

    /// The topic to look up
    #[arg(long, short = 't')]
    pub(crate) topic: String,

    /// The route as JSON, in the form that the name server's own tools print
    #[arg(long)]
    pub(crate) json: bool,

    /// How long the look-up may take, such as `500ms` or `3s`
    #[arg(long, default_value = "3s", value_name = "TIME", value_parser = time::parse)]
    pub(crate) timeout: Duration,

    #[command(flatten)]
    pub(crate) access: Access,
}

/// Run a cluster for development inside this process until Ctrl-C; Java and Go clients can use it too
#[derive(Debug, Args)]
pub(crate) struct ServeArgs {
    /// The name server's port; 0 takes a free one
    #[arg(long, default_value_t = 9876)]
    pub(crate) port: u16,

    /// The first broker's port, each further one has 10 more; 0 takes free ones
    #[arg(long, default_value_t = 0, value_name = "PORT")]
    pub(crate) broker_port: u16,

    /// The address to listen at; `0.0.0.0` lets other machines in, and nothing here asks for a password
    #[arg(long, default_value = "127.0.0.1", value_name = "IP")]
    pub(crate) host: IpAddr,

    /// The address that clients are told to find brokers at, if it is another one
    #[arg(long, value_name = "IP")]
    pub(crate) advertise: Option<IpAddr>,

    /// How many brokers
    #[arg(long, default_value_t = 1, value_name = "N", value_parser = clap::value_parser!(u8).range(1..=MOST_BROKERS))]
    pub(crate) brokers: u8,

    /// A topic to have from the start, with this many queues on each broker; may be given several times
    #[arg(long = "topic", short = 't', value_name = "TOPIC:QUEUES")]
    pub(crate) topics: Vec<TopicQueues>,

    /// Which release to behave as
    #[arg(long, value_enum, default_value_t = Release::V5, value_name = "RELEASE")]
    pub(crate) dialect: Release,
}

#[derive(Debug, Args)]
pub(crate) struct NameServers {
    /// The cluster's name servers, `HOST:PORT` separated by `;` [or: NAMESRV_ADDR, or in --config]
    #[arg(long, short = 'n', value_name = "HOST:PORT")]
    pub(crate) namesrv: Option<String>,
}

/// How request headers are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum HeaderForm {
    /// As JSON, which every server reads
    Json,
    /// As RocketMQ's own binary form
    #[value(alias = "rocketmq")]
    Binary,
}

/// A release whose servers can be imitated.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Release {
    /// 4.9.7
    #[value(name = "4.9", aliases = ["4.9.7", "4.x", "4"])]
    V4_9,
    /// 5.5.0
    #[value(name = "5.x", aliases = ["5.5.0", "5.5", "5"])]
    V5,
}

/// The producer's own default limit of requests in flight.
const MOST_AT_ONCE: i64 = 8_192;
/// One letter of the alphabet each: broker-a, broker-b …
const MOST_BROKERS: i64 = 26;

#[cfg(test)]
mod tests {
    use clap::CommandFactory;
    use clap::error::ErrorKind;

    use super::*;

    fn parse(line: &str) -> Result<Cli, clap::Error> {
        Cli::try_parse_from(line.split_whitespace())
    }

    fn refusal(line: &str) -> ErrorKind {
        parse(line).expect_err(line).kind()
    }

    fn send(line: &str) -> SendArgs {
        match parse(line).expect("a legal line").command {
            Command::Send(args) => args,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn the_definition_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn a_send_has_defaults_for_all_but_address_topic_and_body() {
        let args = send("rmq send --namesrv h:9876 --topic t --body x");
        assert_eq!((args.name_servers.namesrv.as_deref(), args.topic.as_str()), (Some("h:9876"), "t"));
        assert_eq!((args.count, args.concurrency, args.timeout), (1, 16, None));
        assert_eq!((args.group, args.header_encoding), (None, None));
        assert!(!args.oneway && !args.json && args.keys.is_empty() && args.properties.is_empty() && args.tag.is_none());
    }

    #[test]
    fn every_option_of_a_send_is_read() {
        let args = send(
            "rmq send -n h:1 -t t --body-size 10 --count 5 --concurrency 2 --tag a --key k1 --key k2 --property a=b --property c=d=e \
             --oneway --json --group g --timeout 500ms --header-encoding binary --log debug",
        );
        assert_eq!((args.body.size, args.count, args.concurrency), (Some(10), 5, 2));
        assert_eq!(args.keys, ["k1", "k2"]);
        let properties: Vec<_> = args.properties.iter().map(|p| (p.name.as_str(), p.value.as_str())).collect();
        assert_eq!(properties, [("a", "b"), ("c", "d=e")]);
        assert_eq!((args.timeout, args.header_encoding), (Some(Duration::from_millis(500)), Some(HeaderForm::Binary)));
        assert!(args.oneway && args.json);
    }

    #[test]
    fn a_send_has_exactly_one_body() {
        let start = "rmq send --namesrv h:1 --topic t";
        assert_eq!(refusal(start), ErrorKind::MissingRequiredArgument);
        for two in
            ["--body x --body-size 3", "--body x --body-file f", "--body-file f --body-size 3", "--body x --body y"]
        {
            assert_eq!(refusal(&format!("{start} {two}")), ErrorKind::ArgumentConflict, "{two}");
        }
    }

    #[test]
    fn a_body_may_start_with_a_hyphen() {
        assert_eq!(send("rmq send -n h:1 -t t --body -5").body.text.as_deref(), Some("-5"));
    }

    #[test]
    fn numbers_out_of_range_are_refused() {
        for bad in [
            "--count 0",
            "--count -1",
            "--concurrency 0",
            "--concurrency 8193",
            "--timeout 0s",
            "--timeout 3",
            "--property x",
        ] {
            let kind = refusal(&format!("rmq send -n h:1 -t t --body x {bad}"));
            assert!(matches!(kind, ErrorKind::ValueValidation | ErrorKind::UnknownArgument), "{bad}: {kind}");
        }
        assert_eq!(refusal("rmq serve --brokers 0"), ErrorKind::ValueValidation);
        assert_eq!(refusal("rmq serve --brokers 27"), ErrorKind::ValueValidation);
        assert_eq!(refusal("rmq serve --port 65536"), ErrorKind::ValueValidation);
        assert_eq!(refusal("rmq serve --host localhost"), ErrorKind::ValueValidation);
        assert_eq!(refusal("rmq serve --topic a"), ErrorKind::ValueValidation);
        assert_eq!(refusal("rmq serve --dialect 3"), ErrorKind::InvalidValue);
    }

    #[test]
    fn secrets_are_not_shown() {
        let args = send("rmq send -n h:1 -t t --body x --access-key AK --secret-key canary --security-token canary");
        let text = format!("{args:?}");
        assert!(text.contains("AK") && !text.contains("canary"), "{text}");
    }

    #[test]
    fn a_certificate_comes_with_its_key() {
        for half in ["--tls-cert f", "--tls-key f"] {
            let line = format!("rmq send -n h:1 -t t --body x {half}");
            assert_eq!(refusal(&line), ErrorKind::MissingRequiredArgument, "{half}");
        }
        let access = send("rmq send -n h:1 -t t --body x --tls-cert c --tls-key k").access;
        assert_eq!((access.tls_flag(), access.key_flag()), (Some("--tls-cert"), None));
    }

    #[test]
    fn route_answers_to_the_names_of_the_java_tool() {
        for name in ["route", "topic-route", "topicRoute"] {
            let Command::Route(args) = parse(&format!("rmq {name} --namesrv h:1 --topic t --json")).unwrap().command
            else {
                panic!("{name} is not route");
            };
            assert!(args.json);
        }
    }

    #[test]
    fn serve_is_on_loopback_and_on_the_usual_port_unless_told_otherwise() {
        let Command::Serve(args) = parse("rmq serve --topic a:4 --topic b:8 --dialect 4.9").unwrap().command else {
            panic!("not serve");
        };
        assert_eq!((args.port, args.host.is_loopback(), args.brokers, args.dialect), (9876, true, 1, Release::V4_9));
        let topics: Vec<_> = args.topics.iter().map(|t| (t.topic.as_str(), t.queues)).collect();
        assert_eq!(topics, [("a", 4), ("b", 8)]);
    }

    #[test]
    fn the_demo_needs_nothing() {
        let Command::Demo(args) = parse("rmq demo").unwrap().command else { panic!("not demo") };
        assert_eq!((args.namesrv, args.topic.as_str()), (None, "rmq-demo"));
    }
}
