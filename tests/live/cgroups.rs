//! The control groups of sockets, with the units and containers that their paths tell of. The kernel says in
//! /proc/PID/cgroup which group a process is in, and gives its number as the inode of the directory.

use std::fs;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::os::linux::net::SocketAddrExt;
use std::os::unix::fs::MetadataExt;
use std::os::unix::net::{self, UnixDatagram};
use std::path::{Path, PathBuf};

use nix::mount::{mount, umount2, MntFlags, MsFlags};
use nix::sched::{setns, unshare, CloneFlags};
use nix::sys::socket::{socket, AddressFamily, SockFlag, SockType};
use serde_json::{json, Value};

use crate::common::{
    deafen, enter_namespace, find, knetstat, local_address, sockets, stdout, wait_until, Child,
};

const COLUMNS: &str = "--columns protocol,state,sport,cgroup,unit,container,owner,pid";
const ID: &str = "4f5e6d7c8b9a0f1e2d3c4b5a69788796a5b4c3d2e1f00f1e2d3c4b5a69788796";
const UID: &str = "0d2b9a8e-6c1f-4a57-9f3b-5e6d7c8b9a0f";

/// A hierarchy of control groups that is mounted for this thread alone, and a group in it that is removed in the end.
struct Hierarchy {
    point: PathBuf,
    top: PathBuf,
    groups: Vec<PathBuf>,
}

impl Hierarchy {
    fn new() -> Hierarchy {
        let name = format!("knetstat-{}-{}", std::process::id(), nix::unistd::gettid());
        let point = std::env::temp_dir().join(&name);
        fs::create_dir(&point).expect("a directory");
        unshare(CloneFlags::CLONE_NEWNS).expect("a mount namespace");
        let private = MsFlags::MS_REC | MsFlags::MS_PRIVATE;
        mount(None::<&str>, "/", None::<&str>, private, None::<&str>).expect("private mounts");
        let none = Some("none");
        mount(none, &point, Some("cgroup2"), MsFlags::empty(), None::<&str>).expect("cgroup2");
        let top = point.join(&name);
        fs::create_dir(&top).expect("a group");
        Hierarchy { point, top, groups: Vec::new() }
    }

    /// Makes a group, and those above it.
    fn group(&mut self, path: &str) -> PathBuf {
        let mut group = self.top.clone();
        for part in path.split('/') {
            group.push(part);
            if !group.exists() {
                fs::create_dir(&group).expect("a group");
                self.groups.push(group.clone());
            }
        }
        group
    }

    /// The path of a group in the hierarchy.
    fn path(&self, group: &Path) -> String {
        format!("/{}", group.strip_prefix(&self.point).expect("a group").display())
    }
}

impl Drop for Hierarchy {
    fn drop(&mut self) {
        // A process that was killed leaves its group a little later.
        for group in self.groups.iter().rev().chain([&self.top]) {
            wait_until("a group is empty", || fs::remove_dir(group).is_ok() || !group.exists());
        }
        let _ = umount2(&self.point, MntFlags::MNT_DETACH);
        let _ = fs::remove_dir(&self.point);
    }
}

/// Starts a process in a group, which then opens sockets.
fn process(group: &Path, begin: impl FnOnce()) -> Child {
    let procs = group.join("cgroup.procs");
    let child = Child::named(c"grouped", || {
        let _ = fs::write(&procs, "0");
        begin();
    });
    let pid = child.pid();
    wait_until("the process is in its group", || {
        let known = fs::read_to_string(format!("/proc/{pid}/cgroup")).expect("a process");
        known.lines().any(|line| {
            line.strip_prefix("0::")
                .is_some_and(|path| group.ends_with(path.trim_start_matches('/')))
        })
    });
    child
}

/// The rows of a process, as soon as there are so many.
fn rows_of(child: &Child, flags: &str, count: usize) -> Vec<Value> {
    let mut rows = Vec::new();
    wait_until("the process has opened its sockets", || {
        rows = sockets(&format!("{flags} --pid {} {COLUMNS}", child.pid()));
        rows.len() >= count
    });
    assert_eq!(rows.len(), count, "{rows:?}");
    rows
}

#[test]
fn sockets_of_every_family_have_a_group() {
    enter_namespace();
    let mut hierarchy = Hierarchy::new();
    let group = hierarchy.group("system.slice/web.service/worker");
    let any = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    let name = net::SocketAddr::from_abstract_name("knetstat-cgroups").expect("a name");
    let child = process(&group, || {
        let other = |family, kind| socket(family, kind, SockFlag::empty(), None);
        std::mem::forget((
            TcpListener::bind(any),
            UdpSocket::bind(any),
            UnixDatagram::bind_addr(&name),
            other(AddressFamily::Netlink, SockType::Raw),
            other(AddressFamily::Packet, SockType::Raw),
            // Never bound.
            other(AddressFamily::Inet, SockType::Stream),
            other(AddressFamily::Inet6, SockType::Datagram),
        ));
    });
    let rows = rows_of(&child, "-tux0 --netlink --unbound", 7);
    for row in &rows {
        assert_eq!(row["cgroup"], hierarchy.path(&group), "{row}");
        assert_eq!(
            (&row["unit"], &row["container"]),
            (&json!("web.service"), &Value::Null),
            "{row}"
        );
    }
    // Those of this process have the group of this process.
    let own = UdpSocket::bind(any).expect("a socket");
    let status = fs::read_to_string("/proc/self/cgroup").expect("/proc");
    let path = status.lines().find_map(|line| line.strip_prefix("0::")).expect("version 2");
    assert_eq!(find(&sockets("-u --columns inode,cgroup"), &own).expect("a row")["cgroup"], path);
}

#[test]
fn containers_and_their_pods() {
    enter_namespace();
    let mut hierarchy = Hierarchy::new();
    let slice = "kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod";
    let pod = format!("{slice}{}.slice/cri-containerd-{ID}.scope", UID.replace('-', "_"));
    let any = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    for (path, runtime, pod, unit) in [
        (format!("docker/{ID}"), "docker", None, None),
        (pod, "containerd", Some(UID), Some(format!("cri-containerd-{ID}.scope"))),
    ] {
        let group = hierarchy.group(&path);
        let child = process(&group, || std::mem::forget(TcpListener::bind(any)));
        let rows = rows_of(&child, "-t", 1);
        let container = json!({"runtime": runtime, "id": ID, "pod": pod});
        assert_eq!(rows[0]["container"], container);
        assert_eq!(rows[0]["unit"], json!(unit));
        for operand in [ID, &ID[..12], runtime, pod.unwrap_or(ID)] {
            let found = sockets(&format!("-t --where container={operand} {COLUMNS}"));
            assert_eq!(found, rows, "{operand}");
        }
        assert!(sockets(&format!("-t --where container!={ID} {COLUMNS}")).is_empty());
        let text = stdout("-tH --columns container");
        assert_eq!(text.trim(), format!("{runtime}:{}", &ID[..12]));
        let csv = stdout("-tH --csv --columns container");
        assert_eq!(csv.trim(), format!("{runtime}:{ID}"));
    }
}

/// A connection that its process has closed, of which the peer acknowledges nothing.
#[test]
fn an_orphan_has_the_group_of_its_process() {
    enter_namespace();
    let mut hierarchy = Hierarchy::new();
    let group = hierarchy.group("batch.service");
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a listener");
    let address = local_address(&listener);
    let child = process(&group, || {
        if let Ok(mut client) = TcpStream::connect(address) {
            // Then the peer is deaf.
            let _ = client.read(&mut [0]);
        }
    });
    let (mut peer, _) = listener.accept().expect("accept");
    deafen(&peer);
    peer.write_all(b"x").expect("write");
    let mut orphans = Vec::new();
    wait_until("the connection is an orphan", || {
        orphans = sockets(&format!("-t --where owner=orphan {COLUMNS}"));
        !orphans.is_empty()
    });
    assert_eq!(orphans[0]["cgroup"], hierarchy.path(&group));
    assert_eq!(orphans[0]["unit"], "batch.service");
    drop(child);
}

#[test]
fn a_group_that_was_removed_has_only_its_number() {
    enter_namespace();
    let mut hierarchy = Hierarchy::new();
    let (group, other) = (hierarchy.group("gone.service"), hierarchy.group("other.service"));
    let number = fs::metadata(&group).expect("a group").ino().to_string();
    let any = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    let child = process(&group, || std::mem::forget(TcpListener::bind(any)));
    let row = rows_of(&child, "-t", 1).remove(0);
    assert_eq!(row["cgroup"], hierarchy.path(&group));
    fs::write(other.join("cgroup.procs"), child.pid().to_string()).expect("moved");
    fs::remove_dir(&group).expect("removed");
    // A group of the same path is another one.
    fs::create_dir(&group).expect("a group");
    let row = rows_of(&child, "-t", 1).remove(0);
    assert_eq!((&row["cgroup"], &row["unit"]), (&json!(number), &Value::Null), "{row}");
    let text = stdout("-tH --columns cgroup,unit,container");
    assert_eq!(text.split_whitespace().collect::<Vec<_>>(), [number.as_str(), "?", "?"]);
    assert_eq!(sockets(&format!("-t --where cgroup={number} {COLUMNS}")).len(), 1);
    drop(child);
}

#[test]
fn without_a_mounted_hierarchy_only_the_first_group_is_known() {
    enter_namespace();
    let mut hierarchy = Hierarchy::new();
    let group = hierarchy.group("hidden.service");
    let any = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    let child = process(&group, || std::mem::forget(TcpListener::bind(any)));
    rows_of(&child, "-t", 1);
    let mounts = fs::read("/proc/thread-self/mountinfo").expect("/proc");
    let hidden = String::from_utf8_lossy(&mounts);
    let hidden = hidden.lines().filter(|line| line.contains(" - cgroup2 "));
    for point in hidden.filter_map(|line| line.split(' ').nth(4)) {
        umount2(point, MntFlags::MNT_DETACH).expect("umount");
    }
    let output = knetstat(["-tH", "--columns", "cgroup,unit"]);
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{stderr}");
    assert!(stderr.contains("paths of control groups: cgroup2 is not mounted"), "{stderr}");
    assert!(String::from_utf8_lossy(&output.stdout).trim().ends_with('?'), "{output:?}");
    // Nothing is missing if the columns are not asked for.
    assert!(knetstat(["-tH"]).status.success());
    drop(child);
    mount(Some("none"), &hierarchy.point, Some("cgroup2"), MsFlags::empty(), None::<&str>)
        .expect("cgroup2");
}

/// The numbers of what covers a mounted hierarchy, or a group in it, are those of files, and not of groups.
#[test]
fn a_covered_hierarchy_names_no_group() {
    enter_namespace();
    let mut hierarchy = Hierarchy::new();
    let group = hierarchy.group("covered.slice/inner.service");
    let above = group.parent().expect("the slice").to_owned();
    let child = process(&group, || std::mem::forget(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))));
    let number = fs::metadata(&group).expect("the group").ino();
    assert_eq!(rows_of(&child, "-t", 1)[0]["unit"], "inner.service");
    leave_only(&hierarchy.point);
    for cover in [&hierarchy.point, &above] {
        mount(Some("none"), cover, Some("tmpfs"), MsFlags::empty(), None::<&str>).expect("tmpfs");
        let output = knetstat(["-tH", "--columns", "cgroup,unit"]);
        let (shown, stderr) = (text_of(&output.stdout), text_of(&output.stderr));
        assert_eq!(shown.split_whitespace().collect::<Vec<_>>(), [&*number.to_string(), "?"]);
        let why =
            format!("paths of control groups: another file system covers {}", cover.display());
        assert!(stderr.contains(&why), "{stderr}");
        assert_eq!(output.status.code(), Some(1), "{stderr}");
        // A mount of the whole hierarchy elsewhere has all groups.
        let other = hierarchy.point.with_extension("other");
        fs::create_dir_all(&other).expect("a directory");
        mount(Some("none"), &other, Some("cgroup2"), MsFlags::empty(), None::<&str>)
            .expect("cgroup2");
        let text = stdout("-tH --columns unit");
        umount2(&other, MntFlags::MNT_DETACH).expect("umount");
        fs::remove_dir(&other).expect("removed");
        umount2(cover, MntFlags::MNT_DETACH).expect("umount");
        assert_eq!(text.trim(), "inner.service");
    }
    drop(child);
}

fn text_of(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// Unmounts all hierarchies but this one for this thread.
fn leave_only(kept: &Path) {
    let mounts = fs::read_to_string("/proc/thread-self/mountinfo").expect("/proc");
    let hierarchies = mounts.lines().filter(|line| line.contains(" - cgroup2 "));
    let points = hierarchies.filter_map(|line| line.split(' ').nth(4)).map(Path::new);
    for point in points.filter(|point| *point != kept) {
        umount2(point, MntFlags::MNT_DETACH).expect("umount");
    }
}

/// In a cgroup namespace, `/` is its own first group, and those outside have no path.
#[test]
fn a_cgroup_namespace_has_paths_of_its_own() {
    enter_namespace();
    let mut hierarchy = Hierarchy::new();
    let group = hierarchy.group("system.slice/inner.socket");
    let outside = hierarchy.group("system.slice/outer.service");
    let listen = || std::mem::forget(TcpListener::bind((Ipv4Addr::LOCALHOST, 0)));
    let children = [&group, &outside, &hierarchy.point.clone()].map(|it| process(it, listen));
    children.iter().for_each(|child| drop(rows_of(child, "-t", 1)));
    let unit = &rows_of(&children[0], "-t", 1)[0]["unit"];
    assert_eq!(unit, "inner.socket");
    assert_eq!(rows_of(&children[2], "-t", 1)[0]["cgroup"], "/");

    let inside = process(&group, || {
        let _ = unshare(CloneFlags::CLONE_NEWCGROUP);
    });
    let file = format!("/proc/{}/ns/cgroup", inside.pid());
    let number = |path: &Path| fs::metadata(path).expect("a file").ino();
    let own = number(Path::new("/proc/thread-self/ns/cgroup"));
    wait_until("the namespace exists", || number(Path::new(&file)) != own);
    let numbers = [&outside, &hierarchy.point].map(|it| json!(number(it).to_string()));
    setns(fs::File::open(file).expect("a namespace"), CloneFlags::CLONE_NEWCGROUP).expect("setns");
    // The mounts from outside name no group of the namespace.
    let output = knetstat(["-tH", "--columns", "cgroup"]);
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{stderr}");
    assert!(stderr.contains("cgroup2 is not mounted"), "{stderr}");
    mount(Some("none"), &hierarchy.top, Some("cgroup2"), MsFlags::empty(), None::<&str>)
        .expect("cgroup2");
    let rows: Vec<Value> = children.iter().map(|child| rows_of(child, "-t", 1).remove(0)).collect();
    umount2(&hierarchy.top, MntFlags::MNT_DETACH).expect("umount");
    let groups: Vec<&Value> = rows.iter().map(|row| &row["cgroup"]).collect();
    assert_eq!(groups, [&json!("/"), &numbers[0], &numbers[1]]);
    assert!(rows.iter().all(|row| row["unit"].is_null()), "{rows:?}");
}

/// Starts a process in the group of a container, in a network namespace of its own or in that of the host, with a
/// listening socket.
fn contained(group: &Path, host: bool) -> (Child, u64) {
    let child = process(group, || {
        match host {
            true => {
                let of_host = fs::File::open("/proc/2/ns/net").expect("that of the host");
                setns(of_host, CloneFlags::CLONE_NEWNET).expect("the network of the host");
            }
            false => unshare(CloneFlags::CLONE_NEWNET).expect("a network namespace"),
        }
        std::mem::forget(TcpListener::bind((Ipv4Addr::UNSPECIFIED, 0)));
    });
    wait_until("the process listens", || {
        // The process may change its namespace between two looks at it, which is reported.
        let pid = child.pid().to_string();
        !knetstat(["-tH", "--netns", &pid, "--pid", &pid]).stdout.is_empty()
    });
    let netns = fs::metadata(format!("/proc/{}/ns/net", child.pid())).expect("a namespace").ino();
    (child, netns)
}

#[test]
fn a_container_names_its_network_namespace() {
    enter_namespace();
    let mut hierarchy = Hierarchy::new();
    let other = format!("{}{}", &ID[..20], "0".repeat(44));
    let group = hierarchy.group(&format!("docker/{ID}"));
    let group_of_other = hierarchy.group(&format!("docker/{other}"));
    let group_of_host =
        hierarchy.group(&format!("machine.slice/libpod-{}.scope", ID.replace('4', "3")));
    // The first process of the container has ended, and nobody waits for it.
    let ended = Child::named(c"ended", || {
        let _ = fs::write(group.join("cgroup.procs"), "0");
        // SAFETY: the child has nothing to clean up.
        unsafe { nix::libc::_exit(0) }
    });
    wait_until("it has ended", || {
        let stat = fs::read_to_string(format!("/proc/{}/stat", ended.pid()));
        stat.is_ok_and(|stat| stat.contains(") Z "))
    });
    let (child, netns) = contained(&group, false);
    let name = format!("docker:{}", &ID[..12]);
    for word in [&name, ID, &ID[..12], &name[..10]] {
        let rows = sockets(&format!("-t --netns {word}"));
        assert_eq!(rows.len(), 1, "{word}: {rows:?}");
        assert_eq!((&rows[0]["netns"], &rows[0]["netns_name"]), (&json!(netns), &json!(name)));
    }
    let table = stdout(&format!("-tH --netns {name} --columns netns,netns_name"));
    assert_eq!(table.split_whitespace().collect::<Vec<_>>(), [&name, &name]);
    let by_pid =
        sockets(&format!("-t --all-netns --pid {} --where netns_name={name}", child.pid()));
    assert_eq!(by_pid.len(), 1, "{by_pid:?}");
    let completed = stdout(&format!("complete -- knetstat --netns {}", &name[..9]));
    assert!(completed.contains(&name), "{completed}");

    let (_of_host, own) = contained(&group_of_host, true);
    let rows = sockets(&format!("-t --netns podman:{}", &ID.replace('4', "3")[..12]));
    assert!(rows.iter().all(|row| row["netns"] == own), "{rows:?}");
    assert!(rows.iter().all(|row| !row["netns_name"].to_string().contains("podman")), "{rows:?}");

    // One that does not exist, and one of several.
    assert_eq!(knetstat(["-t", "--netns", &"d".repeat(64)]).status.code(), Some(2));
    let (_child, _) = contained(&group_of_other, false);
    let refused = knetstat(["-t", "--netns", &ID[..12]]);
    let message = String::from_utf8_lossy(&refused.stderr);
    assert_eq!(refused.status.code(), Some(2), "{message}");
    assert!(message.contains(ID) && message.contains(&other), "{message}");
    assert_eq!(sockets(&format!("-t --netns docker:{other}")).len(), 1);
}

/// A container whose processes are in several namespaces means none of them, and names none.
#[test]
fn a_container_with_two_network_namespaces() {
    enter_namespace();
    let mut hierarchy = Hierarchy::new();
    let id = ID.replace('f', "e");
    let group = hierarchy.group(&format!("docker/{id}/one"));
    let group_of_other = hierarchy.group(&format!("docker/{id}/other"));
    let children = [contained(&group, false), contained(&group_of_other, false)];
    let refused = knetstat(["-t", "--netns", &id]);
    let message = String::from_utf8_lossy(&refused.stderr);
    assert_eq!(refused.status.code(), Some(2), "{message}");
    let pids = children.iter().map(|(child, _)| child.pid()).collect::<Vec<_>>();
    assert!(pids.iter().all(|pid| message.contains(&pid.to_string())), "{message}");
    for (child, netns) in &children {
        let rows = sockets(&format!("-t --all-netns --pid {}", child.pid()));
        assert_eq!(rows.len(), 1, "{rows:?}");
        assert_eq!((&rows[0]["netns"], &rows[0]["netns_name"]), (&json!(netns), &Value::Null));
    }
}
