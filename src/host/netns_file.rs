//! The files by which network namespaces are found, and advice for those that cannot be opened.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::fd::{AsFd, AsRawFd};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::Path;

use nix::errno::Errno;
use nix::libc;
use nix::sched::CloneFlags;
use nix::sys::statfs::{fstatfs, NSFS_MAGIC, PROC_SUPER_MAGIC};

use crate::error::is_too_many_files;
use crate::kernel::syscall;
use crate::text::escaped;

/// Opens the file of a namespace. Any other file is refused with `ENOTTY`, as in ioctl_nsfs(2), and is
/// not opened for reading: opening a FIFO unblocks its writer, and opening a device can have any effect.
///
/// # Errors
///
/// `ENOTTY`, or why the file cannot be opened.
pub fn open(path: &Path) -> io::Result<File> {
    let place = find(path)?;
    // The path may lead to another file by now, so the descriptor is reopened.
    match File::open(format!("/proc/self/fd/{}", place.as_raw_fd())) {
        // Without /proc, only the path can be opened.
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            OpenOptions::new().read(true).custom_flags(libc::O_NONBLOCK).open(path)
        }
        file => file,
    }
}

/// The inode number of the file of a namespace, which identifies the namespace.
///
/// # Errors
///
/// As [`open`].
pub fn inode(path: &Path) -> io::Result<u32> {
    Ok(find(path)?.metadata()?.ino() as u32)
}

/// Finds the file of a namespace without opening it.
fn find(path: &Path) -> io::Result<File> {
    let place = OpenOptions::new().read(true).custom_flags(libc::O_PATH).open(path)?;
    match fstatfs(&place)?.filesystem_type() {
        NSFS_MAGIC => Ok(place),
        // Linux 5.10 stays at the directory of a link that it does not permit to follow.
        PROC_SUPER_MAGIC
            if place.metadata()?.is_dir() && fs::symlink_metadata(path)?.is_symlink() =>
        {
            Err(Errno::EACCES.into())
        }
        _ => Err(Errno::ENOTTY.into()),
    }
}

/// Whether the file is a network namespace. Only namespaces report their kind (ioctl_nsfs(2),
/// NS_GET_NSTYPE).
///
/// # Errors
///
/// When the kernel, or a filter of system calls, refuses the request.
pub fn is_netns(file: &File) -> io::Result<bool> {
    match syscall::namespace_kind(file.as_fd()) {
        Err(error) if error.raw_os_error() == Some(Errno::ENOTTY as i32) => Ok(false),
        kind => Ok(kind? == CloneFlags::CLONE_NEWNET.bits()),
    }
}

/// Whether the error means that there is no such file, or that it is not a namespace.
pub fn is_missing(error: &io::Error) -> bool {
    matches!(error.raw_os_error().map(Errno::from_raw), Some(Errno::ENOENT | Errno::ENOTTY))
}

/// A path, escaped for a message.
pub fn shown(path: &Path) -> String {
    escaped(path.as_os_str().as_encoded_bytes())
}

/// What to do about the error, as the end of a sentence.
pub fn remedy(error: &io::Error) -> &'static str {
    match error.kind() {
        io::ErrorKind::PermissionDenied => {
            " (this requires CAP_SYS_ADMIN, and CAP_SYS_PTRACE for processes of other users: run it \
             with sudo)"
        }
        _ if is_too_many_files(error) => " (raise the limit: `ulimit -n 1024`)",
        _ => "",
    }
}
