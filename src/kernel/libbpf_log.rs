//! The warnings of libbpf and one of its notices, kept until they are needed. Threads that load programs at the same time
//! have a log each.

use std::cell::RefCell;

use libbpf_rs::PrintLevel;

thread_local! {
    /// What libbpf has said in this thread since [`clear`].
    static LOG: RefCell<String> = const { RefCell::new(String::new()) };
}

/// The beginning of the one notice that the log keeps: the kernel has refused the types of the programs, for example because
/// no descriptor was left. It then rejects the programs, which need them.
const NO_TYPES: &str = "libbpf: Error loading .BTF into kernel";

/// Makes libbpf write to the log, and not to standard error.
pub fn capture() {
    libbpf_rs::set_print(Some((PrintLevel::Info, append)));
}

/// Empties the log.
pub fn clear() {
    LOG.with_borrow_mut(String::clear);
}

/// A copy of the log, which must not be borrowed over a call that makes libbpf write to it.
pub fn copy() -> String {
    LOG.with_borrow(String::clone)
}

/// Adds a message of libbpf to the log.
pub fn append(level: PrintLevel, text: String) {
    if level == PrintLevel::Warn || text.starts_with(NO_TYPES) {
        LOG.with_borrow_mut(|log| log.push_str(&text));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_thread_has_a_log_of_its_own() {
        clear();
        append(PrintLevel::Warn, "one".into());
        let other = || {
            append(PrintLevel::Warn, "other".into());
            copy()
        };
        let other = std::thread::spawn(other).join().expect("a log");
        assert_eq!([copy(), other], ["one", "other"]);
        clear();
        append(PrintLevel::Info, "libbpf: a notice\n".into());
        assert_eq!(copy(), "");
    }
}
