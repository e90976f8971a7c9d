//! Command lines that users of ss(8) or netstat(8) type, and abbreviations: each is equivalent to the full
//! command line. Wrong command lines are in unprivileged::command_lines.

use std::collections::BTreeSet;
use std::net::{TcpListener, UdpSocket};
use std::os::unix::net::UnixListener;

use crate::common::scene::inode;
use crate::common::{enter_namespace, knetstat, same, sockets, stdout};
use serde_json::Value;

/// Each command line as typed, and its full form.
const SAME: &[(&str, &str)] = &[
    // Abbreviated options
    ("--listen", "--listening"),
    ("--list", "--listening"),
    ("--unb -t", "--unbound --tcp"),
    ("--no-h", "--no-header"),
    ("--ext", "--extend"),
    ("--opt nodelay", "--options nodelay"),
    ("--opt=nodelay", "--options=nodelay"),
    ("--colu local", "--columns local"),
    ("--sp 1001", "--sport 1001"),
    ("--colum=local --por=1001", "--columns=local --port=1001"),
    ("--numeric-h", "--numeric"),
    ("doctor --js", "doctor --json"),
    // Abbreviated states
    ("--state est", "--state ESTABLISHED"),
    ("--state lis", "--state LISTEN"),
    ("--state Listening", "--state LISTEN"),
    ("--state uncon,lis", "--state UNCONN,LISTEN"),
    ("--state syn-s", "--state SYN_SENT"),
    ("--state syn_recv", "--state SYN_RECV"),
    ("--state time-w", "--state TIME_WAIT"),
    // Alternative spellings
    ("--colour never", "--color never"),
    ("--colo never", "--color never"),
    ("--inet", "-4"),
    ("--inet6", "-6"),
    ("--ip", "-4"),
    ("--processes -H", "-pH"),
    ("--program -H", "-pH"),
    ("--extended", "-e"),
    ("--numeric-ports --numeric-hosts --numeric-users", "-n"),
    ("--net /proc/self/ns/net", "--netns /proc/self/ns/net"),
    ("-N /proc/self/ns/net", "--netns /proc/self/ns/net"),
    // Families
    ("-f inet", "-tuw4 --mptcp --sctp"),
    ("-A inet6", "-tuw6 --mptcp --sctp"),
    ("-f inet -f inet6", "-tuw --mptcp --sctp"),
    ("-t -f inet", "-t4"),
    ("-tu -A inet6", "-tu6"),
    ("-f unix", "-x"),
    ("-A unix,tcp", "-tx"),
    ("-f link", "-0"),
    ("-f packet", "-0"),
    ("--query tcp,udp", "-tu"),
    ("--socket netlink", "--netlink"),
    ("--protocol=inet,unix", "-tuwx4 --mptcp --sctp"),
    ("-f tcp,inet6 -x", "-t6 -x"),
    ("-f all", "-tuwx0 --netlink --mptcp --sctp --vsock --xdp"),
    ("-f mptcp", "--mptcp"),
    ("-f sctp", "--sctp"),
    ("-f vsock", "--vsock"),
    ("-f xdp", "--xdp"),
    ("-f raw", "-w"),
    // Common habits
    ("-tulpn", "-t -u -l -p"),
    ("-tanp", "-t -p"),
    ("-tlnp4", "-t -l -p -4"),
    ("-antup", "-t -u -p"),
    // Help
    ("help", "--help"),
    ("help options", "options --help"),
    ("help doctor", "doctor --help"),
    ("help help", "help --help"),
];

#[test]
fn each_line_does_what_the_one_written_out_does() {
    enter_namespace();
    let _sockets = (
        TcpListener::bind("127.0.0.1:1001").expect("a listener"),
        TcpListener::bind("[::1]:1002").expect("a listener"),
        UdpSocket::bind("127.0.0.1:1003").expect("a UDP socket"),
        UdpSocket::bind("[::1]:1004").expect("a UDP socket"),
    );
    for (typed, written) in SAME {
        same(&format!("{typed}: {written}"), || [stdout(typed), stdout(written)]);
    }
    assert_ne!(stdout("-f inet"), stdout("-f inet6"), "the namespace has both");
}

/// Returns the inodes of the sockets that a command line shows.
fn inodes(arguments: &str) -> BTreeSet<u64> {
    sockets(arguments).iter().filter_map(|socket| socket["inode"].as_u64()).collect()
}

/// Returns the inodes of all sockets that this process has descriptors of.
fn own_sockets() -> BTreeSet<u64> {
    let entries = std::fs::read_dir("/proc/self/fd").expect("/proc/self/fd");
    let links = entries.flatten().filter_map(|entry| std::fs::read_link(entry.path()).ok());
    let number = |link: std::path::PathBuf| {
        link.to_str()?.strip_prefix("socket:[")?.strip_suffix(']')?.parse().ok()
    };
    links.filter_map(number).collect()
}

#[test]
fn a_process_alone_shows_whatever_sockets_it_has() {
    enter_namespace();
    let open = |family, socket_type, protocol| {
        knetstat::kernel::syscall::socket(family, socket_type, protocol).expect("a socket")
    };
    let path = std::env::temp_dir().join(format!("knetstat-lines-{}", std::process::id()));
    let held = [
        // TCP, never bound; raw; packet; netlink; a family without a flag (AF_ALG).
        open(2, 1, 0),
        open(10, 3, 58),
        open(17, 2, 0),
        open(16, 3, 0),
        TcpListener::bind("127.0.0.1:0").expect("a listener").into(),
        UnixListener::bind(&path).expect("a unix socket").into(),
    ];
    let _ = std::fs::remove_file(&path);
    let of_held: BTreeSet<u64> = held.iter().map(inode).collect();
    assert!(own_sockets().is_superset(&of_held), "the kernel lists them too");
    let pid = std::process::id();
    let command = std::fs::read_to_string("/proc/self/comm").expect("comm");
    for arguments in [format!("--pid {pid}"), format!("--command {}", command.trim_end())] {
        let shown = inodes(&arguments);
        assert!(shown.is_superset(&of_held), "{arguments}: {shown:?} and {of_held:?}");
        // If a family is named, only that family is shown, and only sockets that are in a table.
        let named = inodes(&format!("{arguments} -t"));
        assert_eq!(named.intersection(&of_held).count(), 1, "{arguments} -t");
        let listening = inodes(&format!("{arguments} -l"));
        let listening: Vec<_> = listening.intersection(&of_held).collect();
        let unbound = inode(&held[0]);
        assert!(!listening.contains(&&unbound), "what is not bound does not listen");
        assert!(listening.contains(&&inode(&held[4])));
    }
    // Without a process filter, the default applies: TCP and UDP.
    let plain = sockets("--user root");
    let is_default = |row: &Value| {
        let word = row["protocol"].as_str().unwrap_or_default();
        word.starts_with("tcp") || word.starts_with("udp")
    };
    assert!(!plain.is_empty() && plain.iter().all(is_default), "{plain:?}");
}

#[test]
fn families_and_versions_that_exclude_each_other() {
    for line in ["--tcp4 -f inet6", "--udp6 -f inet", "--tcp6 -A inet,unix"] {
        let output = knetstat(line.split(' '));
        assert_eq!((output.status.code(), output.stdout.len()), (Some(2), 0), "{line}");
    }
}
