//! Numbers in decimal, written without allocating.

/// The text of one number.
pub(crate) struct Decimal {
    digits: [u8; LONGEST],
    first: usize,
}

impl Decimal {
    pub(crate) fn new(value: i64) -> Self {
        let mut digits = [0_u8; LONGEST];
        let mut first = LONGEST;
        let mut rest = value.unsigned_abs();
        // Two digits at a time; the quotient of 32 bits is cheaper where it suffices.
        while let Err(_large) = u32::try_from(rest) {
            first -= 2;
            digits[first..first + 2].copy_from_slice(&pair(rest % 100));
            rest /= 100;
        }
        #[allow(clippy::cast_possible_truncation, reason = "the loop above ends when it fits")]
        let mut rest = rest as u32;
        while rest >= 100 {
            first -= 2;
            digits[first..first + 2].copy_from_slice(&pair(u64::from(rest % 100)));
            rest /= 100;
        }
        let last = pair(u64::from(rest));
        first -= 1;
        digits[first] = last[1];
        if rest >= 10 {
            first -= 1;
            digits[first] = last[0];
        }
        if value < 0 {
            first -= 1;
            digits[first] = b'-';
        }
        Self { digits, first }
    }

    pub(crate) fn as_bytes(&self) -> &[u8] {
        &self.digits[self.first..]
    }
}

/// Both digits of a number below 100.
fn pair(value: u64) -> [u8; 2] {
    PAIRS[(value % 100) as usize]
}

const fn pairs() -> [[u8; 2]; 100] {
    let mut pairs = [[b'0'; 2]; 100];
    let mut value = 0;
    let mut digit = 0_u8;
    while value < 100 {
        pairs[value] = [b'0' + digit / 10, b'0' + digit % 10];
        value += 1;
        digit += 1;
    }
    pairs
}

static PAIRS: [[u8; 2]; 100] = pairs();

/// A sign and nineteen digits.
const LONGEST: usize = 20;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_written_as_the_standard_library_writes_them() {
        let mut values = vec![0, 7, -7, 10, 99, 100, 310, i64::from(i32::MAX), i64::from(i32::MIN), i64::MAX, i64::MIN];
        let mut power: i64 = 1;
        for _ in 0..18 {
            power *= 10;
            values.extend([power - 1, power, power + 1, -power]);
        }
        values.extend([u32::MAX, u32::MAX - 1].map(i64::from));
        values.push(i64::from(u32::MAX) + 1);
        for value in values {
            assert_eq!(Decimal::new(value).as_bytes(), value.to_string().as_bytes());
        }
    }
}
