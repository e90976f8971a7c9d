//! Lines of text, which on a terminal are folded at its width.

use std::io::{self, Write};

use crate::output::terminal;

/// The narrowest text that stands behind a name: below that, words of usual length would stand alone.
const NARROWEST: usize = 20;
/// How far text is indented that would be narrower.
const INDENT: usize = 4;

/// Where lines are written.
pub struct Page<'a, W> {
    to: &'a mut W,
    /// How many columns the terminal has; `None` where it is none, and lines are not folded.
    columns: Option<usize>,
}

impl<'a, W: Write> Page<'a, W> {
    /// A page for what goes to standard output in the end.
    pub fn of_stdout(to: &'a mut W) -> Page<'a, W> {
        Page { to, columns: terminal::width() }
    }

    /// Writes an empty line.
    pub fn empty(&mut self) -> io::Result<()> {
        writeln!(self.to)
    }

    /// Writes a line of text. What does not fit goes on in lines that begin with `indent` blanks.
    pub fn line(&mut self, text: &str, indent: usize) -> io::Result<()> {
        let Some(columns) = self.columns else {
            return writeln!(self.to, "{}", text.trim_end());
        };
        for line in fold(text, columns, indent) {
            writeln!(self.to, "{line}")?;
        }
        Ok(())
    }

    /// Writes a name, and behind it, from the column `at` on, a text.
    pub fn item(&mut self, name: &str, text: &str, at: usize) -> io::Result<()> {
        let is_too_narrow = |columns| columns < at + NARROWEST;
        if self.columns.is_some_and(is_too_narrow) {
            return self.line(&format!("{name} {text}"), INDENT);
        }
        let blanks = at.saturating_sub(name.len()).max(1);
        self.line(&format!("{name}{:blanks$}{text}", ""), at)
    }
}

/// Breaks a text between words into lines of at most so many characters, unless a single word is longer;
/// all but the first are indented, as far as the first word leaves room for that.
fn fold(text: &str, columns: usize, indent: usize) -> Vec<String> {
    let mut lines = Vec::new();
    let (mut line, mut is_begun) = (String::new(), false);
    for word in text.split(' ') {
        let length = line.chars().count() + usize::from(is_begun) + word.chars().count();
        if is_begun && !word.is_empty() && length > columns && line.chars().any(|c| c != ' ') {
            lines.push(line.trim_end().to_owned());
            line = " ".repeat(indent.min(columns.saturating_sub(word.chars().count())));
        } else if is_begun {
            line.push(' ');
        }
        line.push_str(word);
        is_begun = true;
    }
    lines.push(line.trim_end().to_owned());
    lines
}

#[cfg(test)]
mod tests {
    use super::fold;

    #[test]
    fn lines_are_broken_between_words() {
        assert_eq!(fold("one two three", 8, 2), ["one two", "  three"]);
        assert_eq!(fold("one two", 7, 2), ["one two"]);
        assert_eq!(fold("", 8, 2), [""]);
        assert_eq!(fold("a_long_word one", 8, 2), ["a_long_word", "  one"]);
        assert_eq!(fold("one longer", 7, 2), ["one", " longer"]);
    }

    #[test]
    fn blanks_between_columns_are_kept() {
        assert_eq!(fold("  C     one two", 12, 8), ["  C     one", "        two"]);
        assert_eq!(fold("ab      cd", 20, 2), ["ab      cd"]);
    }
}
