//! Numbers in decimal, written without allocating.

use std::cell::Cell;

use super::pen::Pen;

/// Writes a number below 10⁸, if there is room.
#[inline]
pub(super) fn write(value: u64, pen: Pen<'_>) -> Option<Pen<'_>> {
    match digit(value) {
        Some(digit) => pen.block(digit, 1),
        None => write_leading(value, pen),
    }
}

#[inline(never)]
fn write_leading(value: u64, pen: Pen<'_>) -> Option<Pen<'_>> {
    if value >= OF_NINE {
        return None;
    }
    let (digits, length) = leading(value);
    pen.block(digits, length)
}

/// Appends `value` in decimal.
#[inline]
pub(crate) fn put_decimal(out: &mut Vec<u8>, value: i64) {
    // Queues and flags mostly have one digit.
    match digit(value.unsigned_abs()) {
        Some([digit]) if value >= 0 => out.push(digit),
        _ => put_any(out, value),
    }
}

fn put_any(out: &mut Vec<u8>, value: i64) {
    if value < 0 {
        out.push(b'-');
    }
    let value = value.unsigned_abs();
    if value < OF_NINE {
        put_leading(out, value);
    } else if value < OF_NINE * OF_NINE {
        put_leading(out, value / OF_NINE);
        out.extend_from_slice(&eight_digits(value % OF_NINE));
    } else {
        put_leading(out, value / (OF_NINE * OF_NINE));
        out.extend_from_slice(&eight_digits(value / OF_NINE % OF_NINE));
        out.extend_from_slice(&eight_digits(value % OF_NINE));
    }
}

/// A number of one digit.
#[inline]
pub(super) fn digit(value: u64) -> Option<[u8; 1]> {
    u8::try_from(value).ok().filter(|value| *value < 10).map(|value| [b'0' + value])
}

/// Whether a number has ten digits.
#[inline]
pub(super) fn is_of_ten(value: u32) -> bool {
    value >= OF_TEN
}

/// The last ten digits of a number.
#[inline(always)]
pub(super) fn ten_digits(value: u32) -> [u8; 10] {
    let [first, second] = two_digits(u64::from(value) / OF_NINE);
    let [a, b, c, d, e, f, g, h] = eight_digits(u64::from(value) % OF_NINE);
    [first, second, a, b, c, d, e, f, g, h]
}

/// Writes the digits of a time in milliseconds, which has thirteen from 2001 to 2286. Many requests have the same, so the last one is kept.
#[inline]
pub(super) fn put_millis(value: i64, place: &mut [u8; 13]) -> Option<()> {
    if LAST_MILLIS.get() != value {
        make_millis(value)?;
    }
    *place = DIGITS_OF_MILLIS.get();
    Some(())
}

#[cold]
fn make_millis(millis: i64) -> Option<()> {
    if !(OF_THIRTEEN..OF_FOURTEEN).contains(&millis) {
        return None;
    }
    let (mut digits, value) = ([0; 13], millis.unsigned_abs());
    digits[..5].copy_from_slice(&eight_digits(value / OF_NINE)[3..]);
    digits[5..].copy_from_slice(&eight_digits(value % OF_NINE));
    DIGITS_OF_MILLIS.set(digits);
    LAST_MILLIS.set(millis);
    Some(())
}

thread_local! {
    static LAST_MILLIS: Cell<i64> = const { Cell::new(OF_THIRTEEN) };
    static DIGITS_OF_MILLIS: Cell<[u8; 13]> = const { Cell::new(*b"1000000000000") };
}

/// The digits of a number below 100.
#[inline]
fn two_digits(value: u64) -> [u8; 2] {
    // Right up to 178.
    let tens = (value * 103) >> 10;
    let word = (tens | (value - tens * 10) << 8) + ZEROS;
    let [tens, ones, ..] = word.to_le_bytes();
    [tens, ones]
}

/// Appends a number below 10⁸.
#[inline]
fn put_leading(out: &mut Vec<u8>, value: u64) {
    let (digits, length) = leading(value);
    out.extend_from_slice(&digits);
    out.truncate(out.len() - (digits.len() - length));
}

/// The digits of a number below 10⁸ without zeros in front, and how many they are.
#[inline]
fn leading(value: u64) -> ([u8; 8], usize) {
    let digits = u64::from_le_bytes(eight_digits(value));
    let zeros = ((digits ^ ZEROS).trailing_zeros() / 8).min(7);
    ((digits >> (8 * zeros)).to_le_bytes(), 8 - zeros as usize)
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
const OF_NINE: u64 = 100_000_000;
const OF_TEN: u32 = 1_000_000_000;
const OF_THIRTEEN: i64 = 1_000_000_000_000;
const OF_FOURTEEN: i64 = 10_000_000_000_000;

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
        values.extend((0..200).map(|n| n * 50_251_256 + 1_000_000_007));
        values.extend((0..200).flat_map(|n| [1_793_491_200_000 + n / 3 * 45_226_130_653, 1_793_491_200_000]));
        for value in values {
            let mut out = b"x".to_vec();
            put_decimal(&mut out, value);
            let expected = value.to_string();
            assert_eq!(String::from_utf8(out).unwrap(), format!("x{expected}"));
            let of = |width: usize| (expected.len() == width && value >= 0).then_some(expected.as_bytes());
            let mut digits = [0; 13];
            assert_eq!(put_millis(value, &mut digits).map(|()| &digits[..]), of(13), "{value}");
            let Ok(value) = u64::try_from(value) else { continue };
            let mut room = [0; 32];
            let written = write(value, Pen::new(&mut room)).map(|pen| 32 - pen.left());
            assert_eq!(written, Some(expected.len()).filter(|_| value < OF_NINE));
            assert_eq!(room[..written.unwrap_or_default()], expected.as_bytes()[..written.unwrap_or_default()]);
            assert_eq!(digit(value).as_ref().map(|digits| &digits[..]), of(1), "{value}");
            if let Ok(value) = u32::try_from(value) {
                assert_eq!(is_of_ten(value), expected.len() == 10, "{value}");
                assert_eq!(ten_digits(value).as_slice(), format!("{value:010}").as_bytes());
            }
        }
    }
}
