//! The containers in network namespaces: those of the processes that are in them.

use std::collections::{HashMap, HashSet};
use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;

use crate::host::cgroups::Container;

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
    fn of(pid: u32) -> Option<Member> {
        container_of(pid).map(|container| Member { pid, container })
    }

    /// Whether the process is still there, in the same container. Another process may have got its PID.
    pub fn is_same(&self) -> bool {
        container_of(self.pid).as_ref() == Some(&self.container)
    }

    /// The inode number of its network namespace. `None` if it has ended, or if this user may not see that.
    pub fn netns(&self) -> Option<u32> {
        let netns = netns_of(self.pid).ok()?;
        self.is_same().then_some(netns)
    }
}

/// All processes of containers, by their PIDs, as far as /proc tells.
pub fn members() -> Vec<Member> {
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    let mut pids: Vec<u32> =
        entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok()).collect();
    pids.sort_unstable();
    pids.into_iter().filter_map(Member::of).collect()
}

/// The network namespaces of containers, each with the container of its first process. The namespace of the host is not
/// among them, although containers may share it, nor those that this user may not see: proc(5), /proc/PID/ns. A
/// container whose processes are in several namespaces names none of them.
pub fn namespaces() -> Vec<(u32, Container)> {
    let members = members();
    if members.is_empty() {
        return Vec::new();
    }
    // A security module may protect the first process. The second one is a thread of the kernel, whose namespace is the
    // first one as well.
    let Ok(of_host) = netns_of(1).or_else(|_| netns_of(2)) else { return Vec::new() };
    let found = members.into_iter().filter_map(|member| Some((member.netns()?, member.container)));
    let found: Vec<(u32, Container)> = found.filter(|(netns, _)| *netns != of_host).collect();
    let mut namespaces: HashMap<String, HashSet<u32>> = HashMap::new();
    for (netns, container) in &found {
        namespaces.entry(container.id.clone()).or_default().insert(*netns);
    }
    found.into_iter().filter(|(_, container)| namespaces[&container.id].len() == 1).collect()
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
/// that of version 2.
fn container_of(pid: u32) -> Option<Container> {
    let text = fs::read(format!("/proc/{pid}/cgroup")).ok()?;
    text.split(|byte| *byte == b'\n').rev().find_map(|line| {
        let path = line.splitn(3, |byte| *byte == b':').nth(2)?;
        Container::of(path)
    })
}

fn netns_of(pid: u32) -> io::Result<u32> {
    Ok(fs::metadata(format!("/proc/{pid}/ns/net"))?.ino() as u32)
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
