//! Text from outside reaches a terminal or a script without characters that terminals or shells interpret,
//! that are invisible, or that look like blanks between the words of a table.

use std::fs;
use std::net::{Ipv6Addr, UdpSocket};
use std::os::fd::OwnedFd;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::fs::symlink;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use crate::common::{
    enter_namespace, ip_words, knetstat, scene::inode, set_bytes, sockets, stdout, wait_until,
    without_color,
};
use nix::net::if_::if_nametoindex;
use serde_json::Value;

/// Bidi_Control, then other characters of the categories Cf, Zl and Zp, then others without a width.
const NEVER: &str =
    "\u{61c}\u{200e}\u{200f}\u{202a}\u{202b}\u{202c}\u{202d}\u{202e}\u{2066}\u{2067}\
    \u{2068}\u{2069}\u{ad}\u{200b}\u{200c}\u{200d}\u{2060}\u{feff}\u{fff9}\u{e0041}\u{2028}\u{2029}\
    \u{115f}\u{3164}\u{fe0f}\u{34f}";

/// White_Space except the blank, control characters, Zl and Zp.
const BLANKS: &str =
    "\u{a0}\u{1680}\u{2000}\u{2001}\u{2002}\u{2003}\u{2004}\u{2005}\u{2006}\u{2007}\
    \u{2008}\u{2009}\u{200a}\u{202f}\u{205f}\u{3000}";

/// Asserts that a text contains none of these characters. It may have several lines.
fn is_visible(what: &str, text: &str) {
    let bad = text.chars().find(|c| NEVER.contains(*c) || c.is_control() && *c != '\n');
    assert_eq!(bad, None, "{what}: {text:?}");
}

/// Asserts the same, and that the blank is the only white space.
fn has_words(what: &str, text: &str) {
    is_visible(what, text);
    assert_eq!(text.chars().find(|c| BLANKS.contains(*c)), None, "{what}: {text:?}");
}

/// Returns the bytes of a text in their escaped form.
fn bytes(text: &str) -> String {
    text.bytes().map(|byte| format!("\\x{byte:02x}")).collect()
}

/// Returns all these characters in pieces of at most `length` bytes.
fn pieces(length: usize) -> Vec<String> {
    let mut pieces = vec![String::new()];
    for c in NEVER.chars().chain(BLANKS.chars()) {
        match pieces.last_mut() {
            Some(last) if last.len() + c.len_utf8() <= length => last.push(c),
            _ => pieces.push(c.into()),
        }
    }
    pieces
}

/// A directory for files and programs with such names.
struct Directory(PathBuf);

impl Directory {
    fn new(name: &str) -> Directory {
        let path = std::env::temp_dir().join(format!("knetstat-{name}-{}", std::process::id()));
        fs::create_dir(&path).expect("a new directory");
        Directory(path)
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// A process whose command has such a name, and that holds the socket.
struct Holder(Child);

impl Holder {
    fn new(directory: &Path, name: &str, socket: impl Into<OwnedFd>) -> Holder {
        // The kernel takes the name from the executed path. busybox chooses its command by the argument.
        let path = directory.join(name);
        symlink("/bin/sleep", &path).expect("a link");
        let mut command = Command::new(path);
        command.arg0("sleep").arg("600").stdin(Stdio::from(socket.into()));
        let holder = Holder(command.spawn().expect("sleep(1)"));
        // The parent may continue before execve(2) has set the name.
        let comm = format!("/proc/{}/comm", holder.0.id());
        wait_until("the kernel has the name as it is", || {
            fs::read_to_string(&comm).is_ok_and(|it| it.trim_end_matches('\n') == name)
        });
        holder
    }
}

impl Drop for Holder {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Returns the command lines of every output format that shows everything, for these families.
fn every_output(families: &str) -> [(String, bool); 5] {
    [
        (format!("{families} -p -O all"), true),
        (format!("{families} -H --columns local,remote,interface,command,options"), true),
        (format!("{families} -p --color always"), true),
        (format!("{families} -p -J"), false),
        (format!("{families} -p --ndjson"), false),
    ]
}

/// Asserts that no output contains such characters, and that the text is shown as escaped bytes: all of it
/// in the table, and at least everything except white space in JSON.
fn shown_everywhere(families: &str, texts: &[String]) {
    for (arguments, is_table) in every_output(families) {
        // Colour sequences are the only ones that knetstat itself writes to a terminal.
        let output = without_color(&stdout(&arguments));
        match is_table {
            true => has_words(&arguments, &output),
            false => is_visible(&arguments, &output),
        }
        for text in texts {
            let shown: String = match is_table {
                true => bytes(text),
                false => text.chars().map(in_json).collect(),
            };
            assert!(output.contains(&shown), "{arguments}: no {shown} in {output}");
        }
    }
}

/// Returns a character as a JSON string contains it.
fn in_json(c: char) -> String {
    match NEVER.contains(c) {
        true => bytes(&c.to_string()).replace('\\', "\\\\"),
        false => c.into(),
    }
}

#[test]
fn of_commands() {
    enter_namespace();
    let directory = Directory::new("commands");
    let names = pieces(15);
    let _holders: Vec<Holder> = names
        .iter()
        .map(|name| {
            Holder::new(&directory.0, name, UdpSocket::bind("127.0.0.1:0").expect("a UDP socket"))
        })
        .collect();
    shown_everywhere("-u", &names);
}

#[test]
fn of_paths_and_abstract_names() {
    enter_namespace();
    let directory = Directory::new("paths");
    let names = pieces(60);
    let bound: Vec<UnixDatagram> = names
        .iter()
        .flat_map(|name| {
            let address = SocketAddr::from_abstract_name(name).expect("an abstract name");
            [
                UnixDatagram::bind(directory.0.join(name)).expect("a path"),
                UnixDatagram::bind_addr(&address).expect("an abstract name"),
            ]
        })
        .collect();
    shown_everywhere("-x", &names);
    let rows = sockets("-x");
    let row = |socket: &UnixDatagram| {
        let mut rows = rows.iter().filter(|row| row["inode"] == inode(socket));
        rows.next().expect("a row")["local"]["path"].clone()
    };
    for (pair, name) in bound.chunks(2).zip(&names) {
        let shown: String = name.chars().map(in_json).collect::<String>().replace("\\\\", "\\");
        assert_eq!(row(&pair[0]), format!("{}/{shown}", directory.0.display()));
        assert!(matches!(row(&pair[1]), Value::String(path) if path.ends_with(&shown)));
    }
}

#[test]
fn of_interfaces() {
    const SO_BINDTODEVICE: i32 = 25;
    enter_namespace();
    let mut names = Vec::new();
    let mut bound = Vec::new();
    for piece in pieces(15) {
        // The kernel allows no white space in interface names, and treats some other bytes as such:
        // dev_valid_name().
        let name: String =
            piece.chars().filter(|c| !c.to_string().bytes().any(|byte| byte == 0xa0)).collect();
        if name.is_empty() {
            continue;
        }
        let peer = format!("peer{}", names.len());
        ip_words(&["link", "add", &name, "type", "veth", "peer", "name", &peer]);
        let socket = UdpSocket::bind("127.0.0.1:0").expect("a UDP socket");
        set_bytes(&socket, 1, SO_BINDTODEVICE, name.as_bytes()).expect("SO_BINDTODEVICE");
        let member = UdpSocket::bind("[::1]:0").expect("a UDP socket");
        let index = if_nametoindex(name.as_str()).expect("its number");
        member.join_multicast_v6(&Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 9), index).expect("join");
        bound.extend([socket, member]);
        names.push(name);
    }
    assert!(names.len() > 4, "{names:?}");
    shown_everywhere("-u", &names);

    let said = refused(&["--interface", "nowhere"]);
    assert!(names.iter().any(|name| said.contains(&bytes(name))), "{said}");
}

/// A command may be empty (tests/exclusive/owners/names.rs), and so may an abstract name. No other name in
/// the kernel can be.
#[test]
fn of_names_without_characters() {
    enter_namespace();
    let address = SocketAddr::from_abstract_name("").expect("an abstract name");
    let bound = UnixDatagram::bind_addr(&address).expect("bind");
    let unbound = UnixDatagram::unbound().expect("a socket");
    let rows = sockets("-x --unbound");
    let path = |socket: &UnixDatagram| {
        let row = rows.iter().find(|row| row["inode"] == inode(socket));
        row.expect("a row")["local"]["path"].clone()
    };
    assert_eq!((path(&bound), path(&unbound)), (Value::from("@"), Value::Null));
    let text = stdout("-xH --columns inode,local --unbound");
    let cell = |socket: &UnixDatagram| {
        let rows = text.lines().map(|line| line.split_whitespace().collect::<Vec<_>>());
        let mut rows = rows.filter(|row| row[0] == inode(socket).to_string());
        rows.next().expect("a row")[1].to_owned()
    };
    assert_eq!((cell(&bound), cell(&unbound)), ("@".into(), "-".into()));
    for arguments in [&["link", "add", "name", "", "type", "dummy"][..], &["netns", "add", ""]] {
        let output = Command::new("ip").args(arguments).output().expect("ip(8)");
        assert!(!output.status.success(), "{arguments:?}");
    }
}

/// Returns the message for wrong usage, after asserting that it contains no such characters.
fn refused(arguments: &[&str]) -> String {
    let output = knetstat(arguments);
    let said = String::from_utf8(output.stderr).expect("UTF-8");
    assert_eq!(output.status.code(), Some(2), "{arguments:?}: {said}");
    assert_eq!(output.stdout, b"", "{arguments:?}");
    is_visible(&format!("{arguments:?}"), &said);
    said
}

/// A network namespace with a name of ip(8). It is removed when the value is dropped.
struct Named(String);

impl Drop for Named {
    fn drop(&mut self) {
        ip_words(&["netns", "del", &self.0]);
    }
}

#[test]
fn of_network_namespaces() {
    enter_namespace();
    let name = format!("knetstat-{}-\u{202e}\u{2066}\u{200b}\u{2028}\u{3000}", std::process::id());
    ip_words(&["netns", "add", &name]);
    let named = Named(name);
    ip_words(&["-n", &named.0, "link", "set", "lo", "up"]);
    let path = format!("/run/netns/{}", named.0);
    let shown = bytes("\u{202e}\u{2066}\u{200b}\u{2028}");

    let near = named.0.replace('\u{3000}', "x");
    assert!(refused(&["--netns", &near]).contains(&shown));
    assert!(refused(&["--netns", &format!("{path}/x")]).contains(&shown));
    for word in [&named.0, &path] {
        let output = knetstat(["-u", "-J", "--netns", word]);
        assert!(output.status.success(), "{output:?}");
    }
}

#[test]
fn of_arguments() {
    let control: String = ('\0'..='\u{9f}').filter(|c| c.is_control() && *c != '\0').collect();
    // Some are tested alone too, because they could end an argument or a name.
    let single = ["\n", "\x1b", "\u{9b}", "\u{200b}", "\u{202e}", "\u{2028}"].map(String::from);
    let words = single.into_iter().chain([format!("x{control}y"), format!("x{NEVER}y")]);
    for word in words {
        let shown = bytes(word.trim_matches(['x', 'y']));
        for arguments in [
            vec![format!("--x{word}")],
            vec![format!("--stat{word}")],
            vec![format!("--tcp={word}")],
            vec![format!("x{word}")],
            vec!["-t".into(), format!("x{word}")],
            vec!["options".into(), format!("--x{word}")],
            vec!["options".into(), format!("x{word}")],
            vec!["doctor".into(), format!("x{word}")],
            vec!["completions".into(), format!("x{word}")],
            vec!["--color".into(), format!("x{word}")],
            vec!["--pid".into(), format!("x{word}")],
            vec!["--addr".into(), format!("x{word}")],
            vec!["--state".into(), format!("x{word}x")],
            vec!["--port".into(), format!("x{word}x")],
            vec!["--user".into(), format!("x{word}x")],
            vec!["-O".into(), format!("x{word}x")],
            vec!["--columns".into(), format!("x{word}x")],
            vec!["--netns".into(), format!("x{word}x")],
            vec!["--netns".into(), format!("/x{word}/x")],
        ] {
            let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
            let said = refused(&arguments);
            // An argument of one line has a message of one line: no part of it can look like another
            // message.
            assert!(said.contains(&shown), "{arguments:?}: {said}");
        }
    }
    // A number may be surrounded by blanks.
    refused(&["--port", "9-\u{2028}8"]);
}

#[test]
fn of_the_name_by_which_it_was_started() {
    let directory = Directory::new("argv0");
    let link = directory.0.join("\x1b[31m\u{202e}x");
    symlink(crate::common::KNETSTAT, &link).expect("a link");
    for arguments in
        [&["-h"][..], &["--version"], &["options", "-h"], &["options", "--x"], &["--x"]]
    {
        let output = Command::new(&link).args(arguments).output().expect("it starts");
        for text in [output.stdout, output.stderr] {
            is_visible(&format!("{arguments:?}"), &String::from_utf8(text).expect("UTF-8"));
        }
    }
}
