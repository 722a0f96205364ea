//! Where months begin: the zero of the time in a unique id.
//!
//! Plain arithmetic on a clock that the caller reads; no time-zone data. A zone is its offset from UTC at the moment.

/// The beginnings of the present month and of the one before it, in milliseconds since 1970 UTC.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MonthStarts {
    current_ms: i64,
    previous_ms: i64,
}

impl MonthStarts {
    /// Takes beginnings that the caller knows, for zones with more rules than an offset.
    #[must_use]
    pub const fn new(current_ms: i64, previous_ms: i64) -> Self {
        Self { current_ms, previous_ms }
    }

    /// The months in UTC, seen at `now_ms` (milliseconds since 1970 UTC).
    #[must_use]
    pub const fn utc(now_ms: i64) -> Self {
        Self::at_offset(now_ms, 0)
    }

    /// The months in a zone that is `utc_offset_seconds` ahead of UTC (behind it when negative).
    #[must_use]
    pub const fn at_offset(now_ms: i64, utc_offset_seconds: i32) -> Self {
        let offset_ms = utc_offset_seconds as i64 * 1_000;
        let today = now_ms.saturating_add(offset_ms).div_euclid(DAY_MS);
        let current = first_of_month(today);
        let previous = first_of_month(current - 1);
        Self {
            current_ms: current.saturating_mul(DAY_MS).saturating_sub(offset_ms),
            previous_ms: previous.saturating_mul(DAY_MS).saturating_sub(offset_ms),
        }
    }

    /// Beginning of the present month.
    #[must_use]
    pub const fn current_ms(self) -> i64 {
        self.current_ms
    }

    /// Beginning of the month before.
    #[must_use]
    pub const fn previous_ms(self) -> i64 {
        self.previous_ms
    }
}

/// The first day of the month that a day lies in; both as days since 1970-01-01.
///
/// Years are counted from March, so that a leap day is the last of its year; then months follow the pattern of 153
/// days in 5 months, and 400 years always have the same days.
const fn first_of_month(day: i64) -> i64 {
    let day_of_era = (day + MARCH_OF_YEAR_0).rem_euclid(ERA_DAYS);
    // leap days up to here are taken out, so that each year has 365
    let year = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year + year / 4 - year / 100);
    let month = (5 * day_of_year + 2) / 153;
    let day_of_month = day_of_year - (153 * month + 2) / 5;
    day - day_of_month
}

const DAY_MS: i64 = 86_400_000;
/// Days of 400 years.
const ERA_DAYS: i64 = 146_097;
/// Days from 0000-03-01 to 1970-01-01.
const MARCH_OF_YEAR_0: i64 = 719_468;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn months_of_eight_centuries_begin_where_a_calendar_says() {
        let leap = |year: i64| (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
        let mut day = 0;
        let mut previous = -31;
        for year in 1970..2770 {
            let february = if leap(year) { 29 } else { 28 };
            for days in [31, february, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31] {
                for ms in [day * DAY_MS, day * DAY_MS + 1, (day + days) * DAY_MS - 1] {
                    assert_eq!(MonthStarts::utc(ms), MonthStarts::new(day * DAY_MS, previous * DAY_MS), "{year}");
                }
                previous = day;
                day += days;
            }
        }
    }

    #[test]
    fn a_zone_shifts_the_beginning() {
        let new_year = 1_767_225_600_000; // 2026-01-01T00:00Z
        let shanghai = 8 * 3_600;
        assert_eq!(MonthStarts::at_offset(new_year, shanghai).current_ms(), new_year - 8 * 3_600_000);
        let new_york = -5 * 3_600;
        let december = new_year - 31 * DAY_MS + 5 * 3_600_000;
        assert_eq!(MonthStarts::at_offset(new_year, new_york).current_ms(), december, "it is still December there");
    }

    #[test]
    fn no_clock_is_too_wrong() {
        for now in [i64::MIN, i64::MIN + 1, -1, 0, i64::MAX] {
            for offset in [i32::MIN, 0, i32::MAX] {
                let months = MonthStarts::at_offset(now, offset);
                assert!(months.previous_ms() <= months.current_ms());
            }
        }
    }
}
