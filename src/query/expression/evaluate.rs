//! Decides an expression for a row. `None` means unknown.

use std::cmp::Ordering;

use super::lexer::Comparison;
use super::operand::{EndPattern, Operand};
use super::subject::Subject;
use super::tree::{Condition, Expression, Test};
use crate::host::services::Ports;
use crate::options::value::Value;
use crate::query::cell::Cell;
use crate::query::columns::Column;
use crate::query::datum::{self, Datum};
use crate::query::glob::Glob;
use crate::query::key::Key;
use crate::query::network;
use crate::query::row::{Holders, Row};
use crate::socket::Endpoint;

impl Expression {
    /// Whether the row is selected. The options of all keys must be among [`Row::asked`].
    pub fn holds(&self, row: &Row) -> Option<bool> {
        match self {
            Expression::All(all) => all_hold(all, row),
            Expression::Any(any) => some(any.iter().map(|it| it.holds(row))),
            Expression::Not(inner) => inner.holds(row).map(|holds| !holds),
            Expression::Test(test) => test.holds(row),
        }
    }

    /// Whether a test asks which options of the row are set, and that is unknown.
    pub fn lacks_set(&self, row: &Row) -> bool {
        !row.knows_set && self.tests().iter().any(|test| test.lacks_set(row))
    }
}

/// Whether all hold. Those about descriptors must hold for the same one: `pid = 812 and command = nginx`.
fn all_hold(all: &[Expression], row: &Row) -> Option<bool> {
    let others = all.iter().filter(|it| it.of_descriptor().is_none()).map(|it| it.holds(row));
    every(others.chain([Whose::Socket, Whose::Peer].map(|whose| one_has_all(all, whose, row))))
}

/// The socket that a descriptor refers to: that of the row, or the other end of its connection.
#[derive(Clone, Copy, PartialEq)]
enum Whose {
    Socket,
    Peer,
}

/// Whether all tests about descriptors of this socket hold for one of them.
fn one_has_all(all: &[Expression], whose: Whose, row: &Row) -> Option<bool> {
    let tests = || all.iter().filter(|it| it.of_descriptor() == Some(whose));
    let holders = match whose {
        Whose::Socket => row.holders.of_socket,
        Whose::Peer => row.holders.of_peer,
    };
    match holders {
        Some((holders @ [_, _, ..], owner)) if tests().nth(1).is_some() => {
            some(holders.iter().map(|holder| {
                let one = Some((std::slice::from_ref(holder), owner));
                let holders = match whose {
                    Whose::Socket => Holders { of_socket: one, ..row.holders },
                    Whose::Peer => Holders { of_peer: one, ..row.holders },
                };
                let row = Row { holders, ..*row };
                every(tests().map(|it| it.holds(&row)))
            }))
        }
        _ => every(tests().map(|it| it.holds(row))),
    }
}

/// Whether all hold. False if one does not, even if another is unknown.
pub(super) fn every(all: impl IntoIterator<Item = Option<bool>>) -> Option<bool> {
    let mut result = Some(true);
    for holds in all {
        match holds {
            Some(true) => {}
            Some(false) => return Some(false),
            None => result = None,
        }
    }
    result
}

/// Whether one holds. True if one does, even if another is unknown.
pub(super) fn some(any: impl IntoIterator<Item = Option<bool>>) -> Option<bool> {
    every(any.into_iter().map(|holds| holds.map(|holds| !holds))).map(|none| !none)
}

impl Expression {
    /// The socket of a test that holds if it does for one descriptor.
    fn of_descriptor(&self) -> Option<Whose> {
        let Expression::Test(Test { subject, condition }) = self else { return None };
        let is_positive = match condition {
            Condition::On => true,
            Condition::Compares(comparison, _) => *comparison != Comparison::NotEqual,
            Condition::Has | Condition::Set => false,
        };
        let Subject::Key(Key::Column(column)) = subject else { return None };
        let is_whole = matches!(column, Column::Program | Column::PeerProgram);
        let whose = if column.is_of_peer() { Whose::Peer } else { Whose::Socket };
        (is_positive && column.is_of_holders() && !is_whole).then_some(whose)
    }
}

impl Test {
    fn holds(&self, row: &Row) -> Option<bool> {
        match &self.condition {
            Condition::On => self.is_on(row),
            Condition::Has => self.has(row),
            Condition::Set => self.is_set(row),
            Condition::Compares(Comparison::NotEqual, operands) => {
                self.compares(Comparison::Equal, operands, row).map(|equal| !equal)
            }
            Condition::Compares(comparison, operands) => self.compares(*comparison, operands, row),
        }
    }

    fn is_on(&self, row: &Row) -> Option<bool> {
        match self.subject {
            Subject::Key(key @ Key::Column(_)) => equals(&row.datum(key), &Operand::Number(1)),
            Subject::Key(key) => row.option(key).map(|shown| is_on(&shown.value)),
            Subject::EitherPort | Subject::EitherEnd => None,
        }
    }

    fn has(&self, row: &Row) -> Option<bool> {
        match self.subject {
            Subject::Key(Key::Column(column)) => match column.read(row) {
                Cell::Unknown => None,
                Cell::PerHolder(it) => has_one(it.cells()),
                _ => Some(!row.datum(Key::Column(column)).is_empty()),
            },
            // An option is there even if its list is empty.
            Subject::Key(key) => Some(row.datum(key) != Datum::Nothing),
            Subject::EitherPort => Some(row.socket.ports().is_some()),
            Subject::EitherEnd => Some(
                row.datum(Key::Column(Column::Local)) != Datum::Nothing
                    || row.datum(Key::Column(Column::Remote)) != Datum::Nothing,
            ),
        }
    }

    fn is_set(&self, row: &Row) -> Option<bool> {
        let Subject::Key(key) = self.subject else { return None };
        match row.option(key)?.set {
            true => Some(true),
            false => row.knows_set.then_some(false),
        }
    }

    /// Whether the answer depends on which options are set.
    pub fn asks_set(&self) -> bool {
        self.condition == Condition::Set || self.subject == Subject::Key(Key::Column(Column::Set))
    }

    /// Whether that is unknown for a row of which [`Row::knows_set`] is false.
    fn lacks_set(&self, row: &Row) -> bool {
        match self.subject {
            _ if !self.asks_set() => false,
            Subject::Key(key @ (Key::Option(_) | Key::Versions(..))) => {
                row.option(key).is_some_and(|shown| !shown.set)
            }
            _ => !row.socket.is_mini(),
        }
    }

    /// Whether the value compares so with one of the operands.
    fn compares(&self, comparison: Comparison, operands: &[Operand], row: &Row) -> Option<bool> {
        let one = |test: &dyn Fn(&Operand) -> Option<bool>| some(operands.iter().map(test));
        match self.subject {
            Subject::EitherPort => {
                let (local, remote) = row.socket.ports()?;
                one(&|it| some([port(local, comparison, it), port(remote, comparison, it)]))
            }
            Subject::EitherEnd => one(&|it| {
                some(
                    [Column::Local, Column::Remote]
                        .map(|end| compares_end(end, comparison, it, row)),
                )
            }),
            Subject::Key(Key::Column(Column::Sport)) if comparison != Comparison::Like => {
                let (local, _) = row.socket.ports()?;
                one(&|it| port(local, comparison, it))
            }
            Subject::Key(Key::Column(Column::Dport)) if comparison != Comparison::Like => {
                let (_, remote) = row.socket.ports()?;
                one(&|it| port(remote, comparison, it))
            }
            Subject::Key(Key::Column(Column::Saddr)) if comparison != Comparison::Like => {
                one(&|it| compares_end(Column::Local, comparison, it, row))
            }
            Subject::Key(Key::Column(Column::Daddr)) if comparison != Comparison::Like => {
                one(&|it| compares_end(Column::Remote, comparison, it, row))
            }
            Subject::Key(Key::Column(end @ (Column::Local | Column::Remote))) => {
                one(&|it| compares_end(end, comparison, it, row))
            }
            Subject::Key(key) => one(&|it| compares(key, comparison, it, row)),
        }
    }
}

/// Whether there is a value for one descriptor.
fn has_one<'a>(cells: impl Iterator<Item = Cell<'a>>) -> Option<bool> {
    some(cells.map(|cell| match cell {
        Cell::Unknown => None,
        cell => Some(!datum::of_cell(cell).is_empty()),
    }))
}

/// Whether an option is on: neither off, nor 0, nor empty.
fn is_on(value: &Value) -> bool {
    match value {
        Value::Linger { on, .. } | Value::Txtime { on, .. } => *on,
        Value::Fanout { joined, .. } => *joined,
        value => !value.is_empty(),
    }
}

/// Compares any other column or option. An entry that is not known may compare so.
fn compares(key: Key, comparison: Comparison, operand: &Operand, row: &Row) -> Option<bool> {
    let is_so = compares_known(key, comparison, operand, row)?;
    (is_so || !row.is_cut(key)).then_some(is_so)
}

fn compares_known(key: Key, comparison: Comparison, operand: &Operand, row: &Row) -> Option<bool> {
    match operand {
        Operand::Text(name) if key == Key::Column(Column::Netns) => is_netns_called(name, row),
        Operand::States(states) => Some(states.contains(row.socket.state)),
        Operand::Glob(glob) => like(key, glob, row),
        Operand::Printed(text, any_case) => {
            let mut printed = Vec::new();
            printed_text(key, row, &mut printed)?;
            let is_same = |other: &[u8]| match any_case {
                true => other.eq_ignore_ascii_case(text),
                false => other == text.as_slice(),
            };
            Some(
                is_same(&printed)
                    || has_entry(key, row, &is_same)
                    || text == b"-" && is_empty_list(key, row),
            )
        }
        operand => match comparison {
            Comparison::Equal => equals(&row.datum(key), operand),
            comparison => ordered(&row.datum(key), operand, comparison),
        },
    }
}

/// Whether the network namespace has this name. Unknown if its name is.
fn is_netns_called(name: &[u8], row: &Row) -> Option<bool> {
    match row.netns_name {
        None if !row.knows_netns_names => None,
        own => Some(own == Some(name)),
    }
}

/// Whether an entry of an option that is a list is the same. Those of columns are compared as names.
fn has_entry(key: Key, row: &Row, is_same: &dyn Fn(&[u8]) -> bool) -> bool {
    let is_option = !matches!(key, Key::Column(_));
    is_option
        && match row.datum(key) {
            Datum::List(list) => {
                list.iter().any(|it| matches!(it, Datum::Text(text) if is_same(text)))
            }
            _ => false,
        }
}

/// Whether the value is a list without entries. Not each of them is printed as a dash.
fn is_empty_list(key: Key, row: &Row) -> bool {
    matches!(row.datum(key), Datum::List(list) if list.is_empty())
}

/// Appends the text of a value. Returns `None` if there is no value.
fn printed_text(key: Key, row: &Row, to: &mut Vec<u8>) -> Option<()> {
    (row.datum(key) != Datum::Nothing).then(|| row.write_text(key, to))
}

/// Whether a name or, for what is no name, the text matches.
fn like(key: Key, glob: &Glob, row: &Row) -> Option<bool> {
    let datum = row.datum(key);
    let is_of_names = match &datum {
        Datum::Text(_) => true,
        Datum::List(list) if list.is_empty() => matches!(key, Key::Column(_)),
        Datum::List(list) => list.iter().any(|it| matches!(it, Datum::Text(_) | Datum::List(_))),
        _ => false,
    };
    if is_of_names {
        return has_like(&datum, glob);
    }
    let mut text = Vec::new();
    printed_text(key, row, &mut text)?;
    Some(glob.matches(&text))
}

/// Whether a name matches, or one of a list.
fn has_like(datum: &Datum, glob: &Glob) -> Option<bool> {
    match datum {
        Datum::Text(name) => Some(glob.matches(name)),
        Datum::List(list) => some(list.iter().map(|it| has_like(it, glob))),
        Datum::Nothing => None,
        _ => Some(false),
    }
}

/// Whether a value equals an operand. A list does if one of its entries does.
fn equals(datum: &Datum, operand: &Operand) -> Option<bool> {
    Some(match (datum, operand) {
        (Datum::Nothing, _) => return None,
        (Datum::List(list), operand) => return some(list.iter().map(|it| equals(it, operand))),
        (Datum::Number(number), Operand::Number(other)) => number == other,
        (Datum::Number(number), Operand::Masked(other, mask)) => number & mask == *other,
        (Datum::Time(time), Operand::Time(other)) => time == other,
        (Datum::Moment(moment), Operand::Moment(other)) => moment == other,
        (Datum::Never, Operand::Never) | (Datum::Off, Operand::Off) => true,
        (Datum::Text(text), Operand::Text(other)) => text.as_ref() == other.as_slice(),
        _ => false,
    })
}

/// Compares by order. What is off has no order.
fn ordered(datum: &Datum, operand: &Operand, comparison: Comparison) -> Option<bool> {
    let order = match (datum, operand) {
        (Datum::List(list), operand) => {
            return some(list.iter().map(|it| ordered(it, operand, comparison)))
        }
        (Datum::Number(a), Operand::Number(b)) | (Datum::Time(a), Operand::Time(b)) => a.cmp(b),
        (Datum::Moment(a), Operand::Moment(b)) => a.cmp(b),
        (Datum::Never, Operand::Never) => Ordering::Equal,
        (Datum::Never, Operand::Number(_) | Operand::Time(_)) => Ordering::Greater,
        (Datum::Number(_) | Datum::Time(_), Operand::Never) => Ordering::Less,
        _ => return None,
    };
    Some(is_so(order, comparison))
}

fn is_so(order: Ordering, comparison: Comparison) -> bool {
    match comparison {
        Comparison::Less => order.is_lt(),
        Comparison::AtMost => order.is_le(),
        Comparison::Greater => order.is_gt(),
        Comparison::AtLeast => order.is_ge(),
        Comparison::Equal | Comparison::NotEqual | Comparison::Like => order.is_eq(),
    }
}

fn port(port: u32, comparison: Comparison, operand: &Operand) -> Option<bool> {
    match (comparison, operand) {
        (Comparison::Equal, Operand::Ports(ports)) => Some(has_port(ports, port)),
        (comparison, Operand::Ports(ports)) => {
            Some(is_so(port.cmp(&(*ports.start()).into()), comparison))
        }
        (_, Operand::Glob(glob)) => Some(glob.matches(port.to_string().as_bytes())),
        _ => None,
    }
}

fn has_port(ports: &Ports, port: u32) -> bool {
    u16::try_from(port).is_ok_and(|port| ports.contains(&port))
}

/// Compares one end of a socket.
fn compares_end(end: Column, comparison: Comparison, operand: &Operand, row: &Row) -> Option<bool> {
    let key = Key::Column(end);
    let Operand::End(pattern) = operand else {
        return match (row.datum(key), operand) {
            (Datum::Address(..), Operand::Text(_)) => Some(false),
            _ => compares(key, comparison, operand, row),
        };
    };
    let choose = |local, remote| if end == Column::Local { local } else { remote };
    match (row.socket.ends(), row.socket.ports(), pattern) {
        (None, _, pattern) if *pattern == EndPattern::default() => {
            (row.datum(key) != Datum::Nothing).then_some(true)
        }
        (Some((local, remote)), _, pattern) => Some(matches(choose(local, remote), pattern, row)),
        // A vsock socket has ports, too.
        (None, Some((local, remote)), EndPattern { network: None, ports: Some(ports), .. }) => {
            let (local, remote) = (has_port(ports, local), has_port(ports, remote));
            Some(if end == Column::Local { local } else { remote })
        }
        _ => None,
    }
}

fn matches(endpoint: Endpoint, pattern: &EndPattern, row: &Row) -> bool {
    let has = |network| network::contains(network, endpoint.address);
    let is_bound_to = |interface: &Operand| {
        let is_so = equals(&row.datum(Key::Column(Column::Interface)), interface);
        endpoint.address.is_ipv6() && is_so == Some(true)
    };
    pattern.network.as_ref().is_none_or(has)
        && pattern.interface.as_deref().is_none_or(is_bound_to)
        && pattern.ports.as_ref().is_none_or(|ports| ports.contains(&endpoint.port))
}
