//! Numbers in hexadecimal, in capitals, written without allocating.

/// Writes the last twelve digits of a number.
#[inline]
pub(super) fn put_twelve_digits(value: u64, place: &mut [u8; 12]) {
    let [_, _, bytes @ ..] = value.to_be_bytes();
    for (byte, pair) in bytes.into_iter().zip(place.chunks_exact_mut(2)) {
        pair.copy_from_slice(&PAIRS[usize::from(byte)]);
    }
}

/// The digits of every byte: to look them up is quicker than to reckon.
static PAIRS: [[u8; 2]; 256] = pairs();

const fn pairs() -> [[u8; 2]; 256] {
    let digits = b"0123456789ABCDEF";
    let mut pairs = [[0; 2]; 256];
    let mut byte = 0;
    while byte < pairs.len() {
        pairs[byte] = [digits[byte >> 4], digits[byte & 15]];
        byte += 1;
    }
    pairs
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_are_those_of_the_standard_library() {
        for value in (0..64).map(|shift| 0xFEDC_BA98_7654_3210_u64.rotate_left(shift)).chain(0..=0xFFFF) {
            let mut digits = [0; 12];
            put_twelve_digits(value, &mut digits);
            assert_eq!(digits.as_slice(), format!("{:012X}", value & 0xFFFF_FFFF_FFFF).as_bytes());
        }
    }
}
