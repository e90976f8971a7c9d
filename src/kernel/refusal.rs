//! Why libbpf or the kernel refused a program, from the error and the log of libbpf.

use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};

use libbpf_rs::{ErrorKind, PrintLevel};

use crate::error::LoadError;
use crate::kernel::btf::KERNEL_BTF;
use crate::kernel::capability::memory_limit;
use crate::text::escaped;

/// The warnings of libbpf since [`clear_log`].
static LOG: Mutex<String> = Mutex::new(String::new());

/// Makes libbpf write its warnings to the log, and not to standard error.
pub fn capture_log() {
    libbpf_rs::set_print(Some((PrintLevel::Warn, append)));
}

/// Empties the log.
pub fn clear_log() {
    log().clear();
}

fn append(_: PrintLevel, text: String) {
    log().push_str(&text);
}

fn log() -> MutexGuard<'static, String> {
    LOG.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The reason of a failure to load, attach or open, by the error and the log up to it.
pub fn reason(error: &libbpf_rs::Error) -> LoadError {
    // A copy: what is called below may make libbpf write to the log.
    let (log, text) = (log().clone(), format!("{error:#}"));
    // Where the last descriptor was needed for a map, libbpf continues with an invalid one.
    let too_many = ["Too many open files", "is not pointing to valid bpf_map"];
    if too_many.iter().any(|words| log.contains(words) || text.contains(words)) {
        return LoadError::TooManyFiles;
    }
    if let Some(words) = verifier_message(&log) {
        return LoadError::Verifier(escaped(words.as_bytes()));
    }
    if log.contains("failed to find kernel BTF type ID of") {
        return LoadError::NoIterator;
    }
    match error.kind() {
        ErrorKind::Unsupported => LoadError::NoBpf,
        _ if !Path::new(KERNEL_BTF).exists() => LoadError::NoBtf(KERNEL_BTF),
        ErrorKind::PermissionDenied if memory_limit().is_some() => LoadError::MemoryLimit,
        ErrorKind::PermissionDenied => LoadError::Forbidden,
        _ => {
            let last = log.lines().last().unwrap_or_default().trim();
            LoadError::Other(format!("{text} ({})", escaped(last.as_bytes())))
        }
    }
}

/// The message of the verifier about the instruction that it rejects: the last line before its
/// statistics.
fn verifier_message(log: &str) -> Option<&str> {
    let (_, log) = log.split_once("BEGIN PROG LOAD LOG --")?;
    let log = log.split("-- END PROG LOAD LOG").next()?;
    let statistics = ["processed ", "verification time ", "stack depth "];
    log.lines()
        .rfind(|line| !line.is_empty() && !statistics.iter().any(|start| line.starts_with(start)))
}

#[cfg(test)]
mod tests {
    use super::verifier_message;

    #[test]
    fn the_message_is_the_last_line_before_the_statistics() {
        let log = "libbpf: prog 'x': -- BEGIN PROG LOAD LOG --\n0: R1=ctx()\ninvalid func 7\n\
                   processed 1 insns (limit 1000000)\n-- END PROG LOAD LOG --\nlibbpf: failed\n";
        assert_eq!(verifier_message(log), Some("invalid func 7"));
        assert_eq!(verifier_message("libbpf: failed to load object\n"), None);
    }
}
