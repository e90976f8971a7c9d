//! What a program with more rights than its caller does not do for the caller: one with file
//! capabilities or the set-user-ID bit obeys no variable of the environment, and opens no file of the
//! caller's choice by its own rights.

use std::env;
use std::io;

use caps::CapSet;
use nix::sys::prctl::set_no_new_privs;
use nix::unistd::{getegid, geteuid, getgid, getuid, setfsgid, setfsuid};

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
        // unsetenv(3) refuses a name with an equals sign. getenv(3) does not find it either.
        let others = others.filter(|(name, _)| !name.as_encoded_bytes().contains(&b'='));
        others.for_each(|(name, _)| env::remove_var(name));
    }
    Ok(())
}

/// Does something with the rights of the caller. Where this process has no more than the caller, as when
/// root or sudo started it, these are all of its rights; otherwise it acts as the user who started it,
/// without capabilities. Concerns this thread only.
///
/// # Errors
///
/// Those of the action, and when the kernel does not let rights be put aside or be taken back.
pub fn with_rights_of_caller<T>(action: impl FnOnce() -> io::Result<T>) -> io::Result<T> {
    if !syscall::has_more_rights_than_caller() {
        return action();
    }
    let capabilities = caps::read(None, CapSet::Effective).map_err(io::Error::other)?;
    setfsgid(getgid());
    setfsuid(getuid());
    // The call returns who it was before: here whether the one above has worked.
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
