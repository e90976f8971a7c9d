//! Expressions, which select sockets by their columns and options.
//!
//! `lexer.rs` splits a text into tokens, and `syntax.rs` parses these. `check.rs` looks up the names in THE
//! TABLES of columns and options, and returns the tree of `tree.rs`. `operand.rs` parses the values by the
//! types of `types.rs`, and `print.rs` writes a tree as text. `evaluate.rs` decides for a row, with three
//! results: a comparison with a value that the socket does not have is unknown, as NULL in SQL, so that
//! neither the comparison nor its negation selects the socket. `narrow.rs` derives what the kind and the state
//! of a socket decide, and `prefilter.rs` what BPF can test.

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
pub use check::is_subject;
use fault::Fault;
pub use lexer::Comparison;
pub use subject::Subject;
pub use tree::{Condition, Expression, Test};

impl Expression {
    /// Parses an expression.
    ///
    /// # Errors
    ///
    /// The message, with the text and carets under the wrong word.
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
    /// The message, in one line.
    pub fn message(&self) -> &str {
        &self.fault.message
    }

    /// Whether the wrong word is not a name, and similar to none.
    pub fn is_far_from_any_name(&self) -> bool {
        self.message().starts_with("unknown name") && !self.message().contains("did you mean")
    }
}

/// Writes the message, the expression, and carets under the wrong word.
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
