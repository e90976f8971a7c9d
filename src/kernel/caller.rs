//! What a program with more rights than its caller does not do for the caller: one with file
//! capabilities or the set-user-ID bit obeys no variable of the environment.

use std::env;

use nix::sys::prctl::set_no_new_privs;

use crate::error::Error;
use crate::kernel::syscall;

/// The variables that change nothing but how the output looks.
const HARMLESS: [&str; 6] = ["CLICOLOR", "CLICOLOR_FORCE", "COLUMNS", "LINES", "NO_COLOR", "TERM"];

/// Prepares the process, before it reads its arguments: it and what it may start can never gain rights,
/// and the environment does not steer a program that has more rights than its caller. libbpf and the
/// standard library read the environment by themselves, so variables are removed.
///
/// # Errors
///
/// When the kernel refuses, which it should not.
pub fn guard() -> Result<(), Error> {
    set_no_new_privs().map_err(|errno| Error::NoNewPrivileges(errno.into()))?;
    if syscall::has_more_rights_than_caller() {
        let others = env::vars_os().filter(|(name, _)| !HARMLESS.iter().any(|it| name == *it));
        others.for_each(|(name, _)| env::remove_var(name));
    }
    Ok(())
}
