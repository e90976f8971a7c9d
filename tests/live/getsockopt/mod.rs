//! The comparison: what knetstat shows of a socket, and what getsockopt(2) answers for it.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::os::fd::AsFd;

use nix::errno::Errno;
use serde_json::Value;

use crate::common::{self, say};
use crate::numbers::{IPPROTO_TCP, TCP_INFO};
use crate::options::scene::{Kind, Subject};
mod table;
pub use table::*;

/// How getsockopt(2) answers.
#[derive(Clone, Debug, PartialEq)]
enum Answer {
    Value(Value),
    /// The kernel does not have the option, or this socket does not.
    Absent,
    Error(Errno),
}

/// What the kernel changes by itself as packets arrive, or do not. The two of IPv6 multicast are
/// where a TCP socket keeps how its last packet came.
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

/// Whether a TCP socket is neither listening nor connected: then it stands in no table. A peer that
/// was bound to another device meanwhile, for one, answers what arrives with a reset.
fn is_closed(subject: &Subject) -> bool {
    const CLOSE: u8 = 7;
    let mut info = [0; 8]; // `struct tcp_info` begins with the state
    let socket = subject.socket.as_fd();
    let length = knetstat::kernel::syscall::getsockopt(socket, IPPROTO_TCP, TCP_INFO, &mut info);
    length.is_ok() && info[0] == CLOSE
}

/// What was found so far.
#[derive(Default)]
pub struct Tally {
    values: usize,
    sockets: usize,
    /// Values that changed while knetstat ran, by option.
    moved: BTreeMap<&'static str, usize>,
    differences: Vec<String>,
    /// How many of them each option has.
    different: BTreeMap<&'static str, usize>,
    /// Which values each kind of socket was seen with.
    seen: BTreeMap<(&'static str, Kind), BTreeSet<String>>,
}

/// Asks for an option.
fn ask(subject: &Subject, row: &Row) -> Answer {
    let mut buffer = [0; 2048];
    let buffer = &mut buffer[..row.layout.size()];
    let socket = subject.socket.as_fd();
    match knetstat::kernel::syscall::getsockopt(socket, row.level, row.number, buffer) {
        Ok(length) => {
            let bytes = &buffer[..length.min(row.layout.size())];
            Answer::Value(row.layout.json(bytes, length))
        }
        Err(error) => match error.raw_os_error().map(Errno::from_raw) {
            Some(Errno::ENOPROTOOPT | Errno::EOPNOTSUPP) => Answer::Absent,
            // The interface is gone: there is no name that could be told.
            Some(Errno::ENODEV) if row.layout == Layout::Name => Answer::Absent,
            Some(errno) => Answer::Error(errno),
            None => unreachable!("getsockopt(2) fails with a number"),
        },
    }
}

/// Asks for every option.
fn ask_all(subject: &Subject) -> Vec<Answer> {
    TABLE.iter().map(|row| ask(subject, row)).collect()
}

/// The same without clearing the error by asking for it: there is none, or else it may come while
/// knetstat looks. states.rs has the test that knetstat sees it.
fn ask_without_touching(subject: &Subject) -> Vec<Answer> {
    let ask = |row: &Row| match row.name {
        "SO_ERROR" => Answer::Value(0.into()),
        _ => ask(subject, row),
    };
    TABLE.iter().map(ask).collect()
}

impl Tally {
    /// Compares every option of every one of the sockets. Each is asked before and after knetstat
    /// looks: a value that the kernel changes meanwhile may be either.
    pub fn compare(&mut self, subjects: &[Subject]) {
        let before: Vec<_> = subjects.iter().map(ask_without_touching).collect();
        let shown = common::sockets("-tu");
        let shown: HashMap<u64, &Value> = shown
            .iter()
            .filter_map(|socket| Some((socket["cookie"].as_u64()?, &socket["options"])))
            .collect();
        for (subject, before) in subjects.iter().zip(before) {
            let after = ask_all(subject);
            match shown.get(&common::cookie(&subject.socket)) {
                Some(options) => self.compare_socket(subject, options, &before, &after),
                None if is_closed(subject) => {}
                None => self.differ(subject, "the socket is not shown"),
            }
        }
    }

    fn compare_socket(
        &mut self,
        subject: &Subject,
        shown: &Value,
        before: &[Answer],
        after: &[Answer],
    ) {
        self.sockets += 1;
        for ((row, before), after) in TABLE.iter().zip(before).zip(after) {
            self.compare_option(subject, row, shown.get(row.name), [before, after]);
        }
        for name in shown.as_object().expect("options are an object").keys() {
            let known = TABLE.iter().any(|row| row.name == name);
            if !known && !WITHOUT_GETTER.contains(&name.as_str()) {
                self.differ(subject, &format!("{name} is shown, which these tests do not know"));
            }
        }
    }

    fn compare_option(
        &mut self,
        subject: &Subject,
        row: &Row,
        shown: Option<&Value>,
        answers: [&Answer; 2],
    ) {
        let same = |answer: &Answer| match (answer, shown) {
            (Answer::Value(value), Some(shown)) => value == shown,
            (Answer::Absent, None) => true,
            _ => false,
        };
        if !answers.into_iter().any(same) {
            *self.different.entry(row.name).or_default() += 1;
            let shown = shown.map_or("nothing".into(), Value::to_string);
            let [before, after] = answers;
            let text = format!("{} is {shown}, getsockopt says {before:?}", row.name);
            match before == after {
                true => self.differ(subject, &text),
                false => self.differ(subject, &format!("{text}, then {after:?}")),
            }
        }
        if answers[0] != answers[1] {
            *self.moved.entry(row.name).or_default() += 1;
        }
        if let Answer::Value(value) = answers[1] {
            self.values += 1;
            let seen = self.seen.entry((row.name, subject.kind)).or_default();
            seen.insert(value.to_string());
        }
    }

    fn differ(&mut self, subject: &Subject, text: &str) {
        let Subject { kind, state, story, .. } = subject;
        self.differences.push(format!("{kind:?} {state}: {text}; set: {story}"));
    }

    /// How many different values an option was seen with, on sockets of one kind; 0: it is absent.
    pub fn different_values(&self, row: &Row, kind: Kind) -> usize {
        self.seen.get(&(row.name, kind)).map_or(0, BTreeSet::len)
    }

    /// The options that no socket answered.
    pub fn absent(&self) -> Vec<&'static str> {
        let seen = |row: &Row| self.seen.keys().any(|(name, _)| *name == row.name);
        TABLE.iter().filter(|row| !seen(row)).map(|row| row.name).collect()
    }

    /// Says what was compared, and fails if anything was different.
    pub fn finish(self, what: &str, remark: &str) {
        let Tally { values, sockets, moved, differences, different, .. } = self;
        say(&format!(
            "{what}: compared {values} option values of {sockets} sockets with getsockopt: {} \
             different, {} changed meanwhile{remark}",
            differences.len(),
            moved.values().sum::<usize>()
        ));
        let first: Vec<_> = differences.iter().take(20).map(String::as_str).collect();
        assert!(
            first.is_empty(),
            "{} different: {different:?}\n{}",
            differences.len(),
            first.join("\n")
        );
        let still: Vec<_> = moved.keys().filter(|name| !VOLATILE.contains(name)).collect();
        assert!(still.is_empty(), "{still:?} changed by themselves");
        assert!(values > 0, "nothing was compared");
    }
}
