//! The table. Rows are written as they are read, so a column is as wide as in netstat, and a longer value
//! pushes the rest of its line to the right. A value is never cut. line.rs breaks lines on a terminal.

use std::io::{self, Write};

use super::line::{places, Line, Place};
use super::repeated::Repeated;
use super::wording::Wording;
use super::{color, short, text, Format, Output, Row, Style};
use crate::query::cell::Cell;
use crate::query::column_list::ColumnList;
use crate::query::columns::{Column, Heading};
use crate::query::layout::Layout;
use crate::record::fact::Sections;

/// Aligned columns, with the commonly needed options and the options that are set.
pub const TABLE: Format = Format {
    whole_sockets: false,
    has_sections: true,
    has_blocks: false,
    explains: false,
    sections: Sections::default,
    open: |to, columns, style| Box::new(Table::new(to, &columns, style)),
};

struct Table<'a> {
    to: Box<dyn Write + 'a>,
    /// The columns of each layout.
    columns: [Vec<TableColumn>; Layout::ALL.len()],
    style: Style,
    line: Line,
    /// The text of the current cell.
    text: Vec<u8>,
    /// The options of the last row, by whether it was known which of them are set. Their colours depend on it.
    repeated: [Repeated; 2],
    /// Whether no section has been written yet.
    first: bool,
}

/// A column of a layout.
struct TableColumn {
    column: Column,
    title: &'static str,
    place: Place,
}

impl<'a> Table<'a> {
    fn new(to: Box<dyn Write + 'a>, columns: &ColumnList, style: Style) -> Table<'a> {
        let columns = Layout::ALL.map(|layout| table_columns(columns, layout, style));
        let (line, text) = (Line::new(style.terminal), Vec::new());
        let repeated = Default::default();
        Table { to, columns, style, line, text, repeated, first: true }
    }
}

fn table_columns(columns: &ColumnList, layout: Layout, style: Style) -> Vec<TableColumn> {
    let columns = columns.of(layout).iter();
    let headed: Vec<(Column, Heading)> =
        columns.filter_map(|column| Some((*column, heading(*column, layout, style)?))).collect();
    let places = places(headed.iter().map(|(_, heading)| *heading), style.terminal);
    let column = |((column, heading), place): ((Column, Heading), Place)| TableColumn {
        column,
        title: heading.title,
        place,
    };
    headed.into_iter().zip(places).map(column).collect()
}

/// Returns the heading of a column. The protocol is wider than in netstat if a longer protocol can occur.
fn heading(column: Column, layout: Layout, style: Style) -> Option<Heading> {
    let mut heading = column.heading(layout)?;
    if column == Column::Protocol {
        // `tcp46` is longer than `tcp6`.
        heading.width = heading.width.max(style.protocol_width + usize::from(style.short));
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
        for TableColumn { title, place, .. } in columns {
            self.line.add(title.as_bytes(), place);
        }
        self.line.write(&mut self.to)
    }

    fn row(&mut self, row: &Row) -> io::Result<()> {
        let columns = &self.columns[row.layout() as usize];
        if columns.is_empty() {
            return Ok(());
        }
        for TableColumn { column, place, .. } in columns {
            self.text.clear();
            let repeated = &mut self.repeated[usize::from(row.knows_set)];
            write_cell(&mut self.text, *column, place, row, self.style, repeated)?;
            self.line.add(&self.text, place);
        }
        self.line.write(&mut self.to)
    }

    fn end(&mut self) -> io::Result<()> {
        self.to.flush()
    }

    fn flush(&mut self) -> io::Result<()> {
        self.to.flush()
    }
}

/// Appends the text of a cell, in its colour.
fn write_cell(
    to: &mut Vec<u8>,
    column: Column,
    place: &Place,
    row: &Row,
    style: Style,
    repeated: &mut Repeated,
) -> io::Result<()> {
    let wording = Wording {
        short: style.short,
        color: style.color,
        knows_set: row.knows_set,
        processes: style.terminal.map(|_| place.width),
    };
    let cell = match column {
        Column::Protocol if style.short => Cell::Word(short::protocol(row)),
        column => column.read(row),
    };
    let paint = match column {
        Column::State if style.color => color::of_state(row.socket.state),
        Column::Diag if style.color => color::DIAG,
        _ => color::NONE,
    };
    color::paint(to, paint, |to| text::write(to, &cell, &wording, repeated))
}
