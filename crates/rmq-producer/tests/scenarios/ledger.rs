//! Ledger: what callers were told of their sends, held against what the brokers have.
//!
//! Every body is written once and by one caller, so a copy in the store belongs to one send. The rules are numbered as in the names of
//! [`Ledger::violations`]; a rule that is broken is a line of text, so that one run shows them all.

use std::cell::Cell;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::sync::Once;
use std::time::Duration;

use bytes::Bytes;
use parking_lot::Mutex;
use rmq_producer::{Attempt, Message, MessageQueue, Outcome, Producer, RetryPolicy, SendError, SendResult};
use rmq_remoting::Random;
use rmq_testkit::{Fault, RequestCode, StoredCopy, TestCluster};
use tokio::time::Instant;

use crate::world::{milliseconds, seconds};

/// The book of all sends of one test.
pub(crate) struct Ledger {
    pages: Mutex<Vec<Page>>,
    panics_before: usize,
}

/// What a caller asks for beside the defaults of a producer.
#[derive(Clone)]
pub(crate) struct How {
    pub(crate) timeout: Duration,
    pub(crate) times: u32,
    pub(crate) strict: bool,
    /// Bytes of the body, as far as its number leaves room.
    pub(crate) bytes: usize,
    pub(crate) to: Option<MessageQueue>,
}

impl Default for How {
    fn default() -> Self {
        Self { timeout: seconds(3), times: 2, strict: false, bytes: 0, to: None }
    }
}

impl How {
    pub(crate) fn within(timeout: Duration) -> Self {
        Self { timeout, ..Self::default() }
    }

    pub(crate) fn once(timeout: Duration) -> Self {
        Self { timeout, times: 0, ..Self::default() }
    }

    fn policy(&self) -> RetryPolicy {
        let policy = RetryPolicy::times(self.times);
        if self.strict { policy.strict() } else { policy }
    }
}

/// One send.
struct Page {
    how: How,
    body: Bytes,
    began: Instant,
    told: Told,
}

enum Told {
    /// Nothing yet.
    Nothing,
    /// The caller left before anything was said.
    Left,
    Done(Story),
}

struct Story {
    at: Instant,
    id: Option<String>,
    end: End,
    tries: Vec<Try>,
}

enum End {
    Stored { queue: MessageQueue, offset: i64 },
    Failed(Outcome),
}

/// One attempt as it was reported; no outcome = stored.
struct Try {
    broker: String,
    queue_id: i32,
    outcome: Option<Outcome>,
}

impl From<&Attempt> for Try {
    fn from(attempt: &Attempt) -> Self {
        let broker = attempt.broker_name().to_string();
        Self { broker, queue_id: attempt.queue().queue_id(), outcome: attempt.outcome() }
    }
}

impl Ledger {
    /// For messages of `orders`.
    pub(crate) fn new() -> Self {
        count_panics();
        Self { pages: Mutex::default(), panics_before: PANICS.get() }
    }

    /// Sends as users do who set nothing.
    pub(crate) async fn send(&self, producer: &Producer) -> Result<SendResult, SendError> {
        self.send_as(producer, How::default()).await
    }

    /// Sends, and writes down what comes of it; dropped early, that is written down too.
    pub(crate) async fn send_as(&self, producer: &Producer, how: How) -> Result<SendResult, SendError> {
        let (entry, body) = self.open(&how);
        let request = producer.send(Message::new("orders", body)).timeout(how.timeout).retries(how.policy());
        let request = if let Some(queue) = how.to { request.to(queue) } else { request };
        let outcome = request.await;
        entry.close(&outcome);
        outcome
    }

    fn open(&self, how: &How) -> (Entry<'_>, Bytes) {
        let mut pages = self.pages.lock();
        let mut body = format!("message {} ", pages.len()).into_bytes();
        let rest = how.bytes.saturating_sub(body.len());
        body.extend(noise(pages.len() as u64, rest));
        let body = Bytes::from(body);
        let entry = Entry { ledger: self, page: pages.len() };
        pages.push(Page { how: how.clone(), body: body.clone(), began: Instant::now(), told: Told::Nothing });
        (entry, body)
    }

    /// How many sends were told that they are stored.
    pub(crate) fn stored(&self) -> usize {
        let is_stored = |page: &&Page| matches!(&page.told, Told::Done(Story { end: End::Stored { .. }, .. }));
        self.pages.lock().iter().filter(is_stored).count()
    }

    /// How many sends ended with an error of this class.
    pub(crate) fn failed(&self, class: Outcome) -> usize {
        let is = |page: &&Page| matches!(&page.told, Told::Done(Story { end: End::Failed(it), .. }) if *it == class);
        self.pages.lock().iter().filter(is).count()
    }

    /// How many attempts all callers were told of.
    pub(crate) fn tries(&self) -> usize {
        let tries = |page: &Page| if let Told::Done(story) = &page.told { story.tries.len() } else { 0 };
        self.pages.lock().iter().map(tries).sum()
    }

    /// What was told, in the order of the sends: the same for runs that went the same way. Ids are left out, they are never the same.
    pub(crate) fn trace(&self) -> String {
        let mut text = String::new();
        for page in self.pages.lock().iter() {
            let told = match &page.told {
                Told::Nothing => "nothing".to_owned(),
                Told::Left => "left".to_owned(),
                Told::Done(story) => story.text(page.began),
            };
            writeln!(text, "{} {told}", name(&page.body)).expect("a string takes any text");
        }
        text
    }

    /// Compares with the store, which must have come to rest.
    ///
    /// # Panics
    /// A rule is broken.
    pub(crate) fn check(&self, cluster: &TestCluster) {
        let violations = self.violations(cluster);
        assert!(violations.is_empty(), "{} broken rules:\n{}", violations.len(), violations.join("\n"));
    }

    /// Every broken rule:
    /// - I1 a send is told of its end exactly once;
    /// - I2 what was told to be stored is there, with that id and body, in that queue, at that place;
    /// - I3 an attempt that was refused, busy or not sent left no copy;
    /// - I4 there are no more copies than one, and one for each attempt that may have left one; with a strict policy at most one;
    /// - I6 nobody waits longer than until the deadline;
    /// - I8 an answer reaches only the send that it is for: no two results name one place;
    /// - I12 nothing panicked.
    pub(crate) fn violations(&self, cluster: &TestCluster) -> Vec<String> {
        let stored = cluster.messages("orders");
        let mut copies: BTreeMap<Bytes, Vec<&StoredCopy>> = BTreeMap::new();
        for copy in &stored {
            let body = copy.plain_body().expect("I2: what is stored can be read");
            copies.entry(body).or_default().push(copy);
        }
        let mut found = Vec::new();
        let mut places = BTreeSet::new();
        for page in self.pages.lock().iter() {
            let mine = copies.get(&page.body).map_or(&[][..], |copies| copies);
            let mut broken = Vec::new();
            match &page.told {
                Told::Nothing => broken.push("I1: it was told nothing".to_owned()),
                Told::Left => page.check_left(mine, &mut broken),
                Told::Done(story) => {
                    story.check(page, mine, &mut broken);
                    if let End::Stored { queue, offset } = &story.end {
                        if !places.insert((queue.clone(), *offset)) {
                            broken.push(format!("I8: another send was told the same place, {queue} at {offset}"));
                        }
                    }
                }
            }
            let story = if let Told::Done(story) = &page.told { story.text(page.began) } else { String::new() };
            found.extend(broken.into_iter().map(|rule| format!("{}: {rule} [{story}]", name(&page.body))));
        }
        if PANICS.get() > self.panics_before {
            found.push(format!("I12: {} panics", PANICS.get() - self.panics_before));
        }
        found
    }

    fn close(&self, page: usize, told: Told) {
        let mut pages = self.pages.lock();
        assert!(matches!(pages[page].told, Told::Nothing), "I1: {page} was told its end twice");
        pages[page].told = told;
    }
}

impl Page {
    /// Of a send whose caller left, only the number of copies can be said.
    fn check_left(&self, copies: &[&StoredCopy], broken: &mut Vec<String>) {
        let most = if self.how.strict { 1 } else { 1 + self.how.times as usize };
        if copies.len() > most {
            broken.push(format!("I4: {} copies of a send that was given up, at most {most} are right", copies.len()));
        }
    }
}

impl Story {
    fn check(&self, page: &Page, copies: &[&StoredCopy], broken: &mut Vec<String>) {
        if let End::Stored { queue, offset } = &self.end {
            let place = |copy: &&&StoredCopy| {
                *copy.broker == **queue.broker_name()
                    && copy.queue_id == queue.queue_id()
                    && copy.queue_offset == *offset
            };
            match copies.iter().find(place) {
                Some(copy) if copy.unique_id() == self.id.as_deref() => {}
                Some(copy) => broken.push(format!("I2: the copy has the id {:?}", copy.unique_id())),
                None => broken.push(format!("I2: {queue} has no copy at {offset}")),
            }
        }
        let strangers = copies.iter().filter(|copy| copy.unique_id() != self.id.as_deref()).count();
        if strangers > 0 {
            broken.push(format!("I2: {strangers} copies have another id than {:?}", self.id));
        }
        self.check_places(copies, broken);
        let maybe = self.tries.iter().filter(|one| one.outcome.is_some_and(Outcome::possibly_stored)).count();
        let surely = usize::from(matches!(self.end, End::Stored { .. }));
        let most = if page.how.strict { 1 } else { surely + maybe };
        if copies.len() > most {
            broken.push(format!("I4: {} copies, at most {most} were told of", copies.len()));
        }
        if let End::Failed(outcome) = self.end {
            if (maybe > 0) != outcome.possibly_stored() {
                broken.push(format!("I3: {outcome:?} is told, while {maybe} attempts may have left a copy"));
            }
        }
        let tries = page.how.times as usize + 1;
        if self.tries.len() > tries {
            broken.push(format!("{} attempts, {tries} were allowed", self.tries.len()));
        }
        let late = (self.at - page.began).saturating_sub(page.how.timeout);
        if late > milliseconds(2) {
            broken.push(format!("I6: {late:?} after the deadline"));
        }
    }

    /// I3, attempt by attempt: in no queue are there more copies than attempts that were, or may have been, stored there.
    fn check_places(&self, copies: &[&StoredCopy], broken: &mut Vec<String>) {
        let mut left: BTreeMap<(&str, i32), isize> = BTreeMap::new();
        for one in &self.tries {
            let may = one.outcome.is_none_or(Outcome::possibly_stored);
            *left.entry((&one.broker, one.queue_id)).or_default() += isize::from(may);
        }
        for copy in copies {
            let place = left.entry((&copy.broker, copy.queue_id)).or_default();
            *place -= 1;
            if *place < 0 {
                broken.push(format!("I3: a copy at {}:{} that no attempt accounts for", copy.broker, copy.queue_id));
            }
        }
    }

    fn text(&self, began: Instant) -> String {
        let mut text = match &self.end {
            End::Stored { queue, offset } => format!("stored in {queue} at {offset}"),
            End::Failed(outcome) => format!("{outcome:?}"),
        };
        write!(text, " after {:?};", self.at - began).expect("a string takes any text");
        for one in &self.tries {
            write!(text, " {}:{} {:?}", one.broker, one.queue_id, one.outcome).expect("a string takes any text");
        }
        text
    }
}

/// A send that is under way.
struct Entry<'a> {
    ledger: &'a Ledger,
    page: usize,
}

impl Entry<'_> {
    fn close(self, outcome: &Result<SendResult, SendError>) {
        let (id, end, attempts) = match outcome {
            Ok(sent) => {
                let end = End::Stored { queue: sent.queue().clone(), offset: sent.queue_offset() };
                (Some(sent.message_id().to_owned()), end, sent.attempts())
            }
            Err(error) => (error.message_id().map(str::to_owned), End::Failed(error.outcome()), error.attempts()),
        };
        let story = Story { at: Instant::now(), id, end, tries: attempts.iter().map(Try::from).collect() };
        self.ledger.close(self.page, Told::Done(story));
        std::mem::forget(self);
    }
}

impl Drop for Entry<'_> {
    fn drop(&mut self) {
        self.ledger.close(self.page, Told::Left);
    }
}

/// I7: asserts that nothing is held once all sends are over: all the room for requests is free, by count and by bytes.
///
/// `room` and `bytes` are the limits of the producer. A request above the limit of bytes goes only when no byte is held.
pub(crate) async fn assert_nothing_held(producer: &Producer, cluster: &TestCluster, room: usize, bytes: usize) {
    cluster.clear_faults();
    tokio::time::sleep(seconds(25)).await; // pauses between dials, and probes
    assert_eq!(producer.in_flight(), 0, "I7");
    let held = cluster.on(SEND, &Fault::delay(milliseconds(600)));
    let before = cluster.request_count(SEND);
    let mut sends = tokio::task::JoinSet::new();
    for _ in 0..room {
        let producer = producer.clone();
        sends.spawn(async move { producer.send(Message::new("room", "?")).await.map(drop) });
    }
    tokio::time::sleep(milliseconds(300)).await;
    let met = usize::try_from(cluster.request_count(SEND) - before).expect("a small number");
    for sent in sends.join_all().await {
        sent.expect("I7: there is room, and nothing is wrong");
    }
    assert_eq!(met, room, "I7: requests that found room at once");
    drop(held);
    cluster.clear_faults();
    let large = Message::new("room", noise(0, bytes + 1).collect::<Vec<u8>>());
    producer.send(large).await.unwrap_or_else(|error| panic!("I7: bytes are held: {error:?}"));
    assert_eq!(producer.in_flight(), 0, "I7");
}

/// I11, and what of I7 shows only at the end: no task and no line is left.
pub(crate) async fn assert_ends(producer: &Producer, cluster: &TestCluster) {
    let report = producer.shutdown(seconds(5)).await;
    assert_eq!((report.unfinished, producer.tasks()), (0, 0));
    tokio::time::sleep(milliseconds(1)).await;
    assert!(cluster.brokers().iter().all(|broker| broker.lines().is_empty()), "I11: a line is left");
}

pub(crate) const SEND: RequestCode = RequestCode::SEND_MESSAGE_V2;

/// Bytes that no compression makes fewer.
fn noise(seed: u64, count: usize) -> impl Iterator<Item = u8> {
    let random = Random::new(Some(seed));
    std::iter::repeat_with(move || random.next_u64().to_le_bytes()).flatten().take(count)
}

/// The first two words, `message 7`.
fn name(body: &[u8]) -> String {
    let words: Vec<&[u8]> = body.splitn(3, |byte| *byte == b' ').take(2).collect();
    String::from_utf8_lossy(&words.join(&b' ')).into_owned()
}

thread_local! {
    /// Panics on this thread, on which all tasks of its test run.
    static PANICS: Cell<usize> = const { Cell::new(0) };
}

fn count_panics() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let shown = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            PANICS.set(PANICS.get() + 1);
            shown(panic);
        }));
    });
}

/// The checker itself: each rule, broken by hand, is found.
mod tests {
    use rmq_testkit::ResponseCode;

    use super::*;
    use crate::world::*;

    async fn rule_broken_by(fault: Fault) -> String {
        let cluster = start(one_broker()).await;
        let producer = producer(&cluster).await;
        let ledger = Ledger::new();
        cluster.on(SEND, &fault.times(1));
        drop(ledger.send_as(&producer, How::once(seconds(3))).await);
        ledger.violations(&cluster).join("\n")
    }

    #[tokio::test(start_paused = true)]
    async fn a_result_without_a_copy_is_found() {
        let lie =
            Fault::reply(ResponseCode::SUCCESS).field("queueId", "0").field("queueOffset", "7").field("msgId", "0A");
        assert!(rule_broken_by(lie).await.contains("I2: orders@broker-a:0 has no copy at 7"));
    }

    #[tokio::test(start_paused = true)]
    async fn a_copy_after_a_refusal_is_found() {
        let found = rule_broken_by(Fault::status(ResponseCode::SYSTEM_BUSY)).await;
        assert!(found.contains("I3: a copy at broker-a") && found.contains("I4: 1 copies, at most 0"), "{found}");
    }

    #[tokio::test(start_paused = true)]
    async fn a_copy_too_many_and_one_of_another_id_are_found() {
        let cluster = start(one_broker()).await;
        let producer = producer(&cluster).await;
        let ledger = Ledger::new();
        ledger.send(&producer).await.unwrap();
        ledger.check(&cluster);
        producer.send(Message::new("orders", "message 0 ")).await.unwrap();
        let found = ledger.violations(&cluster).join("\n");
        assert!(found.contains("I4: 2 copies, at most 1") && found.contains("I2: 1 copies have another id"), "{found}");
    }

    #[tokio::test(start_paused = true)]
    async fn an_end_that_is_never_told_or_told_late_is_found() {
        let cluster = start(one_broker()).await;
        let producer = producer(&cluster).await;
        let ledger = Ledger::new();
        std::mem::forget(ledger.open(&How::default()).0);
        let (entry, body) = ledger.open(&How::once(seconds(1)));
        tokio::time::sleep(seconds(1) + milliseconds(3)).await;
        entry.close(&producer.send(Message::new("orders", body)).await);
        let found = ledger.violations(&cluster).join("\n");
        assert!(found.contains("message 0: I1") && found.contains("message 1: I6: 3ms"), "{found}");
    }

    #[tokio::test(start_paused = true)]
    async fn a_panic_of_any_task_is_found() {
        let cluster = start(one_broker()).await;
        let ledger = Ledger::new();
        let mut tasks = tokio::task::JoinSet::new();
        tasks.spawn(async { panic!("on purpose") });
        assert!(tasks.join_next().await.expect("one task").is_err());
        assert_eq!(ledger.violations(&cluster), ["I12: 1 panics"]);
    }

    #[tokio::test(start_paused = true)]
    async fn room_that_is_held_is_found() {
        let cluster = start(one_broker().topic("room", 4)).await;
        let mut remoting = rmq_producer::RemotingConfig::default();
        (remoting.max_in_flight, remoting.max_in_flight_bytes) = (3, 10_000);
        let producer = builder(&cluster).remoting(remoting).start().await.unwrap();
        assert_nothing_held(&producer, &cluster, 3, 10_000).await;
        assert_ends(&producer, &cluster).await;
        let mut narrow = rmq_producer::RemotingConfig::default();
        narrow.max_in_flight = 2; // as if one permit were lost
        let narrow = builder(&cluster).remoting(narrow).start().await.unwrap();
        let mut verdict = tokio::task::JoinSet::new();
        verdict.spawn(async move { assert_nothing_held(&narrow, &cluster, 3, 10_000).await });
        assert!(verdict.join_next().await.expect("one task").is_err(), "a lost permit shows");
    }
}
