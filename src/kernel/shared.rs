//! Walks of a table that many readers of one file share, and that wait for the lock of no socket: bpf/pins.h

use std::fs::File;
use std::io::{self, Read};
use std::os::fd::AsFd;

use libbpf_rs::{IterOpts, Link, MapCore, MapIterOpts, Object, OpenObject};
use nix::errno::Errno;

use crate::kernel::family::Family;
use crate::kernel::programs::{Features, Subject};

/// The map that a walk goes over, the constant with its size, and the beginning of the names of the maps of a walk.
const CALLS: &str = "pin_calls";
const CALLS_CONSTANT: &str = ".rodata.calls";
const MAPS: &str = "pin_";

/// The most calls of a walk that writes records. More are of no use: their records are 4 GB. Those after the end are not
/// made: [`WalkOfPin`].
pub const CALLS_OF_RECORDS: u32 = 131_072;

/// The programs that a walk replaces. It is pinned in place of the first.
type Replaced = &'static [&'static str];

/// A loaded walk that replaces an iterator.
pub struct Shared {
    pub link: Link,
    replaced: Replaced,
}

impl Shared {
    /// The walks: the name of the program (bpf/pins.bpf.c), what it replaces, and the family.
    pub(super) const ALL: [(&'static str, Replaced, Family); 5] = [
        ("tcp_pin", &["tcp_table"], Family::Tcp),
        ("udp_pin", &["udp_table"], Family::Udp),
        ("mptcp_pin", &["mptcp_subflows"], Family::Mptcp),
        ("unix_pin", &["unix_table", "unix_files"], Family::Unix),
        ("queue_pin", &["queue_table"], Family::Tcp),
    ];

    /// The program in place of which the walk is pinned that replaces this program.
    pub(super) fn place_of(program: &str) -> Option<&'static str> {
        let walks = Shared::ALL.iter();
        walks.map(|walk| walk.1).find(|it| it.contains(&program))?.first().copied()
    }

    pub(super) fn new(link: Link, replaced: Replaced) -> Shared {
        Shared { link, replaced }
    }

    /// Whether the walk shows what the program of this name shows.
    pub fn replaces(&self, program: &str) -> bool {
        self.replaced.contains(&program)
    }

    /// The program in place of which the walk is pinned.
    pub(super) fn place(&self) -> &'static str {
        self.replaced.first().copied().unwrap_or_default()
    }
}

/// Whether a kernel with these features seems to have what a walk of this family requires.
pub(super) fn can_walk(features: &Features, family: Family) -> bool {
    features.task_storage && features.bpf_loop && features.walks.contains(&Subject::Sockets(family))
}

/// Leaves only one program of an object, and the maps of walks if it is one, with this number of calls.
///
/// # Errors
///
/// Those of libbpf.
pub(super) fn choose(
    open: &mut OpenObject,
    name: &str,
    calls: Option<u32>,
) -> libbpf_rs::Result<()> {
    for mut program in open.progs_mut() {
        program.set_autoload(program.name() == name);
    }
    for mut map in open.maps_mut() {
        if map.name() == CALLS_CONSTANT {
            let number = calls.unwrap_or_default().to_ne_bytes();
            let value = map.initial_value_mut().and_then(|value| value.get_mut(..number.len()));
            value.ok_or_else(|| io::Error::from(io::ErrorKind::NotFound))?.copy_from_slice(&number);
        }
        if map.name().as_encoded_bytes().starts_with(MAPS.as_bytes()) {
            map.set_autocreate(calls.is_some())?;
        }
        if let Some(calls) = calls.filter(|_| map.name() == CALLS) {
            map.set_max_entries(calls)?;
        }
    }
    Ok(())
}

/// Attaches a walk.
///
/// # Errors
///
/// Those of libbpf.
pub(super) fn attach(object: &Object, name: &str) -> libbpf_rs::Result<Link> {
    let missing = || io::Error::new(io::ErrorKind::NotFound, format!("there is no {name}"));
    let calls = object.maps().find(|map| map.name() == CALLS).ok_or_else(missing)?;
    let program = object.progs_mut().find(|it| it.name() == name).ok_or_else(missing)?;
    program.attach_iter_with_opts(IterOpts::Map(MapIterOpts::from_fd(calls.as_fd())))
}

/// An open walk of records.
///
/// The walk reports its end by EAGAIN. It reports by E2BIG that a record was too long for the room that was left for it,
/// writes that record alone in the next read, and reports E2BIG again if the walk is incomplete.
pub struct WalkOfPin<R = File> {
    file: R,
    is_done: bool,
}

impl<R: Read> WalkOfPin<R> {
    pub fn new(file: R) -> WalkOfPin<R> {
        WalkOfPin { file, is_done: false }
    }
}

impl<R: Read> Read for WalkOfPin<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.is_done || buffer.is_empty() {
            return Ok(0);
        }
        let is = |error: &io::Error, errno| error.raw_os_error() == Some(errno as i32);
        let mut result = self.file.read(buffer);
        if result.as_ref().is_err_and(|error| is(error, Errno::E2BIG)) {
            result = self.file.read(buffer);
        }
        match result {
            Err(error) if is(&error, Errno::EAGAIN) => {
                self.is_done = true;
                Ok(0)
            }
            Err(error) if is(&error, Errno::E2BIG) => Err(io::Error::other(
                "a pin has lost the place of this reader, or a record is too long (run it again)",
            )),
            // The calls are used up.
            Ok(0) => Err(io::Error::from(io::ErrorKind::UnexpectedEof)),
            result => result,
        }
    }
}
