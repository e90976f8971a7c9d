//! The comparison: what knetstat shows of a socket, and what getsockopt(2) answers for it.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::os::fd::AsFd;

use libbpf_rs::btf::types::Enum;
use libbpf_rs::btf::Btf;
use nix::errno::Errno;
use serde_json::Value;
use socket2::Socket;

use super::sctp;
use crate::common::{self, say};
use crate::getsockopt::{Layout, Row, Setting, Values, SECOND, TABLE, WITHOUT_GETTER};
use crate::numbers::*;

/// A socket to compare.
pub struct Subject {
    pub socket: Socket,
    /// What must stay open with it: its peer, its listener.
    pub _rest: Vec<Socket>,
    pub kind: &'static str,
    /// What was set.
    pub story: String,
}

/// How sockets of one kind are made.
pub struct Maker {
    pub kind: &'static str,
    pub make: Box<dyn Fn() -> (Socket, Vec<Socket>)>,
}

impl Maker {
    /// A new one.
    pub fn subject(&self) -> Subject {
        let (socket, _rest) = (self.make)();
        Subject { socket, _rest, kind: self.kind, story: String::new() }
    }
}

macro_rules! row {
    ($level:ident $name:ident, $layout:ident, $values:expr) => {
        Row {
            name: stringify!($name),
            level: $level,
            number: $name,
            layout: Layout::$layout,
            values: $values,
        }
    };
}

/// What TCP and UDP sockets do not have.
static MORE: &[Row] = &[
    row!(SOL_SOCKET SO_PASSRIGHTS, Int, Values::Flag),
    row!(SOL_RAW ICMP_FILTER, Uint, Values::Ints(&[0x55, 0, -1, i32::MIN])),
    row!(IPPROTO_ICMPV6 ICMPV6_FILTER, Blob, Values::Made(icmpv6_filters)),
    row!(SOL_NETLINK NETLINK_LIST_MEMBERSHIPS, Groups, Values::Made(netlink_groups)),
    row!(SOL_NETLINK NETLINK_NO_ENOBUFS, Int, Values::Flag),
    row!(SOL_NETLINK NETLINK_BROADCAST_ERROR, Int, Values::Flag),
    row!(SOL_NETLINK NETLINK_PKTINFO, Int, Values::Flag),
    row!(SOL_NETLINK NETLINK_LISTEN_ALL_NSID, Int, Values::Flag),
    row!(SOL_NETLINK NETLINK_CAP_ACK, Int, Values::Flag),
    row!(SOL_NETLINK NETLINK_EXT_ACK, Int, Values::Flag),
    row!(SOL_NETLINK NETLINK_GET_STRICT_CHK, Int, Values::Flag),
    row!(AF_VSOCK SO_VM_SOCKETS_BUFFER_SIZE, Long, Values::Made(vsock_sizes)),
    row!(AF_VSOCK SO_VM_SOCKETS_BUFFER_MIN_SIZE, Long, Values::Made(vsock_least)),
    row!(AF_VSOCK SO_VM_SOCKETS_BUFFER_MAX_SIZE, Long, Values::Made(vsock_most)),
    row!(AF_VSOCK SO_VM_SOCKETS_CONNECT_TIMEOUT, Timeval, Values::Made(vsock_timeouts)),
    row!(IPPROTO_IPV6 IPV6_HDRINCL, Int, Values::Flag),
    row!(IPPROTO_IPV6 IPV6_CHECKSUM, Int, Values::Ints(&[2, -1, 0, 40])),
    row!(SOL_PACKET PACKET_AUXDATA, Int, Values::Flag),
    row!(SOL_PACKET PACKET_ORIGDEV, Int, Values::Flag),
    row!(SOL_PACKET PACKET_LOSS, Int, Values::Flag),
    row!(SOL_PACKET PACKET_TX_HAS_OFF, Int, Values::Flag),
    row!(SOL_PACKET PACKET_QDISC_BYPASS, Int, Values::Flag),
    row!(SOL_PACKET PACKET_IGNORE_OUTGOING, Int, Values::Flag),
    row!(SOL_PACKET PACKET_VNET_HDR, Int, Values::Flag),
    row!(SOL_PACKET PACKET_VNET_HDR_SZ, Int, Values::Ints(&[10, 12, 0])),
    row!(SOL_PACKET PACKET_COPY_THRESH, Int, Values::Ints(&[1, 1500, -1, 0])),
    row!(SOL_PACKET PACKET_VERSION, Int, Values::Ints(&[0, 1, 2])),
    row!(SOL_PACKET PACKET_RESERVE, Uint, Values::Ints(&[64, i32::MAX, 0])),
    row!(SOL_PACKET PACKET_TIMESTAMP, Uint, Values::Ints(&[64, 8 | 16, -1, 0])),
    row!(SOL_PACKET PACKET_FANOUT, Uint, Values::Fixed),
    row!(SOL_XDP XDP_OPTIONS, Uint, Values::Fixed),
];

/// What TCP and UDP sockets answer too, but only raw ones can set.
static SETTABLE: &[Row] = &[
    row!(IPPROTO_IP IP_HDRINCL, Int, Values::Flag),
    row!(IPPROTO_IP IP_NODEFRAG, Int, Values::Flag),
    row!(IPPROTO_IP IP_ROUTER_ALERT, Int, Values::Flag),
    row!(IPPROTO_IPV6 IPV6_ROUTER_ALERT, Int, Values::Ints(&[0, 7, -1])),
];

/// What is shown and not compared here: without a getter, or in a test of its own of the family.
const ELSEWHERE: [&str; 8] = [
    "SO_INQ",
    "SO_PEERCRED",
    "PACKET_ADD_MEMBERSHIP",
    "PACKET_RX_RING",
    "PACKET_TX_RING",
    "PACKET_STATISTICS", // to ask is to clear
    "PACKET_ROLLOVER_STATS",
    "XDP_STATISTICS",
];

/// `struct icmp6_filter`: some bits, all, none.
fn icmpv6_filters() -> Vec<Setting> {
    let set = |value: Vec<u8>| Setting {
        name: "ICMPV6_FILTER",
        level: IPPROTO_ICMPV6,
        number: ICMPV6_FILTER,
        value,
        late: false,
    };
    vec![set((1..=32).collect()), set(vec![0xff; 32]), set(vec![0; 32])]
}

/// What joins groups of netlink: the first ones, and those around the end of a word.
fn netlink_groups() -> Vec<Setting> {
    let set = |group: i32| Setting {
        name: "NETLINK_LIST_MEMBERSHIPS",
        level: SOL_NETLINK,
        number: NETLINK_ADD_MEMBERSHIP,
        value: group.to_ne_bytes().into(),
        late: false,
    };
    [1, 5, 31, 32, 33].map(set).into()
}

/// Values of 64 bits for an option of vsock.
fn vsock(name: &'static str, number: i32, values: &[u64]) -> Vec<Setting> {
    let set = |value: &u64| Setting {
        name,
        level: AF_VSOCK,
        number,
        value: value.to_ne_bytes().into(),
        late: false,
    };
    values.iter().map(set).collect()
}

fn vsock_sizes() -> Vec<Setting> {
    // What is beyond the limits the kernel cuts.
    vsock("SO_VM_SOCKETS_BUFFER_SIZE", SO_VM_SOCKETS_BUFFER_SIZE, &[4096, 128, 0, u64::MAX])
}

fn vsock_least() -> Vec<Setting> {
    let values = [0, 4096, 1 << 40, u64::MAX];
    vsock("SO_VM_SOCKETS_BUFFER_MIN_SIZE", SO_VM_SOCKETS_BUFFER_MIN_SIZE, &values)
}

fn vsock_most() -> Vec<Setting> {
    let values = [0, 4096, 1 << 40, u64::MAX];
    vsock("SO_VM_SOCKETS_BUFFER_MAX_SIZE", SO_VM_SOCKETS_BUFFER_MAX_SIZE, &values)
}

/// `struct timeval`: seconds and microseconds.
fn vsock_timeouts() -> Vec<Setting> {
    let set = |(seconds, microseconds): (i64, i64)| Setting {
        name: "SO_VM_SOCKETS_CONNECT_TIMEOUT",
        level: AF_VSOCK,
        number: SO_VM_SOCKETS_CONNECT_TIMEOUT,
        value: [seconds.to_ne_bytes(), microseconds.to_ne_bytes()].concat(),
        late: false,
    };
    [(5, 0), (1, 500_000), (0, 1), (0, 0), (3600, 999_999)].map(set).into()
}

/// Every option that getsockopt(2) answers on some socket.
fn rows() -> impl Iterator<Item = &'static Row> {
    TABLE.iter().chain(MORE).chain(sctp::ROWS)
}

/// How getsockopt(2) answers.
#[derive(Clone, Debug, PartialEq)]
enum Answer {
    Value(Value),
    /// The kernel does not have the option, or this socket does not.
    Absent,
    Error(Errno),
}

fn ask(socket: &Socket, row: &Row) -> Answer {
    let mut buffer = [0; 2048];
    let buffer = &mut buffer[..row.layout.size()];
    match knetstat::kernel::syscall::getsockopt(socket.as_fd(), row.level, row.number, buffer) {
        Ok(length) => {
            let bytes = &buffer[..length.min(row.layout.size())];
            Answer::Value(row.layout.json(bytes, length))
        }
        Err(error) => match Errno::from_raw(error.raw_os_error().unwrap_or_default()) {
            Errno::ENOPROTOOPT | Errno::EOPNOTSUPP => Answer::Absent,
            errno => Answer::Error(errno),
        },
    }
}

fn ask_all(subject: &Subject) -> Vec<Answer> {
    rows().map(|row| ask(&subject.socket, row)).collect()
}

/// What this kernel answers and keeps in no form that can be read: before 6.4, PACKET_QDISC_BYPASS is
/// a pointer to the function that sends.
fn is_out_of_reach(name: &str) -> bool {
    name == "PACKET_QDISC_BYPASS" && {
        let types = Btf::from_vmlinux().expect("the kernel tells its types");
        let bits: Option<Enum> = types.type_by_name("packet_sock_flags");
        let is_bit = |name: Option<&std::ffi::OsStr>| {
            name.is_some_and(|name| name == "PACKET_SOCK_QDISC_BYPASS")
        };
        !bits.is_some_and(|bits| bits.iter().any(|bit| is_bit(bit.name)))
    }
}

/// What knetstat shows of the options of each socket.
fn options_by_cookie(arguments: &str) -> HashMap<u64, Value> {
    let sockets = common::sockets(arguments).into_iter();
    sockets
        .filter_map(|mut socket| Some((socket["cookie"].as_u64()?, socket["options"].take())))
        .collect()
}

/// What was found so far.
#[derive(Default)]
pub struct Tally {
    values: usize,
    absent: usize,
    sockets: usize,
    differences: Vec<String>,
    /// Which options differ, on which kind, how often.
    different: BTreeMap<(&'static str, &'static str), usize>,
    /// Which values each kind of socket was seen with.
    seen: BTreeMap<(&'static str, &'static str), BTreeSet<String>>,
}

impl Tally {
    /// Compares every option of every one of the sockets. Each is asked before and after knetstat
    /// looks: a value that the kernel changes meanwhile may be either.
    pub fn compare(&mut self, arguments: &str, subjects: &[Subject]) {
        let before: Vec<_> = subjects.iter().map(ask_all).collect();
        let shown = options_by_cookie(arguments);
        for (subject, before) in subjects.iter().zip(before) {
            match shown.get(&common::cookie(&subject.socket)) {
                Some(options) => self.compare_socket(subject, options, &before),
                None => self.differ(subject, "-", "the socket is not shown"),
            }
        }
    }

    /// The same where asking changes something: each is asked only after knetstat looked.
    fn compare_untouched(&mut self, arguments: &str, subjects: &[Subject]) {
        let shown = common::sockets(arguments);
        for subject in subjects {
            match common::find(&shown, &subject.socket) {
                Some(row) => self.compare_socket(subject, &row["options"], &ask_all(subject)),
                None => self.differ(subject, "-", "the socket is not shown"),
            }
        }
    }

    fn compare_socket(&mut self, subject: &Subject, shown: &Value, before: &[Answer]) {
        self.sockets += 1;
        for ((row, before), after) in rows().zip(before).zip(ask_all(subject)) {
            self.compare_option(subject, row, shown.get(row.name), [before, &after]);
        }
        for name in shown.as_object().expect("options are an object").keys() {
            let known = rows().any(|row| row.name == name)
                || WITHOUT_GETTER.contains(&name.as_str())
                || ELSEWHERE.contains(&name.as_str());
            assert!(known, "{name} is shown, which these tests do not know");
        }
    }

    fn compare_option(
        &mut self,
        subject: &Subject,
        row: &'static Row,
        shown: Option<&Value>,
        answers: [&Answer; 2],
    ) {
        let hidden = sctp::is_hidden(row.name, subject.kind);
        let same = |answer: &Answer| match (answer, shown) {
            (Answer::Value(value), Some(shown)) => value == shown,
            (Answer::Absent, None) => true,
            (Answer::Value(_), None) => hidden || is_out_of_reach(row.name),
            _ => false,
        };
        if !answers.into_iter().any(same) {
            let shown = shown.map_or("nothing".into(), Value::to_string);
            let text = format!("{} is {shown}, getsockopt says {:?}", row.name, answers[0]);
            self.differ(subject, row.name, &text);
        }
        match answers[1] {
            Answer::Value(value) if !hidden => {
                self.values += 1;
                let seen = self.seen.entry((row.name, subject.kind)).or_default();
                seen.insert(value.to_string());
            }
            _ => self.absent += 1,
        }
    }

    fn differ(&mut self, subject: &Subject, name: &'static str, text: &str) {
        let Subject { kind, story, .. } = subject;
        *self.different.entry((name, kind)).or_default() += 1;
        self.differences.push(format!("{kind}: {text}; set: {story}"));
    }

    /// Says what was compared, and fails if anything was different.
    pub fn finish(&self, what: &str) {
        let Tally { values, absent, sockets, differences, different, .. } = self;
        say(&format!(
            "{what}: compared {values} option values of {sockets} sockets with getsockopt, and \
             {absent} that it refuses: {} different",
            differences.len(),
        ));
        let first: Vec<_> = differences.iter().take(30).map(String::as_str).collect();
        assert!(first.is_empty(), "different: {different:?}\n{}", first.join("\n"));
        assert!(*values > 0, "nothing was compared");
    }
}

/// Every value to set of every option.
fn settings() -> Vec<Setting> {
    let rows = rows().chain(SETTABLE);
    let mut settings: Vec<Setting> = rows.flat_map(Row::settings).collect();
    settings.push(Setting {
        name: "SO_BINDTODEVICE",
        level: SOL_SOCKET,
        number: SO_BINDTODEVICE,
        value: b"second".to_vec(),
        late: false,
    });
    settings
}

/// Compares fresh sockets of every kind, and for each value of each option that a kind takes one
/// where it alone is set, so that nothing hides behind anything else.
pub fn walk(what: &str, arguments: &str, makers: &[Maker]) {
    walk_some(what, arguments, makers, |_| true, |_, _| false);
}

/// The same where the kernel takes values of some options, of some kinds, without effect.
pub fn walk_but(
    what: &str,
    arguments: &str,
    makers: &[Maker],
    without_effect: fn(option: &str, kind: &str) -> bool,
) {
    walk_some(what, arguments, makers, |_| true, without_effect);
}

/// The same with some of the settings only.
pub fn walk_with(what: &str, arguments: &str, makers: &[Maker], wanted: impl Fn(&Setting) -> bool) {
    walk_some(what, arguments, makers, wanted, |_, _| false);
}

fn walk_some(
    what: &str,
    arguments: &str,
    makers: &[Maker],
    wanted: impl Fn(&Setting) -> bool,
    without_effect: fn(option: &str, kind: &str) -> bool,
) {
    const MOST: usize = 150; // each has descriptors, of which a process has few
    let mut tally = Tally::default();
    tally.compare(arguments, &makers.iter().map(Maker::subject).collect::<Vec<_>>());

    let mut accepted = BTreeSet::new();
    let mut batch = Vec::new();
    for setting in settings().into_iter().filter(wanted) {
        for maker in makers {
            let mut subject = maker.subject();
            let Setting { name, level, number, value, .. } = &setting;
            if common::set_bytes(&subject.socket, *level, *number, value).is_err() {
                continue;
            }
            subject.story = format!("{name}({number})={value:?}");
            accepted.insert((*name, maker.kind));
            batch.push(subject);
        }
        if batch.len() >= MOST {
            tally.compare(arguments, &batch);
            batch.clear();
        }
    }
    tally.compare(arguments, &batch);
    tally.finish(what);
    accepted.retain(|(option, kind)| !without_effect(option, kind));
    assert_several_values(&tally, &accepted);
}

/// Compares sockets of every kind that were never asked for an option before.
pub fn untouched(what: &str, arguments: &str, makers: &[Maker]) {
    let mut tally = Tally::default();
    let subjects: Vec<Subject> = makers.iter().map(Maker::subject).collect();
    tally.compare_untouched(arguments, &subjects);
    tally.finish(what);
}

/// Newer kernels let only sockets of the Internet switch it on, but everyone off.
const ONLY_OFF: &str = "SO_REUSEPORT";

/// An option that can be set was seen with two values at least, or the comparison says little.
fn assert_several_values(tally: &Tally, accepted: &BTreeSet<(&'static str, &'static str)>) {
    let once: Vec<_> = accepted
        .iter()
        .filter(|place| place.0 != ONLY_OFF && !sctp::is_agreed(place.0, place.1))
        .filter(|place| tally.seen.get(place).is_some_and(|values| values.len() == 1))
        .collect();
    assert!(once.is_empty(), "seen with one value only: {once:?}");
}
