//! Facts of this host about an option: whether the kernel has it, and its values on new sockets.

use super::support;
use crate::kernel::btf::KernelBtf;
use crate::options::catalogue::CATALOGUE;
use crate::options::defaults::{Answer, Defaults, Pool};
use crate::options::set::Marker;
use crate::options::value::Value;
use crate::socket::kind::SocketKind;

/// The option values of new sockets in this namespace, and the kernel's types if they can be read.
pub struct Host {
    defaults: Defaults,
    btf: Option<KernelBtf>,
}

impl Host {
    /// Queries new sockets. This has to precede the dropping of capabilities, without which the kernel's
    /// types may not be readable.
    pub fn ask() -> Host {
        let (defaults, _) = Defaults::ask(|_| true, &mut Pool::default());
        Host { defaults, btf: KernelBtf::load() }
    }

    /// Whether too many files were open to query every kind of socket.
    pub fn lacked_files(&self) -> bool {
        self.defaults.lacked_files()
    }

    /// Whether this kernel has an option, by its index in the catalogue. `None` if that is unknown.
    pub fn is_supported(&self, index: usize) -> Option<bool> {
        support::is_supported(index, &self.defaults, self.btf.as_ref())
    }

    /// The values of new sockets, each once, with the kinds of sockets that have it. Empty for options
    /// that never count as set, such as SO_COOKIE, which differs between all sockets.
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

    /// The kinds of new sockets that have an option, as far as such sockets could be opened. Empty for
    /// options that no new socket can report.
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

/// Whether a new socket can be of this kind. A socket that has fallen back from MPTCP is not new.
fn is_of_new_sockets(kind: SocketKind) -> bool {
    !matches!(kind, SocketKind::MptcpFallback | SocketKind::Mptcp6Fallback)
}

/// The words of kinds, each once.
pub fn words(kinds: &[SocketKind]) -> Vec<&'static str> {
    let mut words: Vec<&'static str> = kinds.iter().map(|kind| kind.word()).collect();
    words.dedup();
    words
}
