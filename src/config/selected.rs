//! The sockets that the flags select, as an expression.

use crate::cli::{wrong, TableArgs};
use crate::error::Error;
use crate::host::services;
use crate::host::users;
use crate::query::columns::Column;
use crate::query::expression::operand::{self, Operand};
use crate::query::expression::{Comparison, Condition, Expression, Subject, Test};
use crate::query::glob::Glob;
use crate::query::key::Key;
use crate::socket::state::{State, States};

/// The expression that all filters together mean.
///
/// # Errors
///
/// [`Error::Usage`] for words without a meaning.
pub fn expression(args: &TableArgs) -> Result<Expression, Error> {
    let column = |column| Subject::Key(Key::Column(column));
    let numbers = |numbers: Vec<u32>| numbers.into_iter().map(|it| Operand::Number(it.into()));
    let flags = [
        (column(Column::State), states(&args.state)),
        (column(Column::Sport), ports("--sport", &args.sport)?),
        (column(Column::Dport), ports("--dport", &args.dport)?),
        (Subject::EitherPort, ports("--port", &args.port)?),
        (column(Column::Local), args.src.concat()),
        (column(Column::Remote), args.dst.concat()),
        (Subject::EitherEnd, args.addr.concat()),
        (
            column(Column::Interface),
            args.interface.iter().map(|word| operand::interface(word)).collect(),
        ),
        (column(Column::Uid), numbers(users(&args.user)?).collect()),
        (column(Column::Pid), numbers(args.pid.clone()).collect()),
    ];
    let flags = flags.into_iter().filter(|(_, operands)| !operands.is_empty());
    let flags = flags.map(|(subject, operands)| Expression::equal(subject, operands));
    let listening = args.listening.then(listening);
    let expressions = args.expressions().cloned();
    let all = flags.chain(commands(&args.command)).chain(listening).chain(expressions);
    Ok(all.fold(Expression::everything(), Expression::and))
}

/// Whether a socket is listening. Sockets of connectionless families are included if they are unconnected.
/// A unix socket must be in state LISTEN, as in netstat.
fn listening() -> Expression {
    let is = |column, operand| Expression::equal(Subject::Key(Key::Column(column)), vec![operand]);
    let state = |state| is(Column::State, Operand::States(States::from_iter([state])));
    let is_unix = is(Column::Protocol, Operand::Text(b"unix".to_vec()));
    let unconnected = state(State::Unconnected).and(Expression::Not(Box::new(is_unix)));
    Expression::Any(vec![state(State::Listen), unconnected])
}

fn states(states: &[States]) -> Vec<Operand> {
    states.iter().copied().map(Operand::States).collect()
}

fn ports(option: &str, words: &[String]) -> Result<Vec<Operand>, Error> {
    let services = services::database();
    let mut ports = Vec::new();
    for word in words {
        // With the colon of ss(8), as in expressions.
        let port = word.strip_prefix(':').unwrap_or(word);
        let found = services::parse(port, &services).map_err(|error| wrong(option, &error))?;
        ports.extend(found.into_iter().map(Operand::Ports));
    }
    Ok(ports)
}

fn users(words: &[String]) -> Result<Vec<u32>, Error> {
    let passwd = users::database();
    let users = words.iter().map(|word| users::parse(word, &passwd));
    users.collect::<Result<_, _>>().map_err(|error| wrong("--user", &error))
}

fn commands(words: &[String]) -> Option<Expression> {
    let glob = |word: &String| operand::of_command(Operand::Glob(Glob::new(word, false)));
    let globs: Vec<_> = words.iter().map(glob).collect();
    let condition = Condition::Compares(Comparison::Like, globs);
    let subject = Subject::Key(Key::Column(Column::Command));
    (!words.is_empty()).then_some(Expression::Test(Test { subject, condition }))
}
