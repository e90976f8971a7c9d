//! Facts of the host that are needed to interpret the kernel's values.

pub mod asked_pids;
pub mod boot_clock;
pub mod cgroups;
pub mod database;
pub mod groups;
pub mod host_name;
pub mod hosts;
pub mod interfaces;
pub mod labels;
pub mod mounts;
pub mod netns;
pub mod netns_containers;
pub mod netns_file;
pub mod netns_names;
pub mod processes;
pub mod protocols;
pub mod resolver;
pub mod services;
pub mod sysctls;
pub mod users;

use std::cell::{OnceCell, RefCell};
use std::collections::HashMap;
use std::fs;
use std::io;
use std::os::fd::{AsFd, OwnedFd};

use nix::errno::Errno;
use nix::time::{clock_getres, ClockId};
use nix::unistd::{sysconf, SysconfVar};

use crate::error::Error;
use crate::host::sysctls::Sysctls;
use crate::kernel::syscall;
use crate::text::Name;

/// The host, as seen from one network namespace.
pub struct Host {
    /// Jiffies per second.
    pub hz: u64,
    /// The number of the last possible CPU, counted from 1. `None` without /sys and /proc.
    pub cpus: Option<u64>,
    /// The size of a memory page in bytes.
    pub page: u64,
    /// The sysctls of the namespace, if they are shown.
    sysctls: Sysctls,
    /// A socket of the namespace, with which interface names are looked up.
    socket: Option<OwnedFd>,
    interfaces: RefCell<HashMap<u32, Option<Name>>>,
    /// Why the name of an interface could not be looked up.
    obstacle: OnceCell<Errno>,
}

impl Host {
    /// Reads the facts of this host. `socket` belongs to the namespace whose sockets are read. Without a
    /// socket, interfaces have no names.
    ///
    /// # Errors
    ///
    /// When the kernel does not report the resolution of its clock.
    pub fn new(socket: Option<OwnedFd>) -> Result<Host, Error> {
        // The coarse clock advances once per jiffy: kernel/time/posix-timers.c
        let tick = clock_getres(ClockId::CLOCK_MONOTONIC_COARSE)
            .map_err(|errno| Error::ClockTick(errno.into()))?;
        Ok(Host::with(hz_of(tick.tv_nsec()), cpus(), socket))
    }

    /// Returns a host with these facts.
    pub fn with(hz: u64, cpus: Option<u64>, socket: Option<OwnedFd>) -> Host {
        let (interfaces, obstacle) = (RefCell::default(), OnceCell::new());
        let sysctls = Sysctls::default();
        Host { hz, cpus, page: page(), sysctls, socket, interfaces, obstacle }
    }

    /// Returns the same host with the sysctls of the namespace.
    pub fn with_sysctls(self, sysctls: Sysctls) -> Host {
        Host { sysctls, ..self }
    }

    /// The value of a sysctl in the namespace, its numbers separated by single blanks. `None` if it does not exist there,
    /// or was not read.
    pub fn sysctl(&self, name: &str) -> Option<&str> {
        self.sysctls.get(name)
    }

    /// The sysctls that could not be read, as the end of a sentence.
    pub fn missing_sysctls(&self) -> Option<String> {
        self.sysctls.missing()
    }

    /// The name of an interface. `None` if the interface no longer exists, or if its name cannot be
    /// looked up, as [`Host::obstacle`] reports.
    pub fn interface(&self, index: u32) -> Option<Name> {
        let mut interfaces = self.interfaces.borrow_mut();
        *interfaces.entry(index).or_insert_with(|| match self.ask_interface(index) {
            Ok(name) => Some(name),
            Err(Errno::ENODEV) => None,
            Err(errno) => {
                self.obstacle.get_or_init(|| errno);
                None
            }
        })
    }

    fn ask_interface(&self, index: u32) -> Result<Name, Errno> {
        let socket = self.socket.as_ref().ok_or(Errno::EBADF)?;
        let name = syscall::interface_name(socket.as_fd(), index);
        name.map(|name| Name::new(&name)).map_err(errno_of)
    }

    /// Why the names of some interfaces could not be looked up. `EBADF` if there is no socket to do so.
    pub fn obstacle(&self) -> Option<Errno> {
        self.obstacle.get().copied()
    }
}

/// An index that exceeds `i32::MAX` is refused before the kernel sees it. No interface has such an index.
fn errno_of(error: io::Error) -> Errno {
    error.raw_os_error().map_or(Errno::ENODEV, Errno::from_raw)
}

/// The size of a memory page in bytes: sysconf(3), which always reports it.
fn page() -> u64 {
    let page = sysconf(SysconfVar::PAGE_SIZE).ok().flatten();
    page.and_then(|page| page.try_into().ok()).unwrap_or(4096)
}

/// The number of the last possible CPU or, without /sys, of the last one that is online: proc_stat(5).
fn cpus() -> Option<u64> {
    let possible = fs::read_to_string("/sys/devices/system/cpu/possible");
    let possible = possible.ok().and_then(|list| last_of(&list));
    possible.or_else(|| last_online(&fs::read_to_string("/proc/stat").ok()?))
}

fn last_online(stat: &str) -> Option<u64> {
    let cpus = stat.lines().filter_map(|line| line.strip_prefix("cpu")?.split(' ').next());
    cpus.filter_map(|number| number.parse::<u64>().ok()?.checked_add(1)).max()
}

/// The number of the last CPU in a list such as `0-3,8-11`.
fn last_of(list: &str) -> Option<u64> {
    list.trim_end().rsplit([',', '-']).next()?.parse::<u64>().ok()?.checked_add(1)
}

/// The number of ticks per second, rounded, from the length of a tick in nanoseconds.
fn hz_of(nanoseconds: i64) -> u64 {
    let tick = nanoseconds.max(1) as u64;
    ((1_000_000_000 + tick / 2) / tick).max(1)
}

#[cfg(test)]
mod tests {
    use super::{hz_of, last_of, last_online};

    #[test]
    fn lists_of_cpus() {
        assert_eq!(last_of("0\n"), Some(1));
        assert_eq!(last_of("0-127\n"), Some(128));
        assert_eq!(last_of("0-3,8-11\n"), Some(12));
        assert_eq!(last_of("0,2\n"), Some(3));
        assert_eq!(last_of("\n"), None);
        assert_eq!(last_online("cpu  1 2\ncpu0 1 2\ncpu11 1 2\nintr 7\n"), Some(12));
        assert_eq!(last_online("intr 7\n"), None);
    }

    #[test]
    fn ticks_of_all_configurations() {
        assert_eq!(hz_of(10_000_000), 100);
        assert_eq!(hz_of(4_000_000), 250);
        assert_eq!(hz_of(3_333_333), 300);
        assert_eq!(hz_of(1_000_000), 1000);
        assert_eq!(hz_of(999_848), 1000);
    }
}
