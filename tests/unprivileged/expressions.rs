//! Expressions that select recorded sockets.

use crate::records::{self, flags, Stream, ESTABLISHED, INET, TCP, UNIX};
use knetstat::commands::table::pipeline::{self, Ownership};
use knetstat::commands::table::progress::Progress;
use knetstat::config::Config;
use knetstat::kernel::abi::*;
use knetstat::options::defaults::Defaults;
use knetstat::options::selection::Selection;
use knetstat::output::table::TABLE;
use knetstat::query::column_list::ColumnRequest;
use knetstat::query::columns::Column;
use knetstat::query::expression::Expression;
use knetstat::query::filter::Filter;
use knetstat::query::key::Key;
use knetstat::socket::kind::SocketKind;

/// Adds a socket with or without SO_KEEPALIVE.
fn add(stream: &mut Stream, (family, protocol): (u16, u16), inode: u64, keepalive: bool) {
    stream.header(&[section::SECTION_SOCKET], |header| {
        (header.family, header.protocol, header.socket_type) = (family, protocol, 1);
        (header.state, header.inode) = (ESTABLISHED, inode);
        header.traits = socket_trait::TRAIT_SOCKET.0 as u16;
    });
    stream.part(|socket: &mut socket_section| match keepalive {
        true => flags!(socket, SOCKET_flag::SO_KEEPALIVE = 1),
        false => flags!(socket, SOCKET_flag::SO_KEEPALIVE = 0),
    });
    stream.end();
}

/// The inode numbers of the sockets that an expression selects. The first walk through the descriptors finds
/// only who holds socket 3, so that the others are held back until the second walk.
fn selected(stream: &Stream, expression: &str) -> Vec<u64> {
    let expression = Expression::parse(expression).expect("an expression");
    let filter = Filter::new([true; SocketKind::ALL.len()], true, expression);
    let request = ColumnRequest { chosen: vec![Column::Inode], ..ColumnRequest::default() };
    let keys: Vec<Key> = filter.keys().collect();
    let asked = Selection::of(keys.iter().copied().flat_map(Key::options));
    let config = Config { filter, keys, asked, ..records::config(TABLE, &request) };
    let namespaces = records::namespaces(&Defaults::default(), &config);
    let mut bytes = Vec::new();
    let mut output = config.format.open(&mut bytes, &config.columns, config.style);
    let mut holder = Stream::default();
    holder.part(|record: &mut owner_record| {
        record.magic = u32::from_ne_bytes(*b"knso");
        (record.pid, record.fd, record.inode) = (812, 3, 3);
    });
    let again = vec![holder.bytes.as_slice(); config.filter.layouts().len()];
    let ownership = Ownership::new(holder.bytes.as_slice(), again).expect("whole records");
    let sockets = knetstat::record::Records::new(stream.bytes.as_slice());
    pipeline::print(
        sockets,
        &config,
        &namespaces,
        Some(ownership),
        output.as_mut(),
        &Progress::default(),
    )
    .expect("whole records");
    drop(output);
    let text = String::from_utf8(bytes).expect("UTF-8");
    text.lines().filter_map(|line| line.trim().parse().ok()).collect()
}

/// The first socket of a section is read before those of the last section that were held back, and decided
/// after them.
#[test]
fn a_socket_is_decided_by_its_own_options() {
    let mut stream = Stream::default();
    add(&mut stream, (INET, TCP), 1, false);
    add(&mut stream, (INET, TCP), 2, true);
    add(&mut stream, (UNIX, 0), 3, false);
    add(&mut stream, (UNIX, 0), 4, true);
    for (expression, expected) in [
        ("keepalive", &[2, 4][..]),
        ("keepalive or command = nobody", &[2, 4]),
        ("not keepalive or command = nobody", &[1, 3]),
        ("pid = 812 and not keepalive or command = nobody", &[3]),
    ] {
        assert_eq!(selected(&stream, expression), expected, "{expression}");
    }
}
