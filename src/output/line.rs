//! A row of the table as lines. The cells are in columns. On a terminal, a row that is longer than a line
//! continues on the next line, and is broken only between two values.

use std::io::{self, Write};

use unicode_width::UnicodeWidthStr;

use crate::query::columns::Heading;

/// The indentation of lines that continue a row.
const INDENT: usize = 4;

/// The width that is enough for a list of values, in columns of the terminal.
const ROOM_OF_LIST: usize = 30;

/// The number of lines that a list may take in its own column. A longer list continues across the whole
/// terminal.
const LINES_OF_LIST: usize = 5;

/// The place of a column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// The position at which a line that continues the cell begins.
    start: usize,
    /// As in [`Heading`].
    pub width: usize,
    right: bool,
    /// Whether the column does not fit beside the columns before it, and begins a line of its own.
    begins_line: bool,
}

/// Returns the places of columns side by side. On a terminal of this width, a column that does not fit
/// begins another line.
pub fn places(headings: impl Iterator<Item = Heading>, terminal: Option<usize>) -> Vec<Place> {
    let mut at = 0;
    let place = |heading: Heading| {
        let least = heading.width.max(heading.title.len());
        let room = if heading.width == 0 { ROOM_OF_LIST } else { least };
        let begins_line = at > 0 && terminal.is_some_and(|width| at + room > width);
        let start = match terminal {
            Some(width) if begins_line => INDENT.min(width / 10),
            _ => at,
        };
        at = start + least + 1;
        Place { start, width: heading.width, right: heading.right, begins_line }
    };
    headings.map(place).collect()
}

/// The lines of the row that is being written.
#[derive(Default)]
pub struct Line {
    /// The width of the terminal, if the lines have to fit one.
    terminal: Option<usize>,
    bytes: Vec<u8>,
    /// The number of columns used in the last line.
    used: usize,
    /// The number of blanks to write before the next text. No line ends with a blank.
    blanks: usize,
    /// Whether the next text, if there is one, begins a line.
    breaks: bool,
}

impl Line {
    /// Returns a line for a terminal of this width, or for a pipe.
    pub fn new(terminal: Option<usize>) -> Line {
        Line { terminal, ..Line::default() }
    }

    /// Adds the text of a cell, filled with blanks up to the width of its column, and one blank.
    pub fn add(&mut self, text: &[u8], place: &Place) {
        if self.terminal.is_some() && place.begins_line {
            self.begin_line(place.start);
        }
        if text.is_empty() {
            self.blanks += place.width + 1;
            return;
        }
        let Some(terminal) = self.terminal else {
            // A column that is not filled up need not be measured.
            let width = if place.width == 0 { 0 } else { display_width(text) };
            return self.push_filled(text, width, place);
        };
        let width = display_width(text);
        if self.used + self.blanks + width.max(if place.right { place.width } else { 0 })
            <= terminal
        {
            self.push_filled(text, width, place);
        } else {
            self.fold(text, place, terminal);
        }
    }

    fn push_filled(&mut self, text: &[u8], width: usize, place: &Place) {
        let fill = place.width.saturating_sub(width);
        self.blanks += if place.right { fill } else { 0 };
        self.push(text, width);
        self.blanks = if place.right { 1 } else { fill + 1 };
    }

    /// Adds a cell that is longer than the rest of the line. Whenever a value does not fit, the cell
    /// continues at its place in the next line, after the comma before the value. The arguments of a process that are
    /// longer than a line continue after a blank.
    fn fold(&mut self, text: &[u8], place: &Place, terminal: usize) {
        let indent = INDENT.min(terminal / 10);
        let is_long = display_width(text) > LINES_OF_LIST * terminal.saturating_sub(place.start);
        // Only rows begin at the left edge.
        let column = if is_long { indent } else { place.start.max(indent) };
        let mut begin = self.used + self.blanks;
        for value in values(text, terminal) {
            let end = value.strip_suffix(b" ");
            let (value, blank) = end.map_or((value, 0), |value| (value, 1));
            let width = display_width(value);
            if self.used + self.blanks + width > terminal {
                let lead = if place.right { place.width.saturating_sub(width) } else { 0 };
                // Moved to the left as far as the value requires. A value that is longer than a line is
                // only indented.
                let start = match terminal.checked_sub(width) {
                    Some(room) => room.min(column + lead),
                    None => indent,
                };
                self.begin_line(start);
                begin = start;
            }
            self.push(value, width);
            self.blanks = blank;
        }
        let width = self.used.saturating_sub(begin);
        self.blanks = place.width.saturating_sub(width) + 1;
    }

    fn begin_line(&mut self, start: usize) {
        self.breaks |= self.used > 0;
        self.used = 0;
        self.blanks = start;
    }

    fn push(&mut self, text: &[u8], width: usize) {
        if std::mem::take(&mut self.breaks) {
            self.bytes.push(b'\n');
        }
        self.bytes.resize(self.bytes.len() + self.blanks, b' ');
        self.bytes.extend_from_slice(text);
        self.used += self.blanks + width;
        self.blanks = 0;
    }

    /// Writes the row and begins the next row.
    ///
    /// # Errors
    ///
    /// When it cannot be written.
    pub fn write(&mut self, to: &mut impl Write) -> io::Result<()> {
        self.bytes.push(b'\n');
        let result = to.write_all(&self.bytes);
        self.bytes.clear();
        (self.used, self.blanks, self.breaks) = (0, 0, false);
        result
    }
}

/// The values of a list with their commas, of which those that are longer than a line are split after blanks.
fn values(text: &[u8], terminal: usize) -> impl Iterator<Item = &[u8]> {
    text.split_inclusive(|byte| *byte == b',').flat_map(move |value| {
        let is_long = display_width(value) > terminal;
        value.split_inclusive(move |byte| is_long && *byte == b' ')
    })
}

/// The width of a text in columns of the terminal, without escape sequences for colours.
pub(super) fn display_width(text: &[u8]) -> usize {
    if text.iter().all(|byte| (b' '..=b'~').contains(byte)) {
        return text.len();
    }
    let text = String::from_utf8_lossy(text);
    let mut parts = text.split("\x1b[");
    let plain = parts.next().unwrap_or_default().width();
    let after_sequence = |part: &str| part.split_once('m').map_or(0, |(_, plain)| plain.width());
    plain + parts.map(after_sequence).sum::<usize>()
}
