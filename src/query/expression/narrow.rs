//! What an expression decides before a socket is read whole: its kind and state, and what the BPF programs
//! can test. All of it selects at least the sockets that the expression selects.

use super::evaluate::some;
use super::lexer::Comparison;
use super::operand::{EndPattern, Operand};
use super::types::Type;
use super::{Condition, Expression, Subject, Test};
use crate::host::services::Ports;
use crate::kernel::request::Prefilter;
use crate::query::columns::Column;
use crate::query::key::Key;
use crate::socket::kind::SocketKind;
use crate::socket::state::State;
use crate::text::escaped;

/// The results that an expression can still have.
#[derive(Clone, Copy)]
struct Verdict {
    /// It can be true.
    can_hold: bool,
    /// It can be false.
    can_fail: bool,
}

impl Expression {
    /// Whether sockets of this kind can be selected. With a state: sockets in this state.
    pub fn can_hold(&self, kind: SocketKind, state: Option<State>) -> bool {
        self.verdict(kind, state).can_hold
    }

    fn verdict(&self, kind: SocketKind, state: Option<State>) -> Verdict {
        let verdict = |it: &Expression| it.verdict(kind, state);
        match self {
            Expression::All(all) => Verdict {
                can_hold: all.iter().all(|it| verdict(it).can_hold),
                can_fail: all.iter().any(|it| verdict(it).can_fail),
            },
            Expression::Any(any) => Verdict {
                can_hold: any.iter().any(|it| verdict(it).can_hold),
                can_fail: any.iter().all(|it| verdict(it).can_fail),
            },
            Expression::Not(inner) => {
                let Verdict { can_hold, can_fail } = verdict(inner);
                Verdict { can_hold: can_fail, can_fail: can_hold }
            }
            Expression::Test(test) => match test.decided(kind, state) {
                Some(holds) => Verdict { can_hold: holds, can_fail: !holds },
                None => Verdict { can_hold: true, can_fail: true },
            },
        }
    }

    /// What the BPF programs can test. The kinds and states are the caller's.
    pub(in crate::query) fn prefilter(&self) -> Prefilter {
        let mut prefilter = Prefilter::default();
        for conjunct in self.clone().conjuncts() {
            let Some((side, ports)) = conjunct.ports() else { continue };
            let list = match side {
                Side::Local => &mut prefilter.local_ports,
                Side::Remote => &mut prefilter.remote_ports,
                Side::Either => &mut prefilter.either_ports,
            };
            if list.is_empty() {
                *list = ports;
            }
        }
        prefilter
    }

    /// The ports that a socket must have. `None` if any are possible.
    fn ports(&self) -> Option<(Side, Vec<Ports>)> {
        match self {
            Expression::Any(any) => {
                let all = any.iter().map(Expression::ports).collect::<Option<Vec<_>>>()?;
                let side = all.iter().map(|(side, _)| *side).reduce(|a, b| {
                    if a == b {
                        a
                    } else {
                        Side::Either
                    }
                })?;
                Some((side, all.into_iter().flat_map(|(_, ports)| ports).collect()))
            }
            Expression::Test(test) => test.ports(),
            Expression::All(_) | Expression::Not(_) => None,
        }
    }

    /// The names or indexes of all interfaces that are asked for, as they are printed.
    pub fn interfaces(&self) -> Vec<String> {
        let mut names = Vec::new();
        for Test { subject, condition } in self.tests() {
            let Condition::Compares(_, operands) = condition else { continue };
            for operand in operands {
                match operand {
                    Operand::Text(name) if Type::of(*subject) == Type::Interface => {
                        names.push(escaped(name));
                    }
                    Operand::End(EndPattern { interface: Some(name), .. }) => {
                        names.push(escaped(name));
                    }
                    _ => {}
                }
            }
        }
        names
    }
}

/// The end that ports belong to.
#[derive(Clone, Copy, PartialEq)]
enum Side {
    Local,
    Remote,
    Either,
}

impl Test {
    /// The result, if the kind and the state decide it.
    fn decided(&self, kind: SocketKind, state: Option<State>) -> Option<bool> {
        let (Subject::Key(Key::Column(column)), Condition::Compares(comparison, operands)) =
            (self.subject, &self.condition)
        else {
            return None;
        };
        let equal = match column {
            // The word for sockets of other families depends on the socket.
            Column::Protocol if kind != SocketKind::Other => {
                some(operands.iter().map(|it| match it {
                    Operand::Text(word) => Some(word == kind.word().as_bytes()),
                    Operand::Glob(glob) => Some(glob.matches(kind.word().as_bytes())),
                    _ => None,
                }))?
            }
            Column::State => some(operands.iter().map(|it| match it {
                Operand::States(states) => state.map(|state| states.contains(state)),
                _ => None,
            }))?,
            _ => return None,
        };
        match comparison {
            Comparison::Equal | Comparison::Like => Some(equal),
            Comparison::NotEqual => Some(!equal),
            _ => None,
        }
    }

    fn ports(&self) -> Option<(Side, Vec<Ports>)> {
        let side = match self.subject {
            Subject::Key(Key::Column(Column::Sport | Column::Local)) => Side::Local,
            Subject::Key(Key::Column(Column::Dport | Column::Remote)) => Side::Remote,
            Subject::EitherPort | Subject::EitherEnd => Side::Either,
            Subject::Key(_) => return None,
        };
        let Condition::Compares(comparison, operands) = &self.condition else { return None };
        let ranges = operands.iter().map(|operand| match operand {
            Operand::Ports(ports) => range(ports, *comparison),
            Operand::End(pattern) if *comparison == Comparison::Equal => pattern.ports.clone(),
            _ => None,
        });
        Some((side, ranges.collect::<Option<Vec<Ports>>>()?))
    }
}

/// The ports that compare so. `None` if they are no range.
fn range(ports: &Ports, comparison: Comparison) -> Option<Ports> {
    let port = *ports.start();
    match comparison {
        Comparison::Equal => Some(ports.clone()),
        Comparison::Less => Some(0..=port.checked_sub(1)?),
        Comparison::AtMost => Some(0..=port),
        Comparison::Greater => Some(port.checked_add(1)?..=u16::MAX),
        Comparison::AtLeast => Some(port..=u16::MAX),
        Comparison::NotEqual | Comparison::Like => None,
    }
}
