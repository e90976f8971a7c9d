//! The signals that end a run without an end of its own: SIGINT and SIGTERM.

use std::os::fd::BorrowedFd;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use nix::libc::c_int;
use nix::poll::{ppoll, PollFd, PollFlags};
use nix::sys::signal::{
    pthread_sigmask, sigaction, SaFlags, SigAction, SigHandler, SigSet, SigmaskHow, Signal,
};

const SIGNALS: [Signal; 2] = [Signal::SIGINT, Signal::SIGTERM];

/// Whether one of the signals has arrived.
static HAS_ARRIVED: AtomicBool = AtomicBool::new(false);

extern "C" fn note(_: c_int) {
    HAS_ARRIVED.store(true, Ordering::Relaxed);
}

/// Has the signals noted from now on, so that a round that has begun is written to its end. The second one ends the
/// process at once, even if the kernel or the reader of the output holds it up. A signal that is ignored, as in a job
/// of nohup(1), stays ignored.
pub fn note_signals() {
    let flags = SaFlags::SA_RESTART | SaFlags::SA_RESETHAND;
    let action = SigAction::new(SigHandler::Handler(note), flags, SigSet::empty());
    for signal in SIGNALS {
        // SAFETY: the handler only writes to an atomic variable, which is safe at any moment.
        let before = unsafe { sigaction(signal, &action) };
        let was_ignored = |before: &SigAction| matches!(before.handler(), SigHandler::SigIgn);
        if let Some(before) = before.ok().filter(was_ignored) {
            // SAFETY: this is the action that the process had.
            let _ = unsafe { sigaction(signal, &before) };
        }
    }
}

/// Whether one of the signals that are noted has arrived.
pub fn has_signal() -> bool {
    HAS_ARRIVED.load(Ordering::Relaxed)
}

/// Has SIGINT and SIGQUIT ignored, which the keyboard sends to all programs on the terminal.
pub fn ignore_interrupts() {
    ignore(&[Signal::SIGINT, Signal::SIGQUIT]);
}

/// Has all signals ignored that are sent to a group of processes to end it.
pub fn ignore_end_of_group() {
    ignore(&[Signal::SIGHUP, Signal::SIGINT, Signal::SIGQUIT, Signal::SIGTERM]);
}

fn ignore(signals: &[Signal]) {
    for signal in signals {
        // SAFETY: ignoring a signal installs no handler.
        let _ = unsafe { nix::sys::signal::signal(*signal, SigHandler::SigIgn) };
    }
}

/// Waits for this time. Returns whether the run is to end, because a signal has arrived or nobody can read `output`
/// any more: a pipe that was closed, or a terminal that hung up.
pub fn ends_within(time: Duration, output: BorrowedFd) -> bool {
    let signals: SigSet = SIGNALS.into_iter().collect();
    let mut mask = SigSet::empty();
    // A signal that arrives after the variable was read ends the call instead: ppoll(2).
    let is_blocked = pthread_sigmask(SigmaskHow::SIG_BLOCK, Some(&signals), Some(&mut mask));
    let mut polled = [PollFd::new(output, PollFlags::empty())];
    let is_gone =
        !has_signal() && matches!(ppoll(&mut polled, Some(time.into()), Some(mask)), Ok(1..));
    if is_blocked.is_ok() {
        let _ = pthread_sigmask(SigmaskHow::SIG_SETMASK, Some(&mask), None);
    }
    is_gone || has_signal()
}
