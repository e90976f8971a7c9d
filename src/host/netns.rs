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
use crate::host::netns_containers::{Members, Wanted};
use crate::host::netns_file::{is_missing, is_netns, open, remedy, shown};
use crate::host::netns_names::{entries, Names, NAMED};
use crate::kernel::{caller, namespace};
use crate::record;
use crate::text::{escaped, unescaped};

/// The namespaces that the command line selects.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Scope {
    /// The namespace of the program.
    #[default]
    Own,
    /// The namespaces with these names, of these processes, at these paths.
    Named(Vec<String>),
    /// Every namespace that can be found.
    All,
}

/// Why a word of `--netns` leads to no namespace, as a sentence.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NetnsError {
    /// The word does not refer to a namespace.
    Wrong(String),
    /// The namespace exists or may exist, but it cannot be opened.
    Refused(String),
}

impl NetnsError {
    /// Returns the error for a file that could not be opened: it is no such file, or it is refused.
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
    /// The inode number, by which the kernel distinguishes namespaces.
    pub inode: u32,
    /// `None` for the namespace in which the program started. It comes first, so it is never entered.
    file: Option<OwnedFd>,
    /// How it was found, for messages.
    found: String,
}

impl Netns {
    /// Returns the namespace that a word of `--netns` means. Digits are a PID, a word with a slash is a
    /// path, and any other word is a name of ip-netns(8) or a container.
    ///
    /// # Errors
    ///
    /// When the word means no namespace, or this user may not open it.
    pub fn named(word: &str) -> Result<Netns, NetnsError> {
        match word {
            "" => {
                let why = "an empty word (expected the name, PID or path of a network namespace)";
                Err(NetnsError::Wrong(why.into()))
            }
            _ if word.contains('/') => Netns::at_path(word),
            _ if is_pid(word) => Netns::of_process(word),
            _ => Netns::called(word),
        }
    }

    /// Returns the namespace with a name of ip-netns(8), escaped as it is printed or verbatim. A name is
    /// never a path, because a path would be opened with more rights than the caller may have.
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
                match Netns::open(&path) {
                    Err(error) if error.kind() == io::ErrorKind::NotFound => {
                        Netns::of_container(word)
                    }
                    opened => Netns::found(word, &path, opened),
                }
            }
            opened => Netns::found(word, &printed, opened),
        }
    }

    /// Returns the namespace at a path of the caller's choice, which is opened only with the caller's
    /// rights. More rights would reveal which files exist where the caller has no access.
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
        match of_any_task(pid).and_then(with_inode) {
            Ok((inode, file)) => {
                Ok(Netns { inode, file: Some(file), found: format!("of process {pid}") })
            }
            Err(error) if is_gone(&error) => Err(missing()),
            Err(error) => Err(NetnsError::of(&found, &error)),
        }
    }

    /// Returns the namespace that all processes of a container are in, as far as this user may see.
    fn of_container(word: &str) -> Result<Netns, NetnsError> {
        let missing = || NetnsError::Wrong(unknown(word));
        let wanted = Wanted::new(word).ok_or_else(missing)?;
        let Members { all: mut members, obstacle } = Members::read();
        members.retain(|member| wanted.is(&member.container));
        let refused =
            |why| NetnsError::Refused(format!("cannot look for the container {word}: {why}"));
        let first = members.first().ok_or_else(|| obstacle.map_or_else(missing, refused))?;
        if let Some(other) = members.iter().find(|it| it.container.id != first.container.id) {
            let words =
                [first, other].map(|it| format!("{}:{}", it.container.runtime, it.container.id));
            let why = format!("'{word}' is the beginning of several IDs: {}", words.join(", "));
            return Err(NetnsError::Wrong(why));
        }
        let mut namespaces = BTreeMap::new();
        for member in &members {
            if let Ok(Some(netns)) = member.netns() {
                namespaces.entry(netns).or_insert(member.pid);
            }
        }
        if namespaces.len() > 1 {
            let pids: Vec<String> = namespaces.values().map(u32::to_string).collect();
            let why = format!(
                "the processes of '{word}' are in several network namespaces (give a PID of the one: {})",
                pids.join(", ")
            );
            return Err(NetnsError::Wrong(why));
        }
        // The first one may have ended, and not been waited for.
        let pid = namespaces.into_values().next().unwrap_or(first.pid);
        let member = members.iter().find(|member| member.pid == pid).unwrap_or(first);
        match of_task(pid, pid).and_then(with_inode) {
            Ok((inode, file)) if member.is_same() => {
                let found = format!("of container {}", member.container.word());
                Ok(Netns { inode, file: Some(file), found })
            }
            Err(error) if !is_gone(&error) => {
                let what =
                    format!("the network namespace of container {}", member.container.word());
                Err(NetnsError::of(&what, &error))
            }
            _ => Err(missing()),
        }
    }

    /// Opens the namespace of a file. `None` if it is another kind of file.
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

    /// Whether the calling thread is in the namespace. False if that cannot be found out.
    pub fn is_current(&self) -> bool {
        let current = of_task(std::process::id(), gettid().as_raw() as u32).and_then(with_inode);
        current.is_ok_and(|(inode, _)| inode == self.inode)
    }

    /// Moves the calling thread, and the threads that it will start, into the namespace.
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

/// Returns a namespace with its inode number.
fn with_inode(file: OwnedFd) -> io::Result<(u32, OwnedFd)> {
    Ok((fstat(&file)?.st_ino as u32, file))
}

/// Returns the network namespace of a task: from the kernel by its IDs or, if that fails, from /proc.
///
/// # Errors
///
/// `ESRCH` when the task has ended, or another error of the kernel.
fn of_task(pid: u32, tid: u32) -> io::Result<OwnedFd> {
    let refused = match namespace::of_task(pid, tid) {
        Err(error) if !is_gone(&error) => error,
        result => return result,
    };
    match open(Path::new(&format!("/proc/{pid}/task/{tid}/ns/net"))) {
        Ok(file) if is_proc_own() && is_netns(&file)? => Ok(file.into()),
        _ if !namespace::has_task(pid, tid) => Err(Errno::ESRCH.into()),
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        // A task that is not found there may be hidden (proc(5), hidepid), or /proc is not mounted.
        _ => Err(refused),
    }
}

/// Returns the network namespace of a process. Its first thread may have exited, and is in none then.
///
/// # Errors
///
/// As [`of_task`].
fn of_any_task(pid: u32) -> io::Result<OwnedFd> {
    match of_task(pid, pid) {
        Err(error) if is_gone(&error) => {
            let of_others = threads(pid).into_iter().find_map(|tid| of_task(pid, tid).ok());
            of_others.ok_or(error)
        }
        result => result,
    }
}

/// The threads of a process, as far as /proc shows them.
fn threads(pid: u32) -> Vec<u32> {
    let names = fs::read_dir(format!("/proc/{pid}/task")).into_iter().flatten().flatten();
    names.filter_map(|thread| thread.file_name().to_str()?.parse().ok()).collect()
}

/// Whether /proc shows the PID namespace of this process.
fn is_proc_own() -> bool {
    let own = fs::read_link("/proc/self");
    own.is_ok_and(|own| own.to_str() == Some(&std::process::id().to_string()))
}

/// Whether a word is a PID. A longer one is the ID of a container, all of whose digits may be decimal.
fn is_pid(word: &str) -> bool {
    word.bytes().all(|byte| byte.is_ascii_digit()) && Wanted::new(word).is_none()
}

fn unknown(word: &str) -> String {
    if word.contains('/') {
        return format!("there is no file {}", escaped(word.as_bytes()));
    }
    if is_pid(word) {
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
    /// A sentence for each namespace that exists, but cannot be opened or entered.
    refused: BTreeMap<u32, String>,
    /// Which other namespaces may be missing, and why.
    unseen: Vec<String>,
    /// Whether the namespace of the program was found.
    has_own: bool,
}

impl NetnsSet {
    /// Returns the namespaces that the words of `--netns` mean.
    ///
    /// # Errors
    ///
    /// The error of the first word that fails.
    pub fn named(words: &[String]) -> Result<NetnsSet, NetnsError> {
        let mut found = NetnsSet::default();
        for word in words {
            found.add(Netns::named(word)?);
        }
        Ok(found)
    }

    /// Returns the namespace of the program and all mounted ones, with or without a name of ip-netns(8).
    pub fn mounted() -> NetnsSet {
        let mut found = NetnsSet::default();
        if let Ok(Some(netns)) = Netns::open(Path::new("/proc/thread-self/ns/net")) {
            found.add_own(netns.inode);
        }
        let unseen = found.add_named();
        found.add_mounts(unseen);
        found
    }

    /// Adds the namespaces with a name of ip-netns(8). Returns the paths that cannot be opened.
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

    /// Adds all mounted namespaces, whose inode numbers the kernel lists. One that cannot be opened is
    /// missing by its number. Any other path that is `unseen`, such as a link, is missing by its path.
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
                    "cannot read /proc/self/mountinfo, which lists those that only a mount keeps: {} \
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

    /// Reports mounts that are covered by another mount, but not mounts that have ended meanwhile.
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

    /// Adds the namespaces of all tasks, from an iteration over them.
    ///
    /// # Errors
    ///
    /// When the iteration cannot be read.
    pub fn add_from_tasks(&mut self, iteration: impl Read) -> Result<(), Error> {
        let (mut tasks, this_task) = (self.unknown(), gettid().as_raw() as u32);
        let mut own = None;
        record::read_tasks(iteration, |task| match task.tid == this_task {
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

    /// Adds the namespaces of all sockets, from an iteration over all descriptors. Some may exist only
    /// because of a socket.
    ///
    /// # Errors
    ///
    /// When the iteration cannot be read.
    pub fn add_from_sockets(&mut self, iteration: impl Read) -> Result<(), Error> {
        let (mut processes, mut threads) = (self.unknown(), self.unknown());
        let mut rings = self.unknown();
        record::read_owners(iteration, |owner| match (owner.slot, owner.tid) {
            (0, 0) => processes.add(owner.netns, (owner.pid, owner.fd)),
            (0, tid) => threads.add(owner.netns, (owner.pid, tid, owner.fd)),
            (_, _) => rings.add(owner.netns, owner.pid),
        })?;
        for (inode, sockets) in processes.users {
            self.open_one(inode, sockets, |(pid, fd)| {
                let found = format!("of descriptor {fd} of process {pid}");
                (found, namespace::of_held_socket(pid, pid, fd))
            });
        }
        for (inode, sockets) in threads.users {
            self.open_one(inode, sockets, |(pid, tid, fd)| {
                let found = format!("of descriptor {fd} of thread {tid} of process {pid}");
                (found, namespace::of_held_socket(pid, tid, fd))
            });
        }
        self.refuse_rings(rings.users);
        Ok(())
    }

    /// Reports the namespaces of which only sockets in an io_uring are known. Nobody but the process can open these.
    fn refuse_rings(&mut self, rings: BTreeMap<u32, Vec<u32>>) {
        for (inode, pids) in rings {
            let still = pids.into_iter().find(|pid| namespace::has_task(*pid, *pid));
            if let Some(pid) = still.filter(|_| !self.known.contains(&inode)) {
                let why = format!(
                    "cannot open {inode}, the network namespace of a socket in an io_uring of process {pid}: only \
                     that process can"
                );
                self.refuse(inode, why);
            }
        }
    }

    fn unknown<User>(&self) -> Unknown<User> {
        Unknown { known: self.known.clone(), users: BTreeMap::new() }
    }

    /// Opens a namespace through one of its users. Some of them may have ended meanwhile. If all of them
    /// have, the namespace is taken to have ended, too.
    fn open_one<User>(
        &mut self,
        inode: u32,
        users: Vec<User>,
        open: impl Fn(User) -> (String, io::Result<OwnedFd>),
    ) {
        if self.known.contains(&inode) {
            return;
        }
        for user in users {
            let (found, file) = open(user);
            match file.and_then(with_inode) {
                Ok((number, file)) if number == inode => {
                    return self.add(Netns { inode, file: Some(file), found });
                }
                // The PID or the descriptor may have been reused, or the task has moved to another
                // namespace.
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

    /// Adds the namespace of the program, which comes first because no other has been entered yet.
    fn add_own(&mut self, inode: u32) {
        self.has_own = true;
        if self.known.insert(inode) {
            let found = "that knetstat is in".into();
            self.namespaces.insert(0, Netns { inode, file: None, found });
        }
    }

    /// Records that the namespace of the program is missing, if neither /proc nor an iteration showed it.
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

    /// Records why the sockets of a namespace cannot be read.
    pub fn refuse(&mut self, inode: u32, why: String) {
        self.refused.entry(inode).or_insert(why);
    }

    /// What is missing, as the end of a sentence. `None` if nothing is.
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

/// Namespaces that are not known yet, with some of their users.
struct Unknown<User> {
    known: HashSet<u32>,
    users: BTreeMap<u32, Vec<User>>,
}

impl<User> Unknown<User> {
    fn add(&mut self, inode: u32, user: User) {
        /// The number of users of which one probably still exists when the namespace is opened.
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

/// Whether the process, the task or the socket no longer exists.
fn is_gone(error: &io::Error) -> bool {
    let errno = error.raw_os_error().map(Errno::from_raw);
    matches!(errno, Some(Errno::ESRCH | Errno::EBADF | Errno::ENOTSOCK))
}
