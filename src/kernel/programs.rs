//! The list of BPF programs: the subject of each, and when it is needed.

use std::fmt;
use std::ptr;

use crate::kernel::btf::KernelBtf;
use crate::kernel::family::Family;
use crate::kernel::request::Request;
use crate::kernel::walk::HOLDERS;

/// The subject that a program reports.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Subject {
    /// The sockets of a family.
    Sockets(Family),
    /// The connections in the accept queues of listeners.
    Queues,
    /// The processes that hold sockets.
    Owners,
    /// The sockets in messages that have not been received.
    Messages,
    /// The network namespaces that tasks are in.
    Tasks,
}

/// When a program is needed to report its subject.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum When {
    Always,
    /// If the tables of the family, or the descriptors, can be walked.
    Walk,
    /// Otherwise, in place of the walk.
    NoWalk,
    /// Otherwise, if the kernel has this iterator. Without it, another program reports nearly the same sockets.
    Iterator(&'static str),
    /// When sockets that are in no table are requested.
    Unbound,
    /// The same, if the descriptors can be walked with bpf_loop(), which leads to the sockets of io_uring.
    UnboundWalk,
    /// When sockets that are in no table are requested, or UDP-Lite sockets without a walk.
    UnboundOrUdpLite,
}

/// A BPF program of bpf/walks.bpf.c, bpf/tables.bpf.c or bpf/files.bpf.c.
#[derive(Debug)]
pub struct Program {
    pub subject: Subject,
    /// The name of the variant with bpf_loop(), if there are two. See [`Program::name_with`].
    pub name: &'static str,
    pub when: When,
    uses_loop: bool,
    /// Whether the kernel takes the lock of each socket before it runs the program: net/ipv4/tcp_ipv4.c,
    /// bpf_iter_tcp_seq_show(), and its neighbours. A task that is stuck with such a lock holds up the reader.
    pub takes_locks: bool,
}

const fn program(family: Family, name: &'static str, when: When) -> Program {
    let subject = Subject::Sockets(family);
    Program { subject, name, when, uses_loop: false, takes_locks: false }
}

/// A program that calls bpf_loop(). It has a variant, named `..._without_loop`, for kernels without that
/// helper, which refuse a program that refers to it.
const fn looping(family: Family, name: &'static str, when: When) -> Program {
    Program { uses_loop: true, ..program(family, name, when) }
}

/// The same for a program before which the kernel takes the lock of each socket.
const fn locking(family: Family, name: &'static str, when: When) -> Program {
    Program { takes_locks: true, ..looping(family, name, when) }
}

const fn other(subject: Subject, program: Program) -> Program {
    Program { subject, ..program }
}

/// Every program, in the order in which families are shown. Programs that iterate over descriptors precede
/// programs of the same family that read a table. A socket that enters the table in between is then read
/// twice, which the reader detects. In the other order it would be missed, which the reader cannot detect.
pub static PROGRAMS: &[Program] = &[
    looping(Family::Tcp, "tcp_files", When::Unbound),
    program(Family::Tcp, "tcp_ring_walk", When::UnboundWalk),
    looping(Family::Tcp, "tcp_walk", When::Walk),
    locking(Family::Tcp, "tcp_table", When::NoWalk),
    looping(Family::Udp, "udp_files", When::UnboundOrUdpLite),
    program(Family::Udp, "udp_ring_walk", When::UnboundWalk),
    looping(Family::Udp, "udp_walk", When::Walk),
    locking(Family::Udp, "udp_table", When::NoWalk),
    // Ping sockets, and raw sockets in no table.
    looping(Family::Raw, "raw_files", When::Always),
    looping(Family::Raw, "raw_walk", When::Walk),
    looping(Family::Mptcp, "mptcp_files", When::Always),
    looping(Family::Mptcp, "mptcp_walk", When::Walk),
    locking(Family::Mptcp, "mptcp_subflows", When::NoWalk),
    looping(Family::Packet, "packet_walk", When::Walk),
    looping(Family::Packet, "packet_files", When::NoWalk),
    looping(Family::Xdp, "xdp_walk", When::Walk),
    program(Family::Xdp, "xdp_files", When::NoWalk),
    // Reports sockets that the iterator of the table skips while the table changes, and sockets in no table.
    program(Family::Netlink, "netlink_files", When::Always),
    program(Family::Netlink, "netlink_bound", When::Always),
    program(Family::Vsock, "vsock_files", When::Always),
    looping(Family::Sctp, "sctp_files", When::Always),
    program(Family::Other, "other_files", When::Always),
    looping(Family::Unix, "unix_walk", When::Walk),
    // On every kernel that has it, the iterator of the table skips the rest of a bucket whenever its
    // buffer is full. It is used only to add sockets without a descriptor.
    looping(Family::Unix, "unix_files", When::NoWalk),
    locking(Family::Unix, "unix_table", When::Iterator("unix")),
    other(Subject::Queues, looping(Family::Tcp, "queue_walk", When::Walk)),
    other(Subject::Queues, locking(Family::Tcp, "queue_table", When::NoWalk)),
    other(Subject::Owners, looping(Family::Other, HOLDERS, When::Walk)),
    other(Subject::Owners, program(Family::Other, "owners", When::NoWalk)),
    other(Subject::Messages, program(Family::Other, "message_walk", When::Walk)),
    other(Subject::Tasks, program(Family::Other, "tasks", When::Always)),
];

impl Program {
    /// Whether the program walks descriptors.
    pub fn walks_descriptors(&self) -> bool {
        self.name == HOLDERS || self.when == When::UnboundWalk
    }

    /// The time that the verifier takes for it, in comparison with others.
    pub fn weight(&self) -> u32 {
        match self.subject {
            Subject::Sockets(_) => 4,
            Subject::Queues | Subject::Owners | Subject::Messages | Subject::Tasks => 1,
        }
    }

    /// Its index in [`PROGRAMS`].
    pub fn rank(&'static self) -> usize {
        PROGRAMS.iter().position(|it| ptr::eq(it, self)).unwrap_or(PROGRAMS.len())
    }

    /// Whether the request needs the program, on a kernel with these features.
    pub fn is_needed(&self, request: &Request, features: &Features) -> bool {
        let is_asked_for = match self.subject {
            Subject::Sockets(family) => request.families.contains(&family),
            Subject::Queues => request.may_find_waiting(),
            Subject::Owners | Subject::Messages => request.owners,
            Subject::Tasks => request.tasks,
        };
        is_asked_for
            && match self.when {
                When::Always => true,
                When::Walk => self.is_walked(features),
                When::NoWalk => !self.is_walked(features),
                When::Iterator(name) => !self.is_walked(features) && features.has_iterator(name),
                When::Unbound => request.unbound,
                When::UnboundWalk => request.unbound && features.finds_rings(),
                When::UnboundOrUdpLite => {
                    request.unbound || request.udp_lite && !self.is_walked(features)
                }
            }
    }

    /// Whether a kernel with these features has what the program goes through. If not, others replace it, or what it
    /// reports does not exist.
    pub fn is_possible(&self, features: &Features) -> bool {
        match self.when {
            When::Walk => self.is_walked(features),
            When::UnboundWalk => features.finds_rings(),
            When::Iterator(name) => features.has_iterator(name),
            When::Always | When::NoWalk | When::Unbound | When::UnboundOrUdpLite => true,
        }
    }

    fn is_walked(&self, features: &Features) -> bool {
        features.walks.contains(&self.subject)
    }

    /// The family whose sockets the program reports, if it reports sockets.
    pub fn family(&self) -> Option<Family> {
        match self.subject {
            Subject::Sockets(family) => Some(family),
            Subject::Queues | Subject::Owners | Subject::Messages | Subject::Tasks => None,
        }
    }

    /// The name of the variant for a kernel with these features.
    pub fn name_with(&self, features: &Features) -> String {
        match self.uses_loop && !features.bpf_loop {
            true => format!("{}_without_loop", self.name),
            false => self.name.into(),
        }
    }
}

impl fmt::Display for Program {
    /// Writes what the program reports.
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        match (self.subject, self.when) {
            (Subject::Queues, _) => write!(f, "listeners of waiting connections"),
            (Subject::Owners, _) => write!(f, "processes"),
            (Subject::Messages, _) => write!(f, "sockets in messages"),
            (Subject::Tasks, _) => write!(f, "network namespaces"),
            (Subject::Sockets(Family::Other), _) => write!(f, "sockets of other families"),
            (Subject::Sockets(family), when) => {
                let family = family.title();
                match when {
                    When::Always | When::Walk | When::NoWalk => write!(f, "{family} sockets"),
                    When::Unbound => write!(f, "unbound {family} sockets"),
                    When::UnboundWalk => write!(f, "unbound {family} sockets of io_uring"),
                    When::UnboundOrUdpLite => write!(f, "unbound {family} and UDP-Lite sockets"),
                    When::Iterator(_) => write!(f, "{family} sockets without a descriptor"),
                }
            }
        }
    }
}

/// The features of a kernel that programs depend on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Features {
    /// bpf_loop(), since Linux 5.17.
    pub bpf_loop: bool,
    /// Storage of tasks that programs can use, since Linux 5.12: bpf/pins.h
    pub task_storage: bool,
    /// What can be read by walking tables and descriptors: bpf/hashes.h, bpf/descriptors.h.
    pub walks: Vec<Subject>,
    /// The names of the iterators. `None` if they are unknown.
    iterators: Option<Vec<String>>,
}

impl Features {
    /// Returns the features that the BTF of a kernel lists. Without BTF, no program loads. All features
    /// are then assumed, so that loading reports the reason.
    pub fn of(btf: Option<&KernelBtf>) -> Features {
        let names = |btf: &KernelBtf| btf.iterators().iter().map(|it| it.name.clone()).collect();
        Features {
            bpf_loop: btf.is_none_or(|btf| btf.has_helper("BPF_FUNC_loop")),
            task_storage: btf.is_none_or(|btf| btf.has_helper("BPF_FUNC_task_storage_get")),
            walks: btf.map(walks).unwrap_or_default(),
            iterators: btf.map(names),
        }
    }

    /// Whether the sockets of io_uring can be found.
    fn finds_rings(&self) -> bool {
        self.bpf_loop && self.walks.contains(&Subject::Owners)
    }

    /// Whether the kernel has the iterator of this name, such as `unix`.
    pub fn has_iterator(&self, name: &str) -> bool {
        self.iterators.as_ref().is_none_or(|names| names.iter().any(|it| it == name))
    }
}

/// The subjects whose tables are found from a network namespace or a socket, as far as the kernel's types tell: bpf/hashes.h. A
/// walk is an iterator over a map.
fn walks(btf: &KernelBtf) -> Vec<Subject> {
    const TCP: [(&str, &str); 5] = [
        ("net", "ipv4"),
        ("netns_ipv4", "tcp_death_row"),
        ("inet_hashinfo", "ehash"),
        ("inet_hashinfo", "ehash_mask"),
        ("inet_ehash_bucket", "chain"),
    ];
    const LISTEN_BY_PORT: [(&str, &str); 2] =
        [("inet_hashinfo", "listening_hash"), ("inet_listen_hashbucket", "nulls_head")];
    const LISTEN: [(&str, &str); 3] = [
        ("inet_hashinfo", "lhash2"),
        ("inet_hashinfo", "lhash2_mask"),
        ("inet_listen_hashbucket", "nulls_head"),
    ];
    const UDP: [(&str, &str); 4] =
        [("net", "ipv4"), ("udp_table", "hash"), ("udp_table", "mask"), ("udp_hslot", "head")];
    const UDP_OF_NAMESPACE: [(&str, &str); 1] = [("netns_ipv4", "udp_table")];
    const UDP_OF_SOCKET: [(&str, &str); 3] =
        [("netns_ipv4", "mc_autojoin_sk"), ("sock_common", "skc_prot"), ("proto", "h")];
    const UNIX: [(&str, &str); 3] =
        [("net", "unx"), ("netns_unix", "table"), ("unix_table", "buckets")];
    const PACKET: [(&str, &str); 3] =
        [("net", "packet"), ("netns_packet", "sklist"), ("packet_sock", "sk")];
    const XDP: [(&str, &str); 3] = [("net", "xdp"), ("netns_xdp", "list"), ("xdp_sock", "sk")];
    const RAW: [(&str, &str); 4] = [
        ("task_struct", "files"),
        ("sock_common", "skc_prot"),
        ("proto", "h"),
        ("raw_hashinfo", "ht"),
    ];

    const DESCRIPTORS: [(&str, &str); 14] = [
        ("pid_namespace", "idr"),
        ("idr", "idr_rt"),
        ("xarray", "xa_head"),
        ("xa_node", "shift"),
        ("xa_node", "slots"),
        ("pid", "tasks"),
        ("task_struct", "pid_links"),
        ("task_struct", "group_leader"),
        ("task_struct", "files"),
        ("files_struct", "fdt"),
        ("fdtable", "fd"),
        ("fdtable", "max_fds"),
        ("file", "f_op"),
        ("file", "f_inode"),
    ];

    let has = |members: &[(&str, &str)]| btf.has_members(members);
    let tcp = has(&TCP) && (has(&LISTEN_BY_PORT) || has(&LISTEN));
    let udp = has(&UDP) && (has(&UDP_OF_NAMESPACE) || has(&UDP_OF_SOCKET));
    let unix = has(&UNIX);
    let tables = [
        (Subject::Sockets(Family::Tcp), tcp),
        (Subject::Queues, tcp),
        (Subject::Sockets(Family::Mptcp), tcp),
        (Subject::Sockets(Family::Udp), udp),
        (Subject::Sockets(Family::Unix), unix),
        (Subject::Messages, unix),
        (Subject::Sockets(Family::Packet), has(&PACKET)),
        (Subject::Sockets(Family::Xdp), has(&XDP)),
        (Subject::Sockets(Family::Raw), has(&RAW)),
        (Subject::Owners, has(&DESCRIPTORS)),
    ];
    let is_iterable = btf.iterators().iter().any(|it| it.name == "bpf_map_elem");
    tables.into_iter().filter(|(_, is_found)| is_iterable && *is_found).map(|it| it.0).collect()
}
