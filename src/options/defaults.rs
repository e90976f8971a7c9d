//! Asks a new socket of each kind for every option. The answers are the options that a kind of socket has on
//! this kernel, and their default values.

use std::fs;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::rc::Rc;

use nix::errno::Errno;
use nix::sys::stat::fstat;

use crate::error::MORE_FILES;
use crate::kernel::syscall;
use crate::options::catalogue::{CATALOGUE, SOL_SOCKET};
use crate::options::set::Marker;
use crate::options::spec::OptionSpec;
use crate::options::value::Value;
use crate::socket::kind::SocketKind;

/// The answer of a new socket for one option.
#[derive(Clone, Debug, PartialEq)]
pub enum Answer {
    /// The socket has the option, with this value.
    Value(Value),
    /// The kernel or this kind of socket does not have the option.
    Absent,
    /// The socket was not asked, or cannot answer in its state. The option is shown wherever a record
    /// contains it.
    Unasked,
    /// The kernel or a system call filter refused to answer.
    Refused(Errno),
}

/// The answers of one kind of socket, in the order of the catalogue.
pub type Answers = Vec<Answer>;

/// Answers that network namespaces share. New sockets answer alike in nearly all of them.
#[derive(Default)]
pub struct Pool(Vec<Rc<Answers>>);

impl Pool {
    fn share(&mut self, answers: Answers) -> Rc<Answers> {
        if let Some(known) = self.0.iter().find(|known| ***known == answers) {
            return Rc::clone(known);
        }
        self.0.push(Rc::new(answers));
        Rc::clone(&self.0[self.0.len() - 1])
    }
}

/// The answers of one kind, or the error of socket(2). `None` if no socket of the kind was opened.
type Kind = Option<Result<Rc<Answers>, Errno>>;

/// The answers of all kinds. The default is no answers.
#[derive(Clone)]
pub struct Defaults {
    kinds: [Kind; SocketKind::ALL.len()],
    /// The inodes of the sockets that were asked.
    asked: Vec<u64>,
}

impl Default for Defaults {
    fn default() -> Defaults {
        // The standard library derives this for arrays of up to 32 members.
        Defaults { kinds: [const { None }; SocketKind::ALL.len()], asked: Vec::new() }
    }
}

impl Defaults {
    /// Opens a socket of each of the `wanted` kinds in the current network namespace and asks it. A kind
    /// whose socket cannot be opened has no answers. Also returns one of the sockets, and opens sockets of
    /// other kinds if that is needed to have one.
    pub fn ask(
        wanted: impl Fn(SocketKind) -> bool,
        pool: &mut Pool,
    ) -> (Defaults, Option<OwnedFd>) {
        let protocols = fs::read_to_string("/proc/net/protocols").ok();
        let in_use = |name: &str| match &protocols {
            Some(text) => text.lines().any(|line| line.split(' ').next() == Some(name)),
            // Without /proc, try only protocols that practically every kernel has loaded.
            None => ["TCP", "UDP", "TCPv6", "UDPv6", "UNIX", "NETLINK"].contains(&name),
        };
        let (mut kept, mut asked) = (None, Vec::new());
        let kinds = SocketKind::ALL.map(|kind| {
            if !wanted(kind) && kept.is_some() {
                return None;
            }
            let mut answers = |kind| answers_of(kind, in_use, &mut kept, &mut asked);
            let answers = match kind.answers_as() {
                Some((own, others)) => {
                    let (own, others) = (answers(own)?, answers(others)?);
                    own.and_then(|own| Ok(mixed(own, others?)))
                }
                None => answers(kind)?,
            };
            Some(answers.map(|answers| pool.share(answers)))
        });
        (Defaults { kinds, asked }, kept)
    }

    /// Creates defaults from answers that were obtained elsewhere.
    pub fn with(kinds: [Option<Answers>; SocketKind::ALL.len()]) -> Defaults {
        let kinds = kinds.map(|answers| answers.map(|answers| Ok(Rc::new(answers))));
        Defaults { kinds, asked: Vec::new() }
    }

    /// The inodes of the sockets that were asked, by which knetstat recognizes its own sockets. One that is closed exists for
    /// longer while another process iterates over the descriptors of this one: kernel/bpf/task_iter.c holds a reference to
    /// the file.
    pub fn asked_inodes(&self) -> &[u64] {
        &self.asked
    }

    /// The answers of a kind, or `None` if no socket of that kind was opened.
    pub fn answers(&self, kind: SocketKind) -> Option<&Rc<Answers>> {
        self.kinds[kind.index()].as_ref()?.as_ref().ok()
    }

    /// Whether the kernel had the protocol of this kind loaded when it was asked, so that opening a socket
    /// was tried.
    pub fn is_loaded(&self, kind: SocketKind) -> bool {
        self.kinds[kind.index()].is_some()
    }

    /// Whether opening a socket failed although the kernel has its kind, for example for lack of a
    /// capability, of file descriptors or of memory.
    pub fn was_refused(&self) -> bool {
        self.errors().any(is_refusal)
    }

    /// Whether some kinds could not be asked because too many files were open.
    pub fn lacked_files(&self) -> bool {
        self.errors().any(|errno| matches!(errno, Errno::EMFILE | Errno::ENFILE))
    }

    fn errors(&self) -> impl Iterator<Item = Errno> + '_ {
        self.kinds.iter().flatten().filter_map(|answers| answers.as_ref().err().copied())
    }

    /// Why no socket at all could be opened, and what to do about it, as the end of a sentence.
    pub fn no_socket(&self) -> String {
        unopened(self.errors().next().unwrap_or(Errno::EAFNOSUPPORT))
    }

    /// Why the default values of this kind are unknown, and what to do about it, as the end of a sentence.
    pub fn obstacle(&self, kind: SocketKind) -> String {
        match &self.kinds[kind.index()] {
            None => {
                "cannot determine whether the kernel has the protocol (`mount -t proc proc /proc`)"
                    .into()
            }
            Some(Err(errno)) => unopened(*errno),
            Some(Ok(answers)) => {
                let refused = CATALOGUE.iter().zip(answers.iter()).find_map(|it| match it {
                    (option, Answer::Refused(errno)) => Some((option.name, *errno)),
                    _ => None,
                });
                let (name, errno) = refused.unwrap_or(("options", Errno::UnknownErrno));
                let why = errno.desc();
                format!("cannot query {name} of a new socket: {why} ({})", remedy(errno))
            }
        }
    }
}

fn unopened(errno: Errno) -> String {
    format!("cannot open a new socket: {} ({})", errno.desc(), remedy(errno))
}

/// What to do if a new socket cannot be opened or asked.
fn remedy(errno: Errno) -> &'static str {
    match errno {
        Errno::EMFILE | Errno::ENFILE => MORE_FILES,
        Errno::EPERM | Errno::EACCES => {
            "run it with sudo or, in a container, let its seccomp profile allow that"
        }
        _ => "name the options to show with -O",
    }
}

/// Returns the answers of a new socket of this kind, or the error of socket(2), or `None` if no socket was
/// opened. Keeps the first socket.
fn answers_of(
    kind: SocketKind,
    in_use: impl Fn(&str) -> bool,
    kept: &mut Option<OwnedFd>,
    asked: &mut Vec<u64>,
) -> Option<Result<Answers, Errno>> {
    let answers = open(kind, in_use)?.map(|socket| {
        asked.extend(fstat(&socket).map(|file| file.st_ino));
        let answers = CATALOGUE.iter().map(|option| ask(socket.as_fd(), option)).collect();
        kept.get_or_insert(socket);
        answers
    });
    Some(answers.map_err(|error| Errno::from_raw(error.raw_os_error().unwrap_or_default())))
}

/// Combines the answers of one kind at SOL_SOCKET with those of the other kind at all other levels.
fn mixed(own: Answers, others: Answers) -> Answers {
    let both = CATALOGUE.iter().zip(own).zip(others);
    both.map(|((option, own), other)| if option.level == SOL_SOCKET { own } else { other })
        .collect()
}

/// Opens a socket, unless the kernel would have to load the protocol for it.
fn open(kind: SocketKind, in_use: impl Fn(&str) -> bool) -> Option<io::Result<OwnedFd>> {
    let ((domain, socket_type, protocol), name) = kind.open()?;
    in_use(name).then(|| syscall::socket(domain, socket_type, protocol))
}

/// Whether the kernel would open such a socket for another user, or at another time.
///
/// EACCES does not count: a ping socket fails with it for groups that the administrator did not permit, but
/// other raw sockets have the same options. ENODEV does not count either: a vsock datagram socket fails with
/// it if there is no transport for datagrams.
fn is_refusal(errno: Errno) -> bool {
    use Errno::{EACCES, EAFNOSUPPORT, ENODEV, EPROTONOSUPPORT, ESOCKTNOSUPPORT};
    !matches!(errno, EAFNOSUPPORT | EPROTONOSUPPORT | ESOCKTNOSUPPORT | EACCES | ENODEV)
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
                // The marker needs no default. Some of these options differ on each socket, so that
                // namespaces could not share their answers.
                Some(_) if matches!(option.marker, Marker::Never) => Answer::Unasked,
                Some(value) => Answer::Value(value),
                None => Answer::Absent,
            }
        }
        Err(error) => match error.raw_os_error().map(Errno::from_raw) {
            Some(Errno::ENOPROTOOPT | Errno::EOPNOTSUPP) => Answer::Absent,
            Some(errno @ (Errno::EPERM | Errno::EACCES | Errno::ENOSYS | Errno::ENOMEM)) => {
                Answer::Refused(errno)
            }
            // The socket has the option, but cannot report it in its current state.
            _ => Answer::Unasked,
        },
    }
}
