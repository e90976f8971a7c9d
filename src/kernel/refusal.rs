//! Why libbpf or the kernel refused a program, from the error and the log of libbpf.

use std::fs::File;
use std::io;
use std::os::fd::OwnedFd;
use std::path::Path;

use libbpf_rs::ErrorKind;
use nix::errno::Errno;
use nix::sys::memfd::{memfd_create, MFdFlags};

use crate::error::LoadError;
use crate::kernel::btf::{KernelBtf, KERNEL_BTF};
use crate::kernel::capability::memory_limit;
use crate::kernel::libbpf_log;
use crate::text::escaped;

/// Returns the reason of a failure to load, attach or open, from the error and the log.
pub fn reason(error: &libbpf_rs::Error) -> LoadError {
    let (log, text) = (libbpf_log::copy(), format!("{error:#}"));
    // If no descriptor was left for a map, libbpf continues with an invalid one. If none was left for the types, it
    // continues without them.
    let too_many =
        ["Too many open files", "is not pointing to valid bpf_map", "-EMFILE", "-ENFILE"];
    if too_many.iter().any(|words| log.contains(words) || text.contains(words)) {
        return LoadError::TooManyFiles;
    }
    if let Err(errno @ (Errno::ENOSYS | Errno::EPERM | Errno::EACCES)) = memfd() {
        return LoadError::NoMemfd(errno.desc());
    }
    if let Some(words) = verifier_message(&log) {
        return LoadError::Verifier(escaped(words.as_bytes()));
    }
    if log.contains("failed to find kernel BTF type ID of") {
        return LoadError::NoIterator;
    }
    match error.kind() {
        ErrorKind::Unsupported => LoadError::NoBpf,
        _ if !Path::new(KERNEL_BTF).exists() && KernelBtf::load().is_none() => {
            LoadError::NoBtf(KERNEL_BTF)
        }
        _ if may_not_be_read(KERNEL_BTF) && KernelBtf::load().is_none() => {
            LoadError::UnreadableBtf(KERNEL_BTF)
        }
        ErrorKind::PermissionDenied if memory_limit().is_some() => LoadError::MemoryLimit,
        ErrorKind::PermissionDenied => LoadError::Forbidden,
        _ => {
            let last = log.lines().last().map(|line| escaped(line.trim().as_bytes()));
            LoadError::Other(last.map_or(text.clone(), |last| format!("{text} ({last})")))
        }
    }
}

fn may_not_be_read(path: &str) -> bool {
    File::open(path).is_err_and(|error| error.kind() == io::ErrorKind::PermissionDenied)
}

/// Opens a file in memory, as libbpf does for each map and program.
fn memfd() -> nix::Result<OwnedFd> {
    memfd_create(c"probe", MFdFlags::MFD_CLOEXEC)
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
    use libbpf_rs::PrintLevel;

    use super::*;

    /// Other threads of a start may have closed descriptors before the program is loaded.
    #[test]
    fn a_descriptor_that_was_missing_for_the_types_is_the_reason() {
        libbpf_log::clear();
        let error = libbpf_rs::Error::from_raw_os_error(Errno::EINVAL as i32);
        let rejected = "libbpf: prog 'x': -- BEGIN PROG LOAD LOG --\nmissing btf func_info\n\
                        processed 0 insns (limit 1000000)\n-- END PROG LOAD LOG --\n";
        libbpf_log::append(PrintLevel::Warn, rejected.into());
        assert!(
            matches!(reason(&error), LoadError::Verifier(said) if said == "missing btf func_info")
        );
        let no_types =
            "libbpf: Error loading .BTF into kernel: -EMFILE. BTF is optional, ignoring.\n";
        libbpf_log::append(PrintLevel::Info, no_types.into());
        assert!(matches!(reason(&error), LoadError::TooManyFiles));
        libbpf_log::clear();
    }

    #[test]
    fn the_message_is_the_last_line_before_the_statistics() {
        let log = "libbpf: prog 'x': -- BEGIN PROG LOAD LOG --\n0: R1=ctx()\ninvalid func 7\n\
                   processed 1 insns (limit 1000000)\n-- END PROG LOAD LOG --\nlibbpf: failed\n";
        assert_eq!(verifier_message(log), Some("invalid func 7"));
        assert_eq!(verifier_message("libbpf: failed to load object\n"), None);
    }
}
