//! The table: netstat's columns, then the module's Diag and Options.
//!
//! Rows are written as they come: a column is as wide as netstat makes it, and a longer value pushes
//! its line. It is never cut.

use std::fmt;
use std::io::{self, Write};

use super::{Output, Row};
use crate::host::Host;
use crate::plan::Shown;
use crate::socket::{Endpoint, Socket};
use crate::value::{Text, Word};

const BOLD: &str = "\x1b[1m";
const PLAIN: &str = "\x1b[0m";

/// Writes the table.
pub struct Table<W> {
    to: W,
    header: bool,
    extended: bool,
    color: bool,
    line: Line,
}

impl<W: Write> Table<W> {
    /// `extended` adds the user and the inode; with `color`, what is set stands out.
    pub fn new(to: W, header: bool, extended: bool, color: bool) -> Table<W> {
        Table { to, header, extended, color, line: Line::default() }
    }

    /// Writes the columns of a line, each as wide as netstat makes it.
    fn columns(&mut self, texts: &[&dyn fmt::Display; 9]) -> io::Result<()> {
        const WIDTHS: [usize; 9] = [5, 6, 6, 23, 23, 11, 10, 10, 4];
        const USER: usize = 6;
        const INODE: usize = 7;
        for (n, (text, width)) in texts.iter().zip(WIDTHS).enumerate() {
            if self.extended || !matches!(n, USER | INODE) {
                self.line.column(*text, width)?;
            }
        }
        Ok(())
    }

    /// Writes the options, joined by commas.
    fn options(&mut self, options: &[Shown]) -> io::Result<()> {
        let mut comma = "";
        for Shown { option, value, set } in options {
            let text = Text(value, option.kind);
            match self.color && *set {
                true => write!(self.line.bytes, "{comma}{BOLD}{}={text}{PLAIN}", option.name)?,
                false => write!(self.line.bytes, "{comma}{}={text}", option.name)?,
            }
            comma = ",";
        }
        Ok(())
    }
}

impl<W: Write> Output for Table<W> {
    fn begin(&mut self) -> io::Result<()> {
        if !self.header {
            return Ok(());
        }
        self.columns(&[
            &"Proto",
            &"Recv-Q",
            &"Send-Q",
            &"Local Address",
            &"Foreign Address",
            &"State",
            &"User",
            &"Inode",
            &"Diag",
        ])?;
        self.line.column(&"Options", 0)?;
        self.line.write(&mut self.to)
    }

    fn row(&mut self, row: &Row) -> io::Result<()> {
        let Row { socket, facts, options, .. } = row;
        let place = |endpoint| Place { endpoint, socket, host: facts.host };
        self.columns(&[
            &socket.kind.word(),
            &format_args!("{:>6}", socket.recv_queue),
            &format_args!("{:>6}", socket.send_queue),
            &place(socket.local),
            &place(socket.remote),
            &socket.state.word(),
            &socket.uid,
            &socket.inode,
            &socket.diag(facts).map_or("", |diag| diag.mark()),
        ])?;
        if !options.is_empty() {
            self.line.fill();
            self.options(options)?;
        }
        self.line.write(&mut self.to)
    }

    fn end(&mut self) -> io::Result<()> {
        self.to.flush()
    }
}

/// A line on its way.
#[derive(Default)]
struct Line {
    bytes: Vec<u8>,
    /// Blanks that are due as soon as something follows: no line ends with one.
    blanks: usize,
}

impl Line {
    /// Adds a column that is as wide as this or as its text, and a blank.
    fn column(&mut self, text: &dyn fmt::Display, width: usize) -> io::Result<()> {
        let (end, blanks) = (self.bytes.len(), self.blanks);
        self.fill();
        let begin = self.bytes.len();
        write!(self.bytes, "{text}")?;
        match self.bytes.len() - begin {
            0 => {
                self.bytes.truncate(end);
                self.blanks = blanks + width + 1;
            }
            length => self.blanks = width.saturating_sub(length) + 1,
        }
        Ok(())
    }

    /// Writes the blanks that are due.
    fn fill(&mut self) {
        let blanks = std::mem::take(&mut self.blanks);
        self.bytes.resize(self.bytes.len() + blanks, b' ');
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

/// An address and a port as netstat writes them: `127.0.0.1:22`, `:::*`. A link-local address has
/// its interface, without which it means nothing.
struct Place<'a> {
    endpoint: Endpoint,
    socket: &'a Socket<'a>,
    host: &'a Host,
}

impl fmt::Display for Place<'_> {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        write!(f, "{}", self.endpoint.address)?;
        let index = self.socket.ifindex;
        if index != 0 && self.endpoint.is_link_local() {
            match self.host.interface(index) {
                Some(name) => write!(f, "%{}", Word(name.as_bytes()))?,
                None => write!(f, "%{index}")?,
            }
        }
        match self.endpoint.port {
            0 => f.write_str(":*"),
            port => write!(f, ":{port}"),
        }
    }
}
