//! WatchedTopics: topics that are asked for more often for a while, because their brokers are in motion.
//!
//! Each has its own pace, with jitter, and an end; none is asked for twice in its pause.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use rmq_remoting::Random;
use tokio::sync::Notify;
use tokio::time::Instant;

#[derive(Default)]
pub(super) struct WatchedTopics {
    topics: Mutex<BTreeMap<Arc<str>, Watched>>,
    /// Told when there is one more.
    added: Notify,
}

/// How often a topic is asked for, up to a tenth sooner at random, and for how long.
#[derive(Clone, Copy, Debug)]
pub(super) struct Watch {
    pub(super) every: Duration,
    pub(super) during: Duration,
}

struct Watched {
    due: Instant,
    every: Duration,
    until: Instant,
}

impl WatchedTopics {
    /// Watches a topic from now on. One that is watched already is watched for the longer of both times, at the quicker pace.
    pub(super) fn watch(&self, topic: &str, watch: Watch) {
        let now = Instant::now();
        let (due, until) = (now + watch.every, now + watch.during);
        let mut topics = self.topics.lock();
        match topics.get_mut(topic) {
            Some(watched) => {
                watched.until = watched.until.max(until);
                if watch.every < watched.every {
                    watched.every = watch.every;
                    watched.due = watched.due.min(due);
                }
            }
            None => {
                topics.insert(topic.into(), Watched { due, every: watch.every, until });
                drop(topics);
                self.added.notify_one();
            }
        }
    }

    pub(super) fn forget(&self, topic: &str) {
        self.topics.lock().remove(topic);
    }

    /// Waits until there are topics to ask for.
    ///
    /// # Cancel safety
    /// Dropped early, nothing is lost.
    pub(super) async fn due(&self, random: &Random) -> Vec<Arc<str>> {
        loop {
            let next = self.topics.lock().values().map(|watched| watched.due).min();
            let added = self.added.notified();
            match next {
                None => added.await,
                Some(next) => {
                    tokio::select! {
                        () = added => {}
                        () = tokio::time::sleep_until(next) => {}
                    }
                }
            }
            let due = self.take_due(random);
            if !due.is_empty() {
                return due;
            }
        }
    }

    fn take_due(&self, random: &Random) -> Vec<Arc<str>> {
        let now = Instant::now();
        let mut topics = self.topics.lock();
        topics.retain(|_, watched| now < watched.until);
        let mut due = Vec::new();
        for (topic, watched) in topics.iter_mut().filter(|(_, watched)| watched.due <= now) {
            let tenth = u64::try_from(watched.every.as_nanos() / 10).unwrap_or(u64::MAX);
            watched.due = now + watched.every - Duration::from_nanos(random.below(tenth));
            due.push(Arc::clone(topic));
        }
        due
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn watch(every: u64, during: u64) -> Watch {
        Watch { every: Duration::from_millis(every), during: Duration::from_millis(during) }
    }

    /// When topics are due within so many milliseconds.
    async fn times(topics: &WatchedTopics, millis: u64) -> Vec<(u128, String)> {
        let (begun, random) = (Instant::now(), Random::new(Some(1)));
        let mut times = Vec::new();
        while let Ok(due) = tokio::time::timeout_at(begun + Duration::from_millis(millis), topics.due(&random)).await {
            times.extend(due.iter().map(|topic| (begun.elapsed().as_millis(), topic.to_string())));
        }
        times
    }

    #[tokio::test(start_paused = true)]
    async fn a_topic_is_due_at_its_pace_until_its_end() {
        let topics = WatchedTopics::default();
        topics.watch("slow", watch(2_000, 60_000));
        topics.watch("quick", watch(900, 3_000));
        topics.watch("quick", watch(900, 3_000));
        let times = times(&topics, 100_000).await;
        let of = |name: &str| times.iter().filter(|(_, topic)| topic == name).map(|(at, _)| *at).collect::<Vec<_>>();
        assert_eq!(of("quick").len(), 3, "{times:?}");
        assert!((29..=33).contains(&of("slow").len()), "{times:?}");
        let gaps: Vec<_> = of("slow").windows(2).map(|pair| pair[1] - pair[0]).collect();
        assert!(gaps.iter().all(|gap| (1_800..=2_001).contains(gap)), "{gaps:?}");
        assert!(topics.topics.lock().is_empty(), "and then it is forgotten");
    }

    #[tokio::test(start_paused = true)]
    async fn the_quicker_pace_and_the_later_end_win() {
        let topics = WatchedTopics::default();
        topics.watch("t", watch(2_000, 60_000));
        topics.watch("t", watch(500, 1_000));
        let times = times(&topics, 10_000).await;
        assert!(times.len() >= 20, "{times:?}");
        topics.forget("t");
        assert!(self::times(&topics, 10_000).await.is_empty());
    }
}
