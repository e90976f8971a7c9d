//! The directory of the pins: making it, with a BPF file system, and taking everything away again.

use std::ffi::OsString;
use std::fs::{self, File, Permissions};
use std::io;
use std::os::unix::fs::{chown, symlink, MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use nix::errno::Errno;
use nix::fcntl::{Flock, FlockArg};
use nix::mount::{mount, umount2, MntFlags, MsFlags};
use nix::sys::statfs::{fstatfs, BPF_FS_MAGIC};

use crate::error::{reason, Error, LoadError};
use crate::host::mounts;
use crate::kernel::module;
use crate::kernel::pins::{CURRENT, SET};
use crate::kernel::syscall;
use crate::text::escaped;

/// The source of a file system that knetstat has mounted, by which it is recognized.
const SOURCE: &str = "knetstat";

/// The beginning of the names of files that are renamed when they are finished.
const UNFINISHED: &str = "new_";

/// The names of files that stand beside the set, because each is complete in itself: [`Directory::replace`]. They are the
/// text files of the kernel module.
pub const SINGLE: [&str; 4] = module::FILES;

/// Who may read the pins.
#[derive(Clone, Copy)]
pub struct Access {
    pub gid: u32,
    /// Of the files: 0400, 0440 or 0444.
    pub mode: u32,
}

impl Access {
    /// Gives a file of root to those who may read it.
    ///
    /// # Errors
    ///
    /// Those of chown(2) and chmod(2).
    pub fn give_file(self, path: &Path) -> io::Result<()> {
        chown(path, Some(0), Some(self.gid))?;
        fs::set_permissions(path, Permissions::from_mode(self.mode))
    }

    /// The same for a directory, which they may also search.
    ///
    /// # Errors
    ///
    /// As [`Access::give_file`].
    pub fn give_directory(self, path: &Path) -> io::Result<()> {
        chown(path, Some(0), Some(self.gid))?;
        let search = (self.mode & 0o444) >> 2;
        fs::set_permissions(path, Permissions::from_mode(0o700 | self.mode | search))
    }
}

/// A directory of pins that no other process changes meanwhile.
pub struct Directory {
    path: PathBuf,
    _lock: Flock<File>,
}

impl Directory {
    /// Makes the directory and mounts a BPF file system there, unless it is in one. Returns it, and whether it was
    /// mounted now.
    ///
    /// # Errors
    ///
    /// When the directory is in use for something else, or cannot be made.
    pub fn make(path: &Path, access: Access) -> Result<(Directory, bool), Error> {
        let is_new = match fs::create_dir(path) {
            Ok(()) => true,
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => false,
            Err(error) => return Err(failed(path, "cannot make the directory", &error)),
        };
        let (directory, is_mounted) = match Directory::open(path) {
            Ok(Some(directory)) => (directory, false),
            Ok(None) => {
                mount_at(path)?;
                let mounted = Directory::open(path)?;
                (mounted.ok_or_else(|| busy(path))?, true)
            }
            Err(error) => return Err(error),
        };
        // A directory that an administrator has made for this and other pins keeps its mode.
        if is_new || is_mounted || is_own_mount(path) || path.join(CURRENT).is_symlink() {
            let given = access.give_directory(path);
            given.map_err(|error| failed(path, "cannot set the mode of the directory", &error))?;
        }
        Ok((directory, is_mounted))
    }

    /// Opens a directory in a BPF file system, and locks it. `None` if it is in another file system.
    ///
    /// # Errors
    ///
    /// When it cannot be opened, or when another process changes it.
    pub fn open(path: &Path) -> Result<Option<Directory>, Error> {
        let unreadable = |error: io::Error| failed(path, "cannot open the directory", &error);
        let file = File::open(path).map_err(unreadable)?;
        let is_bpf = fstatfs(&file).map_err(|errno| unreadable(errno.into()))?.filesystem_type()
            == BPF_FS_MAGIC;
        if !is_bpf {
            return Ok(None);
        }
        let lock = Flock::lock(file, FlockArg::LockExclusiveNonblock).map_err(|_| busy(path))?;
        // Between the two calls, another process may have unmounted the file system.
        let opened = lock.metadata().map_err(unreadable)?;
        match path.metadata() {
            Ok(there) if (there.dev(), there.ino()) == (opened.dev(), opened.ino()) => {
                Ok(Some(Directory { path: path.to_owned(), _lock: lock }))
            }
            _ => Err(busy(path)),
        }
    }

    /// Makes a directory for a set, which nobody else may search yet, under a name that no other set has had.
    ///
    /// # Errors
    ///
    /// When the kernel refuses.
    pub fn make_set(&self) -> Result<OsString, Error> {
        let mut id = [0; 8];
        let made = syscall::fill_random(&mut id).and_then(|()| {
            let name = format!("{SET}{:016x}", u64::from_ne_bytes(id));
            fs::create_dir(self.path.join(&name))?;
            fs::set_permissions(self.path.join(&name), Permissions::from_mode(0o700))?;
            Ok(name.into())
        });
        made.map_err(|error| failed(&self.path, "cannot make a set", &error))
    }

    /// Makes readers use a finished set from now on, and removes all others.
    ///
    /// # Errors
    ///
    /// When the kernel refuses.
    pub fn publish(&self, set: &OsString) -> Result<(), Error> {
        let (unfinished, current) =
            (self.path.join(format!("{UNFINISHED}{CURRENT}")), self.path.join(CURRENT));
        let published = remove_if_there(&unfinished)
            .and_then(|()| symlink(set, &unfinished))
            .and_then(|()| fs::rename(&unfinished, &current));
        published.map_err(|error| failed(&self.path, "cannot replace the set", &error))?;
        self.remove_sets_but(Some(set))
    }

    /// Pins a file beside the set, in place of an earlier one of that name. Its readers always find a file. The name is
    /// one of [`SINGLE`], by which [`Directory::remove`] finds it.
    ///
    /// # Errors
    ///
    /// When the kernel refuses.
    pub fn replace(
        &self,
        name: &str,
        access: Access,
        pin: impl FnOnce(&Path) -> Result<(), LoadError>,
    ) -> Result<(), Error> {
        let unfinished = self.path.join(format!("{UNFINISHED}{name}"));
        let refused = |error: io::Error| failed(&self.path, &format!("cannot pin {name}"), &error);
        remove_if_there(&unfinished).map_err(refused)?;
        pin(&unfinished).map_err(|error| Error::Pinning(shown(&self.path), error.sentence()))?;
        access.give_file(&unfinished).map_err(refused)?;
        fs::rename(&unfinished, self.path.join(name)).map_err(refused)
    }

    /// Removes every set but one, and what an interrupted process has left unfinished.
    ///
    /// # Errors
    ///
    /// When the kernel refuses.
    pub fn remove_sets_but(&self, kept: Option<&OsString>) -> Result<(), Error> {
        let remove = || {
            for entry in fs::read_dir(&self.path)? {
                let (path, name) = entry.map(|entry| (entry.path(), entry.file_name()))?;
                match name.as_encoded_bytes() {
                    _ if Some(&name) == kept => {}
                    set if set.starts_with(SET.as_bytes()) => fs::remove_dir_all(path)?,
                    file if file.starts_with(UNFINISHED.as_bytes()) => fs::remove_file(path)?,
                    _ => {}
                }
            }
            Ok(())
        };
        remove().map_err(|error| failed(&self.path, "cannot remove a set", &error))
    }

    /// Takes away all pins, the file system if knetstat has mounted it, and the directory, unless something else is in
    /// it. Returns whether the directory is gone.
    ///
    /// # Errors
    ///
    /// When the kernel refuses.
    pub fn remove(self) -> Result<bool, Error> {
        let refused = |error| failed(&self.path, "cannot remove the pins", &error);
        // First the name by which readers find the rest.
        remove_if_there(&self.path.join(CURRENT)).map_err(refused)?;
        SINGLE
            .iter()
            .try_for_each(|name| remove_if_there(&self.path.join(name)))
            .map_err(refused)?;
        self.remove_sets_but(None)?;
        let is_mount = is_own_mount(&self.path);
        for entry in fs::read_dir(&self.path).map_err(refused)? {
            // The kernel itself puts files there, by names with a dot: kernel/bpf/inode.c, populate_bpffs().
            let name = entry.map_err(refused)?.file_name();
            if !(is_mount && name.as_encoded_bytes().contains(&b'.')) {
                return Ok(false);
            }
        }
        if is_mount {
            // Files that are still being read keep the file system, but not its place.
            umount2(&self.path, MntFlags::MNT_DETACH | MntFlags::UMOUNT_NOFOLLOW)
                .map_err(|errno| refused(errno.into()))?;
        }
        remove_empty(&self.path)
    }
}

/// Removes a directory, unless something is in it, or mounted at it.
///
/// # Errors
///
/// When the kernel refuses for another reason.
pub fn remove_empty(path: &Path) -> Result<bool, Error> {
    match fs::remove_dir(path) {
        Ok(()) => Ok(true),
        Err(error) => match error.raw_os_error().map(Errno::from_raw) {
            Some(Errno::EBUSY | Errno::ENOTEMPTY) => Ok(false),
            _ => Err(failed(path, "cannot remove the directory", &error)),
        },
    }
}

/// Mounts a BPF file system at an empty directory. Only root may enter it yet.
fn mount_at(path: &Path) -> Result<(), Error> {
    let entries = fs::read_dir(path);
    let mut entries = entries.map_err(|error| failed(path, "cannot read the directory", &error))?;
    if entries.next().is_some() {
        return Err(Error::Pinning(shown(path), "it is not empty (name a new directory)".into()));
    }
    let flags = MsFlags::MS_NOSUID | MsFlags::MS_NODEV | MsFlags::MS_NOEXEC;
    let mounted = mount(Some(SOURCE), path, Some("bpf"), flags, Some("mode=0700"));
    mounted.map_err(|errno| failed(path, "cannot mount a BPF file system", &errno.into()))
}

/// Whether a file system is mounted there, and knetstat has mounted it. False if /proc does not tell.
fn is_own_mount(path: &Path) -> bool {
    let path = path.canonicalize().unwrap_or_default();
    let mounts = mounts::bpf().unwrap_or_default();
    // Of several file systems at one place, the last is visible.
    let visible = mounts.iter().rev().find(|(_, point)| *point == path);
    visible.is_some_and(|(source, _)| source == SOURCE.as_bytes())
}

fn remove_if_there(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

fn busy(path: &Path) -> Error {
    let why = "another process is changing them (run it again when it has ended)";
    Error::Pinning(shown(path), why.into())
}

/// The error for a step that failed.
pub fn failed(path: &Path, what: &str, error: &io::Error) -> Error {
    let remedy = match error.kind() {
        io::ErrorKind::PermissionDenied => " (run it as root, outside of containers)",
        _ => "",
    };
    Error::Pinning(shown(path), format!("{what}: {}{remedy}", reason(error)))
}

fn shown(path: &Path) -> String {
    escaped(path.as_os_str().as_encoded_bytes())
}
