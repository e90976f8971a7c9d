//! The directory of the pins: making it, with a BPF file system, and taking everything away again.

use std::ffi::{OsStr, OsString};
use std::fs::{self, DirBuilder, File, Permissions};
use std::io;
use std::os::unix::fs::{symlink, DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::Path;

use nix::errno::Errno;
use nix::fcntl::{Flock, FlockArg, OFlag};
use nix::sys::statfs::{fstatfs, statfs, Statfs, BPF_FS_MAGIC};

use super::access::Access;
use super::failure::{failed, shown};
use super::mount::{self, MARK};
use super::place::Place;
use crate::error::{Error, LoadError};
use crate::kernel::module;
use crate::kernel::pins::{self, CURRENT, SET, VERSION};
use crate::kernel::programs::{Subject, PROGRAMS};
use crate::kernel::syscall;

/// The beginning of the names of files that are renamed when they are finished.
const UNFINISHED: &str = "new_";

/// The directory whose lock a process holds while it changes the pins. Only root can open it: a reader of the pins who
/// locks what it can open holds up nobody.
const LOCK: &str = "knetstat_lock";

/// The names of files that stand beside the set, because each is complete in itself: [`Directory::replace`]. They are the
/// text files of the kernel module.
pub const SINGLE: [&str; 4] = module::FILES;

/// What is pinned in a directory, and for whom.
#[derive(Clone, Copy)]
pub struct Existing {
    pub access: Access,
    /// Whether the processes that hold sockets are pinned.
    pub owners: bool,
}

impl Existing {
    /// Finds the set that readers use. `None` if there is none that knetstat has made.
    pub fn find(place: &Place) -> Option<Existing> {
        let set = pins::current(place.path()).ok().filter(|name| is_set(name))?;
        let set = place.path().join(set);
        let found = set.symlink_metadata().ok().filter(|it| it.is_dir() && it.uid() == 0)?;
        let access = Access { gid: found.gid(), mode: found.mode() & 0o444 };
        let owners = PROGRAMS.iter().filter(|it| it.subject == Subject::Owners);
        let owners = owners.into_iter().any(|it| set.join(it.name).exists());
        Some(Existing { access, owners })
    }
}

/// A directory of pins that no other process changes meanwhile.
pub struct Directory {
    place: Place,
    made: Made,
    _lock: Flock<File>,
}

/// What this run has made.
#[derive(Clone, Copy, Default)]
struct Made {
    is_new: bool,
    is_mounted: bool,
}

impl Directory {
    /// Makes the directory and mounts a BPF file system there, unless it is in one. `old` are the readers of the pins that
    /// are there.
    ///
    /// # Errors
    ///
    /// When the directory is in use for something else, or cannot be made.
    pub fn make(place: &Place, access: Access, old: Option<Access>) -> Result<Directory, Error> {
        let path = place.path();
        let is_new = match DirBuilder::new().mode(0o700).create(path) {
            Ok(()) => true,
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => false,
            Err(error) => return Err(failed(path, "cannot make the directory", &error)),
        };
        let mut directory = match Directory::open(place)? {
            Some(directory) => directory,
            None => Directory::mount(place, is_new)?,
        };
        directory.made.is_new = is_new;
        directory.check_names()?;
        match directory.give(access, old) {
            Ok(()) => Ok(directory),
            Err(error) => {
                directory.abandon(access);
                Err(failed(path, "cannot set the mode of the directory", &error))
            }
        }
    }

    /// Mounts a BPF file system at an empty directory, and opens it.
    fn mount(place: &Place, is_new: bool) -> Result<Directory, Error> {
        let path = place.path();
        let refused = |error: io::Error| failed(path, "cannot mount a BPF file system", &error);
        let flags = OFlag::O_DIRECTORY | OFlag::O_NOFOLLOW;
        let below = File::options().read(true).custom_flags(flags.bits()).open(path);
        // Two processes that mount file systems at once would hide the one that was mounted first.
        let below = Flock::lock(below.map_err(refused)?, FlockArg::LockExclusiveNonblock);
        let _below = below.map_err(|_| busy(path))?;
        let found = statfs(path).map_err(|errno| refused(errno.into()))?;
        if is_bpf(&found) {
            return Err(busy(path));
        }
        if fs::read_dir(path).map_err(refused)?.next().is_some() {
            return Err(Error::Pinning(
                shown(path),
                "it is not empty (name a new directory)".into(),
            ));
        }
        let mounted = mount::mount_at(path).inspect_err(|_| {
            if is_new {
                let _ = fs::remove_dir(path);
            }
        });
        mounted.map_err(refused)?;
        let mut directory = Directory::open(place)?.ok_or_else(|| busy(path))?;
        directory.made.is_mounted = true;
        Ok(directory)
    }

    /// Lets the readers in, unless the mode of the directory is that of an administrator.
    fn give(&self, access: Access, old: Option<Access>) -> io::Result<()> {
        let path = self.path();
        let found = path.metadata()?;
        // In a file system of others, a directory that knetstat has made is as the last run has left it. The root of the
        // file system is not of knetstat, even if it looks like that.
        let was_given = || -> io::Result<bool> {
            Ok(old.is_some_and(|old| old.is_given(&found)) && !mount::is_point(path)?)
        };
        match self.made.is_new || mount::is_own(path) || was_given()? {
            true => access.give_directory(path),
            false => Ok(()),
        }
    }

    /// Whether the file system was mounted by this run.
    pub fn is_mounted(&self) -> bool {
        self.made.is_mounted
    }

    /// Removes what a run has made that failed. What cannot be removed now is removed by the next run.
    pub fn abandon(self, access: Access) {
        let path = self.path();
        let current = pins::current(path).ok().filter(|_| !self.made.is_new);
        let _ = match self.made.is_mounted {
            true => mount::unmount(path).is_ok(),
            false => self.remove_sets_but(current.as_ref(), access).is_ok(),
        };
        if self.made.is_new {
            let _ = fs::remove_dir(path.join(LOCK));
            let _ = fs::remove_dir(path);
        }
    }

    /// Opens a directory in a BPF file system, and locks it. `None` if it is in another file system.
    ///
    /// # Errors
    ///
    /// When it cannot be opened, or when another process changes it.
    pub fn open(place: &Place) -> Result<Option<Directory>, Error> {
        let path = place.path();
        let unreadable = |error: io::Error| failed(path, "cannot lock the directory", &error);
        let found = statfs(path).map_err(|errno| unreadable(errno.into()))?;
        if !is_bpf(&found) {
            return Ok(None);
        }
        let file = open_lock(&path.join(LOCK)).map_err(unreadable)?;
        let lock = Flock::lock(file, FlockArg::LockExclusiveNonblock).map_err(|_| busy(path))?;
        // Between these calls, another process may have removed the pins, and even unmounted the file system.
        let found = fstatfs(&*lock).map_err(|errno| unreadable(errno.into()))?;
        if !is_bpf(&found) {
            let _ = fs::remove_dir(path.join(LOCK));
            return Err(busy(path));
        }
        let opened = lock.metadata().map_err(unreadable)?;
        if opened.uid() != 0 || opened.mode() & 0o077 != 0 {
            let why =
                format!("others may open {LOCK} in it (remove that, or use another directory)");
            return Err(Error::Pinning(shown(path), why));
        }
        match path.join(LOCK).symlink_metadata() {
            Ok(there) if (there.dev(), there.ino()) == (opened.dev(), opened.ino()) => {
                Ok(Some(Directory { place: place.clone(), made: Made::default(), _lock: lock }))
            }
            _ => Err(busy(path)),
        }
    }

    /// The canonical path.
    pub fn path(&self) -> &Path {
        self.place.path()
    }

    /// Whether every name in the directory that knetstat uses is its own: it has mounted the file system, or has left a
    /// set.
    fn is_ours(&self) -> bool {
        mount::is_own(self.path()) || self.has_set()
    }

    fn has_set(&self) -> bool {
        pins::current(self.path()).is_ok_and(|name| is_set(&name))
    }

    /// Refuses to replace files of others.
    fn check_names(&self) -> Result<(), Error> {
        if self.is_ours() {
            return Ok(());
        }
        let names = [CURRENT].into_iter().chain(SINGLE);
        let foreign = names.into_iter().find(|it| self.path().join(it).symlink_metadata().is_ok());
        match foreign {
            None => Ok(()),
            Some(name) => {
                let _ = fs::remove_dir(self.path().join(LOCK));
                let why = format!("{name} there is not of knetstat (use another directory: --dir)");
                Err(Error::Pinning(shown(self.path()), why))
            }
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
            DirBuilder::new().mode(0o700).create(self.path().join(&name))?;
            Ok(name.into())
        });
        made.map_err(|error| failed(self.path(), "cannot make a set", &error))
    }

    /// Makes readers use a finished set from now on, and removes all others, as [`Directory::remove_sets_but`]. The files
    /// beside the set are for the same readers at once, also those that are not replaced.
    ///
    /// # Errors
    ///
    /// When the kernel refuses.
    pub fn publish(&self, set: &OsString, access: Access) -> Result<(), Error> {
        let (unfinished, current) =
            (self.path().join(format!("{UNFINISHED}{CURRENT}")), self.path().join(CURRENT));
        let published = remove_if_there(&unfinished)
            .and_then(|()| symlink(set, &unfinished))
            .and_then(|()| fs::rename(&unfinished, &current))
            .and_then(|()| SINGLE.iter().try_for_each(|it| revoke(&self.path().join(it), access)));
        published.map_err(|error| failed(self.path(), "cannot replace the set", &error))?;
        self.remove_sets_but(Some(set), access)
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
        let unfinished = self.path().join(format!("{UNFINISHED}{name}"));
        let refused = |error: io::Error| failed(self.path(), &format!("cannot pin {name}"), &error);
        remove_if_there(&unfinished).map_err(refused)?;
        pin(&unfinished).map_err(|error| Error::Pinning(shown(self.path()), error.sentence()))?;
        access.give_file(&unfinished).map_err(refused)?;
        fs::rename(&unfinished, self.path().join(name)).map_err(refused)
    }

    /// Removes every set but one, and what an interrupted process has left unfinished. Who has opened a pin without
    /// reading it, by O_PATH, keeps this access to it.
    ///
    /// # Errors
    ///
    /// When the kernel refuses.
    pub fn remove_sets_but(&self, kept: Option<&OsString>, access: Access) -> Result<(), Error> {
        // In a file system that knetstat has mounted, every set is its own, also one that lacks its version.
        let is_mount = mount::is_own(self.path());
        let remove = || {
            for entry in fs::read_dir(self.path())? {
                let (path, name) = entry.map(|entry| (entry.path(), entry.file_name()))?;
                match &name {
                    _ if Some(&name) == kept => {}
                    _ if is_set(&name) && (is_mount || is_own_set(&path)?) => {
                        remove_set(&path, access)?
                    }
                    _ if is_unfinished(&name) => fs::remove_file(path)?,
                    _ => {}
                }
            }
            Ok(())
        };
        remove().map_err(|error| failed(self.path(), "cannot remove a set", &error))
    }

    /// Takes away all pins, the file system if knetstat has mounted it, and the directory, unless something else is in
    /// it. Returns whether the directory is gone.
    ///
    /// # Errors
    ///
    /// When the kernel refuses.
    pub fn remove(self) -> Result<bool, Error> {
        let path = self.path();
        let refused = |error| failed(path, "cannot remove the pins", &error);
        let is_mount = mount::is_own(path);
        if self.is_ours() {
            // The link is last: without it, an interrupted run would leave files of nobody.
            let names = SINGLE.into_iter().chain([CURRENT]).map(|name| path.join(name));
            let remove = |it: &Path| revoke(it, Access::NOBODY).and_then(|()| remove_if_there(it));
            names.into_iter().try_for_each(|it| remove(&it)).map_err(refused)?;
        }
        self.remove_sets_but(None, Access::NOBODY)?;
        let unlock = || fs::remove_dir(path.join(LOCK)).map_err(refused);
        for entry in fs::read_dir(path).map_err(refused)? {
            // The kernel itself puts files there, by names with a dot: kernel/bpf/inode.c, populate_bpffs().
            let name = entry.map_err(refused)?.file_name();
            let is_of_kernel = is_mount && name.as_encoded_bytes().contains(&b'.');
            if !is_of_kernel && name != LOCK && name != MARK {
                unlock()?;
                return Ok(false);
            }
        }
        match is_mount {
            false => unlock()?,
            // The lock goes with it, so that no other process makes pins there before.
            true => mount::unmount(path).map_err(refused)?,
        }
        // A file system that another one has hidden.
        match is_mount && mount::is_own(path) {
            true => {
                Directory::open(&self.place)?.map_or_else(|| remove_empty(path), Directory::remove)
            }
            false => remove_empty(path),
        }
    }
}

/// Opens the directory [`LOCK`], which is made if it is not there.
fn open_lock(path: &Path) -> io::Result<File> {
    match DirBuilder::new().mode(0o700).create(path) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
        _ => {}
    }
    let flags = OFlag::O_DIRECTORY | OFlag::O_NOFOLLOW;
    File::options().read(true).custom_flags(flags.bits()).open(path)
}

/// Whether it is the name of a set: [`Directory::make_set`].
fn is_set(name: &OsStr) -> bool {
    let digits = name.as_encoded_bytes().strip_prefix(SET.as_bytes()).unwrap_or_default();
    digits.len() == 16 && digits.iter().all(|it| matches!(it, b'0'..=b'9' | b'a'..=b'f'))
}

/// Whether it is the name of a file that knetstat renames when it is finished.
fn is_unfinished(name: &OsStr) -> bool {
    let name = name.to_str().and_then(|name| name.strip_prefix(UNFINISHED));
    name.is_some_and(|name| name == CURRENT || SINGLE.contains(&name))
}

/// Whether knetstat has made a set: it has a version, or root alone may search it yet.
fn is_own_set(path: &Path) -> io::Result<bool> {
    let set = path.symlink_metadata()?;
    let is_unfinished = set.mode() & 0o777 == 0o700;
    Ok(set.is_dir() && set.uid() == 0 && (is_unfinished || path.join(VERSION).is_symlink()))
}

/// Removes a set. Its mode is that of an unfinished one first, by which the next run recognizes what an interrupted one
/// leaves.
fn remove_set(path: &Path, access: Access) -> io::Result<()> {
    fs::set_permissions(path, Permissions::from_mode(0o700))?;
    for entry in fs::read_dir(path)? {
        revoke(&entry?.path(), access)?;
    }
    fs::remove_dir_all(path)
}

/// Leaves only this access to a file that is about to be removed. It exists as long as somebody has opened it, and who
/// has opened it by O_PATH can open it for reading: proc_pid_fd(5).
fn revoke(path: &Path, access: Access) -> io::Result<()> {
    match path.symlink_metadata() {
        Ok(found) if found.is_file() => access.give_file(path),
        _ => Ok(()),
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

fn is_bpf(found: &Statfs) -> bool {
    found.filesystem_type() == BPF_FS_MAGIC
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
