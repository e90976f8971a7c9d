//! The files of the knetstat kernel module: bpf/module.bpf.c prints them in the kernel, and `knetstat --module` prints the
//! same from records. Both are compared with each other, with /proc/net, with getsockopt(2), with the kernel's own
//! notation of addresses, and with lines worked out by hand from the module's README and source.

mod addresses;
mod chosen;
mod readers;
mod scene;
mod walks;

use std::io::Read;
use std::net::IpAddr;

use crate::common::scene::{proc_rows, Row, FILES as PROC_FILES};
use crate::common::{btf_has, enter_namespace, not_tested, permit_descriptors, say, stdout};
use knetstat::kernel::load::Loader;
use knetstat::kernel::module;
use libbpf_rs::query::ProgInfoIter;
use libbpf_rs::{Iter, Link};
use nix::time::{clock_getres, ClockId};

const TCP_HEADER: &str =
    "Recv-Q Send-Q Local Address           Foreign Address         Stat Diag Options";
const UDP_HEADER: &str = "Recv-Q Send-Q Local Address           Foreign Address         Options";

/// The headers of the files.
const HEADERS: [&str; 4] = [TCP_HEADER, TCP_HEADER, UDP_HEADER, UDP_HEADER];

/// The states of the module: include/net/tcp_states.h, and the words of its README.
const STATES: [(&str, &str); 10] = [
    ("ESTABLISHED", "ESTB"),
    ("SYN_SENT", "SYNS"),
    ("SYN_RECV", "SYNR"),
    ("FIN_WAIT1", "FNW1"),
    ("FIN_WAIT2", "FNW2"),
    ("TIME_WAIT", "TIMW"),
    ("CLOSE_WAIT", "CLSW"),
    ("LAST_ACK", "LACK"),
    ("LISTEN", "LSTN"),
    ("CLOSING", "CLSG"),
];

/// Clock ticks per second.
fn hz() -> u64 {
    let tick = clock_getres(ClockId::CLOCK_MONOTONIC_COARSE).expect("the clock").tv_nsec() as u64;
    (1_000_000_000 + tick / 2) / tick
}

/// The loaded files, and whether their readers wait for the locks of sockets.
struct Files([Link; 4], bool);

impl Files {
    /// Loads the files as this kernel permits: walks or, without permission, the kernel's iterators.
    fn load() -> Files {
        Files::load_with(true)
    }

    fn load_with(walks: bool) -> Files {
        let loader = Loader::new().with_walks(walks);
        let texts = module::FILES.map(|file| {
            module::load(&loader, file, hz()).unwrap_or_else(|error| panic!("{file}: {error}"))
        });
        let takes_locks = texts.iter().any(|text| text.takes_locks);
        Files(texts.map(|text| text.link), takes_locks)
    }

    /// The files as walks. `None` if this kernel does not permit them.
    fn walks() -> Option<Files> {
        let files = Files::load();
        match files.1 {
            false => Some(files),
            true => {
                // Since 6.2. Every kernel that has it permits the walks.
                assert!(!btf_has("bpf_rdonly_cast"), "this kernel permits no walks");
                not_tested("the files of the module as walks: this kernel does not permit them");
                None
            }
        }
    }

    /// The files in each form that this kernel permits.
    fn forms() -> Vec<Files> {
        Files::walks().into_iter().chain([Files::load_with(false)]).collect()
    }

    /// What the files contain in the network namespace of this thread.
    fn read(&self) -> [String; 4] {
        self.0.each_ref().map(read)
    }
}

/// Reads a file to its end.
fn read(link: &Link) -> String {
    let mut text = String::new();
    Iter::new(link).expect("an iterator").read_to_string(&mut text).expect("text");
    text
}

/// The lines below the header, sorted.
fn rows<'a>(text: &'a str, header: &str) -> Vec<&'a str> {
    let below = text.strip_prefix(header).and_then(|text| text.strip_prefix('\n'));
    let below = below.unwrap_or_else(|| panic!("the first line is not the header: {text}"));
    assert!(below.is_empty() || below.ends_with('\n'), "the last line is cut: {below}");
    let mut lines: Vec<&str> = below.lines().collect();
    assert!(!lines.iter().any(|line| line.starts_with("Recv-Q")), "a second header: {text}");
    lines.sort_unstable();
    lines
}

/// The rows of all files.
fn all_rows(texts: &[String; 4]) -> [Vec<&str>; 4] {
    std::array::from_fn(|n| rows(&texts[n], HEADERS[n]))
}

/// The tables that `knetstat --module` prints, one after the other.
fn printed() -> [String; 4] {
    let text = stdout("--module");
    let begins: Vec<usize> =
        text.match_indices("Recv-Q").map(|(at, _)| at).chain([text.len()]).collect();
    assert_eq!(begins.len(), 5, "four tables: {text}");
    std::array::from_fn(|n| text[begins[n]..begins[n + 1]].to_owned())
}

/// Asserts that `knetstat --module` prints the same lines as the files, and that these are the sockets of /proc/net.
/// Returns the lines of the files. Tries again if the sockets change meanwhile. One run of knetstat, because an emulated
/// machine takes long for it, and mini-sockets live for a minute.
fn assert_same(files: &Files) -> [Vec<String>; 4] {
    for _ in 0..20 {
        let before = files.read();
        let printed = printed();
        let listed = proc_rows();
        let after = files.read();
        if all_rows(&before) != all_rows(&after) {
            continue;
        }
        for (n, (ours, theirs)) in all_rows(&printed).iter().zip(&all_rows(&before)).enumerate() {
            let differs = ours.iter().zip(theirs).find(|(ours, theirs)| ours != theirs);
            assert_eq!(differs, None, "{}: --module and the file", module::FILES[n]);
            assert_eq!(ours.len(), theirs.len(), "{}", module::FILES[n]);
        }
        assert_listed(&before, &listed);
        return all_rows(&before).map(|rows| rows.into_iter().map(str::to_owned).collect());
    }
    panic!("the sockets do not come to rest");
}

/// Asserts that the files show the sockets of /proc/net.
fn assert_listed(texts: &[String; 4], listed: &[Row]) {
    let shown = all_rows(texts);
    for (n, file) in PROC_FILES.iter().enumerate() {
        let mut expected: Vec<Ends> =
            listed.iter().filter(|row| row.protocol == *file).map(Ends::listed).collect();
        let mut ours: Vec<Ends> =
            shown[n].iter().map(|line| Ends::parse(line, file.starts_with("tcp"))).collect();
        expected.sort();
        ours.sort();
        assert_eq!(ours, expected, "{file}");
    }
}

/// What a line and /proc/net have in common.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Ends {
    queues: (u64, u64),
    local: (IpAddr, u16),
    remote: (IpAddr, u16),
    state: String,
}

impl Ends {
    fn parse(line: &str, has_state: bool) -> Ends {
        let words: Vec<&str> = line.split_whitespace().collect();
        let number = |word: &str| word.parse().unwrap_or_else(|_| panic!("{line}"));
        let end = |word: &str| {
            let (address, port) = word.rsplit_once(':').expect("a port");
            let port = if port == "*" { "0" } else { port };
            (address.parse().unwrap_or_else(|_| panic!("{line}")), port.parse().expect("a port"))
        };
        Ends {
            queues: (number(words[0]), number(words[1])),
            local: end(words[2]),
            remote: end(words[3]),
            state: if has_state { words[4].into() } else { String::new() },
        }
    }

    fn listed(row: &Row) -> Ends {
        let state = STATES.iter().find(|(state, _)| *state == row.state);
        let is_udp = row.protocol.starts_with("udp");
        let state = if is_udp { "" } else { state.unwrap_or_else(|| panic!("{row:?}")).1 };
        Ends {
            queues: (row.recv_queue, row.send_queue),
            local: row.local,
            remote: row.remote,
            state: state.into(),
        }
    }
}

#[test]
fn thousands_of_sockets() {
    let _turn = crate::exclusive();
    permit_descriptors(8192);
    enter_namespace();
    let _scene = scene::Scene::new();
    for files in Files::forms() {
        assert_scene(&assert_same(&files));
    }
}

/// Asserts that the lines of the files show everything that is in the scene.
fn assert_scene(lines: &[Vec<String>; 4]) {
    let counts = lines.each_ref().map(Vec::len);
    assert!(counts[0] > 300 && counts[1] > 800 && counts[2] > 200 && counts[3] > 800, "{counts:?}");
    let tcp: Vec<&String> = lines[..2].iter().flatten().collect();
    for mark in scene::MARKS {
        let has_mark = |line: &&&String| line.contains(&format!(" ESTB {mark:4} SO_REUSEADDR="));
        let count = tcp.iter().filter(has_mark).count();
        assert!(count > 0, "no connection has the mark {mark:?}");
    }
    for (state, word) in STATES {
        let is_of = |lines: &[String]| lines.iter().any(|line| line.contains(&format!(" {word} ")));
        assert!(is_of(&lines[0]) && is_of(&lines[1]), "no connection is in the state {state}");
    }
    for mini in ["TIMW \n", "SYNR \n", "FNW2 \n"] {
        let is_mini = |line: &&&String| format!("{line}\n").ends_with(mini);
        assert!(tcp.iter().any(|line| is_mini(&line)), "no line ends with {mini:?}");
    }
    for option in scene::OPTIONS {
        let has = |line: &&String| line.contains(&format!("{option}="));
        let all = || lines.iter().flatten().filter(|line| line.contains("SO_REUSEADDR="));
        assert!(all().any(|line| has(&line)) && !all().all(|line| has(&line)), "{option}");
    }
    say(&format!("module: {counts:?} lines are the same in the files and in --module"));
}

/// A cost as in tests/exclusive/verifier.rs, which loads the programs of the other objects.
#[test]
fn the_verifier_takes_each_file_at_a_small_cost() {
    let _turn = crate::exclusive();
    let links = Files::forms().into_iter().flat_map(|files| files.0);
    for (link, file) in links.zip(module::FILES.into_iter().cycle()) {
        let id = link.info().expect("the link").prog_id;
        let program = ProgInfoIter::default().find(|program| program.id == id);
        match program.expect("the program").verified_insns {
            0 => not_tested("the verifier's cost of module files: this kernel does not report it"),
            instructions => {
                say(&format!("verifier: {file} {instructions}"));
                assert!(instructions < 100_000, "{file} takes {instructions} instructions");
            }
        }
    }
}

#[test]
fn flags_select_tables() {
    let _turn = crate::exclusive();
    enter_namespace();
    let _tcp = ["127.0.0.1:0", "[::1]:0"].map(|at| std::net::TcpListener::bind(at).expect("bind"));
    let _udp = ["127.0.0.1:0", "[::1]:0"].map(|at| std::net::UdpSocket::bind(at).expect("bind"));
    let all = printed();
    assert!(all_rows(&all).iter().all(|rows| rows.len() == 1), "{all:?}");
    for (flags, tables) in [
        ("--tcp4", &[0][..]),
        ("--tcp6", &[1]),
        ("--udp4", &[2]),
        ("--udp6", &[3]),
        ("-t", &[0, 1]),
        ("-u", &[2, 3]),
        ("-4", &[0, 2]),
        ("-t -6", &[1]),
        ("-f inet6", &[1, 3]),
        ("--udp4 --tcp6", &[1, 2]),
        ("-tu", &[0, 1, 2, 3]),
    ] {
        let expected: String = tables.iter().map(|table| all[*table].as_str()).collect();
        assert_eq!(stdout(&format!("--module {flags}")), expected, "{flags}");
    }
}

#[test]
fn a_filter_selects_rows() {
    let _turn = crate::exclusive();
    enter_namespace();
    let _sockets: Vec<_> = (5000..5004)
        .map(|port| std::net::TcpListener::bind(("127.0.0.1", port)).expect("bind"))
        .collect();
    let all = stdout("--module -t");
    let one = stdout("--module -t sport = :5001");
    let expected: Vec<&str> =
        all.lines().filter(|line| line.starts_with("Recv-Q") || line.contains(":5001 ")).collect();
    assert_eq!(one.lines().collect::<Vec<_>>(), expected);
    assert_eq!(expected.len(), 3);
    assert_eq!(stdout("--module -tH sport = :5001").lines().count(), 1);
    let sorted = stdout("--module --tcp4 --sort -sport");
    let ports: Vec<u16> =
        sorted.lines().skip(1).map(|line| Ends::parse(line, true).local.1).collect();
    assert_eq!(ports, [5003, 5002, 5001, 5000]);
}
