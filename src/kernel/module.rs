//! The files of the knetstat kernel module, as iterators that can be pinned: bpf/module.bpf.c

use std::io;
use std::mem::MaybeUninit;

use libbpf_rs::skel::{OpenSkel, Skel, SkelBuilder};
use libbpf_rs::{Iter, IterOpts, Link};
use nix::unistd::{sysconf, SysconfVar};

use crate::error::LoadError;
use crate::kernel::family::Family;
use crate::kernel::group::no_program;
use crate::kernel::load::Loader;
use crate::kernel::skeleton::module::ModuleSkelBuilder;
use crate::kernel::{capability, handler, libbpf_log, refusal, shared};

/// The names of the files, which are those of their programs.
pub const FILES: [&str; 4] = ["tcpstat", "tcp6stat", "udpstat", "udp6stat"];

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
    if shared::can_walk(loader.features(), family_of(file)) {
        libbpf_log::clear();
        if let Ok(link) = attach(loader, &walk_of(file), hz, true).and_then(tried) {
            return Ok(Text { link, takes_locks: false });
        }
    }
    libbpf_log::clear();
    let link = attach(loader, file, hz, false).map_err(|error| refusal::reason(&error))?;
    Ok(Text { link, takes_locks: true })
}

/// The family that a file shows.
fn family_of(file: &str) -> Family {
    if file.starts_with("tcp") {
        Family::Tcp
    } else {
        Family::Udp
    }
}

/// The most calls of a walk, each of which writes 30 KB at most, some 150 lines. They suffice for a socket for each 27 KB
/// of memory. The kernel needs more than a tenth of that for a connection, and its program the rest.
fn calls() -> u32 {
    const BYTES_FOR_A_CALL: i64 = 4 << 20;
    let of_system = |variable| sysconf(variable).ok().flatten().unwrap_or_default();
    let memory = of_system(SysconfVar::_PHYS_PAGES) * of_system(SysconfVar::PAGE_SIZE);
    (memory / BYTES_FOR_A_CALL).clamp(2048, 32768) as u32
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
    }
    shared::choose(open.open_object_mut(), name, walks.then(calls))?;
    let loaded = open.load()?;
    match walks {
        true => shared::attach(loaded.object(), name),
        false => {
            let program = loaded.object().progs_mut().find(|it| it.name() == name);
            program.ok_or_else(|| no_program(name))?.attach_iter_with_opts(IterOpts::None)
        }
    }
}
