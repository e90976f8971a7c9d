//! Sockets of a family: for each value of each option, a socket of every kind with only that option set.

use std::collections::BTreeSet;
use std::mem;
use std::os::fd::{AsFd, BorrowedFd};

use knetstat::kernel::syscall::allow_many_files;
use socket2::Socket;

use super::sctp;
use crate::common;
use crate::common::scene::close;
use crate::getsockopt::{self, rows, Row, Setting, Tally, SET_BY_RAW_SOCKETS};
use crate::numbers::*;

/// A socket to compare.
pub struct Subject {
    pub socket: Socket,
    /// Sockets that must stay open with it: its peer, its listener.
    pub _rest: Vec<Socket>,
    pub kind: &'static str,
    /// The options that were set.
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

/// Makes sockets of one kind.
pub struct Maker {
    pub kind: &'static str,
    pub make: Box<dyn Fn() -> (Socket, Vec<Socket>)>,
}

impl Maker {
    /// Returns a new socket.
    pub fn subject(&self) -> Subject {
        let (socket, _rest) = (self.make)();
        Subject { socket, _rest, kind: self.kind, story: String::new() }
    }
}

/// Returns every value to set for every option.
fn settings() -> Vec<Setting> {
    let rows = rows().chain(SET_BY_RAW_SOCKETS);
    let mut settings: Vec<Setting> = rows.flat_map(Row::settings).collect();
    settings.push(Setting::with("SO_BINDTODEVICE", SOL_SOCKET, SO_BINDTODEVICE, "second"));
    settings
}

/// Compares new sockets of every kind, and, for each value of each option that a kind accepts, a socket
/// with only that option set, so that no option hides another.
pub fn walk(what: &str, arguments: &str, makers: &[Maker]) {
    walk_some(what, arguments, makers, |_| true, |_, _| false);
}

/// Does the same, except for options that the kernel accepts without effect on some kinds.
pub fn walk_but(
    what: &str,
    arguments: &str,
    makers: &[Maker],
    without_effect: fn(option: &str, kind: &str) -> bool,
) {
    walk_some(what, arguments, makers, |_| true, without_effect);
}

/// Does the same with only some of the settings.
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
    const MOST: usize = 150;
    const MOST_REFUSED: usize = 50;
    allow_many_files();
    let mut tally = Tally::default();
    tally.compare(arguments, &makers.iter().map(Maker::subject).collect::<Vec<_>>());

    let mut accepted = BTreeSet::new();
    let (mut batch, mut refused) = (Vec::new(), Vec::new());
    for setting in settings().into_iter().filter(wanted) {
        for maker in makers {
            let mut subject = maker.subject();
            let Setting { name, level, number, value, .. } = &setting;
            if common::set_bytes(&subject.socket, *level, *number, value).is_err() {
                refused.push(subject);
                continue;
            }
            subject.story = format!("{name}({number})={value:?}");
            accepted.insert((*name, maker.kind));
            batch.push(subject);
        }
        if batch.len() >= MOST {
            tally.compare(arguments, &batch);
            close(mem::take(&mut batch));
        }
        if refused.len() >= MOST_REFUSED {
            close(mem::take(&mut refused));
        }
    }
    tally.compare(arguments, &batch);
    close(batch);
    close(refused);
    accepted.retain(|(option, kind)| !without_effect(option, kind));
    assert_several_values(&tally, &accepted);
    tally.finish(what, "");
}

/// Compares sockets of every kind of which no option was queried before.
pub fn untouched(what: &str, arguments: &str, makers: &[Maker]) {
    let mut tally = Tally::default();
    let subjects: Vec<Subject> = makers.iter().map(Maker::subject).collect();
    tally.compare_untouched(arguments, &subjects);
    tally.finish(what, "");
}

/// Newer kernels allow this option to be enabled only on IPv4 and IPv6 sockets, and disabled on all.
const ONLY_OFF: &str = "SO_REUSEPORT";

/// Asserts that an option that can be set was seen with at least two values: otherwise the comparison
/// proves little.
fn assert_several_values(tally: &Tally, accepted: &BTreeSet<(&'static str, &'static str)>) {
    assert!(!accepted.is_empty(), "no socket accepts any option");
    let once: Vec<_> = accepted
        .iter()
        .filter(|(option, kind)| *option != ONLY_OFF && !sctp::is_agreed(option, kind))
        .filter(|(option, kind)| tally.different_values(option, kind) == 1)
        .collect();
    assert!(once.is_empty(), "seen with one value only: {once:?}");
}
