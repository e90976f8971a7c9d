//! Parses the arguments, runs the command, and returns the exit status.

use std::io::{self, Write};
use std::process::ExitCode;

use knetstat::cli;
use knetstat::error::Error;
use knetstat::kernel::{caller, capability, process};

/// The exit status of a command that failed or is incomplete.
const FAILED: u8 = 1;
/// The exit status of wrong usage.
const USAGE: u8 = 2;

fn main() -> ExitCode {
    process::ignore_file_size_signal();
    let result = caller::guard()
        .and_then(|()| cli::parse(std::env::args_os().collect()))
        .and_then(|cli| knetstat::run(&cli));
    let Err(error) = result else { return ExitCode::SUCCESS };
    // Messages, including --help, are also written without capabilities.
    let error = capability::drop_all().err().unwrap_or(error);
    ExitCode::from(report(&error))
}

/// Reports an error in one line, or prints the help or version, and returns the exit status.
fn report(error: &Error) -> u8 {
    let status = match error {
        // The standard library reports success for a standard output that is closed, so it is checked
        // first.
        Error::Answer(answer) => match process::check_stdout().and_then(|()| answer.print()) {
            Err(error) => return report(&Error::Output(error)),
            Ok(()) => return 0,
        },
        // The reader of the output has closed the pipe.
        Error::Output(cause) if cause.kind() == io::ErrorKind::BrokenPipe => return 0,
        Error::Usage(_) => USAGE,
        _ => FAILED,
    };
    // If standard error cannot be written, the error cannot be reported.
    let _ = writeln!(io::stderr(), "knetstat: {error}");
    status
}
