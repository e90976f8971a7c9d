//! Writes expressions, so that parsing them again gives the same.

use std::fmt::{self, Display, Write};

use super::operand::{EndPattern, Operand};
use super::subject::Subject;
use super::tree::{Condition, Expression, Test};
use crate::host::services::Ports;
use crate::query::expression::types::Type;
use crate::socket::state;
use crate::text::{is_number, set_apart, Word};

impl Display for Expression {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        match self {
            Expression::All(all) => write_joined(f, all, " and "),
            Expression::Any(any) => write_joined(f, any, " or "),
            Expression::Not(inner) => {
                f.write_str("not ")?;
                write_inner(f, inner)
            }
            Expression::Test(test) => test.fmt(f),
        }
    }
}

fn write_joined(f: &mut fmt::Formatter, inner: &[Expression], mark: &str) -> fmt::Result {
    for (n, expression) in inner.iter().enumerate() {
        f.write_str(if n > 0 { mark } else { "" })?;
        write_inner(f, expression)?;
    }
    Ok(())
}

/// Writes an expression within another, in parentheses if it has several parts.
fn write_inner(f: &mut fmt::Formatter, inner: &Expression) -> fmt::Result {
    match inner {
        Expression::All(_) | Expression::Any(_) => write!(f, "({inner})"),
        inner => inner.fmt(f),
    }
}

impl Display for Test {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        let Test { subject, condition } = self;
        match condition {
            Condition::On => subject.fmt(f),
            Condition::Has => write!(f, "has({subject})"),
            Condition::Set => write!(f, "set({subject})"),
            Condition::Compares(comparison, operands) => {
                write!(f, "{subject} {} ", comparison.sign())?;
                for (n, operand) in operands.iter().enumerate() {
                    f.write_str(if n > 0 { "," } else { "" })?;
                    write_operand(f, operand, &Type::of(*subject))?;
                }
                Ok(())
            }
        }
    }
}

impl Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        match self {
            Subject::Key(key) => key.fmt(f),
            Subject::EitherPort => f.write_str("port"),
            Subject::EitherEnd => f.write_str("addr"),
        }
    }
}

fn write_operand(f: &mut fmt::Formatter, operand: &Operand, of_type: &Type) -> fmt::Result {
    match operand {
        Operand::Number(number) => number.fmt(f),
        Operand::Masked(number, mask) => write!(f, "{number}/{mask}"),
        Operand::Time(time) if time % 1_000_000 == 0 => write!(f, "{}s", time / 1_000_000),
        Operand::Time(time) if time % 1000 == 0 => write!(f, "{}ms", time / 1000),
        Operand::Time(time) => write!(f, "{time}us"),
        Operand::Moment(moment) => moment.fmt(f),
        Operand::Never if matches!(of_type, Type::Number(_)) => f.write_str("unlimited"),
        Operand::Never => f.write_str("never"),
        Operand::Off => f.write_str("off"),
        Operand::Text(_) if *of_type == Type::Interface => Quoted(&interface_word(operand)).fmt(f),
        Operand::Text(text) => Quoted(&Word(text).to_string()).fmt(f),
        Operand::Printed(text, _) => Quoted(&String::from_utf8_lossy(text)).fmt(f),
        Operand::Glob(glob) => Quoted(&glob.to_string()).fmt(f),
        Operand::States(states) => f.write_str(state::word_of(*states)),
        Operand::Ports(ports) => write_ports(f, ports),
        Operand::End(pattern) => pattern.fmt(f),
    }
}

/// An interface, whose name is told apart from an index.
pub(super) fn interface_word(interface: &Operand) -> String {
    match interface {
        Operand::Text(name) => {
            let (first, rest) = set_apart(name, is_number(name));
            format!("{first}{}", Word(rest))
        }
        Operand::Number(index) => index.to_string(),
        _ => String::new(),
    }
}

fn write_ports(f: &mut fmt::Formatter, ports: &Ports) -> fmt::Result {
    match ports.start() == ports.end() {
        true => ports.start().fmt(f),
        false => write!(f, "{}-{}", ports.start(), ports.end()),
    }
}

impl Display for EndPattern {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        let mut host = match self.network {
            Some(network) if network.prefix_len() == network.max_prefix_len() => {
                network.addr().to_string()
            }
            Some(network) => network.to_string(),
            None => "*".into(),
        };
        if let Some(interface) = &self.interface {
            let name = interface_word(interface).replace(':', "\\x3a").replace(']', "\\x5d");
            write!(host, "%{name}")?;
        }
        // Without brackets, the end of an IPv6 address could be a port.
        let host = if host.contains(':') { format!("[{host}]") } else { host };
        match &self.ports {
            None => Quoted(&host).fmt(f),
            Some(ports) => {
                write!(f, "{}:", Quoted(&host))?;
                write_ports(f, ports)
            }
        }
    }
}

/// A word, in quotes if it would be taken apart without.
struct Quoted<'a>(&'a str);

impl Display for Quoted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        let is_mark = |c: char| c.is_whitespace() || "()!=<>~&|\"',".contains(c);
        match self.0.is_empty() || self.0.contains(is_mark) {
            true => write!(f, "\"{}\"", self.0.replace('"', "\"'\"'\"")),
            false => f.write_str(self.0),
        }
    }
}
