//! Reads all messages of a topic back and prints one JSON object per message: a RocketMQ client of another kind than
//! the producer, built on rmq-remoting and rmq-route alone (and rmq-message, for the layout of stored messages).
//!
//! ```text
//! cargo run -p rmq-remoting --example read_back -- --namesrv 127.0.0.1:9876 --topic orders
//! ```

use std::error::Error;
use std::io::{self, Write};
use std::process::ExitCode;
use std::time::Duration;

use rmq_message::{StoredMessage, stored};
use rmq_remoting::{
    CommandHeader, Endpoint, ExtFields, HeaderError, RemotingClient, RemotingCommand, RequestCode, ResponseCode,
};
use rmq_route::TopicRouteData;
use serde_json::{Value, json};

const TIMEOUT: Duration = Duration::from_secs(10);

/// `PullMessageRequestHeader`: what is in one queue from an offset on.
struct PullMessage {
    topic: String,
    queue_id: i32,
    queue_offset: i64,
}

impl CommandHeader for PullMessage {
    fn encode(&self, fields: &mut ExtFields) {
        fields.set("consumerGroup", "read_back");
        fields.set("topic", &self.topic);
        fields.set_display("queueId", self.queue_id);
        fields.set_display("queueOffset", self.queue_offset);
        fields.set("maxMsgNums", "32");
        fields.set("sysFlag", "4"); // the subscription is in this request; no heartbeat has to announce it
        fields.set("subscription", "*");
        for zero in ["commitOffset", "suspendTimeoutMillis", "subVersion"] {
            fields.set(zero, "0");
        }
    }

    fn decode(fields: &ExtFields) -> Result<Self, HeaderError> {
        Ok(Self {
            topic: fields.require("topic")?.to_owned(),
            queue_id: fields.require_parse("queueId")?,
            queue_offset: fields.require_parse("queueOffset")?,
        })
    }
}

/// `PullMessageResponseHeader`, as far as it matters here.
struct Pulled {
    next_begin_offset: i64,
    max_offset: i64,
    /// What a static topic (5.x) adds to each offset.
    offset_delta: i64,
}

impl CommandHeader for Pulled {
    fn encode(&self, fields: &mut ExtFields) {
        fields.set_display("nextBeginOffset", self.next_begin_offset);
        fields.set_display("maxOffset", self.max_offset);
        fields.set_display("offsetDelta", self.offset_delta);
    }

    fn decode(fields: &ExtFields) -> Result<Self, HeaderError> {
        Ok(Self {
            next_begin_offset: fields.require_parse("nextBeginOffset")?,
            max_offset: fields.require_parse("maxOffset")?,
            offset_delta: fields.parse("offsetDelta")?.unwrap_or(0),
        })
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let Err(error) = run().await else { return ExitCode::SUCCESS };
    let mut sentence = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        sentence = format!("{sentence}: {inner}");
        cause = inner.source();
    }
    // Nobody is left to tell when even this cannot be written.
    drop(writeln!(io::stderr(), "read_back: {sentence}"));
    ExitCode::FAILURE
}

async fn run() -> Result<(), Box<dyn Error>> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let option = |name: &str| args.iter().position(|arg| arg == name).and_then(|at| args.get(at + 1));
    let (Some(name_server), Some(topic)) = (option("--namesrv"), option("--topic")) else {
        return Err("usage: read_back --namesrv HOST:PORT --topic TOPIC".into());
    };
    let client = RemotingClient::builder().build()?;
    let route = route(&client, &Endpoint::parse(name_server)?, topic).await?;
    for queues in route.queue_datas.iter().filter(|queues| queues.perm.is_readable()) {
        let broker_name = &queues.broker_name;
        let address = route.master_address(broker_name).ok_or_else(|| format!("{broker_name} has no master"))?;
        for queue_id in 0..queues.read_queue_nums {
            read_queue(&client, &Endpoint::parse(address)?, broker_name, topic, queue_id).await?;
        }
    }
    client.shutdown(TIMEOUT).await;
    Ok(())
}

async fn route(client: &RemotingClient, to: &Endpoint, topic: &str) -> Result<TopicRouteData, Box<dyn Error>> {
    let request = RemotingCommand::request(RequestCode::GET_ROUTEINFO_BY_TOPIC)
        .with_field("topic", topic)
        .with_field("acceptStandardJsonOnly", "true");
    let answer = client.invoke(to, request, TIMEOUT).await?;
    match answer.response_code() {
        ResponseCode::SUCCESS => Ok(TopicRouteData::from_json(answer.body())?),
        ResponseCode::TOPIC_NOT_EXIST => Err(format!("the name server {to} knows no topic {topic}").into()),
        other => Err(refused(to, other, &answer)),
    }
}

async fn read_queue(
    client: &RemotingClient,
    to: &Endpoint,
    broker_name: &str,
    topic: &str,
    queue_id: i32,
) -> Result<(), Box<dyn Error>> {
    let mut queue_offset = 0;
    loop {
        let pull = PullMessage { topic: topic.to_owned(), queue_id, queue_offset };
        let request = RemotingCommand::request_with(RequestCode::PULL_MESSAGE, &pull);
        let mut answer = client.invoke(to, request, TIMEOUT).await?;
        match answer.response_code() {
            ResponseCode::SUCCESS => {}
            ResponseCode::PULL_NOT_FOUND | ResponseCode::PULL_RETRY_IMMEDIATELY | ResponseCode::PULL_OFFSET_MOVED => {}
            other => return Err(refused(to, other, &answer)),
        }
        let pulled: Pulled = answer.header()?;
        if answer.is_success() {
            let (messages, broken) = stored::decode_all(answer.take_body());
            let mut out = io::stdout().lock();
            for message in &messages {
                writeln!(out, "{}", described(message, broker_name, pulled.offset_delta))?;
            }
            if let Some(broken) = broken {
                return Err(broken.into());
            }
        }
        // The broker moves the offset over what was deleted or does not exist; where it stays there is nothing more.
        if pulled.next_begin_offset == queue_offset || pulled.next_begin_offset >= pulled.max_offset {
            return Ok(());
        }
        queue_offset = pulled.next_begin_offset;
    }
}

/// One message as JSON. A body that is no text is in `bodyHex`; a compressed one stays so (`sysFlag` says it).
fn described(message: &StoredMessage, broker_name: &str, offset_delta: i64) -> Value {
    let body = match std::str::from_utf8(message.body()) {
        Ok(text) => ("body", text.to_owned()),
        Err(_) => ("bodyHex", message.body().iter().map(|byte| format!("{byte:02x}")).collect()),
    };
    let properties: serde_json::Map<String, Value> =
        message.properties().iter().map(|(name, value)| (name.to_owned(), value.into())).collect();
    json!({
        "topic": &**message.topic(),
        "brokerName": broker_name,
        "queueId": message.queue_id(),
        "queueOffset": message.queue_offset() + offset_delta,
        "messageId": message.message_id(),
        "offsetMessageId": message.offset_id().to_string(),
        "tags": message.tags(),
        "keys": message.key_text(),
        "properties": properties,
        "flag": message.user_flag(),
        "sysFlag": message.sys_flag().0,
        "bodyLength": message.body().len(),
        body.0: body.1,
    })
}

fn refused(by: &Endpoint, code: ResponseCode, answer: &RemotingCommand) -> Box<dyn Error> {
    format!("{by} answered {code}: {}", answer.remark().unwrap_or("no reason given")).into()
}
