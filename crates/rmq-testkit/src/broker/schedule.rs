//! Messages with a delay level: kept in the schedule topic, then stored once more where they belong.
//!
//! A broker that is down or frozen delivers nothing; what fell due meanwhile comes when it goes on.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::Notify;
use tokio::time::{Instant, sleep, sleep_until};

use super::core::BrokerCore;
use crate::names::SCHEDULE_TOPIC;
use crate::property_text::PropertyText;
use crate::store::{NewMessage, StoredCopy};

/// Messages that wait for their time.
#[derive(Debug, Default)]
pub(crate) struct Schedule {
    waiting: Mutex<BTreeMap<(Instant, u64), Arc<StoredCopy>>>,
    changed: Notify,
}

/// Sends a message with a delay level to the schedule topic (`CommitLog#putMessage`, `HookUtils#transformDelayLevelMessage`); how long it
/// stays there.
pub(super) fn divert(message: &mut NewMessage, properties: &mut PropertyText) -> Option<Duration> {
    let level: i32 = properties.get("DELAY")?.parse().ok()?;
    let last = i32::try_from(LEVELS.len()).unwrap_or(i32::MAX);
    let index = level.min(last) - 1;
    let delay = LEVELS.get(usize::try_from(index).ok()?)?;
    properties.set("REAL_TOPIC", &message.topic);
    properties.set("REAL_QID", &message.queue_id.to_string());
    message.topic = SCHEDULE_TOPIC.into();
    message.queue_id = index;
    Some(Duration::from_secs(*delay))
}

impl Schedule {
    /// Delivers `stored` after `delay`.
    pub(super) fn add(&self, stored: Arc<StoredCopy>, delay: Duration) {
        self.waiting.lock().insert((Instant::now() + delay, stored.arrival), stored);
        self.changed.notify_one();
    }

    fn next_due(&self) -> Option<Instant> {
        self.waiting.lock().first_key_value().map(|((at, _), _)| *at)
    }

    fn take_due(&self) -> Vec<Arc<StoredCopy>> {
        let mut waiting = self.waiting.lock();
        let later = waiting.split_off(&(Instant::now() + Duration::from_nanos(1), 0));
        std::mem::replace(&mut *waiting, later).into_values().collect()
    }
}

/// Runs until it is dropped.
pub(crate) async fn deliver_delayed(core: Arc<BrokerCore>) {
    loop {
        let changed = core.schedule.changed.notified();
        match core.schedule.next_due() {
            None => changed.await,
            Some(due) => {
                tokio::select! {
                    () = changed => continue,
                    () = sleep_until(due) => {}
                }
                while core.door.is_shut() || core.door.is_frozen() {
                    sleep(LOOK_AGAIN).await;
                }
                core.schedule.take_due().iter().for_each(|stored| deliver(&core, stored));
            }
        }
    }
}

/// Stores the message under its own topic (`ScheduleMessageService#messageTimeUp`); its properties stay as they are.
fn deliver(core: &BrokerCore, stored: &StoredCopy) {
    let (Some(topic), Some(queue_id)) = (stored.property("REAL_TOPIC"), stored.property("REAL_QID")) else { return };
    let message = NewMessage {
        topic: topic.into(),
        queue_id: queue_id.parse().unwrap_or(0),
        body: stored.body.clone(),
        flag: stored.flag,
        sys_flag: stored.sys_flag,
        born_timestamp: stored.born_timestamp,
        born_host: stored.born_host,
        store_host: core.door.socket_address(),
        reconsume_times: stored.reconsume_times,
        properties_text: stored.properties_text.clone(),
    };
    core.store.append(message, core.clock.now_millis());
}

/// Seconds of the levels from 1 on (`messageDelayLevel`).
const LEVELS: [u64; 18] = [1, 5, 10, 30, 60, 120, 180, 240, 300, 360, 420, 480, 540, 600, 1200, 1800, 3600, 7200];
const LOOK_AGAIN: Duration = Duration::from_millis(100);
