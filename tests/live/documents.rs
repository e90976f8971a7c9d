//! Every knetstat command of the documents is run in a namespace that has what it asks for. It must succeed
//! and print no error. Where a document shows the output of a command, the output must be the same.

use std::ffi::CStr;
use std::fs;
use std::net::{SocketAddrV4, TcpListener};
use std::os::fd::{AsRawFd, OwnedFd};
use std::path::Path;
use std::process::{Command, Output, Stdio};

use nix::sys::socket::{bind, connect, socket, AddressFamily, SockFlag, SockType, SockaddrIn};

use crate::common::{enter_namespace, ip, proc_net, set, wait_until, Child, KNETSTAT};

/// The address of all sockets of the scene.
const HOST: &str = "192.0.2.10";

/// The PID in the documents, which stands for a process of the scene.
const PID: &str = "4711";

/// The processes of the scene.
struct Scene {
    careful: Child,
    _careless: Child,
    _listeners: Vec<TcpListener>,
}

impl Scene {
    /// Enters a namespace with a database and two programs that are connected to it.
    fn new() -> Scene {
        enter_namespace();
        ip(&format!("address add {HOST}/32 dev lo"));
        ip("link add eth0 type veth peer name eth1");
        let listeners: Vec<TcpListener> = [5432, 443, 8080]
            .map(|port| TcpListener::bind((HOST, port)).expect("a listener"))
            .into();
        let careful = client(c"careful", 42902, |socket| {
            let on = [(1, 9), (6, 1)].map(|(level, number)| set(socket, level, number, 1));
            let keepalive = [(4, 30), (5, 10), (6, 3), (18, 60_000)];
            let keepalive = keepalive.map(|(number, value)| set(socket, 6, number, value));
            on.into_iter().chain(keepalive).all(|it| it.is_ok())
        });
        let careless = client(c"careless", 43310, |socket| set(socket, 1, 8, 65_536).is_ok());
        Scene { careful, _careless: careless, _listeners: listeners }
    }

    /// Runs a shell line, in which the PID of the documents is that of a process of the scene.
    fn run(&self, line: &str) -> Output {
        let mut line = line.replace(PID, &self.careful.pid().to_string());
        if is_continuous(&line) {
            line.insert_str(0, "timeout --preserve-status 2 ");
        }
        let directory = Path::new(KNETSTAT).parent().expect("a directory");
        let path = format!("{}:{}", directory.display(), std::env::var("PATH").unwrap_or_default());
        let mut shell = Command::new("sh");
        shell.args(["-c", &line]).env("PATH", path).stdin(Stdio::null());
        // An example writes a file.
        shell.current_dir(std::env::temp_dir());
        shell.output().expect("sh")
    }
}

/// Starts a process of this name, which connects to the database from this port. `set` sets the options of its
/// socket, and returns whether that succeeded.
fn client(name: &CStr, port: u16, set: fn(&OwnedFd) -> bool) -> Child {
    let address =
        |port| SockaddrIn::from(SocketAddrV4::new(HOST.parse().expect("an address"), port));
    let (local, remote) = (address(port), address(5432));
    let child = Child::named(name, || {
        let flags = SockFlag::empty();
        let socket = socket(AddressFamily::Inet, SockType::Stream, flags, None);
        let Ok(socket) = socket else { return };
        if set(&socket) && bind(socket.as_raw_fd(), &local).is_ok() {
            let _ = connect(socket.as_raw_fd(), &remote);
            std::mem::forget(socket);
        }
    });
    // The remote end and the state follow in /proc/net/tcp.
    let endpoint = format!(":{port:04X} 0A0200C0:1538 01 ");
    wait_until("the program is connected", || proc_net("tcp").contains(&endpoint));
    child
}

/// The lines of the code blocks of all documents, each with the lines of output below it.
fn blocks() -> Vec<(String, Vec<String>)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let docs = fs::read_dir(root.join("docs")).expect("docs").flatten().map(|entry| entry.path());
    let pages = docs.filter(|path| path.extension().is_some_and(|it| it == "md"));
    // recipes.rs and fleet.rs run those of these pages.
    let pages = pages.filter(|path| !path.ends_with("testing.md") && !path.ends_with("fleet.md"));
    let mut lines: Vec<(String, Vec<String>)> = Vec::new();
    for page in pages.chain([root.join("README.md"), root.join("CHANGELOG.md")]) {
        let text = fs::read_to_string(page).expect("a page");
        for block in text.split("```").skip(1).step_by(2) {
            let mut shows_output = false;
            for line in block.lines().skip(1) {
                match (line.strip_prefix("$ "), lines.last_mut()) {
                    (Some(command), _) => {
                        shows_output = true;
                        lines.push((command.to_owned(), Vec::new()));
                    }
                    (None, Some((_, output))) if shows_output => output.push(line.to_owned()),
                    (None, _) => lines.push((line.to_owned(), Vec::new())),
                }
            }
        }
    }
    lines
}

/// The examples of the manual page, each as one line.
fn examples() -> Vec<String> {
    let page = concat!(env!("CARGO_MANIFEST_DIR"), "/man/knetstat.8");
    let text = fs::read_to_string(page).expect("the manual page");
    let plain = |line: &str| line.replace("\\-", "-").replace("\\(aq", "'").replace("\\(dq", "\"");
    let mut examples = Vec::new();
    for block in text.split("\n.EX\n").skip(1) {
        let block = block.split("\n.EE").next().unwrap_or_default();
        let block = plain(block).replace("|\n", "| ").replace("\\\n", " ");
        examples.extend(block.lines().map(str::to_owned));
    }
    examples
}

/// A command without the description behind it, which two blanks precede.
fn without_description(line: &str) -> &str {
    let mut quoted = false;
    let end = line.char_indices().find(|(at, c)| {
        quoted ^= *c == '\'';
        !quoted && (line[*at..].starts_with("  ") || line[*at..].starts_with(" # "))
    });
    line[..end.map_or(line.len(), |(at, _)| at)].trim()
}

/// Whether the command does not end by itself.
fn is_continuous(line: &str) -> bool {
    let is_letters = |letters: &str| letters.chars().all(|letter| "tuxlnpc".contains(letter));
    let mut words = line.split(' ').filter_map(|word| word.strip_prefix('-'));
    words.any(|letters| letters.contains('c') && is_letters(letters))
}

fn is_command(line: &str) -> bool {
    line == "knetstat" || line.starts_with("knetstat ")
}

/// The code blocks of a page in a language.
pub fn code_blocks(page: &'static str, language: &str) -> Vec<&'static str> {
    let begin = format!("```{language}\n");
    let blocks = page.split(&begin).skip(1).filter_map(|rest| rest.split_once("```\n"));
    blocks.map(|(block, _)| block).collect()
}

#[test]
fn every_command_succeeds() {
    let scene = Scene::new();
    let lines = blocks().into_iter().map(|(line, _)| line).chain(examples());
    let mut commands: Vec<String> = lines
        .map(|line| without_description(&line).to_owned())
        .filter(|it| is_command(it))
        .collect();
    commands.sort();
    commands.dedup();
    for command in &commands {
        let output = scene.run(command);
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{command}: {} {said}", output.status);
        assert_eq!(said, "", "{command}");
    }
    assert!(commands.len() > 40, "{}", commands.len());
}

/// Sockets come in any order, and another host has other options.
#[test]
fn shown_output_is_what_is_printed() {
    let scene = Scene::new();
    let shown =
        blocks().into_iter().filter(|(line, output)| is_command(line) && !output.is_empty());
    let mut compared = 0;
    for (command, output) in shown {
        let printed = String::from_utf8(scene.run(&command).stdout).expect("UTF-8");
        let same = |line: &&str| !command.contains(" --long") || !is_of_process(line);
        let mut printed: Vec<String> =
            printed.lines().filter(same).map(without_numbers(&command)).collect();
        let mut expected: Vec<String> =
            output.iter().map(String::as_str).filter(same).map(without_numbers(&command)).collect();
        printed.sort();
        expected.sort();
        assert_eq!(printed, expected, "{command}");
        compared += 1;
    }
    assert!(compared > 2, "{compared}");
}

/// Whether a line of a block differs each time that the sockets are opened.
fn is_of_process(line: &str) -> bool {
    const FACTS: [&str; 6] = ["timer", "socket", "process", "peer", "unit", "container"];
    line.strip_prefix("  ").is_some_and(|line| FACTS.iter().any(|fact| line.starts_with(fact)))
}

/// Removes the numbers of options from what the doctor says.
fn without_numbers(command: &str) -> impl Fn(&str) -> String {
    let is_doctor = command.contains(" doctor");
    move |line: &str| match is_doctor {
        true => line.replace(|c: char| c.is_ascii_digit(), ""),
        false => line.to_owned(),
    }
}
