//! Numbers in decimal, written without allocating.

/// The text of one number.
pub(crate) struct Decimal {
    digits: [u8; LONGEST],
    first: usize,
}

impl Decimal {
    pub(crate) fn new(value: i64) -> Self {
        let mut digits = [b'0'; LONGEST];
        let mut rest = value.unsigned_abs();
        let mut end = LONGEST;
        // Eight digits at a time, of which only the first ones can be zeros that are not shown.
        let mut first = loop {
            let eight = eight_digits(rest % 1_0000_0000);
            digits[end - 8..end].copy_from_slice(&eight);
            rest /= 1_0000_0000;
            if rest == 0 {
                let zeros = (u64::from_be_bytes(eight) ^ ZEROS).leading_zeros() / 8;
                break end - 8 + (zeros as usize).min(7);
            }
            end -= 8;
        };
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

/// The digits of a number below 10⁸ without zeros in front, and how many they are; what is behind them is of no use.
#[inline]
pub(super) fn leading_digits(value: u64) -> ([u8; 8], usize) {
    let digits = u64::from_le_bytes(eight_digits(value));
    let zeros = ((digits ^ ZEROS).trailing_zeros() / 8).min(7);
    ((digits >> (8 * zeros)).to_le_bytes(), 8 - zeros as usize)
}

/// The digits of a number below 10⁸, all eight worked out side by side in one word.
#[inline]
pub(super) fn eight_digits(value: u64) -> [u8; 8] {
    // Two numbers of four digits, then four of two, then eight of one; the multiplications divide by 100 and 10.
    let fours = (value / 10_000) | ((value % 10_000) << 32);
    let hundreds = ((fours * 10_486) >> 20) & 0x0000_007F_0000_007F;
    let twos = hundreds | ((fours - hundreds * 100) << 16);
    let tens = ((twos * 103) >> 10) & 0x000F_000F_000F_000F;
    let ones = tens | ((twos - tens * 10) << 8);
    (ones + ZEROS).to_le_bytes()
}

const ZEROS: u64 = u64::from_be_bytes([b'0'; 8]);

/// A sign, and three times eight digits; a number of 64 bits has no more than twenty of them.
const LONGEST: usize = 25;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_numbers_of_four_digits_are_right_in_both_halves() {
        for value in 0..10_000 {
            assert_eq!(eight_digits(value).as_slice(), format!("{value:08}").as_bytes());
            assert_eq!(
                eight_digits(value * 10_000 + 9_999 - value).as_slice(),
                format!("{value:04}{:04}", 9_999 - value).as_bytes()
            );
        }
    }

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
