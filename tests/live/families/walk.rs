//! Sockets of a family, and for each value of each option one of every kind where that alone is set.

use std::collections::BTreeSet;
use std::os::fd::{AsFd, BorrowedFd};

use socket2::Socket;

use super::sctp;
use crate::common;
use crate::getsockopt::{self, rows, Row, Setting, Tally, SET_BY_RAW_SOCKETS};
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

impl getsockopt::Subject for Subject {
    fn socket(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }

    fn kind(&self) -> &'static str {
        self.kind
    }

    fn story(&self) -> String {
        format!("set: {}", self.story)
    }
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

/// Every value to set of every option.
fn settings() -> Vec<Setting> {
    let rows = rows().chain(SET_BY_RAW_SOCKETS);
    let mut settings: Vec<Setting> = rows.flat_map(Row::settings).collect();
    settings.push(Setting::with("SO_BINDTODEVICE", SOL_SOCKET, SO_BINDTODEVICE, "second"));
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
    accepted.retain(|(option, kind)| !without_effect(option, kind));
    assert_several_values(&tally, &accepted);
    tally.finish(what, "");
}

/// Compares sockets of every kind that were never asked for an option before.
pub fn untouched(what: &str, arguments: &str, makers: &[Maker]) {
    let mut tally = Tally::default();
    let subjects: Vec<Subject> = makers.iter().map(Maker::subject).collect();
    tally.compare_untouched(arguments, &subjects);
    tally.finish(what, "");
}

/// Newer kernels let only sockets of the Internet switch it on, but everyone off.
const ONLY_OFF: &str = "SO_REUSEPORT";

/// An option that can be set was seen with two values at least, or the comparison says little.
fn assert_several_values(tally: &Tally, accepted: &BTreeSet<(&'static str, &'static str)>) {
    assert!(!accepted.is_empty(), "no socket accepts any option");
    let once: Vec<_> = accepted
        .iter()
        .filter(|(option, kind)| *option != ONLY_OFF && !sctp::is_agreed(option, kind))
        .filter(|(option, kind)| tally.different_values(option, kind) == 1)
        .collect();
    assert!(once.is_empty(), "seen with one value only: {once:?}");
}
