//! What a fresh socket of each kind answers when it is asked for every option. That tells which
//! options a kind of socket has on this kernel, and with what value it begins.

use std::fs;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use nix::errno::Errno;

use crate::kernel::syscall;
use crate::options::catalogue::{CATALOGUE, SOL_SOCKET};
use crate::options::spec::OptionSpec;
use crate::options::value::Value;
use crate::socket::kind::SocketKind;

/// How a new socket answered for one option.
#[derive(Clone, Debug, PartialEq)]
pub enum Answer {
    /// It has the option, with this value.
    Value(Value),
    /// The kernel does not have the option, or this kind of socket does not.
    Absent,
    /// There is no way to ask. What the kernel side sees is shown.
    Unasked,
}

/// The answers of one kind of socket, in the order of the catalogue.
pub type Answers = Vec<Answer>;

/// The answers of all kinds; by default none.
#[derive(Clone)]
pub struct Defaults {
    kinds: [Option<Answers>; SocketKind::ALL.len()],
    /// Whether a socket was not opened although the kernel has its kind: for want of a capability,
    /// of descriptors, of memory.
    pub was_refused: bool,
}

impl Default for Defaults {
    fn default() -> Defaults {
        Defaults::with(SocketKind::ALL.map(|_| None))
    }
}

impl Defaults {
    /// Opens a socket of each of the `wanted` kinds in this network namespace and asks it. One that
    /// cannot be opened has no answers. Also returns one of the sockets.
    pub fn ask(wanted: impl Fn(SocketKind) -> bool) -> (Defaults, Option<OwnedFd>) {
        let protocols = fs::read_to_string("/proc/net/protocols").ok();
        let in_use = |name: &str| match &protocols {
            Some(text) => text.lines().any(|line| line.split(' ').next() == Some(name)),
            // Without /proc nobody knows; these no kernel has to load.
            None => ["TCP", "UDP", "TCPv6", "UDPv6", "UNIX"].contains(&name),
        };
        let mut kept = None;
        let mut was_refused = false;
        let kinds = SocketKind::ALL.map(|kind| {
            if !wanted(kind) && kept.is_some() {
                return None;
            }
            let mut answers = |kind| {
                let socket = open(kind, in_use)?;
                was_refused |= matches!(&socket, Err(error) if is_refusal(error));
                let socket = socket.ok()?;
                let answers = CATALOGUE.iter().map(|option| ask(socket.as_fd(), option)).collect();
                kept.get_or_insert(socket);
                Some(answers)
            };
            match kind.answers_as() {
                Some((own, others)) => Some(mixed(answers(own)?, answers(others)?)),
                None => answers(kind),
            }
        });
        (Defaults { kinds, was_refused }, kept)
    }

    /// Made of what was asked elsewhere.
    pub fn with(kinds: [Option<Answers>; SocketKind::ALL.len()]) -> Defaults {
        Defaults { kinds, was_refused: false }
    }

    /// The answers of a kind; `None` when no such socket could be opened.
    pub fn answers(&self, kind: SocketKind) -> Option<&Answers> {
        self.kinds[kind.index()].as_ref()
    }
}

/// The answers of the one kind at SOL_SOCKET, and of the other kind at the other levels.
fn mixed(own: Answers, others: Answers) -> Answers {
    let both = CATALOGUE.iter().zip(own).zip(others);
    both.map(|((option, own), other)| if option.level == SOL_SOCKET { own } else { other })
        .collect()
}

/// Opens a socket, unless that would make the kernel load a protocol that nobody uses yet.
fn open(kind: SocketKind, in_use: impl Fn(&str) -> bool) -> Option<io::Result<OwnedFd>> {
    let ((domain, socket_type, protocol), name) = kind.open()?;
    in_use(name).then(|| syscall::socket(domain, socket_type, protocol))
}

/// Whether the kernel would open such a socket for somebody else, or at another time. EACCES, which
/// a ping socket gives to groups that the administrator did not name, is left out: other raw sockets
/// have the same options. So is ENODEV, which a vsock for datagrams gives where nobody carries them.
fn is_refusal(error: &io::Error) -> bool {
    use Errno::{EACCES, EAFNOSUPPORT, ENODEV, EPROTONOSUPPORT, ESOCKTNOSUPPORT};
    !matches!(
        error.raw_os_error().map(Errno::from_raw),
        Some(EAFNOSUPPORT | EPROTONOSUPPORT | ESOCKTNOSUPPORT | EACCES | ENODEV)
    )
}

/// Asks a socket for one option.
fn ask(socket: BorrowedFd, option: &OptionSpec) -> Answer {
    if !option.kept_in.0.is_empty() {
        return Answer::Unasked;
    }
    let mut buffer = vec![0; option.size()];
    match syscall::getsockopt(socket, option.level.number, option.number, &mut buffer) {
        Ok(length) => {
            let bytes = &buffer[..length.min(buffer.len())];
            match option.from_getsockopt(bytes, length) {
                Some(value) => Answer::Value(value),
                None => Answer::Absent,
            }
        }
        Err(error) => match error.raw_os_error().map(Errno::from_raw) {
            Some(Errno::ENOPROTOOPT | Errno::EOPNOTSUPP) => Answer::Absent,
            // It knows the option, but not for a socket in this state.
            _ => Answer::Unasked,
        },
    }
}
