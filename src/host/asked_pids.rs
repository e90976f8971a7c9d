//! Why a process that was asked for by its PID may have no row.

use std::cell::RefCell;
use std::collections::{BTreeMap, HashSet};
use std::fs;
use std::io;
use std::path::Path;

use nix::errno::Errno;

use crate::host::netns_file;
use crate::host::netns_names::Names;
use crate::host::processes::check_view;
use crate::kernel::namespace;
use crate::text::escaped;

/// The processes that were asked for, as long as no socket of theirs is found, and why none may be.
#[derive(Debug, Default)]
pub struct AskedPids(RefCell<BTreeMap<u32, String>>);

impl AskedPids {
    /// Looks up the processes. `shown` are the inode numbers of the network namespaces that are shown; `None` stands for all,
    /// and for those that are not known.
    pub fn look_up(pids: &[u32], shown: Option<&[u32]>) -> AskedPids {
        let obstacles = pids.iter().filter_map(|pid| Some((*pid, obstacle(*pid, shown)?)));
        AskedPids(RefCell::new(obstacles.collect()))
    }

    /// Notes that a socket of this process is shown.
    pub fn found(&self, pid: u32) {
        self.0.borrow_mut().remove(&pid);
    }

    /// The processes without a socket that is shown, each as the end of a sentence.
    pub fn missing(&self) -> Vec<String> {
        self.0.borrow().values().cloned().collect()
    }
}

/// Why the sockets of a process are not shown, as the end of a sentence. `None` if they are, or if that is not known.
fn obstacle(pid: u32, shown: Option<&[u32]>) -> Option<String> {
    let is_pid = i32::try_from(pid).is_ok_and(|pid| pid > 0);
    let has_proc = check_view().is_ok();
    if !is_pid || !namespace::has_task(pid, pid) {
        return Some(match process_of(pid).filter(|_| has_proc) {
            Some(process) => format!("process {pid}, which is a thread of process {process}"),
            None => format!("process {pid}, which does not exist"),
        });
    }
    let (shown, used) = (shown.filter(|_| has_proc)?, namespaces_of(pid).ok()?);
    let other = used.iter().min().filter(|_| shown.iter().all(|inode| !used.contains(inode)))?;
    let names = Names::read();
    let name = names.of(*other).map_or_else(|| other.to_string(), escaped);
    Some(format!("process {pid}, which is in network namespace {name} (-N {pid} shows that)"))
}

/// The process of a thread: proc_pid_status(5). /proc shows threads that are asked for.
fn process_of(tid: u32) -> Option<u32> {
    let status = fs::read_to_string(format!("/proc/{tid}/status")).ok()?;
    let process =
        status.lines().find_map(|line| line.strip_prefix("Tgid:"))?.trim().parse().ok()?;
    (process != tid).then_some(process)
}

/// The network namespaces of its threads, by inode number. One that has exited, like the first one of some processes, is in
/// none.
fn namespaces_of(pid: u32) -> io::Result<HashSet<u32>> {
    let threads = fs::read_dir(format!("/proc/{pid}/task"))?;
    let namespaces = threads.map(|thread| netns_file::inode(&thread?.path().join("ns/net")));
    let has_exited = |error: &io::Error| {
        error.kind() == io::ErrorKind::NotFound || error.raw_os_error() == Some(Errno::ESRCH as i32)
    };
    let present = namespaces.filter(|it| !it.as_ref().is_err_and(has_exited));
    present.collect()
}

/// The inode number of the network namespace of this thread.
pub fn own_namespace() -> Option<u32> {
    netns_file::inode(Path::new("/proc/thread-self/ns/net")).ok()
}
