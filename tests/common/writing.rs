//! A process that is stopped while it writes, and its state in /proc.

use std::fs::{self, File};
use std::io::Write;
use std::os::fd::OwnedFd;
use std::process::{Child, Command, Stdio};

use nix::fcntl::{fcntl, FcntlArg, OFlag};
use nix::libc;
use nix::unistd::pipe2;

use super::wait_until;

/// The stream at which a process is stopped.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Stream {
    Out,
    Err,
}

/// A process that is blocked in write(2), because its pipe is full.
pub struct Writing {
    /// The process, which ends when this is dropped.
    pub child: Child,
    /// Never read, but a write to the other end fails if this one is closed.
    _reader: OwnedFd,
}

impl Writing {
    /// Starts a process, and waits for its first write to this stream.
    pub fn start(command: &mut Command, stream: Stream) -> Writing {
        let (reader, writer) = pipe2(OFlag::O_CLOEXEC).expect("a pipe");
        fill(&writer);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        match stream {
            Stream::Out => command.stdout(writer),
            Stream::Err => command.stderr(writer),
        };
        let child = command.spawn().expect("it starts");
        let mut writing = Writing { child, _reader: reader };
        wait_until(&format!("{command:?} writes to {stream:?}"), || {
            let ended = writing.child.try_wait().expect("wait");
            assert!(ended.is_none(), "{command:?} writes nothing to {stream:?}: {ended:?}");
            writing.task_files("syscall").iter().any(|call| writing.is_write(call))
        });
        writing
    }

    /// Returns the path of a file of the process in /proc.
    pub fn file(&self, name: &str) -> String {
        format!("/proc/{}/{name}", self.child.id())
    }

    /// Returns a file of each of its threads in /proc.
    pub fn task_files(&self, name: &str) -> Vec<String> {
        let tasks = fs::read_dir(self.file("task")).expect("it is there");
        let texts = tasks.filter_map(|task| fs::read_to_string(task.ok()?.path().join(name)).ok());
        texts.collect()
    }

    /// Whether a line of /proc/PID/syscall is that of a thread blocked in write(2) to a pipe.
    fn is_write(&self, line: &str) -> bool {
        let mut words = line.split_whitespace();
        let call = words.next().and_then(|word| word.parse::<i64>().ok());
        let fd = words.next().and_then(|word| word.strip_prefix("0x"));
        let fd = fd.and_then(|digits| u32::from_str_radix(digits, 16).ok());
        let is_pipe = |fd| {
            let target = fs::read_link(self.file(&format!("fd/{fd}")));
            target.is_ok_and(|target| target.to_string_lossy().starts_with("pipe:"))
        };
        matches!(call, Some(libc::SYS_write | libc::SYS_writev)) && fd.is_some_and(is_pipe)
    }

    /// Asserts that no thread has a capability or can gain one, and that each is in the sandbox.
    pub fn has_no_capabilities(&self, what: &str) {
        let statuses = self.task_files("status");
        assert!(!statuses.is_empty(), "{what}");
        for status in &statuses {
            for set in ["CapInh", "CapPrm", "CapEff", "CapAmb"] {
                assert_eq!(member(status, set), "0000000000000000", "{what}: {set}");
            }
            assert_eq!(member(status, "NoNewPrivs"), "1", "{what}");
            // PR_GET_SECCOMP: the calls are filtered.
            assert_eq!(member(status, "Seccomp"), "2", "{what}");
        }
    }
}

impl Drop for Writing {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Fills a pipe.
fn fill(pipe: &OwnedFd) {
    fcntl(pipe, FcntlArg::F_SETPIPE_SZ(4096)).expect("F_SETPIPE_SZ");
    fcntl(pipe, FcntlArg::F_SETFL(OFlag::O_NONBLOCK)).expect("O_NONBLOCK");
    let mut file = File::from(pipe.try_clone().expect("dup"));
    while file.write(&[b'x'; 4096]).is_ok() {}
    fcntl(pipe, FcntlArg::F_SETFL(OFlag::empty())).expect("no O_NONBLOCK");
}

/// Returns a member of /proc/PID/status.
pub fn member<'a>(status: &'a str, name: &str) -> &'a str {
    let lines = status.lines().filter_map(|line| line.split_once(':'));
    let value = lines.filter(|(member, _)| *member == name).map(|(_, value)| value.trim()).next();
    value.unwrap_or_else(|| panic!("no {name} in {status}"))
}
