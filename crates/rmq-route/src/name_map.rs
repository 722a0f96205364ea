//! NameMap: a table by short names, with a quick hash.
//!
//! It does not resist chosen keys, and need not: topic names come from the application itself and broker names from
//! the name server it trusts.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};

/// A map by the names of topics or brokers, with a quick hash: not for names that a stranger chooses.
pub type NameMap<K, V> = HashMap<K, V, BuildHasherDefault<NameHasher>>;

/// The hash of a [`NameMap`]: multiplies eight bytes at a time into the state and folds the product, so that no half of it is lost.
#[derive(Debug, Clone, Copy)]
pub struct NameHasher(u64);

impl NameHasher {
    #[expect(clippy::cast_possible_truncation, reason = "the two halves of the product are meant")]
    fn mix(&mut self, word: u64) {
        let product = u128::from(self.0 ^ word) * u128::from(MULTIPLIER);
        self.0 = product as u64 ^ (product >> 64) as u64;
    }
}

impl Default for NameHasher {
    fn default() -> Self {
        // Any state but 0, from which zero bytes would not lead away.
        Self(u64::MAX / 3)
    }
}

impl Hasher for NameHasher {
    #[inline]
    fn write(&mut self, bytes: &[u8]) {
        let mut rest = bytes;
        while let Some((word, behind)) = rest.split_first_chunk::<8>() {
            self.mix(u64::from_le_bytes(*word));
            rest = behind;
        }
        if !rest.is_empty() {
            // The length, spread over the word, tells names apart whose last words are the same.
            self.mix(last_word(bytes) ^ (bytes.len() as u64).wrapping_mul(MULTIPLIER));
        }
    }

    fn write_u8(&mut self, byte: u8) {
        self.mix(byte.into());
    }

    fn finish(&self) -> u64 {
        self.0
    }
}

/// The last eight bytes; of fewer, all of them, some twice. Some bytes are read again, since to copy so few takes a call, which costs more than
/// all the rest.
#[inline]
fn last_word(bytes: &[u8]) -> u64 {
    if let Some(last) = bytes.last_chunk::<8>() {
        return u64::from_le_bytes(*last);
    }
    if let (Some(first), Some(last)) = (bytes.first_chunk::<4>(), bytes.last_chunk::<4>()) {
        return u64::from(u32::from_le_bytes(*first)) << 32 | u64::from(u32::from_le_bytes(*last));
    }
    // At most three.
    bytes.iter().fold(0, |word, byte| word << 8 | u64::from(*byte))
}

/// Odd, with its bits well mixed.
const MULTIPLIER: u64 = 0xF135_7AEA_2E62_A9C5;

#[cfg(test)]
mod tests {
    use std::collections::HashSet;
    use std::hash::BuildHasher;

    use super::*;

    #[test]
    fn names_that_differ_in_a_counter_spread_over_all_buckets() {
        let hasher = BuildHasherDefault::<NameHasher>::default();
        let hashes: Vec<u64> = (0..4096).map(|n| hasher.hash_one(format!("orders-{n}").as_str())).collect();
        assert_eq!(hashes.iter().collect::<HashSet<_>>().len(), 4096);
        for bits in [
            hashes.iter().map(|hash| hash & 0xFFF).collect::<HashSet<_>>(),
            hashes.iter().map(|hash| hash >> 52).collect(),
        ] {
            assert!(bits.len() > 2300, "{} of 4096 buckets used; chance would use 2589", bits.len());
        }
    }

    #[test]
    fn every_byte_of_a_name_counts_whatever_its_length() {
        let hasher = BuildHasherDefault::<NameHasher>::default();
        for len in 1..=40 {
            let name = "n".repeat(len);
            let others = (0..len).map(|at| name[..at].to_owned() + "m" + &name[at + 1..]);
            let shorter = (0..len).map(|len| "n".repeat(len));
            let hashes: HashSet<u64> = others.chain(shorter).map(|other| hasher.hash_one(other.as_str())).collect();
            assert_eq!(hashes.len(), 2 * len, "of names as long as {len}, or shorter");
            assert!(!hashes.contains(&hasher.hash_one(name.as_str())));
        }
    }

    #[test]
    fn a_name_and_its_beginning_differ() {
        let hasher = BuildHasherDefault::<NameHasher>::default();
        assert_ne!(hasher.hash_one("a"), hasher.hash_one("a\0"));
        assert_ne!(hasher.hash_one(""), hasher.hash_one("\0"));
        assert_ne!(hasher.hash_one("12345678"), hasher.hash_one("123456780"));
    }
}
