//! Arguments, run, exit status.

use std::io::{self, Write};
use std::process::ExitCode;

use knetstat::cli;
use knetstat::error::OutputError;

/// Failed, or could not be complete.
const FAILED: u8 = 1;
/// Wrong usage.
const USAGE: u8 = 2;

fn main() -> ExitCode {
    let result = cli::parse().map_err(anyhow::Error::from).and_then(|cli| knetstat::run(&cli));
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => ExitCode::from(report(&error)),
    }
}

/// Says what went wrong, in one line unless it is a matter of usage; returns the exit status.
fn report(error: &anyhow::Error) -> u8 {
    if let Some(error) = error.downcast_ref::<clap::Error>() {
        return match (error.print(), error.use_stderr()) {
            (_, true) => USAGE,
            (Err(error), false) if error.kind() != io::ErrorKind::BrokenPipe => {
                say(&format!("cannot write the output: {error}"));
                FAILED
            }
            _ => 0,
        };
    }
    // Whoever read the output has seen enough.
    if let Some(OutputError(cause)) = error.downcast_ref::<OutputError>() {
        if cause.kind() == io::ErrorKind::BrokenPipe {
            return 0;
        }
    }
    say(&format!("{error:#}"));
    FAILED
}

/// Writes a line to stderr; where that cannot be written, nobody can be told.
fn say(what: &str) {
    let _ = writeln!(io::stderr(), "knetstat: {what}");
}
