//! Columns that are lost on this kernel, because its types lack a member that the columns are read from.
//!
//! The BPF programs read such a member as 0, which must not be mistaken for a value. An option that lacks a
//! member is absent (bpf/options.h), and a program that could not tell one socket from another does not load.

use crate::kernel::btf::KernelBtf;
use crate::kernel::family::Family;
use crate::query::column_set::ColumnSet;
use crate::query::columns::Column;
use crate::socket::owner::Owner;
use crate::socket::state::State;
use crate::socket::Socket;

/// A struct of the kernel, and a member of it that a BPF program reads.
type KernelMember = (&'static str, &'static str);

/// A column, the sockets and families to which the entry applies, and the members that the column is read
/// from. Columns for which some kernels have another member instead (bpf/compat.h) are not here.
type ColumnSource = (Column, Which, &'static [Family], &'static [KernelMember]);

/// The sockets of a family to which an entry applies. The queues of listening sockets are read from other
/// members.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Which {
    All,
    Listeners,
    Others,
}

impl Which {
    fn has(self, is_listener: bool) -> bool {
        self == Which::All || is_listener == (self == Which::Listeners)
    }
}

const ALL: &[Family] = &Family::ALL;
const LISTENERS: &[Family] = &[Family::Tcp, Family::Mptcp, Family::Sctp, Family::Vsock];
const TCP: &[Family] = &[Family::Tcp];
const QUEUED: &[Family] = &[Family::Tcp, Family::Mptcp];
const UDP: &[Family] = &[Family::Udp];
const UNIX: &[Family] = &[Family::Unix];
const NETLINK: &[Family] = &[Family::Netlink];
const VSOCK: &[Family] = &[Family::Vsock];
const PACKET: &[Family] = &[Family::Packet];
const XDP: &[Family] = &[Family::Xdp];
const INTERNET: &[Family] = &[Family::Tcp, Family::Udp, Family::Raw, Family::Mptcp, Family::Sctp];
/// Families whose sockets are bound to an interface by SO_BINDTODEVICE or SO_BINDTOIFINDEX, not by bind(2).
const BOUND: &[Family] = &[
    Family::Tcp,
    Family::Udp,
    Family::Raw,
    Family::Mptcp,
    Family::Netlink,
    Family::Vsock,
    Family::Sctp,
    Family::Other,
    Family::Unix,
];
/// Families whose queues are measured by the memory that they use.
const QUEUES: &[Family] =
    &[Family::Udp, Family::Raw, Family::Packet, Family::Xdp, Family::Netlink, Family::Mptcp];

/// The reference of a unix socket to its peer.
const PEER: &[KernelMember] = &[("unix_sock", "peer")];

#[rustfmt::skip]
const COLUMNS: &[ColumnSource] = {
    use Column::*;
    use Which::{All, Listeners, Others};
    &[
        (State, Others, UNIX, &[("sock", "sk_socket")]),
        (Cookie, All, ALL, &[("sock_common", "skc_cookie")]),
        (Recvq, Others, TCP, &[("tcp_sock", "rcv_nxt"), ("tcp_sock", "copied_seq")]),
        (Recvq, Listeners, LISTENERS, &[("sock", "sk_ack_backlog")]),
        (Recvq, Others, QUEUES, &[("sock", "sk_backlog")]),
        (Recvq, All, UDP, &[("udp_sock", "forward_deficit")]),
        (Recvq, All, UNIX, &[("sock", "sk_receive_queue"), ("sk_buff_head", "next")]),
        (Recvq, All, UNIX, &[("sk_buff", "next"), ("sk_buff", "len"), ("sk_buff", "cb")]),
        (Recvq, All, UNIX, &[("sk_buff_head", "qlen"), ("unix_skb_parms", "consumed")]),
        (Sendq, Others, TCP, &[("tcp_sock", "write_seq"), ("tcp_sock", "snd_una")]),
        (Sendq, Listeners, LISTENERS, &[("sock", "sk_max_ack_backlog")]),
        (Sendq, Listeners, UNIX, &[("sock", "sk_max_ack_backlog")]),
        (Sendq, Others, UNIX, &[("sock", "sk_wmem_alloc")]),
        (Sendq, Others, QUEUES, &[("sock", "sk_wmem_alloc")]),
        (Drops, All, ALL, &[("sock", "sk_drops")]),
        (Local, All, UNIX, &[("unix_sock", "addr"), ("unix_address", "len"), ("unix_address", "name")]),
        (Peer, All, UNIX, PEER),
        (PeerProgram, All, UNIX, PEER),
        (PeerPid, All, UNIX, PEER),
        (PeerCommand, All, UNIX, PEER),
        (PeerOwner, All, UNIX, PEER),
        (Remote, All, UNIX, &[("unix_sock", "peer"), ("unix_sock", "addr")]),
        (Remote, All, UNIX, &[("unix_address", "len"), ("unix_address", "name")]),
        (Local, All, NETLINK, &[("netlink_sock", "portid")]),
        (Local, All, NETLINK, &[("netlink_sock", "ngroups"), ("netlink_sock", "groups")]),
        (Remote, All, NETLINK, &[("netlink_sock", "dst_portid"), ("netlink_sock", "dst_group")]),
        (Local, All, VSOCK, &[("vsock_sock", "local_addr")]),
        (Sport, All, VSOCK, &[("vsock_sock", "local_addr")]),
        (Remote, All, VSOCK, &[("vsock_sock", "remote_addr")]),
        (Dport, All, VSOCK, &[("vsock_sock", "remote_addr")]),
        (Local, All, PACKET, &[("packet_sock", "ifindex"), ("packet_sock", "num")]),
        (Interface, All, PACKET, &[("packet_sock", "ifindex"), ("packet_sock", "num")]),
        (Local, All, XDP, &[("xdp_sock", "dev"), ("xdp_sock", "queue_id"), ("xdp_sock", "state")]),
        (Interface, All, XDP, &[("xdp_sock", "dev"), ("xdp_sock", "queue_id"), ("xdp_sock", "state")]),
        (Interface, All, BOUND, &[("sock_common", "skc_bound_dev_if")]),
        (Uid, All, ALL, &[("sock", "sk_uid")]),
        (Uid, All, UNIX, &[("sock", "sk_socket")]),
        (Netns, All, ALL, &[("net", "ns"), ("ns_common", "inum")]),
        (Owner, All, ALL, &[("sock", "sk_socket"), ("sock", "sk_kern_sock")]),
        (Owner, All, ALL, &[("sock_common", "skc_flags"), ("sock_flags", "SOCK_DEAD")]),
        (Listener, Others, QUEUED, &[("request_sock", "dl_next"), ("request_sock", "sk")]),
        (Listener, Others, QUEUED, &[("request_sock", "__req_common"), ("sock_common", "skc_listener")]),
        (Listener, Others, QUEUED, &[("sock_common", "skc_refcnt")]),
        (Listener, Others, QUEUED, &[("inet_connection_sock", "icsk_accept_queue")]),
        (Listener, Others, QUEUED, &[("request_sock_queue", "rskq_accept_head")]),
        (ListenerInode, Others, QUEUED, &[("request_sock", "dl_next"), ("request_sock", "sk")]),
        (ListenerInode, Others, QUEUED, &[("request_sock", "__req_common"), ("sock_common", "skc_listener")]),
        (ListenerInode, Others, QUEUED, &[("sock_common", "skc_refcnt")]),
        (ListenerInode, Others, QUEUED, &[("inet_connection_sock", "icsk_accept_queue")]),
        (ListenerInode, Others, QUEUED, &[("request_sock_queue", "rskq_accept_head")]),
        (ListenerProgram, Others, QUEUED, &[("request_sock", "dl_next"), ("request_sock", "sk")]),
        (ListenerProgram, Others, QUEUED, &[("request_sock", "__req_common"), ("sock_common", "skc_listener")]),
        (ListenerProgram, Others, QUEUED, &[("sock_common", "skc_refcnt")]),
        (ListenerProgram, Others, QUEUED, &[("inet_connection_sock", "icsk_accept_queue")]),
        (ListenerProgram, Others, QUEUED, &[("request_sock_queue", "rskq_accept_head")]),
        (Cmdline, All, ALL, &[("task_struct", "start_boottime")]),
        (Started, All, ALL, &[("task_struct", "start_boottime")]),
        (ProcessUser, All, ALL, &[("task_struct", "start_boottime")]),
        (Group, All, INTERNET, &[("sock", "sk_reuseport_cb"), ("sock_reuseport", "num_socks")]),
        (Cgroup, All, ALL, &[("sock", "sk_cgrp_data"), ("cgroup", "kn"), ("kernfs_node", "id")]),
        (Unit, All, ALL, &[("sock", "sk_cgrp_data"), ("cgroup", "kn"), ("kernfs_node", "id")]),
        (Container, All, ALL, &[("sock", "sk_cgrp_data"), ("cgroup", "kn"), ("kernfs_node", "id")]),
        (KernelUser, All, ALL, &[("sock", "sk_data_ready"), ("sock", "sk_kern_sock")]),
        (KernelUser, All, ALL, &[("udp_sock", "encap_rcv"), ("netlink_sock", "netlink_rcv")]),
        (Sockmap, All, ALL, &[("sock", "sk_user_data"), ("sk_psock", "sk"), ("sk_psock", "link")]),
        (Sockmap, All, ALL, &[("sk_psock_link", "list"), ("sk_psock_link", "map")]),
        (Sockmap, All, ALL, &[("bpf_map", "id"), ("bpf_map", "name")]),
        (Diag, Others, TCP, &[("tcp_sock", "snd_nxt"), ("tcp_sock", "snd_una"), ("tcp_sock", "snd_wnd")]),
        (Diag, Others, TCP, &[("tcp_sock", "rcv_wnd"), ("tcp_sock", "rcv_tstamp")]),
        (Timer, All, TCP, &[("inet_connection_sock", "icsk_pending")]),
        (DeadAfter, Others, TCP, &[("sock_common", "skc_flags"), ("sock_flags", "SOCK_KEEPOPEN")]),
        (DeadAfter, Others, TCP, &[("sock_flags", "SOCK_DEAD"), ("inet_connection_sock", "icsk_rto")]),
        (DeadAfter, Others, TCP, &[("tcp_sock", "keepalive_time"), ("tcp_sock", "keepalive_intvl")]),
        (DeadAfter, Others, TCP, &[("tcp_sock", "keepalive_probes"), ("tcp_sock", "linger2")]),
        (DeadAfter, Others, TCP, &[("netns_ipv4", "sysctl_tcp_keepalive_time")]),
        (DeadAfter, Others, TCP, &[("netns_ipv4", "sysctl_tcp_keepalive_intvl")]),
        (DeadAfter, Others, TCP, &[("netns_ipv4", "sysctl_tcp_keepalive_probes")]),
        (DeadAfter, Others, TCP, &[("net", "ipv4"), ("netns_ipv4", "sysctl_tcp_fin_timeout")]),
        (DeadAfter, Others, TCP, &[("inet_connection_sock", "icsk_user_timeout")]),
        (DeadAfterSending, Others, TCP, &[("sock_common", "skc_flags"), ("sock_flags", "SOCK_DEAD")]),
        (DeadAfterSending, Others, TCP, &[("inet_connection_sock", "icsk_rto")]),
        (DeadAfterSending, Others, TCP, &[("inet_connection_sock", "icsk_backoff"), ("tcp_sock", "rx_opt")]),
        (DeadAfterSending, Others, TCP, &[("inet_connection_sock", "icsk_retransmits")]),
        (DeadAfterSending, Others, TCP, &[("inet_connection_sock", "icsk_probes_out")]),
        (DeadAfterSending, Others, TCP, &[("inet_connection_sock", "icsk_syn_retries")]),
        (DeadAfterSending, Others, TCP, &[("inet_connection_sock", "icsk_user_timeout")]),
        (DeadAfterSending, Others, TCP, &[("tcp_sock", "srtt_us"), ("tcp_sock", "rttvar_us")]),
        (DeadAfterSending, Others, TCP, &[("tcp_sock", "packets_out"), ("tcp_sock", "snd_wnd")]),
        (DeadAfterSending, Others, TCP, &[("tcp_sock", "thin_lto"), ("tcp_options_received", "sack_ok")]),
        (DeadAfterSending, Others, TCP, &[("net", "ipv4"), ("netns_ipv4", "sysctl_tcp_retries2")]),
        (DeadAfterSending, Others, TCP, &[("netns_ipv4", "sysctl_tcp_orphan_retries")]),
        (DeadAfterSending, Others, TCP, &[("netns_ipv4", "sysctl_tcp_syn_retries")]),
        (DeadAfterSending, Others, TCP, &[("netns_ipv4", "sysctl_tcp_early_retrans")]),
        (DeadAfterSending, Others, TCP, &[("netns_ipv4", "sysctl_tcp_thin_linear_timeouts")]),
    ]
};

/// The columns that are lost, by default none.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Lost {
    /// The lost columns by family, of sockets that are not listening and of those that are.
    columns: [[ColumnSet; Family::ALL.len()]; 2],
    /// The titles of the columns, and the missing members.
    titles: Vec<&'static str>,
    members: Vec<String>,
}

const _: () = assert!(Column::ALL.len() <= u64::BITS as usize);

/// The members that any column is read from and this kernel lacks, as words such as `sock.sk_drops`.
pub fn lacking(btf: &KernelBtf) -> Vec<String> {
    let sought: Vec<KernelMember> =
        COLUMNS.iter().flat_map(|(.., members)| members.iter().copied()).collect();
    let mut lacking: Vec<String> = btf.lacking(&sought).into_iter().map(word).collect();
    lacking.sort_unstable();
    lacking.dedup();
    lacking
}

fn word((structure, member): KernelMember) -> String {
    format!("{structure}.{member}")
}

impl Lost {
    /// The columns that sockets of these families lose on this kernel. Of those that are only read if they
    /// are asked for, it contains the ones that are.
    pub fn of(btf: &KernelBtf, families: &[Family], is_asked: impl Fn(Column) -> bool) -> Lost {
        Lost::without(|sought| btf.lacking(sought), families, is_asked)
    }

    /// The same for pinned programs, whose maker has noted [`lacking`].
    pub fn of_pins(
        noted: &[String],
        families: &[Family],
        is_asked: impl Fn(Column) -> bool,
    ) -> Lost {
        let is_lacking = |it: &KernelMember| noted.contains(&word(*it));
        let lacking = |sought: &[KernelMember]| sought.iter().copied().filter(is_lacking).collect();
        Lost::without(lacking, families, is_asked)
    }

    fn without(
        lacking: impl Fn(&[KernelMember]) -> Vec<KernelMember>,
        families: &[Family],
        is_asked: impl Fn(Column) -> bool,
    ) -> Lost {
        let is_asked_for = |(column, _, of, _): &&ColumnSource| {
            let is_always_read =
                column.is_default_member() && !column.is_of_peer() && !column.is_of_listener();
            (is_always_read || is_asked(*column))
                && of.iter().any(|family| families.contains(family))
        };
        let asked: Vec<&ColumnSource> = COLUMNS.iter().filter(is_asked_for).collect();
        let sought: Vec<KernelMember> =
            asked.iter().flat_map(|(.., members)| members.iter().copied()).collect();
        let lacking = lacking(&sought);
        let mut lost = Lost::default();
        for (column, which, of, members) in asked {
            if members.iter().any(|member| lacking.contains(member)) {
                let of = of.iter().filter(|family| families.contains(family));
                of.for_each(|family| lost.add(*column, *which, *family));
            }
        }
        lost.titles.sort_unstable();
        lost.titles.dedup();
        lost.members = lacking.into_iter().map(word).collect();
        lost.members.sort_unstable();
        lost.members.dedup();
        lost
    }

    fn add(&mut self, column: Column, which: Which, family: Family) {
        for is_listener in [false, true].into_iter().filter(|it| which.has(*it)) {
            self.columns[usize::from(is_listener)][family as usize].add(column as usize);
        }
        self.titles.extend(column.heading(family.layout()).map(|heading| heading.title));
    }

    /// The columns that a socket loses.
    pub fn by(&self, socket: &Socket) -> ColumnSet {
        let is_listener = socket.state == State::Listen;
        self.columns[usize::from(is_listener)][socket.kind.family() as usize]
    }

    /// Clears the lost values of a socket, so that filters do not match them.
    pub fn take_from(&self, socket: &mut Socket) {
        let lost = self.by(socket);
        if lost.has(Column::Uid as usize) {
            socket.uid = None;
        }
        if lost.has(Column::Interface as usize) {
            socket.ifindex = 0;
        }
        if lost.has(Column::State as usize) {
            socket.state = State::Unknown;
        }
    }

    /// Returns the reason why no process holds a socket, or [`Owner::Unknown`] if that of a full socket is lost.
    pub fn without_reason(&self, socket: &Socket, reason: Owner) -> Owner {
        match !socket.is_mini() && self.by(socket).has(Column::Owner as usize) {
            true => Owner::Unknown,
            false => reason,
        }
    }

    /// The lost columns and the missing members, as the end of a sentence. `None` if there are none.
    pub fn missing(&self) -> Option<String> {
        let (titles, members) = (self.titles.join(", "), self.members.join(", "));
        (!self.titles.is_empty()).then(|| {
            format!("{titles}: this kernel's types lack {members} (please report it with the version of the kernel)")
        })
    }
}
