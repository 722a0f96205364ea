//! Numbers in decimal, written without allocating.

/// Appends `value` in decimal.
#[inline]
pub(crate) fn put_decimal(out: &mut Vec<u8>, value: i64) {
    // Queues and flags mostly have one digit.
    if let Ok(digit @ 0..=9) = u8::try_from(value) {
        out.push(b'0' + digit);
        return;
    }
    let rest = value.unsigned_abs();
    if value < 0 {
        out.push(b'-');
    }
    if rest < EIGHT {
        put_leading(out, rest);
    } else if rest < EIGHT * EIGHT {
        put_leading(out, rest / EIGHT);
        out.extend_from_slice(&eight_digits(rest % EIGHT));
    } else {
        put_leading(out, rest / (EIGHT * EIGHT));
        out.extend_from_slice(&eight_digits(rest / EIGHT % EIGHT));
        out.extend_from_slice(&eight_digits(rest % EIGHT));
    }
}

/// Appends a number below 10⁸ without zeros in front.
#[inline]
fn put_leading(out: &mut Vec<u8>, value: u64) {
    let digits = u64::from_le_bytes(eight_digits(value));
    let zeros = ((digits ^ ZEROS).trailing_zeros() / 8).min(7);
    out.extend_from_slice(&(digits >> (8 * zeros)).to_le_bytes());
    // The digits moved to the front; what is behind them goes.
    out.truncate(out.len() - zeros as usize);
}

/// The digits of a number below 10⁸, all eight worked out side by side in one word.
#[inline]
fn eight_digits(value: u64) -> [u8; 8] {
    // Two numbers of four digits, then four of two, then eight of one; the multiplications divide by 100 and 10.
    let fours = (value / 10_000) | ((value % 10_000) << 32);
    let hundreds = ((fours * 10_486) >> 20) & 0x0000_007F_0000_007F;
    let twos = hundreds | ((fours - hundreds * 100) << 16);
    let tens = ((twos * 103) >> 10) & 0x000F_000F_000F_000F;
    let ones = tens | ((twos - tens * 10) << 8);
    (ones + ZEROS).to_le_bytes()
}

const ZEROS: u64 = u64::from_be_bytes([b'0'; 8]);

/// The first number of nine digits.
const EIGHT: u64 = 100_000_000;

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
            let mut out = b"x".to_vec();
            put_decimal(&mut out, value);
            assert_eq!(String::from_utf8(out).unwrap(), format!("x{value}"));
        }
    }
}
