//! `knetstat doctor`: what knetstat needs of this host, whether it is there, and what to do where it
//! is not.

mod check;
mod host;
mod programs;
mod report;

use std::io::Write;

use super::stdout;
use crate::error::Error;
use crate::kernel::load::Loader;
use crate::kernel::programs::PROGRAMS;
use check::{Check, REPORT};

/// Prints what was found out about this host.
///
/// # Errors
///
/// When the table does not work here, or would not be complete; when the output cannot be written.
pub fn run(json: bool) -> Result<(), Error> {
    let checks = examine();
    let mut out = stdout()?;
    match json {
        true => report::write_json(&mut out, &checks),
        false => report::write_text(&mut out, &checks),
    }
    .and_then(|()| out.flush())
    .map_err(Error::Output)?;
    conclude(&checks)
}

/// Checks everything, as this user on this host.
fn examine() -> Vec<Check> {
    let loader = Loader::new();
    let mut checks = host::checks(loader.btf());
    let obstacle = first_obstacle(&checks);
    checks.extend(PROGRAMS.iter().map(|it| programs::program(it, &loader, obstacle.as_deref())));
    checks.push(programs::table(&loader, first_obstacle(&checks).as_deref()));
    checks.extend(host::namespaces());
    checks.extend(programs::options(loader.btf()));
    checks
}

/// The names of what keeps the table from working.
fn obstacles(checks: &[Check]) -> Vec<&str> {
    let obstacles = checks.iter().filter(|check| check.is_obstacle());
    obstacles.map(|check| check.name.as_str()).collect()
}

fn first_obstacle(checks: &[Check]) -> Option<String> {
    obstacles(checks).first().map(|name| name.to_string())
}

/// Whether the table works here.
///
/// # Errors
///
/// When it does not, or would not be complete: what is missing, and the first thing to do.
fn conclude(checks: &[Check]) -> Result<(), Error> {
    let Some(first) = checks.iter().find(|check| check.is_obstacle()) else { return Ok(()) };
    let remedy = first.remedy.as_deref().unwrap_or(REPORT).into();
    Err(Error::Unfit { missing: obstacles(checks).join(", "), remedy })
}
