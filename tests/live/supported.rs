//! The options that this kernel supports, according to getsockopt(2) on new sockets.

use std::collections::BTreeSet;
use std::os::fd::AsFd;

use knetstat::kernel::syscall as sys;
use knetstat::options::catalogue::CATALOGUE;
use knetstat::options::spec::OptionSpec;
use knetstat::socket::kind::SocketKind;
use nix::errno::Errno;

/// Whether a new socket is queried for the option: it has a getter that does not require TLS.
pub fn is_asked_for(option: &&OptionSpec) -> bool {
    option.kept_in.0.is_empty()
}

/// Returns the options with a getter that no new socket supports, and those that some socket supports.
pub fn options_asked() -> (BTreeSet<&'static str>, BTreeSet<&'static str>) {
    let sockets: Vec<_> = SocketKind::ALL
        .iter()
        .filter_map(|kind| kind.open())
        .filter_map(|((domain, kind, protocol), _)| sys::socket(domain, kind, protocol).ok())
        .collect();
    assert!(sockets.len() > SocketKind::ALL.len() / 2, "only {} sockets opened", sockets.len());
    let lacks = |option: &&OptionSpec| {
        sockets.iter().all(|socket| {
            let (level, number) = (option.level.number, option.number);
            let answer = sys::getsockopt(socket.as_fd(), level, number, &mut [0; 512]);
            let errno = answer.err().and_then(|error| error.raw_os_error()).map(Errno::from_raw);
            matches!(errno, Some(Errno::ENOPROTOOPT | Errno::EOPNOTSUPP))
        })
    };
    let (lacking, there): (Vec<_>, Vec<_>) = CATALOGUE.iter().filter(is_asked_for).partition(lacks);
    assert!(there.len() > lacking.len(), "new sockets lack {} options", lacking.len());
    let names = |options: Vec<&OptionSpec>| options.iter().map(|option| option.name).collect();
    (names(lacking), names(there))
}
