//! The timers of `-o` and of JSON, compared with /proc/net/tcp: the pending timer, the time until it
//! expires, the number of retransmissions and of unanswered probes.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, TcpListener, TcpStream};

use crate::common::scene::EveryState;
use crate::common::{connect, deafen, enter_namespace, proc_net, set, sockets, stdout, wait_until};
use nix::libc::{
    IPPROTO_TCP, SOL_SOCKET, SO_KEEPALIVE, SO_RCVBUF, TCP_KEEPIDLE, TCP_KEEPINTVL, TCP_QUICKACK,
};
use serde_json::Value;

const LOCALHOST: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
const LOCALHOST6: IpAddr = IpAddr::V6(Ipv6Addr::LOCALHOST);

/// The maximum difference between two clocks that are read one after the other and rounded, in seconds.
const SLACK: f64 = 0.05;

/// The timer of a socket in /proc. The key is the addresses as /proc writes them.
#[derive(Clone, Debug)]
struct Timer {
    /// 0 none, 1 retransmit, 2 keepalive, 3 time-wait, 4 probe.
    number: u64,
    seconds: f64,
    retransmits: u64,
    probes: u64,
}

/// Returns the timers of /proc/net/tcp and tcp6 by protocol, ports and remote ports, which are unique in
/// each scene below.
fn proc_timers() -> BTreeMap<(String, u64, u64), Timer> {
    let hex = |word: &str| u64::from_str_radix(word, 16).expect("a number in hexadecimal");
    let port = |word: &str| hex(word.rsplit(':').next().unwrap_or_default());
    let mut timers = BTreeMap::new();
    for file in ["tcp", "tcp6"] {
        for line in proc_net(file).lines().skip(1) {
            let words: Vec<&str> = line.split_whitespace().collect();
            let (number, ticks) = words[5].split_once(':').expect("a timer");
            let timer = Timer {
                number: hex(number),
                // In units of 1/100 s on every machine: USER_HZ.
                seconds: hex(ticks) as f64 / 100.0,
                retransmits: hex(words[6]),
                probes: words[8].parse().expect("a number"),
            };
            timers.insert((file.to_owned(), port(words[1]), port(words[2])), timer);
        }
    }
    timers
}

fn number(value: &Value) -> u64 {
    value.as_u64().expect("a number")
}

/// Returns the number in /proc of a timer in JSON.
fn number_of(timer: &Value) -> u64 {
    match timer["kind"].as_str() {
        // /proc does not have the timer of delayed acknowledgements.
        None | Some("delack") => 0,
        Some("retransmit") => 1,
        Some("keepalive") => 2,
        Some("time-wait") => 3,
        Some("probe") => 4,
        Some(other) => panic!("a timer called {other}"),
    }
}

/// Asserts that knetstat shows the timers that /proc shows before and after. Returns the numbers of the
/// timers that were pending in both, so that all their values could be compared.
fn assert_same_timers() -> BTreeSet<u64> {
    let before = proc_timers();
    let shown = sockets("-t");
    let after = proc_timers();
    assert_eq!(shown.len(), before.len());
    let mut compared = BTreeSet::new();
    for socket in &shown {
        let protocol = socket["protocol"].as_str().expect("a protocol").to_owned();
        let key = (protocol, number(&socket["local"]["port"]), number(&socket["remote"]["port"]));
        let (Some(before), Some(after)) = (before.get(&key), after.get(&key)) else {
            panic!("{key:?} is not in /proc");
        };
        let timer = &socket["timer"];
        // The timer may have expired meanwhile, and another, or the same one, may have been started.
        let counts = |timer: &Timer| (timer.number, timer.retransmits, timer.probes);
        if counts(before) != counts(after) || before.seconds < after.seconds {
            assert!([before.number, after.number].contains(&number_of(timer)), "{key:?}: {timer}");
            continue;
        }
        assert_eq!(number_of(timer), before.number, "{key:?}: {timer}");
        if before.number == 0 {
            continue;
        }
        let seconds = timer["seconds"].as_f64().expect("a number");
        let possible = after.seconds - SLACK..=before.seconds + SLACK;
        assert!(possible.contains(&seconds), "{key:?}: {timer}, not {possible:?}");
        assert_eq!(number(&timer["retransmits"]), before.retransmits, "{key:?}");
        assert_eq!(number(&timer["probes"]), before.probes, "{key:?}");
        compared.insert(before.number);
    }
    compared
}

#[test]
fn of_every_state() {
    for ip in [LOCALHOST, LOCALHOST6] {
        enter_namespace();
        let _scene = EveryState::new(ip, ip);
        let mut compared = BTreeSet::new();
        wait_until("timers of both kinds stood still for a look", || {
            compared.append(&mut assert_same_timers());
            compared.contains(&1) && compared.contains(&3)
        });
    }
}

/// Unacknowledged data that has been retransmitted.
#[test]
fn of_data_that_was_sent_again() {
    enter_namespace();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let (mut client, server) = connect(&listener, LOCALHOST);
    deafen(&server);
    client.write_all(b"hello?").unwrap();
    wait_until("it was sent twice more", || proc_timers().values().any(|t| t.retransmits >= 2));
    wait_until("the timer stood still for a look", || assert_same_timers().contains(&1));
    let shown = sockets("-t --state established");
    let retransmits = |socket: &Value| socket["timer"]["retransmits"].as_u64().unwrap_or_default();
    assert!(shown.iter().any(|socket| retransmits(socket) >= 2), "{shown:?}");
}

/// A closed window that has been probed.
#[test]
fn of_a_window_that_is_closed() {
    enter_namespace();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    // The window must be small from the beginning. A window that shrinks is not probed: the data is
    // retransmitted.
    set(&listener, SOL_SOCKET, SO_RCVBUF, 16384).unwrap();
    let (mut client, _server) = connect(&listener, LOCALHOST);
    client.set_nonblocking(true).unwrap();
    wait_until("the window is probed", || {
        let _ = client.write(&[0; 4096]);
        proc_timers().values().any(|timer| timer.number == 4)
    });
    wait_until("the timer stood still for a look", || assert_same_timers().contains(&4));
    let table = stdout("-toH --state established");
    assert!(table.lines().any(|line| line.contains(" probe (")), "{table}");
}

/// An idle connection that has been probed, and whose peer does not answer.
#[test]
fn of_an_idle_connection() {
    enter_namespace();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let (client, server) = connect(&listener, LOCALHOST);
    set(&client, SOL_SOCKET, SO_KEEPALIVE, 1).unwrap();
    wait_until("the timer stood still for a look", || assert_same_timers().contains(&2));
    deafen(&server);
    // The second probe comes after all looks, also on an emulated machine.
    set(&client, IPPROTO_TCP, TCP_KEEPINTVL, 300).unwrap();
    set(&client, IPPROTO_TCP, TCP_KEEPIDLE, 1).unwrap();
    wait_until("it was probed", || proc_timers().values().any(|timer| timer.probes >= 1));
    wait_until("the timer stood still for a look", || assert_same_timers().contains(&2));
    assert!(keepalive(&client).contains("/0/1)"), "one probe is unanswered");
}

/// An acknowledgement that is delayed, because little data arrived and the program may reply.
#[test]
fn of_a_delayed_acknowledgement() {
    enter_namespace();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let (mut client, server) = connect(&listener, LOCALHOST);
    client.set_nodelay(true).unwrap();
    let port = server.local_addr().unwrap().port();
    let of = |row: &&Value| row["local"]["port"] == port && row["remote"]["port"] != 0;
    let timer = || sockets("-t").iter().find(of).expect("a row")["timer"].clone();
    assert!(timer().is_null());
    // The longest delay (include/net/tcp.h, TCP_DELACK_MAX).
    const MOST: f64 = 0.2;
    let ends = std::sync::atomic::AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !ends.load(std::sync::atomic::Ordering::Relaxed) {
                set(&server, IPPROTO_TCP, TCP_QUICKACK, 0).expect("TCP_QUICKACK");
                client.write_all(b"?").expect("write");
                std::thread::sleep(std::time::Duration::from_millis(5));
            }
        });
        wait_until("the timer runs", || timer()["kind"] == "delack");
        wait_until("the table has it", || {
            stdout(&format!("-toH --sport {port}")).contains(" delack (0.")
        });
        wait_until("the timer runs", || {
            let timer = timer();
            let seconds = timer["seconds"].as_f64();
            timer["kind"] == "delack" && seconds.is_some_and(|left| left <= MOST + SLACK)
        });
        ends.store(true, std::sync::atomic::Ordering::Relaxed);
    });
    wait_until("all is acknowledged", || timer().is_null());
}

/// The format of netstat, in the table.
#[test]
fn in_the_table() {
    enter_namespace();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let (client, _server) = connect(&listener, LOCALHOST);
    let _udp = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
    set(&client, SOL_SOCKET, SO_KEEPALIVE, 1).unwrap();
    let text = keepalive(&client);
    assert!(text.starts_with("keepalive (71") && text.ends_with("/0/0)"), "{text}");
    let table = stdout("-o");
    assert!(table.lines().next().unwrap_or_default().contains("State       Timer  "), "{table}");
    assert_eq!(table.matches(" off (0.00/0/0) ").count(), 3, "{table}");
    let udp = sockets("-u");
    assert_eq!(udp.len(), 1, "{udp:?}");
    assert!(udp.iter().all(|socket| socket["timer"].is_null()), "{udp:?}");
}

/// Returns the timer of this connection in the table.
fn keepalive(client: &TcpStream) -> String {
    let port = client.local_addr().expect("an address").port();
    let table = stdout(&format!("-toH --sport {port}"));
    let begin = table.find("keepalive (").expect("a keepalive timer");
    table[begin..].split_inclusive(')').next().unwrap_or_default().to_owned()
}
