//! Names of hosts, services and users (`--resolve`), with a name server and files of the test.

pub mod name_server;

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader, Read};
use std::net::UdpSocket;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use nix::sys::signal::{kill, Signal};
use nix::unistd::{gettid, Pid};
use serde_json::{json, Value};

use crate::common::{
    enter_namespace, knetstat, permit_descriptors, sockets, stdout, wait_until, KNETSTAT,
};
use crate::continuous::Running;
use name_server::{address, are_asked, assert_serves, enter, named, Answer, NameServer};

const SERVICES: (&str, &[u8]) = (
    "services",
    b"echo 7/udp\ndaytime 13/udp\n4711 14/udp\n\x1b[2Jx 15/udp\na,b 16/udp\nother 7/tcp\n",
);

/// Returns a UDP socket that is connected, without a packet.
fn connected(local: &str, remote: &str) -> UdpSocket {
    let socket = UdpSocket::bind(local).expect("bind");
    socket.connect(remote).expect("connect");
    socket
}

/// The server of most tests: `db.example` at 192.0.2.1.
fn serve() -> NameServer {
    let server = NameServer::start(|name| match address(name).as_deref() {
        Some("192.0.2.1") => named("db.example"),
        _ => Answer::NoName,
    });
    assert_serves("192.0.2.1", "db.example");
    server
}

/// The local and the remote end of each row, without a header.
fn ends(arguments: &str) -> Vec<String> {
    let text = stdout(&format!("-uH --columns local,remote {arguments}"));
    text.lines().map(|line| line.split_whitespace().collect::<Vec<_>>().join(" ")).collect()
}

#[test]
fn names_replace_numbers_in_the_table() {
    let hosts: &[u8] = b"127.0.0.1 localhost\n192.0.2.2 from-file.example alias\n192.0.2.3 10.0.0.3\n\
                         192.0.2.4 a\x1b[2J\n192.0.2.5 \xe2\x80\xaegnp.exe\n2001:db8::1 six.example\n\
                         0.0.0.0 blocked.example\n:: blocked.example\n";
    enter(&[SERVICES, ("hosts", hosts), ("passwd", b"super:x:0:0:::\n")]);
    let is_asked = are_asked("names of a name server");
    let _server = is_asked.then(serve);
    let from_server = if is_asked { "db.example" } else { "192.0.2.1" };
    let _sockets = [
        connected("127.0.0.1:7", "127.0.0.1:13"),
        connected("192.0.2.9:2001", "192.0.2.1:7"),
        connected("192.0.2.2:2002", "192.0.2.3:14"),
        connected("192.0.2.4:2003", "192.0.2.5:15"),
        connected("[2001:db8::1]:2004", "[2001:db8::2]:16"),
        UdpSocket::bind("0.0.0.0:2005").expect("bind"),
    ];
    let own = format!("pid={}", std::process::id());
    let mut shown = ends(&format!("-r sport != 53 and {own}"));
    shown.sort();
    assert_eq!(
        shown,
        [
            "0.0.0.0:2005 0.0.0.0:*",
            "192.0.2.4:2003 192.0.2.5:15",
            &format!("192.0.2.9:2001 {from_server}:echo"),
            "from-file.example:2002 192.0.2.3:14",
            "localhost:echo localhost:daytime",
            "six.example:2004 2001:db8::2:16",
        ]
    );
    // The last of -n and -r counts. In expressions, values are addresses and numbers.
    for numeric in ["-rn", "-r --numeric-hosts", ""] {
        assert_eq!(
            ends(&format!("{numeric} dst 192.0.2.1 and dport = 7")),
            ["192.0.2.9:2001 192.0.2.1:7"],
            "{numeric}"
        );
    }
    let named = [format!("192.0.2.9:2001 {from_server}:echo")];
    for names in ["-nr", "-n --resolve --short", "-r --sort remote"] {
        assert_eq!(ends(&format!("{names} dst 192.0.2.1 and dport = 7")), named, "{names}");
    }
    let row = stdout("-uerH --columns sport,dport,uid sport = 7");
    assert_eq!(row.split_whitespace().collect::<Vec<_>>()[..3], ["echo", "daytime", "super"]);
}

#[test]
fn json_and_csv_have_names_beside_numbers() {
    if !are_asked("names in JSON and CSV") {
        return;
    }
    enter(&[SERVICES]);
    let _server = serve();
    let _socket = connected("192.0.2.9:2001", "192.0.2.1:7");
    let shown = sockets("-ur dst 192.0.2.1");
    assert_eq!(shown.len(), 1);
    assert_eq!(shown[0]["local"], json!({"address": "192.0.2.9", "port": 2001}));
    let remote =
        json!({"address": "192.0.2.1", "port": 7, "host": "db.example", "service": "echo"});
    assert_eq!((&shown[0]["remote"], &shown[0]["uid"]), (&remote, &json!(0)));
    assert_eq!(shown[0]["user"], json!("root"));
    // Without the names, the row is the one without -r.
    let mut without = shown[0].clone();
    without.as_object_mut().expect("an object").remove("user");
    let end = without["remote"].as_object_mut().expect("an object");
    ["host", "service"].iter().for_each(|member| drop(end.remove(*member)));
    assert_eq!([without], sockets("-u dst 192.0.2.1")[..]);

    let text = stdout("-ur --csv --columns local,sport,remote,dport,uid dst 192.0.2.1");
    assert_eq!(
        text,
        "local,local_host,sport,local_service,remote,remote_host,dport,remote_service,uid,user\r\n\
         192.0.2.9,,2001,,192.0.2.1,db.example,7,echo,0,root\r\n"
    );
}

/// Each round looks up what is new, and names do not make a row look changed.
#[test]
fn rounds_show_names() {
    if !are_asked("names with -c") {
        return;
    }
    enter(&[]);
    let server = serve();
    let _first = connected("192.0.2.9:2001", "192.0.2.1:2002");
    let mut running = Running::start("-urc 0.05 --ndjson dport >= 2002 and dport <= 2003");
    let has_host = |line: &String| line.contains(r#""host":"db.example"}"#);
    assert!(running.lines(3).iter().all(has_host));
    let _second = connected("192.0.2.9:2003", "192.0.2.1:2003");
    let is_second = |line: &String| line.contains(r#""port":2003,"host":"db.example""#);
    wait_until("the other socket is shown", || running.lines(1).iter().any(is_second));
    running.end(Signal::SIGTERM);
    // getent(1) has asked once, and the run once, in all of its rounds.
    assert_eq!(server.asked().get("1.2.0.192.in-addr.arpa"), Some(&2));
}

/// What has changed is compared and written as numbers, whose names may be found later.
#[test]
fn names_are_no_changes() {
    if !are_asked("changes with names") {
        return;
    }
    enter(&[SERVICES]);
    let _server = serve();
    let socket = connected("192.0.2.9:2001", "192.0.2.1:7");
    let mut running = Running::start("-urc 0.05 --ndjson sport = 2001");
    assert!(running.lines(1)[0].contains(r#""host":"db.example","service":"echo"}"#));
    running.end(Signal::SIGTERM);
    let mut running = Running::start("-urc 0.05 --ndjson --changes");
    running.pass_round();
    socket.connect("192.0.2.3:7").expect("connect");
    running.pass_round();
    let lines = running.end(Signal::SIGTERM);
    let changes: Vec<Value> = lines
        .iter()
        .map(|line| serde_json::from_str::<Value>(line).expect("an object"))
        .filter(|event| event["event"] == json!("changed") && event["local"]["port"] == json!(2001))
        .map(|event| event["changes"]["remote"].clone())
        .collect();
    let end = |address: &str| json!({"address": address, "port": 7});
    assert_eq!(changes, [json!({"old": end("192.0.2.1"), "new": end("192.0.2.3")})], "{lines:?}");
}

/// Names are asked for from the network namespace of the caller, whichever namespace is shown.
#[test]
fn another_namespace_is_not_asked() {
    if !are_asked("names in another namespace") {
        return;
    }
    enter(&[]);
    let server = serve();
    let (netns, _thread) = thread::scope(|scope| {
        let other = scope.spawn(|| {
            enter_namespace();
            crate::common::ip("route add local 192.0.2.0/24 dev lo");
            let socket = connected("192.0.2.9:2001", "192.0.2.1:2002");
            let path = format!("/proc/self/task/{}/ns/net", gettid());
            (std::fs::File::open(path).expect("a namespace"), socket)
        });
        other.join().expect("the other namespace")
    });
    let descriptor = std::os::fd::AsRawFd::as_raw_fd(&netns);
    let path = format!("/proc/{}/fd/{descriptor}", std::process::id());
    for arguments in [format!("--netns {path}"), "--all-netns dst 192.0.2.1".into()] {
        let before = server.asked().values().sum::<usize>();
        let shown = ends(&format!("-r {arguments}"));
        let named = |row: &String| row.starts_with("192.0.2.9:2001 db.example:2002");
        assert!(shown.iter().any(named), "{arguments}: {shown:?}");
        assert!(server.asked().values().sum::<usize>() > before, "{arguments}");
    }
}

/// The names of others are shown only if they are names. A server may answer anything, and getnameinfo(3) passes some of
/// it on.
#[test]
fn an_answer_that_is_no_name_is_not_shown() {
    if !are_asked("answers of a name server") {
        return;
    }
    let answers: [&[u8]; 9] = [
        b"a\x1b[2J.example",
        b"\xe2\x80\xaegnp.exe",
        b"10.0.0.1",
        b"0x7f000001",
        b"localhost",
        b"-option.example",
        b"a b.example",
        b"a:80",
        b"\xff",
    ];
    enter(&[]);
    let long = [b"a".repeat(63), b"b".repeat(63), b"c".repeat(63), b"d".repeat(61)].join(&b'.');
    let longest = [b"a".repeat(63), b"b".repeat(63), b"c".repeat(63), b"d".repeat(61)];
    let name = longest.map(|label| String::from_utf8(label).expect("letters")).join(".");
    let _server = NameServer::start(move |name| {
        let number = address(name).and_then(|it| it.rsplit('.').next()?.parse::<usize>().ok());
        match number {
            Some(1) => named("db.example"),
            Some(number @ 10..) if number < 10 + answers.len() => {
                Answer::Name(answers[number - 10].to_vec())
            }
            Some(100) => Answer::Name(long.clone()),
            _ => Answer::NoName,
        }
    });
    assert_serves("192.0.2.1", "db.example");
    let ports = (10..10 + answers.len()).chain([1, 100]);
    let _sockets: Vec<UdpSocket> =
        ports.map(|number| connected("192.0.2.9:0", &format!("192.0.2.{number}:2001"))).collect();
    let shown: BTreeSet<String> =
        ends("-r dport = 2001").iter().map(|row| row.split(' ').nth(1).unwrap().into()).collect();
    let numbers = (10..10 + answers.len()).map(|number| format!("192.0.2.{number}:2001"));
    let expected: BTreeSet<String> =
        numbers.chain(["db.example:2001".into(), format!("{name}:2001")]).collect();
    assert_eq!(shown, expected);
}

/// A server that does not answer costs two seconds, whatever number of addresses it is asked for.
#[test]
fn a_silent_server_is_waited_for_only_briefly() {
    if !are_asked("a silent name server") {
        return;
    }
    enter(&[]);
    let _server = NameServer::start(|_| Answer::Silence);
    let _sockets: Vec<UdpSocket> =
        (1..=200).map(|it| connected("192.0.2.9:0", &format!("192.0.2.{it}:2001"))).collect();
    let (begun, numeric) = (Instant::now(), ends("-un dport = 2001"));
    let without = begun.elapsed();
    let begun = Instant::now();
    let shown = ends("-ur dport = 2001");
    let took = begun.elapsed();
    assert_eq!(shown, numeric);
    assert!(took >= Duration::from_secs(2), "{took:?}");
    // The bound, and what the run takes by itself on a slow machine.
    assert!(took < Duration::from_secs(4) + 20 * without, "{took:?}, without names {without:?}");
}

/// Rows that need no name are written before the server answers.
#[test]
fn numeric_rows_do_not_wait() {
    if !are_asked("rows before the answers") {
        return;
    }
    enter(&[]);
    let may_answer = Arc::new(AtomicBool::new(true));
    let permits = Arc::clone(&may_answer);
    let _server = NameServer::start(move |_| {
        wait_until("the row has arrived", || permits.load(Ordering::Relaxed));
        named("db.example")
    });
    let _sockets = [
        connected("192.0.2.9:2001", "192.0.2.1:2002"),
        UdpSocket::bind("0.0.0.0:2003").expect("bind"),
    ];
    // A machine may be too slow for the time that the run waits for an answer, but not always.
    let shows_both = || {
        may_answer.store(false, Ordering::Relaxed);
        let mut command = Command::new(KNETSTAT);
        command.args(["-urH", "--columns", "local,remote", "sport >= 2001 and sport <= 2003"]);
        let mut child = command.stdout(Stdio::piped()).spawn().expect("knetstat can be started");
        let mut reader = BufReader::new(child.stdout.take().expect("a pipe"));
        let (mut first, mut rest) = (String::new(), String::new());
        reader.read_line(&mut first).expect("a row");
        may_answer.store(true, Ordering::Relaxed);
        reader.read_to_string(&mut rest).expect("the other row");
        assert!(child.wait().expect("it ends").success());
        assert!(first.starts_with("0.0.0.0:2003"), "{first}{rest}");
        rest.contains("db.example:2002")
    };
    assert!((0..10).any(|_| shows_both()), "the row waits for the answer");
}

/// Each address is asked for once, and none of the sockets that ask is among the rows.
#[test]
fn an_address_of_many_rows_is_asked_for_once() {
    const ROWS: usize = 10_000;
    const ADDRESSES: usize = 300;
    if !are_asked("many addresses") {
        return;
    }
    permit_descriptors(ROWS as u64 + 1000);
    enter(&[]);
    crate::common::ip("route add local 198.51.100.0/24 dev lo");
    let server = NameServer::start(|name| match address(name) {
        Some(address) => named(&format!("host-{}.example", address.replace('.', "-"))),
        None => Answer::NoName,
    });
    let network = |n: usize| match n % ADDRESSES {
        n @ 0..200 => format!("192.0.2.{}", n + 1),
        n => format!("198.51.100.{}", n - 199),
    };
    let _sockets: Vec<UdpSocket> =
        (0..ROWS).map(|n| connected("0.0.0.0:0", &format!("{}:2001", network(n)))).collect();
    let shown = ends("-ur");
    let names: Vec<&str> =
        shown.iter().filter_map(|row| row.split(' ').nth(1)?.strip_suffix(":2001")).collect();
    assert_eq!(names.len(), ROWS);
    let distinct: BTreeSet<&str> = names.iter().copied().collect();
    let expected: BTreeSet<String> =
        (0..ADDRESSES).map(|n| format!("host-{}.example", network(n).replace('.', "-"))).collect();
    assert_eq!(distinct, expected.iter().map(String::as_str).collect());
    let asked = server.asked();
    assert!(asked.len() >= ADDRESSES, "{}", asked.len());
    assert!(asked.values().all(|times| *times == 1), "{asked:?}");
    // The server, and the sockets above.
    assert_eq!(shown.len(), ROWS + 1);
}

/// A process that asks is not left behind, and has neither capabilities nor the output. No signal to its group ends it
/// before the run, which would then lack names. If it ends nevertheless, this is reported.
#[test]
fn the_process_that_asks_ends_with_the_run() {
    if !are_asked("the process that asks") {
        return;
    }
    enter(&[]);
    let _server = NameServer::start(|_| Answer::Silence);
    let _socket = connected("192.0.2.9:2001", "192.0.2.1:2002");
    let mut command = Command::new(KNETSTAT);
    command.args(["-urc", "0.1", "--ndjson"]).stdout(Stdio::null()).stderr(Stdio::piped());
    let mut child = command.spawn().expect("knetstat");
    let children = format!("/proc/{0}/task/{0}/children", child.id());
    let find = || std::fs::read_to_string(&children).unwrap_or_default().trim().to_owned();
    wait_until("a process asks", || !find().is_empty() || child_has_ended(child.id()));
    let asker = find();
    assert!(!asker.is_empty(), "no process asked");
    let path = format!("/proc/{asker}");
    let status = || std::fs::read_to_string(format!("{path}/status")).unwrap_or_default();
    wait_until("it has no capabilities", || status().contains("CapPrm:\t0000000000000000"));
    let output = || std::fs::read_link(format!("{path}/fd/1")).unwrap_or_default();
    wait_until("it has no output", || output() == std::path::Path::new("/dev/null"));
    wait_until("it is in the sandbox", || status().contains("Seccomp:\t2"));
    let pid = Pid::from_raw(asker.parse().expect("a PID"));
    for signal in [Signal::SIGHUP, Signal::SIGINT, Signal::SIGQUIT, Signal::SIGTERM] {
        kill(pid, signal).expect("a signal");
    }
    let _other = connected("192.0.2.9:2003", "192.0.2.2:2002");
    wait_until("it asks", || {
        std::fs::read_dir(format!("{path}/task")).is_ok_and(|it| it.count() > 2)
    });
    kill(pid, Signal::SIGKILL).expect("a signal");
    let _another = connected("192.0.2.9:2004", "192.0.2.3:2002");
    let mut said = String::new();
    let mut stderr = BufReader::new(child.stderr.take().expect("a pipe"));
    stderr.read_line(&mut said).expect("a line");
    assert!(
        said.contains("missing names of hosts: the process that asks for them has ended"),
        "{said}"
    );
    kill(Pid::from_raw(child.id() as i32), Signal::SIGTERM).expect("a signal");
    assert_eq!(child.wait().expect("it ends").code(), Some(1));
    wait_until("it ends, too", || !std::path::Path::new(&path).exists());
}

/// The process that asks ends when the run does, even if that is killed.
#[test]
fn the_process_that_asks_ends_with_a_run_that_is_killed() {
    if !are_asked("a run that is killed") {
        return;
    }
    enter(&[]);
    let mut command = Command::new(KNETSTAT);
    let command = command.args(["-urc"]).stdout(Stdio::null());
    let mut child = command.spawn().expect("knetstat");
    let children = format!("/proc/{0}/task/{0}/children", child.id());
    let find = || std::fs::read_to_string(&children).unwrap_or_default().trim().to_owned();
    wait_until("a process asks", || !find().is_empty());
    let path = format!("/proc/{}", find());
    child.kill().expect("it is running");
    child.wait().expect("it ends");
    wait_until("it ends, too", || !std::path::Path::new(&path).exists());
}

fn child_has_ended(pid: u32) -> bool {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    status.contains("State:\tZ") || status.is_empty()
}

/// A parent that waits for no other process, as the first one of some containers, is left none.
#[test]
fn no_process_is_left_to_others() {
    if !are_asked("a process that is left to others") {
        return;
    }
    enter(&[]);
    let _server = serve();
    let _socket = connected("192.0.2.9:2001", "192.0.2.1:2002");
    let mut strace = Command::new("strace");
    strace.args(["-qq", "-e", "trace=wait4,waitid", "-e", "signal=none", KNETSTAT, "-ur"]);
    let output = strace.output().expect("strace(1)");
    assert!(String::from_utf8_lossy(&output.stdout).contains("db.example"));
    let calls = String::from_utf8_lossy(&output.stderr).into_owned();
    let has_waited = |line: &str| line.starts_with("wait4(") && line.contains("WIFEXITED");
    assert!(calls.lines().any(has_waited), "{calls}");
}

/// A run that cannot ask name servers says so, and shows numbers.
#[test]
fn names_that_cannot_be_asked_for_are_reported() {
    if !are_asked("a process that cannot be started") {
        return;
    }
    enter(&[]);
    let _socket = connected("192.0.2.9:2001", "192.0.2.1:2002");
    let mut strace = Command::new("strace");
    strace.args(["-o", "/dev/null", "-e", "inject=pipe2:error=EMFILE:when=1", KNETSTAT]);
    let output = strace.args(["-urH", "--columns", "local,remote"]).output().expect("strace(1)");
    assert_eq!(output.status.code(), Some(1));
    let (rows, said) = (String::from_utf8_lossy(&output.stdout), output.stderr);
    assert!(rows.starts_with("192.0.2.9:2001          192.0.2.1:2002\n"), "{rows}");
    let said = String::from_utf8_lossy(&said);
    assert!(said.contains("missing names of hosts") && said.lines().count() == 1, "{said}");
}

/// The same if the process cannot prepare itself, here without /dev/null.
#[test]
fn a_process_that_cannot_ask_is_reported() {
    if !are_asked("a process that cannot ask") {
        return;
    }
    enter(&[]);
    let _socket = connected("192.0.2.9:2001", "192.0.2.1:2002");
    let mut command = Command::new("unshare");
    command.args(["-m", "sh", "-c", "mount -t tmpfs none /dev && exec \"$0\" \"$@\"", KNETSTAT]);
    let output = command.args(["-urH", "--columns", "local,remote"]).output().expect("unshare(1)");
    let (rows, said) = (String::from_utf8_lossy(&output.stdout), output.stderr);
    let said = String::from_utf8_lossy(&said);
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(rows.starts_with("192.0.2.9:2001          192.0.2.1:2002\n"), "{rows}");
    assert!(said.contains("missing names of hosts") && said.lines().count() == 1, "{said}");
}

/// -r with an output that has no place for names is wrong usage.
#[test]
fn outputs_without_names_refuse_the_flag() {
    enter_namespace();
    for other in ["--count-by state", "-s", "--metrics", "--module"] {
        let output = knetstat(format!("-tr {other}").split_whitespace());
        assert_eq!(output.status.code(), Some(2), "{other}");
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(said.contains("--resolve"), "{other}: {said}");
    }
    let _: Vec<Value> = sockets("-tr");
}
