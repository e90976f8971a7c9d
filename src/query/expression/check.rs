//! Looks up the names of an expression, and types its values.

use std::collections::hash_map::Entry;
use std::collections::HashMap;

use super::fault::Fault;
use super::lexer::Comparison;
use super::operand::{self, Databases, Operand};
use super::subject::Subject;
use super::syntax::{Function, Syntax, Word};
use super::tree::{Condition, Expression, Test};
use super::types::{is_switch, Type};
use crate::query::columns::{Column, ColumnType};
use crate::query::glob::Glob;
use crate::query::key::Key;
use crate::socket::{kind, state};
use crate::text::{escaped, units};

/// The type of the values to compare with. A network namespace is compared by its name, which the table prints, unless the
/// values begin with digits.
fn type_of_values(subject: Subject, comparison: Comparison, value: &Word) -> Type {
    let is_number = |word: &str| word.starts_with(|c: char| c.is_ascii_digit() || c == '-');
    let is_equality = matches!(comparison, Comparison::Equal | Comparison::NotEqual);
    let is_netns = subject == Subject::Key(Key::Column(Column::Netns));
    match is_netns && is_equality && parts(value).is_ok_and(|mut it| !it.any(is_number)) {
        true => Type::Name,
        false => Type::of(subject),
    }
}

/// Looks up an expression.
///
/// # Errors
///
/// The first wrong word.
pub(super) fn checked(syntax: &Syntax) -> Result<Expression, Fault> {
    Checker::default().checked(syntax)
}

/// Whether a word is the name of something that an expression can compare.
pub fn is_subject(word: &str) -> bool {
    Checker::default().subject_named(word).is_ok()
}

/// What has been looked up for an expression, which may contain the same name many times.
#[derive(Default)]
struct Checker {
    keys: HashMap<String, Key>,
    databases: Databases,
}

impl Checker {
    fn checked(&mut self, syntax: &Syntax) -> Result<Expression, Fault> {
        Ok(match syntax {
            Syntax::All(inner) => match inner.windows(2).find_map(|pair| self.phrase(pair)) {
                Some(fault) => return Err(fault),
                None => Expression::All(self.all(inner)?),
            },
            Syntax::Any(inner) => Expression::Any(self.all(inner)?),
            Syntax::Not(inner) => Expression::Not(Box::new(self.checked(inner)?)),
            Syntax::Compared(name, comparison, value) => {
                Expression::Test(self.compared(name, *comparison, value)?)
            }
            Syntax::Asked(function, name) => Expression::Test(self.asked(*function, name)?),
            Syntax::Word(word) => Expression::Test(self.alone(word)?),
        })
    }

    /// The fault of two words that mean something only in another form, such as `keepalive off`.
    fn phrase(&mut self, pair: &[Syntax]) -> Option<Fault> {
        let [Syntax::Word(first), Syntax::Word(second)] = pair else { return None };
        let (one, other) = (first.text().to_lowercase(), second.text().to_lowercase());
        let (word, name, meant) = match (&*one, &*other) {
            ("set" | "has", name) => (first, name, format!("{one}({name})")),
            ("no", name) => (first, name, format!("not {name}")),
            (name, "on") => (second, name, name.to_owned()),
            (name, "off") => (second, name, format!("not {name}")),
            (name, "in") => (second, name, format!("{name}=VALUE,VALUE")),
            _ => return None,
        };
        let key = self.key(name).ok()?;
        if !meant.contains(['(', '=']) && Type::of(Subject::Key(key)) != Type::Switch {
            return None;
        }
        let shown = escaped(format!("{} {}", first.text(), second.text()).as_bytes());
        Some(fault(
            word,
            format!("'{shown}' has no meaning (did you mean {}?)", escaped(meant.as_bytes())),
        ))
    }

    fn all(&mut self, inner: &[Syntax]) -> Result<Vec<Expression>, Fault> {
        inner.iter().map(|it| self.checked(it)).collect()
    }

    fn key(&mut self, word: &str) -> Result<Key, String> {
        if let Some(key) = self.keys.get(word) {
            return Ok(*key);
        }
        let key = Key::parse(word)?;
        self.keys.insert(word.to_owned(), key);
        Ok(key)
    }

    fn subject(&mut self, name: &Word) -> Result<Subject, Fault> {
        self.subject_named(name.text()).map_err(|message| fault(name, message))
    }

    /// The subject with this name, which may be one of ss(8).
    fn subject_named(&mut self, name: &str) -> Result<Subject, String> {
        let of_ss = match name.to_lowercase().as_str() {
            "port" => return Ok(Subject::EitherPort),
            "addr" => return Ok(Subject::EitherEnd),
            "src" => "local",
            "dst" => "remote",
            "dev" => "interface",
            "fwmark" => "so_mark",
            _ => name,
        };
        self.key(of_ss).map(Subject::Key)
    }

    fn compared(
        &mut self,
        name: &Word,
        comparison: Comparison,
        value: &Word,
    ) -> Result<Test, Fault> {
        let subject = self.subject(name)?;
        if subject == Subject::Key(Key::Column(Column::Group)) {
            return Err(fault(name, GROUP.into()));
        }
        let of_type = type_of_values(subject, comparison, value);
        let mut operands = match comparison {
            Comparison::Like => globs(&of_type, value)?,
            _ => self.operands(name.text(), &of_type, value)?,
        };
        if matches!(subject, Subject::Key(Key::Column(Column::Command | Column::PeerCommand))) {
            operands = operands.into_iter().map(operand::of_command).collect();
        }
        let is_order =
            !matches!(comparison, Comparison::Equal | Comparison::NotEqual | Comparison::Like);
        if is_order && !of_type.is_ordered() {
            let message = format!(
                "{} has no order (compare it with =, != or ~)",
                escaped(name.text().as_bytes())
            );
            return Err(fault(name, message));
        }
        let is_single = matches!(operands[..], [ref it] if it.is_single());
        if is_order && !is_single {
            let sign = comparison.sign();
            return Err(fault(value, format!("expected a single value after '{sign}'")));
        }
        Ok(Test { subject, condition: Condition::Compares(comparison, operands) })
    }

    /// Parses a value, or several.
    fn operands(&self, name: &str, of_type: &Type, value: &Word) -> Result<Vec<Operand>, Fault> {
        let (mut operands, mut parsed) = (Vec::new(), HashMap::new());
        for word in parts(value)? {
            let found = match parsed.entry(word) {
                Entry::Occupied(found) => found.into_mut(),
                Entry::Vacant(place) => {
                    let found = operand::parse(&self.databases, name, of_type, word);
                    let explained = |message| other_form(name, word).unwrap_or(message);
                    place.insert(found.map_err(|message| fault(value, explained(message)))?)
                }
            };
            operands.extend(found.iter().cloned());
        }
        Ok(operands)
    }

    fn asked(&mut self, function: Function, name: &Word) -> Result<Test, Fault> {
        let option = || Key::option(name.text()).map_err(|message| fault(name, message));
        let subject = match function {
            Function::Has => self.subject(name)?,
            Function::Set => {
                option()?.map_or_else(|| self.subject(name), |it| Ok(Subject::Key(it)))?
            }
        };
        let condition = match (function, subject) {
            (Function::Has, _) => Condition::Has,
            (Function::Set, Subject::Key(Key::Option(_) | Key::Versions(..))) => Condition::Set,
            (Function::Set, _) => {
                let message = format!("'{}' is not an option", escaped(name.text().as_bytes()));
                return Err(fault(name, message));
            }
        };
        Ok(Test { subject, condition })
    }

    /// A word alone: an address, a port, or an option that is on.
    fn alone(&mut self, word: &Word) -> Result<Test, Fault> {
        let equal = |subject, operands| Test {
            subject,
            condition: Condition::Compares(Comparison::Equal, operands),
        };
        let text = word.text();
        // An IPv6 address can begin with two colons.
        if text.starts_with(':') && !text.starts_with("::") {
            return Ok(equal(Subject::EitherPort, self.operands("port", &Type::Port, word)?));
        }
        if operand::is_end(text) {
            return Ok(equal(Subject::EitherEnd, self.operands("addr", &Type::End, word)?));
        }
        let key = self.key(text).map_err(|message| fault(word, unknown_alone(text, message)))?;
        let is_switch = match key {
            Key::Column(column) => matches!(column.column_type(), ColumnType::Switches),
            Key::Member(..) => Type::of(Subject::Key(key)) == Type::Switch,
            key => key.option_kind().is_some_and(is_switch),
        };
        match is_switch {
            true => Ok(Test { subject: Subject::Key(key), condition: Condition::On }),
            false => Err(fault(word, not_a_switch(key, text))),
        }
    }
}

/// A group has its number only in the output, where it depends on the sockets that are selected.
const GROUP: &str =
    "the number of a group cannot be compared (ask has(group), or compare the port)";

/// The message for a value that is right in another form: a list after `in`, and the kind of a timer.
fn other_form(name: &str, word: &str) -> Option<String> {
    let name = escaped(name.as_bytes());
    if word.eq_ignore_ascii_case("in") {
        return Some(format!("a list follows the sign = ({name}=VALUE,VALUE)"));
    }
    let is_kind = word.bytes().all(|byte| byte.is_ascii_alphabetic() || byte == b'-');
    (name == "timer" && is_kind)
        .then(|| format!("the timer is compared as a time (for its kind: timer ~ '{word}*')"))
}

fn fault(word: &Word, message: String) -> Fault {
    Fault::new(word.span.clone(), message)
}

/// The values that are separated by commas.
fn parts(value: &Word) -> Result<impl Iterator<Item = &str>, Fault> {
    if !value.text.quoted && value.text.parts().any(str::is_empty) {
        let message = "a comma without a value (write a list without blanks: 80,443)".to_owned();
        return Err(fault(value, message));
    }
    Ok(value.text.parts())
}

/// Parses a pattern, or several.
fn globs(of_type: &Type, value: &Word) -> Result<Vec<Operand>, Fault> {
    let glob = |word: &str| match of_type {
        Type::End => operand::path_glob(word),
        of_type => Glob::new(word, !of_type.is_from_outside()),
    };
    Ok(parts(value)?.map(glob).map(Operand::Glob).collect())
}

/// The message for a word alone that is no name: it may be a state or a number.
fn unknown_alone(word: &str, message: String) -> String {
    let shown = escaped(word.as_bytes());
    if word.eq_ignore_ascii_case("autobound") {
        return "autobound of ss(8) is not supported".into();
    }
    if word.contains(',') {
        return format!("a list alone has no meaning: '{shown}' (join its words by 'and' or 'or')");
    }
    if kind::words().iter().any(|known| known.eq_ignore_ascii_case(word)) {
        return format!("unknown name '{shown}' (did you mean protocol={shown}?)");
    }
    if state::is_word(word) {
        return format!("unknown name '{shown}' (did you mean state {shown}?)");
    }
    let is_unit = |parse: fn(&str) -> Option<i128>| parse(&format!("1{word}")).is_some();
    if word.chars().all(|c| c.is_ascii_alphabetic())
        && (is_unit(units::time) || is_unit(units::size))
    {
        return format!("unknown name '{shown}' (a unit has no blank before it: 5{shown})");
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
            Type::Number(_) | Type::Time { .. } if key.option_kind().is_some() => ">0",
            _ => "=VALUE",
        },
    };
    format!("'{shown}' is not on or off (compare it: {shown}{example}; or ask {set}({shown}))")
}
