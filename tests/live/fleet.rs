//! The page docs/fleet.md: its commands are run on three hosts, which are namespaces, and its queries print what it shows.

use std::ffi::CStr;
use std::fs;
use std::net::{Ipv4Addr, SocketAddrV4, TcpListener, TcpStream};
use std::os::fd::AsRawFd;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;

use nix::sched::{unshare, CloneFlags};
use nix::sys::signal::{kill, Signal};
use nix::sys::socket::{connect, socket, AddressFamily, SockFlag, SockType, SockaddrIn};
use nix::unistd::{sethostname, Pid};

use crate::common::{enter_namespace, ip, listen, proc_net, set, wait_until, Child, KNETSTAT};
use crate::documents::code_blocks;
use crate::numbers::{IPPROTO_TCP, SOL_SOCKET};

const PAGE: &str = include_str!("../../docs/fleet.md");

const SO_KEEPALIVE: i32 = 9;
const TCP_NODELAY: i32 = 1;

fn blocks(language: &str) -> Vec<&'static str> {
    code_blocks(PAGE, language)
}

/// A directory for the files of a test.
struct Place(PathBuf);

impl Place {
    fn new(name: &str) -> Place {
        let name = format!("knetstat-fleet-{name}-{}", std::process::id());
        let place = Place(std::env::temp_dir().join(name));
        fs::create_dir_all(place.0.join("hosts")).expect("a directory");
        place
    }

    /// A shell that runs a line in the directory.
    fn shell(&self, line: &str) -> Command {
        let directory = Path::new(KNETSTAT).parent().expect("a directory");
        let path = std::env::var("PATH").unwrap_or_default();
        let mut shell = Command::new("sh");
        shell.args(["-ec", line]).env("PATH", format!("{}:{path}", directory.display()));
        shell.current_dir(&self.0).stdin(Stdio::null());
        shell
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// A program of a host: its name, how many connections it has, and how many of them have keepalive and TCP_NODELAY.
struct Program(&'static CStr, usize, usize, usize);

/// A host: its name, its programs, and whether its server does not accept connections.
const HOSTS: [(&str, &[Program], bool); 3] = [
    ("db1", &[Program(c"backup", 1, 0, 0)], false),
    ("web1", &[Program(c"nginx", 3, 1, 3), Program(c"cron", 1, 0, 0)], false),
    ("web2", &[Program(c"nginx", 3, 3, 2)], true),
];

/// The address of the database of each host.
const ADDRESS: SocketAddrV4 = SocketAddrV4::new(Ipv4Addr::new(192, 0, 2, 10), 5432);

/// The sockets of a host, which is the UTS and network namespace of this thread.
struct Host {
    _server: TcpListener,
    _connections: Vec<TcpStream>,
    _programs: Vec<Child>,
}

impl Host {
    /// Enters the namespaces, and connects the programs to a server in this process.
    fn enter((name, programs, is_slow): &(&str, &[Program], bool)) -> Host {
        let count: usize = programs.iter().map(|Program(_, count, ..)| count).sum();
        enter_namespace();
        unshare(CloneFlags::CLONE_NEWUTS).expect("a UTS namespace");
        sethostname(name).expect("a name");
        ip(&format!("address add {}/32 dev lo", ADDRESS.ip()));
        let server = TcpListener::bind(ADDRESS).expect("a server");
        let mut programs: Vec<Child> = programs.iter().map(start).collect();
        let connections = (0..count).map(|_| server.accept().expect("a connection").0).collect();
        if *is_slow {
            // Two of its connections wait to be accepted, and the third one is dropped.
            listen(&server, 1);
            programs.push(start(&Program(c"worker", 3, 3, 0)));
            wait_until("it connects", || proc_net("tcp").contains(":1538 02 "));
            wait_until("the queue is full", || {
                proc_net("tcp").contains(":0000 0A 00000000:00000002 ")
            });
        }
        Host { _server: server, _connections: connections, _programs: programs }
    }

    /// Runs the command of the page that writes the rows, until it has written the first round.
    fn write_rows(&self, place: &Place, name: &str) {
        let [_, _, line] = blocks("sh")[..] else { panic!("three commands for a shell") };
        let mut child = place.shell(&format!("exec {line}")).spawn().expect("sh(1)");
        let file = place.0.join(format!("{name}.ndjson"));
        wait_until("there are rows", || fs::metadata(&file).is_ok_and(|it| it.len() > 0));
        kill(Pid::from_raw(child.id() as i32), Signal::SIGTERM).expect("it is running");
        assert!(child.wait().expect("it ends").success());
        fs::rename(&file, place.0.join("hosts").join(format!("{name}.ndjson"))).expect("the file");
    }
}

/// Starts a program, whose process alone holds its connections.
fn start(Program(name, count, keepalive, nodelay): &Program) -> Child {
    let server = SockaddrIn::from(ADDRESS);
    Child::named(name, || {
        for n in 0..*count {
            let socket = socket(AddressFamily::Inet, SockType::Stream, SockFlag::empty(), None);
            let Ok(socket) = socket else { return };
            let options =
                [(SOL_SOCKET, SO_KEEPALIVE, *keepalive), (IPPROTO_TCP, TCP_NODELAY, *nodelay)];
            for (level, option, how_many) in options {
                if n < how_many && set(&socket, level, option, 1).is_err() {
                    return;
                }
            }
            let _ = connect(socket.as_raw_fd(), &server);
            std::mem::forget(socket);
        }
    })
}

/// DuckDB, as `make` installs it, or that of the user.
fn duckdb() -> PathBuf {
    let places = Path::new(KNETSTAT).ancestors();
    let mut programs = places.map(|place| place.join("tools/duckdb/duckdb_cli/duckdb"));
    programs.find(|program| program.exists()).unwrap_or_else(|| "duckdb".into())
}

/// The file that the first line of a query names, and the query.
fn queries() -> Vec<(&'static str, &'static str)> {
    let named = |block: &'static str| {
        let first = block.lines().next()?;
        Some((first.strip_prefix("-- ")?, block))
    };
    // The last block is for another program, and is not run.
    let [queries @ .., _] = &blocks("sql")[..] else { panic!("no queries") };
    queries.iter().map(|block| named(block).expect("the name of a file")).collect()
}

#[test]
fn queries_of_three_hosts_print_what_the_page_shows() {
    let place = Place::new("queries");
    thread::scope(|scope| {
        for host in &HOSTS {
            scope.spawn(|| Host::enter(host).write_rows(&place, host.0));
        }
    });
    let shown: Vec<(&str, &str)> = blocks("text")
        .into_iter()
        .filter_map(|block| block.strip_prefix("$ duckdb ")?.split_once('\n'))
        .collect();
    let queries = queries();
    assert!(queries.len() > 2 && queries.len() == shown.len(), "each query has an output");
    for ((file, query), (command, output)) in queries.into_iter().zip(shown) {
        fs::write(place.0.join(file), query).expect("a file");
        assert!(command.ends_with(&format!("< {file}")), "{command}");
        let line = format!("{} {command}", duckdb().display());
        let printed = place.shell(&line).output().expect("sh(1)");
        let said = String::from_utf8_lossy(&printed.stderr);
        assert!(printed.status.success(), "{line} (make installs DuckDB): {said}");
        assert_eq!(String::from_utf8_lossy(&printed.stdout), output, "{file}");
    }
}

#[test]
fn counts_are_written_as_the_page_says() {
    let place = Place::new("metrics");
    let _host = Host::enter(&HOSTS[1]);
    let [first, second, _] = blocks("sh")[..] else { panic!("three commands for a shell") };
    for (line, file) in [(first, "knetstat.prom"), (second, "database.prom")] {
        let output = place.shell(line).output().expect("sh(1)");
        assert!(output.status.success() && output.stderr.is_empty(), "{line}: {output:?}");
        let text = fs::read_to_string(place.0.join(file)).expect("a file");
        assert!(text.ends_with("# EOF\n"), "{text}");
        if file == "knetstat.prom" {
            let shown = blocks("text")[0];
            assert!(shown.lines().count() > 3 && text.starts_with(shown), "{shown}{text}");
        }
    }
    // The timer and the line of cron(8) run the same command.
    let same = [blocks("ini"), blocks("cron")].concat();
    assert_eq!(same.iter().filter(|block| block.contains(first.trim())).count(), 2);
}

#[test]
fn every_block_of_the_page_is_known() {
    let counts = [("sh", 3), ("ini", 2), ("cron", 1), ("sql", 4), ("text", 4)];
    counts.iter().for_each(|(language, count)| assert_eq!(blocks(language).len(), *count));
    assert_eq!(
        PAGE.matches("```").count(),
        2 * counts.iter().map(|(_, count)| count).sum::<usize>()
    );
}
