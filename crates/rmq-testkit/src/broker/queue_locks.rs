//! Which consumer may read a queue in order.
//!
//! A lock that its owner does not take again within a minute is free (`RebalanceLockManager`).

use std::collections::HashMap;
use std::time::Duration;

use parking_lot::Mutex;
use serde::{Deserialize, Serialize};
use tokio::time::Instant;

/// A queue as requests and answers name it.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct QueueName {
    pub(crate) broker_name: String,
    pub(crate) queue_id: i32,
    pub(crate) topic: String,
}

/// Locks by consumer group and queue.
#[derive(Debug, Default)]
pub(crate) struct QueueLocks {
    held: Mutex<HashMap<(String, QueueName), Lock>>,
}

#[derive(Clone, Debug)]
struct Lock {
    client_id: String,
    taken: Instant,
}

impl QueueLocks {
    /// Takes what is free or already the client's, and returns it.
    pub(crate) fn lock(&self, group: &str, client_id: &str, queues: Vec<QueueName>) -> Vec<QueueName> {
        let mut held = self.held.lock();
        let now = Instant::now();
        queues
            .into_iter()
            .filter(|queue| {
                let key = (group.to_owned(), queue.clone());
                let mine = held
                    .get(&key)
                    .is_none_or(|lock| lock.client_id == client_id || now.duration_since(lock.taken) > LIFETIME);
                if mine {
                    held.insert(key, Lock { client_id: client_id.to_owned(), taken: now });
                }
                mine
            })
            .collect()
    }

    /// Gives back what is the client's.
    pub(crate) fn unlock(&self, group: &str, client_id: &str, queues: Vec<QueueName>) {
        let mut held = self.held.lock();
        for queue in queues {
            let key = (group.to_owned(), queue);
            if held.get(&key).is_some_and(|lock| lock.client_id == client_id) {
                held.remove(&key);
            }
        }
    }

    pub(crate) fn clear(&self) {
        self.held.lock().clear();
    }
}

/// `rocketmq.broker.rebalance.lockMaxLiveTime`.
const LIFETIME: Duration = Duration::from_secs(60);

#[cfg(test)]
mod tests {
    use super::*;

    fn queues(ids: &[i32]) -> Vec<QueueName> {
        ids.iter().map(|&queue_id| QueueName { broker_name: "b".into(), queue_id, topic: "t".into() }).collect()
    }

    #[tokio::test(start_paused = true)]
    async fn a_queue_belongs_to_one_client_until_it_is_given_back_or_forgotten() {
        let locks = QueueLocks::default();
        assert_eq!(locks.lock("g", "one", queues(&[0, 1])).len(), 2);
        assert_eq!(locks.lock("g", "two", queues(&[0, 1, 2])), queues(&[2]));
        assert_eq!(locks.lock("other", "two", queues(&[0])).len(), 1);
        locks.unlock("g", "two", queues(&[0]));
        locks.unlock("g", "one", queues(&[1]));
        assert_eq!(locks.lock("g", "two", queues(&[0, 1])), queues(&[1]));
        tokio::time::advance(Duration::from_secs(61)).await;
        assert_eq!(locks.lock("g", "two", queues(&[0])).len(), 1);
    }
}
