//! Sockets that stay open while others are opened and closed as fast as the machine can. Proves that a run
//! shows each of them once, with its own values and none of another socket, that every other row is that of a
//! socket of the traffic, and that the rows of TIME_WAIT and SYN_RECV are among them. Also for sockets whose
//! holders are invisible, so that only the table of the kernel contains them, for sockets that are all in the
//! same slot of a table, and for a table with few slots.

mod check;
mod staying;
mod traffic;

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::common::{
    btf_has, enter_namespace, not_tested, say, stdout, sysctl, walks_are_exact, KNETSTAT,
};
use crate::exclusive;
use check::Found;
use staying::{
    bound_unix_sockets, fields, internet_sockets, sockets_of_one_slot, unix_pairs, Staying,
};
use traffic::{Traffic, NETWORK};

/// The number of sockets that stay, and of those in one slot.
const STAYING: usize = 20_000;
const OF_ONE_SLOT: usize = 6_000;
const HALF_OPEN: usize = 50;

/// The number of runs, fewer if they take longer than this.
const RUNS: usize = 20;
const FEWEST_RUNS: usize = 3;
const TIME: Duration = Duration::from_secs(45);

/// Returns fewer sockets for a machine on which a run with no sockets takes seconds, because it is emulated.
fn as_many_as_fit(number: usize) -> usize {
    let started = Instant::now();
    stdout("-t");
    match started.elapsed() > Duration::from_secs(3) {
        true => number / 2,
        false => number,
    }
}

/// Runs knetstat beside the traffic.
fn watch(
    staying: &Staying,
    traffic: Traffic,
    own_network: &str,
    run: impl Fn() -> String,
) -> Found {
    let (started, mut found) = (Instant::now(), Found::default());
    while found.runs < RUNS && (found.runs < FEWEST_RUNS || started.elapsed() < TIME) {
        found.add(&run(), staying, own_network);
    }
    let (count, rate) = traffic.stop();
    say(&format!(
        "churn: {} of {} sockets missed in {} runs, {rate} times a second others were opened and closed, rows of theirs: {:?}",
        found.missed,
        staying.rows.len() + staying.half_open.len(),
        found.runs,
        found.states
    ));
    assert!(count > found.runs * 10, "a traffic of {count}");
    found
}

/// Asserts that no socket was missed, or only a few if the walks of this kernel are not exact.
fn assert_complete(found: &Found, staying: &Staying) {
    match walks_are_exact() {
        true => assert_eq!(found.missed, 0, "sockets that stay have no row"),
        false => {
            let most = staying.rows.len() * found.runs / 100;
            assert!(found.missed < most, "{} sockets that stay have no row", found.missed);
        }
    }
}

/// Checks sockets of every state in this thread's namespace.
fn check_internet_sockets() {
    // The traffic would fill the output with sockets in TIME_WAIT.
    sysctl("net/ipv4/tcp_max_tw_buckets", "8000");
    let mut staying = Staying::default();
    staying.open_half(HALF_OPEN);
    staying.open(as_many_as_fit(STAYING), internet_sockets);
    let traffic = Traffic::start(traffic::internet);
    let found = watch(&staying, traffic, NETWORK, || stdout(&format!("-tu {}", fields(false))));
    assert_complete(&found, &staying);
    assert!(found.states.contains_key("TIME_WAIT"), "no connection of the traffic has ended");
}

#[test]
fn tcp_and_udp_sockets() {
    let _turn = exclusive();
    enter_namespace();
    check_internet_sockets();
}

/// Enters a namespace with a table of connections of its own, which has so few slots that each contains more
/// than a thousand sockets.
#[test]
fn tcp_sockets_in_a_small_table() {
    const SLOTS: &str = "16";
    let _turn = exclusive();
    enter_namespace();
    if !Path::new("/proc/sys/net/ipv4/tcp_child_ehash_entries").exists() {
        not_tested("a small table of TCP sockets: this kernel has one table for all namespaces");
        return;
    }
    sysctl("net/ipv4/tcp_child_ehash_entries", SLOTS);
    enter_namespace();
    let slots = fs::read_to_string("/proc/sys/net/ipv4/tcp_ehash_entries").expect("a sysctl");
    assert_eq!(slots.trim(), SLOTS);
    check_internet_sockets();
}

#[test]
fn sockets_of_one_slot_of_a_table() {
    let _turn = exclusive();
    enter_namespace();
    let at = SocketAddr::from(([127, 3, 0, 1], 7000));
    let mut staying = Staying::default();
    staying.open(as_many_as_fit(OF_ONE_SLOT), |number| sockets_of_one_slot(number, at));
    let traffic = Traffic::start(|thread| traffic::of_one_slot(thread, at));
    let found = watch(&staying, traffic, "127.3.0.1", || stdout(&format!("-tu {}", fields(false))));
    assert_complete(&found, &staying);
}

/// A directory for sockets, removed in the end.
struct Directory(PathBuf);

impl Directory {
    fn new() -> Directory {
        let path = std::env::temp_dir().join(format!("knetstat-churn-{}", std::process::id()));
        fs::create_dir(&path).expect("a directory");
        Directory(path)
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// Opens unix sockets, of which two thirds have names.
fn unix_sockets_in(directory: &Directory) -> Staying {
    let (mut staying, number) = (Staying::default(), as_many_as_fit(STAYING));
    staying.open(number / 2, unix_pairs);
    let mut first = 0;
    staying.open(number, |number| {
        first += number;
        bound_unix_sockets(number, first - number, &directory.0)
    });
    staying
}

#[test]
fn unix_sockets() {
    let _turn = exclusive();
    enter_namespace();
    let directory = Directory::new();
    let staying = unix_sockets_in(&directory);
    let traffic = Traffic::start(traffic::unix);
    let found = watch(&staying, traffic, NETWORK, || stdout(&format!("-x {}", fields(true))));
    assert_eq!(found.missed, 0, "all of them have a descriptor, by which they are found");
}

/// Runs knetstat in a PID namespace of its own. There, the processes outside have no descriptors.
fn in_another_pid_namespace(arguments: &str) -> String {
    let mut command = Command::new("unshare");
    command.args(["--pid", "--fork", "--kill-child", KNETSTAT]);
    command.args(arguments.split_whitespace()).stdin(Stdio::null());
    let output = command.output().expect("unshare(1)");
    assert!(output.status.success() && output.stderr.is_empty(), "{output:?}");
    String::from_utf8(output.stdout).expect("UTF-8")
}

#[test]
fn unix_sockets_whose_holders_are_invisible() {
    let _turn = exclusive();
    if !btf_has("unix_table") {
        // One table for all network namespaces, before Linux 6.0.
        not_tested(
            "unix sockets without a visible holder: this kernel's table of them has no walk",
        );
        return;
    }
    enter_namespace();
    let directory = Directory::new();
    let staying = unix_sockets_in(&directory);
    let traffic = Traffic::start(traffic::unix);
    let run = || in_another_pid_namespace(&format!("-x {}", fields(true)));
    let found = watch(&staying, traffic, NETWORK, run);
    assert_complete(&found, &staying);
}
