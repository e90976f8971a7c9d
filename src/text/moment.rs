//! Points in time, as RFC 3339 writes them.

use std::fmt;

/// A point in time, in milliseconds since the beginning of 1970 in UTC.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Moment(pub i64);

const SECOND: i64 = 1000;
const MINUTE: i64 = 60 * SECOND;
const DAY: i64 = 24 * 60 * MINUTE;

impl Moment {
    /// Parses a date, or a date and a time of RFC 3339: `2026-11-26`, `2026-11-26T14:02:15.5+01:00`. The seconds may
    /// be left out. Without an offset, the time is in UTC. What is smaller than a millisecond is dropped. `None` if it
    /// is no such text.
    pub fn parse(text: &str) -> Option<Moment> {
        let (date, time) = match text.split_once(['T', 't', ' ']) {
            Some((date, time)) => (date, Some(time)),
            None => (text, None),
        };
        let [year, month, day] = numbers(date, '-', [4, 2, 2])?;
        let is_date = (1..=12).contains(&month) && (1..=days_of(year, month)).contains(&day);
        let begin = days_before(year, month, day) * DAY;
        is_date.then_some(())?;
        Some(Moment(begin + time.map_or(Some(0), milliseconds)?))
    }
}

/// Writes the time to the millisecond, in UTC: `2026-11-26T14:02:15.370Z`.
impl fmt::Display for Moment {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        let (year, month, day) = date_of(self.0.div_euclid(DAY));
        let time = self.0.rem_euclid(DAY);
        let (hour, minute) = (time / MINUTE / 60, time / MINUTE % 60);
        let (second, thousandths) = (time % MINUTE / SECOND, time % SECOND);
        write!(f, "{year:04}-{month:02}-{day:02}")?;
        write!(f, "T{hour:02}:{minute:02}:{second:02}.{thousandths:03}Z")
    }
}

/// The milliseconds since midnight in UTC of a time such as `14:02:15.5+01:00`.
fn milliseconds(time: &str) -> Option<i64> {
    let at = time.find(['Z', 'z', '+', '-']).unwrap_or(time.len());
    let (time, zone) = time.split_at(at);
    let (time, fraction) = time.split_once('.').unwrap_or((time, "0"));
    let [hour, minute, second] = match time.len() {
        5 => numbers(time, ':', [2, 2]).map(|[hour, minute]| [hour, minute, 0])?,
        _ => numbers(time, ':', [2, 2, 2])?,
    };
    // A leap second is the first one of the next minute, as for the kernel.
    let is_time = hour < 24 && minute < 60 && second <= 60 && is_number(fraction);
    let thousandths: i64 = format!("{fraction:0<3}").get(..3)?.parse().ok()?;
    let since_midnight = (hour * 60 + minute) * MINUTE + second * SECOND + thousandths;
    is_time.then_some(since_midnight - offset(zone)?)
}

/// The milliseconds by which a zone such as `+01:00` is ahead of UTC.
fn offset(zone: &str) -> Option<i64> {
    let sign = match zone.chars().next() {
        None => return Some(0),
        Some('Z' | 'z') => return (zone.len() == 1).then_some(0),
        Some('+') => 1,
        _ => -1,
    };
    let [hours, minutes] = numbers(&zone[1..], ':', [2, 2])?;
    (hours < 24 && minutes < 60).then_some(sign * (hours * 60 + minutes) * MINUTE)
}

/// Numbers with so many digits, joined by a mark.
fn numbers<const N: usize>(text: &str, mark: char, digits: [usize; N]) -> Option<[i64; N]> {
    let mut found = [0; N];
    let mut parts = text.split(mark);
    for (number, digits) in found.iter_mut().zip(digits) {
        let part = parts.next().filter(|part| part.len() == digits && is_number(part))?;
        *number = part.parse().ok()?;
    }
    parts.next().is_none().then_some(found)
}

fn is_number(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

fn days_of(year: i64, month: i64) -> i64 {
    let (year, next) = if month == 12 { (year + 1, 1) } else { (year, month + 1) };
    days_before(year, next, 1) - days_before(if next == 1 { year - 1 } else { year }, month, 1)
}

/// The days from the beginning of 1970 to a date. A year is counted from March on, so that the leap day is its last
/// one. The calendar repeats after 400 years, which have 146,097 days.
fn days_before(year: i64, month: i64, day: i64) -> i64 {
    let year = if month < 3 { year - 1 } else { year };
    let (cycle, year) = (year.div_euclid(400), year.rem_euclid(400));
    let before_month = (153 * ((month + 9) % 12) + 2) / 5;
    let before_year = 365 * year + year / 4 - year / 100;
    cycle * 146_097 + before_year + before_month + day - 1 - 719_468
}

/// The date so many days after the beginning of 1970: the inverse of [`days_before`].
fn date_of(days: i64) -> (i64, i64, i64) {
    let (cycle, days) =
        ((days + 719_468).div_euclid(146_097), (days + 719_468).rem_euclid(146_097));
    let year = (days - days / 1460 + days / 36_524 - days / 146_096) / 365;
    let day_of_year = days - (365 * year + year / 4 - year / 100);
    let month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    (cycle * 400 + year + i64::from(month < 3), month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What date(1) prints and accepts: `date -u -d @1795702935.370 +%FT%T.%3NZ`.
    #[test]
    fn moments_of_date() {
        for (seconds, text) in [
            (0, "1970-01-01T00:00:00.000Z"),
            (951_782_400, "2000-02-29T00:00:00.000Z"),
            (1_795_701_735, "2026-11-26T14:02:15.000Z"),
            (4_107_542_400, "2100-03-01T00:00:00.000Z"),
            (-1, "1969-12-31T23:59:59.000Z"),
        ] {
            assert_eq!(Moment(seconds * 1000).to_string(), text);
            assert_eq!(Moment::parse(text), Some(Moment(seconds * 1000)), "{text}");
        }
        for day in -800_000..2_000_000 {
            let moment = Moment(day * DAY + 1);
            let (year, month, day_of_month) = date_of(day);
            assert_eq!(days_before(year, month, day_of_month), day);
            if (0..=9999).contains(&year) && day % 97 == 0 {
                assert_eq!(Moment::parse(&moment.to_string()), Some(moment));
            }
        }
    }

    #[test]
    fn forms_of_a_moment() {
        let noon = Moment::parse("2026-11-26T12:00:00Z");
        for text in ["2026-11-26t12:00:00.0009z", "2026-11-26 12:00", "2026-11-26T13:30:00+01:30"] {
            assert_eq!(Moment::parse(text), noon, "{text}");
        }
        assert_eq!(Moment::parse("2026-11-26"), Moment::parse("2026-11-25T23:00:00-01:00"));
        assert_eq!(Moment::parse("2026-11-26T12:00:00.25"), noon.map(|noon| Moment(noon.0 + 250)));
        for wrong in [
            "",
            "2026",
            "2026-11",
            "2026-13-01",
            "2026-00-01",
            "2026-02-29",
            "2100-02-29",
            "26-11-26",
            "2026-11-26T",
            "2026-11-26T12",
            "2026-11-26T24:00",
            "2026-11-26T12:60",
            "2026-11-26T12:00:00.Z",
            "2026-11-26T12:00Zx",
            "2026-11-26T12:00+1",
            "2026-11-26T12:00+24:00",
            "2026-11-26T12:00:61",
            "+026-11-26",
            "2026-11-26T12:00:00.é",
            "2026-11-é",
            "5min",
            "2026-11-26T12:00é",
        ] {
            assert_eq!(Moment::parse(wrong), None, "{wrong}");
        }
        for leap in ["2024-02-29", "2000-02-29", "2026-12-31"] {
            assert!(Moment::parse(leap).is_some(), "{leap}");
        }
    }
}
