//! A name server of the test, and the files of names of a mount namespace.

use std::collections::BTreeMap;
use std::fs;
use std::net::UdpSocket;
use std::path::Path;
use std::process::Command;
use std::sync::{Arc, Mutex};
use std::thread;

use nix::mount::{mount, MsFlags};
use nix::sched::{unshare, CloneFlags};

use knetstat::kernel::name_service::NameService;

use crate::common::{enter_namespace, ip, not_tested};

/// What the server says of an address.
pub enum Answer {
    /// Its name, as one label without dots or as several.
    Name(Vec<u8>),
    NoName,
    /// Nothing at all.
    Silence,
}

/// Returns an answer with the labels of a name.
pub fn named(name: &str) -> Answer {
    Answer::Name(name.as_bytes().to_vec())
}

/// Enters a network namespace, and a mount namespace in which the file `name` of /etc has this content. The name server
/// is at 127.0.0.53, and 192.0.2.0/24, 2001:db8::1 and 2001:db8::2 are addresses of
/// this host.
pub fn enter(files: &[(&str, &[u8])]) {
    enter_namespace();
    ip("route add local 192.0.2.0/24 dev lo");
    for address in ["2001:db8::1", "2001:db8::2"] {
        ip(&format!("address add {address}/128 dev lo nodad"));
    }
    unshare(CloneFlags::CLONE_NEWNS).expect("a mount namespace");
    let none: Option<&Path> = None;
    mount(none, "/", none, MsFlags::MS_REC | MsFlags::MS_PRIVATE, none).expect("private mounts");
    mount(none, "/mnt", Some("tmpfs"), MsFlags::empty(), none).expect("a file system");
    let usual: [(&str, &[u8]); 3] = [
        ("resolv.conf", b"nameserver 127.0.0.53\n"),
        ("nsswitch.conf", b"hosts: files dns\n"),
        ("hosts", b"127.0.0.1 localhost\n"),
    ];
    let all: BTreeMap<&str, &[u8]> = usual.into_iter().chain(files.iter().copied()).collect();
    for (name, content) in all {
        let (from, to) = (format!("/mnt/{name}"), fs::canonicalize(Path::new("/etc").join(name)));
        let to = to.unwrap_or_else(|error| panic!("/etc/{name}: {error}"));
        fs::write(&from, content).expect("a file");
        mount(Some(Path::new(&from)), &to, none, MsFlags::MS_BIND, none).expect("a bind mount");
    }
}

/// A server. It ends with the test program.
pub struct NameServer {
    asked: Arc<Mutex<BTreeMap<String, usize>>>,
}

/// Whether this program asks name servers. If not, reports that `test` has nothing to test.
pub fn are_asked(test: &str) -> bool {
    if !NameService::EXISTS {
        not_tested(&format!("{test}: a static program has no name services"));
    }
    NameService::EXISTS
}

impl NameServer {
    /// Starts a server in the network namespace of this thread. The answer is that to an address in the form of names,
    /// such as `1.2.0.192.in-addr.arpa`.
    pub fn start(answer: impl Fn(&str) -> Answer + Send + 'static) -> NameServer {
        let socket = UdpSocket::bind("127.0.0.53:53").expect("port 53");
        let asked = Arc::new(Mutex::new(BTreeMap::new()));
        let theirs = Arc::clone(&asked);
        thread::spawn(move || {
            let mut packet = [0; 512];
            while let Ok((length, from)) = socket.recv_from(&mut packet) {
                let question = &packet[..length];
                let name = name(&question[12..]);
                *theirs.lock().expect("no panic").entry(name.clone()).or_insert(0) += 1;
                if let Some(reply) = reply(question, answer(&name)) {
                    let _ = socket.send_to(&reply, from);
                }
            }
        });
        NameServer { asked }
    }

    /// How often each name has been asked for.
    pub fn asked(&self) -> BTreeMap<String, usize> {
        self.asked.lock().expect("no panic").clone()
    }
}

/// The name at the beginning of a question: RFC 1035, 4.1.2.
fn name(mut question: &[u8]) -> String {
    let mut labels = Vec::new();
    while let Some((length @ 1.., rest)) = question.split_first() {
        let (label, rest) = rest.split_at(usize::from(*length));
        labels.push(String::from_utf8_lossy(label).into_owned());
        question = rest;
    }
    labels.join(".")
}

/// The packet of an answer: RFC 1035, 4.1. The answer has the type of the question, PTR.
fn reply(question: &[u8], answer: Answer) -> Option<Vec<u8>> {
    let (flags, name): ([u8; 2], _) = match answer {
        Answer::Silence => return None,
        Answer::NoName => ([0x81, 0x83], None),
        Answer::Name(name) => ([0x81, 0x80], Some(name)),
    };
    // The question ends with the empty label, its type and its class. What follows it is an option of EDNS.
    let end = 12 + question[12..].iter().position(|byte| *byte == 0)? + 5;
    let mut reply = question[..end].to_vec();
    reply[2..4].copy_from_slice(&flags);
    reply[4..12].copy_from_slice(&[0, 1, 0, u8::from(name.is_some()), 0, 0, 0, 0]);
    if let Some(name) = name {
        let mut data = Vec::new();
        for label in name.split(|byte| *byte == b'.') {
            data.push(label.len() as u8);
            data.extend_from_slice(label);
        }
        data.push(0);
        // A pointer to the name of the question, PTR, IN, and 60 seconds.
        reply.extend_from_slice(&[0xc0, 12, 0, 12, 0, 1, 0, 0, 0, 60]);
        reply.extend_from_slice(&(data.len() as u16).to_be_bytes());
        reply.extend_from_slice(&data);
    }
    Some(reply)
}

/// The address in the name of a question about an IPv4 address.
pub fn address(name: &str) -> Option<String> {
    let mut parts: Vec<&str> = name.strip_suffix(".in-addr.arpa")?.split('.').collect();
    parts.reverse();
    Some(parts.join("."))
}

/// Asserts that the system's own program gets the names of this server, without which a test would compare nothing.
pub fn assert_serves(address: &str, name: &str) {
    let output = Command::new("getent").args(["hosts", address]).output().expect("getent(1)");
    let text = String::from_utf8_lossy(&output.stdout);
    let words: Vec<&str> = text.split_whitespace().collect();
    assert_eq!(words, [address, name]);
}
