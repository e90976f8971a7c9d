//! The blocks of `--long`, as pfiles(1) of illumos has them: a socket with its processes and its other end, then each
//! option on its line, with where its value comes from, and sentences about what it means.

mod facts;
mod lines;
mod options;

use std::io::{self, Write};

use super::{Format, Output, Row, Style};
use crate::record::fact::Sections;
use lines::Lines;

/// A block for each socket. The sentences may depend on any section of a record.
pub const LONG: Format = Format {
    whole_sockets: true,
    has_sections: false,
    has_blocks: true,
    explains: true,
    sections: || Sections::ALL,
    open: |to, _, style| Box::new(Long { to, style, is_first: true }),
};

struct Long<'a> {
    to: Box<dyn Write + 'a>,
    style: Style,
    is_first: bool,
}

impl Output for Long<'_> {
    fn row(&mut self, row: &Row) -> io::Result<()> {
        let mut lines = Lines::new(self.style);
        if !std::mem::replace(&mut self.is_first, false) {
            lines.empty();
        }
        facts::write(&mut lines, row);
        options::write(&mut lines, row);
        self.to.write_all(lines.text().as_bytes())
    }

    fn end(&mut self) -> io::Result<()> {
        self.to.flush()
    }
}
