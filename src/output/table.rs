//! The table. Rows are written as they arrive: a column is as wide as netstat makes it, and a longer
//! value pushes the rest of its line. It is never cut.

use std::io::{self, Write};

use super::{text, Format, Output, Row, Style};
use crate::query::cell::Cell;
use crate::query::column_list::ColumnList;
use crate::query::columns::{Column, Heading};
use crate::query::layout::Layout;

/// Aligned columns, with the options that everyone asks for and those that are set.
pub const TABLE: Format = Format {
    name: "table",
    whole_sockets: false,
    open: |to, columns, style| {
        Box::new(Table { to, columns, style, line: Line::default(), first: true })
    },
};

struct Table<'a> {
    to: Box<dyn Write + 'a>,
    columns: ColumnList,
    style: Style,
    line: Line,
    /// Nothing was written yet.
    first: bool,
}

impl Table<'_> {
    /// The heading of a column. The first column of netstat is as wide as the longest protocol.
    fn heading(&self, column: Column, layout: Layout) -> Option<Heading> {
        let mut heading = column.heading(layout)?;
        if column == Column::Protocol {
            heading.width = heading.width.max(self.style.protocol_width);
        }
        Some(heading)
    }
}

impl Output for Table<'_> {
    fn section(&mut self, layout: Layout) -> io::Result<()> {
        if !self.style.header || self.columns.of(layout).is_empty() {
            return Ok(());
        }
        if !std::mem::replace(&mut self.first, false) {
            self.line.write(&mut self.to)?;
        }
        for n in 0..self.columns.of(layout).len() {
            if let Some(heading) = self.heading(self.columns.of(layout)[n], layout) {
                self.line.add(&Cell::Word(heading.title), heading, false)?;
            }
        }
        self.line.write(&mut self.to)
    }

    fn row(&mut self, row: &Row) -> io::Result<()> {
        let layout = row.layout();
        if self.columns.of(layout).is_empty() {
            return Ok(());
        }
        for n in 0..self.columns.of(layout).len() {
            let column = self.columns.of(layout)[n];
            if let Some(heading) = self.heading(column, layout) {
                self.line.add(&column.read(row), heading, self.style.color)?;
            }
        }
        self.line.write(&mut self.to)
    }

    fn end(&mut self) -> io::Result<()> {
        self.to.flush()
    }
}

/// The line that is being written.
#[derive(Default)]
struct Line {
    bytes: Vec<u8>,
    /// Blanks that are due as soon as something follows: no line ends with one.
    blanks: usize,
}

impl Line {
    /// Adds a cell, filled with blanks up to the width of its column, and one blank.
    fn add(&mut self, cell: &Cell, heading: Heading, color: bool) -> io::Result<()> {
        let before = self.bytes.len();
        let begin = before + self.blanks;
        self.bytes.resize(begin, b' ');
        text::write(&mut self.bytes, cell, color)?;
        let length = self.bytes.len() - begin;
        let fill = heading.width.saturating_sub(length);
        if length == 0 {
            self.bytes.truncate(before);
            self.blanks += fill + 1;
        } else if heading.right {
            self.bytes.resize(begin + length + fill, b' ');
            self.bytes[begin..].rotate_right(fill);
            self.blanks = 1;
        } else {
            self.blanks = fill + 1;
        }
        Ok(())
    }

    /// Writes the line out and begins the next.
    fn write(&mut self, to: &mut impl Write) -> io::Result<()> {
        self.bytes.push(b'\n');
        let result = to.write_all(&self.bytes);
        self.bytes.clear();
        self.blanks = 0;
        result
    }
}
