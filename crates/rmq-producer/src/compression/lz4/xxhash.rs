//! The checksum of LZ4 frames: xxHash of 32 bits, seed 0.
//!
//! Of a whole slice at once: a frame's content is at hand when its checksum is read.

/// Returns the checksum of the bytes.
pub(super) fn xxh32(bytes: &[u8]) -> u32 {
    let stripes = bytes.chunks_exact(16);
    let words = stripes.remainder().chunks_exact(4);
    let last = words.remainder();

    #[expect(clippy::cast_possible_truncation, reason = "the length counts modulo 2^32")]
    let length = bytes.len() as u32;
    let mut hash = length.wrapping_add(if bytes.len() < 16 { PRIME_5 } else { hash_of_stripes(stripes) });
    for word in words {
        hash = hash.wrapping_add(number(word).wrapping_mul(PRIME_3)).rotate_left(17).wrapping_mul(PRIME_4);
    }
    for byte in last {
        hash = hash.wrapping_add(u32::from(*byte).wrapping_mul(PRIME_5)).rotate_left(11).wrapping_mul(PRIME_1);
    }
    hash = (hash ^ (hash >> 15)).wrapping_mul(PRIME_2);
    hash = (hash ^ (hash >> 13)).wrapping_mul(PRIME_3);
    hash ^ (hash >> 16)
}

/// Four sums, each over every fourth word.
fn hash_of_stripes<'a>(stripes: impl Iterator<Item = &'a [u8]>) -> u32 {
    let mut sums = [PRIME_1.wrapping_add(PRIME_2), PRIME_2, 0, PRIME_1.wrapping_neg()];
    for stripe in stripes {
        for (sum, word) in sums.iter_mut().zip(stripe.chunks_exact(4)) {
            *sum = sum.wrapping_add(number(word).wrapping_mul(PRIME_2)).rotate_left(13).wrapping_mul(PRIME_1);
        }
    }
    let turned = sums.into_iter().zip([1, 7, 12, 18]).map(|(sum, by)| sum.rotate_left(by));
    turned.fold(0, u32::wrapping_add)
}

/// The little-endian number of four bytes.
fn number(word: &[u8]) -> u32 {
    word.iter().rev().fold(0, |number, byte| number << 8 | u32::from(*byte))
}

const PRIME_1: u32 = 0x9E37_79B1;
const PRIME_2: u32 = 0x85EB_CA77;
const PRIME_3: u32 = 0xC2B2_AE3D;
const PRIME_4: u32 = 0x27D4_EB2F;
const PRIME_5: u32 = 0x1656_67B1;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sums_are_those_of_the_xxhash_specification() {
        for (text, sum) in [
            ("", 0x02CC_5D05),
            ("a", 0x550D_7456),
            ("abc", 0x32D1_53FF),
            ("Nobody inspects the spammish repetition", 0xE229_3B2F),
        ] {
            assert_eq!(xxh32(text.as_bytes()), sum, "{text}");
        }
    }

    #[test]
    fn the_head_of_a_java_frame_has_its_checksum() {
        assert_eq!(xxh32(&[0x60, 0x70]).to_le_bytes()[1], 0x73);
    }
}
