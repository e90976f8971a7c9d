//! The output formats, one file each. An output writes to any `Write`, one socket at a time.
//!
//! To add one: add a file here that implements [`Output`] and provides a [`Format`], list it below, and
//! add its flag to cli.rs and config.rs.

mod color;
pub mod count;
pub mod csv;
pub mod json;
mod line;
mod list;
pub mod long;
pub mod metrics;
pub mod module;
pub mod quiet;
mod repeated;
pub mod rounds;
pub mod schema;
pub mod short;
pub mod summary;
pub mod table;
pub mod terminal;
mod text;
mod wording;

use std::io::{self, Write};

use crate::options::module::KINDS;
use crate::query::column_list::ColumnList;
use crate::query::layout::Layout;
pub use crate::query::row::Row;
use crate::record::fact::Sections;

/// A writer of sockets in one format.
pub trait Output {
    /// Writes what comes before the first socket.
    ///
    /// # Errors
    ///
    /// When it cannot be written, here and below.
    fn begin(&mut self) -> io::Result<()> {
        Ok(())
    }

    /// Begins a section, whose sockets all have this layout.
    ///
    /// # Errors
    ///
    /// As [`Output::begin`].
    fn section(&mut self, _: Layout) -> io::Result<()> {
        Ok(())
    }

    /// Writes a socket.
    ///
    /// # Errors
    ///
    /// As [`Output::begin`].
    fn row(&mut self, row: &Row) -> io::Result<()>;

    /// Writes what comes after the last socket, and everything that is buffered.
    ///
    /// # Errors
    ///
    /// As [`Output::begin`].
    fn end(&mut self) -> io::Result<()>;

    /// Writes everything that is buffered, of an output that is incomplete and must not look complete.
    ///
    /// # Errors
    ///
    /// As [`Output::begin`].
    fn end_incomplete(&mut self) -> io::Result<()> {
        Ok(())
    }

    /// Writes the sockets that are buffered, because the next ones take time.
    ///
    /// # Errors
    ///
    /// As [`Output::begin`].
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }

    /// Whether no further socket is needed.
    fn is_done(&self) -> bool {
        false
    }
}

/// An output format, and how to open it.
#[derive(Clone, Copy, Debug)]
pub struct Format {
    /// Whether a socket is shown with all of its members and options, unless the command line chooses
    /// them. Otherwise it is shown with the commonly needed ones.
    pub whole_sockets: bool,
    /// Whether the sockets of each layout follow in a section of their own.
    pub has_sections: bool,
    /// Whether the output has parts that an empty line separates. One also separates two rounds.
    pub has_blocks: bool,
    /// Whether values are explained by sysctls, which have to be read in each network namespace.
    pub explains: bool,
    /// The sections of records that the output itself reads, besides those of its columns and options.
    pub sections: fn() -> Sections,
    /// Opens an output that writes to the first argument.
    pub open: for<'a> fn(Box<dyn Write + 'a>, ColumnList, Style) -> Box<dyn Output + 'a>,
}

impl Format {
    /// Opens an output that writes these columns to `to`.
    pub fn open<'a>(
        &self,
        to: impl Write + 'a,
        columns: &ColumnList,
        style: Style,
    ) -> Box<dyn Output + 'a> {
        (self.open)(Box::new(to), columns.clone(), style)
    }
}

/// The style of text. Other formats ignore it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Style {
    /// Whether the first line has the titles of the columns.
    pub header: bool,
    /// The length of the longest protocol that can occur.
    pub protocol_width: usize,
    /// Whether options that are set stand out and states have colours.
    pub color: bool,
    /// Whether options have short names and addresses are written so that they cannot be misread.
    pub short: bool,
    /// Whether records of CSV have fields for the names of numbers. The other formats show the names that rows have.
    pub names: bool,
    /// Which tables of the kernel module can contain sockets, in the order of [`KINDS`].
    pub tables: [bool; KINDS.len()],
    /// The width of the terminal, which each line has to fit. `None` if the output is not a terminal and
    /// each row is one line.
    pub terminal: Option<usize>,
}
