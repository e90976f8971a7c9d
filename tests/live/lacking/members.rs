//! Each member that a program reads, one after the other: a kernel that lacks it loses what depends on it,
//! and no value changes.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::Mutex;
use std::thread;
use std::time::{Duration, Instant};

use super::types::{Type, Types, TypesFile};
use super::types::{ARRAY, CONST, ENUM, ENUM64, RESTRICT, STRUCT, TYPEDEF, UNION, VOLATILE};
use crate::common::{enter_namespace, say};
use serde_json::Value;

/// The objects as they are built. Their relocations (BPF CO-RE) name each member that they read.
const OBJECTS: [&[u8]; 3] = [
    include_bytes!(concat!(env!("OUT_DIR"), "/walks.bpf.o")),
    include_bytes!(concat!(env!("OUT_DIR"), "/tables.bpf.o")),
    include_bytes!(concat!(env!("OUT_DIR"), "/files.bpf.o")),
];

/// Returns a section of a 64-bit ELF file.
fn section<'a>(object: &'a [u8], name: &str) -> &'a [u8] {
    let number = |at: usize, size: usize| {
        let mut bytes = [0; 8];
        bytes[..size].copy_from_slice(&object[at..at + size]);
        u64::from_le_bytes(bytes) as usize
    };
    let (headers, count, names) = (number(0x28, 8), number(0x3c, 2), number(0x3e, 2));
    let content = |index: usize| {
        let (at, size) = (headers + index * 64 + 24, headers + index * 64 + 32);
        &object[number(at, 8)..number(at, 8) + number(size, 8)]
    };
    let named = |index: &usize| {
        let begin = number(headers + index * 64, 4);
        content(names)[begin..].split(|byte| *byte == 0).next() == Some(name.as_bytes())
    };
    content((0..count).find(named).unwrap_or_else(|| panic!("no section {name}")))
}

/// Returns the relocations of an object: a type, the access path to a member, and the kind.
fn relocations(object: &[u8]) -> Vec<[usize; 3]> {
    let ext = section(object, ".BTF.ext");
    let number =
        |at: usize| u32::from_le_bytes(ext[at..at + 4].try_into().expect("four bytes")) as usize;
    let (begin, length) = (number(4) + number(24), number(28));
    let (mut at, mut all) = (begin + 4, Vec::new());
    while at < begin + length {
        let count = number(at + 4);
        at += 8;
        all.extend((0..count).map(|nth| [4, 8, 12].map(|field| number(at + nth * 16 + field))));
        at += count * 16;
    }
    all
}

/// The last kind of field relocation, and the kinds of enumerator relocations: enum bpf_core_relo_kind.
const FIELDS: usize = 5;
const ENUMERATORS: std::ops::RangeInclusive<usize> = 10..=11;

/// Adds the members, `type.member`, on the access path of a relocation.
fn add_members(types: &Types, [id, way, kind]: [usize; 3], to: &mut BTreeSet<String>) {
    if kind > FIELDS && !ENUMERATORS.contains(&kind) {
        return;
    }
    let indices = types.string(way).split(':').map(|index| index.parse().expect("an index"));
    let (mut at, mut owner) = (bare(types, id), String::new());
    for index in indices.skip(usize::from(kind <= FIELDS)) {
        let Some(it) = at else { return };
        if !types.name(it.begin).is_empty() {
            owner = types.name(it.begin).split("___").next().unwrap_or_default().into();
        }
        match it.kind {
            STRUCT | UNION | ENUM | ENUM64 => {
                let name = types.name(it.member(index)).split("___").next().unwrap_or_default();
                if !name.is_empty() {
                    to.insert(format!("{owner}.{name}"));
                }
                at = bare(types, types.number(it.member(index) + 4));
            }
            ARRAY => at = bare(types, types.number(it.begin + 12)),
            _ => return,
        }
    }
}

/// Returns a type without its qualifiers.
fn bare(types: &Types, id: usize) -> Option<Type> {
    let it = types.get(id)?;
    match it.kind {
        TYPEDEF | VOLATILE | CONST | RESTRICT => bare(types, types.number(it.begin + 8)),
        _ => Some(it),
    }
}

/// Returns every member that a program reads.
fn members() -> Vec<String> {
    let mut all = BTreeSet::new();
    for object in OBJECTS {
        let types = Types::parse(section(object, ".BTF").to_vec());
        relocations(object).into_iter().for_each(|it| add_members(&types, it, &mut all));
    }
    assert!(all.len() > 400, "only {} members", all.len());
    all.into_iter().collect()
}

/// Structures that are embedded in others, and the members that identify a socket. Without one of these, no
/// socket of a family can be shown, which the run reports.
const ESSENTIAL: &[&str] = &[
    "sock.__sk_common",
    "inet_sock.sk",
    "inet_connection_sock.icsk_inet",
    "tcp_sock.inet_conn",
    "udp_sock.inet",
    "unix_sock.sk",
    "packet_sock.sk",
    "netlink_sock.sk",
    "xdp_sock.sk",
    "mptcp_sock.sk",
    "sock_common.skc_family",
    "sock_common.skc_state",
    "sock_common.skc_net",
    "sock_common.skc_num",
    "sock_common.skc_dport",
    "sock_common.skc_rcv_saddr",
    "sock_common.skc_daddr",
    "sock_common.skc_v6_rcv_saddr",
    "sock_common.skc_v6_daddr",
    "sock.sk_protocol",
    "sock.sk_type",
    // Members that find sockets without a table: descriptors, in the namespace of the reader
    "bpf_func_id.BPF_FUNC_sock_from_file",
    "socket.sk",
    "file.f_inode",
    "file.private_data",
    "inode.i_sb",
    "super_block.s_magic",
    // Before 6.18, the inode that joins descriptors and sockets
    "socket_alloc.vfs_inode",
    "inode.i_ino",
    "task_struct.nsproxy",
    "nsproxy.net_ns",
    // MPTCP sockets without a descriptor: subflows
    "bpf_iter__tcp.sk_common",
    "tcp_sock.is_mptcp",
    "inet_connection_sock.icsk_ulp_data",
    "mptcp_subflow_context.conn",
    "mptcp_sock.first",
];

/// The members that more than [`USUAL`] options depend on, and the maximum number of these options.
const OF_MANY: &[(&str, usize)] = &[
    ("inet_sock.inet_flags", 32),
    ("inet_sock.cmsg_flags", 9),
    ("inet_sock.pinet6", 50),
    ("ipv6_pinfo.rxopt", 20),
    ("net.ipv4", 10),
    ("netlink_sock.flags", 7),
    ("packet_sock.flags", 8),
    ("sock_common.skc_flags", 25),
    ("udp_sock.udp_flags", 4),
];

/// The maximum number of options that another member may cost: those of a word or a list.
const USUAL: usize = 4;

/// Shows all sockets of the scene with all columns and options.
const ARGUMENTS: &str = "-tuwx0 --netlink --mptcp --vsock --xdp --unbound --columns \
    protocol,type,state,recvq,sendq,drops,local,remote,interface,uid,inode,cookie,netns,master,group,\
    diag,owner,dead_after,dead_after_sending,options,set -O all --ndjson";

/// A run: its rows by cookie, its status and its errors.
struct Run {
    rows: BTreeMap<u64, Value>,
    status: Option<i32>,
    error: String,
}

/// The cookie, which the scene has asked for, or the inode.
fn key(row: &Value) -> Option<u64> {
    row["cookie"].as_u64().or(row["inode"].as_u64()).filter(|it| *it != 0)
}

fn run(types: &Types) -> Run {
    let output = TypesFile::new(types).run(ARGUMENTS);
    let rows = String::from_utf8_lossy(&output.stdout).into_owned();
    let rows = rows.lines().map(|row| serde_json::from_str::<Value>(row).expect("a row"));
    Run {
        rows: rows.filter_map(|row| Some((key(&row)?, row))).collect(),
        status: output.status.code(),
        error: String::from_utf8_lossy(&output.stderr).trim().to_owned(),
    }
}

/// The differences between a run without a member and the complete run.
#[derive(Default, Debug)]
struct Lost {
    rows: usize,
    /// Options that are absent.
    options: BTreeSet<String>,
    /// Options with a different value.
    wrong: BTreeSet<String>,
    /// Columns without a value.
    columns: BTreeSet<String>,
    /// Columns with a different value.
    changed: BTreeSet<String>,
}

impl Lost {
    fn between(whole: &Run, after: &Run) -> Lost {
        let mut lost = Lost::default();
        let has_cookies = after.rows.values().any(|row| !row["cookie"].is_null());
        for (cookie, before) in &whole.rows {
            let key = if has_cookies { Some(*cookie) } else { before["inode"].as_u64() };
            match key.and_then(|key| after.rows.get(&key)) {
                None => lost.rows += 1,
                Some(after) => lost.add(before, after),
            }
        }
        lost
    }

    fn add(&mut self, before: &Value, after: &Value) {
        let columns = before.as_object().expect("a row").iter();
        for (name, value) in
            columns.filter(|(name, _)| !["options", "set"].contains(&name.as_str()))
        {
            match &after[name] {
                same if same == value => {}
                Value::Null => drop(self.columns.insert(name.clone())),
                _ => drop(self.changed.insert(name.clone())),
            }
        }
        let [before, after] =
            [before, after].map(|row| row["options"].as_object().expect("options"));
        for (name, value) in before {
            match after.get(name) {
                None => drop(self.options.insert(name.clone())),
                Some(shown) if shown == value => {}
                Some(_) => drop(self.wrong.insert(name.clone())),
            }
        }
        let new = after.keys().filter(|name| !before.contains_key(*name));
        self.wrong.extend(new.cloned());
    }
}

/// Returns what is wrong with a run without a member. `None` if it lost options or columns.
fn judge(member: &str, whole: &Run, after: &Run) -> Option<String> {
    let lost = Lost::between(whole, after);
    let many = OF_MANY.iter().find(|(name, _)| *name == member).map_or(USUAL, |(_, many)| *many);
    let is_told = after.status == Some(1) && after.error.lines().count() == 1;
    let is_silent = after.status == Some(0) && after.error.is_empty();
    let is_essential = ESSENTIAL.contains(&member);
    let problem = if !is_told && !is_silent {
        "neither complete nor incomplete"
    } else if !lost.wrong.is_empty() {
        "wrong values"
    } else if !lost.changed.is_empty() {
        "a value in the place of one that is not known"
    } else if lost.options.len() > many {
        "many options"
    } else if lost.rows > 0 && !(is_essential && is_told) {
        "rows"
    } else if !lost.columns.is_empty() && !is_told {
        "columns, and nothing is said"
    } else {
        return None;
    };
    Some(format!("{member}: {problem}: {lost:?}, {:?}, {}", after.status, after.error))
}

/// Removes the members, one at a time, as many as fit the time limit. Returns how many, and what is wrong.
fn without_each(members: &[String], limit: Duration) -> (usize, Vec<String>) {
    let kernel = Types::of_kernel();
    let whole = run(&kernel);
    assert_eq!((whole.status, whole.error.as_str()), (Some(0), ""));
    assert!(whole.rows.len() > 15, "only {} rows", whole.rows.len());
    let (next, looked_at, wrong) =
        (AtomicUsize::new(0), AtomicUsize::new(0), Mutex::new(Vec::new()));
    let begin = Instant::now();
    thread::scope(|scope| {
        for _ in 0..RUNS {
            scope.spawn(|| {
                while begin.elapsed() < limit {
                    let next = next.fetch_add(1, Ordering::Relaxed);
                    let Some(member) = members.get(next) else { return };
                    let mut types = kernel.clone();
                    if !types.take(member) {
                        continue;
                    }
                    looked_at.fetch_add(1, Ordering::Relaxed);
                    wrong.lock().expect("no panic").extend(judge(member, &whole, &run(&types)));
                }
            });
        }
    });
    (looked_at.into_inner(), wrong.into_inner().expect("no panic"))
}

/// The number of concurrent runs. A run mostly waits for the kernel.
const RUNS: usize = 6;

#[test]
fn a_spread_of_members() {
    enter_namespace();
    let _scene = super::scene();
    let all = members();
    // Neighbours in the list are similar, so it is processed in strides, as far as time allows. Each run begins with
    // another one.
    const STEP: usize = 17;
    let start = std::process::id() as usize;
    let firsts = (0..STEP).map(|n| (start + n) % STEP);
    let spread: Vec<String> =
        firsts.flat_map(|first| all.iter().skip(first).step_by(STEP)).cloned().collect();
    let (looked_at, wrong) = without_each(&spread, Duration::from_secs(12));
    say(&format!("members taken away: {looked_at} of {}, from number {}", all.len(), start % STEP));
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(looked_at > 0, "no member was taken away");
}

#[test]
#[ignore = "takes some minutes: cargo test --test live members -- --ignored"]
fn every_member() {
    enter_namespace();
    let _scene = super::scene();
    let all = members();
    let (looked_at, wrong) = without_each(&all, Duration::from_secs(3600));
    say(&format!("members taken away: {looked_at} of {}", all.len()));
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
