//! Topics and brokers changed from outside the client under test, by the requests that mqadmin sends.
//!
//! Like the example of rmq-remoting, a client of another kind; scripted and real brokers understand it alike.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result, bail, ensure};
use rmq_remoting::{Connector, Endpoint, RemotingClient, RemotingCommand, RequestCode, ResponseCode};
use rmq_route::TopicRouteData;

/// Creates the topic or changes it on every master of the cluster, and returns when the name server says so.
pub(crate) async fn change(
    name_servers: &str,
    connector: Arc<dyn Connector>,
    topic: &str,
    queues: i32,
    perm: i32,
) -> Result<()> {
    let client = RemotingClient::builder().connector(connector).build()?;
    let name_server = Endpoint::parse(name_servers.split(';').next().unwrap_or_default())?;
    let model = route(&client, &name_server, "TBW102").await?.context("no route of TBW102")?;
    let masters: Vec<(String, Endpoint)> = model
        .masters()
        .map(|(broker, address)| Ok((broker.to_string(), Endpoint::parse(address)?)))
        .collect::<Result<_>>()?;
    ensure!(!masters.is_empty(), "no master");
    for (_, master) in &masters {
        let request = RemotingCommand::request(RequestCode::UPDATE_AND_CREATE_TOPIC)
            .with_field("topic", topic)
            .with_field("defaultTopic", "TBW102")
            .with_field("readQueueNums", queues.to_string())
            .with_field("writeQueueNums", queues.to_string())
            .with_field("perm", perm.to_string())
            .with_field("topicFilterType", "SINGLE_TAG")
            .with_field("topicSysFlag", "0")
            .with_field("order", "false");
        ask(&client, master, request).await?;
    }
    for _ in 0..POLLS {
        if let Some(route) = route(&client, &name_server, topic).await? {
            let as_wanted = |broker: &String| {
                let mut queue_datas = route.queue_datas.iter().filter(|data| data.broker_name == **broker);
                queue_datas.any(|data| data.write_queue_nums == queues && data.perm.0 == perm)
            };
            if masters.iter().map(|(broker, _)| broker).all(as_wanted) {
                client.shutdown(TIMEOUT).await;
                return Ok(());
            }
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    bail!("the name server does not show {topic} with {queues} queues and permission {perm}")
}

/// Creates a static topic of 5.x with so many logical queues, spread over all masters, as `mqadmin updateStaticTopic` does; returns when the
/// name server shows all of them.
pub(crate) async fn create_static(name_servers: &str, topic: &str, queues: usize) -> Result<()> {
    let client = RemotingClient::builder().build()?;
    let name_server = Endpoint::parse(name_servers.split(';').next().unwrap_or_default())?;
    let model = route(&client, &name_server, "TBW102").await?.context("no route of TBW102")?;
    let masters: Vec<(&str, &str)> = model.masters().collect();
    ensure!(!masters.is_empty(), "no master");
    for (number, (broker, address)) in masters.iter().enumerate() {
        let logical = (0..queues).filter(|id| id % masters.len() == number);
        let held: Vec<String> = logical
            .zip(0..)
            .map(|(logical, own)| {
                format!(
                    r#""{logical}":[{{"gen":0,"queueId":{own},"bname":"{broker}","logicOffset":0,"startOffset":0,"endOffset":-1,"timeOfStart":-1,"timeOfEnd":-1}}]"#
                )
            })
            .collect();
        let body = format!(
            r#"{{"topic":"{topic}","scope":"__global__","totalQueues":{queues},"bname":"{broker}","epoch":1,"dirty":false,"currIdMap":{{}},"hostedQueues":{{{}}}}}"#,
            held.join(",")
        );
        let request = RemotingCommand::request(UPDATE_AND_CREATE_STATIC_TOPIC)
            .with_field("topic", topic)
            .with_field("defaultTopic", "TBW102")
            .with_field("readQueueNums", held.len().to_string())
            .with_field("writeQueueNums", held.len().to_string())
            .with_field("perm", "6")
            .with_field("topicFilterType", "SINGLE_TAG")
            .with_field("topicSysFlag", "0")
            .with_field("order", "false")
            .with_field("force", "false")
            .with_body(body);
        ask(&client, &Endpoint::parse(address)?, request).await?;
    }
    for _ in 0..POLLS {
        if let Some(route) = route(&client, &name_server, topic).await? {
            let mappings = route.topic_queue_mapping_by_broker.iter().flatten();
            if mappings.map(|(_, mapping)| mapping.curr_id_map.len()).sum::<usize>() == queues {
                client.shutdown(TIMEOUT).await;
                return Ok(());
            }
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    bail!("the name server does not show {topic} with {queues} logical queues")
}

/// Has the name server tell the brokers that the topic is an ordered one; they hear of it when they register next.
pub(crate) async fn make_ordered(name_servers: &str, topic: &str, order: &str) -> Result<()> {
    let client = RemotingClient::builder().build()?;
    let request = RemotingCommand::request(RequestCode::PUT_KV_CONFIG)
        .with_field("namespace", "ORDER_TOPIC_CONFIG")
        .with_field("key", topic)
        .with_field("value", order);
    ask(&client, &Endpoint::parse(name_servers)?, request).await?;
    client.shutdown(TIMEOUT).await;
    Ok(())
}

/// Changes one line of a running broker's configuration, as `mqadmin updateBrokerConfig` does.
pub(crate) async fn configure_broker(broker: &str, name: &str, value: &str) -> Result<()> {
    let client = RemotingClient::builder().build()?;
    let request = RemotingCommand::request(RequestCode::UPDATE_BROKER_CONFIG).with_body(format!("{name}={value}\n"));
    ask(&client, &Endpoint::parse(broker)?, request).await?;
    client.shutdown(TIMEOUT).await;
    Ok(())
}

async fn ask(client: &RemotingClient, to: &Endpoint, request: RemotingCommand) -> Result<()> {
    let answer = client.invoke(to, request, TIMEOUT).await?;
    ensure!(answer.is_success(), "{to} answered {}: {:?}", answer.response_code(), answer.remark());
    Ok(())
}

async fn route(client: &RemotingClient, name_server: &Endpoint, topic: &str) -> Result<Option<TopicRouteData>> {
    let request = RemotingCommand::request(RequestCode::GET_ROUTEINFO_BY_TOPIC).with_field("topic", topic);
    let answer = client.invoke(name_server, request, TIMEOUT).await?;
    match answer.response_code() {
        ResponseCode::SUCCESS => Ok(Some(TopicRouteData::from_json(answer.body())?)),
        ResponseCode::TOPIC_NOT_EXIST => Ok(None),
        code => bail!("the name server answered {code}: {:?}", answer.remark()),
    }
}

const UPDATE_AND_CREATE_STATIC_TOPIC: RequestCode = RequestCode(513);
const TIMEOUT: Duration = Duration::from_secs(30);
const POLLS: usize = 1_000;
