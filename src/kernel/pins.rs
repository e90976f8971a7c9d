//! Pins: iterators that are files of a BPF file system, which users without privileges read.
//!
//! What `knetstat pin` makes in its directory:
//!
//! ```text
//! records -> set_5f0c...       the set that readers use
//! set_5f0c.../                 programs whose records belong together
//!     version -> 0.1.0 81d3... the version of knetstat, and [`RECORDS`]
//!     lacking -> sock.sk_drops ...   the members that the kernel lacks, if there are any
//!     locking -> tcp_table ...       the files here and beside the set whose readers take the lock of each socket
//!     tcp_table udp_table ...  a file for each program, by its name in programs.rs
//! ```
//!
//! The records of one set belong together, because their identities have the same key (bpf/identity.h). A reader opens
//! the directory of a set once, and all files by that directory. It therefore never mixes two sets, and no record
//! has to name the set. A set is finished before `records` leads to it.
//!
//! A BPF file system has no files with text, and reading a map requires bpf(2). But it has symbolic links, whose targets
//! are text that every reader of the directory may read, and that is replaced with the set.

use std::collections::BTreeSet;
use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::path::Path;
use std::sync::Arc;

use nix::errno::Errno;
use nix::fcntl::{open, openat, readlink, readlinkat, OFlag};
use nix::sys::stat::{fstat, Mode, SFlag};
use nix::sys::statfs::{fstatfs, BPF_FS_MAGIC};

use crate::error::{with_remedy, PinsError};
use crate::kernel::caller;
use crate::kernel::family::Family;
use crate::kernel::programs::{Program, Subject, PROGRAMS};
use crate::kernel::shared::Shared;
use crate::text::escaped;
use crate::text::suggest::listed;

/// Where pins are made, and where users without privileges look for them.
pub const DIRECTORY: &str = "/run/knetstat";
/// The name of the symbolic link to the set that readers use.
pub const CURRENT: &str = "records";
/// The beginning of the names of sets. No name in a BPF file system contains a dot: kernel/bpf/inode.c, bpf_lookup().
pub const SET: &str = "set_";
/// The names of the symbolic links with text in a set.
pub const VERSION: &str = "version";
pub const LACKING: &str = "lacking";
pub const LOCKING: &str = "locking";

/// A number that changes with the records that the programs write: build.rs.
pub const RECORDS: &str = env!("KNETSTAT_RECORDS");

/// How often a set is opened that is replaced meanwhile.
const TRIES: usize = 100;

/// The command that makes pins in a place, as it is typed.
pub fn command_to_make(place: &str) -> String {
    match place {
        DIRECTORY => "`sudo knetstat pin`".into(),
        place => format!("`sudo knetstat pin --dir {place}`"),
    }
}

/// The text of [`VERSION`] in a set of this program.
pub fn version() -> String {
    format!("{} {RECORDS}", env!("CARGO_PKG_VERSION"))
}

/// The pins of one set.
pub struct Pins {
    /// The directory, for messages.
    pub place: String,
    /// The members of the kernel's structures that the programs lack.
    pub lacking: Vec<String>,
    pins: Vec<Pin>,
}

/// A pinned iterator. It can be opened as long as this value exists, even if the pin is replaced or removed.
#[derive(Clone)]
pub struct Pin {
    pub program: &'static Program,
    /// Whether it is a walk, which takes no lock of a socket: src/kernel/shared.rs
    pub is_walk: bool,
    file: Arc<OwnedFd>,
    set: Arc<OwnedFd>,
    /// The directory, for messages.
    place: Arc<str>,
}

impl Pins {
    /// Opens the pins of these programs, as far as they exist, with the rights of the caller.
    ///
    /// # Errors
    ///
    /// When there are no pins, or they cannot be used.
    pub fn open(directory: &Path, programs: &[&'static Program]) -> Result<Pins, PinsError> {
        let opened = caller::with_rights_of_caller(|| {
            for _ in 0..TRIES {
                let name = current(directory);
                let pins =
                    name.clone().and_then(|name| Set::open(directory, &name)?.pins(programs));
                // What was read of a set that was being removed may be incomplete, also if that was an error.
                if current(directory) == name {
                    return Ok(pins);
                }
            }
            Ok(Err(PinsError::Replaced))
        });
        opened.map_err(of_io)?
    }

    /// Whether the processes that hold sockets are not among them: `knetstat pin --with-owners`.
    pub fn lack_owners(&self) -> bool {
        !self.pins.iter().any(|pin| pin.program.subject == Subject::Owners)
    }

    /// Whether a walk that is pinned shows what the program would.
    pub fn have_walk_for(&self, program: &Program) -> bool {
        let place = Shared::place_of(program.name);
        self.pins.iter().any(|pin| pin.is_walk && place == Some(pin.program.name))
    }

    /// The pin of a program.
    pub fn of(&self, program: &'static Program) -> Option<&Pin> {
        self.pins.iter().find(|pin| pin.program.name == program.name)
    }
}

impl Pin {
    /// How a user who may not read it gets it.
    pub fn how_to_get(&self) -> String {
        let make = command_to_make(&self.place);
        format!("the pins have been removed, or are for others now; an administrator makes them: {make}")
    }

    /// Opens the iterator, with the rights of the caller. It iterates over the sockets of the network namespace of this
    /// thread.
    ///
    /// # Errors
    ///
    /// When the file cannot be read, or an iterator cannot be opened.
    pub fn open(&self) -> io::Result<File> {
        caller::with_rights_of_caller(|| {
            match File::open(format!("/proc/self/fd/{}", self.file.as_raw_fd())) {
                // Without /proc, only the name can be opened, as long as the set exists.
                Err(error) if error.kind() == io::ErrorKind::NotFound => {
                    let flags = OFlag::O_RDONLY | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
                    Ok(openat(&self.set, self.program.name, flags, Mode::empty())?.into())
                }
                file => file,
            }
        })
    }
}

/// The name of the set that readers use.
///
/// # Errors
///
/// When there is none.
pub fn current(directory: &Path) -> Result<OsString, PinsError> {
    readlink(&directory.join(CURRENT)).map_err(|errno| of_io(errno.into()))
}

/// The directory of a set.
pub struct Set {
    place: Arc<str>,
    directory: Arc<OwnedFd>,
}

impl Set {
    /// Opens the set of this name, of any version.
    ///
    /// # Errors
    ///
    /// When there is none, or it is not in a BPF file system.
    pub fn open(directory: &Path, name: &OsStr) -> Result<Set, PinsError> {
        // Nothing is opened for reading: opening a FIFO unblocks its writer, and opening a device can have any effect.
        let flags = OFlag::O_PATH | OFlag::O_DIRECTORY | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
        let set = open(&directory.join(name), flags, Mode::empty());
        let set = set.map_err(|errno| of_io(errno.into()))?;
        let place = escaped(directory.as_os_str().as_encoded_bytes());
        match is_bpf(&set) {
            Ok(true) => Ok(Set { place: place.into(), directory: Arc::new(set) }),
            Ok(false) => Err(PinsError::Foreign),
            Err(error) => Err(of_io(error)),
        }
    }

    /// Opens the pins of these programs, as far as they exist.
    fn pins(&self, programs: &[&'static Program]) -> Result<Pins, PinsError> {
        let version = self.version()?;
        match version.split_once(' ') {
            Some((_, RECORDS)) => {}
            Some((version, _)) => {
                return Err(PinsError::Version(format!(
                    "knetstat {}",
                    escaped(version.as_bytes())
                )));
            }
            None => return Err(PinsError::Foreign),
        }
        let pins = programs.iter().filter_map(|it| self.pin(it).transpose());
        let mut pins: Vec<Pin> = pins.collect::<io::Result<_>>().map_err(of_io)?;
        let locking = self.text(LOCKING).map_err(of_io)?.unwrap_or_default();
        for pin in pins.iter_mut().filter(|pin| pin.program.takes_locks) {
            pin.is_walk = !locking.split_whitespace().any(|name| name == pin.program.name);
        }
        let lacking = self.text(LACKING).map_err(of_io)?.unwrap_or_default();
        let lacking = lacking.split_whitespace().map(str::to_owned).collect();
        Ok(Pins { place: self.place.to_string(), lacking, pins })
    }

    /// The version of the program that made the set, and the number of its records.
    ///
    /// # Errors
    ///
    /// [`PinsError::Foreign`] if it has none.
    pub fn version(&self) -> Result<String, PinsError> {
        let text = self.text(VERSION).map_err(of_io)?;
        text.ok_or(PinsError::Foreign)
    }

    /// Whether the set has a pin of this program, or of a walk that shows the same.
    pub fn has(&self, program: &'static Program) -> bool {
        self.pin(program).is_ok_and(|pin| pin.is_some()) || self.has_walk_for(program)
    }

    fn has_walk_for(&self, program: &Program) -> bool {
        let Some(place) = Shared::place_of(program.name) else { return false };
        let Some(replaced) = PROGRAMS.iter().find(|it| it.name == place) else { return false };
        let locking = self.text(LOCKING).ok().flatten().unwrap_or_default();
        self.pin(replaced).is_ok_and(|pin| pin.is_some())
            && !locking.split_whitespace().any(|name| name == place)
    }

    /// The files whose readers take the lock of each socket, in words. Empty if there are none, or it is unknown.
    pub fn locking(&self) -> String {
        let names = self.text(LOCKING).ok().flatten().unwrap_or_default();
        in_words(names.split_whitespace())
    }

    /// The target of a symbolic link in the set. `None` if there is no such link.
    fn text(&self, name: &str) -> io::Result<Option<String>> {
        match readlinkat(&self.directory, name) {
            Ok(text) => Ok(Some(text.to_string_lossy().into_owned())),
            Err(Errno::ENOENT | Errno::EINVAL) => Ok(None),
            Err(errno) => Err(errno.into()),
        }
    }

    /// The pin of a program. `None` if the set has none.
    fn pin(&self, program: &'static Program) -> io::Result<Option<Pin>> {
        let flags = OFlag::O_PATH | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
        let file = match openat(&self.directory, program.name, flags, Mode::empty()) {
            Ok(file) => file,
            Err(Errno::ENOENT) => return Ok(None),
            Err(errno) => return Err(errno.into()),
        };
        let kind = SFlag::from_bits_truncate(fstat(&file)?.st_mode) & SFlag::S_IFMT;
        match is_bpf(&file)? && kind == SFlag::S_IFREG {
            true => {
                let (file, set) = (Arc::new(file), Arc::clone(&self.directory));
                let place = Arc::clone(&self.place);
                Ok(Some(Pin { program, is_walk: false, file, set, place }))
            }
            // Mounted over the pin.
            false => Err(Errno::EINVAL.into()),
        }
    }
}

/// What files show: the families of sockets, other programs, and texts by their names.
pub fn in_words<'a>(names: impl Iterator<Item = &'a str>) -> String {
    let (mut families, mut others) = (BTreeSet::new(), Vec::new());
    for name in names {
        match PROGRAMS.iter().find(|it| it.name == name) {
            Some(program) => match program.family() {
                Some(family) => drop(families.insert(family)),
                None => others.push(program.to_string()),
            },
            None => others.push(escaped(name.as_bytes())),
        }
    }
    let titles: Vec<&str> = families.into_iter().map(Family::title).collect();
    let sockets = (!titles.is_empty()).then(|| format!("{} sockets", listed(&titles, "and")));
    sockets.into_iter().chain(others).collect::<Vec<_>>().join(", ")
}

fn is_bpf(file: impl AsFd) -> io::Result<bool> {
    Ok(fstatfs(file)?.filesystem_type() == BPF_FS_MAGIC)
}

fn of_io(error: io::Error) -> PinsError {
    match error.raw_os_error().map(Errno::from_raw) {
        Some(Errno::ENOENT) => PinsError::None,
        Some(Errno::EACCES | Errno::EPERM) => PinsError::Denied,
        Some(Errno::ENOTDIR | Errno::ELOOP | Errno::EINVAL) => PinsError::Foreign,
        _ => PinsError::Other(with_remedy(&error)),
    }
}
