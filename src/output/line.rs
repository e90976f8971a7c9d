//! A row of the table as lines: cells in their columns, and, on a terminal, continued on the next line
//! between two values where the row is longer than the terminal is wide.

use std::io::{self, Write};

use unicode_width::UnicodeWidthStr;

use crate::query::columns::Heading;

/// How far the lines that continue a row are indented.
const INDENT: usize = 4;

/// How many columns of the terminal are enough for a list of values.
const ROOM_OF_LIST: usize = 30;

/// How many lines a list may take in its own column. A longer one is continued across the whole terminal.
const LINES_OF_LIST: usize = 5;

/// Where a column stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// Where a line that continues its cell begins.
    start: usize,
    /// As in [`Heading`].
    pub width: usize,
    right: bool,
    /// It has no room beside the columns before it, and begins a line of its own.
    begins_line: bool,
}

/// The places of columns side by side. On a terminal of this width, those that have no room begin
/// another line.
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
    /// The width of the terminal, if the lines are to fit one.
    terminal: Option<usize>,
    bytes: Vec<u8>,
    /// How many columns of the last line are used.
    used: usize,
    /// Blanks that are due as soon as something follows: no line ends with one.
    blanks: usize,
    /// Whether what follows, if anything does, begins a line.
    breaks: bool,
}

impl Line {
    /// For a terminal of this width, or for a pipe.
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
            // Nothing has to be measured for a column that is not filled up.
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

    /// Adds a cell that is longer than the rest of the line: goes on at its place in the next line whenever
    /// a value does not fit, after the comma before it.
    fn fold(&mut self, text: &[u8], place: &Place, terminal: usize) {
        let indent = INDENT.min(terminal / 10);
        let is_long = display_width(text) > LINES_OF_LIST * terminal.saturating_sub(place.start);
        // Only a row begins at the edge.
        let column = if is_long { indent } else { place.start.max(indent) };
        let mut begin = self.used + self.blanks;
        for value in text.split_inclusive(|byte| *byte == b',') {
            let width = display_width(value);
            if self.used + self.blanks + width > terminal {
                let lead = if place.right { place.width.saturating_sub(width) } else { 0 };
                // As far to the left as it takes; what is too long in any case is only indented.
                let start = match terminal.checked_sub(width) {
                    Some(room) => room.min(column + lead),
                    None => indent,
                };
                self.begin_line(start);
                begin = start;
            }
            self.push(value, width);
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

    /// Writes the row out and begins the next.
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

/// How many columns of a terminal a text takes: without the sequences that change the colour.
fn display_width(text: &[u8]) -> usize {
    if text.iter().all(|byte| (b' '..=b'~').contains(byte)) {
        return text.len();
    }
    let text = String::from_utf8_lossy(text);
    let mut parts = text.split("\x1b[");
    let plain = parts.next().unwrap_or_default().width();
    let after_sequence = |part: &str| part.split_once('m').map_or(0, |(_, plain)| plain.width());
    plain + parts.map(after_sequence).sum::<usize>()
}
