//! The table on terminals of several widths, with names of every length, and output that only a terminal
//! gets.

use std::net::{Ipv4Addr, TcpListener, TcpStream, UdpSocket};
use std::os::fd::{AsFd, OwnedFd};
use std::os::linux::net::SocketAddrExt;
use std::os::unix::fs::symlink;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::os::unix::process::CommandExt;
use std::panic::{catch_unwind, resume_unwind};
use std::process::{Child, Command, Stdio};

use crate::common::folded::{is_folded, width};
use crate::common::{
    enter_namespace, ip, knetstat, not_tested, on_a_terminal, on_a_terminal_of, set, stdout,
    sysctl, wait_until, without_color,
};
use crate::numbers::*;
use socket2::{Domain, Protocol, Socket, Type};

const WIDTHS: [u16; 4] = [40, 80, 120, 200];

/// An IPv6 address without a shorter form.
const LONG_ADDRESS: &str = "2001:db8:1234:5678:9abc:def0:1234:5678";

/// A kind of socket by the name of its protocol, and the arguments of socket(2).
const KINDS: [(&str, (i32, i32, i32)); 12] = [
    ("raw", (AF_INET, SOCK_RAW, 253)),
    ("raw6", (AF_INET6, SOCK_RAW, IPPROTO_ICMPV6)),
    ("icmp", (AF_INET, SOCK_DGRAM, 1)),
    ("packet", (AF_PACKET, SOCK_RAW, 0x300)),
    ("netlink", (AF_NETLINK, SOCK_RAW, 0)),
    ("mptcp", (AF_INET, SOCK_STREAM, 262)),
    ("sctp", (AF_INET, SOCK_STREAM, 132)),
    ("sctp6", (AF_INET6, SOCK_SEQPACKET, 132)),
    ("vsock", (40, SOCK_STREAM, 0)),
    ("xdp", (AF_XDP, SOCK_RAW, 0)),
    ("alg", (38, SOCK_SEQPACKET, 0)),
    ("udplite", (AF_INET, SOCK_DGRAM, 136)),
];

/// Opens sockets of every family that this kernel has, which live as long as the result. Also returns their
/// protocols, and the protocols that this kernel does not have.
fn world() -> (Vec<OwnedFd>, Vec<&'static str>, Vec<String>) {
    enter_namespace();
    sysctl("net/ipv4/ping_group_range", "0 2147483647");
    ip(&format!("address add {LONG_ADDRESS}/128 dev lo nodad"));
    let mut sockets: Vec<OwnedFd> = Vec::new();
    let mut protocols = vec!["tcp", "tcp6", "udp", "udp6", "unix"];
    let mut missing = Vec::new();
    for (protocol, (domain, kind, number)) in KINDS {
        match Socket::new(Domain::from(domain), Type::from(kind), Some(Protocol::from(number))) {
            Ok(socket) => {
                sockets.push(socket.into());
                protocols.push(protocol);
            }
            Err(error) => missing.push(format!("{protocol} on a terminal: {error}")),
        }
    }
    sockets.extend(streams());
    sockets.extend(datagrams());
    (sockets, protocols, missing)
}

/// Opens TCP sockets with short and long addresses, and with many options.
fn streams() -> Vec<OwnedFd> {
    let listener = TcpListener::bind("0.0.0.0:80").expect("a listener");
    let both = TcpListener::bind("[::]:443").expect("a listener over IPv6");
    let long = TcpListener::bind((LONG_ADDRESS, 55_555)).expect("a long address");
    let mut client = None;
    wait_until("the new address can be reached", || {
        client = TcpStream::connect((LONG_ADDRESS, 55_555)).ok();
        client.is_some()
    });
    let client = client.expect("a connection");
    let (server, _) = long.accept().expect("a connection");
    for (level, number, value) in [
        (SOL_SOCKET, 9, 1),
        (SOL_SOCKET, 8, 65_536),
        (IPPROTO_TCP, 4, 30),
        (IPPROTO_TCP, 5, 10),
        (IPPROTO_TCP, 6, 3),
        (IPPROTO_TCP, 18, 30_000),
    ] {
        set(&client, level, number, value).expect("an option");
    }
    vec![listener.into(), both.into(), long.into(), client.into(), server.into()]
}

/// Opens a UDP socket with a value that is wider than most terminals, an IPv6 UDP socket, and unix sockets
/// with names of every length: of letters, and of characters that are wide, have no width, or are escaped.
fn datagrams() -> Vec<OwnedFd> {
    let udp = UdpSocket::bind("127.0.0.1:5353").expect("a socket");
    for group in 1..=15 {
        let group = Ipv4Addr::new(239, 255, 255, 200 + group);
        udp.join_multicast_v4(&group, &Ipv4Addr::LOCALHOST).expect("a group");
    }
    let udp6 = UdpSocket::bind("[::1]:53").expect("a socket over IPv6");
    let mut sockets: Vec<OwnedFd> = vec![udp.into(), udp6.into()];
    let letters = (1..=107).map(|length| "n".repeat(length));
    let others = ["日本", "e\u{301}", "\u{1f980}", "a,b ", "é-"];
    let others = others.iter().flat_map(|part| (1..=11).map(|times| part.repeat(times)));
    for name in letters.chain(others) {
        let address = SocketAddr::from_abstract_name(&name).expect("a name");
        sockets.push(UnixDatagram::bind_addr(&address).expect("a new name").into());
    }
    sockets
}

/// Asserts that rows are continued only between two values, with and without colour.
fn folds(arguments: &str) {
    for columns in WIDTHS {
        is_folded_on_a_terminal(arguments, columns, &[("NO_COLOR", "1")]);
    }
    is_folded_on_a_terminal(arguments, 80, &[]);
}

/// Compares a terminal with a pipe. Sockets that are found by their descriptors have no fixed order: a process
/// that another test has just forked holds them too, until it runs its program. Another order is tried again.
fn is_folded_on_a_terminal(arguments: &str, columns: u16, variables: &[(&str, &str)]) {
    const TRIES: usize = 5;
    for left in (0..TRIES).rev() {
        let pipe = stdout(arguments);
        let shown = without_color(&on_a_terminal(columns, arguments, variables));
        match catch_unwind(|| is_folded(&shown, &pipe, columns.into())) {
            Ok(()) => return,
            Err(fault) if left == 0 => resume_unwind(fault),
            Err(_) => {}
        }
    }
}

#[test]
fn every_family() {
    let (_sockets, protocols, missing) = world();
    missing.iter().for_each(|what| not_tested(what));
    let pipe = stdout("--unbound");
    for protocol in protocols {
        let has = pipe.lines().any(|line| line.split(' ').next() == Some(protocol));
        assert!(has, "no row of {protocol}:\n{pipe}");
    }
    folds("--unbound");
    folds("--unbound --short -O all");
}

#[test]
fn the_usual_flags() {
    let _sockets = world();
    for arguments in ["-tulpn", "-tpoe", "-tpoe --short"] {
        folds(arguments);
    }
}

#[test]
fn names_of_every_length() {
    let _sockets = world();
    folds("-xp");
    folds("-x --columns local,type,set,remote");
}

#[test]
fn lists_of_descriptors() {
    enter_namespace();
    let socket = UdpSocket::bind("127.0.0.1:5353").expect("a socket");
    let _others: Vec<_> = (0..60).map(|_| socket.try_clone().expect("a descriptor")).collect();
    let arguments = "-u --columns local,fd,remote,command,options,nonblock";
    for columns in [40, 120] {
        is_folded_on_a_terminal(arguments, columns, &[("NO_COLOR", "1")]);
    }
}

/// Output to a pipe is not folded, regardless of the width that is reported for the screen.
#[test]
fn a_pipe_has_a_line_for_each_row() {
    let _sockets = world();
    let rows = stdout("-tuxH").lines().count();
    assert!(rows > 150, "{rows} rows");
    let narrow = knetstat(["COLUMNS=40", "LINES=20", "-tuxH"]);
    assert_eq!(String::from_utf8_lossy(&narrow.stdout).lines().count(), rows);
    assert_eq!(String::from_utf8_lossy(&narrow.stdout), stdout("-tuxH"));
    let on = |columns, variables| on_a_terminal(columns, "-tuxH --color never", variables);
    assert_eq!(on(0, &[]), stdout("-tuxH"), "a terminal that does not know its width");
    assert_eq!(on(0, &[("COLUMNS", "80")]), on(80, &[]));
    assert_eq!(on(80, &[("COLUMNS", "120")]), on(80, &[]), "the terminal knows better");
    assert_eq!(on(80, &[("COLUMNS", "x")]), on(80, &[]));
    assert!(on(80, &[]).lines().count() > rows);
    assert_eq!(on_a_terminal_of(0, 80, "-tuxH --color never", &[]), on(80, &[]), "its width alone");
    for format in ["-uJ", "-u --ndjson"] {
        assert_eq!(on_a_terminal(40, format, &[]), stdout(format), "JSON is for programs");
    }
}

/// Columns are aligned with their titles, on continuation lines too.
#[test]
fn continued_lines_are_aligned() {
    enter_namespace();
    let socket = UdpSocket::bind("127.0.0.1:5353").expect("a socket");
    for (number, value) in [(8, 65_536), (7, 65_536), (36, 7), (40, 1)] {
        set(&socket, SOL_SOCKET, number, value).expect("an option");
    }
    let expected_at_80 = "\
Proto Recv-Q Send-Q Local Address           Foreign Address         State
    Diag Options
udp        0      0 127.0.0.1:5353          0.0.0.0:*               UNCONN
         SO_REUSEADDR=0,SO_BROADCAST=0,SO_SNDBUF=131072,SO_RCVBUF=131072,
         SO_MARK=7,SO_RXQ_OVFL=1
";
    let expected_at_120 = "\
Proto Recv-Q Send-Q Local Address           Foreign Address         State       Diag Options
udp        0      0 127.0.0.1:5353          0.0.0.0:*               UNCONN           SO_REUSEADDR=0,SO_BROADCAST=0,
                                                                                     SO_SNDBUF=131072,SO_RCVBUF=131072,
                                                                                     SO_MARK=7,SO_RXQ_OVFL=1
";
    assert_eq!(on_a_terminal(80, "-u --color never", &[]), expected_at_80);
    assert_eq!(on_a_terminal(120, "-u --color never", &[]), expected_at_120);
}

#[test]
fn wide_characters_fill_their_columns() {
    enter_namespace();
    let bound = |name: &str| {
        let address = SocketAddr::from_abstract_name(name).expect("a name");
        UnixDatagram::bind_addr(&address).expect("a new name")
    };
    let _sockets = ["web", "日本語", "e\u{301}"].map(bound);
    let text = stdout("-xH --columns local,options");
    let columns = text.lines().map(|line| line.find("SO_PASSCRED").map(|at| width(&line[..at])));
    assert_eq!(columns.collect::<Vec<_>>(), [Some(41); 3], "{text}");
}

/// Processes that share a socket.
struct Sharers(Vec<Child>);

impl Sharers {
    /// `name` is the name of their command.
    fn of(socket: &impl AsFd, name: &str, count: usize) -> Sharers {
        let directory =
            std::env::temp_dir().join(format!("knetstat-{name}-{}", std::process::id()));
        std::fs::create_dir(&directory).expect("a new directory");
        let path = directory.join(name);
        symlink("/bin/sleep", &path).expect("a link");
        let sleep = |_| {
            let socket = socket.as_fd().try_clone_to_owned().expect("a descriptor");
            let mut command = Command::new(&path);
            // busybox chooses its command by the argument.
            command.arg0("sleep").arg("600").stdin(Stdio::from(socket));
            command.spawn().expect("sleep(1)")
        };
        let sharers = Sharers((0..count).map(sleep).collect());
        std::fs::remove_dir_all(&directory).expect("the directory");
        sharers
    }

    /// Returns the processes in netstat's format.
    fn words(&self, name: &str) -> Vec<String> {
        let mut pids: Vec<u32> = self.0.iter().map(Child::id).collect();
        pids.sort_unstable();
        pids.iter().map(|pid| format!("{pid}/{name}")).collect()
    }
}

impl Drop for Sharers {
    fn drop(&mut self) {
        for child in &mut self.0 {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// Asserts that a pipe gets all names of so many processes, and a terminal the expected form of them.
fn shared_by(name: &str, count: usize, on_terminal: impl FnOnce(&[String]) -> String) {
    let socket = UdpSocket::bind("127.0.0.1:0").expect("a socket");
    let port = socket.local_addr().expect("an address").port();
    let sharers = Sharers::of(&socket, name, count);
    drop(socket);
    let words = sharers.words(name);
    let arguments = format!("-upH --sport {port} --columns program");
    // Children of other tests have all descriptors until they call execve(2).
    let whole = format!("{}\n", words.join(","));
    wait_until("a pipe has every process", || stdout(&arguments) == whole);
    let expected = on_terminal(&words);
    wait_until(&expected, || on_a_terminal(80, &arguments, &[]) == expected);
}

#[test]
fn many_processes_are_the_first_and_their_number() {
    enter_namespace();
    shared_by("a-server", 3, |words| format!("{},+2\n", words[0]));
    shared_by("a-server-of-fif", 1, |words| format!("{}\n", words[0]));
    // Never longer than the width of the column, whatever the PIDs.
    shared_by("s", 2, |words| format!("{}\n", words.join(",")));
}

/// The colour sequences of a terminal.
#[test]
fn states_and_options_have_colours() {
    enter_namespace();
    let listener = TcpListener::bind("127.0.0.1:80").expect("a listener");
    set(&listener, IPPROTO_TCP, 1, 1).expect("TCP_NODELAY");
    let client = TcpStream::connect("127.0.0.1:80").expect("a connection");
    let (server, _) = listener.accept().expect("a connection");
    server.shutdown(std::net::Shutdown::Write).expect("shutdown");
    let line = |state: &str, columns: &str| {
        let arguments =
            format!("-tH --state {state} --columns {columns} -O nodelay,keepalive,error");
        on_a_terminal(80, &arguments, &[])
    };
    wait_until("the connection is half closed", || {
        line("close-wait", "state") == "\x1b[33mCLOSE_WAIT\x1b[0m\n"
    });
    assert_eq!(line("listen", "state"), "\x1b[32mLISTEN\x1b[0m\n");
    assert_eq!(
        line("listen", "options"),
        "\x1b[1mTCP_NODELAY=1\x1b[0m,\x1b[2mSO_KEEPALIVE=0\x1b[0m,SO_ERROR=0\n"
    );
    assert_eq!(line("listen", "diag"), "\n");
    assert_eq!(without_color(&line("listen", "state,options")), {
        "LISTEN      TCP_NODELAY=1,SO_KEEPALIVE=0,SO_ERROR=0\n"
    });
    drop(client);
}
