//! `rmq send`: one message, or many of the same.
//!
//! With `--json` standard output holds result lines and nothing else, one for each message that was tried.

use std::io::{self, IsTerminal as _, Read as _, Write as _};
use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context as _;
use rmq_message::{Message, MessageLimits};
use rmq_producer::{HeaderEncoding, Producer, ProducerConfig, SendErrorKind};
use tokio::time::Instant;

use crate::INTERRUPTED;
use crate::access;
use crate::args::{Body, HeaderForm, SendArgs};
use crate::burst::{Burst, Ended};
use crate::cure;
use crate::progress::Progress;
use crate::send_record::{NOT_STARTED, SendRecord};
use crate::tally::Tally;

pub(crate) async fn run(args: SendArgs) -> anyhow::Result<ExitCode> {
    let message = message(&args)?;
    if let Err(error) = message.validate(&MessageLimits::default()) {
        let sentence = format!("the message cannot be sent: {error}");
        return nothing_sent(&args, SendErrorKind::InvalidMessage.name(), sentence);
    }
    let producer = match start(&args).await {
        Ok(producer) => producer,
        Err(sentence) => return nothing_sent(&args, NOT_STARTED, sentence),
    };
    let count = args.count;
    let burst = Burst {
        producer: producer.clone(),
        message: Box::new(move |_| message.clone()),
        count,
        concurrency: args.concurrency,
        oneway: args.oneway,
        timeout: producer.config().send_timeout,
    };
    let mut stdout = io::stdout();
    // Lines on a terminal show by themselves how it goes.
    let listed = args.json || count <= LISTED;
    let progress = Progress::new(count, !(listed && stdout.is_terminal()));
    let (mut tally, started) = (Tally::default(), Instant::now());
    let mut ended = burst
        .run(async |_, record| {
            tally.add(&record);
            if args.json {
                json_line(&mut stdout, &record)?;
            } else if listed && record.failure.is_none() {
                writeln!(stdout, "{record}")?;
            }
            progress.one_done();
            Ok(())
        })
        .await?;
    let took = started.elapsed();
    drop(progress);
    // A broker that answers at the end has read all that came before; what it has not read when we close may never come to it.
    let grace = if args.oneway { producer.config().send_timeout.max(GRACE) } else { GRACE };
    let mut unread = 0;
    tokio::select! {
        report = producer.shutdown(grace) => unread = report.not_unregistered,
        signal = tokio::signal::ctrl_c() => {
            signal?;
            ended = Ended::Interrupted;
        }
    }
    if !args.json && count > 1 {
        writeln!(stdout, "{}", tally.summary(count, took, ended))?;
        if tally.sent() > 1 {
            writeln!(stdout, "time of one send: {}", tally.latency())?;
        }
    }
    write!(io::stderr(), "{}", tally.remarks()).ok();
    if args.oneway && unread > 0 {
        let brokers = if unread == 1 { "broker" } else { "brokers" };
        let note = format!("{unread} {brokers} did not answer at the end within {} s", grace.as_secs());
        writeln!(io::stderr(), "note: {note} and may not have read all messages: allow more time (--timeout)").ok();
    }
    Ok(match (ended, tally.failed()) {
        (Ended::Interrupted, _) => ExitCode::from(INTERRUPTED),
        (Ended::Complete, 0) => ExitCode::SUCCESS,
        (Ended::Complete, _) => ExitCode::FAILURE,
    })
}

async fn start(args: &SendArgs) -> Result<Producer, String> {
    let config = config(args).map_err(|error| cure::chain(error.as_ref()))?;
    Producer::builder_from(config).start().await.map_err(|error| cure::of_start(&error))
}

fn config(args: &SendArgs) -> anyhow::Result<ProducerConfig> {
    let mut config = access::config(&args.access, GROUP, args.name_servers.namesrv.as_deref())?;
    if let Some(group) = &args.group {
        config.producer_group.clone_from(group);
    }
    if let Some(form) = args.header_encoding {
        config.header_encoding = match form {
            HeaderForm::Json => HeaderEncoding::Json,
            HeaderForm::Binary => HeaderEncoding::Rocketmq,
        };
    }
    if let Some(timeout) = args.timeout {
        // A look-up that takes longer than a send may take helps nobody.
        (config.send_timeout, config.api_timeout) = (timeout, timeout);
    }
    if let Some(times) = args.retries {
        config.overlay(serde_json::json!({ "retries": { "times": times } }))?;
    }
    Ok(config)
}

/// One failure stands for all messages.
fn nothing_sent(args: &SendArgs, kind: &'static str, sentence: String) -> anyhow::Result<ExitCode> {
    if args.json {
        json_line(&mut io::stdout(), &SendRecord::not_tried(&args.topic, kind, sentence.clone()))?;
    }
    Err(anyhow::Error::msg(sentence))
}

fn json_line(out: &mut impl io::Write, record: &SendRecord) -> anyhow::Result<()> {
    let mut line = serde_json::to_vec(record)?;
    line.push(b'\n');
    Ok(out.write_all(&line)?)
}

fn message(args: &SendArgs) -> anyhow::Result<Message> {
    let mut message = Message::new(args.topic.as_str(), body(&args.body)?).keys(&args.keys);
    if let Some(tag) = &args.tag {
        message = message.tag(tag);
    }
    let properties = args.properties.iter();
    Ok(properties.fold(message, |message, property| message.property(&property.name, &property.value)))
}

fn body(body: &Body) -> anyhow::Result<Vec<u8>> {
    match (&body.text, &body.file, body.size) {
        (Some(text), ..) => Ok(text.clone().into_bytes()),
        (None, Some(file), _) => from_file(file),
        (None, None, size) => Ok(made_up(size.unwrap_or_default())),
    }
}

/// Reads no more than is needed to see that it is too much, so that a wrong file name costs no memory.
fn from_file(file: &Path) -> anyhow::Result<Vec<u8>> {
    let source: Box<dyn io::Read> = if file == Path::new("-") {
        Box::new(io::stdin())
    } else {
        Box::new(std::fs::File::open(file).with_context(|| format!("--body-file {} cannot be opened", file.display()))?)
    };
    let mut body = Vec::new();
    let read = source.take(MOST_READ).read_to_end(&mut body);
    read.with_context(|| format!("--body-file {} cannot be read", file.display()))?;
    Ok(body)
}

/// Letters and digits, the same for the same size.
fn made_up(size: usize) -> Vec<u8> {
    let size = size.min(usize::try_from(MOST_READ).unwrap_or(usize::MAX));
    LETTERS.iter().copied().cycle().take(size).collect()
}

const GROUP: &str = "rmq-cli";
const LETTERS: &[u8] = b"abcdefghijklmnopqrstuvwxyz0123456789";
/// More is never read, nor made up: it is refused anyway.
const MOST_READ: u64 = 64 << 20;
/// Up to this many results are shown one by one.
const LISTED: u64 = 10;
/// For brokers to answer at the end; where nobody confirms messages, as long as one send may take if that is longer.
const GRACE: Duration = Duration::from_secs(3);

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::*;
    use crate::args::{Cli, Command};

    fn args(line: &str) -> SendArgs {
        match Cli::try_parse_from(line.split_whitespace()).expect("a legal line").command {
            Command::Send(args) => args,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn the_message_is_made_of_what_was_given() {
        let message = message(&args(
            "rmq send -n h:1 -t orders --body hello --tag paid --key 42 --key 43 --property colour=red --property size=1=2",
        ))
        .unwrap();
        assert_eq!((message.topic(), &message.body()[..]), ("orders", &b"hello"[..]));
        assert_eq!((message.tags(), message.key_text()), (Some("paid"), Some("42 43")));
        assert_eq!((message.user_property("colour"), message.user_property("size")), (Some("red"), Some("1=2")));
        assert!(message.validate(&MessageLimits::default()).is_ok());
    }

    #[test]
    fn a_made_up_body_has_its_size_and_is_always_the_same() {
        assert_eq!(made_up(40), b"abcdefghijklmnopqrstuvwxyz0123456789abcd");
        assert_eq!(made_up(0), b"");
        let message = message(&args("rmq send -n h:1 -t orders --body-size 4194304")).unwrap();
        assert!(message.validate(&MessageLimits::default()).is_ok(), "exactly 4 MiB passes");
    }

    #[test]
    fn a_file_that_is_not_there_is_named() {
        let error = body(&args("rmq send -n h:1 -t orders --body-file no/such/file").body).unwrap_err();
        assert!(format!("{error:#}").contains("--body-file no/such/file cannot be opened"), "{error:#}");
    }
}
