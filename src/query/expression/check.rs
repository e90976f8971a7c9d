//! Looks up the names of an expression, and types its values.

use super::lexer::Comparison;
use super::operand::{self, Operand};
use super::syntax::{Function, Syntax, Word};
use super::types::{is_switch, Type};
use super::{Condition, Expression, Fault, Subject, Test};
use crate::query::columns::{Column, ColumnType};
use crate::query::glob::Glob;
use crate::query::key::Key;
use crate::socket::state;
use crate::text::escaped;

/// Looks up an expression.
///
/// # Errors
///
/// The first wrong word.
pub(super) fn checked(syntax: &Syntax) -> Result<Expression, Fault> {
    let all = |inner: &[Syntax]| inner.iter().map(checked).collect::<Result<Vec<_>, _>>();
    Ok(match syntax {
        Syntax::All(inner) => Expression::All(all(inner)?),
        Syntax::Any(inner) => Expression::Any(all(inner)?),
        Syntax::Not(inner) => Expression::Not(Box::new(checked(inner)?)),
        Syntax::Compared(name, comparison, value) => {
            Expression::Test(compared(name, *comparison, value)?)
        }
        Syntax::Asked(function, name) => Expression::Test(asked(*function, name)?),
        Syntax::Word(word) => Expression::Test(alone(word)?),
    })
}

fn fault(word: &Word, message: String) -> Fault {
    Fault::new(word.span.clone(), message)
}

/// The subject with this name, which may be one of ss(8).
fn subject(name: &Word) -> Result<Subject, Fault> {
    let of_ss = match name.text.to_lowercase().as_str() {
        "port" => return Ok(Subject::EitherPort),
        "addr" => return Ok(Subject::EitherEnd),
        "src" => "local",
        "dst" => "remote",
        "dev" => "interface",
        "fwmark" => "so_mark",
        _ => &name.text,
    };
    Key::parse(of_ss).map(Subject::Key).map_err(|message| fault(name, message))
}

fn compared(name: &Word, comparison: Comparison, value: &Word) -> Result<Test, Fault> {
    let subject = subject(name)?;
    let of_type = Type::of(subject);
    // A port of ss(8) may be compared by the name of an address: `src :80`, `dst != :443`.
    let operands = match comparison {
        Comparison::Like => vec![Operand::Glob(Glob::new(&value.text, !of_type.is_from_outside()))],
        _ => operands(&name.text, &of_type, value)?,
    };
    let is_order =
        !matches!(comparison, Comparison::Equal | Comparison::NotEqual | Comparison::Like);
    if is_order && !of_type.is_ordered() {
        let message =
            format!("{} has no order (compare it with =, != or ~)", escaped(name.text.as_bytes()));
        return Err(fault(name, message));
    }
    let is_single = matches!(operands[..], [ref it] if it.is_single());
    if is_order && !is_single {
        let sign = comparison.sign();
        return Err(fault(value, format!("expected a single value after '{sign}'")));
    }
    Ok(Test { subject, condition: Condition::Compares(comparison, operands) })
}

/// Parses a value, or several that are separated by commas.
fn operands(name: &str, of_type: &Type, value: &Word) -> Result<Vec<Operand>, Fault> {
    let words: Vec<&str> = match value.quoted {
        true => vec![&value.text],
        false => value.text.split(',').collect(),
    };
    let mut operands = Vec::new();
    for word in words {
        let parsed = operand::parse(name, of_type, word);
        operands.extend(parsed.map_err(|message| fault(value, message))?);
    }
    Ok(operands)
}

fn asked(function: Function, name: &Word) -> Result<Test, Fault> {
    let subject = subject(name)?;
    let condition = match (function, subject) {
        (Function::Has, _) => Condition::Has,
        (Function::Set, Subject::Key(Key::Option(_) | Key::Versions(..))) => Condition::Set,
        (Function::Set, _) => {
            let message = format!("'{}' is not an option", escaped(name.text.as_bytes()));
            return Err(fault(name, message));
        }
    };
    Ok(Test { subject, condition })
}

/// A word alone: an address, a port, or an option that is on.
fn alone(word: &Word) -> Result<Test, Fault> {
    let equal = |subject, operands| Test {
        subject,
        condition: Condition::Compares(Comparison::Equal, operands),
    };
    let text = word.text.as_str();
    if let Some(port) = text.strip_prefix(':') {
        let ports = Word { text: port.into(), ..word.clone() };
        return Ok(equal(Subject::EitherPort, operands("port", &Type::Port, &ports)?));
    }
    if operand::is_end(text) {
        return Ok(equal(Subject::EitherEnd, operands("addr", &Type::End, word)?));
    }
    let key = Key::parse(text).map_err(|message| fault(word, unknown_alone(text, message)))?;
    let is_switch = match key {
        Key::Column(column) => matches!(column.column_type(), ColumnType::Switches),
        key => key.option_kind().is_some_and(is_switch),
    };
    match is_switch {
        true => Ok(Test { subject: Subject::Key(key), condition: Condition::On }),
        false => Err(fault(word, not_a_switch(key, text))),
    }
}

/// The message for a word alone that is no name: it may be a state or a number.
fn unknown_alone(word: &str, message: String) -> String {
    let shown = escaped(word.as_bytes());
    if state::is_word(word) {
        return format!("unknown name '{shown}' (did you mean state {shown}?)");
    }
    match word.bytes().all(|byte| byte.is_ascii_digit()) && !word.is_empty() {
        true => format!(
            "a number alone has no meaning (for a port: :{shown}; for a process: pid={shown})"
        ),
        false => message,
    }
}

fn not_a_switch(key: Key, word: &str) -> String {
    let shown = escaped(word.as_bytes());
    let set = if key.option_kind().is_some() { "set" } else { "has" };
    let example = match key {
        Key::Column(Column::State) => "=listen",
        _ => match Type::of(Subject::Key(key)) {
            Type::Number(_) | Type::Time { .. } => ">0",
            _ => "=VALUE",
        },
    };
    format!("'{shown}' is not on or off (compare it: {shown}{example}; or ask {set}({shown}))")
}
