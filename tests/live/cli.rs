//! The command line: every flag works as documented, and failures to write the output are reported. Command
//! lines that read no sockets are in unprivileged::usage.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::net::{SocketAddr, TcpListener, UdpSocket};
use std::os::fd::{AsRawFd, OwnedFd};
use std::process::{Command, Output, Stdio};

use crate::common::flags::flags;
use crate::common::{
    self, enter_namespace, not_tested, on_a_terminal, open, set, sockets, stdout, KNETSTAT,
};
use crate::continuous::Running;
use crate::pins::Pinned;
use knetstat::options::catalogue::CATALOGUE;
use nix::sys::signal::Signal;
use nix::sys::socket::{bind, connect, AddressFamily, SockType, SockaddrStorage};
use serde_json::Value;

// The sockets of the tests below, in the form of `label`.
const LISTENER: &str = "tcp 127.0.0.1:1001 0";
const ACCEPTED: &str = "tcp 127.0.0.1:1001 2001";
const CLIENT: &str = "tcp 127.0.0.1:2001 1001";
const LISTENER6: &str = "tcp6 :::1005 0";
/// An IPv4 client of the IPv6 listener, which sees an IPv4-mapped address.
const CLIENT_OF_6: &str = "tcp 127.0.0.2:2005 1005";
const ACCEPTED6: &str = "tcp6 ::ffff:127.0.0.1:1005 2005";
const UDP: &str = "udp 127.0.0.1:1003 0";
const UDP_CONNECTED: &str = "udp 127.0.0.1:2003 1003";
/// At the port of the service "domain".
const UDP6: &str = "udp6 ::1:53 0";

const EVERYTHING: [&str; 9] =
    [LISTENER, ACCEPTED, CLIENT, LISTENER6, CLIENT_OF_6, ACCEPTED6, UDP, UDP_CONNECTED, UDP6];

const SOL_SOCKET: i32 = 1;
const SO_KEEPALIVE: i32 = 9;
const SO_BINDTODEVICE: i32 = 25;

/// Enters a namespace and opens the sockets, which live as long as the result.
fn world() -> Vec<OwnedFd> {
    enter_namespace();
    let address = |text: &str| text.parse::<SocketAddr>().expect("an address");
    let listener = TcpListener::bind("127.0.0.1:1001").expect("a listener");
    let listener6 = TcpListener::bind("[::]:1005").expect("a listener over IPv6");
    set(&listener, SOL_SOCKET, SO_KEEPALIVE, 1).expect("SO_KEEPALIVE");
    let client = connected(SockType::Stream, address("127.0.0.1:2001"), address("127.0.0.1:1001"));
    let client6 = connected(SockType::Stream, address("127.0.0.2:2005"), address("127.0.0.1:1005"));
    let (accepted, _) = listener.accept().expect("a connection");
    let (accepted6, _) = listener6.accept().expect("a connection");
    let udp = UdpSocket::bind("127.0.0.1:1003").expect("a UDP socket");
    knetstat::kernel::syscall::setsockopt(
        std::os::fd::AsFd::as_fd(&udp),
        SOL_SOCKET,
        SO_BINDTODEVICE,
        b"lo",
    )
    .expect("SO_BINDTODEVICE");
    let udp_connected =
        connected(SockType::Datagram, address("127.0.0.1:2003"), address("127.0.0.1:1003"));
    let udp6 = UdpSocket::bind("[::1]:53").expect("a UDP socket over IPv6");
    vec![
        listener.into(),
        listener6.into(),
        client,
        client6,
        accepted.into(),
        accepted6.into(),
        udp.into(),
        udp_connected,
        udp6.into(),
    ]
}

/// Returns a socket that is bound and connected.
fn connected(socket_type: SockType, local: SocketAddr, remote: SocketAddr) -> OwnedFd {
    let socket = open(AddressFamily::Inet, socket_type);
    bind(socket.as_raw_fd(), &SockaddrStorage::from(local)).expect("bind");
    connect(socket.as_raw_fd(), &SockaddrStorage::from(remote)).expect("connect");
    socket
}

/// Returns the name of a socket, as in the constants above.
fn label(socket: &Value) -> String {
    let local = &socket["local"];
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    format!(
        "{} {}:{} {}",
        text(&socket["protocol"]),
        text(&local["address"]),
        local["port"],
        socket["remote"]["port"]
    )
}

/// Asserts that exactly these sockets are shown.
fn shows(arguments: &str, expected: &[&str]) {
    let shown: BTreeSet<String> = sockets(arguments).iter().map(label).collect();
    let expected: BTreeSet<String> = expected.iter().map(|label| label.to_string()).collect();
    assert_eq!(shown, expected, "knetstat {arguments}");
}

/// Asserts that the table is the same with and without the arguments.
fn changes_nothing(arguments: &str) {
    assert_eq!(stdout("-e").lines().count(), 1 + EVERYTHING.len());
    assert_eq!(stdout(&format!("-e {arguments}")), stdout("-e"), "knetstat {arguments}");
}

/// Returns the name of this process in the kernel.
fn own_command() -> String {
    let command = std::fs::read_to_string("/proc/self/comm").expect("/proc/self/comm");
    command.trim_end().to_owned()
}

// Every flag

/// A flag in all its spellings, and a check of what it does.
struct Case {
    flags: &'static [&'static str],
    check: fn(&str),
}

const fn case(flags: &'static [&'static str], check: fn(&str)) -> Case {
    Case { flags, check }
}

/// The flags of the program, and those of its commands with the name of the command before them.
const CASES: &[Case] = &[
    case(&["-t", "--tcp"], |flag| {
        shows(flag, &[LISTENER, ACCEPTED, CLIENT, LISTENER6, CLIENT_OF_6, ACCEPTED6]);
    }),
    case(&["--tcp4"], |flag| shows(flag, &[LISTENER, ACCEPTED, CLIENT, CLIENT_OF_6])),
    case(&["--tcp6"], |flag| shows(flag, &[LISTENER6, ACCEPTED6])),
    case(&["-u", "--udp"], |flag| shows(flag, &[UDP, UDP_CONNECTED, UDP6])),
    case(&["--udp4"], |flag| shows(flag, &[UDP, UDP_CONNECTED])),
    case(&["--udp6"], |flag| shows(flag, &[UDP6])),
    case(&["-f", "-A", "--family"], |flag| {
        shows(&format!("{flag} tcp -6"), &[LISTENER6, ACCEPTED6]);
        shows(&format!("-u {flag} inet"), &[UDP, UDP_CONNECTED]);
        shows(&format!("{flag} inet6"), &[LISTENER6, ACCEPTED6, UDP6]);
        shows(&format!("{flag} INET,inet6"), &EVERYTHING);
        shows(&format!("{flag} tcp {flag} udp,inet6"), &[LISTENER6, ACCEPTED6, UDP6]);
    }),
    case(&["-4", "--ipv4"], |flag| {
        shows(flag, &[LISTENER, ACCEPTED, CLIENT, CLIENT_OF_6, UDP, UDP_CONNECTED]);
    }),
    case(&["-6", "--ipv6"], |flag| shows(flag, &[LISTENER6, ACCEPTED6, UDP6])),
    case(&["-l", "--listening"], |flag| shows(flag, &[LISTENER, LISTENER6, UDP, UDP6])),
    case(&["--where"], |flag| {
        shows(&format!("{flag} dport=1001"), &[CLIENT]);
        shows(&format!("{flag} state=listen {flag} sport=1005"), &[LISTENER6]);
        shows(&format!("{flag} sport=1001 state established"), &[ACCEPTED]);
        shows(&format!("{flag} protocol=udp6,tcp6 exclude established"), &[LISTENER6, UDP6]);
        shows(&format!("{flag} pid={} --udp6", std::process::id()), &[UDP6]);
    }),
    case(&["--state"], |flag| {
        shows(&format!("{flag} LISTEN"), &[LISTENER, LISTENER6]);
        shows(&format!("{flag}=unconn,Listening"), &[LISTENER, LISTENER6, UDP, UDP6]);
        shows(&format!("{flag} lstn {flag} UNCONN -u"), &[UDP, UDP6]);
        shows(&format!("{flag} time-wait"), &[]);
    }),
    case(&["--port"], |flag| {
        shows(&format!("{flag} 1001"), &[LISTENER, ACCEPTED, CLIENT]);
        shows(&format!("{flag} 1000-1002,domain"), &[LISTENER, ACCEPTED, CLIENT, UDP6]);
        shows(&format!("{flag} 53 {flag} 2003"), &[UDP6, UDP_CONNECTED]);
    }),
    case(&["--sport"], |flag| shows(&format!("{flag} 1001"), &[LISTENER, ACCEPTED])),
    case(&["--dport"], |flag| shows(&format!("{flag} 1001"), &[CLIENT])),
    case(&["--addr"], |flag| {
        shows(&format!("{flag} 127.0.0.2"), &[CLIENT_OF_6, ACCEPTED6]);
        shows(&format!("{flag} ::1,127.0.0.2/32"), &[CLIENT_OF_6, ACCEPTED6, UDP6]);
    }),
    case(&["--src"], |flag| shows(&format!("{flag} 127.0.0.2"), &[CLIENT_OF_6])),
    case(&["--dst"], |flag| shows(&format!("{flag} 127.0.0.2/31"), &[ACCEPTED6])),
    case(&["--interface"], |flag| shows(&format!("{flag} lo"), &[UDP])),
    case(&["--pid"], |flag| {
        let own = std::process::id();
        shows(&format!("{flag} {own}"), &EVERYTHING);
        shows(&format!("{flag} 1,{own} --tcp6"), &[LISTENER6, ACCEPTED6]);
        shows(&format!("{flag} 1"), &[]);
    }),
    case(&["--command"], |flag| {
        shows(&format!("{flag} {}", own_command()), &EVERYTHING);
        shows(&format!("{flag} nosuch,{}* --udp6", &own_command()[..3]), &[UDP6]);
        shows(&format!("{flag} nosuch"), &[]);
    }),
    case(&["--user"], |flag| {
        shows(&format!("{flag} root"), &EVERYTHING);
        shows(&format!("{flag} 65534,0 --udp6"), &[UDP6]);
        shows(&format!("{flag} nobody"), &[]);
    }),
    case(&["-O", "--options"], |flag| {
        assert_eq!(options(&format!("{flag} nodelay")), ["TCP_NODELAY"]);
    }),
    case(&["--columns"], |flag| {
        let text = stdout(&format!("{flag} proto,local --tcp4 -l {flag} sport"));
        assert_eq!(
            text,
            "Proto Local Address           Sport\ntcp   127.0.0.1:1001           1001\n"
        );
    }),
    case(&["-p", "--programs"], |flag| {
        let text = stdout(&format!("{flag} --tcp4 -l -O mark"));
        let mut lines = text.lines();
        let header = lines.next().unwrap_or_default();
        assert!(header.ends_with("State       PID/Program name     Diag Options"), "{header}");
        let row = lines.next().unwrap_or_default();
        // A child of another test holds the descriptor, too, until it calls execve(2).
        let program = format!("{}/{}", std::process::id(), own_command());
        let mut cells = row.split_whitespace().nth(6).unwrap_or_default().split(',');
        assert!(cells.any(|cell| cell == program), "{row}");
    }),
    case(&["--peer"], |flag| {
        let text = stdout(&format!("{flag} --tcp4 --dport 1001 -O mark"));
        let mut lines = text.lines();
        let header = lines.next().unwrap_or_default();
        assert!(header.ends_with("State       Peer PID/Program     Diag Options"), "{header}");
        let row = lines.next().unwrap_or_default();
        let program = format!("{}/{}", std::process::id(), own_command());
        let mut cells = row.split_whitespace().nth(6).unwrap_or_default().split(',');
        assert!(cells.any(|cell| cell == program), "{row}");
    }),
    case(&["-o", "--timers"], |flag| {
        let text = stdout(&format!("{flag} --tcp4 -l -O mark"));
        assert!(text.contains("State       Timer                   Diag Options\n"), "{text}");
        assert!(text.contains(" LISTEN      off (0.00/0/0) "), "{text}");
    }),
    case(&["-e", "--extend"], |flag| {
        let text = stdout(&format!("{flag} --tcp4 -l -O mark"));
        let mut lines = text.lines().map(|line| line.split_whitespace().collect::<Vec<_>>());
        let header = lines.next().unwrap_or_default();
        assert_eq!(header[header.len() - 5..], ["User", "Inode", "Group", "Diag", "Options"]);
        let row = lines.next().unwrap_or_default();
        let inode = sockets("--tcp4 -l")[0]["inode"].to_string();
        assert_eq!(row[row.len() - 4..], ["0", &inode, "-", "SO_MARK=0"]);
    }),
    case(&["--sort"], |flag| {
        let ports = |arguments: &str| -> Vec<u64> {
            let text = stdout(&format!("--tcp4 -H --columns sport {arguments}"));
            text.split_whitespace().map(|word| word.parse().expect("a port")).collect()
        };
        assert_eq!(ports(&format!("{flag} sport")), [1001, 1001, 2001, 2005]);
        assert_eq!(ports(&format!("{flag} -sport")), [2005, 2001, 1001, 1001]);
        assert_eq!(ports(&format!("{flag}=keepalive {flag} dport")), [2001, 2005, 1001, 1001]);
    }),
    case(&["--metrics"], |flag| {
        let text = stdout(&format!("{flag} --count-by protocol"));
        let samples: Vec<&str> = text.lines().filter(|line| !line.starts_with('#')).collect();
        let of =
            |protocol: &str, count| format!("knetstat_sockets{{protocol=\"{protocol}\"}} {count}");
        assert_eq!(samples, [of("tcp", 4), of("tcp6", 2), of("udp", 2), of("udp6", 1)]);
    }),
    case(&["--count-by"], |flag| {
        let text = stdout(&format!("{flag} protocol {flag} state -H"));
        let mut rows: Vec<String> = text.lines().map(|line| words(line).join(" ")).collect();
        rows.sort();
        let expected = [
            "1 tcp LISTEN",
            "1 tcp6 ESTABLISHED",
            "1 tcp6 LISTEN",
            "1 udp ESTABLISHED",
            "1 udp UNCONN",
            "1 udp6 UNCONN",
            "3 tcp ESTABLISHED",
        ];
        assert_eq!(rows, expected);
    }),
    case(&["-s", "--summary"], |flag| {
        let text = stdout(flag);
        let begin = format!("{} sockets\n\nCount  Proto  State\n", EVERYTHING.len());
        assert!(text.starts_with(&begin), "{text}");
        assert!(text.contains("\n    1  SO_BINDTODEVICE  lo "), "{text}");
    }),
    case(&["-H", "--no-header"], |flag| {
        let with = stdout("");
        let (header, rows) = with.split_once('\n').unwrap_or_default();
        assert!(header.starts_with("Proto Recv-Q Send-Q Local Address"), "{header}");
        assert_eq!(stdout(flag), rows);
    }),
    case(&["--short"], |flag| {
        let text = stdout(&format!("{flag} -H --columns protocol,local,remote,state,options"));
        let rows = text.lines().map(|line| line.split_whitespace().collect::<Vec<_>>());
        let mut rows: Vec<String> = rows.map(|words| words.join(" ")).collect();
        rows.retain(|row| row.contains("LISTEN") || row.starts_with("udp"));
        rows.sort();
        let expected = [
            "tcp 127.0.0.1:1001 *:* LISTEN reuseaddr,keepalive,-nodelay",
            "tcp46 *:1005 *:* LISTEN reuseaddr,-keepalive,-nodelay",
            "udp 127.0.0.1:1003 *:* UNCONN -reuseaddr,-broadcast,bindtodevice=lo",
            "udp 127.0.0.1:2003 127.0.0.1:1003 ESTABLISHED -reuseaddr,-broadcast",
            "udp6 [::1]:53 *:* UNCONN -reuseaddr,-broadcast",
        ];
        assert_eq!(rows, expected);
        // Timers change from run to run. Those of UDP sockets do not.
        assert_eq!(stdout(&format!("{flag} -uJ")), stdout("-uJ"), "JSON stays as it is");
        assert_eq!(stdout(&format!("{flag} -u --ndjson")), stdout("-u --ndjson"));
    }),
    case(&["--module"], |flag| {
        let text = stdout(&format!("{flag} --port 1005"));
        let lines: Vec<String> = text.lines().map(|line| words(line).join(" ")).collect();
        let tcp = "Recv-Q Send-Q Local Address Foreign Address Stat Diag Options";
        let udp = "Recv-Q Send-Q Local Address Foreign Address Options";
        let off = "SO_REUSEADDR=0,SO_REUSEPORT=0,SO_KEEPALIVE=0,TCP_NODELAY=0,TCP_DEFER_ACCEPT=0";
        assert_eq!(lines[..2], [tcp, &format!("0 0 127.0.0.2:2005 127.0.0.1:1005 ESTB {off}")]);
        assert_eq!((&*lines[2], lines.len()), (tcp, 7), "{text}");
        assert_eq!(lines[5..], [udp, udp]);
        // More is compared in tests/exclusive/module.rs.
        assert_eq!(stdout(&format!("{flag} --udp4 --sport 1")).lines().count(), 1);
    }),
    case(&["--long"], |flag| {
        let text = stdout(&format!("{flag} -tl4 -O keepalive,nodelay"));
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines[..2], ["tcp 127.0.0.1:1001", "  state       LISTEN"]);
        let [.., keepalive, nodelay] = lines[..] else { panic!("{text}") };
        assert_eq!(
            [keepalive, nodelay],
            ["    SO_KEEPALIVE  1  set", "    TCP_NODELAY   0  default"]
        );
        // More is compared in tests/live/long/.
        let titles =
            stdout(flag).lines().filter(|line| !line.starts_with(' ') && !line.is_empty()).count();
        assert_eq!(titles, EVERYTHING.len());
    }),
    case(&["-J", "--json"], |flag| {
        let array: Vec<Value> = serde_json::from_str(&stdout(flag)).expect("an array");
        assert_eq!(array.len(), EVERYTHING.len());
    }),
    case(&["--ndjson"], |flag| {
        let text = stdout(flag);
        let lines = text.lines().map(serde_json::from_str).collect::<Result<Vec<Value>, _>>();
        // Timers change between two runs.
        let still = |mut sockets: Vec<Value>| {
            sockets.iter_mut().for_each(|socket| socket["timer"] = Value::Null);
            sockets
        };
        let lines = lines.expect("an object a line");
        assert_eq!(lines.len(), EVERYTHING.len());
        assert!(still(lines) == still(sockets("")));
    }),
    case(&["--csv"], |flag| {
        let text = stdout(&format!("{flag} -tl4 --columns protocol,local,sport -O keepalive"));
        assert_eq!(text, "protocol,local,sport,SO_KEEPALIVE\r\ntcp,127.0.0.1,1001,1\r\n");
    }),
    case(&["-q", "--quiet"], |flag| {
        let status = |arguments: &str| {
            let output = common::knetstat(arguments.split_whitespace());
            assert_eq!((output.stdout.len(), output.stderr.len()), (0, 0), "{arguments}");
            output.status.code()
        };
        assert_eq!(status(&format!("{flag} -t --port 1001")), Some(0));
        assert_eq!(status(&format!("{flag} -t --port 1003")), Some(1));
    }),
    case(&["--wait"], |flag| {
        changes_nothing(&format!("{flag} 5s"));
        assert_eq!(stdout(&format!("{flag} 50ms -H --port 9")), "");
    }),
    case(&["-c", "--continuous"], |flag| {
        let arguments = format!("-tlH4 --columns local {flag} 0.05");
        assert_eq!(Running::start(&arguments).lines(3), ["127.0.0.1:1001"; 3]);
    }),
    case(&["--changes"], |flag| {
        let arguments = format!("-uc {flag} 0.05 --sport 1999,7999 --columns local");
        let mut running = Running::start(&arguments);
        running.pass_round();
        let _socket = UdpSocket::bind("127.0.0.1:1999").expect("a socket");
        running.pass_round();
        let lines = running.end(Signal::SIGTERM);
        assert_eq!(lines, ["Event   Local Address", "opened  127.0.0.1:1999"]);
    }),
    case(&["--color"], |flag| {
        let bold =
            |when| stdout(&format!("{flag} {when}")).contains("\x1b[1mSO_REUSEADDR=1\x1b[0m");
        assert!(bold("always"));
        assert!(!bold("never"));
        assert!(!bold("auto"), "no colour in a pipe");
    }),
    case(&["-w", "--raw"], |flag| {
        let _raw = knetstat::kernel::syscall::socket(AF_INET6, SOCK_RAW, IPPROTO_ICMPV6)
            .expect("a socket");
        let text = stdout(&format!("{flag} -H -O checksum"));
        assert_eq!(words(&text), ["raw6", "0", "0", ":::58", ":::*", "UNCONN", "IPV6_CHECKSUM=2"]);
        assert_eq!(stdout(&format!("{flag} -4 -H")), "");
    }),
    case(&["-0", "--packet"], |flag| {
        let ethertype = i32::from(0x0800u16.to_be());
        let _packet =
            knetstat::kernel::syscall::socket(AF_PACKET, SOCK_DGRAM, ethertype).expect("a socket");
        let text = stdout(&format!("{flag} -H -O type"));
        assert_eq!(words(&text), ["packet", "0", "0", "ip:*", "*", "UNCONN", "SO_TYPE=DGRAM"]);
        let shown = sockets(flag);
        assert_eq!((shown.len(), &shown[0]["type"]), (1, &"dgram".into()));
    }),
    case(&["--xdp"], |flag| {
        let _xdp = knetstat::kernel::syscall::socket(AF_XDP, SOCK_RAW, 0).expect("a socket");
        let text = stdout(&format!("{flag} -H -O xdp_options"));
        assert_eq!(words(&text), ["xdp", "0", "0", "*:*", "*", "UNCONN", "XDP_OPTIONS=0"]);
    }),
    case(&["--netlink"], |flag| {
        let socket = knetstat::kernel::syscall::socket(AF_NETLINK, SOCK_RAW, 0).expect("a socket");
        let shown = |more: &str| common::sockets(&format!("{flag} {more}"));
        assert!(common::find(&shown(""), &socket).is_none(), "it was never bound");
        assert!(common::find(&shown("--unbound"), &socket).is_some());
        let text = stdout(&format!("{flag} -H -p --state unconn -O no_enobufs"));
        let owner = format!("{}(kernel)", common::kernel_user("rtnetlink_rcv").unwrap_or_default());
        let row = ["netlink", "0", "0", "route:*", "*", "UNCONN", &owner];
        let kernel = text.lines().find(|line| line.contains("route:")).expect("that of the kernel");
        assert_eq!(words(kernel)[..7], row, "{text}");
        assert_eq!(words(kernel)[7..], ["NETLINK_NO_ENOBUFS=0"], "{text}");
    }),
    case(&["--vsock"], |flag| {
        let Ok(_socket) = knetstat::kernel::syscall::socket(AF_VSOCK, SOCK_STREAM, 0) else {
            not_tested("a row of --vsock: this kernel has no vsock");
            assert_eq!(stdout(&format!("{flag} -H")), "");
            return;
        };
        let text = stdout(&format!("{flag} -H -O acceptconn"));
        assert_eq!(words(&text), ["vsock", "0", "0", "*:*", "*:*", "CLOSE", "SO_ACCEPTCONN=0"]);
    }),
    case(&["--mptcp"], |flag| {
        common::sysctl("net/mptcp/enabled", "1");
        let _mptcp = knetstat::kernel::syscall::socket(AF_INET6, SOCK_STREAM, IPPROTO_MPTCP)
            .expect("a socket");
        let text = stdout(&format!("{flag} -H -O is_mptcp"));
        assert_eq!(words(&text), ["mptcp6", "0", "0", ":::*", ":::*", "CLOSE", "TCP_IS_MPTCP=1"]);
        assert_eq!(stdout(&format!("{flag} -4 -H")), "");
    }),
    case(&["--sctp"], |flag| {
        // families::sctp tests the rows. Not every kernel has SCTP.
        let sctp = knetstat::kernel::syscall::socket(AF_INET, SOCK_STREAM, IPPROTO_SCTP);
        let rows = stdout(&format!("{flag} -H -O nodelay"));
        match sctp {
            Ok(_) => {
                assert_eq!(words(&rows)[..6], ["sctp", "0", "0", "0.0.0.0:*", "0.0.0.0:*", "CLOSE"])
            }
            Err(_) => {
                not_tested("a row of --sctp: this kernel has no SCTP");
                assert_eq!(rows, "");
            }
        }
        assert!(!stdout(flag).contains("tcp"), "only SCTP");
        assert_eq!(stdout(&format!("{flag} -6 -H")), "");
    }),
    case(&["-x", "--unix"], |flag| {
        use std::os::linux::net::SocketAddrExt;
        use std::os::unix::net::{SocketAddr, UnixListener};
        let name = SocketAddr::from_abstract_name("cli test").expect("a name");
        let _unix = UnixListener::bind_addr(&name).expect("a socket");
        let text = stdout(&format!("{flag} -H -l -O acceptconn"));
        let row = ["unix", "0", "4096", "stream", "LISTENING"];
        let words = words(&text);
        assert_eq!(words[..5], row, "{text}");
        assert_eq!(words[6..], ["-", "@cli\\x20test", "SO_ACCEPTCONN=1"], "{text}");
    }),
    case(&["--unbound"], |flag| {
        let idle = knetstat::kernel::syscall::socket(AF_INET, SOCK_STREAM, 0).expect("a socket");
        assert_eq!(common::sockets("-t --state CLOSE").len(), 0);
        let shown = common::sockets(&format!("{flag} -t --state CLOSE"));
        assert_eq!(shown.len(), 1, "{shown:?}");
        assert!(common::find(&shown, &idle).is_some());
    }),
    case(&["-N", "--netns"], |flag| {
        let own = "/proc/self/ns/net";
        let names = |arguments: &str| -> Vec<[Value; 3]> {
            let name = |row: &Value| ["local", "remote", "inode"].map(|member| row[member].clone());
            common::sockets(arguments).iter().map(name).collect()
        };
        let shown = names(&format!("{flag} {own}"));
        assert_eq!(shown.len(), EVERYTHING.len());
        assert_eq!(shown, names(""));
    }),
    case(&["--all-netns"], |flag| {
        let all = common::sockets(&format!("{flag} -t"));
        let own = common::sockets("-t");
        assert_eq!(own.len(), 6);
        let is_own = |row: &&Value| row["netns"] == own[0]["netns"];
        assert_eq!(all.iter().filter(is_own).count(), own.len());
    }),
    case(&["-r", "--resolve"], |flag| {
        let text = stdout(&format!("{flag} --udp6 -H --columns local,sport"));
        let words: Vec<&str> = text.split_whitespace().collect();
        assert!(words[0].ends_with(":domain") && words[1..] == ["domain"], "{text}");
    }),
    case(&["--pager"], changes_nothing),
    case(&["-a", "--all"], changes_nothing),
    case(&["-n", "--numeric"], changes_nothing),
    case(&["-W", "--wide"], changes_nothing),
    case(&["-h", "--help"], |flag| helps(flag, "Usage: knetstat [OPTIONS] [EXPRESSION]\n")),
    case(&["-V", "--version"], |flag| {
        assert_eq!(stdout(flag), concat!("knetstat ", env!("CARGO_PKG_VERSION"), "\n"));
    }),
    case(&["options -h", "options --help"], |flag| {
        helps(flag, "Usage: knetstat options [OPTIONS] [NAME]...")
    }),
    case(&["options -J", "options --json"], |flag| {
        let options: Vec<Value> = serde_json::from_str(&stdout(flag)).expect("an array");
        let names = options.iter().map(|option| option["name"].as_str().expect("a name"));
        assert!(names.eq(CATALOGUE.iter().map(|option| option.name)), "{flag}");
    }),
    case(&["doctor -h", "doctor --help"], |flag| {
        helps(flag, "Usage: knetstat doctor [OPTIONS]");
    }),
    case(&["doctor -J", "doctor --json"], |flag| {
        let findings: Value = serde_json::from_str(&stdout(flag)).expect("an object");
        assert_eq!(findings["complete"], true, "{flag}");
    }),
    case(&["doctor -v", "doctor --verbose"], |flag| {
        assert!(stdout(flag).contains("\nok       table             "), "{flag}");
    }),
    case(&["--pins"], |flag| {
        let pinned = Pinned::new("cli", &[]);
        let own = common::sockets("-tu");
        assert_eq!(common::sockets(&format!("{flag} {} -tu", pinned.0.display())).len(), own.len());
        assert_eq!(own.len(), EVERYTHING.len());
    }),
    case(&["pin -h", "pin --help"], |flag| helps(flag, "Usage: knetstat pin [OPTIONS]")),
    case(&["pin --dir", "unpin --dir"], |flag| {
        let pinned = Pinned::new("cli-dir", &[]);
        let said = stdout(&format!("{flag} {}", pinned.0.display()));
        assert!(said.contains(&pinned.0.display().to_string()), "{said}");
    }),
    case(&["pin --group"], |flag| {
        use std::os::unix::fs::MetadataExt;
        let pinned = Pinned::new("cli-group", &[]);
        stdout(&format!("{flag} 1234 --dir {}", pinned.0.display()));
        assert_eq!(pinned.0.join("records/tcp_table").metadata().expect("a pin").gid(), 1234);
    }),
    case(&["pin --mode"], |flag| {
        use std::os::unix::fs::MetadataExt;
        let pinned = Pinned::new("cli-mode", &[]);
        stdout(&format!("{flag} 0444 --dir {}", pinned.0.display()));
        let mode = pinned.0.join("records/tcp_table").metadata().expect("a pin").mode();
        assert_eq!(mode & 0o777, 0o444);
    }),
    case(&["pin --with-owners"], |flag| {
        let pinned = Pinned::new("cli-owners", &[]);
        assert!(!pinned.0.join("records/owners").exists());
        stdout(&format!("{flag} --dir {}", pinned.0.display()));
        assert!(pinned.0.join("records/owners").exists());
    }),
    case(&["unpin -h", "unpin --help"], |flag| helps(flag, "Usage: knetstat unpin [OPTIONS]")),
    case(&["schema -h", "schema --help"], |flag| helps(flag, "Usage: knetstat schema")),
    case(&["help -h", "help --help"], |flag| helps(flag, "Usage: knetstat help [COMMAND]")),
    case(&["completions -h", "completions --help"], |flag| {
        helps(flag, "Usage: knetstat completions <SHELL>");
    }),
];

const AF_INET: i32 = 2;
const AF_INET6: i32 = 10;
const AF_PACKET: i32 = 17;
const AF_XDP: i32 = 44;
const AF_NETLINK: i32 = 16;
const AF_VSOCK: i32 = 40;
const SOCK_STREAM: i32 = 1;
const SOCK_DGRAM: i32 = 2;
const SOCK_RAW: i32 = 3;
const IPPROTO_ICMPV6: i32 = 58;
const IPPROTO_MPTCP: i32 = 262;
const IPPROTO_SCTP: i32 = 132;

fn words(text: &str) -> Vec<&str> {
    text.split_whitespace().collect()
}

fn helps(flag: &str, usage: &str) {
    let text = stdout(flag);
    assert!(text.contains(usage), "knetstat {flag}: {text}");
}

#[test]
fn every_flag_does_what_it_says() {
    let _sockets = world();
    shows("", &EVERYTHING);
    for Case { flags, check } in CASES {
        flags.iter().for_each(|flag| check(flag));
    }
}

#[test]
fn every_flag_has_a_test() {
    let tested: BTreeSet<String> =
        CASES.iter().flat_map(|case| case.flags).map(|flag| flag.to_string()).collect();
    assert_eq!(tested, flags(|_| true));
}

#[test]
fn letters_may_be_joined_and_repeated() {
    let _sockets = world();
    shows("-tuln", &[LISTENER, LISTENER6, UDP, UDP6]);
    shows("-tun", &EVERYTHING);
    shows("-tanW", &[LISTENER, ACCEPTED, CLIENT, LISTENER6, CLIENT_OF_6, ACCEPTED6]);
    shows("-4uan", &[UDP, UDP_CONNECTED]);
    shows("-t6", &[LISTENER6, ACCEPTED6]);
    shows("-ltt -nn --udp --udp", &[LISTENER, LISTENER6, UDP, UDP6]);
    assert_eq!(options("-tOnodelay"), ["TCP_NODELAY"]);
    assert_eq!(stdout("-teH"), stdout("-t -e -H"));
    changes_nothing("-anW");
}

#[test]
fn flags_narrow_each_other() {
    let _sockets = world();
    shows("--tcp4 --udp6", &[LISTENER, ACCEPTED, CLIENT, CLIENT_OF_6, UDP6]);
    shows("--tcp4 -4 -l", &[LISTENER]);
    shows("-4 -6", &EVERYTHING);
    shows("-l --state established", &[]);
    shows("--sport 1001 --dport 2001", &[ACCEPTED]);
    shows("-u --port 1001", &[]);
}

// Selection of options

/// Returns the options that are shown for the client, in order.
fn options(arguments: &str) -> Vec<String> {
    options_of("--tcp4 --sport 2001", arguments)
}

fn options_of(socket: &str, arguments: &str) -> Vec<String> {
    let text = stdout(&format!("-H {socket} {arguments}"));
    assert_eq!(text.lines().count(), 1, "{text}");
    let column = text.trim_end().rsplit(' ').next().unwrap_or_default();
    let names = column.split(',').filter_map(|option| option.split_once('='));
    names.map(|(name, _)| name.to_owned()).collect()
}

#[test]
fn options_are_chosen_by_name() {
    let _sockets = world();
    for name in ["SO_KEEPALIVE", "so_keepalive", "keepalive", "KeepAlive"] {
        assert_eq!(options(&format!("-O {name}")), ["SO_KEEPALIVE"], "{name}");
    }
    assert_eq!(options("-O SO_ATTACH_FILTER"), ["SO_GET_FILTER"], "an alias");
    assert_eq!(options("-O attach_bpf"), ["SO_GET_FILTER"], "an alias without prefix");
    assert_eq!(options("-O nodelay,keepalive"), ["TCP_NODELAY", "SO_KEEPALIVE"], "in this order");
    assert_eq!(options("-O nodelay -O cork"), ["TCP_NODELAY", "TCP_CORK"]);
    assert_eq!(options("-O cork,SO_MARK,TCP_CORK,mark,c?rk"), ["TCP_CORK", "SO_MARK"], "once each");
    assert_eq!(options_of("--udp4 --sport 1003", "-O nodelay"), [""; 0], "TCP's is not of UDP");
}

#[test]
fn options_are_chosen_by_glob() {
    let _sockets = world();
    let keepalive = ["SO_KEEPALIVE", "TCP_KEEPIDLE", "TCP_KEEPINTVL", "TCP_KEEPCNT"];
    assert_eq!(options("-O keep*"), keepalive);
    assert_eq!(options("-O TCP_KEEP*"), keepalive[1..]);
    assert_eq!(options("-O tcp_keep???"), ["TCP_KEEPCNT"]);
    let of_tcp = options("-O TCP_*");
    assert!(of_tcp.len() > 20 && of_tcp.iter().all(|name| name.starts_with("TCP_")), "{of_tcp:?}");
    assert_eq!(options("-O *"), options("-O all"));
}

#[test]
fn options_are_chosen_by_word() {
    let _sockets = world();
    let listener = "--tcp4 -l";
    let common = ["SO_REUSEADDR", "SO_KEEPALIVE", "TCP_NODELAY"];
    assert_eq!(options(""), common, "the default is common");
    assert_eq!(options("-O common"), common);
    assert_eq!(options("-O set"), [""; 0]);
    assert_eq!(options_of(listener, "-O SET"), ["SO_REUSEADDR", "SO_KEEPALIVE"]);
    assert_eq!(
        options_of("--udp4 --sport 1003", ""),
        ["SO_REUSEADDR", "SO_BROADCAST", "SO_BINDTODEVICE"]
    );
    let mut first = vec!["TCP_CORK"];
    first.extend(common);
    assert_eq!(options("-O cork,common"), first);
    let all = options("-O all");
    let catalogue = CATALOGUE.iter().map(|option| option.name);
    assert_eq!(all, catalogue.filter(|name| all.contains(&name.to_string())).collect::<Vec<_>>());
    assert!(all.len() > 60, "{all:?}");
}

#[test]
fn json_has_all_options_unless_some_are_chosen() {
    let _sockets = world();
    let listener = |arguments| sockets(&format!("--tcp4 -l {arguments}")).remove(0);
    let names = |socket: &Value| -> BTreeSet<String> {
        socket["options"].as_object().expect("an object").keys().cloned().collect()
    };
    let all = listener("");
    let in_table: BTreeSet<String> = options_of("--tcp4 -l", "-O all").into_iter().collect();
    assert_eq!(names(&all), in_table);
    assert_eq!(all["set"], serde_json::json!(["SO_REUSEADDR", "SO_KEEPALIVE"]));
    let chosen = listener("-O nodelay,keepalive");
    assert_eq!(names(&chosen).len(), 2);
    assert_eq!(chosen["set"], serde_json::json!(["SO_KEEPALIVE"]));
}

// Selection of columns

#[test]
fn columns_of_descriptors_can_be_zipped() {
    let sockets = world();
    let copy = sockets[0].try_clone().expect("another descriptor");
    let text = stdout("--tcp4 -l -H --columns pid,command,fd,nonblock,owner");
    let [pids, commands, fds, nonblock, "process"] = words(&text)[..] else { panic!("{text}") };
    let (pid, command) = (std::process::id().to_string(), own_command());
    let rest = commands.split(',').zip(fds.split(',')).zip(nonblock.split(','));
    let zipped = pids.split(',').zip(rest);
    // A child of another test holds the sockets, too, until it calls execve(2).
    let own: Vec<_> = zipped.filter(|(holder, _)| *holder == pid).map(|(_, rest)| rest).collect();
    let mut numbers = [sockets[0].as_raw_fd(), copy.as_raw_fd()];
    numbers.sort();
    let numbers = numbers.map(|fd| fd.to_string());
    let expected = numbers.iter().map(|fd| ((command.as_str(), fd.as_str()), "0"));
    assert_eq!(own, expected.collect::<Vec<_>>(), "{text}");
    assert_eq!(fds.split(',').count(), pids.split(',').count(), "{text}");
}

#[test]
fn members_are_chosen_like_columns() {
    let _sockets = world();
    let text = stdout("--ndjson --tcp4 -l --columns dport,fd,opt -O nodelay");
    let fds = &sockets_of(&text)[0]["fd"];
    assert!(fds[0].is_u64(), "{text}");
    let expected = format!("{{\"dport\":0,\"fd\":{fds},\"options\":{{\"TCP_NODELAY\":0}}}}\n");
    assert_eq!(text, expected);
}

fn sockets_of(text: &str) -> Vec<Value> {
    text.lines().map(|line| serde_json::from_str(line).expect("an object")).collect()
}

#[test]
fn the_usual_columns_can_be_chosen_too() {
    let _sockets = world();
    let usual = "protocol,recvq,sendq,local,remote,state,diag,options";
    assert_eq!(stdout(&format!("-e --columns {usual}")), stdout("-e"));
    // A child of another test holds these sockets, too, until it calls execve(2).
    common::wait_until("both are the same", || {
        stdout(&format!("-p --columns {usual} -H")) == stdout("-pH")
    });
    let members =
        "protocol,type,state,recv_queue,send_queue,drops,local,remote,interface,uid,inode,\
        cookie,netns,netns_name,master,reuseport,diag,timer,options,set";
    assert_eq!(stdout(&format!("-uJ --columns {members}")), stdout("-uJ"));
}

// Colour

#[test]
fn what_is_set_stands_out_on_a_terminal() {
    let _sockets = world();
    let bold = |arguments, variables| on_a_terminal(80, arguments, variables).contains("\x1b[1m");
    assert!(bold("", &[]));
    assert!(bold("--color auto", &[("NO_COLOR", "")]), "an empty NO_COLOR says nothing");
    assert!(!bold("", &[("NO_COLOR", "1")]));
    assert!(!bold("", &[("TERM", "dumb")]));
    assert!(!bold("--color never", &[]));
    assert!(bold("--color always", &[("NO_COLOR", "1")]), "the flag is stronger");
    assert!(!bold("-J", &[]), "JSON has no colour");
}

/// Interfaces are looked up in the namespaces of the sockets, which requires privileges. Other wrong usage
/// is in unprivileged::usage.
#[test]
fn an_interface_that_does_not_exist() {
    enter_namespace();
    // Sockets that are not bound to an interface have the index 0, which is not an interface.
    assert_eq!(common::knetstat(["--interface", "0"]).status.code(), Some(2));
    let output = common::knetstat(["--interface", "nosuch"]);
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!((output.status.code(), output.stdout.len()), (Some(2), 0), "{stderr}");
    assert_eq!(
        stderr, "knetstat: unknown interface 'nosuch' (expected lo)\n",
        "the namespace has no other"
    );
}

// The list of options

#[test]
fn the_list_of_options_is_the_catalogue() {
    let text = stdout("options");
    let mut lines = text.lines().map(|line| line.split_whitespace().collect::<Vec<_>>());
    assert_eq!(lines.next().unwrap_or_default(), ["Name", "Level", "Number", "Here", "Kind"]);
    for option in CATALOGUE {
        let line = lines.next().unwrap_or_default();
        assert_eq!(line[..3], [option.name, option.level.name, &option.number.to_string()]);
        let here = line[3];
        // If no process uses SCTP, the option is not queried, because that would load the module.
        let is_unknown = here == "unknown" && option.level.name == "SOL_SCTP";
        assert!(matches!(here, "yes" | "no") || is_unknown, "{line:?}");
    }
    assert_eq!(lines.next(), None);
    assert!(text.lines().all(|line| line == line.trim()), "no line begins or ends with a blank");
}

// Outputs whose reader is gone, or that cannot be written

/// All commands that write to standard output.
const WRITERS: [&str; 24] = [
    "-O all",
    "--long",
    "-J",
    "--ndjson",
    "--csv -O all",
    "-uc 0.05",
    "-uc 0.05 --ndjson",
    "--sort -sport",
    "--count-by sport",
    "--count-by sport --csv",
    "--metrics",
    "-s",
    "options",
    "options all",
    "doctor",
    "doctor --json",
    "doctor -v",
    "schema",
    "completions bash",
    "complete -- knetstat --",
    "help",
    "--help",
    "--version",
    "options --help",
];

/// Opens so many sockets that their options exceed the size of a pipe and a buffer.
fn crowd() -> Vec<UdpSocket> {
    enter_namespace();
    (0..300).map(|_| UdpSocket::bind("127.0.0.1:0").expect("a UDP socket")).collect()
}

#[test]
fn a_closed_pipe_is_a_quiet_success() {
    let _sockets = crowd();
    for arguments in WRITERS {
        let mut command = Command::new(KNETSTAT);
        command.args(arguments.split_whitespace()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("knetstat can be started");
        let mut line = String::new();
        let mut pipe = BufReader::with_capacity(16, child.stdout.take().expect("a pipe"));
        pipe.read_line(&mut line).expect("a line");
        drop(pipe);
        let output = child.wait_with_output().expect("it ends");
        assert!(!line.is_empty(), "knetstat {arguments}");
        ended(&output, 0, "", &format!("{arguments} | head -1"));
    }
    assert!(
        stdout("-J").len() > 512 * 1024,
        "the pipe really is closed while there is more to write"
    );
}

#[test]
fn an_output_that_cannot_be_written_is_a_failure() {
    let _sockets = crowd();
    for arguments in WRITERS {
        let full = File::options().write(true).open("/dev/full").expect("/dev/full");
        let output = run(arguments, full.into(), Stdio::piped());
        let message = "knetstat: cannot write the output: No space left on device\n";
        ended(&output, 1, message, &format!("{arguments} > /dev/full"));
    }
}

#[test]
fn errors_that_cannot_be_told_keep_their_status() {
    enter_namespace();
    let full = || File::options().write(true).open("/dev/full").expect("/dev/full");
    assert_eq!(run("--bogus", Stdio::null(), full().into()).status.code(), Some(2));
    assert_eq!(run("-J", full().into(), full().into()).status.code(), Some(1));
    assert_eq!(run("--help", full().into(), full().into()).status.code(), Some(1));
}

fn run(arguments: &str, stdout: Stdio, stderr: Stdio) -> Output {
    let mut command = Command::new(KNETSTAT);
    command.args(arguments.split_whitespace()).stdout(stdout).stderr(stderr);
    command.spawn().and_then(|child| child.wait_with_output()).expect("knetstat can be started")
}

fn ended(output: &Output, status: i32, stderr: &str, what: &str) {
    assert_eq!(String::from_utf8_lossy(&output.stderr), stderr, "knetstat {what}");
    assert_eq!(output.status.code(), Some(status), "knetstat {what}");
}
