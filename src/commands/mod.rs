//! The commands. Each combines the other parts of the program.

pub mod complete;
pub mod completions;
pub mod doctor;
pub mod help;
pub mod options;
pub mod pin;
pub mod schema;
pub mod table;
pub mod unpin;

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::os::fd::AsFd;

use crate::error::Error;
use crate::kernel::{process, sandbox};

/// Returns standard output with a large buffer, which saves system calls. Drops all capabilities first,
/// so that nothing is written with them, and enters the sandbox.
///
/// # Errors
///
/// When standard output cannot be written.
fn stdout() -> Result<BufWriter<File>, Error> {
    sandbox::enter()?;
    open_stdout().map(buffered)
}

/// Returns standard output without a buffer, with the capabilities that are left.
///
/// # Errors
///
/// As [`stdout`].
fn open_stdout() -> Result<File, Error> {
    process::check_stdout().map_err(Error::Output)?;
    let fd = io::stdout().as_fd().try_clone_to_owned().map_err(Error::Output)?;
    Ok(File::from(fd))
}

/// Returns a writer with a large buffer.
fn buffered<W: Write>(to: W) -> BufWriter<W> {
    BufWriter::with_capacity(128 * 1024, to)
}
