//! The comparison with getsockopt(2). Each option that knetstat shows of a socket must have the value that
//! getsockopt(2) returns for that socket, and each option that getsockopt(2) supports must be shown.

/// `row!(LEVEL NAME, layout, values)`, or `NAME = NUMBER` for an option that the C library does not name.
macro_rules! row {
    ($level:ident $name:ident, $layout:expr, $values:expr) => {
        row!($level $name = $name, $layout, $values)
    };
    ($level:ident $name:ident = $number:expr, $layout:expr, $values:expr) => {
        Row {
            name: stringify!($name),
            level: $level,
            number: $number,
            layout: $layout,
            values: $values,
        }
    };
}

mod layout;
mod sctp;
mod setting;
mod table;
mod values;

pub use layout::{hex, Layout};
pub use sctp::{ASSOCIATED, SOL_SCTP};
pub use setting::{Row, Setting, Values};
pub use table::{rows, LOOPBACK, SECOND, SET_BY_RAW_SOCKETS, TCP_AND_UDP};
pub use values::{classic_program, extension_header, routing_header, structure, MOST_INSTRUCTIONS};

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::LazyLock;

use nix::errno::Errno;
use serde_json::Value;

use crate::common::{self, btf_has, say};
use crate::numbers::SOL_TLS;
use table::NOT_COMPARED;

/// A socket whose options are compared.
pub trait Subject {
    fn socket(&self) -> BorrowedFd<'_>;

    /// The kind of socket, which determines the options that it has.
    fn kind(&self) -> &'static str;

    /// The options that were set and the operations that were done, for the message about a difference.
    fn story(&self) -> String;

    /// Whether knetstat need not show the socket, for example because its connection was reset.
    fn is_closed(&self) -> bool {
        false
    }
}

/// The answer of getsockopt(2).
#[derive(Clone, Debug, PartialEq)]
enum Answer {
    Value(Value),
    /// The kernel does not have the option, or this socket does not.
    Absent,
    Error(Errno),
}

/// Options that the kernel changes by itself as packets arrive, or do not arrive. A TCP socket stores how
/// its last packet arrived in the two of IPv6 multicast.
const VOLATILE: [&str; 9] = [
    "IPV6_MULTICAST_HOPS",
    "IPV6_MULTICAST_IF",
    "SO_ERROR",
    "SO_INCOMING_CPU",
    "SO_RCVBUF",
    "SO_SNDBUF",
    "TCP_MAXSEG",
    "TCP_QUICKACK",
    "TCP_WINDOW_CLAMP",
];

/// What SCTP writes into its socket whenever it sends: net/sctp/protocol.c, sctp_v4_xmit() and
/// sctp_v4_ecn_capable(), and net/sctp/ipv6.c.
const VOLATILE_IN_SCTP: [&str; 2] = ["IP_MTU_DISCOVER", "IP_TOS"];

/// Whether the kernel changes an option of such a socket by itself.
fn is_volatile((option, kind): &(&str, &str)) -> bool {
    VOLATILE.contains(option) || kind.starts_with("sctp") && VOLATILE_IN_SCTP.contains(option)
}

/// Before Linux 6.4, PACKET_QDISC_BYPASS depends on a pointer to the transmit function: the kernel reports
/// the option, but knetstat cannot read it. Newer kernels have a bit, whose name is in their BTF.
static HAS_QDISC_BYPASS: LazyLock<bool> = LazyLock::new(|| btf_has("PACKET_SOCK_QDISC_BYPASS"));

/// Whether knetstat cannot show the option of such a socket, although getsockopt(2) supports it.
fn is_out_of_reach(option: &str, kind: &str) -> bool {
    match option {
        "PACKET_QDISC_BYPASS" => !*HAS_QDISC_BYPASS,
        // That of an association is a pointer into the module.
        "SCTP_STREAM_SCHEDULER" => ASSOCIATED.contains(&kind),
        _ => false,
    }
}

/// Queries an option.
fn ask(socket: BorrowedFd, row: &Row) -> Answer {
    let mut buffer = [0; 2048];
    let buffer = &mut buffer[..row.layout.size()];
    match knetstat::kernel::syscall::getsockopt(socket, row.level, row.number, buffer) {
        Ok(length) => {
            let bytes = &buffer[..length.min(row.layout.size())];
            Answer::Value(row.layout.json(bytes, length))
        }
        Err(error) => match error.raw_os_error().map(Errno::from_raw) {
            Some(Errno::ENOPROTOOPT | Errno::EOPNOTSUPP) => Answer::Absent,
            // The interface is gone, and its name with it.
            Some(Errno::ENODEV) if row.layout == Layout::Name => Answer::Absent,
            // There is no key for the direction, or the key is of a version without the option.
            Some(Errno::EBUSY | Errno::EINVAL) if row.level == SOL_TLS => Answer::Absent,
            Some(errno) => Answer::Error(errno),
            None => unreachable!("getsockopt(2) fails with a number"),
        },
    }
}

/// Whether knetstat must show the option of this socket, because getsockopt(2) supports it.
pub fn is_answered(socket: &impl AsFd, option: &str) -> bool {
    let row = rows().find(|row| row.name == option).expect("a row of the table");
    matches!(ask(socket.as_fd(), row), Answer::Value(_)) && !is_out_of_reach(option, "")
}

/// Queries every option.
fn ask_all(subject: &impl Subject) -> Vec<Answer> {
    rows().map(|row| ask(subject.socket(), row)).collect()
}

/// Queries every option except SO_ERROR, which a query clears. The sockets have no error, or it may occur
/// while knetstat runs. `options::states` tests that knetstat shows it.
fn ask_without_touching(subject: &impl Subject) -> Vec<Answer> {
    let ask = |row: &Row| match row.name {
        "SO_ERROR" => Answer::Value(0.into()),
        _ => ask(subject.socket(), row),
    };
    rows().map(ask).collect()
}

/// Queries every option of a socket that has no cookie. The query itself assigns the cookie.
fn ask_first(subject: &impl Subject) -> Vec<Answer> {
    let answer = |(row, answer): (&Row, Answer)| match row.name {
        "SO_COOKIE" => Answer::Absent,
        _ => answer,
    };
    rows().zip(ask_all(subject)).map(answer).collect()
}

/// The results of comparisons so far.
#[derive(Default)]
pub struct Tally {
    sockets: usize,
    values: usize,
    /// Options that getsockopt(2) rejected and knetstat did not show.
    refused: usize,
    /// Sockets that were closed before knetstat read them.
    closed: usize,
    /// How many values changed while knetstat ran, by option and kind of socket.
    changed: BTreeMap<(&'static str, &'static str), usize>,
    differences: Vec<String>,
    /// The number of differences, by option and kind of socket.
    different: BTreeMap<(&'static str, &'static str), usize>,
    /// The values seen, by option and kind of socket.
    seen: BTreeMap<(&'static str, &'static str), BTreeSet<String>>,
}

impl Tally {
    /// Compares every option of each socket with the output of knetstat for these arguments. Each socket is
    /// queried before and after: if the kernel changes a value meanwhile, both values are accepted.
    pub fn compare(&mut self, arguments: &str, subjects: &[impl Subject]) {
        let before: Vec<_> = subjects.iter().map(ask_without_touching).collect();
        let shown = common::sockets(arguments);
        let shown: HashMap<u64, &Value> =
            shown.iter().filter_map(|socket| Some((socket["cookie"].as_u64()?, socket))).collect();
        for (subject, before) in subjects.iter().zip(before) {
            let row = shown.get(&common::cookie(&subject.socket()));
            self.compare_socket(subject, row.copied(), [before, ask_all(subject)]);
        }
    }

    /// Compares options for which a query has side effects: each socket is queried only after knetstat has
    /// read it.
    pub fn compare_untouched(&mut self, arguments: &str, subjects: &[impl Subject]) {
        let shown = common::sockets(arguments);
        for subject in subjects {
            let answers = ask_first(subject);
            let row = common::find(&shown, &subject.socket());
            self.compare_socket(subject, row, [answers.clone(), answers]);
        }
    }

    fn compare_socket(
        &mut self,
        subject: &impl Subject,
        shown: Option<&Value>,
        [before, after]: [Vec<Answer>; 2],
    ) {
        let Some(shown) = shown else {
            match subject.is_closed() {
                true => self.closed += 1,
                false => self.differ(subject, "-", "the socket is not shown"),
            }
            return;
        };
        self.sockets += 1;
        for ((row, before), after) in rows().zip(&before).zip(&after) {
            self.compare_option(subject, row, shown["options"].get(row.name), [before, after]);
        }
        let names = shown["options"].as_object().expect("options are an object").keys();
        for name in names.filter(|name| common::is_option(name)) {
            let known = rows().any(|row| row.name == name)
                || NOT_COMPARED.iter().any(|(other, _)| *other == name);
            assert!(known, "{name} is shown, which these tests do not know");
        }
    }

    fn compare_option(
        &mut self,
        subject: &impl Subject,
        row: &'static Row,
        shown: Option<&Value>,
        answers: [&Answer; 2],
    ) {
        let (kind, [before, after]) = (subject.kind(), answers);
        if shown.is_none() && is_out_of_reach(row.name, kind) {
            return;
        }
        let same = |answer: &Answer| match (answer, shown) {
            (Answer::Value(value), Some(shown)) => value == shown,
            (Answer::Absent, None) => true,
            _ => false,
        };
        if !answers.into_iter().any(same) {
            let shown = shown.map_or("nothing".into(), Value::to_string);
            let text = format!("{} is {shown}, getsockopt says {before:?}", row.name);
            let then = if before == after { String::new() } else { format!(", then {after:?}") };
            self.differ(subject, row.name, &(text + &then));
        }
        if before != after {
            *self.changed.entry((row.name, kind)).or_default() += 1;
        }
        match after {
            Answer::Value(value) => {
                self.values += 1;
                self.seen.entry((row.name, kind)).or_default().insert(value.to_string());
            }
            Answer::Absent | Answer::Error(_) => self.refused += 1,
        }
    }

    fn differ(&mut self, subject: &impl Subject, option: &'static str, text: &str) {
        let (kind, story) = (subject.kind(), subject.story());
        *self.different.entry((option, kind)).or_default() += 1;
        self.differences.push(format!("{kind}: {text}; {story}"));
    }

    /// Returns the number of different values of an option that were seen on sockets of one kind (0: it is
    /// absent).
    pub fn different_values(&self, option: &'static str, kind: &'static str) -> usize {
        self.seen.get(&(option, kind)).map_or(0, BTreeSet::len)
    }

    /// Whether any socket has the option.
    pub fn has_seen(&self, option: &str) -> bool {
        self.seen.keys().any(|(name, _)| *name == option)
    }

    /// Reports what was compared: `what` is the family and, after a colon, a property of the sockets. Fails
    /// if there was a difference, or if nothing was compared. tests/summary reads the line.
    pub fn finish(self, what: &str, remark: &str) {
        let Tally { sockets, values, refused, closed, changed, differences, different, .. } = self;
        say(&format!(
            "{what}: compared {values} option values of {sockets} sockets with getsockopt: {} \
             different, {} changed meanwhile, {refused} refused, {closed} sockets closed{remark}",
            differences.len(),
            changed.values().sum::<usize>()
        ));
        let first: Vec<_> = differences.iter().take(20).map(String::as_str).collect();
        let count = differences.len();
        assert!(first.is_empty(), "{count} different: {different:?}\n{}", first.join("\n"));
        let still: Vec<_> = changed.keys().filter(|changed| !is_volatile(changed)).collect();
        assert!(still.is_empty(), "{still:?} changed by themselves");
        assert!(values > 0, "nothing was compared");
        assert!(closed * 20 <= sockets, "{closed} sockets closed before they were compared");
    }
}
