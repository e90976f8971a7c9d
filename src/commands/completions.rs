//! `knetstat completions`: the script with which a shell completes the command line.

use std::io::Write;

use clap::CommandFactory;
use clap_complete::Shell;

use super::stdout;
use crate::cli::Cli;
use crate::error::Error;

/// Prints the completion script for a shell. The scripts for bash, zsh and fish run `knetstat complete`,
/// so that they also complete values. The scripts for other shells are static.
///
/// # Errors
///
/// When the script cannot be written.
pub fn run(shell: Shell) -> Result<(), Error> {
    let script = match shell {
        Shell::Bash => include_bytes!("../../packaging/completions/knetstat.bash").to_vec(),
        Shell::Zsh => include_bytes!("../../packaging/completions/knetstat.zsh").to_vec(),
        Shell::Fish => include_bytes!("../../packaging/completions/knetstat.fish").to_vec(),
        _ => static_script(shell),
    };
    let mut out = stdout()?;
    out.write_all(&script).and_then(|()| out.flush()).map_err(Error::Output)
}

fn static_script(shell: Shell) -> Vec<u8> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "knetstat", &mut script);
    script
}
