//! Columns that this kernel cannot fill, because its types lack a member that they are read from.
//!
//! The programs read such a member as 0, which must not pass for a value. An option that lacks a member
//! is absent (bpf/options.h), and a program that cannot tell one socket from another does not load.

use crate::kernel::btf::KernelBtf;
use crate::kernel::family::Family;

/// A structure and a member that a program reads.
type KernelMember = (&'static str, &'static str);

/// A column, the families whose sockets have it from these members, and the members. No kernel has
/// others in their place; where there is a choice (bpf/compat.h), the column is not here.
type ColumnSource = (&'static str, &'static [Family], &'static [KernelMember]);

const ALL: &[Family] = &Family::ALL;
const LISTENERS: &[Family] = &[Family::Tcp, Family::Mptcp, Family::Sctp, Family::Vsock];
const TCP: &[Family] = &[Family::Tcp];
const UDP: &[Family] = &[Family::Udp];
const UNIX: &[Family] = &[Family::Unix];
const NETLINK: &[Family] = &[Family::Netlink];
const VSOCK: &[Family] = &[Family::Vsock];
const PACKET: &[Family] = &[Family::Packet];
const XDP: &[Family] = &[Family::Xdp];
const INTERNET: &[Family] = &[Family::Tcp, Family::Udp, Family::Raw, Family::Mptcp, Family::Sctp];
/// Those whose queues are counted in the memory that they take.
const QUEUES: &[Family] =
    &[Family::Udp, Family::Raw, Family::Packet, Family::Xdp, Family::Netlink, Family::Mptcp];

const COLUMNS: &[ColumnSource] = &[
    ("State", UNIX, &[("sock", "sk_socket")]),
    ("Recv-Q", TCP, &[("tcp_sock", "rcv_nxt"), ("tcp_sock", "copied_seq")]),
    ("Recv-Q", LISTENERS, &[("sock", "sk_ack_backlog")]),
    ("Recv-Q", QUEUES, &[("sock", "sk_backlog")]),
    ("Recv-Q", UDP, &[("udp_sock", "forward_deficit")]),
    ("Recv-Q", UNIX, &[("sock", "sk_receive_queue"), ("sk_buff_head", "next")]),
    ("Recv-Q", UNIX, &[("sk_buff", "next"), ("sk_buff", "len"), ("sk_buff", "cb")]),
    ("Recv-Q", UNIX, &[("sk_buff_head", "qlen"), ("unix_skb_parms", "consumed")]),
    ("Send-Q", TCP, &[("tcp_sock", "write_seq"), ("tcp_sock", "snd_una")]),
    ("Send-Q", LISTENERS, &[("sock", "sk_max_ack_backlog")]),
    ("Send-Q", UNIX, &[("sock", "sk_max_ack_backlog"), ("sock", "sk_wmem_alloc")]),
    ("Send-Q", QUEUES, &[("sock", "sk_wmem_alloc")]),
    ("Drops", ALL, &[("sock", "sk_drops")]),
    ("Path", UNIX, &[("unix_sock", "addr"), ("unix_address", "len"), ("unix_address", "name")]),
    ("Peer", UNIX, &[("unix_sock", "peer")]),
    ("Local Address", NETLINK, &[("netlink_sock", "portid")]),
    ("Local Address", NETLINK, &[("netlink_sock", "ngroups"), ("netlink_sock", "groups")]),
    ("Foreign Address", NETLINK, &[("netlink_sock", "dst_portid"), ("netlink_sock", "dst_group")]),
    ("Local Address", VSOCK, &[("vsock_sock", "local_addr")]),
    ("Foreign Address", VSOCK, &[("vsock_sock", "remote_addr")]),
    ("Local Address", PACKET, &[("packet_sock", "ifindex"), ("packet_sock", "num")]),
    ("Local Address", XDP, &[("xdp_sock", "dev"), ("xdp_sock", "queue_id"), ("xdp_sock", "state")]),
    ("Interface", ALL, &[("sock_common", "skc_bound_dev_if")]),
    ("User", ALL, &[("sock", "sk_uid")]),
    ("Netns", ALL, &[("net", "ns"), ("ns_common", "inum")]),
    (
        "Owner",
        ALL,
        &[("sock", "sk_socket"), ("sock", "sk_kern_sock"), ("sock_common", "skc_flags")],
    ),
    ("Owner", ALL, &[("sock_flags", "SOCK_DEAD")]),
    ("Group", INTERNET, &[("sock", "sk_reuseport_cb"), ("sock_reuseport", "num_socks")]),
    ("Diag", TCP, &[("tcp_sock", "snd_nxt"), ("tcp_sock", "snd_una"), ("tcp_sock", "snd_wnd")]),
    ("Diag", TCP, &[("tcp_sock", "rcv_wnd"), ("tcp_sock", "rcv_tstamp")]),
    ("Timer", TCP, &[("inet_connection_sock", "icsk_pending")]),
];

/// Names the columns that sockets of these families cannot have, and the members that are missing: the
/// end of a sentence. `None` where nothing is.
pub fn columns(btf: &KernelBtf, families: &[Family]) -> Option<String> {
    let is_asked_for = |of: &[Family]| of.iter().any(|family| families.contains(family));
    let asked: Vec<&ColumnSource> = COLUMNS.iter().filter(|(_, of, _)| is_asked_for(of)).collect();
    let sought: Vec<KernelMember> =
        asked.iter().flat_map(|(.., members)| members.iter().copied()).collect();
    let lacking = btf.lacking(&sought);
    let lost = asked.iter().filter(|(.., members)| members.iter().any(|it| lacking.contains(it)));
    let mut titles: Vec<&str> = lost.map(|(title, ..)| *title).collect();
    titles.sort_unstable();
    titles.dedup();
    let mut members: Vec<String> =
        lacking.iter().map(|(structure, member)| format!("{structure}.{member}")).collect();
    members.sort_unstable();
    members.dedup();
    (!titles.is_empty()).then(|| {
        let (titles, members) = (titles.join(", "), members.join(", "));
        format!("{titles}: this kernel's types lack {members} (please report it with the version of the kernel)")
    })
}
