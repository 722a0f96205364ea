//! How long it takes to find a topic among many, as a send does: in its producer's own table, by a name that no other message shares.
//!
//! Part of it is to hold what was found, and to see that the routes have not changed since it was made.

use std::hint::black_box;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use rmq_route::NameTable;

/// What a producer keeps of a topic, by its size.
struct Topic {
    version: AtomicU64,
    _rest: [usize; 16],
}

/// Nanoseconds of one look-up in a table of so many topics, in no order: the least of a few passes, each over all of them.
pub(crate) fn nanoseconds(topics: usize) -> f64 {
    let table = NameTable::new();
    for topic in 0..topics {
        let value = Topic { version: AtomicU64::new(1), _rest: [topic; 16] };
        table.insert(format!("topic-{topic}").into(), Arc::new(value));
    }
    let version = AtomicU64::new(1);
    // The name of a message has just been written when it is looked up: these lie side by side, those of the table do not.
    let names: Vec<Arc<str>> = shuffled(topics).map(|topic| format!("topic-{topic}").into()).collect();
    let mut least = f64::MAX;
    for _ in 0..20 {
        let started = Instant::now();
        for name in &names {
            let found = table.get(name);
            black_box(
                found
                    .filter(|topic| topic.version.load(Ordering::Relaxed) == version.load(Ordering::Acquire))
                    .is_some(),
            );
        }
        least = least.min(started.elapsed().as_secs_f64() * 1e9 / topics.max(1) as f64);
    }
    least
}

/// All numbers below `count`, each once.
fn shuffled(count: usize) -> impl Iterator<Item = usize> {
    // A step that shares no divisor with the count comes to every number.
    let divides_both = |step: usize| (2..=step).any(|divisor| step % divisor == 0 && count % divisor == 0);
    let step = (count * 5 / 8..count).find(|step| *step > 0 && !divides_both(*step)).unwrap_or(1);
    (0..count).map(move |number| number * step % count)
}

#[cfg(test)]
mod tests {
    #[test]
    fn every_topic_is_looked_up_once() {
        for count in [0, 1, 2, 10, 10_000] {
            let mut numbers: Vec<usize> = super::shuffled(count).collect();
            numbers.sort_unstable();
            assert_eq!(numbers, (0..count).collect::<Vec<_>>(), "{count}");
        }
    }
}
