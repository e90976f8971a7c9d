//! What the BPF programs can test of an expression. It admits at least the sockets that the expression selects.

use ipnet::IpNet;

use super::lexer::Comparison;
use super::operand::Operand;
use super::subject::Subject;
use super::tree::{Condition, Expression, Test};
use super::types::is_switch;
use crate::host::services::Ports;
use crate::kernel::request::{FactTest, Prefilter};
use crate::options::catalogue::CATALOGUE;
use crate::options::kind::ValueKind;
use crate::query::columns::Column;
use crate::query::datum::microseconds_in;
use crate::query::key::Key;

/// The end that ports or addresses belong to.
#[derive(Clone, Copy, PartialEq)]
enum Side {
    Local,
    Remote,
    Either,
}

/// The alternatives of which an end must have one. `None` if it need not.
type OfEnds<T> = Option<(Side, Vec<T>)>;

impl Expression {
    /// What the BPF programs can test. Of several tests of one kind that must all hold, the first is used. The
    /// kinds and states are the caller's, and so are interfaces, whose indexes differ between network namespaces.
    pub(in crate::query) fn prefilter(&self) -> Prefilter {
        let mut prefilter = Prefilter::default();
        for conjunct in self.clone().conjuncts() {
            if let Some((side, ports)) = conjunct.of_ends(Test::ports) {
                let lists = [
                    &mut prefilter.local_ports,
                    &mut prefilter.remote_ports,
                    &mut prefilter.either_ports,
                ];
                set_first(lists, side, ports);
            }
            if let Some((side, networks)) = conjunct.of_ends(Test::networks) {
                let lists = [
                    &mut prefilter.local_networks,
                    &mut prefilter.remote_networks,
                    &mut prefilter.either_networks,
                ];
                set_first(lists, side, networks);
            }
            if let (Some(uids), true) = (conjunct.uids(), prefilter.uids.is_empty()) {
                prefilter.uids = uids;
            }
            prefilter.fact = prefilter.fact.or_else(|| conjunct.fact());
        }
        prefilter
    }

    /// The names or indexes of the interfaces that a socket must be bound to. `None` if any are possible.
    pub(in crate::query) fn required_interfaces(&self) -> Option<Vec<Vec<u8>>> {
        let names = |it: &Expression| match it {
            Expression::Test(test) => test.interfaces(),
            _ => None,
        };
        self.clone().conjuncts().iter().find_map(names)
    }

    /// The PIDs of the processes of which one must hold a socket. `None` if any are possible.
    pub(in crate::query) fn required_pids(&self) -> Option<Vec<u32>> {
        let pids = |it: &Expression| match it {
            Expression::Test(test) => test.pids(),
            _ => None,
        };
        self.clone().conjuncts().iter().find_map(pids)
    }

    /// The alternatives of which an end must have one.
    fn of_ends<T>(&self, of_test: fn(&Test) -> OfEnds<T>) -> OfEnds<T> {
        match self {
            Expression::Any(any) => {
                let all = any.iter().map(|it| it.of_ends(of_test)).collect::<Option<Vec<_>>>()?;
                let both = |a, b| if a == b { a } else { Side::Either };
                let side = all.iter().map(|(side, _)| *side).reduce(both)?;
                Some((side, all.into_iter().flat_map(|(_, alternatives)| alternatives).collect()))
            }
            Expression::Test(test) => of_test(test),
            Expression::All(_) | Expression::Not(_) => None,
        }
    }

    /// The users of which a socket must have one.
    fn uids(&self) -> Option<Vec<u32>> {
        let Expression::Test(Test {
            subject: Subject::Key(Key::Column(Column::Uid)),
            condition: Condition::Compares(Comparison::Equal, operands),
        }) = self
        else {
            return None;
        };
        let uid = |operand: &Operand| match operand {
            Operand::Number(uid) => u32::try_from(*uid).ok(),
            _ => None,
        };
        operands.iter().map(uid).collect()
    }

    /// The test of a fact.
    fn fact(&self) -> Option<FactTest> {
        match self {
            Expression::Test(test) => test.fact(false),
            Expression::Not(inner) => match &**inner {
                Expression::Test(test) => test.fact(true),
                _ => None,
            },
            _ => None,
        }
    }
}

/// Sets the list of this side, unless it is set.
fn set_first<T>(lists: [&mut Vec<T>; 3], side: Side, alternatives: Vec<T>) {
    let [local, remote, either] = lists;
    let list = match side {
        Side::Local => local,
        Side::Remote => remote,
        Side::Either => either,
    };
    if list.is_empty() {
        *list = alternatives;
    }
}

impl Test {
    fn side(&self) -> Option<Side> {
        match self.subject {
            Subject::Key(Key::Column(Column::Local | Column::Saddr | Column::Sport)) => {
                Some(Side::Local)
            }
            Subject::Key(Key::Column(Column::Remote | Column::Daddr | Column::Dport)) => {
                Some(Side::Remote)
            }
            Subject::EitherPort | Subject::EitherEnd => Some(Side::Either),
            Subject::Key(_) => None,
        }
    }

    fn ports(&self) -> Option<(Side, Vec<Ports>)> {
        let Condition::Compares(comparison, operands) = &self.condition else { return None };
        let ports = operands.iter().map(|operand| match operand {
            Operand::Ports(ports) => range(ports, *comparison),
            Operand::End(pattern) if *comparison == Comparison::Equal => pattern.ports.clone(),
            _ => None,
        });
        Some((self.side()?, ports.collect::<Option<Vec<Ports>>>()?))
    }

    fn networks(&self) -> Option<(Side, Vec<IpNet>)> {
        let Condition::Compares(Comparison::Equal, operands) = &self.condition else { return None };
        let networks = operands.iter().map(|operand| match operand {
            Operand::End(pattern) => pattern.network,
            _ => None,
        });
        Some((self.side()?, networks.collect::<Option<Vec<IpNet>>>()?))
    }

    fn interfaces(&self) -> Option<Vec<Vec<u8>>> {
        let Subject::Key(Key::Column(Column::Interface)) = self.subject else { return None };
        let Condition::Compares(Comparison::Equal, operands) = &self.condition else { return None };
        let name = |operand: &Operand| match operand {
            Operand::Text(name) => Some(name.clone()),
            _ => None,
        };
        operands.iter().map(name).collect()
    }

    fn pids(&self) -> Option<Vec<u32>> {
        let Subject::Key(Key::Column(Column::Pid)) = self.subject else { return None };
        let Condition::Compares(Comparison::Equal, operands) = &self.condition else { return None };
        let pid = |operand: &Operand| match operand {
            Operand::Number(number) => u32::try_from(*number).ok(),
            _ => None,
        };
        operands.iter().map(pid).collect()
    }

    /// The test of an option that is a single number, or its opposite.
    fn fact(&self, inverted: bool) -> Option<FactTest> {
        let Subject::Key(Key::Option(index)) = self.subject else { return None };
        let option = &CATALOGUE[index];
        match &self.condition {
            // A number that is not 0.
            Condition::On if is_switch(option.kind) => option.test(0, 0, !inverted),
            Condition::Compares(comparison, operands) => {
                let [operand] = &operands[..] else { return None };
                let (low, high) = numbers(option.kind, *comparison, operand)?;
                option.test(low, high, inverted != (*comparison == Comparison::NotEqual))
            }
            _ => None,
        }
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

/// The numbers of an option of this kind that compare so; for [`Comparison::NotEqual`], those that do not.
/// `None` if they are no range.
fn numbers(kind: ValueKind, comparison: Comparison, operand: &Operand) -> Option<(i128, i128)> {
    // A time is compared in microseconds, and stored in another unit.
    let (number, unit) = match (operand, microseconds_in(kind)) {
        (Operand::Number(number), None) => (*number, 1),
        (Operand::Time(time), Some(unit)) => (*time, unit),
        _ => return None,
    };
    let (below, exact) = (number.div_euclid(unit), number.rem_euclid(unit) == 0);
    // The largest number that is less than, and the smallest that is more than the operand.
    let (less, more) = (if exact { below - 1 } else { below }, below + 1);
    match comparison {
        Comparison::Equal | Comparison::NotEqual => exact.then_some((below, below)),
        Comparison::Less => Some((i128::MIN, less)),
        Comparison::AtMost => Some((i128::MIN, below)),
        Comparison::Greater => Some((more, i128::MAX)),
        Comparison::AtLeast => Some((if exact { below } else { more }, i128::MAX)),
        Comparison::Like => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn prefilter(text: &str) -> Prefilter {
        Expression::parse(text).expect(text).prefilter()
    }

    #[test]
    fn what_must_hold_is_tested_early() {
        assert_eq!(prefilter("dport = 443").remote_ports, [443..=443]);
        assert_eq!(prefilter("dport ge 1024 and sport != 22").remote_ports, [1024..=65535]);
        assert_eq!(prefilter("dport = 80 or dport = 443").remote_ports, [80..=80, 443..=443]);
        assert_eq!(prefilter("dport = 80 or sport = 443").either_ports, [80..=80, 443..=443]);
        assert_eq!(prefilter("[::1]:80").either_ports, [80..=80]);
        assert_eq!(prefilter("dst 10.0.0.0/8").remote_networks.len(), 1);
        assert_eq!(prefilter("uid = 0,1000").uids, [0, 1000]);
        for (text, low, high, inverted) in [
            ("so_mark = 7", 7, 7, false),
            ("so_mark != 7", 7, 7, true),
            ("keepalive", 0, 0, true),
            ("not keepalive", 0, 0, false),
            ("keepalive = on", 1, 1, false),
            ("rcvbuf > 64k", 65_537, i128::MAX, false),
            ("not rcvbuf > 64k", 65_537, i128::MAX, true),
            ("user_timeout < 30s", i128::MIN, 29_999, false),
            ("user_timeout <= 1.5ms", i128::MIN, 1, false),
            ("user_timeout >= 1.5ms", 2, i128::MAX, false),
        ] {
            let fact = prefilter(text).fact.expect(text);
            assert_eq!((fact.low, fact.high, fact.inverted), (low, high, inverted), "{text}");
        }
    }

    #[test]
    fn nothing_else_is() {
        for text in [
            "dport = 80 or keepalive",
            "not dport = 80",
            "dport != 80",
            "dst != 10.0.0.1",
            "not (keepalive and nodelay)",
            "keepalive or nodelay",
            "so_mark = 1/3",
            "so_mark = 1,2",
            "user_timeout = 1.5ms",
            "linger = 5s",
            "congestion = bbr",
            "uid != 0",
        ] {
            assert_eq!(prefilter(text), Prefilter::default(), "{text}");
        }
    }
}
