//! What an expression decides by the kind and the state of a socket alone.

use super::evaluate::some;
use super::lexer::Comparison;
use super::operand::{EndPattern, Operand};
use super::print::interface_word;
use super::subject::Subject;
use super::tree::{Condition, Expression, Test};
use super::types::Type;
use crate::query::columns::Column;
use crate::query::key::Key;
use crate::socket::kind::{Family, SocketKind};
use crate::socket::state::State;

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

    /// The names or indexes of all interfaces that are asked for, as they are printed.
    pub fn interfaces(&self) -> Vec<String> {
        let mut names = Vec::new();
        for Test { subject, condition } in self.tests() {
            let Condition::Compares(_, operands) = condition else { continue };
            for operand in operands {
                match operand {
                    // An option is 0 without an interface. A packet socket has -1 when its interface is gone.
                    Operand::Number(0) if !matches!(subject, Subject::Key(Key::Column(_))) => {}
                    Operand::Number(-1) => {}
                    Operand::Text(_) | Operand::Number(_)
                        if Type::of(*subject) == Type::Interface =>
                    {
                        names.push(interface_word(operand));
                    }
                    Operand::End(EndPattern { interface: Some(interface), .. }) => {
                        names.push(interface_word(interface));
                    }
                    _ => {}
                }
            }
        }
        names
    }
}

impl Test {
    /// Whether one of these paths is asked for, which only unix sockets have.
    pub fn is_of_paths(&self) -> bool {
        let Condition::Compares(Comparison::Equal, operands) = &self.condition else {
            return false;
        };
        let is_path = |it: &Operand| matches!(it, Operand::Text(_));
        Type::of(self.subject) == Type::End && operands.iter().all(is_path)
    }

    /// The result, if the kind and the state decide it.
    fn decided(&self, kind: SocketKind, state: Option<State>) -> Option<bool> {
        if self.is_of_paths() && kind.family() != Family::Unix {
            return Some(false);
        }
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
}
