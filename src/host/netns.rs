//! Network namespaces: how they are named, found and entered.

use std::collections::{BTreeMap, HashSet};
use std::ffi::OsStr;
use std::fs;
use std::io::{self, Read};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use nix::errno::Errno;
use nix::sched::{setns, CloneFlags};
use nix::sys::stat::fstat;
use nix::unistd::gettid;

use crate::error::{reason, Error};
use crate::host::mounts::mounts;
use crate::host::netns_file::{is_missing, is_netns, open, remedy, shown};
use crate::host::netns_names::{entries, Names, NAMED};
use crate::kernel::{caller, namespace};
use crate::record;
use crate::text::{escaped, unescaped};

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

/// Why a word of `--netns` leads to no namespace: a sentence.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NetnsError {
    /// The word means none.
    Wrong(String),
    /// There is one, or may be, but it cannot be opened.
    Refused(String),
}

impl NetnsError {
    /// Of what could not be opened for this reason: either it is no such file, or it is refused.
    fn of(what: &str, error: &io::Error) -> NetnsError {
        let why = format!("cannot open {what}: {}{}", reason(error), remedy(error));
        match error.raw_os_error().map(Errno::from_raw) {
            Some(Errno::ENOTDIR | Errno::ELOOP | Errno::ENAMETOOLONG | Errno::ENXIO) | None => {
                NetnsError::Wrong(why)
            }
            Some(_) => NetnsError::Refused(why),
        }
    }
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
    /// What is wrong with the word, or with this user.
    pub fn named(word: &str) -> Result<Netns, NetnsError> {
        match word {
            "" => {
                let why = "an empty word (expected the name, PID or path of a network namespace)";
                Err(NetnsError::Wrong(why.into()))
            }
            _ if word.contains('/') => Netns::at_path(word),
            _ if word.bytes().all(|byte| byte.is_ascii_digit()) => Netns::of_process(word),
            _ => Netns::called(word),
        }
    }

    /// The namespace with a name of ip(8), as it is printed or as it is. No name is a path: that would be
    /// opened with more rights than the caller may have.
    fn called(word: &str) -> Result<Netns, NetnsError> {
        let name = unescaped(word);
        if name.iter().any(|byte| matches!(byte, b'/' | 0)) {
            let why = format!(
                "'{}' is not the name of a network namespace: names have no slash (type a path as it is)",
                escaped(word.as_bytes())
            );
            return Err(NetnsError::Wrong(why));
        }
        let printed = Path::new(NAMED).join(OsStr::from_bytes(&name));
        match Netns::open(&printed) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let path = Path::new(NAMED).join(word);
                Netns::found(word, &path, Netns::open(&path))
            }
            opened => Netns::found(word, &printed, opened),
        }
    }

    /// The namespace at a path of the caller's choice, which is looked at with the caller's rights alone:
    /// others would tell which files there are where the caller cannot look.
    fn at_path(word: &str) -> Result<Netns, NetnsError> {
        let path = Path::new(word);
        Netns::found(word, path, caller::with_rights_of_caller(|| Netns::open(path)))
    }

    fn found(
        word: &str,
        path: &Path,
        opened: io::Result<Option<Netns>>,
    ) -> Result<Netns, NetnsError> {
        match opened {
            Ok(Some(netns)) => Ok(netns),
            Ok(None) => {
                Err(NetnsError::Wrong(format!("{} is not a network namespace", shown(path))))
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                Err(NetnsError::Wrong(unknown(word)))
            }
            Err(error) => Err(NetnsError::of(&shown(path), &error)),
        }
    }

    fn of_process(word: &str) -> Result<Netns, NetnsError> {
        let missing = || NetnsError::Wrong(unknown(word));
        let pid = word.parse::<i32>().ok().filter(|pid| *pid > 0).ok_or_else(missing)? as u32;
        let found = format!("the network namespace of process {pid}");
        match of_task(pid, pid).and_then(with_inode) {
            Ok((inode, file)) => {
                Ok(Netns { inode, file: Some(file), found: format!("of process {pid}") })
            }
            Err(error) if is_gone(&error) => Err(missing()),
            Err(error) => Err(NetnsError::of(&found, &error)),
        }
    }

    /// The namespace behind a file; none if it is another kind of file.
    fn open(path: &Path) -> io::Result<Option<Netns>> {
        let file = match open(path) {
            Err(error) if error.raw_os_error() == Some(Errno::ENOTTY as i32) => return Ok(None),
            file => file?,
        };
        let number = file.metadata()?.ino() as u32;
        Ok(is_netns(&file)?.then(|| Netns {
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

/// A namespace with the number by which the kernel tells it from others.
fn with_inode(file: OwnedFd) -> io::Result<(u32, OwnedFd)> {
    Ok((fstat(&file)?.st_ino as u32, file))
}

/// The namespace that a task is in. Where the kernel does not tell it by the number alone, /proc does.
///
/// # Errors
///
/// `ESRCH` when the task has ended; else what the kernel answers.
fn of_task(pid: u32, tid: u32) -> io::Result<OwnedFd> {
    let refused = match namespace::of_task(pid, tid) {
        Err(error) if !is_gone(&error) => error,
        result => return result,
    };
    match open(Path::new(&format!("/proc/{pid}/task/{tid}/ns/net"))) {
        Ok(file) if is_proc_own() && is_netns(&file)? => Ok(file.into()),
        _ if !namespace::has_task(pid, tid) => Err(Errno::ESRCH.into()),
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        // What is not found there may be hidden (proc(5), hidepid), or /proc is not mounted.
        _ => Err(refused),
    }
}

/// Whether /proc has the processes of the PID namespace that this process is in.
fn is_proc_own() -> bool {
    let own = fs::read_link("/proc/self");
    own.is_ok_and(|own| own.to_str() == Some(&std::process::id().to_string()))
}

fn unknown(word: &str) -> String {
    if word.contains('/') {
        return format!("there is no file {}", escaped(word.as_bytes()));
    }
    if word.bytes().all(|byte| byte.is_ascii_digit()) {
        return format!(
            "there is no process {word} (for a name of digits, type its path: {NAMED}/{word})"
        );
    }
    let names = Names::read();
    crate::text::suggest::unknown("network namespace", word, names.sorted().into_iter())
}

/// The namespaces that were found, each once.
#[derive(Debug, Default)]
pub struct NetnsSet {
    pub namespaces: Vec<Netns>,
    known: HashSet<u32>,
    /// A sentence for each that is known to be there, but cannot be opened or entered.
    refused: BTreeMap<u32, String>,
    /// Which others may be missing, and why.
    unseen: Vec<String>,
    /// Whether the one that the program is in was found.
    has_own: bool,
}

impl NetnsSet {
    /// Those that the words of `--netns` mean.
    ///
    /// # Errors
    ///
    /// What is wrong with one of them.
    pub fn named(words: &[String]) -> Result<NetnsSet, NetnsError> {
        let mut found = NetnsSet::default();
        for word in words {
            found.add(Netns::named(word)?);
        }
        Ok(found)
    }

    /// The own one, and those that are mounted somewhere, with a name of ip(8) or without.
    pub fn mounted() -> NetnsSet {
        let mut found = NetnsSet::default();
        if let Ok(Some(netns)) = Netns::open(Path::new("/proc/thread-self/ns/net")) {
            found.add_own(netns.inode);
        }
        let unseen = found.add_named();
        found.add_mounts(unseen);
        found
    }

    /// Adds those with a name of ip(8). Returns the paths that cannot be looked at.
    fn add_named(&mut self) -> Vec<(PathBuf, io::Error)> {
        let paths = match entries(Path::new(NAMED)) {
            Ok(paths) => paths,
            Err(error) => return vec![(NAMED.into(), error)],
        };
        let mut unseen = Vec::new();
        for path in paths {
            match Netns::open(&path) {
                Ok(netns) => netns.into_iter().for_each(|netns| self.add(netns)),
                Err(error) if is_missing(&error) => {}
                Err(error) => unseen.push((path, error)),
            }
        }
        unseen
    }

    /// Adds those that are mounted anywhere, of which the kernel tells the numbers. By these they are
    /// missed where they cannot be opened; what else is `unseen`, such as a link, by its path.
    fn add_mounts(&mut self, unseen: Vec<(PathBuf, io::Error)>) {
        let mounts = mounts();
        let is_mount = |path: &PathBuf| mounts.iter().flatten().any(|(_, mounted)| mounted == path);
        for (path, error) in unseen.iter().filter(|(path, _)| !is_mount(path)) {
            let why = format!("cannot open {}: {}{}", shown(path), reason(error), remedy(error));
            self.unseen.push(why);
        }
        let mounts = match mounts {
            Ok(mounts) => mounts,
            Err(error) => {
                let why = format!(
                    "those that only a mount keeps, which /proc/self/mountinfo lists: {} \
                     (`mount -t proc proc /proc`)",
                    reason(&error)
                );
                return self.unseen.push(why);
            }
        };
        let mut hidden = Vec::new();
        for (inode, path) in mounts {
            if self.known.contains(&inode) {
                continue;
            }
            match Netns::open(&path) {
                Ok(Some(netns)) if netns.inode == inode => self.add(netns),
                Err(error) if error.kind() != io::ErrorKind::NotFound => {
                    let why = format!("cannot open {}: {}", shown(&path), reason(&error));
                    self.refuse(inode, why + remedy(&error));
                }
                _ => hidden.push((inode, path)),
            }
        }
        self.refuse_hidden(&hidden);
    }

    /// Refuses mounts that something else is mounted over; those that ended meanwhile are not missed.
    fn refuse_hidden(&mut self, hidden: &[(u32, PathBuf)]) {
        if hidden.is_empty() {
            return;
        }
        let still = mounts().unwrap_or_else(|_| hidden.to_vec());
        let is_missing = |(inode, _): &&(u32, PathBuf)| !self.known.contains(inode);
        let missing = hidden.iter().filter(is_missing).filter(|mount| still.contains(mount));
        for (inode, path) in missing.collect::<Vec<_>>() {
            self.refuse(*inode, format!("another mount hides {}", shown(path)));
        }
    }

    /// Adds those that the tasks are in, of the walk through all tasks.
    ///
    /// # Errors
    ///
    /// When the walk cannot be read.
    pub fn add_from_tasks(&mut self, walk: impl Read) -> Result<(), Error> {
        let (mut tasks, this_task) = (self.unknown(), gettid().as_raw() as u32);
        let mut own = None;
        record::read_tasks(walk, |task| match task.tid == this_task {
            true => own = Some(task.netns),
            false => tasks.add(task.netns, (task.pid, task.tid)),
        })?;
        if let Some(inode) = own {
            self.add_own(inode);
            tasks.users.remove(&inode);
        }
        for (inode, tasks) in tasks.users {
            self.open_one(inode, tasks, |(pid, tid)| {
                (format!("of process {pid}"), of_task(pid, tid))
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
                (format!("of descriptor {fd} of process {pid}"), namespace::of_held_socket(pid, fd))
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
            let (found, file) = open(user);
            match file.and_then(with_inode) {
                Ok((number, file)) if number == inode => {
                    return self.add(Netns { inode, file: Some(file), found });
                }
                // The number of a process may be another's by now, or in the /proc of this mount.
                Ok(_) => {}
                Err(error) if is_gone(&error) => {}
                Err(error) => {
                    let why = format!(
                        "cannot open {inode}, the network namespace {found}: {}",
                        reason(&error)
                    );
                    self.refuse(inode, why + remedy(&error));
                }
            }
        }
    }

    /// Adds the one that the program is in, which comes first because no other was entered yet.
    fn add_own(&mut self, inode: u32) {
        self.has_own = true;
        if self.known.insert(inode) {
            let found = "that knetstat is in".into();
            self.namespaces.insert(0, Netns { inode, file: None, found });
        }
    }

    /// Notes that the one that the program is in is missing, if neither /proc nor a walk showed it.
    pub fn check_own(&mut self) {
        if !self.has_own {
            let why = "the one that knetstat is in, which is found in /proc \
                       (`mount -t proc proc /proc`)";
            self.unseen.push(why.into());
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
        let refused = self.refused.values().next().map(|first| match self.refused.len() {
            1 => format!("one network namespace: {first}"),
            number => format!("{number} network namespaces; the first: {first}"),
        });
        let unseen = self.unseen.iter().map(|which| format!("network namespaces: {which}"));
        let all: Vec<String> = refused.into_iter().chain(unseen).collect();
        (!all.is_empty()).then(|| all.join("; "))
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
    matches!(errno, Some(Errno::ESRCH | Errno::EBADF | Errno::ENOTSOCK))
}
