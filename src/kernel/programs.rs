//! The list of BPF programs: what each reports, and when it is needed.

use std::fmt;
use std::ptr;

use crate::kernel::btf::KernelBtf;
use crate::kernel::family::Family;
use crate::kernel::request::Request;

/// What a program reports.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Subject {
    /// The sockets of a family.
    Sockets(Family),
    /// The processes that hold sockets.
    Owners,
    /// The network namespaces that tasks are in.
    Tasks,
}

/// When a program is needed to report its subject.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum When {
    Always,
    /// Where the kernel has this iterator. Another program reports nearly the same without it.
    Iterator(&'static str),
    /// When sockets that are in no table are wanted.
    Unbound,
    /// The same, or when sockets of UDP-Lite are wanted.
    UnboundOrUdpLite,
}

/// A BPF program of bpf/tables.bpf.c or bpf/files.bpf.c.
#[derive(Debug)]
pub struct Program {
    pub subject: Subject,
    /// Its name with bpf_loop(); see [`Program::name_with`].
    pub name: &'static str,
    pub when: When,
    uses_loop: bool,
}

const fn program(family: Family, name: &'static str, when: When) -> Program {
    Program { subject: Subject::Sockets(family), name, when, uses_loop: false }
}

/// A program that calls bpf_loop(). There is another, named `..._without_loop`, for kernels without
/// that helper, which refuse a program that names it.
const fn looping(family: Family, name: &'static str, when: When) -> Program {
    Program { subject: Subject::Sockets(family), name, when, uses_loop: true }
}

/// Every program, in the order in which families are shown. Programs that walk descriptors come
/// before those of the same family that walk a table: a socket that enters the table meanwhile is
/// then read twice, which the reader notices, and not missed, which it could not.
pub static PROGRAMS: &[Program] = &[
    looping(Family::Tcp, "tcp_files", When::Unbound),
    looping(Family::Tcp, "tcp_table", When::Always),
    looping(Family::Udp, "udp_files", When::UnboundOrUdpLite),
    looping(Family::Udp, "udp_table", When::Always),
    looping(Family::Raw, "raw_files", When::Always),
    looping(Family::Mptcp, "mptcp_files", When::Always),
    looping(Family::Mptcp, "mptcp_subflows", When::Always),
    looping(Family::Packet, "packet_files", When::Always),
    program(Family::Xdp, "xdp_files", When::Always),
    // Reports what the table's walk skips while the table changes, and what is in no table.
    program(Family::Netlink, "netlink_files", When::Always),
    program(Family::Netlink, "netlink_table", When::Always),
    program(Family::Vsock, "vsock_files", When::Always),
    looping(Family::Sctp, "sctp_files", When::Always),
    program(Family::Other, "other_files", When::Always),
    // Whenever its buffer is full, the table's iterator skips the rest of the bucket, on every
    // kernel that has it: it only adds sockets without a descriptor.
    looping(Family::Unix, "unix_files", When::Always),
    looping(Family::Unix, "unix_table", When::Iterator("unix")),
    Program { subject: Subject::Owners, name: "owners", when: When::Always, uses_loop: false },
    Program { subject: Subject::Tasks, name: "tasks", when: When::Always, uses_loop: false },
];

impl Program {
    /// Its index in [`PROGRAMS`].
    pub fn rank(&'static self) -> usize {
        PROGRAMS.iter().position(|it| ptr::eq(it, self)).unwrap_or(PROGRAMS.len())
    }

    /// Whether the request needs the program, on a kernel with these features.
    pub fn is_needed(&self, request: &Request, features: &Features) -> bool {
        let is_asked_for = match self.subject {
            Subject::Sockets(family) => request.families.contains(&family),
            Subject::Owners => request.owners,
            Subject::Tasks => request.tasks,
        };
        is_asked_for
            && match self.when {
                When::Always => true,
                When::Iterator(name) => features.has_iterator(name),
                When::Unbound => request.unbound,
                When::UnboundOrUdpLite => request.unbound || request.udp_lite,
            }
    }

    /// The name of the program that does this on a kernel with these features.
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
            (Subject::Owners, _) => write!(f, "processes"),
            (Subject::Tasks, _) => write!(f, "network namespaces"),
            (Subject::Sockets(Family::Other), _) => write!(f, "sockets of other families"),
            (Subject::Sockets(family), when) => {
                let family = family.title();
                match when {
                    When::Always => write!(f, "{family} sockets"),
                    When::Unbound => write!(f, "unbound {family} sockets"),
                    When::UnboundOrUdpLite => write!(f, "unbound {family} and UDP-Lite sockets"),
                    When::Iterator(_) => write!(f, "{family} sockets without a descriptor"),
                }
            }
        }
    }
}

/// What a kernel offers to programs, as far as some of them depend on it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Features {
    /// bpf_loop(), since Linux 5.17.
    pub bpf_loop: bool,
    /// The names of the iterators; `None` where they are not known.
    iterators: Option<Vec<String>>,
}

impl Features {
    /// The features of a kernel, as its BTF lists them. Without that, no program loads: to learn
    /// why, the best programs are tried.
    pub fn of(btf: Option<&KernelBtf>) -> Features {
        let names = |btf: &KernelBtf| btf.iterators().iter().map(|it| it.name.clone()).collect();
        Features {
            bpf_loop: btf.is_none_or(|btf| btf.has_helper("BPF_FUNC_loop")),
            iterators: btf.map(names),
        }
    }

    /// Whether the kernel has the iterator of this name, such as `unix`.
    pub fn has_iterator(&self, name: &str) -> bool {
        self.iterators.as_ref().is_none_or(|names| names.iter().any(|it| it == name))
    }
}
