//! What this host says about an option: whether its kernel has it, and with what new sockets begin.

use super::support;
use crate::kernel::btf::KernelBtf;
use crate::options::catalogue::CATALOGUE;
use crate::options::defaults::{Answer, Defaults, Pool};
use crate::options::set::Marker;
use crate::options::value::Value;
use crate::socket::kind::SocketKind;

/// What new sockets of this namespace answer, and the kernel's types where they can be read.
pub struct Host {
    defaults: Defaults,
    btf: Option<KernelBtf>,
}

impl Host {
    /// Asks new sockets. Has to come before capabilities are given up, by which the kernel's types may be
    /// readable.
    pub fn ask() -> Host {
        let (defaults, _) = Defaults::ask(|_| true, &mut Pool::default());
        Host { defaults, btf: KernelBtf::load() }
    }

    /// Whether too many files were open to ask every kind of socket.
    pub fn lacked_files(&self) -> bool {
        self.defaults.lacked_files()
    }

    /// Whether this kernel has an option, by its index in the catalogue; `None` where that is unknown.
    pub fn is_supported(&self, index: usize) -> Option<bool> {
        support::is_supported(index, &self.defaults, self.btf.as_ref())
    }

    /// With what new sockets begin: each value once, with the kinds of sockets that begin with it. Empty
    /// for what nobody sets, such as SO_COOKIE, which is another each time.
    pub fn defaults(&self, index: usize) -> Vec<(&Value, Vec<SocketKind>)> {
        let mut found: Vec<(&Value, Vec<SocketKind>)> = Vec::new();
        if matches!(CATALOGUE[index].marker, Marker::Never) {
            return found;
        }
        for kind in SocketKind::ALL.into_iter().filter(|kind| is_of_new_sockets(*kind)) {
            let answer = self.defaults.answers(kind).map(|answers| &answers[index]);
            let Some(Answer::Value(value)) = answer else { continue };
            match found.iter_mut().find(|(known, _)| *known == value) {
                Some((_, kinds)) => kinds.push(kind),
                None => found.push((value, vec![kind])),
            }
        }
        found
    }

    /// The kinds of new sockets that have an option, as far as such sockets could be opened. Empty for what
    /// no new socket can report.
    pub fn sockets(&self, index: usize) -> Vec<SocketKind> {
        if !CATALOGUE[index].kept_in.0.is_empty() {
            return Vec::new();
        }
        let has = |kind: SocketKind| {
            let answer = self.defaults.answers(kind).map(|answers| &answers[index]);
            answer.is_some_and(|answer| !matches!(answer, Answer::Absent | Answer::Refused(_)))
        };
        SocketKind::ALL.into_iter().filter(|kind| is_of_new_sockets(*kind) && has(*kind)).collect()
    }
}

/// Whether a new socket can be of this kind: one that has fallen back from MPTCP is not new.
fn is_of_new_sockets(kind: SocketKind) -> bool {
    !matches!(kind, SocketKind::MptcpFallback | SocketKind::Mptcp6Fallback)
}

/// The words of kinds, each once.
pub fn words(kinds: &[SocketKind]) -> Vec<&'static str> {
    let mut words: Vec<&'static str> = kinds.iter().map(|kind| kind.word()).collect();
    words.dedup();
    words
}
