//! The skeletons that build.rs generates from bpf/: the programs, their knobs, and the types of the
//! record.

use std::ffi::{c_int, c_long, CString};
use std::mem::MaybeUninit;
use std::sync::Once;

use anyhow::Context;
use libbpf_rs::libbpf_sys as sys;
use libbpf_rs::skel::{OpenSkel, Skel, SkelBuilder};
use libbpf_rs::{Object, OpenObject};
use plain::Plain;

use crate::kernel::btf::{IteratorType, TypesFile};

/// Generated code; its names are those of the C source.
#[allow(clippy::all, non_camel_case_types, non_snake_case, dead_code)]
mod tables {
    include!(concat!(env!("OUT_DIR"), "/tables.skel.rs"));
}

/// The same.
#[allow(clippy::all, non_camel_case_types, non_snake_case, dead_code)]
mod files {
    include!(concat!(env!("OUT_DIR"), "/files.skel.rs"));
}

pub use tables::types::{
    ip_options_item, ip_section, ipv6_section, item_header, item_kind, knobs, membership_item,
    netlink_section, owner_record, port_filter, port_range, raw_section, record_header,
    sctp_section, section, socket_section, socket_trait, task_record, tcp_section, timer,
    tls_section, udp_section, unix_section, vsock_section,
};
pub use tables::types::{
    packet_membership_item, packet_section, xdp_section, PACKET_flag, PACKET_value, XDP_flag,
    XDP_value,
};
/// The facts of each level, as enumerated by bpf/options.h.
pub use tables::types::{
    IPV6_flag, IPV6_value, IP_flag, IP_value, NETLINK_flag, NETLINK_value, RAW_flag, RAW_value,
    SCTP_flag, SCTP_value, SOCKET_flag, SOCKET_value, TCP_flag, TCP_value, TLS_flag, TLS_value,
    UDP_flag, UDP_value, UNIX_flag, UNIX_value, VSOCK_flag, VSOCK_value,
};

/// One of the two objects that the programs are in. What a run does not need it does not open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// bpf/tables.bpf.c
    Tables,
    /// bpf/files.bpf.c
    Files,
}

impl Part {
    pub const ALL: [Part; 2] = [Part::Tables, Part::Files];

    /// The one with the program of this name.
    pub fn of(program: &str) -> Part {
        match program.contains("_table") {
            true => Part::Tables,
            false => Part::Files,
        }
    }

    /// Opens the object, which is to find its types in this file, or else wherever libbpf looks; loads
    /// what `choose` leaves to be loaded; and hands that to `attach`.
    ///
    /// # Errors
    ///
    /// Those of libbpf, and of the two.
    pub fn load<T>(
        self,
        types: Option<&TypesFile>,
        choose: impl FnOnce(&mut OpenObject) -> anyhow::Result<()>,
        attach: impl FnOnce(&Object) -> anyhow::Result<T>,
    ) -> anyhow::Result<T> {
        let mut place = MaybeUninit::uninit();
        match self {
            Part::Tables => {
                let builder = tables::TablesSkelBuilder::default();
                load(builder, &mut place, types, choose, attach)
            }
            Part::Files => {
                let builder = files::FilesSkelBuilder::default();
                load(builder, &mut place, types, choose, attach)
            }
        }
    }
}

fn load<'a, T, B: SkelBuilder<'a>>(
    mut builder: B,
    place: &'a mut MaybeUninit<OpenObject>,
    types: Option<&TypesFile>,
    choose: impl FnOnce(&mut OpenObject) -> anyhow::Result<()>,
    attach: impl FnOnce(&Object) -> anyhow::Result<T>,
) -> anyhow::Result<T> {
    if let Some(types) = types {
        know_iterators(types.iterators());
        builder.object_builder_mut().btf_custom_path(types.path())?;
    }
    let mut open = builder.open(place)?;
    choose(open.open_object_mut())?;
    attach(open.load()?.object())
}

/// Sets the knobs of an object.
///
/// # Errors
///
/// When it has none.
pub fn set_knobs(open: &mut OpenObject, knobs: &knobs) -> anyhow::Result<()> {
    let mut maps = open.maps_mut();
    let map = maps.find(|map| map.name() == ".rodata.knobs");
    let mut map = map.context("the BPF programs have no knobs")?;
    // SAFETY: a `repr(C)` struct of integers without padding is its bytes.
    let bytes = unsafe { plain::as_bytes(knobs) };
    Ok(map.set_initial_value(bytes)?)
}

// SAFETY: these are `repr(C)` structs of integers and arrays of integers; every bit pattern is a
// valid value of them, and record.h and knobs.h lay them out without padding.
unsafe impl Plain for knobs {}
unsafe impl Plain for record_header {}
unsafe impl Plain for socket_section {}
unsafe impl Plain for ip_section {}
unsafe impl Plain for ipv6_section {}
unsafe impl Plain for tcp_section {}
unsafe impl Plain for udp_section {}
unsafe impl Plain for raw_section {}
unsafe impl Plain for unix_section {}
unsafe impl Plain for packet_section {}
unsafe impl Plain for xdp_section {}
unsafe impl Plain for netlink_section {}
unsafe impl Plain for vsock_section {}
unsafe impl Plain for tls_section {}
unsafe impl Plain for sctp_section {}
unsafe impl Plain for item_header {}
unsafe impl Plain for ip_options_item {}
unsafe impl Plain for membership_item {}
unsafe impl Plain for packet_membership_item {}
unsafe impl Plain for owner_record {}
unsafe impl Plain for task_record {}

/// Tells libbpf which types of the running kernel stand for its iterators, so that it need not read all
/// of the kernel's types to find that out. It does that where it is not told.
pub fn know_iterators(types: &[IteratorType]) {
    // The programs that libbpf opened refer to what it was told, which has to stay as it is.
    static TOLD: Once = Once::new();
    TOLD.call_once(|| types.iter().for_each(know_iterator));
}

fn know_iterator(iterator: &IteratorType) {
    let Ok(place) = CString::new(format!("iter/{}", iterator.name)) else { return };
    let options = sys::libbpf_prog_handler_opts {
        sz: size_of::<sys::libbpf_prog_handler_opts>() as _,
        cookie: iterator.id.into(),
        prog_setup_fn: Some(claim_target),
        prog_prepare_load_fn: Some(set_target),
        prog_attach_fn: None,
    };
    // SAFETY: libbpf copies the name and the options; the functions live as long as the program.
    unsafe {
        sys::libbpf_register_prog_handler(
            place.as_ptr(),
            sys::BPF_PROG_TYPE_TRACING,
            sys::BPF_TRACE_ITER,
            &options,
        )
    };
}

/// Called by libbpf when it opens a program. For one that is to be attached to another program, which
/// it is told by a descriptor, it does not read the kernel's types; any number will do.
extern "C" fn claim_target(program: *mut sys::bpf_program, _: c_long) -> c_int {
    // SAFETY: libbpf hands over a program of its own, and takes no name as no pointer.
    unsafe { sys::bpf_program__set_attach_target(program, 1, std::ptr::null()) }
}

/// Called by libbpf before it loads a program: this is what it really is to be attached to.
extern "C" fn set_target(
    _: *mut sys::bpf_program,
    options: *mut sys::bpf_prog_load_opts,
    id: c_long,
) -> c_int {
    // SAFETY: libbpf hands over options of its own, which nobody else refers to meanwhile.
    let options = unsafe { &mut *options };
    options.attach_btf_id = id as u32;
    options.attach_prog_fd = 0;
    0
}
