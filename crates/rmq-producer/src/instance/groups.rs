//! Groups: the producers that an instance serves, one for each group.
//!
//! A producer that takes leave keeps its seat, no longer announced, until the brokers have heard of it, so that nobody of the same name is
//! announced too early. Once nobody is announced any more the groups are closed for good: whoever comes then needs another instance.

use std::collections::BTreeMap;
use std::sync::Arc;

use parking_lot::Mutex;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use super::requests::ServedProducer;

#[derive(Default)]
pub(super) struct Groups {
    table: Mutex<Table>,
    /// Told when somebody came.
    joined: Notify,
}

#[derive(Default)]
struct Table {
    /// By group, so that every heartbeat names them in the same order.
    seats: BTreeMap<Arc<str>, Seat>,
    closed: bool,
    /// How many have come so far.
    joins: u64,
}

struct Seat {
    number: u64,
    stay: Stay,
    producer: Arc<dyn ServedProducer>,
    /// Cancelled once the seat is free.
    free: CancellationToken,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stay {
    Open,
    /// It takes no more sends, and finishes those it has.
    Ending,
    /// It takes leave.
    Leaving,
}

/// What becomes of somebody who asks for a seat.
pub(super) enum Admission {
    /// It has the seat of this number.
    Seated(u64),
    /// A producer of the same group is there.
    Taken,
    /// One of the same group is at its end: ask again when this is cancelled.
    NotYet(CancellationToken),
    /// The instance is at its end.
    Closed,
}

/// What a seat that was given back leaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Freed {
    /// Others.
    OneOfMany,
    /// Nobody.
    TheLast,
    /// It had been given back before.
    Nothing,
}

/// What there is when somebody begins to leave.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct BegunLeave {
    /// Whether it still had its seat.
    pub(super) was_seated: bool,
    /// Whether nobody stays.
    pub(super) is_deserted: bool,
}

/// Whom heartbeats name.
pub(super) struct Announced {
    pub(super) groups: Vec<Arc<str>>,
    /// How many had come when this was written.
    pub(super) joins: u64,
}

impl Groups {
    pub(super) fn admit(&self, group: &Arc<str>, producer: Arc<dyn ServedProducer>) -> Admission {
        let mut table = self.table.lock();
        if table.closed {
            return Admission::Closed;
        }
        match table.seats.get(group) {
            Some(seat) if seat.stay != Stay::Open => return Admission::NotYet(seat.free.clone()),
            Some(_) => return Admission::Taken,
            None => {}
        }
        table.joins += 1;
        let number = table.joins;
        let seat = Seat { number, stay: Stay::Open, producer, free: CancellationToken::new() };
        table.seats.insert(Arc::clone(group), seat);
        drop(table);
        self.joined.notify_one();
        Admission::Seated(number)
    }

    /// Lets those who want a seat of this group wait for it from now on.
    pub(super) fn begin_end(&self, group: &str, number: u64) {
        let mut table = self.table.lock();
        if let Some(seat) = table.seats.get_mut(group).filter(|seat| seat.number == number && seat.stay == Stay::Open) {
            seat.stay = Stay::Ending;
        }
    }

    /// Announces a group no longer. The seat stays reserved.
    pub(super) fn begin_leave(&self, group: &str, number: u64) -> BegunLeave {
        let mut table = self.table.lock();
        let seat = table.seats.get_mut(group).filter(|seat| seat.number == number);
        let was_seated = seat.is_some();
        if let Some(seat) = seat {
            seat.stay = Stay::Leaving;
        }
        table.close_if_deserted();
        BegunLeave { was_seated, is_deserted: table.closed }
    }

    /// Gives a seat back.
    pub(super) fn free(&self, group: &str, number: u64) -> Freed {
        let mut table = self.table.lock();
        if table.seats.get(group).is_none_or(|seat| seat.number != number) {
            return Freed::Nothing;
        }
        let Some(seat) = table.seats.remove(group) else { return Freed::Nothing };
        table.close_if_deserted();
        let is_last = table.seats.is_empty();
        drop(table);
        seat.free.cancel();
        if is_last { Freed::TheLast } else { Freed::OneOfMany }
    }

    pub(super) fn announced(&self) -> Announced {
        let table = self.table.lock();
        let groups = table.seats.iter().filter(|(_, seat)| seat.is_announced()).map(|(group, _)| Arc::clone(group));
        Announced { groups: groups.collect(), joins: table.joins }
    }

    pub(super) fn is_announced(&self, group: &str) -> bool {
        self.table.lock().seats.get(group).is_some_and(|seat| seat.is_announced())
    }

    /// Tells whether nobody may come any more.
    pub(super) fn is_closed(&self) -> bool {
        self.table.lock().closed
    }

    /// How many have come so far.
    pub(super) fn joins(&self) -> u64 {
        self.table.lock().joins
    }

    /// Waits until somebody came since the last call.
    pub(super) async fn joined(&self) {
        self.joined.notified().await;
    }

    /// Returns the producer of a group, as long as it has its seat.
    pub(super) fn producer(&self, group: &str) -> Option<Arc<dyn ServedProducer>> {
        self.table.lock().seats.get(group).map(|seat| Arc::clone(&seat.producer))
    }

    pub(super) fn producers(&self) -> Vec<Arc<dyn ServedProducer>> {
        self.table.lock().seats.values().map(|seat| Arc::clone(&seat.producer)).collect()
    }
}

impl Seat {
    fn is_announced(&self) -> bool {
        self.stay != Stay::Leaving
    }
}

impl Table {
    fn close_if_deserted(&mut self) {
        self.closed |= self.seats.values().all(|seat| !seat.is_announced());
    }
}

#[cfg(test)]
mod tests {
    use super::super::requests::WithoutListeners;
    use super::*;

    fn admit(groups: &Groups, group: &str) -> Admission {
        groups.admit(&group.into(), Arc::new(WithoutListeners::new(group)))
    }

    fn seated(groups: &Groups, group: &str) -> u64 {
        match admit(groups, group) {
            Admission::Seated(number) => number,
            _ => panic!("{group} has no seat"),
        }
    }

    fn names(groups: &Groups) -> String {
        groups.announced().groups.join(" ")
    }

    #[test]
    fn a_group_has_one_seat_until_it_is_given_back() {
        let groups = Groups::default();
        let (b, _a) = (seated(&groups, "b"), seated(&groups, "a"));
        assert_eq!(names(&groups), "a b");
        assert!(matches!(admit(&groups, "b"), Admission::Taken));
        assert_eq!(groups.free("b", b), Freed::OneOfMany);
        assert_eq!(groups.free("b", b), Freed::Nothing);
        let again = seated(&groups, "b");
        assert_eq!(groups.free("b", b), Freed::Nothing, "that seat is another's now");
        assert_ne!(again, b);
        assert_eq!(names(&groups), "a b");
    }

    #[test]
    fn who_takes_leave_is_announced_no_longer_and_keeps_the_seat() {
        let groups = Groups::default();
        let (a, _b) = (seated(&groups, "a"), seated(&groups, "b"));
        assert_eq!(groups.begin_leave("a", a), BegunLeave { was_seated: true, is_deserted: false });
        assert_eq!(names(&groups), "b");
        let Admission::NotYet(free) = admit(&groups, "a") else { panic!("the seat is free") };
        assert!(!free.is_cancelled());
        assert_eq!(groups.free("a", a), Freed::OneOfMany);
        assert!(free.is_cancelled());
        let again = seated(&groups, "a");
        assert_eq!(groups.begin_leave("a", a), BegunLeave { was_seated: false, is_deserted: false });
        assert_eq!(names(&groups), "a b");
        assert_ne!(a, again);
    }

    #[test]
    fn who_ends_is_announced_still_and_others_of_the_group_wait() {
        let groups = Groups::default();
        let a = seated(&groups, "a");
        groups.begin_end("a", a);
        assert_eq!(names(&groups), "a");
        assert!(matches!(admit(&groups, "a"), Admission::NotYet(_)));
        seated(&groups, "b");
    }

    #[test]
    fn after_the_last_nobody_is_let_in() {
        let groups = Groups::default();
        let (a, b) = (seated(&groups, "a"), seated(&groups, "b"));
        assert!(!groups.begin_leave("a", a).is_deserted);
        assert!(groups.begin_leave("b", b).is_deserted);
        assert!(matches!(admit(&groups, "c"), Admission::Closed));
        assert_eq!(groups.free("b", b), Freed::OneOfMany, "the other has not done yet");
        assert_eq!(groups.free("a", a), Freed::TheLast);
        assert!(matches!(admit(&groups, "a"), Admission::Closed));
    }
}
