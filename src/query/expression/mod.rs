//! Expressions: which sockets are selected, and the language in which that is asked.
//!
//! `lexer.rs` and `syntax.rs` take a text apart. `check.rs` looks up its names in THE TABLES of columns and
//! options, and `operand.rs` parses its values by the types of `types.rs`. `evaluate.rs` decides for a row,
//! with three results: a comparison with what a socket does not have is unknown, as NULL in SQL, so that
//! neither it nor its negation selects the socket. `narrow.rs` and
//! `prefilter.rs` derive what can be decided earlier.

mod check;
mod evaluate;
mod lexer;
mod narrow;
pub mod operand;
mod prefilter;
mod print;
mod syntax;
mod types;

use std::fmt;
use std::ops::Range;

use crate::query::key::Key;
use crate::text::escaped;
pub use lexer::Comparison;
use operand::Operand;

/// An expression, typed and looked up.
#[derive(Clone, Debug, PartialEq)]
pub enum Expression {
    All(Vec<Expression>),
    Any(Vec<Expression>),
    Not(Box<Expression>),
    Test(Test),
}

/// A question about a socket.
#[derive(Clone, Debug, PartialEq)]
pub struct Test {
    pub subject: Subject,
    pub condition: Condition,
}

/// What a test asks about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Subject {
    Key(Key),
    /// The local or the remote port.
    EitherPort,
    /// The local or the remote end.
    EitherEnd,
}

/// What a test asks.
#[derive(Clone, Debug, PartialEq)]
pub enum Condition {
    /// Whether the option is on.
    On,
    /// Whether there is a value.
    Has,
    /// Whether the option counts as set.
    Set,
    /// Whether the value compares so with one of the operands. For [`Comparison::NotEqual`]: with all.
    Compares(Comparison, Vec<Operand>),
}

impl Expression {
    /// An expression that selects every socket.
    pub fn everything() -> Expression {
        Expression::All(Vec::new())
    }

    /// Parses an expression.
    ///
    /// # Errors
    ///
    /// What is wrong, with the text and a mark under the wrong word.
    pub fn parse(text: &str) -> Result<Expression, ExpressionError> {
        let syntax = syntax::parse(text).and_then(|syntax| check::checked(&syntax));
        syntax.map_err(|fault| ExpressionError { text: text.to_owned(), fault })
    }

    /// A test of a subject with alternatives.
    pub fn equal(subject: Subject, operands: Vec<Operand>) -> Expression {
        let condition = Condition::Compares(Comparison::Equal, operands);
        Expression::Test(Test { subject, condition })
    }

    /// Both expressions.
    pub fn and(self, other: Expression) -> Expression {
        let mut all = self.conjuncts();
        all.append(&mut other.conjuncts());
        match all.len() {
            1 => all.remove(0),
            _ => Expression::All(all),
        }
    }

    /// The expressions that must all hold.
    pub fn conjuncts(self) -> Vec<Expression> {
        match self {
            Expression::All(all) => all.into_iter().flat_map(Expression::conjuncts).collect(),
            other => vec![other],
        }
    }

    /// All tests.
    pub fn tests(&self) -> Vec<&Test> {
        match self {
            Expression::All(inner) | Expression::Any(inner) => {
                inner.iter().flat_map(Expression::tests).collect()
            }
            Expression::Not(inner) => inner.tests(),
            Expression::Test(test) => vec![test],
        }
    }

    /// All columns and options that are asked for.
    pub fn keys(&self) -> impl Iterator<Item = Key> + '_ {
        self.tests().into_iter().filter_map(|test| match test.subject {
            Subject::Key(key) => Some(key),
            Subject::EitherPort | Subject::EitherEnd => None,
        })
    }
}

/// A wrong place in an expression.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Fault {
    /// The bytes that are wrong.
    span: Range<usize>,
    message: String,
}

impl Fault {
    fn new(span: Range<usize>, message: impl Into<String>) -> Fault {
        Fault { span, message: message.into() }
    }
}

/// A wrong expression.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExpressionError {
    text: String,
    fault: Fault,
}

impl ExpressionError {
    /// What is wrong, in one line.
    pub fn message(&self) -> &str {
        &self.fault.message
    }

    /// Whether the wrong word is no name, and near to none.
    pub fn is_far_from_any_name(&self) -> bool {
        self.message().starts_with("unknown name") && !self.message().contains("did you mean")
    }
}

/// Writes what is wrong, the expression, and carets under the wrong word.
impl fmt::Display for ExpressionError {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        use unicode_width::UnicodeWidthStr;
        let Range { start, end } = self.fault.span;
        let part = |part: Option<&str>| escaped(part.unwrap_or_default().as_bytes());
        let before = part(self.text.get(..start));
        let wrong = part(self.text.get(start..end.min(self.text.len())));
        let line = format!("{before}{wrong}{}", part(self.text.get(end..)));
        let carets = "^".repeat(wrong.width().max(1));
        write!(f, "{}\n  {line}\n  {}{carets}", self.fault.message, " ".repeat(before.width()))
    }
}
