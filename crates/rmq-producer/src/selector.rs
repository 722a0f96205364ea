//! Queue selectors: which queue of the topic takes a message, where the user decides it.
//!
//! A selector is a function from queues and message to a position in the queues. It says nothing else: a position
//! that is not there is an error of that send, never a panic.

use std::sync::Arc;

use rmq_message::{Message, MessageQueue};
use rmq_remoting::Random;
use rmq_route::QueueCursor;

/// Chooses a queue by its position in the topic's queues: any closure of this form, and what the functions of this
/// module return.
///
/// The queues are those that can be written to, in the order of the route; they and the message carry names without
/// namespace. A position outside fails the send, [`NO_QUEUE`] on purpose. Runs on the sender's task, once per send (all
/// attempts go to the queue that was chosen), and must not block.
///
/// ```
/// use rmq_producer::selector::{self, QueueSelector};
///
/// # fn select(selector: impl QueueSelector) {}
/// select(|queues, message| message.body().len() % queues.len());
/// select(selector::by_hash("order-10086"));
/// ```
#[doc(alias("MessageQueueSelector", "select"))]
pub trait QueueSelector: Fn(&[MessageQueue], &Message) -> usize + Send + Sync + 'static {}

impl<F: Fn(&[MessageQueue], &Message) -> usize + Send + Sync + 'static> QueueSelector for F {}

/// The position by which a selector says that no queue will do: it is outside of any list.
pub const NO_QUEUE: usize = usize::MAX;

/// Messages with the same key go to the same queue, as long as the topic has as many queues; and to the queue to which
/// Java sends them.
///
/// The key is text or a number: see [`JavaHash`].
#[doc(alias = "SelectMessageQueueByHash")]
pub fn by_hash(key: impl JavaHash) -> impl QueueSelector + Clone {
    let hash = key.java_hash();
    move |queues: &[MessageQueue], _: &Message| index_of(hash, queues.len())
}

/// Any queue, each as likely as the others.
#[doc(alias = "SelectMessageQueueByRandom")]
pub fn random() -> impl QueueSelector + Clone {
    let random = Arc::new(Random::new(None));
    move |queues: &[MessageQueue], _: &Message| {
        let count = u64::try_from(queues.len()).unwrap_or(u64::MAX);
        usize::try_from(random.below(count)).unwrap_or(NO_QUEUE)
    }
}

/// The queues of brokers in the given rooms, in turn; [`NO_QUEUE`] where there is none.
///
/// A broker's room is what stands before the `@` of its name (`room-1@broker-a`), the form that Java's
/// `AllocateMessageQueueByMachineRoom` reads for consumers. Java has this selector by name only: it selects nothing.
#[doc(alias("SelectMessageQueueByMachineRoom", "consumeridcs"))]
pub fn by_machine_room<R: Into<String>>(rooms: impl IntoIterator<Item = R>) -> impl QueueSelector + Clone {
    let rooms: Arc<[String]> = rooms.into_iter().map(Into::into).collect();
    let cursor = Arc::new(QueueCursor::starting_at(random_start()));
    move |queues: &[MessageQueue], _: &Message| {
        let eligible = |queue: &MessageQueue| room_of(queue).is_some_and(|room| rooms.iter().any(|one| one == room));
        let count = queues.iter().filter(|queue| eligible(queue)).count();
        if count == 0 {
            return NO_QUEUE;
        }
        let turn = cursor.advance() % count;
        let mut positions = (0..queues.len()).filter(|at| eligible(&queues[*at]));
        positions.nth(turn).unwrap_or(NO_QUEUE)
    }
}

/// What has a hash code in Java, and the same one here.
///
/// Own key types may have it too, where a Java producer sends to the same topic: `hashCode()` is what to return.
#[doc(alias = "hashCode")]
pub trait JavaHash {
    /// Returns the hash code.
    fn java_hash(&self) -> i32;
}

/// Over the UTF-16 units of the text, as `java.lang.String`.
impl JavaHash for str {
    fn java_hash(&self) -> i32 {
        let add = |hash: i32, unit: i32| hash.wrapping_mul(31).wrapping_add(unit);
        if self.is_ascii() {
            return self.bytes().fold(0, |hash, byte| add(hash, byte.into()));
        }
        self.encode_utf16().fold(0, |hash, unit| add(hash, unit.into()))
    }
}

impl JavaHash for String {
    fn java_hash(&self) -> i32 {
        self.as_str().java_hash()
    }
}

/// As `java.lang.Integer`.
impl JavaHash for i32 {
    fn java_hash(&self) -> i32 {
        *self
    }
}

/// As `java.lang.Long`.
impl JavaHash for i64 {
    #[expect(clippy::cast_possible_truncation, reason = "the halves are folded, and the lower one kept")]
    fn java_hash(&self) -> i32 {
        (self ^ (self >> 32)) as i32
    }
}

/// As `java.lang.Boolean`.
impl JavaHash for bool {
    fn java_hash(&self) -> i32 {
        if *self { 1231 } else { 1237 }
    }
}

impl<T: JavaHash + ?Sized> JavaHash for &T {
    fn java_hash(&self) -> i32 {
        T::java_hash(self)
    }
}

impl<T: JavaHash + ?Sized> JavaHash for Arc<T> {
    fn java_hash(&self) -> i32 {
        T::java_hash(self)
    }
}

/// The position of a hash code among so many queues: Java's remainder without its sign; 0 among none.
pub(crate) fn index_of(hash: i32, queues: usize) -> usize {
    // Java takes the sign off after the division, which comes to the same
    usize::try_from(hash.unsigned_abs()).ok().and_then(|hash| hash.checked_rem(queues)).unwrap_or(0)
}

fn room_of(queue: &MessageQueue) -> Option<&str> {
    queue.broker_name().split_once('@').map(|(room, _)| room)
}

/// So that producers that start together do not all begin with the same queue.
fn random_start() -> usize {
    usize::try_from(Random::new(None).next_u64() >> 32).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn queues(brokers: &[&str]) -> Vec<MessageQueue> {
        let of = |broker: &&str| [0, 1].map(|id| MessageQueue::new("orders", *broker, id));
        brokers.iter().flat_map(of).collect()
    }

    fn message() -> Message {
        Message::new("orders", "body")
    }

    /// As a send does it: the closures below have no annotations.
    fn choose(selector: impl QueueSelector, queues: &[MessageQueue]) -> usize {
        selector(queues, &message())
    }

    #[test]
    fn a_closure_is_a_selector() {
        let queues = queues(&["a", "b"]);
        assert_eq!(choose(|queues, message| queues.len() - message.body().len() / 2, &queues), 2);
        assert_eq!(choose(|_, _| NO_QUEUE, &queues), NO_QUEUE);
    }

    #[test]
    fn a_selector_outlives_its_key() {
        let selector = {
            let key = String::from("a");
            by_hash(&key)
        };
        assert_eq!(selector(&queues(&["a", "b"]), &message()), 1);
    }

    #[test]
    fn a_selector_can_be_boxed() {
        let boxed: Box<dyn QueueSelector> = Box::new(by_hash("a"));
        assert_eq!(boxed(&queues(&["a", "b"]), &message()), 1);
    }

    #[test]
    fn random_reaches_every_queue_and_nothing_else() {
        let queues = queues(&["a", "b"]);
        let selector = random();
        let mut seen = [0; 4];
        for _ in 0..1000 {
            seen[selector(&queues, &message())] += 1;
        }
        assert!(seen.iter().all(|times| *times > 100), "{seen:?}");
    }

    #[test]
    fn the_queues_of_a_room_take_turns() {
        let queues = queues(&["r1@a", "r2@b", "c", "r3@d"]);
        let selector = by_machine_room(["r3", "r1"]);
        let chosen: Vec<usize> = (0..8).map(|_| selector(&queues, &message())).collect();
        let mut sorted = chosen[..4].to_vec();
        sorted.sort_unstable();
        assert_eq!(sorted, [0, 1, 6, 7]);
        assert_eq!(chosen[..4], chosen[4..]);
        assert_eq!(choose(by_machine_room(["c", ""]), &queues), NO_QUEUE);
    }

    #[test]
    fn no_queues_at_all_is_no_panic() {
        let rooms: [&str; 0] = [];
        for position in [choose(by_hash("a"), &[]), choose(random(), &[]), choose(by_machine_room(rooms), &[])] {
            assert!([].get(position).is_none_or(|_: &MessageQueue| false));
        }
    }
}
