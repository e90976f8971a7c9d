//! `knetstat help`: the same text as `--help`, as a command.

use std::io::Write;

use super::stdout;
use crate::cli;
use crate::error::Error;

/// Prints the help of the program or of a command.
///
/// # Errors
///
/// [`Error::Usage`] for a command that does not exist, [`Error::Output`] when the output cannot be written.
pub fn run(command: Option<&str>) -> Result<(), Error> {
    let text = cli::help(command)?;
    let mut out = stdout()?;
    out.write_all(text.as_bytes()).and_then(|()| out.flush()).map_err(Error::Output)
}
