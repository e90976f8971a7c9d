//! Collects the rows of a round, which are written once it is known what has changed.

use std::cell::RefCell;
use std::hash::RandomState;
use std::io::{self, Write};
use std::rc::Rc;

use super::super::{Format, Output, Row, Style};
use super::round::{Round, Shown};
use super::values;
use crate::query::column_list::ColumnList;
use crate::query::layout::Layout;
use crate::socket::continuity::Identity;

/// An output that keeps the rows.
pub struct Collector<'a> {
    format: Box<dyn Output>,
    /// What the format has written since the last row.
    text: Text,
    is_json: bool,
    hasher: &'a RandomState,
    round: Round,
}

/// A text that is written in one place and taken in another.
#[derive(Clone, Default)]
struct Text(Rc<RefCell<Vec<u8>>>);

impl Text {
    fn take(&self) -> Vec<u8> {
        std::mem::take(&mut self.0.borrow_mut())
    }
}

impl Write for Text {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.borrow_mut().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> Collector<'a> {
    /// Returns an output that collects rows of the table or lines of JSON. `hasher` is the same in each round.
    pub fn new(
        format: Format,
        columns: &ColumnList,
        style: Style,
        hasher: &'a RandomState,
    ) -> Collector<'a> {
        let text = Text::default();
        let is_json = format.whole_sockets;
        let format = format.open(text.clone(), columns, style);
        Collector { format, text, is_json, hasher, round: Round::default() }
    }

    /// The rows.
    pub fn into_round(self) -> Round {
        self.round
    }
}

impl Output for Collector<'_> {
    fn section(&mut self, layout: Layout) -> io::Result<()> {
        self.format.section(layout)?;
        self.round.titles[layout as usize] = self.text.take();
        Ok(())
    }

    fn row(&mut self, row: &Row) -> io::Result<()> {
        self.format.row(row)?;
        self.round.rows.push(Shown {
            identity: Identity::of(row.socket, self.hasher),
            layout: row.layout(),
            is_mini: row.socket.is_mini(),
            text: self.text.take().into(),
            values: values::of(row, self.is_json)?.into(),
        });
        Ok(())
    }

    fn end(&mut self) -> io::Result<()> {
        Ok(())
    }
}
