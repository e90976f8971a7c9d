//! The BPF file system that knetstat mounts for its pins.

use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use rustix::fs::{mkdirat, Mode, CWD};
use rustix::mount::{
    fsconfig_create, fsconfig_set_string, fsmount, fsopen, move_mount, unmount as umount2,
    FsMountFlags, FsOpenFlags, MountAttrFlags, MoveMountFlags, UnmountFlags,
};

use crate::host::mounts;

/// A directory in the root of each file system that knetstat has mounted, by which that is recognized. The source of the
/// file system, `knetstat`, is for people: Linux 5.10 does not keep it, and shows `none`.
pub const MARK: &str = "knetstat_mount";

/// Mounts a BPF file system. Only root may enter it yet. It has its mark before it is mounted, so that nothing that a
/// process leaves when it is killed looks like the file system of others.
///
/// # Errors
///
/// Those of fsopen(2), fsconfig(2), fsmount(2), mkdirat(2) and move_mount(2).
pub fn mount_at(path: &Path) -> io::Result<()> {
    let context = fsopen("bpf", FsOpenFlags::FSOPEN_CLOEXEC)?;
    fsconfig_set_string(&context, "source", "knetstat")?;
    fsconfig_set_string(&context, "mode", "0700")?;
    fsconfig_create(&context)?;
    let attributes = MountAttrFlags::MOUNT_ATTR_NOSUID
        | MountAttrFlags::MOUNT_ATTR_NODEV
        | MountAttrFlags::MOUNT_ATTR_NOEXEC;
    let root = fsmount(&context, FsMountFlags::FSMOUNT_CLOEXEC, attributes)?;
    mkdirat(&root, MARK, Mode::RWXU)?;
    Ok(move_mount(&root, "", CWD, path, MoveMountFlags::MOVE_MOUNT_F_EMPTY_PATH)?)
}

/// Unmounts a BPF file system. Files that are still being read keep it, but not its place.
///
/// # Errors
///
/// Those of umount(2).
pub fn unmount(path: &Path) -> io::Result<()> {
    Ok(umount2(path, UnmountFlags::DETACH | UnmountFlags::NOFOLLOW)?)
}

/// Whether knetstat has mounted the file system whose root is visible there.
pub fn is_own(path: &Path) -> bool {
    path.join(MARK).symlink_metadata().is_ok_and(|mark| mark.is_dir() && mark.uid() == 0)
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
