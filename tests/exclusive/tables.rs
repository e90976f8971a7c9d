//! The tables of several network namespaces, some of which share a table while others have one of their own. Each
//! socket is found once, in its namespace. The table of UDP-Lite is found whatever descriptors are open.

use std::net::{TcpListener, UdpSocket};
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::os::unix::net::{UnixDatagram, UnixStream};
use std::path::Path;
use std::process::Command;

use knetstat::kernel::family::Family;
use knetstat::kernel::load::Loader;
use knetstat::kernel::request::Request;
use knetstat::kernel::snapshot::Snapshot;
use knetstat::kernel::syscall::socket;
use knetstat::record::Records;
use nix::libc::{self, AF_INET, IPPROTO_UDPLITE, SOCK_DGRAM};
use serde_json::Value;
use socket2::{Domain, Protocol, Socket, Type};

use super::netns::Named;
use crate::common::scene::inode;
use crate::common::ways::{assert_both_ways_agree, every_walk};
use crate::common::{
    self, bind, enter_namespace, find_all, has_mptcp, not_tested, proc_net, sysctl, KNETSTAT,
};
use crate::exclusive;

/// A sysctl by which the next new namespace gets a table of its own of so many slots, and one with the size of the
/// table of a namespace, which is negative if the table is that of the first namespace.
type Sysctl = (&'static str, &'static str, &'static str);

const EHASH: Sysctl = ("net/ipv4/tcp_child_ehash_entries", "16", "net/ipv4/tcp_ehash_entries");
const UDP: Sysctl = ("net/ipv4/udp_child_hash_entries", "128", "net/ipv4/udp_hash_entries");

/// A network namespace and its sockets.
struct Place {
    netns: Named,
    sockets: Vec<OwnedFd>,
    /// The number of sockets in TIME_WAIT, which have no inode.
    closed: usize,
}

impl Place {
    /// Opens the sockets in this namespace.
    fn of(netns: Named) -> Place {
        let (sockets, closed) = netns.within(|| (open_all(), count_closed()));
        assert!(closed > 0, "the connection leaves a socket behind");
        Place { netns, sockets, closed }
    }

    /// A namespace that shares the tables with the first one.
    fn sharing() -> Place {
        Place::of(Named::new())
    }

    /// A namespace with tables of its own. `None` if this kernel has no such tables.
    fn with(tables: &[Sysctl]) -> Option<Place> {
        if let Some((name, ..)) = tables.iter().find(|(name, ..)| !exists(name)) {
            not_tested(&format!("{name}, which this kernel does not have"));
            return None;
        }
        let parent = Named::new();
        let netns = parent.within(|| {
            tables.iter().for_each(|(name, slots, _)| sysctl(name, slots));
            Named::new()
        });
        netns.within(|| tables.iter().for_each(|(_, slots, size)| assert_eq!(read(size), *slots)));
        Some(Place::of(netns))
    }

    /// Asserts that each socket of the namespace is among the rows once, and none besides, or that none is.
    fn check(&self, rows: &[Value], is_shown: bool, arguments: &str) {
        let inode_of_netns = self.netns.inode();
        let rows: Vec<Value> =
            rows.iter().filter(|row| row["netns"] == inode_of_netns).cloned().collect();
        if !is_shown {
            assert!(rows.is_empty(), "{arguments}: {rows:#?}");
            return;
        }
        for socket in &self.sockets {
            assert_eq!(find_all(&rows, socket).count(), 1, "{arguments}: {}", inode(socket));
        }
        let count = |is: fn(&Value) -> bool| rows.iter().filter(|row| is(row)).count();
        // They end after a minute, which a slow machine may need.
        let (closed, left) =
            (count(|row| row["state"] == "TIME_WAIT"), self.netns.within(count_closed));
        assert!((left..=self.closed).contains(&closed), "{arguments}: {closed}, {left} left");
        let with_inode = count(|row| row["inode"].is_u64() && row["master"].is_null());
        assert_eq!(with_inode, self.sockets.len(), "{arguments}: {rows:#?}");
    }
}

fn exists(sysctl: &str) -> bool {
    Path::new("/proc/sys").join(sysctl).exists()
}

fn read(sysctl: &str) -> String {
    let text = std::fs::read_to_string(Path::new("/proc/sys").join(sysctl)).expect("a sysctl");
    text.trim().to_owned()
}

/// Returns the number of TCP sockets in TIME_WAIT in this thread's namespace.
fn count_closed() -> usize {
    let text = proc_net("tcp");
    text.lines().filter(|line| line.split_whitespace().nth(3) == Some("06")).count()
}

/// Opens sockets of each family that has a walk. The same addresses are used in each namespace.
fn open_all() -> Vec<OwnedFd> {
    let listener = TcpListener::bind("127.0.0.1:7000").expect("bind");
    let connect = || common::connect(&listener, [127, 0, 0, 1].into());
    drop(connect());
    let (client, server) = connect();
    let udp = ["127.0.0.1:7001", "[::1]:7001"].map(|at| UdpSocket::bind(at).expect("bind").into());
    let (one, other) = UnixStream::pair().expect("a pair");
    let mut sockets: Vec<OwnedFd> = vec![client.into(), server.into(), one.into(), other.into()];
    sockets.extend(udp);
    sockets.push(UnixDatagram::unbound().expect("a socket").into());
    sockets.extend(udplite());
    if has_mptcp("MPTCP sockets of several namespaces") {
        sockets.extend(mptcp_pair());
    }
    sockets.push(listener.into());
    sockets
}

/// Opens a UDP-Lite socket, if this kernel has them.
fn udplite() -> Option<OwnedFd> {
    match socket(AF_INET, SOCK_DGRAM, IPPROTO_UDPLITE) {
        Ok(socket) => {
            bind(&socket, ([127, 0, 0, 1], 7002));
            Some(socket)
        }
        Err(error) => {
            assert_eq!(error.raw_os_error(), Some(libc::EPROTONOSUPPORT), "{error}");
            not_tested("the table of UDP-Lite: this kernel has none");
            None
        }
    }
}

/// Returns a listener, and both ends of a connection to it.
fn mptcp_pair() -> [OwnedFd; 3] {
    let open = || Socket::new(Domain::IPV4, Type::STREAM, Some(Protocol::MPTCP)).expect("a socket");
    let (listener, client) = (open(), open());
    bind(&listener, ([127, 0, 0, 1], 7003));
    listener.listen(1).expect("listen");
    client.connect(&listener.local_addr().expect("an address")).expect("connect");
    let (server, _) = listener.accept().expect("accept");
    [listener.into(), client.into(), server.into()]
}

/// Checks all arguments that show one, two or all of the namespaces, in both ways.
fn check(places: &[Place]) {
    let inodes: Vec<u64> = places.iter().map(|place| place.netns.inode()).collect();
    let is_ours = |row: &Value| row["netns"].as_u64().is_some_and(|it| inodes.contains(&it));
    let check = |scope: &str, shown: &[&str]| {
        let arguments = format!("{} {scope}", every_walk());
        let rows = assert_both_ways_agree(&arguments, is_ours);
        for place in places {
            place.check(&rows, shown.contains(&place.netns.0.as_str()), &arguments);
        }
    };
    let names: Vec<&str> = places.iter().map(|place| place.netns.0.as_str()).collect();
    check("--all-netns", &names);
    check(&format!("--netns {}", names.join(",")), &names);
    names.iter().for_each(|name| check(&format!("--netns {name}"), &[name]));
    for two in names.windows(2) {
        check(&format!("--netns {}", two.join(",")), two);
    }
}

#[test]
fn namespaces_that_share_tables() {
    let _turn = exclusive();
    check(&[Place::sharing(), Place::sharing(), Place::sharing()]);
}

#[test]
fn namespaces_with_tables_of_their_own() {
    let _turn = exclusive();
    let own = [&[EHASH][..], &[UDP], &[EHASH, UDP]].map(Place::with);
    let mut places: Vec<Place> = own.into_iter().flatten().collect();
    if places.is_empty() {
        return;
    }
    places.insert(0, Place::sharing());
    places.push(Place::sharing());
    check(&places);
}

/// The standard input of this process, closed until this is dropped.
struct Closed {
    saved: OwnedFd,
}

impl Closed {
    fn standard_input() -> Closed {
        let saved = std::io::stdin().as_fd().try_clone_to_owned().expect("a descriptor");
        // SAFETY: nothing in this process uses its standard input.
        unsafe { libc::close(0) };
        Closed { saved }
    }
}

impl Drop for Closed {
    fn drop(&mut self) {
        // SAFETY: whatever has the number 0 now has been dropped with the programs.
        unsafe { libc::dup2(self.saved.as_raw_fd(), 0) };
    }
}

/// Returns the numbers of the descriptors of this process that are this socket.
fn descriptors_of(inode: u64) -> Vec<i32> {
    let target = format!("socket:[{inode}]");
    let entries = std::fs::read_dir("/proc/self/fd").expect("/proc").flatten();
    let is_it = |entry: &std::fs::DirEntry| {
        std::fs::read_link(entry.path()).is_ok_and(|it| it.to_string_lossy() == target)
    };
    entries.filter(is_it).filter_map(|it| it.file_name().to_str()?.parse().ok()).collect()
}

/// The programs find the table of UDP-Lite by the number of a descriptor, of which 0 means none.
#[test]
fn udp_lite_without_the_first_descriptor() {
    let _turn = exclusive();
    enter_namespace();
    let Some(socket) = udplite() else { return };
    let loader = Loader::new();
    let request = Request {
        families: vec![Family::Udp],
        unbound: false,
        owners: false,
        listeners: false,
        tasks: false,
        every_netns: false,
        ..Request::everything()
    };
    let mut inodes = Vec::new();
    let closed = Closed::standard_input();
    {
        let programs = loader.load(&request).expect("root can load the programs");
        assert_eq!(programs.missing(), None);
        let own = programs.own_inodes();
        assert!(!own.is_empty(), "the programs need a socket");
        let numbers: Vec<i32> = own.iter().copied().flat_map(descriptors_of).collect();
        assert!(!numbers.is_empty() && !numbers.contains(&0), "{numbers:?}");
        let mut snapshot = Snapshot::default();
        programs.open(&mut snapshot).expect("the walks can be opened");
        let mut records = Records::new(snapshot.buffered());
        while let Some(record) = records.next_record().expect("a whole stream") {
            inodes.push(record.header.inode);
        }
    }
    drop(closed);
    assert!(inodes.contains(&inode(&socket)), "{inodes:?}");

    let output = Command::new("sh").args(["-c", "exec $0 -uH <&-", KNETSTAT]).output();
    let output = output.expect("sh(1)");
    let (text, said) =
        (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(text.starts_with("udplite ") && text.lines().count() == 1, "{text}{said}");
    assert!(output.status.success() && said.is_empty(), "{said}");
}
