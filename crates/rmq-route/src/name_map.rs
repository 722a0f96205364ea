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
    fn write(&mut self, mut bytes: &[u8]) {
        while let Some((word, rest)) = bytes.split_first_chunk::<8>() {
            self.mix(u64::from_le_bytes(*word));
            bytes = rest;
        }
        if !bytes.is_empty() {
            let mut word = [0; 8];
            word[..bytes.len()].copy_from_slice(bytes);
            word[7] = bytes.len().to_le_bytes()[0]; // tells the padding from zero bytes
            self.mix(u64::from_le_bytes(word));
        }
    }

    fn write_u8(&mut self, byte: u8) {
        self.mix(byte.into());
    }

    fn finish(&self) -> u64 {
        self.0
    }
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
    fn a_name_and_its_beginning_differ() {
        let hasher = BuildHasherDefault::<NameHasher>::default();
        assert_ne!(hasher.hash_one("a"), hasher.hash_one("a\0"));
        assert_ne!(hasher.hash_one(""), hasher.hash_one("\0"));
        assert_ne!(hasher.hash_one("12345678"), hasher.hash_one("123456780"));
    }
}
