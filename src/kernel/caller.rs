//! Protection of a program that has more rights than its caller, through file capabilities or the
//! set-user-ID bit. Such a program ignores all but a few harmless environment variables, and opens no
//! file of the caller's choice with its own rights.

use std::env;
use std::io;

use caps::CapSet;
use nix::sys::prctl::set_no_new_privs;
use nix::unistd::{getegid, geteuid, getgid, getuid, setfsgid, setfsuid};

use crate::error::Error;
use crate::kernel::syscall;

/// The variables that affect only the appearance of the output.
const HARMLESS: [&str; 6] = ["CLICOLOR", "CLICOLOR_FORCE", "COLUMNS", "LINES", "NO_COLOR", "TERM"];

/// Prepares the process before it reads its arguments. Neither it nor a process that it starts can ever
/// gain rights. The environment of a program that has more rights than its caller affects only the
/// appearance of its output. libbpf and the standard library read the environment by themselves, so
/// variables are removed.
///
/// # Errors
///
/// When the kernel refuses, which is not expected.
pub fn guard() -> Result<(), Error> {
    set_no_new_privs().map_err(|errno| Error::NoNewPrivileges(errno.into()))?;
    if syscall::has_more_rights_than_caller() {
        let others = env::vars_os().filter(|(name, _)| !HARMLESS.iter().any(|it| name == *it));
        // unsetenv(3) refuses a name with an equals sign. getenv(3) does not find it either.
        let others = others.filter(|(name, _)| !name.as_encoded_bytes().contains(&b'='));
        others.for_each(|(name, _)| env::remove_var(name));
    }
    Ok(())
}

/// Runs an action with the rights of the caller. A process that has no more rights than its caller, as
/// when root or sudo started it, keeps all of its rights. Any other process runs the action as the user
/// who started it, without capabilities. Affects only this thread.
///
/// # Errors
///
/// The errors of the action, and when the kernel refuses to drop or to restore rights.
pub fn with_rights_of_caller<T>(action: impl FnOnce() -> io::Result<T>) -> io::Result<T> {
    if !syscall::has_more_rights_than_caller() {
        return action();
    }
    let capabilities = caps::read(None, CapSet::Effective).map_err(io::Error::other)?;
    setfsgid(getgid());
    setfsuid(getuid());
    // setfsuid(2) returns the previous user, which shows whether the call above has succeeded.
    let is_caller = setfsuid(getuid()) == getuid();
    let result = match caps::clear(None, CapSet::Effective) {
        Ok(()) if is_caller => action(),
        Ok(()) => Err(io::ErrorKind::PermissionDenied.into()),
        Err(error) => Err(io::Error::other(error)),
    };
    setfsuid(geteuid());
    setfsgid(getegid());
    caps::set(None, CapSet::Effective, &capabilities).map_err(io::Error::other)?;
    result
}
