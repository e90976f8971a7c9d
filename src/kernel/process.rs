//! Standard output as this process inherited it, and signals.

use std::io::{self, IsTerminal};
use std::os::fd::AsFd;
use std::sync::atomic::{AtomicBool, Ordering};

use nix::errno::Errno;
use nix::libc;
use nix::unistd::{getpgrp, tcgetpgrp};

/// Whether standard output was closed when the process was started.
static WAS_CLOSED: AtomicBool = AtomicBool::new(false);

/// Called before `main`. The Rust runtime opens /dev/null in place of a closed standard output. After
/// that, nothing shows that the output is lost.
#[used]
#[link_section = ".init_array"]
static BEFORE_MAIN: extern "C" fn() = note_closed_stdout;

extern "C" fn note_closed_stdout() {
    // SAFETY: the call takes numbers only.
    let flags = unsafe { libc::fcntl(libc::STDOUT_FILENO, libc::F_GETFD) };
    WAS_CLOSED.store(flags < 0, Ordering::Relaxed);
}

/// Checks that standard output can be written.
///
/// # Errors
///
/// `EBADF` if it was closed when the process was started, or is not open for writing.
pub fn check_stdout() -> io::Result<()> {
    // This use of the variable makes the linker keep the function that sets it.
    let was_closed = WAS_CLOSED.load(Ordering::Relaxed);
    // SAFETY: the call takes numbers only.
    let flags = unsafe { libc::fcntl(libc::STDOUT_FILENO, libc::F_GETFL) };
    let is_readable_only = flags & libc::O_ACCMODE == libc::O_RDONLY;
    match was_closed || flags < 0 || flags & libc::O_PATH != 0 || is_readable_only {
        true => Err(Errno::EBADF.into()),
        false => Ok(()),
    }
}

/// Whether this is a terminal that this process may write to: one whose foreground it is in, or one that it does not belong
/// to, of which nothing is known.
pub fn is_in_foreground(terminal: &(impl IsTerminal + AsFd)) -> bool {
    terminal.is_terminal() && tcgetpgrp(terminal).map_or(true, |group| group == getpgrp())
}

/// Makes write(2) fail with `EFBIG` beyond the limit of the file size (RLIMIT_FSIZE). By default, SIGXFSZ
/// would end the process without a message: setrlimit(2).
pub fn ignore_file_size_signal() {
    // SAFETY: ignoring a signal installs no handler. If the call fails, the default action remains, which
    // is safe.
    unsafe { libc::signal(libc::SIGXFSZ, libc::SIG_IGN) };
}
