//! Arguments, run, exit status.

use std::io::{self, Write};
use std::process::ExitCode;

use knetstat::cli;
use knetstat::error::Error;
use knetstat::kernel::{caller, capability, process};

/// Failed, or could not be complete.
const FAILED: u8 = 1;
/// Wrong usage.
const USAGE: u8 = 2;

fn main() -> ExitCode {
    process::ignore_file_size_signal();
    let result = caller::guard().and_then(|()| cli::parse()).and_then(|cli| knetstat::run(&cli));
    let Err(error) = result else { return ExitCode::SUCCESS };
    // Messages are written without capabilities, too, and --help is one.
    let error = capability::drop_all().err().unwrap_or(error);
    ExitCode::from(report(&error))
}

/// Reports an error in one line, or prints what was asked for, and returns the exit status.
fn report(error: &Error) -> u8 {
    let status = match error {
        // The standard library takes an output that cannot be written for a full success.
        Error::Answer(answer) => match process::check_stdout().and_then(|()| answer.print()) {
            Err(error) => return report(&Error::Output(error)),
            Ok(()) => return 0,
        },
        // The reader of the output has seen enough.
        Error::Output(cause) if cause.kind() == io::ErrorKind::BrokenPipe => return 0,
        Error::Usage(_) => USAGE,
        _ => FAILED,
    };
    // Where standard error cannot be written, nothing is left to tell the user.
    let _ = writeln!(io::stderr(), "knetstat: {error}");
    status
}
