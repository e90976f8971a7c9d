//! Expressions: which sockets are selected, and the language in which that is asked.
//!
//! `lexer.rs` and `syntax.rs` take a text apart. `check.rs` makes a `tree.rs` of it: it looks up its names in THE TABLES of columns and
//! options, and `operand.rs` parses its values by the types of `types.rs`. `evaluate.rs` decides for a row,
//! with three results: a comparison with what a socket does not have is unknown, as NULL in SQL, so that
//! neither it nor its negation selects the socket. `narrow.rs` and
//! `prefilter.rs` derive what can be decided earlier.

mod check;
mod evaluate;
mod fault;
mod lexer;
mod narrow;
pub mod operand;
mod prefilter;
mod print;
mod subject;
mod syntax;
mod tree;
mod types;

use std::fmt;
use std::ops::Range;

use crate::text::escaped;
use fault::Fault;
pub use lexer::Comparison;
pub use subject::Subject;
pub use tree::{Condition, Expression, Test};

impl Expression {
    /// Parses an expression.
    ///
    /// # Errors
    ///
    /// What is wrong, with the text and a mark under the wrong word.
    pub fn parse(text: &str) -> Result<Expression, ExpressionError> {
        let syntax = syntax::parse(text).and_then(|syntax| check::checked(&syntax));
        syntax.map_err(|fault| ExpressionError { text: text.to_owned(), fault })
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
