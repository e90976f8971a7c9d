//! The lines of a block, which are broken at the width of the terminal.

use crate::output::color::{self, Paint};
use crate::output::Style;
use crate::text::fold;

/// The width of lines that are not written to a terminal.
const COLUMNS: usize = 80;
/// The positions of the facts, of the texts below an option, and of the rest of such a text.
const FACT: usize = 14;
const BELOW: usize = 8;
const REST: usize = BELOW + 2;
/// The narrowest text that continues at its own position.
const NARROWEST: usize = 20;

/// The lines of a block.
pub struct Lines {
    text: String,
    columns: usize,
    has_color: bool,
}

impl Lines {
    /// Returns no lines, for output in this style.
    pub fn new(style: Style) -> Lines {
        let columns = style.terminal.unwrap_or(COLUMNS);
        Lines { text: String::new(), columns, has_color: style.color }
    }

    /// What was added.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The width that lines have to fit.
    pub fn columns(&self) -> usize {
        self.columns
    }

    /// Adds an empty line.
    pub fn empty(&mut self) {
        self.text.push('\n');
    }

    /// Adds a text that continues at this position, or further to the left if the terminal is narrow.
    pub fn add(&mut self, text: &str, at: usize) {
        self.add_painted(text, at, "", color::NONE);
    }

    /// The same for a text of which a part has a colour. A part that is broken has none.
    pub fn add_painted(&mut self, text: &str, at: usize, part: &str, paint: Paint) {
        let indent = if self.columns < at + NARROWEST { REST } else { at };
        let paint = if self.has_color { paint } else { color::NONE };
        for (n, line) in fold(text, self.columns, indent).into_iter().enumerate() {
            match line.split_once(part) {
                Some((before, after)) if n == 0 && !paint.is_empty() => {
                    let mut painted = Vec::new();
                    color::paint(&mut painted, paint, |to| to.extend(part.bytes()));
                    let painted = String::from_utf8_lossy(&painted);
                    self.text.extend([before, &painted, after]);
                }
                _ => self.text += &line,
            }
            self.text.push('\n');
        }
    }

    /// Adds a fact behind its name.
    pub fn add_fact(&mut self, name: &str, text: &str) {
        self.add_painted_fact(name, text, "", color::NONE);
    }

    /// The same for a fact of which a part has a colour.
    pub fn add_painted_fact(&mut self, name: &str, text: &str, part: &str, paint: Paint) {
        let width = FACT - 2;
        self.add_painted(&format!("  {name:<width$}{text}"), FACT, part, paint);
    }

    /// Adds a text below an option.
    pub fn add_below(&mut self, text: &str) {
        self.add(&format!("{:BELOW$}{text}", ""), REST);
    }
}
