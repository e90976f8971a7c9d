//! The holders of sockets according to /proc.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use nix::libc;
use serde_json::{json, Value};

use crate::common::sockets;
use crate::common::ways::NO_WALKS;

/// A descriptor of a socket: PID, the thread if it has descriptors of its own, number, whether it has O_NONBLOCK, and
/// the name of the process.
type Holder = (u32, Option<u32>, u32, bool, String);

/// All held sockets by inode: the descriptors of every process and every thread in /proc.
pub type Held = BTreeMap<u64, BTreeSet<Holder>>;

/// Reads the processes in this thread's network namespace, and this process. Processes that end meanwhile
/// are skipped.
pub fn held() -> Held {
    let namespace = |process: &str| fs::read_link(format!("/proc/{process}/ns/net")).ok();
    let here = namespace("thread-self");
    let mut held = Held::new();
    // The first thread of a process may have exited, and is then in no namespace.
    let is_here = |pid: u32| {
        let mut threads = numbers(format!("/proc/{pid}/task")).into_iter();
        threads.any(|tid| namespace(&format!("{pid}/task/{tid}")) == here)
    };
    for pid in numbers("/proc") {
        if pid == std::process::id() || is_here(pid) {
            held_by(pid, &mut held);
        }
    }
    held
}

/// Reads one process.
pub fn held_by(pid: u32, held: &mut Held) {
    let Some(command) = command(pid) else {
        return;
    };
    for tid in numbers(format!("/proc/{pid}/task")) {
        let thread = format!("/proc/{pid}/task/{tid}");
        let own = (!shares_descriptors(pid, tid)).then_some(tid);
        for fd in numbers(format!("{thread}/fd")) {
            let inode = socket_inode(&format!("{thread}/fd/{fd}"));
            let flags = inode.and_then(|_| flags(&format!("{thread}/fdinfo/{fd}")));
            // Such a descriptor is of the inode alone: open(2).
            let flags = flags.filter(|flags| flags & libc::O_PATH == 0);
            if let (Some(inode), Some(flags)) = (inode, flags) {
                let nonblock = flags & nix::libc::O_NONBLOCK != 0;
                held.entry(inode).or_default().insert((pid, own, fd, nonblock, command.clone()));
            }
        }
    }
}

/// Whether a thread has the descriptors of its process: kcmp(2).
fn shares_descriptors(pid: u32, tid: u32) -> bool {
    const KCMP_FILES: i32 = 2;
    // SAFETY: with this type, the call takes numbers only.
    pid == tid || unsafe { libc::syscall(libc::SYS_kcmp, pid, tid, KCMP_FILES, 0, 0) } == 0
}

/// Returns the names in a directory that are numbers.
fn numbers(directory: impl AsRef<Path>) -> Vec<u32> {
    let Ok(entries) = fs::read_dir(directory) else {
        return Vec::new();
    };
    entries.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok()).collect()
}

/// Parses `socket:[4711]`.
fn socket_inode(link: &str) -> Option<u64> {
    let target = fs::read_link(link).ok()?;
    target.to_str()?.strip_prefix("socket:[")?.strip_suffix(']')?.parse().ok()
}

fn flags(fdinfo: &str) -> Option<i32> {
    let text = fs::read_to_string(fdinfo).ok()?;
    let flags = text.lines().find_map(|line| line.strip_prefix("flags:"))?;
    i32::from_str_radix(flags.trim(), 8).ok()
}

/// Returns the name of the thread group's leader, escaped as the manual page describes.
fn command(pid: u32) -> Option<String> {
    let bytes = fs::read(format!("/proc/{pid}/comm")).ok()?;
    Some(escaped(bytes.strip_suffix(b"\n")?))
}

fn escaped(bytes: &[u8]) -> String {
    let mut text = String::new();
    for chunk in bytes.utf8_chunks() {
        for c in chunk.valid().chars() {
            match c {
                '\\' => text.push_str("\\\\"),
                c if c.is_control() => {
                    c.to_string().bytes().for_each(|byte| text += &format!("\\x{byte:02x}"));
                }
                c => text.push(c),
            }
        }
        chunk.invalid().iter().for_each(|byte| text += &format!("\\x{byte:02x}"));
    }
    text
}

/// Returns the member `processes` for these holders.
pub fn processes(holders: &BTreeSet<Holder>) -> Value {
    let process = |(pid, tid, fd, nonblock, command): &Holder| {
        let mut process = json!({"pid": pid, "command": command, "fd": fd, "nonblock": nonblock});
        if let Some(tid) = tid {
            process["tid"] = json!(tid);
        }
        process
    };
    holders.iter().map(process).collect()
}

/// Asserts that the rows have all processes that hold them, each descriptor once, and the owner `process`.
/// Rows without a holder must have no processes and another owner.
pub fn assert_held(rows: &[Value], held: &Held) {
    assert!(!rows.is_empty());
    for row in rows {
        match row["inode"].as_u64().and_then(|inode| held.get(&inode)) {
            Some(holders) => {
                assert_eq!(row["processes"], processes(holders), "{row}");
                assert_eq!(row["owner"], "process", "{row}");
            }
            None => {
                assert_eq!(row["processes"], json!([]), "{row}");
                assert_ne!(row["owner"], "process", "{row}");
            }
        }
    }
}

/// Returns the sockets that knetstat shows in this thread's namespace, after asserting that their owners
/// match /proc.
pub fn owned(arguments: &str) -> Vec<Value> {
    let rows = sockets(&format!("-p -O nodelay {arguments}"));
    assert_held(&rows, &held());
    rows
}

/// Asserts that the kernel's iterator over descriptors, which is also pinned, finds the same holders.
pub fn assert_iterator_finds_holders() {
    assert_held(&sockets(&format!("{NO_WALKS} -p -O nodelay")), &held());
}
