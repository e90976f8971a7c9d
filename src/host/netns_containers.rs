//! The containers in network namespaces: those of the processes that are in them.

use std::collections::{HashMap, HashSet};
use std::fs;
use std::io;
use std::path::Path;

use nix::errno::Errno;

use crate::error::reason;
use crate::host::cgroups::Container;
use crate::host::netns_file::{self, remedy};
use crate::host::processes::HIDDEN;

/// The fewest digits of an ID that are one without the word for a runtime. No PID has as many.
const DIGITS: usize = 12;

/// A process that is in a container.
#[derive(Debug)]
pub struct Member {
    pub pid: u32,
    pub container: Container,
}

impl Member {
    /// The process with this PID, if its control group is that of a container.
    fn of(pid: u32) -> io::Result<Option<Member>> {
        Ok(container_of(pid)?.map(|container| Member { pid, container }))
    }

    /// Whether the process is still there, in the same container. Another process may have got its PID.
    pub fn is_same(&self) -> bool {
        container_of(self.pid).ok().flatten().as_ref() == Some(&self.container)
    }

    /// The inode number of its network namespace. `None` if it has ended.
    ///
    /// # Errors
    ///
    /// When this user may not see that.
    pub fn netns(&self) -> io::Result<Option<u32>> {
        let netns = unless_gone(netns_of(self.pid).map(Some))?;
        Ok(netns.filter(|_| self.is_same()))
    }
}

/// The processes of containers, and why some may be missing.
#[derive(Debug, Default)]
pub struct Members {
    /// By their PIDs.
    pub all: Vec<Member>,
    pub obstacle: Option<String>,
}

impl Members {
    /// Finds all of them that /proc shows.
    pub fn read() -> Members {
        let mut members = Members::default();
        let mut pids = match pids() {
            Ok(pids) => pids,
            Err(why) => return Members { obstacle: Some(why), ..members },
        };
        pids.sort_unstable();
        for pid in pids {
            match Member::of(pid) {
                Ok(member) => members.all.extend(member),
                Err(error) => members.note(&format!("/proc/{pid}/cgroup"), &error),
            }
        }
        members
    }

    fn note(&mut self, path: &str, error: &io::Error) {
        let remedy = remedy(error);
        let why = || format!("cannot read {path}: {}{remedy}", reason(error));
        self.obstacle.get_or_insert_with(why);
    }

    /// Their network namespaces, each with the container of its first process, and why some may be missing. The namespace
    /// of the host is not among them, although containers may share it. A container whose processes are in several
    /// namespaces names none of them.
    pub fn namespaces(mut self) -> (Vec<(u32, Container)>, Option<String>) {
        let mut found = Vec::new();
        for member in std::mem::take(&mut self.all) {
            match member.netns() {
                Ok(netns) => found.extend(netns.map(|netns| (netns, member.container))),
                Err(error) => self.note(&format!("/proc/{}/ns/net", member.pid), &error),
            }
        }
        if found.is_empty() {
            return (Vec::new(), self.obstacle);
        }
        // A security module may protect the first process. The second one is a thread of the kernel, whose namespace is
        // the first one as well.
        let of_host = match netns_of(1).or_else(|first| netns_of(2).map_err(|_| first)) {
            Ok(of_host) => of_host,
            Err(error) => {
                self.note("/proc/1/ns/net", &error);
                return (Vec::new(), self.obstacle);
            }
        };
        found.retain(|(netns, _)| *netns != of_host);
        let mut namespaces: HashMap<String, HashSet<u32>> = HashMap::new();
        for (netns, container) in &found {
            namespaces.entry(container.id.clone()).or_default().insert(*netns);
        }
        found.retain(|(_, container)| namespaces[&container.id].len() == 1);
        (found, self.obstacle)
    }
}

/// The PIDs that /proc shows, unless it hides those of others.
fn pids() -> Result<Vec<u32>, String> {
    let entries = fs::read_dir("/proc").map_err(|error| {
        format!("cannot read /proc: {} (`mount -t proc proc /proc`)", reason(&error))
    })?;
    let mut pids = Vec::new();
    for entry in entries {
        let entry = entry.map_err(|error| format!("cannot read /proc: {}", reason(&error)))?;
        pids.extend(entry.file_name().to_str().and_then(|name| name.parse::<u32>().ok()));
    }
    match () {
        _ if pids.is_empty() => Err("/proc is not mounted (`mount -t proc proc /proc`)".into()),
        // There is always a first process.
        _ if !pids.contains(&1) => Err(HIDDEN.into()),
        _ => Ok(pids),
    }
}

/// The container that a word means: `docker:4f5e6d7c8b9a`, or twelve or more digits of the ID alone.
pub struct Wanted<'a> {
    runtime: Option<&'a str>,
    id: &'a str,
}

impl Wanted<'_> {
    /// `None` if the word is of another shape.
    pub fn new(word: &str) -> Option<Wanted<'_>> {
        let (runtime, id) = match word.split_once(':') {
            Some((runtime, id)) => (Some(runtime), id),
            None => (None, word),
        };
        let digits = if runtime.is_some() { 1 } else { DIGITS };
        let is_id = id.len() >= digits && id.bytes().all(|byte| byte.is_ascii_hexdigit());
        is_id.then_some(Wanted { runtime, id })
    }

    /// Whether it is this container.
    pub fn is(&self, container: &Container) -> bool {
        self.runtime.is_none_or(|runtime| runtime == container.runtime)
            && container.id.starts_with(&self.id.to_ascii_lowercase())
    }
}

/// The container whose control group a process is in: cgroups(7), /proc/PID/cgroup. The groups of version 1 come before
/// that of version 2. `None` if it is in none, or has ended.
fn container_of(pid: u32) -> io::Result<Option<Container>> {
    let text = unless_gone(fs::read(format!("/proc/{pid}/cgroup")))?;
    Ok(text.split(|byte| *byte == b'\n').rev().find_map(|line| {
        let path = line.splitn(3, |byte| *byte == b':').nth(2)?;
        Container::of(path)
    }))
}

/// The same result, with nothing in place of the error that a process has ended.
fn unless_gone<T: Default>(result: io::Result<T>) -> io::Result<T> {
    match result {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(T::default()),
        Err(error) if error.raw_os_error() == Some(Errno::ESRCH as i32) => Ok(T::default()),
        result => result,
    }
}

fn netns_of(pid: u32) -> io::Result<u32> {
    netns_file::inode(Path::new(&format!("/proc/{pid}/ns/net")))
}

#[cfg(test)]
mod tests {
    use super::Wanted;
    use crate::host::cgroups::Container;

    #[test]
    fn the_words_for_a_container() {
        let id = "4f5e6d7c8b9a".repeat(6)[..64].to_owned();
        let container = Container { runtime: "docker", id: id.clone(), pod: None };
        for word in ["docker:4", "docker:4f5e6d7c8b9a", "4f5e6d7c8b9a", "4F5E6D7C8B9A", &id] {
            assert!(Wanted::new(word).is_some_and(|wanted| wanted.is(&container)), "{word}");
        }
        for word in ["podman:4f5e6d7c8b9a", "5f5e6d7c8b9a", &format!("{id}0")] {
            assert!(Wanted::new(word).is_some_and(|wanted| !wanted.is(&container)), "{word}");
        }
        for word in ["4f5e6d7c8b9", "docker:", "web", "web:1g", ""] {
            assert!(Wanted::new(word).is_none(), "{word}");
        }
    }
}
