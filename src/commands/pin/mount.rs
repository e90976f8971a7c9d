//! The BPF file system that knetstat mounts for its pins.

use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use nix::mount::{mount, umount2, MntFlags, MsFlags};

use crate::host::mounts;

/// The source of a file system that knetstat has mounted, by which it is recognized.
const SOURCE: &str = "knetstat";

/// Mounts a BPF file system. Only root may enter it yet.
///
/// # Errors
///
/// Those of mount(2).
pub fn mount_at(path: &Path) -> io::Result<()> {
    let flags = MsFlags::MS_NOSUID | MsFlags::MS_NODEV | MsFlags::MS_NOEXEC;
    Ok(mount(Some(SOURCE), path, Some("bpf"), flags, Some("mode=0700"))?)
}

/// Unmounts a BPF file system. Files that are still being read keep it, but not its place.
///
/// # Errors
///
/// Those of umount(2).
pub fn unmount(path: &Path) -> io::Result<()> {
    Ok(umount2(path, MntFlags::MNT_DETACH | MntFlags::UMOUNT_NOFOLLOW)?)
}

/// The number of file systems that knetstat has mounted there, one over another. 0 if the visible one is of others, or
/// if /proc does not tell.
pub fn count_own(path: &Path) -> usize {
    let mounts = mounts::bpf().unwrap_or_default();
    // Of several file systems at one place, the last is visible.
    let at_path = mounts.iter().rev().filter(|(_, point)| point == path);
    at_path.take_while(|(source, _)| source == SOURCE.as_bytes()).count()
}

/// Whether knetstat has mounted the file system that is visible there.
pub fn is_own(path: &Path) -> bool {
    count_own(path) > 0
}

/// Whether a file system is mounted there. False for a directory that is mounted on another path of its own file system.
pub fn is_point(path: &Path) -> io::Result<bool> {
    let parent = path.parent().unwrap_or(path);
    Ok(path.metadata()?.dev() != parent.metadata()?.dev())
}

/// Whether the file system is mounted nowhere that the first process sees, as in a mount namespace of its own. False if
/// that is not known.
pub fn is_hidden(path: &Path) -> bool {
    let found = path.metadata().ok();
    found.and_then(|found| mounts::first_process_sees(found.dev())) == Some(false)
}
