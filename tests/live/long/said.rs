//! What `--long` shows of a socket, and what the kernel does with it.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::io::{Read, Write};
use std::net::{IpAddr, Ipv4Addr, TcpListener, TcpStream, UdpSocket};
use std::os::fd::AsFd;
use std::time::{Duration, Instant};

use crate::common::scene::inode;
use crate::common::{connect, local_address, not_tested, number, set, stdout};
use crate::numbers::*;
use knetstat::kernel::syscall;
use knetstat::options::meaning;
use nix::poll::{poll, PollFd, PollFlags, PollTimeout};

pub const LOCALHOST: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

thread_local! {
    /// The sentences that the case of this thread has found.
    static FOUND: RefCell<BTreeSet<&'static str>> = const { RefCell::new(BTreeSet::new()) };
}

/// The sentences that were found since the last call.
pub fn take_found() -> BTreeSet<&'static str> {
    FOUND.take()
}

/// Reports that this kernel cannot show the sentence.
pub fn cannot_say(text: &'static str, why: &str) {
    not_tested(&format!("--long, '{text}': {why}"));
    FOUND.with_borrow_mut(|found| found.insert(text));
}

/// The block of a TCP or UDP socket, whose broken lines are joined again.
pub fn block(socket: &impl AsFd, options: &str) -> String {
    let arguments = format!("{} --long -O {options} inode={}", flags(socket), inode(socket));
    join(&stdout(&arguments))
}

/// The flags that select the sockets of this kind.
fn flags(socket: &impl AsFd) -> &'static str {
    const CLOSE: u8 = 7;
    let mut info = [0];
    match get(socket, SOL_SOCKET, SO_PROTOCOL) {
        IPPROTO_UDP if local_address(socket).port() == 0 => "-u --unbound",
        IPPROTO_UDP => "-u",
        IPPROTO_RAW => "-w",
        _ => {
            let state = syscall::getsockopt(socket.as_fd(), IPPROTO_TCP, TCP_INFO, &mut info);
            state.expect("TCP_INFO");
            if info[0] == CLOSE {
                "-t --unbound"
            } else {
                "-t"
            }
        }
    }
}

/// Asserts of UDP sockets in this namespace that the sentence is there with this value, or not there.
pub fn all_say(sockets: &[(UdpSocket, Option<String>)], option: &str, text: &'static str) {
    let shown = stdout(&format!("-u --long -O {option}"));
    for (socket, value) in sockets {
        let inode = format!("inode {},", inode(socket));
        let block = shown.split("\n\n").find(|block| block.contains(&inode)).expect("a block");
        let texts = below(&join(block), option);
        match value {
            Some(value) => assert!(texts.contains(&filled(text, &[value])), "{value}: {block}"),
            None => assert_eq!(texts, [""; 0], "{block}"),
        }
    }
    FOUND.with_borrow_mut(|found| found.insert(text));
}

/// Joins the lines of a block that was broken at 80 columns: a line with more blanks than texts below an option continues
/// one.
pub fn join(block: &str) -> String {
    assert!(!block.is_empty(), "the socket is not shown");
    let joined =
        block.lines().fold(String::new(), |text, line| match line.strip_prefix(&" ".repeat(9)) {
            Some(rest) => text + " " + rest.trim_start(),
            None => text + "\n" + line,
        });
    joined.trim_start().to_owned() + "\n"
}

/// The lines below an option: the sysctls of its default, if they are not beside it, and the sentences.
pub fn below(block: &str, option: &str) -> Vec<String> {
    let is_of = |line: &&str| line.trim_start().split(' ').next() == Some(option);
    let mut lines = block.lines().skip_while(|line| !is_of(line));
    assert!(lines.next().is_some(), "{option} is not in {block}");
    let texts = lines.take_while(|line| line.starts_with("        "));
    texts.map(|line| line.trim_start().to_owned()).collect()
}

/// Asserts that the sentence is there, with these values.
pub fn says(socket: &impl AsFd, option: &str, text: &'static str, values: &[&str]) {
    let block = block(socket, option);
    let said = filled(text, values);
    assert!(below(&block, option).contains(&said), "no '{said}' in {block}");
    FOUND.with_borrow_mut(|found| found.insert(text));
}

/// Asserts that the sentence is not there, whatever its values are.
pub fn does_not_say(socket: &impl AsFd, option: &str, text: &str) {
    let sentence = meaning::all().find(|it| it.text == text).expect("a sentence");
    assert!(sentence.options.contains(&option), "{text} is never about {option}");
    let block = block(socket, option);
    let (first, rest) = text.split_once("{}").unwrap_or((text, ""));
    let last = rest.rsplit("{}").next().unwrap_or_default();
    let is_it = |line: &String| line.starts_with(first) && line.ends_with(last);
    let has = below(&block, option).iter().any(is_it);
    assert!(!has, "'{text}' in {block}");
}

/// The sentence with its values.
fn filled(text: &str, values: &[&str]) -> String {
    assert_eq!(text.matches("{}").count(), values.len(), "{text}");
    values.iter().fold(text.to_owned(), |text, value| text.replacen("{}", value, 1))
}

/// The first value of a sentence, in seconds. `None` if the sentence is not there.
pub fn find_value(socket: &impl AsFd, option: &str, text: &'static str) -> Option<f64> {
    let (before, after) = text.split_once("{}").expect("a value");
    let after = after.split("{}").next().unwrap_or_default();
    let value = below(&block(socket, option), option).into_iter().find_map(|line| {
        let rest = line.strip_prefix(before)?;
        let end = if after.is_empty() { rest.len() } else { rest.find(after)? };
        Some(rest[..end].trim_end_matches(" s").parse().expect("seconds"))
    });
    FOUND.with_borrow_mut(|found| found.insert(text));
    value
}

/// The same of a sentence that is there.
pub fn value_of(socket: &impl AsFd, option: &str, text: &'static str) -> f64 {
    find_value(socket, option, text).unwrap_or_else(|| panic!("no '{text}'"))
}

/// getsockopt(2) for a number of 32 bits.
pub fn get(socket: &impl AsFd, level: i32, option: i32) -> i32 {
    let mut buffer = [0; 4];
    let length = syscall::getsockopt(socket.as_fd(), level, option, &mut buffer);
    assert_eq!(length.expect("getsockopt"), 4, "{level} {option}");
    i32::from_ne_bytes(buffer)
}

/// Sets an option, which must succeed.
pub fn put(socket: &impl AsFd, level: i32, option: i32, value: i32) {
    set(socket, level, option, value)
        .unwrap_or_else(|error| panic!("{level} {option} {value}: {error}"));
}

/// A listener, and a connection to it: the connected and the accepted socket.
pub fn pair() -> (TcpListener, TcpStream, TcpStream) {
    let listener = TcpListener::bind((LOCALHOST, 0)).expect("a listener");
    let (client, server) = connect(&listener, LOCALHOST);
    (listener, client, server)
}

/// A bound UDP socket, and one that is connected to it.
pub fn udp_pair() -> (UdpSocket, UdpSocket) {
    let receiver = UdpSocket::bind((LOCALHOST, 0)).expect("a UDP socket");
    let sender = UdpSocket::bind((LOCALHOST, 0)).expect("a UDP socket");
    sender.connect(receiver.local_addr().expect("an address")).expect("connect");
    (receiver, sender)
}

/// Whether something can be read now.
pub fn is_readable(socket: &impl AsFd) -> bool {
    let mut polled = [PollFd::new(socket.as_fd(), PollFlags::POLLIN)];
    poll(&mut polled, PollTimeout::ZERO).expect("poll") > 0
}

/// The timer of a TCP socket, in the words of /proc/net/tcp: `02` is keepalive, `00` none.
pub fn proc_timer(socket: &impl AsFd) -> String {
    let inode = inode(socket).to_string();
    let text = crate::common::proc_net("tcp");
    let row = text.lines().find(|line| line.split_whitespace().nth(9) == Some(&inode));
    let timer = row.and_then(|row| row.split_whitespace().nth(5)).expect("a row");
    timer[..2].to_owned()
}

/// Sends so much through a connection, and reads it at the same time.
pub fn transfer(from: &mut TcpStream, to: &mut TcpStream, bytes: usize) {
    std::thread::scope(|scope| {
        scope.spawn(move || from.write_all(&vec![0; bytes]).expect("write"));
        let mut buffer = vec![0; 1 << 16];
        let mut left = bytes;
        while left > 0 {
            left -= to.read(&mut buffer).expect("read");
        }
    });
}

/// Asserts that an event comes after the promised time: not earlier than by a jiffy of the lowest frequency, and not later
/// than by the eighth that the kernel rounds timers up, and what a busy machine adds.
pub fn comes_after(what: &str, promised: f64, start: Instant) {
    /// Three seconds, because a machine may be emulated.
    const LATE: f64 = 3.0;
    let measured = start.elapsed().as_secs_f64();
    let possible = promised - 0.01..=promised * 1.125 + LATE;
    assert!(possible.contains(&measured), "{what}: promised {promised}, measured {measured}");
}

/// Waits for the error of a connection that the kernel gives up.
pub fn wait_for_error(socket: &TcpStream, errno: i32) {
    let mut error = None;
    crate::common::wait_until("the kernel gives up", || {
        error = socket.take_error().expect("SO_ERROR");
        error.is_some()
    });
    assert_eq!(error.and_then(|error| error.raw_os_error()), Some(errno), "{}", number(socket));
}

/// A short time, in which something that was prevented would have happened.
pub fn pause() {
    std::thread::sleep(Duration::from_millis(100));
}
