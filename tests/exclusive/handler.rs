//! libbpf uses the handlers that provide the types of the iterators (src/kernel/handler.rs), and does not
//! read the kernel's types itself. In this test it cannot: the files are hidden.

use std::fs;
use std::path::Path;

use crate::common::PLACES_OF_BTF;
use knetstat::kernel::btf::KernelBtf;
use knetstat::kernel::libbpf_log;
use knetstat::kernel::object::Part;
use libbpf_rs::{Iter, IterOpts, Object, OpenObject};
use nix::mount::{mount, MsFlags};
use nix::sched::{unshare, CloneFlags};

/// Hides the files with the kernel's types from this thread.
fn hide_kernel_types() {
    const NOTHING: Option<&str> = None;
    unshare(CloneFlags::CLONE_NEWNS).expect("a mount namespace");
    let private = MsFlags::MS_REC | MsFlags::MS_PRIVATE;
    mount(NOTHING, "/", NOTHING, private, NOTHING).expect("mounts of its own");
    for place in PLACES_OF_BTF.into_iter().filter(|place| Path::new(place).is_dir()) {
        mount(Some("none"), place, Some("tmpfs"), MsFlags::empty(), NOTHING).expect("a tmpfs");
        assert_eq!(fs::read_dir(place).expect("a directory").count(), 0, "{place}");
    }
}

#[test]
fn programs_load_without_the_kernels_types() {
    let _turn = crate::exclusive();
    let btf = KernelBtf::load().expect("the types of this kernel");
    let minimized = btf.minimize().expect("a file with a few of them");
    hide_kernel_types();
    libbpf_log::capture();
    for name in ["tcp_table_without_loop", "owners", "tasks"] {
        let choose = |open: &mut OpenObject| {
            open.progs_mut().for_each(|mut program| program.set_autoload(program.name() == name));
            Ok(())
        };
        let attach = |object: &Object| {
            let program = object.progs_mut().find(|program| program.name() == name);
            let link = program.expect(name).attach_iter_with_opts(IterOpts::None)?;
            Iter::new(&link)
        };
        // Neither the relocations nor the type of the iterator need the hidden files ...
        if let Err(error) = Part::of(name).load(Some(&minimized), choose, attach) {
            panic!("{name}: libbpf does not use the handler of its iterator: {error:#}");
        }
        // ... without which libbpf cannot do the same by itself.
        let alone = Part::of(name).load(None, choose, attach);
        assert!(alone.is_err(), "{name}: libbpf has found the kernel's types somewhere");
    }
}
