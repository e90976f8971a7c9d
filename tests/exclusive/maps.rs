//! The BPF maps of a knetstat that has given up its capabilities and writes its output. The programs read from
//! the kernel what their maps describe, and they keep the capabilities with which they were loaded. Proves
//! that the process cannot change a map any more: not through a descriptor, nor through memory, nor by a map
//! that is not frozen.

use std::collections::BTreeSet;
use std::fs;
use std::net::UdpSocket;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::process::Command;

use knetstat::kernel::map_access::{update, WritablePage};
use knetstat::kernel::syscall;
use libbpf_rs::query::{ProgInfoIter, ProgInfoQueryOptions};
use libbpf_rs::{MapFdInfo, MapHandle, MapInfo, MapType};
use libbpf_sys::{bpf_map_create_opts, BPF_F_MMAPABLE};
use nix::errno::Errno;

use crate::common::writing::{Stream, Writing};
use crate::common::{enter_namespace, say, wait_until, KNETSTAT};
use crate::exclusive;

/// include/uapi/linux/bpf.h: the descriptor that created the map can only read it.
const BPF_F_RDONLY: u32 = 1 << 3;

/// Enough sockets for an output that exceeds every buffer.
const SOCKETS: usize = 1_000;

/// Returns the descriptors of the process, as numbers.
fn descriptors(writing: &Writing) -> Vec<u32> {
    let entries = fs::read_dir(writing.file("fd")).expect("it is there");
    let number = |entry: fs::DirEntry| entry.file_name().to_str()?.parse().ok();
    entries.filter_map(|entry| number(entry.ok()?)).collect()
}

/// Returns a member of the description of a descriptor: proc_pid_fdinfo(5).
fn described(writing: &Writing, fd: u32, member: &str) -> Option<u32> {
    let text = fs::read_to_string(writing.file(&format!("fdinfo/{fd}"))).ok()?;
    let mut members = text.lines().filter_map(|line| line.split_once(':'));
    members.find(|(name, _)| *name == member)?.1.trim().parse().ok()
}

/// Asserts that a map cannot be written through this descriptor.
fn assert_read_only(map: &OwnedFd, what: &str) {
    let info = MapInfo::new(map.as_fd()).expect("a map").info;
    let updated = update(map.as_fd(), info.key_size as _, info.value_size as _);
    let error = updated.expect_err(what);
    assert_eq!(error.raw_os_error(), Some(Errno::EPERM as i32), "{what}: {error}");
    assert!(WritablePage::of(map.as_fd()).is_err(), "{what} can be mapped");
}

/// Asserts that no descriptor of the process can write to a map. Returns the number of those that are maps.
fn check_descriptors(writing: &Writing, what: &str) -> usize {
    let process = syscall::pidfd(writing.child.id(), 0).expect("a process");
    let fds = descriptors(writing);
    let maps = fds.into_iter().filter(|fd| described(writing, *fd, "map_type").is_some());
    let check = |fd| {
        let map = syscall::duplicate(process.as_fd(), fd).expect("a descriptor");
        assert_read_only(&map, &format!("{what}: descriptor {fd}"));
    };
    maps.map(check).count()
}

/// Returns the mappings of maps in the memory of a process, and whether they can be written, or be made
/// writable with mprotect(2), which requires the flag `mw`: proc_pid_smaps(5).
fn mappings(smaps: &str) -> Vec<(&str, bool)> {
    let (mut mappings, mut header) = (Vec::new(), "");
    for line in smaps.lines() {
        match line.split_once(':') {
            Some(("VmFlags", flags)) if header.contains("bpf-map") => {
                let permissions = header.split_whitespace().nth(1).expect("permissions");
                let may_write = flags.split_whitespace().any(|flag| flag == "mw");
                mappings.push((header, may_write || permissions.contains('w')));
            }
            // Only the names of members begin with a capital.
            Some((name, _)) if name.starts_with(|first: char| first.is_ascii_uppercase()) => {}
            _ => header = line,
        }
    }
    mappings
}

/// Asserts that no memory of the process is that of a map and can be written. Returns the number of mappings.
fn check_memory(writing: &Writing, what: &str) -> usize {
    let smaps = fs::read_to_string(writing.file("smaps")).expect("it is there");
    let mappings = mappings(&smaps);
    let can_write = mappings.iter().find(|(_, can_write)| *can_write);
    assert_eq!(can_write, None, "{what}");
    mappings.len()
}

/// Returns the maps of the programs that the process keeps in the kernel through its links.
fn loaded_maps(writing: &Writing) -> BTreeSet<u32> {
    let fds = descriptors(writing);
    let programs: BTreeSet<u32> =
        fds.iter().filter_map(|fd| described(writing, *fd, "prog_id")).collect();
    assert!(!programs.is_empty(), "the process has no program");
    let (mut maps, mut found) = (BTreeSet::new(), BTreeSet::new());
    // The list ends early if a program of another process is unloaded meanwhile.
    wait_until("all programs are listed", || {
        let with_maps = ProgInfoQueryOptions::default().include_map_ids(true);
        for program in ProgInfoIter::with_query_opts(with_maps) {
            if programs.contains(&program.id) {
                found.insert(program.id);
                maps.extend(program.map_ids);
            }
        }
        found == programs
    });
    maps
}

/// Returns the maps that are neither frozen nor created as read-only, and asserts that frozen ones cannot be
/// written.
fn writable(maps: &BTreeSet<u32>, what: &str) -> Vec<String> {
    let mut writable = Vec::new();
    for id in maps {
        let map = MapHandle::from_map_id(*id).expect("a map");
        let (fd, info) = (map.as_fd(), MapFdInfo::from_fd(map.as_fd()).expect("its description"));
        let name =
            format!("{what}: {:?} ({:?})", MapInfo::new(fd).expect("a map").name(), info.map_type);
        let is_frozen = info.frozen.expect("whether it is frozen");
        if is_frozen {
            assert_read_only(&fd.try_clone_to_owned().expect("a descriptor"), &name);
        } else if info.map_flags.expect("its flags") & BPF_F_RDONLY == 0 {
            writable.push(name);
        }
    }
    writable
}

#[test]
fn no_map_can_be_written_after_the_start() {
    let _turn = exclusive();
    enter_namespace();
    crate::common::permit_descriptors(4 * SOCKETS as u64);
    let _udp: Vec<UdpSocket> =
        (0..SOCKETS).map(|_| UdpSocket::bind("127.0.0.1:0").expect("bind")).collect();
    let _unix: Vec<_> = (0..SOCKETS / 2).map(|_| UnixStream::pair().expect("a pair")).collect();
    let mut wrong = Vec::new();
    for arguments in [
        "-tu",
        "-x -p",
        "-tup -J --all-netns",
        "-tuxw0p --netlink --mptcp --sctp --vsock --xdp --unbound",
        "-tux --where SO_RCVBUF>0 --wait 5s",
    ] {
        let mut command = Command::new(KNETSTAT);
        command.args(arguments.split_whitespace());
        let writing = Writing::start(&mut command, Stream::Out);
        writing.has_no_capabilities(arguments);
        let held = check_descriptors(&writing, arguments);
        let mapped = check_memory(&writing, arguments);
        let loaded = loaded_maps(&writing);
        assert!(!loaded.is_empty(), "{arguments}: the programs have constants");
        say(&format!(
            "maps: {arguments}: {} in the kernel, {held} descriptors, {mapped} mappings",
            loaded.len()
        ));
        wrong.extend(writable(&loaded, arguments));
    }
    assert!(wrong.is_empty(), "maps that can be written:\n{}", wrong.join("\n"));
}

/// A map that can be written, so that each check is known to notice it, before and after it is frozen.
#[test]
fn a_map_that_can_be_written_is_noticed() {
    let _turn = exclusive();
    let options = bpf_map_create_opts {
        sz: size_of::<bpf_map_create_opts>() as _,
        map_flags: BPF_F_MMAPABLE,
        ..Default::default()
    };
    let map = MapHandle::create(MapType::Array, Some("writable"), 4, 4096, 1, &options);
    let map = map.expect("a map");
    let id = BTreeSet::from([MapInfo::new(map.as_fd()).expect("a map").info.id]);

    update(map.as_fd(), 4, 4096).expect("it can be written");
    let page = WritablePage::of(map.as_fd()).expect("it can be mapped");
    let smaps = fs::read_to_string("/proc/self/smaps").expect("it is there");
    let mappings = mappings(&smaps);
    assert!(matches!(mappings[..], [(_, true)]), "{mappings:?}");
    assert_eq!(writable(&id, "a test").len(), 1);

    drop(page); // the kernel freezes no map that is mapped for writing
    map.freeze().expect("it can be frozen");
    assert_read_only(&map.as_fd().try_clone_to_owned().expect("a descriptor"), "a frozen map");
    assert!(writable(&id, "a test").is_empty());
}
