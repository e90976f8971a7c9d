//! Errors in expressions.

use std::ops::Range;

/// A wrong place in an expression.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Fault {
    /// The bytes that are wrong.
    pub span: Range<usize>,
    pub message: String,
}

impl Fault {
    pub fn new(span: Range<usize>, message: impl Into<String>) -> Fault {
        Fault { span, message: message.into() }
    }
}
