//! The network namespace of a descriptor that was a socket of another process when the iterator visited it.
//! By the time of the query, the descriptor may be any other file.

use std::fs::File;
use std::io;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};

use knetstat::host::netns::NetnsSet;
use knetstat::kernel::abi::owner_record;
use knetstat::kernel::namespace::of_held_socket;
use nix::errno::Errno;
use nix::fcntl::FcntlArg;
use nix::libc;
use nix::sys::socket::{AddressFamily, SockType};
use nix::sys::stat::fstat;

use crate::common::{enter_namespace, not_tested, open};
use crate::exclusive;

/// Returns the number of the namespace that a descriptor of this process leads to.
fn of(fd: i32) -> io::Result<u64> {
    let netns = of_held_socket(std::process::id(), std::process::id(), fd as u32)?;
    Ok(fstat(&netns)?.st_ino)
}

/// Opens files of other kinds, including a tun device, whose driver answers the request for the namespace
/// of a socket as one of its own: drivers/net/tun.c.
fn no_sockets() -> Vec<(&'static str, OwnedFd)> {
    let (pipe, _) = nix::unistd::pipe().expect("a pipe");
    let mut files = vec![("a pipe", pipe)];
    for path in ["/dev/null", "/proc/self/ns/net", "/dev/net/tun"] {
        match File::options().read(true).write(path.starts_with("/dev")).open(path) {
            Ok(file) => files.push((path, file.into())),
            Err(error) => not_tested(&format!("{path} in the place of a socket: {error}")),
        }
    }
    files
}

/// Returns the record of an iterator that found this descriptor in a namespace that is not known yet.
fn walk(fd: i32, netns: u32) -> Vec<u8> {
    let magic = u32::from_ne_bytes(*b"knso");
    let (pid, fd) = (std::process::id(), fd as u32);
    let record = owner_record { magic, pid, fd, netns, ..owner_record::default() };
    // SAFETY: every byte of the record is initialized, because it has no padding.
    unsafe { plain::as_bytes(&record) }.to_vec()
}

#[test]
fn a_descriptor_that_is_another_file_now() {
    let _turn = exclusive();
    let home = fstat(File::open("/proc/thread-self/ns/net").expect("/proc")).expect("fstat").st_ino;
    let held = open(AddressFamily::Inet, SockType::Datagram);
    assert_eq!(of(held.as_raw_fd()).expect("a socket"), home);
    for (what, file) in no_sockets() {
        let mut again = held.try_clone().expect("a descriptor");
        nix::unistd::dup2(&file, &mut again).expect("dup2");
        let error = of(again.as_raw_fd()).expect_err(what);
        assert_eq!(error.raw_os_error(), Some(Errno::ENOTSOCK as i32), "{what}: {error}");
        // The namespace in which the socket was found may have ended: nothing is missing.
        let mut found = NetnsSet::default();
        found.add_from_sockets(&*walk(again.as_raw_fd(), 1)).expect("a record");
        assert_eq!((found.missing(), found.namespaces.len()), (None, 0), "{what}");
    }
    // A number that no thread of this process gets in the meantime.
    let high = FcntlArg::F_DUPFD_CLOEXEC(900);
    let high = nix::fcntl::fcntl(&held, high).expect("a descriptor");
    nix::unistd::close(high).expect("it closes");
    assert_eq!(of(high).expect_err("closed").raw_os_error(), Some(Errno::EBADF as i32));
}

/// A socket reports its own namespace, which may differ from the one that was expected.
#[test]
fn a_descriptor_that_is_another_socket_now() {
    let _turn = exclusive();
    enter_namespace();
    let here = fstat(File::open("/proc/thread-self/ns/net").expect("/proc")).expect("fstat").st_ino;
    for (domain, kind) in [
        (libc::AF_UNIX, libc::SOCK_STREAM),
        (libc::AF_INET6, libc::SOCK_STREAM),
        (libc::AF_NETLINK, libc::SOCK_RAW),
        (libc::AF_PACKET, libc::SOCK_RAW),
        (libc::AF_VSOCK, libc::SOCK_STREAM),
        (libc::AF_ALG, libc::SOCK_SEQPACKET),
    ] {
        let Ok(other) = knetstat::kernel::syscall::socket(domain, kind, 0) else {
            not_tested(&format!("a socket of address family {domain} in the place of another"));
            continue;
        };
        let mut domain_of = [0; 4];
        knetstat::kernel::syscall::getsockopt(other.as_fd(), 1, 39, &mut domain_of)
            .expect("SO_DOMAIN");
        assert_eq!(i32::from_ne_bytes(domain_of), domain);
        assert_eq!(of(other.as_raw_fd()).expect("a socket"), here, "family {domain}");
        let mut found = NetnsSet::default();
        found.add_from_sockets(&*walk(other.as_raw_fd(), 1)).expect("a record");
        assert_eq!((found.missing(), found.namespaces.len()), (None, 0), "family {domain}");
        found.add_from_sockets(&*walk(other.as_raw_fd(), here as u32)).expect("a record");
        assert_eq!((found.missing(), found.namespaces.len()), (None, 1), "family {domain}");
    }
}
