//! The files of the knetstat kernel module, as iterators that can be pinned: bpf/module.bpf.c

use std::mem::MaybeUninit;

use libbpf_rs::skel::{OpenSkel, Skel, SkelBuilder};
use libbpf_rs::{IterOpts, Link};

use crate::error::LoadError;
use crate::kernel::load::{no_program, Loader};
use crate::kernel::skeleton::module::ModuleSkelBuilder;
use crate::kernel::{capability, handler, libbpf_log, refusal};

/// The names of the files, which are those of their programs.
pub const FILES: [&str; 4] = ["tcpstat", "tcp6stat", "udpstat", "udp6stat"];

/// Loads the program of one of [`FILES`] and attaches it to its iterator. `hz` is the number of jiffies in a second.
///
/// [`Link::pin`] makes the result a file. [`libbpf_rs::Iter::new`] opens it without one. Each reader sees the sockets
/// of the network namespace in which it opens the file. The program stays loaded as long as the link, a pin or a reader
/// exists. Files do not depend on each other, so that a refusal costs only one of them.
///
/// # Errors
///
/// Why this host or this user cannot load it.
pub fn load(loader: &Loader, file: &str, hz: u64) -> Result<Link, LoadError> {
    capability::check()?;
    libbpf_log::capture();
    libbpf_log::clear();
    attach(loader, file, hz).map_err(|error| refusal::reason(&error))
}

fn attach(loader: &Loader, file: &str, hz: u64) -> libbpf_rs::Result<Link> {
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
    for mut program in open.open_object_mut().progs_mut() {
        program.set_autoload(program.name() == file);
    }
    let loaded = open.load()?;
    let mut programs = loaded.object().progs_mut();
    let program = programs.find(|program| program.name() == file);
    program.ok_or_else(|| no_program(file))?.attach_iter_with_opts(IterOpts::None)
}
