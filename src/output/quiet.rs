//! No output. Only whether there is a socket is of interest, so that the first one is enough.

use std::io;

use super::{Output, Row};

/// Whether there was a socket.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Quiet {
    has_row: bool,
}

impl Output for Quiet {
    fn row(&mut self, _: &Row) -> io::Result<()> {
        self.has_row = true;
        Ok(())
    }

    fn end(&mut self) -> io::Result<()> {
        Ok(())
    }

    fn is_done(&self) -> bool {
        self.has_row
    }
}
