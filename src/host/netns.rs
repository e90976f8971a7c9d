//! Network namespaces: how they are named, found and entered.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::ffi::OsString;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read};
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::os::unix::ffi::OsStringExt;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use nix::errno::Errno;
use nix::libc;
use nix::sched::{setns, CloneFlags};
use nix::sys::stat::fstat;
use nix::sys::statfs::{fstatfs, NSFS_MAGIC};

use crate::error::Error;
use crate::kernel::{caller, syscall};
use crate::record;
use crate::text::escaped;

/// Where ip(8) keeps the namespaces that it gave a name: ip-netns(8).
const NAMED: &str = "/run/netns";

/// What the command line asks for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Scope {
    /// The one the program is in.
    #[default]
    Own,
    /// Those with these names, of these processes, at these paths.
    Named(Vec<String>),
    /// Every one that can be found.
    All,
}

/// A network namespace that can be entered.
#[derive(Debug)]
pub struct Netns {
    /// The number by which the kernel tells namespaces apart: that of its inode.
    pub inode: u32,
    /// None of the one that the program began in: it is not entered, but comes first.
    file: Option<OwnedFd>,
    /// How it was found, for messages.
    found: String,
}

impl Netns {
    /// The namespace that a word of `--netns` means: of digits a process, with a slash a path,
    /// else a name that ip(8) knows.
    ///
    /// # Errors
    ///
    /// A sentence that says what is wrong.
    pub fn named(word: &str) -> Result<Netns, String> {
        let path = match word {
            "" => return Err("a network namespace has a name, a process or a path".into()),
            _ if word.contains('/') => return Netns::at_path(word),
            _ if word.bytes().all(|byte| byte.is_ascii_digit()) => of_process(word),
            _ => Path::new(NAMED).join(word),
        };
        Netns::found(word, &path, Netns::open(&path))
    }

    /// The namespace at a path of the caller's choice, which is looked at with the caller's rights alone:
    /// others would tell which files there are where the caller cannot look.
    fn at_path(word: &str) -> Result<Netns, String> {
        let path = Path::new(word);
        Netns::found(word, path, caller::with_rights_of_caller(|| Netns::open(path)))
    }

    fn found(word: &str, path: &Path, opened: io::Result<Option<Netns>>) -> Result<Netns, String> {
        match opened {
            Ok(Some(netns)) => Ok(netns),
            Ok(None) => Err(format!("{} is no network namespace", shown(path))),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Err(unknown(word)),
            Err(error) => Err(format!("cannot open {}: {}", shown(path), reason(&error))),
        }
    }

    /// The namespace behind a file; none if it is another kind of file.
    fn open(path: &Path) -> io::Result<Option<Netns>> {
        let file = match open(path) {
            Err(error) if error.raw_os_error() == Some(libc::ENOTTY) => return Ok(None),
            file => file?,
        };
        let number = file.metadata()?.ino() as u32;
        Ok(is_netns(&file).then(|| Netns {
            inode: number,
            file: Some(file.into()),
            found: shown(path),
        }))
    }

    /// Moves the thread that asks, and those that it will start, into the namespace.
    ///
    /// # Errors
    ///
    /// A sentence that says what went wrong, and what to do.
    pub fn enter(&self) -> Result<(), String> {
        let Some(file) = &self.file else { return Ok(()) };
        setns(file.as_fd(), CloneFlags::CLONE_NEWNET).map_err(|errno| {
            let error = io::Error::from(errno);
            let (found, reason, remedy) = (&self.found, errno.desc(), remedy(&error));
            format!("cannot enter the network namespace {found}: {reason}{remedy}")
        })
    }
}

/// Whether the file is a network namespace: only those tell the user namespace that owns them, and
/// their kind (ioctl_nsfs(2), NS_GET_NSTYPE).
fn is_netns(file: &File) -> bool {
    syscall::namespace_kind(file.as_fd()).is_ok_and(|kind| kind == CloneFlags::CLONE_NEWNET.bits())
}

/// Opens the file of a namespace; `ENOTTY` for any other, as ioctl_nsfs(2) says. Those are only looked
/// at: opening a FIFO lets its writer go on, and opening a device can do anything.
fn open(path: &Path) -> io::Result<File> {
    let place = OpenOptions::new().read(true).custom_flags(libc::O_PATH).open(path)?;
    if fstatfs(&place)?.filesystem_type() != NSFS_MAGIC {
        return Err(Errno::ENOTTY.into());
    }
    // By the descriptor, because the path may lead to another file by now.
    match File::open(format!("/proc/self/fd/{}", place.as_raw_fd())) {
        // Without /proc there is the path alone.
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            OpenOptions::new().read(true).custom_flags(libc::O_NONBLOCK).open(path)
        }
        file => file,
    }
}

/// The number by which the kernel tells namespaces apart.
fn inode_of(file: &impl AsFd) -> Option<u32> {
    fstat(file).ok().map(|status| status.st_ino as u32)
}

fn of_process(pid: &str) -> PathBuf {
    Path::new("/proc").join(pid).join("ns/net")
}

fn shown(path: &Path) -> String {
    escaped(path.as_os_str().as_encoded_bytes())
}

/// The reason alone, without the number that the standard library adds.
fn reason(error: &io::Error) -> String {
    error.raw_os_error().map_or_else(|| error.to_string(), |raw| Errno::from_raw(raw).desc().into())
}

/// What to do about it, as the end of a sentence.
fn remedy(error: &io::Error) -> &'static str {
    match error.kind() {
        io::ErrorKind::PermissionDenied => {
            "; it takes CAP_SYS_ADMIN, and for those of others' processes CAP_SYS_PTRACE: run it \
             with sudo"
        }
        _ => "",
    }
}

fn unknown(word: &str) -> String {
    if word.contains('/') {
        return format!("there is no file {}", escaped(word.as_bytes()));
    }
    if word.bytes().all(|byte| byte.is_ascii_digit()) {
        return format!("there is no process {word}; a name of digits is written as a path");
    }
    let mut names: Vec<Vec<u8>> = names().into_values().collect();
    names.sort_unstable();
    crate::text::suggest::unknown("network namespace", word, names.iter())
}

/// The names that ip(8) gave to namespaces, by inode number.
pub fn names() -> HashMap<u32, Vec<u8>> {
    let mut names = HashMap::new();
    for entry in entries(Path::new(NAMED)) {
        // A name whose namespace is not mounted yet is an empty file of another file system, whose
        // inode could be anything.
        let Ok(file) = open(&entry) else { continue };
        let (Ok(metadata), Some(name)) = (file.metadata(), entry.file_name()) else { continue };
        if is_netns(&file) {
            names.insert(metadata.ino() as u32, name.as_encoded_bytes().to_vec());
        }
    }
    names
}

/// What is in a directory, sorted; nothing where it cannot be read.
fn entries(directory: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(directory).into_iter().flatten().flatten();
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.path()).collect();
    paths.sort();
    paths
}

/// The namespaces that were found, each once.
#[derive(Debug, Default)]
pub struct NetnsSet {
    pub namespaces: Vec<Netns>,
    known: HashSet<u32>,
    /// A sentence for each that is known to be there, but cannot be opened or entered.
    refused: BTreeMap<u32, String>,
}

impl NetnsSet {
    /// Those that the words of `--netns` mean.
    ///
    /// # Errors
    ///
    /// A sentence that says what is wrong with one of them.
    pub fn named(words: &[String]) -> Result<NetnsSet, String> {
        let mut found = NetnsSet::default();
        for word in words {
            found.add(Netns::named(word)?);
        }
        Ok(found)
    }

    /// The own one, and those that are mounted somewhere, with a name of ip(8) or without.
    pub fn mounted() -> NetnsSet {
        let mut found = NetnsSet::default();
        let own = PathBuf::from("/proc/thread-self/ns/net");
        if let Ok(Some(netns)) = Netns::open(&own) {
            found.add(Netns { file: None, ..netns });
        }
        for path in entries(Path::new(NAMED)).into_iter().chain(mounts()) {
            // Who cannot open a mount has no way to know whether it is one of these.
            if let Ok(Some(netns)) = Netns::open(&path) {
                found.add(netns);
            }
        }
        found
    }

    /// Adds those that the tasks are in, of the walk through all tasks.
    ///
    /// # Errors
    ///
    /// When the walk cannot be read.
    pub fn add_from_tasks(&mut self, walk: impl Read) -> Result<(), Error> {
        let mut tasks = self.unknown();
        record::read_tasks(walk, |task| tasks.add(task.netns, (task.pid, task.tid)))?;
        for (inode, tasks) in tasks.users {
            self.open_one(inode, tasks, |(pid, tid)| {
                let path = format!("/proc/{pid}/task/{tid}/ns/net");
                (format!("of process {pid}"), open(Path::new(&path)).map(OwnedFd::from))
            });
        }
        Ok(())
    }

    /// Adds those that perhaps nothing but a socket keeps alive, of the walk through all descriptors.
    ///
    /// # Errors
    ///
    /// When the walk cannot be read.
    pub fn add_from_sockets(&mut self, walk: impl Read) -> Result<(), Error> {
        let mut sockets = self.unknown();
        record::read_owners(walk, |owner| sockets.add(owner.netns, (owner.pid, owner.fd)))?;
        for (inode, sockets) in sockets.users {
            self.open_one(inode, sockets, |(pid, fd)| {
                (format!("of descriptor {fd} of process {pid}"), syscall::netns_of_socket(pid, fd))
            });
        }
        Ok(())
    }

    fn unknown(&self) -> Unknown {
        Unknown { known: self.known.clone(), users: BTreeMap::new() }
    }

    /// Opens a namespace by one of its users. Some of them may have ended meanwhile; if they all
    /// have, so has the namespace.
    fn open_one(
        &mut self,
        inode: u32,
        users: Vec<(u32, u32)>,
        open: impl Fn((u32, u32)) -> (String, io::Result<OwnedFd>),
    ) {
        for user in users {
            match open(user) {
                // The number of a process may be another's by now, or in the /proc of this mount.
                (found, Ok(file)) if inode_of(&file) == Some(inode) => {
                    return self.add(Netns { inode, file: Some(file), found });
                }
                (_, Ok(_)) => {}
                (_, Err(error)) if is_gone(&error) => {}
                (found, Err(error)) => {
                    let why = format!("cannot open {inode}, that {found}: {}", reason(&error));
                    self.refuse(inode, why + remedy(&error));
                }
            }
        }
    }

    fn add(&mut self, netns: Netns) {
        self.refused.remove(&netns.inode);
        if self.known.insert(netns.inode) {
            self.namespaces.push(netns);
        }
    }

    /// Notes why a namespace cannot be looked into.
    pub fn refuse(&mut self, inode: u32, why: String) {
        self.refused.entry(inode).or_insert(why);
    }

    /// What is missing, as the end of a sentence; none if nothing is.
    pub fn missing(&self) -> Option<String> {
        let first = self.refused.values().next()?;
        Some(match self.refused.len() {
            1 => format!("one network namespace: {first}"),
            number => format!("{number} network namespaces; the first: {first}"),
        })
    }
}

/// Namespaces that are not known yet, with some of those who use them.
struct Unknown {
    known: HashSet<u32>,
    users: BTreeMap<u32, Vec<(u32, u32)>>,
}

impl Unknown {
    fn add(&mut self, inode: u32, user: (u32, u32)) {
        /// One of them will still be there when it is asked.
        const ENOUGH: usize = 16;
        if self.known.contains(&inode) {
            return;
        }
        let users = self.users.entry(inode).or_default();
        if users.len() < ENOUGH {
            users.push(user);
        }
    }
}

/// Whether what was looked for ended meanwhile.
fn is_gone(error: &io::Error) -> bool {
    let errno = error.raw_os_error().map(Errno::from_raw);
    matches!(errno, Some(Errno::ENOENT | Errno::ESRCH | Errno::EBADF | Errno::ENOTSOCK))
}

/// Where namespaces are mounted: proc_pid_mountinfo(5). The fourth field is what is mounted, the
/// fifth where; paths may have any bytes.
fn mounts() -> Vec<PathBuf> {
    let mounts = fs::read("/proc/self/mountinfo").unwrap_or_default();
    let mounted = |line: &[u8]| {
        let mut fields = line.split(|byte| *byte == b' ').skip(3);
        let is_netns = fields.next()?.starts_with(b"net:[");
        let place = fields.next()?;
        is_netns.then(|| PathBuf::from(OsString::from_vec(unescaped(place))))
    };
    mounts.split(|byte| *byte == b'\n').filter_map(mounted).collect()
}

/// A path as mountinfo writes it: blanks and the like as `\040`.
fn unescaped(path: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut rest = path;
    while let Some((first, others)) = rest.split_first() {
        let digits = others.get(..3).filter(|_| *first == b'\\');
        let digits = digits.and_then(|digits| std::str::from_utf8(digits).ok());
        match digits.and_then(|digits| u8::from_str_radix(digits, 8).ok()) {
            Some(byte) => {
                bytes.push(byte);
                rest = &others[3..];
            }
            None => {
                bytes.push(*first);
                rest = others;
            }
        }
    }
    bytes
}
