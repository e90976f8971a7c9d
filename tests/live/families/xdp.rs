//! XDP sockets.

use std::mem::{size_of, zeroed};
use std::os::fd::{AsFd, AsRawFd};

use serde_json::{json, Value};
use socket2::{Domain, Socket, Type};

use super::walk::{walk, Maker};
use crate::common::{self, scene::inode};
use crate::getsockopt::SECOND;
use crate::numbers::*;

/// The number of descriptors in a ring of these tests, and the size of the memory behind them.
const ENTRIES: i32 = 4;
const MEMORY: usize = 4 * 4096;

fn open() -> Socket {
    Socket::new(Domain::from(AF_XDP), Type::RAW, None).expect("an XDP socket")
}

fn set<T>(socket: &Socket, number: i32, value: &T) {
    // SAFETY: the pointer and the length describe `value`.
    let result = unsafe {
        let size = size_of::<T>() as u32;
        setsockopt(socket.as_raw_fd(), SOL_XDP, number, (&raw const *value).cast(), size)
    };
    assert_eq!(result, 0, "SOL_XDP {number}: {}", std::io::Error::last_os_error());
}

/// Returns a socket with memory and rings.
fn prepared() -> Socket {
    let socket = open();
    // SAFETY: the kernel chooses an unused address.
    let memory = unsafe {
        let flags = MAP_PRIVATE | MAP_ANONYMOUS;
        mmap(std::ptr::null_mut(), MEMORY, PROT_READ | PROT_WRITE, flags, -1, 0)
    };
    assert_ne!(memory, MAP_FAILED, "mmap: {}", std::io::Error::last_os_error());
    // SAFETY: an `xdp_umem_reg` consists of integers.
    let mut umem: xdp_umem_reg = unsafe { zeroed() };
    (umem.addr, umem.len, umem.chunk_size) = (memory as u64, MEMORY as u64, 4096);
    set(&socket, XDP_UMEM_REG, &umem);
    for ring in [XDP_UMEM_FILL_RING, XDP_UMEM_COMPLETION_RING, XDP_RX_RING, XDP_TX_RING] {
        set(&socket, ring, &ENTRIES);
    }
    socket
}

/// Returns a socket that is bound to a queue of an interface.
fn bound(ifindex: i32, queue: u32) -> Socket {
    let socket = prepared();
    bind(&socket, ifindex, queue);
    socket
}

fn bind(socket: &Socket, ifindex: i32, queue: u32) {
    // SAFETY: a `sockaddr_xdp` consists of integers.
    let mut address: sockaddr_xdp = unsafe { zeroed() };
    address.sxdp_family = AF_XDP as u16;
    address.sxdp_flags = XDP_COPY;
    address.sxdp_ifindex = ifindex as u32;
    address.sxdp_queue_id = queue;
    let size = size_of::<sockaddr_xdp>() as u32;
    // SAFETY: the pointer and the length describe `address`.
    let result = unsafe { nix::libc::bind(socket.as_raw_fd(), (&raw const address).cast(), size) };
    assert_eq!(result, 0, "bind: {}", std::io::Error::last_os_error());
}

/// Enters a namespace whose second interface has two queues.
fn enter() {
    common::enter_namespace();
    common::ip(&format!(
        "link add second index {SECOND} numrxqueues 2 numtxqueues 2 type veth peer name third \
         numrxqueues 2 numtxqueues 2"
    ));
    common::ip("link set second up");
    common::ip("link set third up");
}

fn shown(socket: &Socket) -> Value {
    let rows = common::sockets("--xdp");
    common::find(&rows, socket).unwrap_or_else(|| panic!("not shown: {rows:#?}")).clone()
}

/// Returns the words of the socket's row in the table.
fn line(socket: &Socket) -> Vec<String> {
    let text = common::stdout("--xdp -eH");
    let inode = inode(socket).to_string();
    let mut lines = text.lines().map(|line| line.split_whitespace().map(str::to_owned).collect());
    let found = lines.find(|words: &Vec<String>| words.contains(&inode));
    found.unwrap_or_else(|| panic!("no row of {inode}: {text}"))
}

#[test]
fn every_option_of_xdp_sockets() {
    super::enter();
    let makers = [
        Maker { kind: "xdp", make: Box::new(|| (open(), Vec::new())) },
        Maker { kind: "xdp with rings", make: Box::new(|| (prepared(), Vec::new())) },
    ];
    walk("xdp", "--xdp", &makers);
}

#[test]
fn what_they_are_bound_to() {
    enter();
    let fresh = open();
    let row = shown(&fresh);
    assert_eq!(row["local"], json!({"interface": null, "queue": null}));
    assert_eq!((&row["type"], &row["state"]), (&json!("raw"), &json!("UNCONN")));
    assert_eq!(line(&fresh)[..6], ["xdp", "0", "0", "*:*", "*", "UNCONN"]);

    for queue in 0..2 {
        let socket = bound(SECOND, queue);
        let row = shown(&socket);
        assert_eq!(row["local"], json!({"interface": "second", "queue": queue}));
        assert_eq!((&row["interface"], &row["remote"]), (&json!("second"), &Value::Null));
        assert_eq!(line(&socket)[3], format!("second:{queue}"));
        let found = common::sockets("--xdp --interface second");
        assert_eq!(found.len(), 1, "{found:#?}");
        assert!(common::find(&found, &socket).is_some());
    }
}

#[test]
fn the_interface_may_be_gone() {
    enter();
    let socket = bound(SECOND, 0);
    common::ip("link del second");
    common::wait_until("the socket has lost its interface", || shown(&socket)["state"] == "CLOSE");
    let row = shown(&socket);
    assert_eq!(row["local"], json!({"interface": null, "queue": null}));
    assert_eq!(line(&socket)[3..6], ["*:*", "*", "CLOSE"]);
}

/// Returns XDP_STATISTICS from getsockopt(2): include/uapi/linux/if_xdp.h, struct xdp_statistics
/// A walk through the list of a namespace finds those of which this PID namespace has no descriptor, with the values that a
/// descriptor leads to, and those in messages.
#[test]
fn those_without_a_descriptor() {
    enter();
    if !common::btf_has("netns_xdp") {
        return common::not_tested("XDP sockets without a descriptor: their list is not walked");
    }
    let sockets = [open(), prepared(), bound(SECOND, 0), bound(SECOND, 1)];
    let carried = prepared();
    let number = inode(&carried);
    let (_sender, receiver) = super::send_away(carried);
    let rows = common::sockets("--xdp -p");
    assert_eq!(rows.len(), sockets.len() + 1, "{rows:?}");
    let row = rows.iter().find(|row| row["inode"] == number).expect("a row");
    if common::btf_has("unix_table") {
        assert_eq!(
            (&row["owner"], &row["carrier"]),
            (&json!("in-flight"), &json!(inode(&receiver)))
        );
    }
    let here = super::by_inode(common::sockets("--xdp"));
    for socket in &sockets {
        let row = common::find(&here, socket).expect("a row");
        let size = if inode(socket) == inode(&sockets[0]) { 0 } else { MEMORY };
        assert_eq!(row["options"]["XDP_UMEM_REG"]["len"], size, "{row}");
    }
    assert_eq!(super::by_inode(super::sockets_from_elsewhere("--xdp")), here);
}

fn statistics(socket: &Socket) -> Value {
    let mut bytes = [0; 48];
    let length =
        knetstat::kernel::syscall::getsockopt(socket.as_fd(), SOL_XDP, XDP_STATISTICS, &mut bytes);
    assert_eq!(length.expect("XDP_STATISTICS"), bytes.len());
    let mut numbers =
        bytes.chunks_exact(8).map(|number| u64::from_ne_bytes(number.try_into().unwrap()));
    let names = [
        "rx_dropped",
        "rx_invalid_descs",
        "tx_invalid_descs",
        "rx_ring_full",
        "rx_fill_ring_empty_descs",
        "tx_ring_empty_descs",
    ];
    names.iter().map(|name| (name.to_string(), json!(numbers.next()))).collect()
}

/// Puts a descriptor of memory that does not exist into the transmit ring. Older kernels do not allow a
/// ring to be mapped after the socket was bound.
fn fill_in_nonsense(socket: &Socket) {
    let mut bytes = [0; size_of::<xdp_mmap_offsets>()];
    knetstat::kernel::syscall::getsockopt(socket.as_fd(), SOL_XDP, XDP_MMAP_OFFSETS, &mut bytes)
        .expect("XDP_MMAP_OFFSETS");
    // SAFETY: an `xdp_mmap_offsets` consists of integers.
    let offsets: xdp_mmap_offsets = unsafe { std::mem::transmute(bytes) };
    let length = offsets.tx.desc as usize + ENTRIES as usize * size_of::<xdp_desc>();
    // SAFETY: the kernel chooses an unused address. The writes are within the mapping, at the offsets that
    // the kernel has reported.
    unsafe {
        let ring = mmap(
            std::ptr::null_mut(),
            length,
            PROT_READ | PROT_WRITE,
            MAP_SHARED | MAP_POPULATE,
            socket.as_raw_fd(),
            XDP_PGOFF_TX_RING,
        );
        assert_ne!(ring, MAP_FAILED, "mmap: {}", std::io::Error::last_os_error());
        let ring = ring.cast::<u8>();
        let descriptor = xdp_desc { addr: 1 << 40, len: 60, options: 0 };
        ring.add(offsets.tx.desc as usize).cast::<xdp_desc>().write(descriptor);
        ring.add(offsets.tx.producer as usize).cast::<u32>().write_volatile(1);
    }
}

/// Calls sendto(2) without data, so that the kernel reads the ring.
fn wake(socket: &Socket) {
    // SAFETY: there is no buffer and no address.
    unsafe {
        sendto(socket.as_raw_fd(), std::ptr::null(), 0, MSG_DONTWAIT, std::ptr::null(), 0);
    }
}

#[test]
fn statistics_are_those_of_getsockopt() {
    enter();
    let fresh = open();
    assert_eq!(shown(&fresh)["options"]["XDP_STATISTICS"], statistics(&fresh));

    let socket = prepared();
    fill_in_nonsense(&socket);
    bind(&socket, SECOND, 0);
    wake(&socket);
    wake(&socket);
    let answer = statistics(&socket);
    assert_ne!(answer["tx_invalid_descs"], 0, "{answer}");
    assert_ne!(answer["tx_ring_empty_descs"], 0, "{answer}");
    let row = shown(&socket);
    assert_eq!(row["options"]["XDP_STATISTICS"], answer);
    assert_eq!(row["set"], json!(RINGS));
}

/// The options that `prepared` sets.
const RINGS: [&str; 5] = [
    "XDP_UMEM_REG",
    "XDP_RX_RING",
    "XDP_TX_RING",
    "XDP_UMEM_FILL_RING",
    "XDP_UMEM_COMPLETION_RING",
];

/// Options without a getter: compared with what was set, before and after the socket has a queue.
#[test]
fn rings_and_memory() {
    enter();
    let fresh = shown(&open());
    assert_eq!(fresh["set"], json!([]));
    for ring in &RINGS[1..] {
        assert_eq!(fresh["options"][ring], 0, "{ring}");
    }
    for socket in [prepared(), bound(SECOND, 0)] {
        let row = shown(&socket);
        assert_eq!(row["set"], json!(RINGS));
        for ring in &RINGS[1..] {
            assert_eq!(row["options"][ring], ENTRIES, "{ring}");
        }
        let memory = json!({
            "len": MEMORY, "chunk_size": 4096, "headroom": 0, "flags": 0, "tx_metadata_len": 0
        });
        assert_eq!(row["options"]["XDP_UMEM_REG"], memory);
    }
    let one = open();
    set(&one, XDP_TX_RING, &8i32);
    assert_eq!(shown(&one)["set"], json!(["XDP_TX_RING"]));
    assert_eq!(shown(&one)["options"]["XDP_TX_RING"], 8);
}

#[test]
fn how_many_packets_a_call_sends() {
    const XDP_MAX_TX_SKB_BUDGET: i32 = 9;
    enter();
    let socket = open();
    set(&socket, XDP_TX_RING, &64i32); // the maximum of the budget
    if let Err(error) = common::set(&socket, SOL_XDP, XDP_MAX_TX_SKB_BUDGET, 64) {
        assert!(!common::btf_has("max_tx_budget"), "{error}");
        return common::not_tested("XDP_MAX_TX_SKB_BUDGET, which this kernel does not have");
    }
    let row = shown(&socket);
    assert_eq!(row["options"]["XDP_MAX_TX_SKB_BUDGET"], 64);
    assert_eq!(row["set"], json!(["XDP_TX_RING", "XDP_MAX_TX_SKB_BUDGET"]));
    assert_eq!(shown(&open())["set"], json!([]));
}
