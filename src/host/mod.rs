//! What must be known of the host to read the kernel's values.

mod database;
pub mod interfaces;
pub mod mounts;
pub mod netns;
pub mod netns_file;
pub mod netns_names;
pub mod protocols;
pub mod services;
pub mod users;

use std::cell::{OnceCell, RefCell};
use std::collections::HashMap;
use std::io;
use std::os::fd::{AsFd, OwnedFd};

use nix::errno::Errno;
use nix::time::{clock_getres, ClockId};
use nix::unistd::{sysconf, SysconfVar};

use crate::error::Error;
use crate::kernel::{libbpf_log, refusal, syscall};
use crate::text::Name;

/// The host, as seen from one network namespace.
pub struct Host {
    /// Jiffies in a second.
    pub hz: u64,
    /// The number of CPUs that the kernel was prepared for.
    pub cpus: u64,
    /// Bytes in a page of memory.
    pub page: u64,
    /// A socket of the namespace, which interface names are asked of.
    socket: Option<OwnedFd>,
    interfaces: RefCell<HashMap<u32, Option<Name>>>,
    /// Why the name of an interface could not be asked.
    obstacle: OnceCell<Errno>,
}

impl Host {
    /// Looks at this host. `socket` is of the namespace whose sockets are read; without one,
    /// interfaces have no names.
    ///
    /// # Errors
    ///
    /// When the kernel does not tell its clock or its CPUs.
    pub fn new(socket: Option<OwnedFd>) -> Result<Host, Error> {
        // The coarse clock moves once in a jiffy: kernel/time/posix-timers.c
        let tick = clock_getres(ClockId::CLOCK_MONOTONIC_COARSE)
            .map_err(|errno| Error::ClockTick(errno.into()))?;
        libbpf_log::clear();
        let cpus =
            libbpf_rs::num_possible_cpus().map_err(|error| Error::Cpus(refusal::reason(&error)))?;
        Ok(Host::with(hz_of(tick.tv_nsec()), cpus as u64, socket))
    }

    /// A host of which everything is said.
    pub fn with(hz: u64, cpus: u64, socket: Option<OwnedFd>) -> Host {
        let (interfaces, obstacle) = (RefCell::default(), OnceCell::new());
        Host { hz, cpus, page: page(), socket, interfaces, obstacle }
    }

    /// SO_COOKIE of the socket that is kept here: this program's own, which nobody asked for.
    pub fn own_cookie(&self) -> Option<u64> {
        const SOL_SOCKET: i32 = 1;
        const SO_COOKIE: i32 = 57;
        let mut cookie = [0; 8];
        let socket = self.socket.as_ref()?.as_fd();
        syscall::getsockopt(socket, SOL_SOCKET, SO_COOKIE, &mut cookie).ok()?;
        Some(u64::from_ne_bytes(cookie))
    }

    /// The name of an interface; `None` when it has none any more, or when it cannot be asked, which
    /// [`Host::obstacle`] tells.
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

    /// Why some interfaces that were asked for are without their names: `EBADF` where there is no socket
    /// to ask.
    pub fn obstacle(&self) -> Option<Errno> {
        self.obstacle.get().copied()
    }
}

/// A number that no interface has is not asked for: it is refused before the kernel sees it.
fn errno_of(error: io::Error) -> Errno {
    error.raw_os_error().map_or(Errno::ENODEV, Errno::from_raw)
}

/// Bytes in a page of memory: sysconf(3), which always knows.
fn page() -> u64 {
    let page = sysconf(SysconfVar::PAGE_SIZE).ok().flatten();
    page.and_then(|page| page.try_into().ok()).unwrap_or(4096)
}

/// How often a tick of so many nanoseconds fits a second, to the nearest number.
fn hz_of(nanoseconds: i64) -> u64 {
    let tick = nanoseconds.max(1) as u64;
    ((1_000_000_000 + tick / 2) / tick).max(1)
}

#[cfg(test)]
mod tests {
    use super::hz_of;

    #[test]
    fn ticks_of_all_configurations() {
        assert_eq!(hz_of(10_000_000), 100);
        assert_eq!(hz_of(4_000_000), 250);
        assert_eq!(hz_of(3_333_333), 300);
        assert_eq!(hz_of(1_000_000), 1000);
        assert_eq!(hz_of(999_848), 1000);
    }
}
