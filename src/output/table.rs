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
    whole_sockets: false,
    open: |to, columns, style| Box::new(Table::new(to, &columns, style)),
};

struct Table<'a> {
    to: Box<dyn Write + 'a>,
    /// By layout.
    columns: [Vec<(Column, Heading)>; Layout::ALL.len()],
    style: Style,
    line: Line,
    /// Nothing was written yet.
    first: bool,
}

impl<'a> Table<'a> {
    fn new(to: Box<dyn Write + 'a>, columns: &ColumnList, style: Style) -> Table<'a> {
        let headed = |layout: Layout| {
            let columns = columns.of(layout).iter();
            columns.filter_map(|column| Some((*column, heading(*column, layout, style)?))).collect()
        };
        Table { to, columns: Layout::ALL.map(headed), style, line: Line::default(), first: true }
    }
}

/// The heading of a column. That of the protocol is wider than netstat's where a longer one can come.
fn heading(column: Column, layout: Layout, style: Style) -> Option<Heading> {
    let mut heading = column.heading(layout)?;
    if column == Column::Protocol {
        heading.width = heading.width.max(style.protocol_width);
    }
    Some(heading)
}

impl Output for Table<'_> {
    fn section(&mut self, layout: Layout) -> io::Result<()> {
        let columns = &self.columns[layout as usize];
        if !self.style.header || columns.is_empty() {
            return Ok(());
        }
        if !std::mem::replace(&mut self.first, false) {
            self.line.write(&mut self.to)?;
        }
        for (_, heading) in columns {
            self.line.add(&Cell::Word(heading.title), heading, false)?;
        }
        self.line.write(&mut self.to)
    }

    fn row(&mut self, row: &Row) -> io::Result<()> {
        let columns = &self.columns[row.layout() as usize];
        if columns.is_empty() {
            return Ok(());
        }
        for (column, heading) in columns {
            self.line.add(&column.read(row), heading, self.style.color)?;
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
    fn add(&mut self, cell: &Cell, heading: &Heading, color: bool) -> io::Result<()> {
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
            self.bytes.copy_within(begin..begin + length, begin + fill);
            self.bytes[begin..begin + fill].fill(b' ');
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
