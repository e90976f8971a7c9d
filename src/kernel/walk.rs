//! The walks: reading what the programs of bpf/walk.h write into their buffers.

use std::io::{self, Read};
use std::mem::offset_of;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use libbpf_rs::{Iter, IterOpts, Link, Map, MapCore, MapHandle, MapIterOpts, Object, ProgramMut};
use nix::libc;
use nix::sys::stat::fstat;

use crate::kernel::abi::{output_header, table, walk_limit};
use crate::kernel::family::Family;
use crate::kernel::object::{HOLDER_MAPS, LANE, WALK_MAPS};
use crate::kernel::request::Request;
use crate::kernel::syscall::{self, MapMapping};

/// The name of the program that notes the network namespaces of a walk.
pub const PLACES: &str = "walk_place";

/// The name of the program that walks the descriptors of all processes.
pub const HOLDERS: &str = "holder_walk";

/// The sockets of this process through which the walks find tables that no network namespace leads to.
#[derive(Default)]
pub struct Guides {
    udplite: Option<OwnedFd>,
    raw: Option<OwnedFd>,
    raw6: Option<OwnedFd>,
}

impl Guides {
    /// Opens those that walks of these families need for a request, as far as the kernel has the protocols and permits it.
    pub fn open(request: &Request, walked: &[Family]) -> Guides {
        const IPPROTO_UDPLITE: i32 = 136;
        let has_raw = walked.contains(&Family::Raw);
        // A raw socket of IPPROTO_RAW receives nothing: raw(7).
        let raw =
            |domain| has_raw.then(|| guide(domain, libc::SOCK_RAW, libc::IPPROTO_RAW)).flatten();
        let udplite = || guide(libc::AF_INET, libc::SOCK_DGRAM, IPPROTO_UDPLITE);
        Guides {
            udplite: (request.udp_lite && walked.contains(&Family::Udp)).then(udplite).flatten(),
            raw: raw(libc::AF_INET),
            raw6: raw(libc::AF_INET6),
        }
    }

    /// The descriptors of UDP-Lite and of raw sockets, IPv4 and IPv6, for the programs. 0: there is none.
    pub fn numbers(&self) -> [u32; 3] {
        [&self.udplite, &self.raw, &self.raw6]
            .map(|socket| socket.as_ref().map_or(0, |socket| socket.as_raw_fd() as u32))
    }

    fn inodes(&self) -> impl Iterator<Item = u64> + '_ {
        let sockets = [&self.udplite, &self.raw, &self.raw6];
        sockets.into_iter().flatten().filter_map(|it| fstat(it).ok()).map(|file| file.st_ino)
    }
}

/// Opens a socket whose descriptor is not 0, the number that means that there is none.
fn guide(domain: i32, kind: i32, protocol: i32) -> Option<OwnedFd> {
    let socket = syscall::socket(domain, kind, protocol).ok()?;
    match socket.as_raw_fd() {
        0 => syscall::duplicate_above(&socket, 2).ok(),
        _ => Some(socket),
    }
}

/// The buffers that the programs of one object write to, one for each lane.
pub struct Walks {
    outputs: Arc<MapMapping>,
    /// Those of the walk of descriptors, which may be read between two reads of another walk.
    holders: Option<Arc<MapMapping>>,
    place: Link,
    guides: Guides,
}

/// The size in bytes of an element of the map with the buffers.
const OUTPUT: usize = size_of::<output_header>() + walk_limit::OUTPUT_SIZE.0 as usize;

impl Walks {
    /// Maps the buffers of a loaded object. Nobody but the programs can write their maps from then on: the numbers of
    /// the lanes are constants, which libbpf has frozen. `has_descriptors`: whether descriptors are walked.
    ///
    /// # Errors
    ///
    /// Those of libbpf and of mmap(2).
    pub fn of(
        object: &Object,
        lanes: usize,
        has_descriptors: bool,
        guides: Guides,
    ) -> libbpf_rs::Result<Walks> {
        let holder_maps: &[&str] = if has_descriptors { &HOLDER_MAPS } else { &[] };
        for name in WALK_MAPS.iter().chain(holder_maps) {
            MapHandle::try_from(&map(object, name)?)?.freeze()?;
        }
        let mapped = |name| -> libbpf_rs::Result<_> {
            Ok(Arc::new(MapMapping::of(map(object, name)?.as_fd(), OUTPUT * lanes)?))
        };
        let outputs = mapped("outputs")?;
        let holders = has_descriptors.then(|| mapped("holder_outputs")).transpose()?;
        let program = object.progs_mut().find(|it| it.name() == PLACES);
        let program = program.ok_or_else(|| missing(PLACES))?;
        let place = attach_lane(object, &program, 0)?;
        Ok(Walks { outputs, holders, place, guides })
    }

    /// The inodes of the sockets through which the programs find tables.
    pub fn own_inodes(&self) -> impl Iterator<Item = u64> + '_ {
        self.guides.inodes()
    }

    /// The duration of the longest call of a program so far, which is under rcu_read_lock().
    pub fn longest_call(&self) -> Duration {
        let at = |lane| OUTPUT * lane + offset_of!(output_header, longest_call);
        let outputs = [Some(&self.outputs), self.holders.as_ref()].into_iter().flatten();
        let calls =
            outputs.flat_map(|outputs| (0..).map_while(move |lane| outputs.number(at(lane))));
        Duration::from_nanos(calls.max().unwrap_or_default())
    }

    /// The families of which a table is not found in the network namespace of this thread.
    ///
    /// # Errors
    ///
    /// When the kernel refuses, for example because of too many open files.
    pub fn missing(&self) -> libbpf_rs::Result<Vec<Family>> {
        const OF_TABLES: [(table, &[Family]); 6] = [
            (table::TABLE_TCP, &[Family::Tcp, Family::Mptcp]),
            (table::TABLE_TCP_LISTEN, &[Family::Tcp, Family::Mptcp]),
            (table::TABLE_UDP, &[Family::Udp]),
            (table::TABLE_UNIX, &[Family::Unix]),
            (table::TABLE_PACKET, &[Family::Packet]),
            (table::TABLE_XDP, &[Family::Xdp]),
        ];
        add_place(&mut self.places()?)?;
        let missing = self.outputs.number(offset_of!(output_header, missing)).unwrap_or_default();
        let tables = OF_TABLES.iter().filter(|(number, _)| missing >> number.0 & 1 != 0);
        Ok(tables.flat_map(|(_, families)| families.iter().copied()).collect())
    }

    /// Opens the iterator that notes the network namespaces of the walks that are opened next.
    ///
    /// # Errors
    ///
    /// When the kernel refuses, for example because of too many open files.
    pub fn places(&self) -> libbpf_rs::Result<Iter> {
        Iter::new(&self.place)
    }

    /// Opens a walk through the tables of one family, whose lanes have these links. Each lane can be read by its own
    /// thread. Only one walk of the programs of a run is read at a time, because they share the buffers.
    ///
    /// # Errors
    ///
    /// When the kernel refuses, for example because of too many open files.
    pub fn open(&self, links: &[Link]) -> libbpf_rs::Result<Vec<Lane>> {
        open(&self.outputs, links)
    }

    /// Opens the walk of descriptors. Only one of them is read at a time.
    ///
    /// # Errors
    ///
    /// As [`Walks::open`], or if descriptors are not walked.
    pub fn open_holders(&self, links: &[Link]) -> libbpf_rs::Result<Vec<Lane>> {
        open(self.holders.as_ref().ok_or_else(|| missing(HOLDERS))?, links)
    }
}

fn open(outputs: &Arc<MapMapping>, links: &[Link]) -> libbpf_rs::Result<Vec<Lane>> {
    let lane = |(number, link)| {
        let outputs = Arc::clone(outputs);
        Ok(Lane { iter: Iter::new(link)?, outputs, number })
    };
    links.iter().enumerate().map(lane).collect()
}

/// Adds the network namespace of this thread to the walks. `places` comes from [`Walks::places`].
///
/// # Errors
///
/// When there are too many.
pub fn add_place(places: &mut Iter) -> io::Result<()> {
    match places.read(&mut [0]) {
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(()),
        Err(error) => Err(error),
        Ok(_) => {
            let most = walk_limit::PLACES.0 - 1;
            Err(io::Error::other(format!("there are more than {most} network namespaces")))
        }
    }
}

/// Attaches a program of a walk to each lane.
///
/// # Errors
///
/// Those of libbpf.
pub fn attach(object: &Object, program: &ProgramMut, lanes: usize) -> libbpf_rs::Result<Vec<Link>> {
    (0..lanes).map(|lane| attach_lane(object, program, lane)).collect()
}

fn attach_lane(object: &Object, program: &ProgramMut, lane: usize) -> libbpf_rs::Result<Link> {
    let number = map(object, &format!("{LANE}{lane}"))?;
    program.attach_iter_with_opts(IterOpts::Map(MapIterOpts::from_fd(number.as_fd())))
}

fn map<'a>(object: &'a Object, name: &str) -> libbpf_rs::Result<Map<'a>> {
    object.maps().find(|map| map.name() == name).ok_or_else(|| missing(name))
}

fn missing(name: &str) -> libbpf_rs::Error {
    io::Error::new(io::ErrorKind::NotFound, format!("the programs have no {name}")).into()
}

/// The number of lanes of a walk: one for each CPU that this process may use, up to a limit. More than one lane is of
/// no use on one CPU.
pub fn lanes() -> u32 {
    let cpus = thread::available_parallelism().map_or(1, usize::from);
    walk_limit::LANES.0.min(cpus.try_into().unwrap_or(u32::MAX))
}

/// A share of a walk: some stripes of each table.
pub struct Lane {
    iter: Iter,
    outputs: Arc<MapMapping>,
    number: usize,
}

/// The records of a part of a stripe.
pub struct Piece<'a> {
    /// Increases from stripe to stripe, in all lanes together.
    pub order: u64,
    pub records: &'a [u8],
}

impl Lane {
    /// Makes the kernel do the next piece of the walk, and returns its records. `None` at the end.
    ///
    /// # Errors
    ///
    /// When the kernel refuses, or the walk is incomplete.
    pub fn next_piece(&mut self) -> io::Result<Option<Piece<'_>>> {
        let is_done = loop {
            match self.iter.read(&mut [0]) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break false,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
                Ok(_) => break true,
            }
        };
        let header = self.header();
        if header.lost != 0 {
            return Err(io::Error::other(
                "a table of sockets was not found, or changed faster than it could be followed",
            ));
        }
        match (is_done, header.done != 0) {
            (true, true) => Ok(None),
            (false, false) => {
                let records = self.records(header.length as usize);
                Ok(Some(Piece { order: header.order, records }))
            }
            _ => Err(io::Error::from(io::ErrorKind::UnexpectedEof)),
        }
    }

    fn header(&self) -> output_header {
        let mut header = output_header::default();
        // SAFETY: a program writes to the buffer of this lane only while `iter` is read, which requires `&mut self`.
        let bytes = unsafe { self.outputs.part(OUTPUT * self.number, size_of_val(&header)) };
        // If the mapping were too short, the header would remain one of no records.
        let _ = plain::copy_from_bytes(&mut header, bytes);
        header
    }

    fn records(&self, length: usize) -> &[u8] {
        let begin = OUTPUT * self.number + size_of::<output_header>();
        // SAFETY: as above.
        unsafe { self.outputs.part(begin, length) }
    }
}
