//! The files of the knetstat kernel module, as iterators that can be pinned: bpf/module.bpf.c

use std::io;
use std::mem::MaybeUninit;
use std::os::fd::AsFd;

use libbpf_rs::skel::{OpenSkel, Skel, SkelBuilder};
use nix::unistd::{sysconf, SysconfVar};
use libbpf_rs::{Iter, IterOpts, Link, MapCore, MapIterOpts, Object, OpenObject};

use crate::error::LoadError;
use crate::kernel::family::Family;
use crate::kernel::load::{no_program, Loader};
use crate::kernel::programs::Subject;
use crate::kernel::skeleton::module::ModuleSkelBuilder;
use crate::kernel::{capability, handler, libbpf_log, refusal};

/// The names of the files, which are those of their programs.
pub const FILES: [&str; 4] = ["tcpstat", "tcp6stat", "udpstat", "udp6stat"];

/// The map that a walk goes over, and the beginning of the names of its maps: bpf/pins.h
const CALLS: &str = "pin_calls";
const WALK_MAPS: &str = "pin_";

/// The name of the program that walks the table for a file.
pub fn walk_of(file: &str) -> String {
    format!("{file}_walk")
}

/// A loaded file.
pub struct Text {
    /// [`Link::pin`] makes it a file. [`libbpf_rs::Iter::new`] opens it without one.
    pub link: Link,
    /// Whether its readers wait for the lock of each socket, because the kernel's iterator serves.
    pub takes_locks: bool,
}

/// The most calls of a walk, each of which writes 30 KB at most, some 150 lines. They suffice for a socket for each 27 KB
/// of memory. The kernel needs more than a tenth of that for a connection, and its program the rest.
fn calls() -> u32 {
    const BYTES_FOR_A_CALL: i64 = 4 << 20;
    let of_system = |variable| sysconf(variable).ok().flatten().unwrap_or_default();
    let memory = of_system(SysconfVar::_PHYS_PAGES) * of_system(SysconfVar::PAGE_SIZE);
    (memory / BYTES_FOR_A_CALL).clamp(2048, 32768) as u32
}

/// Loads the program of one of [`FILES`] and attaches it: a walk of the table or, where the kernel does not permit
/// that, the program of the kernel's iterator. `hz` is the number of jiffies in a second.
///
/// Each reader sees the sockets of its own network namespace: an iterator those of the namespace in which the file was
/// opened, a walk those of the namespace in which it is read. The program stays loaded as long as the link, a pin or a
/// reader exists. Files do not depend on each other, so that a refusal costs only one of them.
///
/// # Errors
///
/// Why this host or this user cannot load it.
pub fn load(loader: &Loader, file: &str, hz: u64) -> Result<Text, LoadError> {
    capability::check()?;
    libbpf_log::capture();
    if can_walk(loader, file) {
        libbpf_log::clear();
        if let Ok(link) = attach(loader, &walk_of(file), hz, true).and_then(tried) {
            return Ok(Text { link, takes_locks: false });
        }
    }
    libbpf_log::clear();
    let link = attach(loader, file, hz, false).map_err(|error| refusal::reason(&error))?;
    Ok(Text { link, takes_locks: true })
}

/// Whether the kernel seems to have what a walk requires.
fn can_walk(loader: &Loader, file: &str) -> bool {
    let family = if file.starts_with("tcp") { Family::Tcp } else { Family::Udp };
    let features = loader.features();
    features.task_storage && features.bpf_loop && features.walks.contains(&Subject::Sockets(family))
}

/// Reads a walk once, which fails if it does not find the table.
fn tried(link: Link) -> libbpf_rs::Result<Link> {
    io::copy(&mut Iter::new(&link)?, &mut io::sink())?;
    Ok(link)
}

fn attach(loader: &Loader, name: &str, hz: u64, walks: bool) -> libbpf_rs::Result<Link> {
    let mut storage = MaybeUninit::uninit();
    let mut builder = ModuleSkelBuilder::default();
    if let Some(btf) = loader.minimized() {
        handler::register(btf.iterators());
        builder.object_builder_mut().btf_custom_path(btf.path())?;
    }
    let mut open = builder.open(&mut storage)?;
    if let Some(constants) = &mut open.maps.rodata_data {
        constants.hz = hz;
        constants.calls = calls();
    }
    choose(open.open_object_mut(), name, walks)?;
    let loaded = open.load()?;
    attach_to_iterator(loaded.object(), name, walks)
}

fn attach_to_iterator(object: &Object, name: &str, walks: bool) -> libbpf_rs::Result<Link> {
    let calls = object.maps().find(|map| walks && map.name() == CALLS);
    let options = match &calls {
        Some(calls) => IterOpts::Map(MapIterOpts::from_fd(calls.as_fd())),
        None => IterOpts::None,
    };
    let program = object.progs_mut().find(|it| it.name() == name);
    program.ok_or_else(|| no_program(name))?.attach_iter_with_opts(options)
}

/// Leaves only one program, and its maps.
fn choose(open: &mut OpenObject, name: &str, walks: bool) -> libbpf_rs::Result<()> {
    for mut program in open.progs_mut() {
        program.set_autoload(program.name() == name);
    }
    for mut map in open.maps_mut() {
        if map.name().as_encoded_bytes().starts_with(WALK_MAPS.as_bytes()) {
            map.set_autocreate(walks)?;
        }
        if map.name() == CALLS {
            map.set_max_entries(calls())?;
        }
    }
    Ok(())
}
