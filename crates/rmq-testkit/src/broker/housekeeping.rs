//! What a broker does by itself: tells consumers of changes in their group, and closes connections of clients that have fallen silent.

use std::sync::Arc;
use std::time::Duration;

use rmq_remoting::{Deadline, RemotingCommand, RequestCode};
use tokio::time::{MissedTickBehavior, interval};
use tracing::debug;

use super::core::BrokerCore;
use crate::network::Lines;

/// Runs until it is dropped.
pub(crate) async fn keep_house(core: Arc<BrokerCore>, lines: Arc<Lines>, client_expiry: Duration) {
    let mut round = interval(ROUND);
    round.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            () = core.clients.groups_changed.notified() => {}
            _ = round.tick() => {
                for peer in core.clients.expire(client_expiry) {
                    debug!(addr = peer, "client expired");
                    if let Some(line) = lines.find(&peer) {
                        line.close(); // as ProducerManager does, other traffic notwithstanding
                    }
                }
            }
        }
        for (group, context) in core.clients.take_changes() {
            let mut notice =
                RemotingCommand::request(RequestCode::NOTIFY_CONSUMER_IDS_CHANGED).with_field("consumerGroup", group);
            notice.mark_oneway();
            notice.set_language(rmq_remoting::LanguageCode::JAVA);
            notice.set_version(core.voice.dialect.version());
            // A client that is gone needs no notice.
            drop(context.connection().invoke_oneway(&notice, Deadline::after(NOTICE)).await);
        }
    }
}

/// How often silent clients are looked for (`ClientHousekeepingService`).
const ROUND: Duration = Duration::from_secs(10);
const NOTICE: Duration = Duration::from_millis(10);
