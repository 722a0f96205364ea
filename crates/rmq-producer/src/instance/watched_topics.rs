//! WatchedTopics: topics that are asked for more often for a while, because their brokers are in motion.
//!
//! Each pace, with jitter, has an end of its own: what is watched quickly for a moment is watched slowly for longer. All topics together are
//! asked for so often at most, since a broker that is in trouble is that of many: the address that one route tells is good for all.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use rmq_remoting::Random;
use tokio::sync::Notify;
use tokio::time::Instant;

#[derive(Default)]
pub(super) struct WatchedTopics {
    /// By topic and pace.
    topics: Mutex<BTreeMap<(Arc<str>, Duration), Watched>>,
    /// How many were due since when.
    window: Mutex<Option<(Instant, usize)>>,
    /// Told when there is one more.
    added: Notify,
}

/// How often a topic is asked for, up to a tenth sooner at random, and for how long.
#[derive(Clone, Copy, Debug)]
pub(super) struct Watch {
    /// Whether it is due for the first time now, instead of after its pause.
    pub(super) at_once: bool,
    pub(super) every: Duration,
    pub(super) during: Duration,
}

struct Watched {
    due: Instant,
    until: Instant,
}

impl WatchedTopics {
    /// Watches a topic from now on, in addition to what is watched at another pace.
    pub(super) fn watch(&self, topic: &str, watch: Watch) {
        let now = Instant::now();
        let due = if watch.at_once { now } else { now + watch.every };
        let until = now + watch.during;
        let mut topics = self.topics.lock();
        topics.entry((topic.into(), watch.every)).or_insert(Watched { due, until }).until = until;
        drop(topics);
        self.added.notify_one();
    }

    pub(super) fn forget(&self, topic: &str) {
        self.topics.lock().retain(|(watched, _), _| **watched != *topic);
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
                    let next = self.opens().map_or(next, |opens| next.max(opens));
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
        let mut due: Vec<_> = topics.iter_mut().filter(|(_, watched)| watched.due <= now).collect();
        due.sort_by_key(|(_, watched)| watched.due);
        let mut window = self.window.lock();
        let (since, mut asked) = window.filter(|(since, _)| now < *since + WINDOW).unwrap_or((now, 0));
        let mut names = BTreeSet::new();
        // Who has to wait for the next window comes first there.
        for ((topic, every), watched) in due.into_iter().take(AT_MOST.saturating_sub(asked)) {
            let tenth = u64::try_from(every.as_nanos() / 10).unwrap_or(u64::MAX);
            watched.due = now + *every - Duration::from_nanos(random.below(tenth));
            asked += 1;
            names.insert(Arc::clone(topic));
        }
        *window = Some((since, asked));
        names.into_iter().collect()
    }

    /// When something can be due again, once so many were.
    fn opens(&self) -> Option<Instant> {
        self.window.lock().filter(|(_, asked)| *asked >= AT_MOST).map(|(since, _)| since + WINDOW)
    }
}

/// How many topics are due within a window.
const AT_MOST: usize = 16;
const WINDOW: Duration = Duration::from_secs(1);

#[cfg(test)]
mod tests {
    use super::*;

    const fn watch(every: u64, during: u64) -> Watch {
        Watch { at_once: false, every: Duration::from_millis(every), during: Duration::from_millis(during) }
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
    async fn a_topic_can_be_watched_quickly_for_a_moment_and_slowly_for_longer() {
        let topics = WatchedTopics::default();
        topics.watch("t", watch(500, 1_100));
        topics.watch("t", watch(2_000, 10_000));
        let due: Vec<_> = times(&topics, 20_000).await.into_iter().map(|(at, _)| at).collect();
        assert_eq!(due.iter().filter(|at| **at < 1_500).count(), 2, "{due:?}");
        assert!((4..=6).contains(&due.iter().filter(|at| **at >= 1_500).count()), "{due:?}");
        topics.watch("t", watch(500, 60_000));
        topics.forget("t");
        assert!(times(&topics, 10_000).await.is_empty());
    }

    #[tokio::test(start_paused = true)]
    async fn many_topics_in_trouble_at_once_are_asked_for_a_few_at_a_time() {
        let topics = WatchedTopics::default();
        for n in 0..100 {
            topics.watch(&format!("t{n:03}"), Watch { at_once: true, ..watch(900, 10_000) });
        }
        let times = times(&topics, 10_000).await;
        let first: Vec<_> = times.iter().filter(|(at, _)| *at == 0).collect();
        assert_eq!(first.len(), AT_MOST, "at once");
        for second in 0..10 {
            let within = times.iter().filter(|(at, _)| (second * 1000..(second + 1) * 1000).contains(at)).count();
            assert!(within <= 2 * AT_MOST, "{within} in second {second}");
        }
        assert!(times.len() <= 11 * AT_MOST);
        let names: BTreeSet<_> = times.iter().map(|(_, topic)| topic).collect();
        assert_eq!(names.len(), 100, "each has its turn");
    }
}
