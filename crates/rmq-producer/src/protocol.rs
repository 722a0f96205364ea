//! The requests a producer makes and gets, a verb each: typed header ⇄ fields, both ways.
//!
//! Nothing here knows a connection, a route or a retry.

mod check_transaction_state;
mod get_max_offset;
mod get_route_info;
mod heartbeat;
mod push_reply_message;
mod send_message;
mod unregister_client;

pub(crate) use check_transaction_state::CheckTransactionState;
pub(crate) use get_max_offset::GetMaxOffset;
pub(crate) use get_route_info::GetRouteInfo;
pub(crate) use heartbeat::HeartbeatData;
pub(crate) use push_reply_message::PushReplyMessage;
pub(crate) use send_message::{
    SendMessage, SendMessageReply, SendMessageV1, SendMessageV2, VARIABLE_LONG, VARIABLE_SHORT,
};
pub(crate) use unregister_client::UnregisterClient;

#[cfg(test)]
mod tests;
