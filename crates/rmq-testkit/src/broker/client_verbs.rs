//! Clients that say they live, that they go, and who asks for them.

use rmq_remoting::{RemotingCommand, ResponseCode};
use serde::Serialize;

use super::consumer_verbs::json;
use super::core::BrokerCore;
use super::topics::{PERM_READ, PERM_WRITE};
use crate::fields::Fields;
use crate::names;
use crate::server::Caller;
use crate::voice::Refusal;

/// HEART_BEAT. Makes the retry topic of every consumer group in it (`ClientManageProcessor#heartBeat`).
pub(super) fn heartbeat(
    core: &BrokerCore,
    caller: &Caller,
    request: &RemotingCommand,
) -> Result<RemotingCommand, Refusal> {
    let effect = core.clients.heartbeat(caller, request)?;
    for group in &effect.consumer_groups {
        core.topics.for_group(&names::retry_topic(group), PERM_READ | PERM_WRITE);
    }
    let answer = core.voice.answer(request, ResponseCode::SUCCESS);
    if !core.voice.dialect.is_v5() {
        return Ok(answer);
    }
    let change = if effect.wants_subscriptions { "true" } else { "false" };
    Ok(answer.with_field("IS_SUPPORT_HEART_BEAT_V2", "true").with_field("IS_SUB_CHANGE", change))
}

/// UNREGISTER_CLIENT; also for clients that nobody knows.
pub(super) fn unregister(core: &BrokerCore, request: &RemotingCommand) -> Result<RemotingCommand, Refusal> {
    let fields = Fields::of(request, core.voice.dialect, "UnregisterClientRequestHeader");
    let client_id = fields.text("clientID").unwrap_or_default();
    core.clients.unregister(client_id, fields.text("producerGroup"), fields.text("consumerGroup"));
    let mut answer = core.voice.answer(request, ResponseCode::SUCCESS);
    answer.ext_fields_mut();
    Ok(answer)
}

/// GET_PRODUCER_CONNECTION_LIST.
pub(super) fn list_producers(core: &BrokerCore, request: &RemotingCommand) -> Result<RemotingCommand, Refusal> {
    #[derive(Serialize)]
    #[serde(rename_all = "camelCase")]
    struct Body {
        connection_set: Vec<Member>,
    }
    #[derive(Serialize)]
    #[serde(rename_all = "camelCase")]
    struct Member {
        client_addr: String,
        client_id: String,
        language: Option<&'static str>,
        version: i32,
    }
    let fields = Fields::of(request, core.voice.dialect, "GetProducerConnectionListRequestHeader");
    let group = fields.required_text("producerGroup")?;
    let members = core.clients.seen(&core.name).into_iter();
    let connection_set: Vec<Member> = members
        .filter(|client| client.producer_groups.iter().any(|known| known == group))
        .map(|client| Member {
            client_addr: client.peer,
            client_id: client.client_id,
            language: client.language.and_then(|language| language.name()),
            version: client.version,
        })
        .collect();
    if connection_set.is_empty() {
        let text = format!("the producer group[{group}] not exist");
        return Err(Refusal::new(ResponseCode::SYSTEM_ERROR, text));
    }
    Ok(core.voice.answer(request, ResponseCode::SUCCESS).with_body(json(&Body { connection_set })?))
}
