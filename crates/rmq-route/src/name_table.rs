//! NameTable: values by name, for many threads that look often and change little.
//!
//! Who looks, looks at a copy that its thread keeps: without a lock, and without a count that all threads write. A copy is used only as long
//! as the table has not changed since; it holds weak references, so that a value goes when its table lets go of it, whatever threads remember.

mod fixed_map;

use std::any::Any;
use std::cell::RefCell;
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Weak};

use parking_lot::RwLock;

use crate::name_map::NameMap;
use fixed_map::FixedMap;

/// Shared values by the names of topics or brokers. As [`NameMap`], not for names that a stranger chooses.
///
/// A thread that has looked a few times copies the table, and finds without a lock from then on, until the table changes. Each thread keeps
/// names and places of up to four tables, also of some that are gone; the values themselves it keeps from nobody.
pub struct NameTable<V> {
    /// Tells it from every other table of the process.
    id: u64,
    values: RwLock<NameMap<Arc<str>, Arc<V>>>,
    /// How often the values have changed; grows under the lock.
    changes: AtomicU64,
}

/// What a thread remembers of a table.
struct Copied {
    table: u64,
    changes: u64,
    /// Looks that this copy could not answer.
    misses: usize,
    /// A `FixedMap<Weak<V>>`; none before the first copy.
    values: Option<Box<dyn Any>>,
}

impl<V: Send + Sync + 'static> NameTable<V> {
    /// An empty table.
    #[must_use]
    pub fn new() -> Self {
        Self { id: NEXT_ID.fetch_add(1, Ordering::Relaxed), values: RwLock::default(), changes: AtomicU64::new(0) }
    }

    /// The value of a name.
    #[inline]
    #[must_use]
    pub fn get(&self, name: &str) -> Option<Arc<V>> {
        let changes = self.changes.load(Ordering::Acquire);
        let copied = COPIES.try_with(|copies| {
            let copies = copies.try_borrow().ok()?;
            let copied = &copies[self.place()];
            if copied.table != self.id || copied.changes != changes {
                return None;
            }
            let values: &FixedMap<Weak<V>> = copied.values.as_ref()?.downcast_ref()?;
            values.get(name)?.upgrade()
        });
        match copied {
            Ok(Some(value)) => Some(value),
            _ => self.look_up(name),
        }
    }

    /// Puts a value in, in place of the name's old one.
    pub fn insert(&self, name: Arc<str>, value: Arc<V>) {
        let mut values = self.values.write();
        values.insert(name, value);
        self.changes.fetch_add(1, Ordering::Release);
    }

    /// Takes a name out.
    pub fn remove(&self, name: &str) {
        let mut values = self.values.write();
        values.remove(name);
        self.changes.fetch_add(1, Ordering::Release);
    }

    #[cold]
    fn look_up(&self, name: &str) -> Option<Arc<V>> {
        let values = self.values.read();
        // Nobody changes it meanwhile.
        let changes = self.changes.load(Ordering::Acquire);
        // A thread that ends remembers nothing.
        let _ends = COPIES.try_with(|copies| {
            if let Ok(mut copies) = copies.try_borrow_mut() {
                copies[self.place()].missed(self.id, changes, &values);
            }
        });
        values.get(name).map(Arc::clone)
    }

    fn place(&self) -> usize {
        usize::try_from(self.id % COPIES_OF_THREAD as u64).unwrap_or(0)
    }
}

impl Copied {
    const NONE: Self = Self { table: 0, changes: 0, misses: 0, values: None };

    /// Copies the table once there was occasion enough: so that one which is filled name by name is not copied as often.
    fn missed<V: Send + Sync + 'static>(&mut self, table: u64, changes: u64, values: &NameMap<Arc<str>, Arc<V>>) {
        if self.table != table {
            *self = Self { table, ..Self::NONE };
        } else if self.values.is_some() && self.changes == changes {
            return; // it is not in the table
        }
        self.misses += 1;
        if self.misses > LEAST_MISSES + values.len() / 4 {
            let copy = FixedMap::new(values.iter().map(|(name, value)| (Arc::clone(name), Arc::downgrade(value))));
            *self = Self { table, changes, misses: 0, values: Some(Box::new(copy)) };
        }
    }
}

impl<V: Send + Sync + 'static> Default for NameTable<V> {
    fn default() -> Self {
        Self::new()
    }
}

impl<V> fmt::Debug for NameTable<V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.values.read().keys()).finish()
    }
}

thread_local! {
    static COPIES: RefCell<[Copied; COPIES_OF_THREAD]> = const { RefCell::new([Copied::NONE; COPIES_OF_THREAD]) };
}

/// No table has the id 0.
static NEXT_ID: AtomicU64 = AtomicU64::new(1);

/// How many tables a thread remembers.
const COPIES_OF_THREAD: usize = 4;

/// Looks at the table itself before it is copied; and one for four names.
const LEAST_MISSES: usize = 4;

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use proptest::prelude::*;

    use super::*;

    fn looks_at_a_copy<V: Send + Sync + 'static>(table: &NameTable<V>) -> bool {
        let changes = table.changes.load(Ordering::Acquire);
        COPIES.with_borrow(|copies| {
            let copied = &copies[table.place()];
            copied.table == table.id && copied.changes == changes && copied.values.is_some()
        })
    }

    #[test]
    fn a_thread_looks_at_a_copy_after_a_few_looks_and_again_after_a_change() {
        let table = NameTable::new();
        for change in 0..3 {
            table.insert("orders".into(), Arc::new(change));
            assert!(!looks_at_a_copy(&table));
            for _ in 0..=LEAST_MISSES {
                assert_eq!(table.get("orders").as_deref(), Some(&change));
            }
            assert!(looks_at_a_copy(&table));
            assert_eq!((table.get("orders").as_deref(), table.get("others")), (Some(&change), None));
        }
    }

    #[test]
    fn a_value_that_was_taken_out_is_gone_whatever_threads_remember() {
        let table = NameTable::new();
        let value = Arc::new(7);
        table.insert("orders".into(), Arc::clone(&value));
        (0..20).for_each(|_| assert!(table.get("orders").is_some()));
        assert!(looks_at_a_copy(&table));
        assert_eq!(Arc::strong_count(&value), 2);
        table.remove("orders");
        assert_eq!((Arc::strong_count(&value), table.get("orders")), (1, None));
        table.insert("orders".into(), Arc::clone(&value));
        (0..20).for_each(|_| assert!(table.get("orders").is_some()));
        drop(table);
        assert_eq!(Arc::strong_count(&value), 1);
    }

    #[test]
    fn what_one_thread_puts_in_the_others_find_at_once() {
        let table = NameTable::new();
        let (changed, seen) = (std::sync::Barrier::new(3), std::sync::Barrier::new(3));
        std::thread::scope(|scope| {
            for _ in 0..2 {
                scope.spawn(|| {
                    for round in 0..50_usize {
                        changed.wait();
                        for _ in 0..10 {
                            assert_eq!(table.get("orders").as_deref(), Some(&round));
                        }
                        seen.wait();
                    }
                });
            }
            for round in 0..50_usize {
                table.insert("orders".into(), Arc::new(round));
                changed.wait();
                seen.wait();
            }
        });
    }

    #[derive(Clone, Copy, Debug)]
    enum Step {
        Insert(u8, u32),
        Remove(u8),
        Look(u8),
    }

    fn step() -> impl Strategy<Value = Step> {
        prop_oneof![
            1 => (0_u8..6, any::<u32>()).prop_map(|(name, value)| Step::Insert(name, value)),
            1 => (0_u8..6).prop_map(Step::Remove),
            12 => (0_u8..6).prop_map(Step::Look),
        ]
    }

    proptest! {
        #[test]
        fn any_number_of_tables_are_what_plain_maps_are(
            steps in proptest::collection::vec((0_usize..6, step()), 0..400),
        ) {
            let tables: Vec<NameTable<u32>> = (0..6).map(|_| NameTable::new()).collect();
            let mut maps = vec![HashMap::new(); 6];
            for (at, step) in steps {
                let name = |name: u8| format!("topic-{name}");
                match step {
                    Step::Insert(of, value) => {
                        tables[at].insert(name(of).into(), Arc::new(value));
                        maps[at].insert(name(of), value);
                    }
                    Step::Remove(of) => {
                        tables[at].remove(&name(of));
                        maps[at].remove(&name(of));
                    }
                    Step::Look(of) => {
                        let found = tables[at].get(&name(of)).map(|value| *value);
                        prop_assert_eq!(found, maps[at].get(&name(of)).copied());
                    }
                }
            }
        }
    }
}
