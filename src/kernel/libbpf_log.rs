//! The warnings of libbpf, kept until they are needed.

use std::sync::{Mutex, MutexGuard, PoisonError};

use libbpf_rs::PrintLevel;

/// The warnings of libbpf since [`clear`].
static LOG: Mutex<String> = Mutex::new(String::new());

/// Makes libbpf write its warnings to the log, and not to standard error.
pub fn capture() {
    libbpf_rs::set_print(Some((PrintLevel::Warn, append)));
}

/// Empties the log.
pub fn clear() {
    log().clear();
}

/// A copy of the log, because no lock may be held over a call that makes libbpf write to the log.
pub fn copy() -> String {
    log().clone()
}

fn append(_: PrintLevel, text: String) {
    log().push_str(&text);
}

fn log() -> MutexGuard<'static, String> {
    LOG.lock().unwrap_or_else(PoisonError::into_inner)
}
