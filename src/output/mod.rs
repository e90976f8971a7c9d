//! The forms of the output. Each writes to any `Write`, a socket at a time.

pub mod json;
pub mod table;

use std::io::{self, Write};

use crate::cli::Format;
use crate::options::context::Context;
use crate::options::plan::OptionValue;
use crate::socket::kind::Layout;
use crate::socket::owner::{Holder, Owner};
use crate::socket::Socket;

/// A socket with what is to be shown of its options.
pub struct Row<'a> {
    pub socket: &'a Socket<'a>,
    pub context: Context<'a>,
    pub options: &'a [OptionValue],
    /// Whether it is known which options are set.
    pub knows_set: bool,
    /// The number of the group of sockets with which it shares its port, from 1 on.
    pub reuseport: Option<usize>,
    /// The name that ip(8) gave to its network namespace.
    pub netns_name: Option<&'a [u8]>,
    /// The processes that hold it, and what that says of its owner; none if nobody asked.
    pub owner: Option<(&'a [Holder], Owner)>,
}

/// A form of output.
pub trait Output {
    /// Writes what comes before the first socket.
    ///
    /// # Errors
    ///
    /// When it cannot be written, here and below.
    fn begin(&mut self) -> io::Result<()>;

    /// Begins a part, whose sockets have these columns.
    fn part(&mut self, layout: Layout) -> io::Result<()>;

    /// Writes a socket.
    fn row(&mut self, row: &Row) -> io::Result<()>;

    /// Writes what comes after the last socket, and all that was held back.
    fn end(&mut self) -> io::Result<()>;
}

/// The output in this form.
pub fn new<'a>(format: Format, to: impl Write + 'a) -> Box<dyn Output + 'a> {
    match format {
        Format::Table(columns) => Box::new(table::Table::new(to, columns)),
        Format::Json => Box::new(json::Json::array(to)),
        Format::NdJson => Box::new(json::Json::lines(to)),
    }
}
