//! `--pid`, `--command` and `--user`.

use serde_json::Value;

use super::puppet::Puppet;
use super::truth::{held, owned};
use super::{ports, with_puppets};
use crate::common::{knetstat, sockets, stdout, NO_KERNEL_FILTER};

const NONE: [u16; 0] = [];

/// Returns the local ports of the rows that match the arguments.
fn shown(arguments: &str) -> Vec<u16> {
    ports(&sockets(&format!("{arguments} -O nodelay")))
}

/// Returns the same, and asserts that -p, the table and a run without the kernel-side filter show the same
/// rows.
fn shown_in_every_form(arguments: &str) -> Vec<u16> {
    let rows = shown(arguments);
    for more in ["-p", NO_KERNEL_FILTER] {
        assert_eq!(shown(&format!("{more} {arguments}")), rows, "{more} {arguments}");
    }
    assert_eq!(stdout(&format!("-H {arguments}")).lines().count(), rows.len(), "{arguments}");
    rows
}

/// Two processes that share a socket and have others of their own, and a connection.
struct Scene {
    first: Puppet,
    second: Puppet,
}

impl Scene {
    fn new() -> Scene {
        let (mut first, mut second) = (Puppet::new(), Puppet::new());
        first.ask("name 776562"); // "web"
        second.ask("name 77656220320a"); // "web 2\n"
        second.ask("post office");
        first.ask("listen tcp 127.0.0.1:4000");
        first.ask("udp 127.0.0.1:4001");
        second.ask("listen tcp [::1]:4002");
        let shared = second.number("udp [::1]:4003");
        first.ask("post first");
        second.ask(&format!("send {shared} first"));
        first.ask("receive");
        // A socket that no process holds.
        let fd = first.number("udp 127.0.0.1:4004");
        first.ask(&format!("send {fd} office"));
        first.ask(&format!("close {fd}"));
        Scene { first, second }
    }

    fn pids(&self) -> (u32, u32) {
        (self.first.pid(), self.second.pid())
    }
}

#[test]
fn by_process() {
    let _turn = with_puppets();
    let scene = Scene::new();
    let (first, second) = scene.pids();
    assert_eq!(shown(""), [4000, 4001, 4002, 4003, 4004]);
    assert_eq!(shown(&format!("-tu --pid {first}")), [4000, 4001, 4003]);
    assert_eq!(shown(&format!("-tu --pid {second}")), [4002, 4003]);
    assert_eq!(shown(&format!("-tu --pid {first},{second}")), [4000, 4001, 4002, 4003]);
    assert_eq!(shown(&format!("-tu --pid {first} --pid {second}")), [4000, 4001, 4002, 4003]);
    // No process has the largest PID, which is reported beside the rows of the others.
    let output = knetstat(["-tuH", "--pid", &format!("4294967295,{second}")]);
    assert_eq!(String::from_utf8_lossy(&output.stdout).lines().count(), 2, "{output:?}");
    assert!(String::from_utf8_lossy(&output.stderr).contains("process 4294967295, which does not"));
    assert_eq!(output.status.code(), Some(1));

    // All processes of a row are shown, not only those that match.
    let rows = owned(&format!("-tu --pid {first} --sport 4003"));
    assert_eq!(rows[0]["processes"].as_array().map(Vec::len), Some(2));

    assert_eq!(shown(&format!("-l -tu --pid {first}")), [4000, 4001, 4003]);
    assert_eq!(shown_in_every_form(&format!("-tl --pid {first},{second}")), [4000, 4002]);
    assert_eq!(shown(&format!("-6 -tu --pid {first}")), [4003]);
    assert_eq!(shown(&format!("--port 4001-4002 -tu --pid {first}")), [4001]);
    assert_eq!(shown(&format!("--sport 4002 -tu --pid {first}")), NONE);
}

#[test]
fn by_process_wrong_usage() {
    for arguments in [["--pid", "-1"], ["--pid", "init"], ["--pid", "4294967296"], ["--pid", ""]] {
        let output = knetstat(arguments);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
    }
}

#[test]
fn by_command() {
    let _turn = with_puppets();
    let scene = Scene::new();
    let (web, both) = ([4000, 4001, 4003], [4000, 4001, 4002, 4003]);
    assert_eq!(shown("-tu --command web"), web);
    assert_eq!(shown("-tu --command we"), NONE, "the whole name");
    assert_eq!(shown("-tu --command WEB"), NONE, "in this case");
    assert_eq!(shown("-tu --command w?b"), web);
    assert_eq!(shown_in_every_form("-tu --command web*"), both);
    assert_eq!(shown("-tu --command *2*"), [4002, 4003]);
    assert_eq!(shown("-tu --command *"), both);
    assert_eq!(shown("-tu --command nobody,w*b"), web);
    assert_eq!(shown("-tu --command nobody --command w*b"), web);
    assert_eq!(shown("-tu --command nobody"), NONE);
    assert_eq!(shown("-l -t --command web*"), [4000, 4002]);
    assert_eq!(shown("--port 4001 -tu --command web*"), [4001]);

    // The name as shown in the table and in JSON, and the unescaped name.
    let escaped = |pattern: &str| {
        let output = knetstat(["-tuJ", "--command", pattern]);
        assert!(output.status.success(), "{output:?}");
        let rows: Vec<Value> = serde_json::from_slice(&output.stdout).expect("a JSON array");
        ports(&rows)
    };
    assert_eq!(escaped("web 2\\x0a"), [4002, 4003]);
    assert_eq!(escaped("web?2?"), [4002, 4003], "a character, however it is shown");
    assert_eq!(escaped("web*\\x0a"), [4002, 4003]);
    assert_eq!(escaped("web\\x202\\x0a"), [4002, 4003]);
    assert_eq!(escaped("web 2\n"), [4002, 4003]);
    assert_eq!(escaped("web 2"), NONE);
    assert_eq!(escaped("web\\\\x202\\\\x0a"), NONE);

    // Process and command must match the same holder.
    let (first, second) = scene.pids();
    assert_eq!(shown(&format!("-tu --pid {first} --command web")), web);
    assert_eq!(
        shown(&format!("-tu --pid {second} --command web")),
        NONE,
        "4003 is held by another web"
    );
    assert_eq!(shown(&format!("-tu --pid {second},{first} --command *2*")), [4002, 4003]);
}

#[test]
fn by_user() {
    let _turn = with_puppets();
    let (mut root, mut other) = (Puppet::new(), Puppet::new());
    root.ask("listen tcp 127.0.0.1:4000");
    other.ask("udp 127.0.0.1:4001");
    let uid = 54_321;
    other.ask(&format!("user {uid}"));
    other.ask("udp 127.0.0.1:4002");
    other.ask("listen tcp [::1]:4003");

    assert_eq!(shown("--user 0"), [4000, 4001], "the user of the socket, not of the process");
    assert_eq!(shown("--user root"), [4000, 4001]);
    assert_eq!(shown(&format!("--user {uid}")), [4002, 4003]);
    assert_eq!(shown(&format!("--user {uid},root")), [4000, 4001, 4002, 4003]);
    assert_eq!(shown(&format!("--user {uid} --user 0")), [4000, 4001, 4002, 4003]);
    assert_eq!(shown("--user 4294967294"), NONE);
    assert_eq!(shown(&format!("-t --user {uid}")), [4003]);
    assert_eq!(shown(&format!("--user {uid} --port 4002")), [4002]);
    assert_eq!(shown_in_every_form(&format!("--user root -tu --pid {}", other.pid())), [4001]);
    assert_eq!(shown(&format!("--user {uid} -tu --pid {}", root.pid())), NONE);
    for row in owned(&format!("--user {uid}")) {
        assert_eq!(row["uid"], uid);
    }
    // A user in /etc/passwd who holds none of the sockets.
    let passwd = std::fs::read_to_string("/etc/passwd").expect("/etc/passwd");
    let nobody = passwd.lines().filter_map(|line| line.split(':').next()).find(|n| *n == "nobody");
    assert_eq!(nobody.map(|name| shown(&format!("--user {name}"))), Some(vec![]));
}

/// The two ends of the connection belong to two processes.
#[test]
fn the_ends_of_a_connection() {
    let _turn = with_puppets();
    let (mut server, mut client) = (Puppet::new(), Puppet::new());
    let listener = server.number("listen tcp 127.0.0.1:4000");
    client.ask("connect tcp 127.0.0.1:4000");
    let accept_queue = sockets("-p --state established --sport 4000");
    assert_eq!(accept_queue[0]["owner"], "accept-queue");
    assert_eq!(shown(&format!("--state established -tu --pid {}", server.pid())), NONE);

    server.ask(&format!("accept {listener}"));
    let (server, client) = (server.pid(), client.pid());
    assert_eq!(shown(&format!("-tu --pid {server}")), [4000, 4000]);
    assert_eq!(sockets(&format!("--dport 4000 -tu --pid {client}")).len(), 1);
    assert_eq!(sockets(&format!("--sport 4000 -tu --pid {client}")).len(), 0);
    assert_eq!(shown(&format!("--port 4000 -l -tu --pid {server},{client}")), [4000]);
    assert!(!held().is_empty());
}
