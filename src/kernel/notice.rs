//! A notice for the user that the kernel has been silent for a while.

use std::sync::mpsc::{Receiver, RecvError, RecvTimeoutError};
use std::sync::{Condvar, MutexGuard, PoisonError};
use std::time::Duration;

/// Says, once, that the kernel has been silent for a while.
pub struct Notice {
    pub after: Duration,
    pub say: Box<dyn FnOnce() + Send>,
}

/// Receives from a channel, with the notice if that takes long.
pub(super) fn receive<T>(
    channel: &Receiver<T>,
    waiting: &mut Option<Notice>,
) -> Result<T, RecvError> {
    if let Some(notice) = waiting.take() {
        match channel.recv_timeout(notice.after) {
            Err(RecvTimeoutError::Timeout) => (notice.say)(),
            received => {
                *waiting = Some(notice);
                return received.map_err(|_| RecvError);
            }
        }
    }
    channel.recv()
}

/// Waits for a condition, maybe in vain, with the notice if that takes long.
pub(super) fn wait<'a, T>(
    changed: &Condvar,
    guard: MutexGuard<'a, T>,
    waiting: &mut Option<Notice>,
) -> MutexGuard<'a, T> {
    let Some(notice) = waiting.take() else {
        return changed.wait(guard).unwrap_or_else(PoisonError::into_inner);
    };
    let waited = changed.wait_timeout(guard, notice.after);
    let (guard, waited) = waited.unwrap_or_else(PoisonError::into_inner);
    match waited.timed_out() {
        true => (notice.say)(),
        false => *waiting = Some(notice),
    }
    guard
}
