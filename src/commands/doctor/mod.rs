//! `knetstat doctor`: whether knetstat works on this host, and what to do if it does not.

mod capabilities;
mod check;
mod host;
mod namespaces;
mod option_programs;
mod options;
mod pins;
mod programs;
mod report;

use std::io::{self, IsTerminal, Write};

use super::stdout;
use crate::config::permits_walks;
use crate::error::Error;
use crate::kernel::capability;
use crate::kernel::load::Loader;
use crate::kernel::programs::PROGRAMS;
use check::{Check, Problem};
use options::Options;
pub use report::Form;
use report::Report;

/// Checks this host and prints what was found.
///
/// # Errors
///
/// When the table does not work here or would be incomplete, or when the output cannot be written.
pub fn run(form: Form) -> Result<(), Error> {
    let report = examine();
    let mut out = stdout()?;
    match form {
        Form::Short => report.write_short(&mut out),
        Form::Verbose => report.write_verbose(&mut out),
        Form::Json => report.write_json(&mut out),
    }
    .and_then(|()| out.flush())
    .map_err(Error::Output)?;
    report.conclusion(form != Form::Json && io::stdout().is_terminal())
}

/// Runs all checks, as this user on this host.
fn examine() -> Report {
    let loader = Loader::new().with_walks(permits_walks());
    let mut checks = host::checks(loader.btf());
    checks.extend(capabilities::checks());
    let obstacle = first_obstacle(&checks);
    checks.extend(PROGRAMS.iter().map(|it| programs::program(it, &loader, obstacle.as_ref())));
    checks.extend(programs::table(&loader, first_obstacle(&checks).as_ref()));
    checks.extend(namespaces::checks());
    checks.push(option_programs::check(first_obstacle(&checks).as_ref()));
    let (check, are_readable) = pins::check();
    checks.push(check);
    let options = Options::ask(loader.btf());
    let count = options.count();
    checks.extend(options.checks);
    let by_pins = are_readable && !capability::may_load_on_host();
    Report { checks, count, by_pins }
}

fn first_obstacle(checks: &[Check]) -> Option<Problem> {
    checks.iter().find_map(Check::obstacle).cloned()
}
