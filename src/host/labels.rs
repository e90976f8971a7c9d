//! The labels of sockets: extended attributes that programs such as systemd set. They are read through the descriptor of
//! a process that holds the socket.

use std::cell::Cell;
use std::collections::HashMap;
use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use caps::Capability;

use crate::error::reason;
use crate::kernel::{capability, xattr};
use crate::socket::holders::{Holder, Owners, Task};

/// Whether this process can read the labels of all sockets, and the kernel has labels.
pub fn are_readable() -> bool {
    capability::has(Capability::CAP_SYS_PTRACE) && xattr::sockets_have_them()
}

/// The names and values of the labels of a socket, in the order of the names.
pub type Labels = Vec<(Vec<u8>, Vec<u8>)>;

/// The labels of all sockets that processes hold.
#[derive(Default)]
pub struct LabelsOfSockets {
    /// `None` if this kernel has no labels.
    by_inode: Option<HashMap<u64, Labels>>,
    /// Why some may be missing.
    obstacle: Option<String>,
    /// Whether labels were requested that may be among the missing ones.
    is_missed: Cell<bool>,
}

impl LabelsOfSockets {
    /// Reads the labels of all sockets that processes hold. Those of processes with other rights require
    /// CAP_SYS_PTRACE.
    pub fn read(owners: &Owners) -> LabelsOfSockets {
        let mut labels = LabelsOfSockets::default();
        if !xattr::sockets_have_them() {
            return labels;
        }
        let mut by_inode = HashMap::new();
        for holder in owners.all() {
            let inode = holder.inode;
            // The descriptor of another process serves as well, if this one has closed it meanwhile.
            // The files of an io_uring have no path.
            if by_inode.contains_key(&inode) || holder.slot.is_some() {
                continue;
            }
            match read(&path_of(holder), inode) {
                Ok(Some(found)) => drop(by_inode.insert(inode, found)),
                Ok(None) => {}
                Err(error) => labels.note(&path_of(holder), &error),
            }
        }
        labels.by_inode = Some(by_inode);
        labels
    }

    /// Whether sockets can have labels on this kernel.
    pub fn exist(&self) -> bool {
        self.by_inode.is_some()
    }

    /// The labels of the socket with this inode. `None` if they are unknown.
    pub fn of(&self, inode: u64) -> Option<&Labels> {
        let labels = self.by_inode.as_ref()?.get(&inode);
        self.is_missed.set(self.is_missed.get() || labels.is_none());
        labels
    }

    /// What is missing of the requested labels, as the end of a sentence. `None` if nothing is.
    pub fn missing(&self) -> Option<String> {
        let why = self.obstacle.as_ref().filter(|_| self.is_missed.get());
        why.map(|why| format!("labels of sockets: {why}"))
    }

    fn note(&mut self, path: &Path, error: &io::Error) {
        let remedy = match error.kind() {
            io::ErrorKind::PermissionDenied => " (this requires CAP_SYS_PTRACE: run it with sudo)",
            _ => "",
        };
        let why = || format!("cannot read {}: {}{remedy}", path.display(), reason(error));
        self.obstacle.get_or_insert_with(why);
    }
}

fn path_of(holder: &Holder) -> PathBuf {
    let Task { pid, tid, .. } = *holder.task;
    let fd = holder.fd;
    match tid {
        Some(tid) => format!("/proc/{pid}/task/{tid}/fd/{fd}").into(),
        None => format!("/proc/{pid}/fd/{fd}").into(),
    }
}

/// Reads the labels of the file, if it is the one with this inode. `None` if it is not, or has been closed.
fn read(path: &Path, inode: u64) -> io::Result<Option<Labels>> {
    let found = xattr::of_users(path).and_then(|labels| Ok((labels, fs::metadata(path)?.ino())));
    match found {
        Ok((labels, found)) => Ok((found == inode).then_some(labels)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A file, which has attributes on more kernels than a socket.
    #[test]
    fn attributes_of_users_are_labels() {
        let path = std::env::temp_dir().join(format!("knetstat-labels-{}", std::process::id()));
        let file = fs::File::create(&path).expect("a file");
        let inode = file.metadata().expect("a file").ino();
        assert_eq!(read(&path, inode).expect("a file"), Some(Vec::new()));
        if xattr::set(&file, c"user.b", b"").is_ok() {
            xattr::set(&file, c"user.a", b"x\0y\xff").expect("an attribute");
            let labels = [(&b"user.a"[..], &b"x\0y\xff"[..]), (b"user.b", b"")];
            let labels = labels.map(|(name, value)| (name.to_vec(), value.to_vec())).to_vec();
            assert_eq!(read(&path, inode).expect("a file"), Some(labels));
        }
        assert_eq!(read(&path, inode + 1).expect("a file"), None, "it is another one");
        fs::remove_file(&path).expect("a file");
        assert_eq!(read(&path, inode).expect("no file"), None);
    }
}
