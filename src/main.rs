//! Parses the arguments, runs the command, and returns the exit status.

use std::io::{self, Write};
use std::process::ExitCode;

use knetstat::cli;
use knetstat::error::Error;
use knetstat::kernel::{caller, memory, process, sandbox};

/// The exit status of a command that failed or is incomplete.
const FAILED: u8 = 1;
/// The exit status of wrong usage and, with `--quiet`, of every error, as in grep.
const USAGE: u8 = 2;
/// The exit status of `--quiet` if no socket matched.
const NO_MATCH: u8 = 1;

#[global_allocator]
static ALLOCATOR: memory::OrEnd = memory::OrEnd;

fn main() -> ExitCode {
    process::ignore_file_size_signal();
    let cli = caller::guard().and_then(|()| cli::parse(std::env::args_os().collect()));
    let failed = if cli.as_ref().is_ok_and(|cli| cli.table.quiet) { USAGE } else { FAILED };
    memory::report(failed);
    let Err(error) = cli.and_then(|cli| knetstat::run(&cli)) else { return ExitCode::SUCCESS };
    // Messages, including --help, are also written without capabilities.
    let error = sandbox::enter().err().unwrap_or(error);
    ExitCode::from(report(&error, failed))
}

/// Reports an error in one line, or prints the help or version, and returns the exit status, which is
/// `failed` for an error that is not in the command line.
fn report(error: &Error, failed: u8) -> u8 {
    let status = match error {
        // The standard library reports success for a standard output that is closed, so it is checked
        // first.
        Error::Answer(answer) => match process::check_stdout().and_then(|()| answer.print()) {
            Err(error) => return report(&Error::Output(error), failed),
            Ok(()) => return 0,
        },
        // The reader of the output has closed the pipe.
        Error::Output(cause) if cause.kind() == io::ErrorKind::BrokenPipe => return 0,
        Error::NoMatch => return NO_MATCH,
        Error::Usage(_) => USAGE,
        _ => failed,
    };
    // If standard error cannot be written, the error cannot be reported.
    let _ = writeln!(io::stderr(), "knetstat: {error}");
    status
}
