//! Every member that some program reads, one after the other: a kernel that lacks it costs what is made of
//! it, and no value becomes another.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::Mutex;
use std::thread;
use std::time::{Duration, Instant};

use super::types::{Type, Types, TypesFile};
use super::types::{ARRAY, CONST, ENUM, ENUM64, RESTRICT, STRUCT, TYPEDEF, UNION, VOLATILE};
use crate::common::{enter_namespace, say};
use serde_json::Value;

/// The programs as they are built. Their relocations (BPF CO-RE) name each member that they read.
const OBJECTS: [&[u8]; 2] = [
    include_bytes!(concat!(env!("OUT_DIR"), "/tables.bpf.o")),
    include_bytes!(concat!(env!("OUT_DIR"), "/files.bpf.o")),
];

/// A section of an ELF file of 64 bits.
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

/// The relocations of an object: a type, the way from it to a member, and the kind.
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

/// The last kind of relocation of a member, and the kinds of those of an enumerator: enum
/// bpf_core_relo_kind.
const FIELDS: usize = 5;
const ENUMERATORS: std::ops::RangeInclusive<usize> = 10..=11;

/// Adds the members, `type.member`, on the way to what a relocation is about.
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

/// A type without what qualifies it.
fn bare(types: &Types, id: usize) -> Option<Type> {
    let it = types.get(id)?;
    match it.kind {
        TYPEDEF | VOLATILE | CONST | RESTRICT => bare(types, types.number(it.begin + 8)),
        _ => Some(it),
    }
}

/// Every member that some program reads.
fn members() -> Vec<String> {
    let mut all = BTreeSet::new();
    for object in OBJECTS {
        let types = Types::parse(section(object, ".BTF").to_vec());
        relocations(object).into_iter().for_each(|it| add_members(&types, it, &mut all));
    }
    assert!(all.len() > 400, "only {} members", all.len());
    all.into_iter().collect()
}

/// Structures that stand inside others and what tells one socket from another. Without one of these there
/// is nothing to show of a family, which the run says.
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
    // What sockets without a table are found by: descriptors, in the namespace of the reader
    "bpf_func_id.BPF_FUNC_sock_from_file",
    "socket.sk",
    "file.f_inode",
    "file.private_data",
    "inode.i_sb",
    "super_block.s_magic",
    // ... and, before 6.18, the inode by which descriptors and sockets are joined
    "socket_alloc.vfs_inode",
    "inode.i_ino",
    "task_struct.nsproxy",
    "nsproxy.net_ns",
    // ... and MPTCP sockets without a descriptor: subflows
    "bpf_iter__tcp.sk_common",
    "tcp_sock.is_mptcp",
    "inet_connection_sock.icsk_ulp_data",
    "mptcp_subflow_context.conn",
    "mptcp_sock.first",
];

/// The members that more than [`USUAL`] options are made of, with how many options at most.
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

/// The most options that one of the other members costs: those that a word or a list has.
const USUAL: usize = 4;

/// All sockets of the scene, with everything that is shown of them.
const ARGUMENTS: &str = "-tuwx0 --netlink --mptcp --vsock --xdp --unbound --columns \
    protocol,type,state,recvq,sendq,drops,local,remote,interface,uid,inode,cookie,netns,master,group,\
    diag,owner,options,set -O all --ndjson";

/// A run: its rows by their cookies, its status and its errors.
struct Run {
    rows: BTreeMap<u64, Value>,
    status: Option<i32>,
    error: String,
}

fn run(types: &Types) -> Run {
    let output = TypesFile::new(types).run(ARGUMENTS);
    let rows = String::from_utf8_lossy(&output.stdout).into_owned();
    let rows = rows.lines().map(|row| serde_json::from_str::<Value>(row).expect("a row"));
    // Before 5.12 not every socket has a cookie.
    let key = |row: &Value| row["cookie"].as_u64().or(row["inode"].as_u64()).filter(|it| *it != 0);
    Run {
        rows: rows.filter_map(|row| Some((key(&row)?, row))).collect(),
        status: output.status.code(),
        error: String::from_utf8_lossy(&output.stderr).trim().to_owned(),
    }
}

/// What a run without a member has lost against the whole.
#[derive(Default, Debug)]
struct Lost {
    rows: usize,
    /// The options that are absent.
    options: BTreeSet<String>,
    /// Options with another value than before.
    wrong: BTreeSet<String>,
    /// Columns that have no value any more.
    columns: BTreeSet<String>,
    /// Columns with another value than before.
    changed: BTreeSet<String>,
}

impl Lost {
    fn between(whole: &Run, after: &Run) -> Lost {
        let mut lost = Lost::default();
        for (cookie, before) in &whole.rows {
            match after.rows.get(cookie) {
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

/// What is wrong with a run without a member; `None` where it cost its options or its columns.
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

/// Takes the members away, one at a time, as many as there is time for; what is wrong.
fn without_each(members: &[String], limit: Duration) -> (usize, Vec<String>) {
    let kernel = Types::of_kernel();
    run(&kernel); // From then on, each socket has its cookie.
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

/// How many runs go on at the same time: most of one is waiting for the kernel.
const RUNS: usize = 6;

#[test]
fn a_spread_of_members() {
    enter_namespace();
    let _scene = super::scene();
    let all = members();
    // Neighbours are alike: in steps through the list, as far as the time goes.
    const STEP: usize = 17;
    let spread: Vec<String> =
        (0..STEP).flat_map(|first| all.iter().skip(first).step_by(STEP)).cloned().collect();
    let (looked_at, wrong) = without_each(&spread, Duration::from_secs(45));
    say(&format!("members taken away: {looked_at} of {}", all.len()));
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
