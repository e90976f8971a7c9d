//! Numbers with a unit, as they are typed: `1.5s`, `500ms`, `64k`.

use std::time::Duration;

/// The units of time, in microseconds.
const TIMES: [(&str, i128); 10] = [
    ("us", 1),
    ("usec", 1),
    ("ms", 1000),
    ("msec", 1000),
    ("s", 1_000_000),
    ("sec", 1_000_000),
    ("min", 60_000_000),
    ("m", 60_000_000),
    ("h", 3_600_000_000),
    ("d", 86_400_000_000),
];

/// The units of sizes, in bytes. Letters are powers of 1024, as in the buffers of the kernel.
const SIZES: [(&str, i128); 13] = [
    ("b", 1),
    ("k", 1 << 10),
    ("kb", 1 << 10),
    ("kib", 1 << 10),
    ("m", 1 << 20),
    ("mb", 1 << 20),
    ("mib", 1 << 20),
    ("g", 1 << 30),
    ("gb", 1 << 30),
    ("gib", 1 << 30),
    ("t", 1 << 40),
    ("tb", 1 << 40),
    ("tib", 1 << 40),
];

/// Parses a number with a unit of time, which may have decimals. Returns microseconds, rounded down.
/// `None` if it is no such number, or has no unit.
pub fn time(text: &str) -> Option<i128> {
    scaled(text, &TIMES)
}

/// Parses a duration: a number with a unit of time, or seconds. `None` if it is negative or no such number.
pub fn duration(text: &str) -> Option<Duration> {
    let time = time(text).or_else(|| decimal(text, 1_000_000));
    time.and_then(|time| u64::try_from(time).ok()).map(Duration::from_micros)
}

/// Parses a number with a unit of size, which may have decimals. Returns bytes, rounded down. `None` if it is
/// no such number, or has no unit.
pub fn size(text: &str) -> Option<i128> {
    scaled(text, &SIZES)
}

/// Parses a number with decimals but without a unit, as multiples of a part of one, rounded down: `1.5` is
/// 1500 thousandths.
pub fn decimal(text: &str, parts: i128) -> Option<i128> {
    let (sign, digits) = text.strip_prefix('-').map_or((1, text), |digits| (-1, digits));
    let (whole, rest) = digits.split_once('.').unwrap_or((digits, ""));
    let is_number = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    let has_digits = !(whole.is_empty() && rest.is_empty()) && whole.len() + rest.len() <= 24;
    if !has_digits || !is_number(whole) || !is_number(rest) || digits.ends_with('.') {
        return None;
    }
    let number: i128 = format!("0{whole}{rest}").parse().ok()?;
    Some(sign * (number.checked_mul(parts)? / 10_i128.pow(rest.len() as u32)))
}

fn scaled(text: &str, units: &[(&str, i128)]) -> Option<i128> {
    let end = text.find(|c: char| c.is_ascii_alphabetic())?;
    let (number, unit) = text.split_at(end);
    let (_, scale) = units.iter().find(|(known, _)| known.eq_ignore_ascii_case(unit))?;
    decimal(number.trim_end(), *scale)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_with_units() {
        assert_eq!(time("1.5s"), Some(1_500_000));
        assert_eq!(time("30000ms"), time("30s"));
        assert_eq!((time("5min"), time("2h")), (Some(300_000_000), Some(7_200_000_000)));
        assert_eq!((size("64k"), size("1.5MiB")), (Some(65_536), Some(1_572_864)));
        assert_eq!((decimal("-1", 1), decimal(".5", 10)), (Some(-1), Some(5)));
    }

    #[test]
    fn everything_else() {
        for wrong in ["", "s", "1", "1x", "1s2", "1.s", "--1s", "1,5s", "1e3s", "é", "1é"] {
            assert_eq!(time(wrong), None, "{wrong}");
        }
        let many = "9".repeat(25);
        assert_eq!((decimal(&many, 1), decimal("", 1), decimal(".", 1)), (None, None, None));
    }
}
