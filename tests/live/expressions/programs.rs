//! Expressions given to the program, with and without the filter in the kernel, and to ss(8).

use std::collections::BTreeSet;
use std::process::{Command, Output};

use super::{lines, parse, Scene};
use crate::common::{knetstat, NO_KERNEL_FILTER};
use knetstat::query::expression::Expression;
use knetstat::socket::kind::Family;
use serde_json::Value;

/// Expressions that the kernel can decide in part.
const EARLY: &[&str] = &[
    "sport = :7001",
    "dport = 7001 and not nodelay",
    "port = 7001-7002",
    "sport = 7001 or dport = 7001",
    "sport = 7201 or dport = 53 or sport > 7203",
    "not sport = 7001",
    "sport != 7001 state established",
    "sport > 7100 and sport < 7105",
    "dport < 1024",
    "dport = 0",
    "src 127.0.0.1:7001 or dst [::1]:7002",
    "dst ::ffff:127.0.0.0/104",
    "127.0.0.1:7002",
    "state listen",
    "exclude listen exclude time-wait",
    "state bucket or nodelay",
    "protocol = tcp6 and not v6only",
    "protocol = udp or protocol = tcp and state established",
    "state unconn or (state listen and dev lo)",
    "keepalive or mark = 5",
    "set(rcvbuf) and sport = 7002",
    "command = sleep",
    "uid = 65534 or sport = 7003",
    "dport ~ 70*",
];

/// The names of the sockets in the output of the program.
fn shown(scene: &Scene, output: &Output) -> BTreeSet<&'static str> {
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && stderr.is_empty(), "{} {stderr}", output.status);
    let text = std::str::from_utf8(&output.stdout).expect("the output is UTF-8");
    let mut names = BTreeSet::new();
    for line in text.lines() {
        let socket: Value = serde_json::from_str(line).expect("a JSON object");
        let port = |end: &str| socket[end]["port"].as_u64().unwrap_or_default() as u32;
        let inode = socket["inode"].as_u64().unwrap_or_default();
        let ports = Some((port("local"), port("remote")));
        let name = scene.sockets.name(inode, ports, socket["master"].is_object());
        let name = name.unwrap_or_else(|| panic!("a socket without a name: {line}"));
        assert!(names.insert(name), "{name} is shown twice");
    }
    names
}

#[test]
fn the_program_selects_the_same_with_and_without_the_filter_in_the_kernel() {
    let scene = Scene::open("expression-program");
    let expressions: Vec<Expression> = EARLY.iter().map(|text| parse(text)).collect();
    let of_tcp_and_udp = scene.sockets.named("tcp udp udp6 - new");
    for (text, selected) in EARLY.iter().zip(scene.select(&expressions)) {
        let meant: BTreeSet<_> = selected.intersection(&of_tcp_and_udp).copied().collect();
        assert!(!meant.is_empty() && meant != of_tcp_and_udp, "{text} does not select");
        for environment in [None, Some(NO_KERNEL_FILTER)] {
            let arguments = ["-tu", "--ndjson", "--where", text];
            let output = knetstat(environment.into_iter().chain(arguments));
            assert_eq!(shown(&scene, &output), meant, "{environment:?} {text}");
        }
    }
    // As words after the options, for every family.
    let text = "( local ~ *a?b or rcvbuf = 32k or src *:{vsock} or list_memberships = 5 )";
    let text = format!("{} and not dev lo", scene.sockets.fill(text));
    let every = "-tuwx0 --netlink --mptcp --vsock --xdp --unbound --ndjson";
    let output = knetstat(every.split_whitespace().chain(text.split_whitespace()));
    let meant = scene.sockets.named("mapped-client unix-listener unix-server netlink vsock");
    // No other socket than one that is bound to an interface is known not to be bound to this one.
    assert!(shown(&scene, &output).is_empty());
    let text = text.replace(" and not dev lo", "");
    let output = knetstat(every.split_whitespace().chain(text.split_whitespace()));
    assert_eq!(shown(&scene, &output), meant);
}

const SHARED: &str = include_str!("shared.txt");

/// The letter of a family in ss(8).
fn letter(family: Family) -> Option<char> {
    match family {
        Family::Tcp => Some('t'),
        Family::Udp => Some('u'),
        Family::Unix => Some('x'),
        Family::Raw => Some('w'),
        _ => None,
    }
}

/// What identifies the sockets that ss(8) shows: the inode numbers of unix sockets, the protocols of raw
/// sockets, and the cookies of others.
fn of_ss(letter: char, text: &str) -> Result<BTreeSet<u64>, String> {
    let mut ss = Command::new("ss");
    let output = ss.arg(format!("-Hane{letter}")).args(text.split_whitespace()).output();
    let output = output.expect("ss(8) is needed: make installs it");
    let stderr = String::from_utf8_lossy(&output.stderr);
    if !output.status.success() || !stderr.is_empty() {
        let first = stderr.lines().next().unwrap_or_default();
        return Err(format!("ss -{letter} {text}: {first}"));
    }
    let lines = std::str::from_utf8(&output.stdout).expect("ASCII").lines();
    let number = |line: &str| {
        let words: Vec<&str> = line.split_whitespace().collect();
        match letter {
            // ... LOCAL INODE * PEER <->
            'x' => {
                let end = words.iter().position(|word| *word == "<->").unwrap_or(words.len());
                words.get(end.checked_sub(3)?)?.parse().ok()
            }
            // Without a module of the kernel, ss shows neither cookies nor inodes of raw sockets. They are
            // ADDRESS:PROTOCOL.
            'w' => words.iter().find_map(|word| word.rsplit_once(':'))?.1.parse().ok(),
            _ => {
                let cookie = words.iter().find_map(|word| word.strip_prefix("sk:"))?;
                u64::from_str_radix(cookie, 16).ok()
            }
        }
    };
    let known = |line| number(line).ok_or_else(|| format!("not of the known form: {line}"));
    lines.map(known).collect()
}

/// Expressions that the two programs understand differently on purpose, and why.
const DIFFERENT: &[(&str, char, &str)] = &[
    ("not dev lo", 't', "a socket that is bound to no interface is not compared with one"),
    ("dev != lo", 't', "a socket that is bound to no interface is not compared with one"),
    ("fwmark != 5", 't', "a connection in TIME_WAIT has no options"),
    ("not src @expr*", 'x', "a socket without a name is not compared with one"),
    ("src inet:127.0.0.1", 't', "an IPv4 address is also that of an IPv6 socket that uses IPv4"),
    ("src localhost", 't', "it is ::1, too"),
    ("dst [::ffff:127.0.0.1]", 't', "it is 127.0.0.1, as every other mapped address"),
    (
        "dport = :7001 or sport = :7001 and dport = :7101",
        't',
        "'and' binds tighter than 'or', as everywhere but in ss",
    ),
    ("sport = :7001 or dport = :7001 dport = :7001", 't', "the same for terms side by side"),
];

/// What ss(8) asks for, and knetstat does not.
const UNSUPPORTED: &[&str] = &["autobound", "sport = :7001 and not autobound"];

#[test]
fn ss_selects_the_same() {
    // The kernel assigns cookies to the sockets that ss(8) shows.
    let show_all = |letter| drop(of_ss(letter, "").unwrap_or_else(|error| panic!("{error}")));
    let scene = Scene::open_and("expression-ss", |_| ['t', 'u'].into_iter().for_each(show_all));
    let (mut shared, mut wrong, mut compared) = (Vec::new(), Vec::new(), 0);
    for (text, letters) in lines(SHARED) {
        match Expression::parse(&scene.sockets.fill(text)) {
            Ok(expression) => shared.push((scene.sockets.fill(text), letters, expression)),
            Err(error) => wrong.push(error.to_string()),
        }
    }
    let mut known = Vec::new();
    scene.each(|name, row| {
        if let Some(letter) = letter(row.socket.kind.family()).filter(|_| name != "new") {
            let selected: Vec<bool> =
                shared.iter().map(|(_, _, it)| it.holds(row) == Some(true)).collect();
            let number = match letter {
                'x' => row.socket.inode,
                'w' => row.socket.ports().map_or(0, |(protocol, _)| protocol.into()),
                _ => row.socket.cookie,
            };
            known.push((name, letter, number, selected));
        }
    });
    for (number, (text, letters, _)) in shared.iter().enumerate() {
        for letter in letters.chars() {
            let by_ss = of_ss(letter, text).unwrap_or_else(|error| {
                wrong.push(error);
                BTreeSet::new()
            });
            for (name, of, identity, selected) in &known {
                let is_selected = *of == letter && selected[number];
                if is_selected != by_ss.contains(identity) {
                    let by = if is_selected { "knetstat" } else { "ss" };
                    wrong.push(format!("-{letter} {text}: only {by} selects {name}"));
                }
            }
            compared += usize::from(!by_ss.is_empty());
        }
    }
    for (text, letter, why) in DIFFERENT {
        let selected = scene.select(&[parse(text)]).remove(0);
        let of_family = known.iter().filter(|(_, of, ..)| of == letter);
        let selected: BTreeSet<u64> = of_family
            .filter(|(name, ..)| selected.contains(name))
            .map(|(_, _, identity, _)| *identity)
            .collect();
        let by_ss = of_ss(*letter, text).unwrap_or_else(|error| panic!("{error}"));
        if selected == by_ss {
            wrong.push(format!("-{letter} {text}: not different any more, although {why}"));
        }
    }
    for text in UNSUPPORTED {
        let error = Expression::parse(text).expect_err(text);
        assert_eq!(error.message(), "autobound of ss(8) is not supported");
        of_ss('t', text).unwrap_or_else(|error| panic!("{error}"));
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(compared > 80, "only {compared} expressions select something");
}
