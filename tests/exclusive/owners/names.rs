//! A process may give itself any name.

use serde_json::Value;

use super::puppet::Puppet;
use super::truth::owned;
use super::{at_port, line_at_port, with_puppets};
use crate::common::{sockets, stdout};

/// The names of processes, and how they are shown.
const NAMES: [(&[u8], &str); 20] = [
    (b"nginx: worker", "nginx: worker"),
    (b"(sd-pam)", "(sd-pam)"),
    (b"a) S 1 (b", "a) S 1 (b"),
    (b" both sides ", " both sides "),
    (b"two\nlines", "two\\x0alines"),
    (b"\n", "\\x0a"),
    (b"a\ttab\rcr", "a\\x09tab\\x0dcr"),
    (b"\x1b[31mred\x1b[0m", "\\x1b[31mred\\x1b[0m"),
    (b"\x1b]0;title\x07", "\\x1b]0;title\\x07"),
    (b"\x01\x1f\x7f", "\\x01\\x1f\\x7f"),
    (b"back\\slash", "back\\\\slash"),
    (b"\\x41", "\\\\x41"),
    (b"say \"hi\"", "say \"hi\""),
    ("\u{e9}t\u{e9}".as_bytes(), "\u{e9}t\u{e9}"),
    (b"\xff\xfe latin \xe9", "\\xff\\xfe latin \\xe9"),
    // C1 control characters, which some terminals interpret.
    ("\u{9b}31m".as_bytes(), "\\xc2\\x9b31m"),
    (b"", ""),
    (b"fifteen-letters", "fifteen-letters"),
    // The kernel truncates these to 15 bytes, the second one within a character.
    (b"sixteen-letters-", "sixteen-letters"),
    ("1234567890123\u{2603}".as_bytes(), "1234567890123\\xe2\\x98"),
];

fn rename(puppet: &mut Puppet, name: &[u8]) {
    let hex: String = name.iter().map(|byte| format!("{byte:02x}")).collect();
    // A zero byte ends the name, because an empty write(2) would not change it.
    puppet.ask(&format!("name {hex}00"));
}

/// Each name is found by its form in the table and in JSON.
#[test]
fn a_name_as_it_is_printed_finds_its_process() {
    const MORE: [&[u8]; 11] = [
        b"a b,c",
        b"-",
        b"x(subflow)",
        b"(orphan)",
        b",",
        b"\\",
        b"a\\x2cb",
        b"\"\"",
        b"\"",
        b"?",
        b"\"\"\"\"",
    ];
    let _turn = with_puppets();
    let names = NAMES.iter().map(|(name, _)| *name).chain(MORE);
    let puppets: Vec<(Puppet, u16)> = names
        .zip(4000..)
        .map(|(name, port)| {
            let mut puppet = Puppet::new();
            rename(&mut puppet, name);
            puppet.ask(&format!("udp 127.0.0.1:{port}"));
            (puppet, port)
        })
        .collect();
    let table = stdout("-H --columns sport,command");
    assert_eq!(table.lines().count(), puppets.len());
    for (puppet, port) in &puppets {
        let row = table.lines().map(|line| line.split_whitespace().collect::<Vec<_>>());
        let row = row.clone().find(|row| row[0] == port.to_string()).expect("a row");
        // /proc has the name of the process: some have the same name.
        let comm = |puppet: &Puppet| std::fs::read(format!("/proc/{}/comm", puppet.pid()));
        let comm_of = |puppet| comm(puppet).expect("the puppet is there");
        let same = puppets.iter().filter(|(other, _)| comm_of(other) == comm_of(puppet));
        let expected: Vec<u16> = same.map(|(_, port)| *port).collect();
        let command = row.get(1).expect("no cell is empty");
        let output = crate::common::knetstat([
            "-tuH",
            "--columns",
            "sport",
            &format!("--command={command}"),
        ]);
        assert!(output.status.success(), "{command}: {output:?}");
        let text = String::from_utf8(output.stdout).expect("UTF-8");
        let found: Vec<u16> = text.lines().map(|line| line.trim().parse().unwrap()).collect();
        assert_eq!(found, expected, "{command}");
    }
    // The placeholders for no process and for a subflow are not names.
    assert!(table.lines().any(|line| line.ends_with(" \\x2d")), "{table}");
    assert!(stdout("-p").contains("/x\\x28subflow)"));
    // In a summary, that is the reason why there is no process.
    assert!(stdout("-p").contains("/\\x28orphan)"));
}

#[test]
fn names_of_all_kinds() {
    let _turn = with_puppets();
    let mut puppets: Vec<Puppet> = NAMES.iter().map(|_| Puppet::new()).collect();
    for ((puppet, (name, _)), n) in puppets.iter_mut().zip(NAMES).zip(0..) {
        rename(puppet, name);
        puppet.ask(&format!("udp 127.0.0.1:{}", 4000 + n));
    }

    let rows = owned("");
    assert_eq!(rows.len(), NAMES.len());
    let (table, lines) = (stdout("-p"), stdout("--ndjson -p"));
    for text in [&table, &lines] {
        assert!(text.chars().all(|c| c == '\n' || !c.is_control()), "{text:?}");
    }
    assert_eq!(table.lines().count(), 1 + NAMES.len(), "a row is a line");
    assert_eq!(lines.lines().count(), NAMES.len());
    for ((puppet, (name, shown)), port) in puppets.iter().zip(NAMES).zip(4000..) {
        let process = &at_port(&rows, port)["processes"][0];
        assert_eq!(process["command"], shown, "{name:?}");
        let line = line_at_port(&table, port);
        // A column of the table contains no blanks.
        let shown = if name.is_empty() { "\"\"".into() } else { shown.replace(' ', "\\x20") };
        let program = format!(" UNCONN      {}/{shown} ", puppet.pid());
        assert!(line.contains(&program), "{program} in {line}");
    }
}

#[test]
fn two_hostile_names_in_one_cell() {
    let _turn = with_puppets();
    let (mut first, mut second) = (Puppet::new(), Puppet::new());
    rename(&mut first, b"a\n1/b");
    rename(&mut second, b"\x1b[2J");
    second.ask("post office");
    let fd = first.number("udp 127.0.0.1:4000");
    first.ask(&format!("send {fd} office"));
    second.ask("receive");
    let mut cells = [format!("{}/a\\x0a1/b", first.pid()), format!("{}/\\x1b[2J", second.pid())];
    if second.pid() < first.pid() {
        cells.reverse();
    }
    let table = stdout("-pH");
    assert!(table.contains(&format!(" {} ", cells.join(","))), "{table}");
    assert_eq!(table.lines().count(), 1);
    owned("");
}

/// A list has an entry for each descriptor, including those of a process with an empty name.
#[test]
fn a_name_of_no_characters_in_a_list() {
    let _turn = with_puppets();
    let names: [&[u8]; 3] = [b"a", b"", b"\"\""];
    let mut puppets = names.map(|name| {
        let mut puppet = Puppet::new();
        rename(&mut puppet, name);
        puppet
    });
    let fd = puppets[0].number("udp 127.0.0.1:4000");
    for other in 1..puppets.len() {
        puppets[other].ask(&format!("post office{other}"));
        puppets[0].ask(&format!("send {fd} office{other}"));
        puppets[other].ask("receive");
    }
    let table = stdout("-H --columns command,pid,program");
    let words: Vec<&str> = table.split_whitespace().collect();
    let [commands, pids, programs] = [0, 1, 2].map(|nth| words[nth].split(',').collect::<Vec<_>>());
    assert_eq!(commands.len(), names.len(), "{table}");
    for ((command, pid), program) in commands.iter().zip(&pids).zip(&programs) {
        // The name in /proc. In a name that looks like the placeholder, the first character is escaped.
        let comm = std::fs::read_to_string(format!("/proc/{pid}/comm")).expect("comm");
        let expected = match comm.trim_end_matches('\n') {
            "" => r#""""#,
            r#""""# => r#"\x22""#,
            name => name,
        };
        assert_eq!(*command, expected);
        assert_eq!(*program, format!("{pid}/{expected}"));
    }
}

/// The characters that `*` and `?` match need not be shown as one character.
#[test]
fn patterns_for_names() {
    let _turn = with_puppets();
    let names: [&[u8]; 6] = [b"a*b", b"a?b", b"a b", b"a\xffb", b"axb", b"axxb"];
    let puppets: Vec<Puppet> = names
        .iter()
        .zip(4000..)
        .map(|(name, port)| {
            let mut puppet = Puppet::new();
            rename(&mut puppet, name);
            puppet.ask(&format!("udp 127.0.0.1:{port}"));
            puppet
        })
        .collect();
    assert_eq!(puppets.len(), names.len());
    for (pattern, found) in
        [("a*b", 6), ("a?b", 5), (r"a\x2ab", 1), (r"a\x3fb", 1), (r"*\xff*", 1), (r"?\x2A*", 1)]
    {
        let rows = sockets(&format!("-u --command {pattern}"));
        assert_eq!(rows.len(), found, "{pattern}");
    }
}

/// The kernel keeps 15 bytes, and a longer name means what it begins with.
#[test]
fn a_name_that_is_longer_than_the_kernel_keeps() {
    let _turn = with_puppets();
    let mut puppet = Puppet::new();
    rename(&mut puppet, b"a*very-long-name-of-a-process");
    puppet.ask("udp 127.0.0.1:4000");
    for name in
        [r"a\x2avery-long-name-of-a-process", r"a\x2avery-long-nam", r"a\x2avery-long-names"]
    {
        assert_eq!(sockets(&format!("-u --command {name}")).len(), 1, "{name}");
        assert_eq!(sockets(&format!("-u --where command={name}")).len(), 1, "{name}");
    }
    for name in [
        r"a\x2avery-long-n",
        r"a\x2avery-long-nothing",
        r"a\x2avery-long-name-of*",
        "axvery-long-nam",
    ] {
        assert_eq!(sockets(&format!("-u --command {name}")).len(), 0, "{name}");
    }
    assert_eq!(sockets("-u --command a*-nam").len(), 1);
}

#[test]
fn the_name_is_that_of_the_first_thread() {
    let _turn = with_puppets();
    let mut puppet = Puppet::new();
    rename(&mut puppet, b"leader");
    puppet.ask("name-a-thread renamed");
    puppet.ask("udp 127.0.0.1:4000");
    // The socket was opened by a thread other than the first, and its holder has another name.
    puppet.ask("thread-of-its-own 127.0.0.1:4001");
    let command = |rows: &[Value], port| at_port(rows, port)["processes"][0]["command"].clone();
    let rows = owned("");
    assert_eq!(command(&rows, 4000), "leader");
    assert_eq!(command(&rows, 4001), "leader");
    let count = |pattern: &str| sockets(&format!("-tu --command {pattern}")).len();
    assert_eq!((count("leader"), count("renamed")), (2, 0));

    rename(&mut puppet, b"another");
    let rows = owned("");
    assert_eq!(command(&rows, 4000), "another", "as it is called now");
    assert_eq!(command(&rows, 4001), "another");
}
