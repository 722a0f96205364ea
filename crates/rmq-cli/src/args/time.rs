//! A span of time with its unit: `500ms`, `3s`, `1m`.
//!
//! A bare number is refused: Java's tools mean milliseconds, most others seconds.

use std::time::Duration;

/// Reads a span of more than zero and at most a day.
pub(super) fn parse(text: &str) -> Result<Duration, String> {
    let text = text.trim();
    let unit_at = text.find(|character: char| character != '.' && !character.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at(unit_at);
    let seconds = match unit.trim() {
        "us" | "µs" => 0.000_001,
        "ms" => 0.001,
        "s" => 1.0,
        "m" | "min" => 60.0,
        "h" => 3_600.0,
        "" => return Err("a unit is missing: write 500ms, 3s or 1m".to_owned()),
        other => return Err(format!("{other:?} is no unit: write 500ms, 3s or 1m")),
    };
    let number: f64 = number.parse().map_err(|_| "no number: write 500ms, 3s or 1m".to_owned())?;
    let span = Duration::try_from_secs_f64(number * seconds).map_err(|error| error.to_string())?;
    if span.is_zero() {
        return Err("must be more than 0".to_owned());
    }
    if span > LONGEST {
        return Err("is longer than a day".to_owned());
    }
    Ok(span)
}

const LONGEST: Duration = Duration::from_secs(86_400);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_span_is_a_number_and_a_unit() {
        for (text, millis) in
            [("3s", 3_000), ("500ms", 500), ("1.5s", 1_500), ("2m", 120_000), ("1h", 3_600_000), (" 3 s ", 3_000)]
        {
            assert_eq!(parse(text), Ok(Duration::from_millis(millis)), "{text}");
        }
    }

    #[test]
    fn a_span_without_unit_or_sense_is_refused() {
        for (text, reason) in [
            ("3", "unit is missing"),
            ("", "unit is missing"),
            ("s", "no number"),
            ("1.2.3s", "no number"),
            ("3 parsecs", "no unit"),
            ("-3s", "no unit"),
            ("0s", "more than 0"),
            ("0.0000001us", "more than 0"),
            ("25h", "longer than a day"),
            ("99999999999999999999999999h", "too"),
        ] {
            let error = parse(text).unwrap_err();
            assert!(error.contains(reason), "{text}: {error}");
        }
    }
}
