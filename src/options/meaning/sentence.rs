//! A sentence about the value of an option, and what it may depend on.

use std::time::Duration;

use crate::options::catalogue;
use crate::options::context::Context;
use crate::options::plan::OptionValue;
use crate::options::value::Value;
use crate::record::fact::Fact;
use crate::socket::kind::{Family, SocketKind};
use crate::socket::state::State;
use crate::socket::TimeLimit;

/// A sentence.
pub struct Sentence {
    /// The options below which it is shown, as in the catalogue.
    pub options: &'static [&'static str],
    /// The sentence, with `{}` in place of each value.
    pub text: &'static str,
    values: fn(&Subject) -> Option<Values>,
}

/// The values of a sentence, in order.
pub(super) type Values = Vec<String>;

/// A line of a list: the sentence about these options, and the function that returns its values, or `None` for a socket
/// about which it would not be true.
pub(super) const fn says(
    options: &'static [&'static str],
    text: &'static str,
    values: fn(&Subject) -> Option<Values>,
) -> Sentence {
    Sentence { options, text, values }
}

/// For a sentence without values.
pub(super) fn when(is_true: bool) -> Option<Values> {
    is_true.then(Vec::new)
}

impl Sentence {
    /// The sentence about an option of a socket. `None` if it is about others.
    pub fn about(&self, subject: &Subject) -> Option<String> {
        if !self.options.contains(&subject.shown.option.name) {
            return None;
        }
        let mut values = (self.values)(subject)?.into_iter();
        let mut parts = self.text.split("{}");
        let first = parts.next().unwrap_or_default().to_owned();
        Some(parts.fold(first, |text, part| text + &values.next().unwrap_or_default() + part))
    }
}

/// An option of a full socket, about which there may be something to say.
pub struct Subject<'a> {
    pub shown: &'a OptionValue,
    pub context: Context<'a>,
    pub kind: SocketKind,
    pub state: State,
}

impl Subject<'_> {
    /// The value as a number. `None` if it is none.
    pub(super) fn number(&self) -> Option<i64> {
        number(&self.shown.value)
    }

    /// Whether the value is a number other than 0.
    pub(super) fn is_on(&self) -> bool {
        self.number().is_some_and(|number| number != 0)
    }

    /// The value of another option of the socket as a number. `None` if it is none, or the socket lacks the option.
    pub(super) fn other(&self, name: &str) -> Option<i64> {
        number(&catalogue::named(name)?.decode(&self.context)?)
    }

    /// Whether another option of the socket is a number other than 0.
    pub(super) fn has(&self, name: &str) -> bool {
        self.other(name).is_some_and(|number| number != 0)
    }

    /// A fact of the socket. `None` if the kernel or the socket does not have it.
    pub(super) fn fact(&self, fact: Fact) -> Option<u64> {
        self.context.get(fact)
    }

    /// A number of a sysctl of the socket's network namespace, counted from 0. `None` if it is not known.
    pub(super) fn sysctl(&self, name: &str, nth: usize) -> Option<i64> {
        self.context.host().sysctl(name)?.split(' ').nth(nth)?.parse().ok()
    }

    pub(super) fn is_of(&self, families: &[Family]) -> bool {
        families.contains(&self.kind.family())
    }

    /// Whether this is a TCP socket that is neither closed nor listening.
    pub(super) fn is_tcp_connection(&self) -> bool {
        self.is_of(&[Family::Tcp]) && self.context.is_tcp_connection()
    }
}

fn number(value: &Value) -> Option<i64> {
    match value {
        Value::Int(number) => Some(*number),
        Value::Uint64(number) => i64::try_from(*number).ok(),
        _ => None,
    }
}

/// A number of bytes: `128 KiB`, or `1000 bytes` if it is no multiple.
pub(super) fn bytes(number: i64) -> String {
    const UNITS: [(i64, &str); 3] = [(1 << 30, "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB")];
    let fitting = UNITS.into_iter().find(|(unit, _)| number != 0 && number % unit == 0);
    match (fitting, number) {
        (Some((unit, name)), _) => format!("{} {name}", number / unit),
        (None, 1) => "1 byte".into(),
        (None, _) => format!("{number} bytes"),
    }
}

/// A number of seconds, with at most three decimals: `7875 s`, `0.2 s`.
pub(super) fn seconds(time: Duration) -> String {
    let decimals = format!("{:03}", time.subsec_millis());
    match decimals.trim_end_matches('0') {
        "" => format!("{} s", time.as_secs()),
        decimals => format!("{}.{decimals} s", time.as_secs()),
    }
}

/// The same for a limit. `None` for one that never comes.
pub(super) fn limit(limit: TimeLimit) -> Option<String> {
    match limit {
        TimeLimit::After(time) => Some(seconds(time)),
        TimeLimit::Never => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_the_largest_unit_that_divides_them() {
        for (number, text) in [
            (0, "0 bytes"),
            (1, "1 byte"),
            (1023, "1023 bytes"),
            (131_072, "128 KiB"),
            (4 << 20, "4 MiB"),
            (3 << 30, "3 GiB"),
            (1025, "1025 bytes"),
        ] {
            assert_eq!(bytes(number), text);
        }
    }

    #[test]
    fn seconds_have_only_the_decimals_that_they_need() {
        for (milliseconds, text) in [(7_875_000, "7875 s"), (200, "0.2 s"), (1_004, "1.004 s")] {
            assert_eq!(seconds(Duration::from_millis(milliseconds)), text);
        }
        assert_eq!(limit(TimeLimit::Never), None);
    }
}
