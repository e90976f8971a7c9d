//! The skeletons that build.rs generates from bpf/: the programs, their prefilter, and the types of the
//! record.

use std::io;
use std::mem::MaybeUninit;

use libbpf_rs::skel::{OpenSkel, Skel, SkelBuilder};
use libbpf_rs::{Object, OpenObject};
use plain::Plain;

use crate::kernel::btf::MinimizedBtf;
use crate::kernel::handler;

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
    ip_options_item, ip_section, ipv6_section, item_header, item_kind, membership_item,
    netlink_section, owner_record, port_filter, port_range, prefilter, raw_section, record_header,
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

/// One of the two objects that the programs are in. A run does not open what it does not need.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// bpf/tables.bpf.c
    Tables,
    /// bpf/files.bpf.c
    Files,
}

impl Part {
    pub const ALL: [Part; 2] = [Part::Tables, Part::Files];

    /// The part with the program of this name.
    pub fn of(program: &str) -> Part {
        match program.contains("_table") {
            true => Part::Tables,
            false => Part::Files,
        }
    }

    /// Opens the object, which is to find the kernel's types in this file, or else wherever libbpf
    /// looks; loads the programs that `choose` leaves to be loaded; passes the object to `attach`.
    ///
    /// # Errors
    ///
    /// Those of libbpf, of `choose` and of `attach`.
    pub fn load<T>(
        self,
        btf: Option<&MinimizedBtf>,
        choose: impl FnOnce(&mut OpenObject) -> libbpf_rs::Result<()>,
        attach: impl FnOnce(&Object) -> libbpf_rs::Result<T>,
    ) -> libbpf_rs::Result<T> {
        let mut storage = MaybeUninit::uninit();
        match self {
            Part::Tables => {
                load(tables::TablesSkelBuilder::default(), &mut storage, btf, choose, attach)
            }
            Part::Files => {
                load(files::FilesSkelBuilder::default(), &mut storage, btf, choose, attach)
            }
        }
    }
}

fn load<'a, T, B: SkelBuilder<'a>>(
    mut builder: B,
    storage: &'a mut MaybeUninit<OpenObject>,
    btf: Option<&MinimizedBtf>,
    choose: impl FnOnce(&mut OpenObject) -> libbpf_rs::Result<()>,
    attach: impl FnOnce(&Object) -> libbpf_rs::Result<T>,
) -> libbpf_rs::Result<T> {
    if let Some(btf) = btf {
        handler::register(btf.iterators());
        builder.object_builder_mut().btf_custom_path(btf.path())?;
    }
    let mut open = builder.open(storage)?;
    choose(open.open_object_mut())?;
    attach(open.load()?.object())
}

/// Sets the prefilter of an object, a constant that the verifier sees.
///
/// # Errors
///
/// When the object has none.
pub fn set_prefilter(open: &mut OpenObject, prefilter: &prefilter) -> libbpf_rs::Result<()> {
    let mut maps = open.maps_mut();
    let mut map = maps
        .find(|map| map.name() == ".rodata.prefilter")
        .ok_or_else(|| io::Error::new(io::ErrorKind::NotFound, "the programs have no prefilter"))?;
    // SAFETY: a `repr(C)` structure of integers without padding is its bytes.
    let bytes = unsafe { plain::as_bytes(prefilter) };
    map.set_initial_value(bytes)
}

// SAFETY: these are `repr(C)` structs of integers and arrays of integers; every bit pattern is a
// valid value of them, and record.h and filter.h lay them out without padding.
unsafe impl Plain for prefilter {}
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
