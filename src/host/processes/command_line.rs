//! The arguments of a process: proc_pid_cmdline(5).

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::Path;

/// More bytes than execve(2) accepts: fs/exec.c, bprm_set_stack_limits(). A process can pretend that any part of its
/// memory contains its arguments: prctl(2), PR_SET_MM.
const LENGTH_MAX: u64 = 8 * 1024 * 1024;

/// Reads the arguments of the process with this directory in /proc. Empty for a kernel thread, and if the process has
/// ended.
///
/// # Errors
///
/// If the process does not exist any more, or is hidden.
pub fn read(directory: &Path) -> io::Result<Vec<Vec<u8>>> {
    let first = of_thread(directory)?;
    if !first.is_empty() {
        return Ok(first);
    }
    // The first thread may have ended before the others, which share its memory.
    for thread in fs::read_dir(directory.join("task"))? {
        match of_thread(&thread?.path()) {
            Ok(arguments) if arguments.is_empty() => {}
            Ok(arguments) => return Ok(arguments),
            // This one has ended, too.
            Err(_) => {}
        }
    }
    Ok(Vec::new())
}

fn of_thread(directory: &Path) -> io::Result<Vec<Vec<u8>>> {
    let mut bytes = Vec::new();
    File::open(directory.join("cmdline"))?.take(LENGTH_MAX).read_to_end(&mut bytes)?;
    Ok(split(&bytes))
}

/// Splits the arguments, which end with zero bytes. Programs that replace them by a title fill the rest with zero bytes.
/// So empty arguments at the end are dropped.
fn split(bytes: &[u8]) -> Vec<Vec<u8>> {
    let length = bytes.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
    match &bytes[..length] {
        [] => Vec::new(),
        bytes => bytes.split(|byte| *byte == 0).map(<[u8]>::to_vec).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::split;

    #[test]
    fn arguments_and_titles() {
        let texts = |bytes: &[u8]| -> Vec<String> {
            split(bytes).into_iter().map(|it| String::from_utf8(it).expect("text")).collect()
        };
        assert_eq!(texts(b"sleep\x005\x00"), ["sleep", "5"]);
        assert_eq!(texts(b"a\x00\x00b c\x00"), ["a", "", "b c"]);
        // Without a zero byte, and padded.
        assert_eq!(texts(b"sshd: root"), ["sshd: root"]);
        assert_eq!(texts(b"postgres: writer \x00\x00\x00\x00"), ["postgres: writer "]);
        // No arguments, before and since 5.18.
        assert!(texts(b"").is_empty() && texts(b"\x00").is_empty());
    }
}
