//! `knetstat completions`: what a shell reads to complete the command line.

use std::io::Write;

use clap::CommandFactory;
use clap_complete::Shell;

use super::stdout;
use crate::cli::Cli;
use crate::error::Error;

/// Prints the completions for a shell.
///
/// # Errors
///
/// When they cannot be written.
pub fn run(shell: Shell) -> Result<(), Error> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "knetstat", &mut script);
    let mut out = stdout()?;
    out.write_all(&script).and_then(|()| out.flush()).map_err(Error::Output)
}
