//! Lines of text, which are folded at the width of a terminal.

use std::io::{self, Write};

use crate::output::terminal;
use crate::text::fold;

/// The minimum width of the text behind a name. In a narrower text, many lines would have only one word.
const NARROWEST: usize = 20;
/// The indentation of a text that would be narrower.
const INDENT: usize = 4;

/// A writer of lines.
pub struct Page<'a, W> {
    to: &'a mut W,
    /// The number of columns of the terminal. `None` if the output is not a terminal, and lines are not
    /// folded.
    columns: Option<usize>,
}

impl<'a, W: Write> Page<'a, W> {
    /// Returns a page for text that is written to standard output in the end.
    pub fn of_stdout(to: &'a mut W) -> Page<'a, W> {
        Page { to, columns: terminal::width() }
    }

    /// Writes an empty line.
    pub fn empty(&mut self) -> io::Result<()> {
        writeln!(self.to)
    }

    /// Writes a line of text. Text that does not fit continues in lines that begin with `indent` blanks.
    pub fn line(&mut self, text: &str, indent: usize) -> io::Result<()> {
        let Some(columns) = self.columns else {
            return writeln!(self.to, "{}", text.trim_end());
        };
        for line in fold(text, columns, indent) {
            writeln!(self.to, "{line}")?;
        }
        Ok(())
    }

    /// Writes a name, followed by a text that begins at the column `at`.
    pub fn item(&mut self, name: &str, text: &str, at: usize) -> io::Result<()> {
        let is_too_narrow = |columns| columns < at + NARROWEST;
        if self.columns.is_some_and(is_too_narrow) {
            return self.line(&format!("{name} {text}"), INDENT);
        }
        let blanks = at.saturating_sub(name.len()).max(1);
        self.line(&format!("{name}{:blanks$}{text}", ""), at)
    }
}
