//! FixedMap: values by name, made once and then only read.
//!
//! A name that is not there costs no more than one that is: at least a third of the places is empty, and whoever comes to one has looked
//! everywhere. What a place has is told by its hash, so that a name is looked at only where it is nearly certain to be the one.

use std::hash::Hasher as _;
use std::sync::Arc;

use crate::name_map::NameHasher;

pub(super) struct FixedMap<V> {
    /// A power of two of them, one at least. A name is at the place that its hash says, or behind it with no empty place between.
    places: Box<[Option<Entry<V>>]>,
}

struct Entry<V> {
    hash: u64,
    name: Arc<str>,
    value: V,
}

impl<V> FixedMap<V> {
    /// The names are different ones.
    pub(super) fn new(values: impl ExactSizeIterator<Item = (Arc<str>, V)>) -> Self {
        let count = (values.len() + values.len() / 2 + 1).next_power_of_two();
        let mut places: Box<[Option<Entry<V>>]> = (0..count).map(|_| None).collect();
        for (name, value) in values {
            let hash = hash(&name);
            let mut at = place(hash, count);
            while places[at].is_some() {
                at = (at + 1) & (count - 1);
            }
            places[at] = Some(Entry { hash, name, value });
        }
        Self { places }
    }

    #[inline(always)]
    pub(super) fn get(&self, name: &str) -> Option<&V> {
        let hash = hash(name);
        let mut at = place(hash, self.places.len());
        while let Some(Some(entry)) = self.places.get(at) {
            if entry.hash == hash && is_same(&entry.name, name) {
                return Some(&entry.value);
            }
            at = (at + 1) & (self.places.len() - 1);
        }
        None
    }
}

#[inline(always)]
fn hash(name: &str) -> u64 {
    let mut hasher = NameHasher::default();
    // As bytes: as a text it would be marked off from another one behind it.
    hasher.write(name.as_bytes());
    hasher.finish()
}

/// The first place to look at, of so many.
#[inline(always)]
#[expect(clippy::cast_possible_truncation, reason = "of the hash the lower bits count")]
fn place(hash: u64, places: usize) -> usize {
    hash as usize & (places.wrapping_sub(1))
}

/// Whether two names are equal. Of usual ones blocks that overlap are cheaper than a comparison of a length that is not known beforehand.
#[inline(always)]
fn is_same(a: &str, b: &str) -> bool {
    let (a, b) = (a.as_bytes(), b.as_bytes());
    a.len() == b.len()
        && match a.len() {
            8..=16 => a.first_chunk::<8>() == b.first_chunk() && a.last_chunk::<8>() == b.last_chunk(),
            17..=32 => a.first_chunk::<16>() == b.first_chunk() && a.last_chunk::<16>() == b.last_chunk(),
            _ => a == b,
        }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn names_are_the_same_only_if_every_byte_is() {
        for length in 0..50 {
            let name = "n".repeat(length);
            assert!(is_same(&name, &name.clone()));
            assert!(!is_same(&name, &"n".repeat(length + 1)) && !is_same(&"n".repeat(length + 1), &name));
            for at in 0..length {
                let other = format!("{}m{}", &name[..at], &name[at + 1..]);
                assert!(!is_same(&name, &other) && !is_same(&other, &name), "{other}");
            }
        }
    }

    #[test]
    fn few_places_are_looked_at_however_many_names_there_are() {
        for count in [0, 1, 2, 100, 10_000, 10_922] {
            let map = FixedMap::new((0..count).map(|n| (Arc::from(format!("orders-{n}")), n)));
            let (mut farthest, mut run) = (0, 0);
            for place in &map.places {
                run = if place.is_some() { run + 1 } else { 0 };
                farthest = farthest.max(run);
            }
            assert!(farthest < 200, "{farthest} side by side, of {count}");
        }
    }

    proptest! {
        #[test]
        fn it_finds_what_a_plain_map_finds(
            names in proptest::collection::vec("[a-c]{0,3}|[a-b]{8,9}|orders-[0-9]{1,2}-of-the-shop[a-b]{0,9}", 0..60),
            others in proptest::collection::vec("[a-c]{0,3}|[a-b]{8,9}", 0..60),
        ) {
            let plain: HashMap<&str, usize> = names.iter().enumerate().map(|(at, name)| (name.as_str(), at)).collect();
            let map = FixedMap::new(plain.iter().map(|(name, at)| (Arc::from(*name), *at)));
            for name in names.iter().chain(&others) {
                prop_assert_eq!(map.get(name), plain.get(name.as_str()));
            }
        }
    }
}
