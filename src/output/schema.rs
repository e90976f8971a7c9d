//! The JSON Schema of a row as `json.rs` writes it, derived from the table of columns and the catalogue
//! of options.
//!
//! Members that are not described are allowed everywhere: a row of a newer version has more members, and
//! a reader with an older schema has to accept it. For the same reason, words are enumerated only where
//! no version can add one. No member of a row is required, because `--columns` chooses them. The members
//! of the objects within a row are required.

use std::collections::BTreeSet;

use serde_json::{json, Map, Value as Json};

use crate::options::catalogue::CATALOGUE;
use crate::options::schema::{about, list, members, object, or_null, up_to, with_optional};
use crate::query::columns::Column;
use crate::socket::state;
use crate::socket::Diag;

/// The version of the schema. It grows when a member is renamed or retyped, but not for new members.
///
/// Rows do not contain the version, because all rows that have been printed so far follow version 1. The
/// schema has an optional member for it, so that an archive of rows can record which version they follow.
pub const VERSION: u32 = 1;

/// The schema of an object of `--json`, of a line of `--ndjson`, and of a row in an archive of these.
pub fn row() -> Json {
    let columns = Column::ALL
        .into_iter()
        .map(|column| (column.member().to_owned(), about(schema(column), column.help())));
    let properties: Map<String, Json> = archive().into_iter().chain(columns).collect();
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": format!("urn:knetstat:row:{VERSION}"),
        "title": "A socket, as knetstat --json and --ndjson print it",
        "description": "No member is ever renamed or retyped within a version of this schema. New \
                        members may be added, so accept members that are not described here.",
        "type": "object",
        "properties": properties,
    })
}

/// The members that `--continuous`, `--resolve` or an archive adds to a row: when and where it was read, what has happened
/// to the socket, the name of its user, and the version that the row follows.
fn archive() -> [(String, Json); 6] {
    let host = json!({"type": "string", "minLength": 1});
    [
        ("time".into(), about(date_time(), "When the row was read (RFC 3339, UTC)")),
        ("host".into(), about(host, "Name of the host that the row is from")),
        (
            "event".into(),
            about(
                json!({"enum": ["opened", "closed", "changed"]}),
                "What has happened to the socket since the last reading",
            ),
        ),
        (
            "changes".into(),
            about(
                json!({"type": "object"}),
                "Old and new values of the members that have changed; options are members of options",
            ),
        ),
        (
            "user".into(),
            about(text(), "Name of the user with the number uid; only with --resolve, and if it is known"),
        ),
        (
            "schema".into(),
            about(
                json!({"const": VERSION}),
                "Version of the schema that the row follows; rows without it follow version 1",
            ),
        ),
    ]
}

/// Returns the schema of a column. The type of the column decides if nothing more is known of it.
fn schema(column: Column) -> Json {
    let schema = match (column.column_type().word(), column) {
        (_, Column::State) => json!({"type": "string", "examples": states()}),
        (_, Column::Local) => json!({"anyOf": local_ends()}),
        (_, Column::Remote) => json!({"anyOf": remote_ends()}),
        (_, Column::Master) => object(&[
            ("inode", about(or_null(number()), "Inode number; null while it waits to be accepted")),
            ("cookie", about(or_null(number()), "Cookie; null until a process asks for it")),
        ]),
        (_, Column::Container) => object(&[
            (
                "runtime",
                about(text(), "Runtime of the container; kubernetes if only that is known"),
            ),
            ("id", about(text(), "ID of the container: 64 hexadecimal digits")),
            ("pod", about(or_null(text()), "UID of the pod; null: not of Kubernetes")),
        ]),
        (_, Column::Xattrs) => json!({"type": "object", "additionalProperties": text()}),
        (_, Column::Sockmap) => list(or_null(object(&[
            ("id", about(number(), "ID of the map")),
            ("name", about(or_null(text()), "Name of the map; null: it has none")),
        ]))),
        (_, Column::Group) => object(&[
            ("group", about(number(), "Number of the group, from 1 on in the order of appearance")),
            ("members", about(number(), "Number of sockets in the group")),
        ]),
        (_, Column::Timer) => timer(),
        (_, Column::Options) => options(),
        (_, Column::Program | Column::PeerProgram) => list(descriptor()),
        (_, Column::ListenerProgram | Column::CarrierProgram) => list(descriptor()),
        // Of the columns that lead to processes, the members are a cookie and an inode.
        (_, Column::Listener | Column::Carrier) => number(),
        (_, Column::Pid | Column::PeerPid) => list(number()),
        (_, Column::Tid | Column::Fd | Column::Ring | Column::Slot) => list(or_null(number())),
        (_, Column::Command | Column::PeerCommand) => list(text()),
        (_, Column::Cmdline) => list(or_null(list(text()))),
        (_, Column::Started) => list(or_null(date_time())),
        (_, Column::ProcessUser) => list(or_null(number())),
        (_, Column::Nonblock) => list(boolean()),
        (_, Column::Diag) => list(json!({"enum": marks()})),
        (_, Column::Set) => list(json!({"type": "string", "pattern": "^[A-Z][A-Z0-9_]*$"})),
        ("number", _) => number(),
        ("word" | "text", _) => text(),
        ("list", _) => json!({"type": "array"}),
        ("time", _) => json!({"anyOf": [seconds(), {"const": "never"}]}),
        _ => json!({"type": "object"}),
    };
    match is_always_there(column) {
        true => schema,
        false => or_null(schema),
    }
}

/// A descriptor of a process.
fn descriptor() -> Json {
    let descriptor = object(&[
        ("pid", about(number(), "Process ID")),
        ("command", about(text(), "Name of the process")),
        (
            "fd",
            about(or_null(number()), "Number of the descriptor; null for a file of an io_uring"),
        ),
        ("nonblock", about(boolean(), "Whether the descriptor has O_NONBLOCK")),
    ]);
    let tid = about(
        number(),
        "Thread that has the descriptor, if it does not share those of its process",
    );
    let ring = about(
        or_null(number()),
        "Descriptor of the io_uring with which the file is registered; null if the process has closed it",
    );
    let ring_index = about(
        number(),
        "Index of an io_uring without a descriptor, among those that the thread has registered",
    );
    let slot = about(number(), "Slot of the file in that io_uring");
    let with_tid = with_optional(descriptor, "tid", tid);
    let with_ring = with_optional(with_optional(with_tid, "ring", ring), "slot", slot);
    with_optional(with_ring, "ring_index", ring_index)
}

/// Whether a column has a value for every socket.
fn is_always_there(column: Column) -> bool {
    match column {
        Column::Protocol | Column::Type | Column::State | Column::Recvq | Column::Sendq => true,
        // The holders of a socket are always known if they are requested.
        Column::Program | Column::Pid | Column::Command | Column::Fd | Column::Nonblock => true,
        Column::Owner | Column::Diag | Column::Options => true,
        _ => false,
    }
}

/// A number without an upper limit, because the kernel or a newer version may have larger ones.
fn number() -> Json {
    json!({"type": "integer", "minimum": 0})
}

fn seconds() -> Json {
    json!({"type": "number", "minimum": 0})
}

/// A point in time in UTC.
fn date_time() -> Json {
    json!({"type": "string", "format": "date-time", "pattern": "Z$"})
}

fn text() -> Json {
    json!({"type": "string"})
}

fn boolean() -> Json {
    json!({"type": "boolean"})
}

/// Every word for a state, of any family.
fn states() -> BTreeSet<&'static str> {
    state::ALL.into_iter().flat_map(|state| [state.word(), state.unix_word()]).collect()
}

fn marks() -> [&'static str; 4] {
    let marks =
        [Diag::PeerWindowZero, Diag::OwnWindowZero, Diag::BothWindowsZero, Diag::Unacknowledged];
    marks.map(Diag::mark)
}

/// An address and a port.
fn internet() -> Json {
    let end = object(&[
        ("address", about(text(), "IPv4 or IPv6 address")),
        ("port", about(up_to(u16::MAX), "Port; 0: none")),
    ]);
    let members = [
        ("scope", "Interface of a link-local address"),
        ("host", "Name of the address; only with --resolve, and if it is known"),
        ("service", "Name of the service at the port; only with --resolve, and if it is known"),
    ];
    members.into_iter().fold(end, |end, (name, help)| with_optional(end, name, about(text(), help)))
}

/// One end of a vsock.
fn virtual_machine() -> Json {
    object(&[
        ("cid", about(up_to(u32::MAX), "Context ID; 4294967295: any")),
        ("port", about(up_to(u32::MAX), "Port; 4294967295: any")),
    ])
}

fn path() -> Json {
    about(or_null(text()), "Path, or @ and the abstract name; null: not bound")
}

fn interface(null: &str) -> Json {
    about(or_null(text()), &format!("Interface; null: {null}"))
}

/// The local ends of every family.
fn local_ends() -> [Json; 6] {
    [
        internet(),
        object(&[("path", path())]),
        object(&[
            ("ethertype", about(up_to(u16::MAX), "ETH_P_ number; 3: all, 0: not bound")),
            ("interface", interface("all")),
        ]),
        object(&[
            ("interface", interface("not bound")),
            ("queue", about(or_null(up_to(u16::MAX)), "Queue of the interface; null: not bound")),
        ]),
        object(&[
            ("protocol", about(text(), "Word for the netlink protocol, or its number")),
            ("portid", about(up_to(u32::MAX), "Port ID; 0: the kernel, or none")),
            ("groups", about(or_null(list(or_null(up_to(u32::MAX)))), "Numbers of joined groups")),
        ]),
        virtual_machine(),
    ]
}

/// The remote ends of every family that has them.
fn remote_ends() -> [Json; 4] {
    [
        internet(),
        object(&[
            ("inode", about(or_null(number()), "Inode number of the peer; null: no peer")),
            ("path", path()),
        ]),
        object(&[
            ("portid", about(up_to(u32::MAX), "Port ID of the peer; 0: the kernel, or none")),
            ("group", about(up_to(u32::MAX), "Number of the group; 0: none")),
        ]),
        virtual_machine(),
    ]
}

fn timer() -> Json {
    object(&[
        ("kind", about(text(), "What the timer waits for")),
        ("seconds", about(seconds(), "Seconds until it expires")),
        ("retransmits", about(up_to(u8::MAX), "Number of retransmissions")),
        ("probes", about(up_to(u8::MAX), "Number of unanswered probes")),
    ])
}

/// The object of options, with a member for each.
fn options() -> Json {
    let members: Map<String, Json> = CATALOGUE.iter().flat_map(members).collect();
    json!({"type": "object", "properties": members})
}
