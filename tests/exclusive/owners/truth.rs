//! What /proc says of who holds which socket.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use serde_json::{json, Value};

use crate::common::sockets;

/// A descriptor of a socket: process, number, whether it has O_NONBLOCK, and the process's name.
type Holder = (u32, u32, bool, String);

/// All that is held, by the number of the socket's inode: the descriptors of every process and
/// every thread that /proc shows.
pub type Held = BTreeMap<u64, BTreeSet<Holder>>;

/// Looks through the processes of this thread's network namespace, and through this process. What
/// ends meanwhile is passed over.
pub fn held() -> Held {
    let namespace = |process: &str| fs::read_link(format!("/proc/{process}/ns/net")).ok();
    let here = namespace("thread-self");
    let mut held = Held::new();
    for pid in numbers("/proc") {
        if pid == std::process::id() || namespace(&pid.to_string()) == here {
            held_by(pid, &mut held);
        }
    }
    held
}

/// Looks at one process.
pub fn held_by(pid: u32, held: &mut Held) {
    let Some(command) = command(pid) else {
        return;
    };
    for thread in numbers(format!("/proc/{pid}/task")) {
        let thread = format!("/proc/{pid}/task/{thread}");
        for fd in numbers(format!("{thread}/fd")) {
            let inode = socket_inode(&format!("{thread}/fd/{fd}"));
            let flags = inode.and_then(|_| flags(&format!("{thread}/fdinfo/{fd}")));
            if let (Some(inode), Some(flags)) = (inode, flags) {
                let nonblock = flags & nix::libc::O_NONBLOCK != 0;
                held.entry(inode).or_default().insert((pid, fd, nonblock, command.clone()));
            }
        }
    }
}

/// The names in a directory that are numbers.
fn numbers(directory: impl AsRef<Path>) -> Vec<u32> {
    let Ok(entries) = fs::read_dir(directory) else {
        return Vec::new();
    };
    entries.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok()).collect()
}

/// `socket:[4711]`
fn socket_inode(link: &str) -> Option<u64> {
    let target = fs::read_link(link).ok()?;
    target.to_str()?.strip_prefix("socket:[")?.strip_suffix(']')?.parse().ok()
}

fn flags(fdinfo: &str) -> Option<i32> {
    let text = fs::read_to_string(fdinfo).ok()?;
    let flags = text.lines().find_map(|line| line.strip_prefix("flags:"))?;
    i32::from_str_radix(flags.trim(), 8).ok()
}

/// The name of the thread group's leader, worded as the manual page says.
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

/// The member `processes` for these holders.
pub fn processes(holders: &BTreeSet<Holder>) -> Value {
    let process = |(pid, fd, nonblock, command): &Holder| json!({"pid": pid, "command": command, "fd": fd, "nonblock": nonblock});
    holders.iter().map(process).collect()
}

/// Asserts that the rows have the processes that hold them, all of them and each descriptor once, and
/// `process` as their owner; and that those that nobody holds have none, and another word.
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

/// The sockets that knetstat shows in this thread's namespace, whose owners are those of /proc.
pub fn owned(arguments: &str) -> Vec<Value> {
    let rows = sockets(&format!("-p -O nodelay {arguments}"));
    assert_held(&rows, &held());
    rows
}
