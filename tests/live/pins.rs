//! Pins: users without privileges read what root sees, and nothing that is not a whole set of pins of this version is
//! taken for one.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::{IoSlice, Read};
use std::net::{TcpListener, TcpStream, UdpSocket};
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::fs::{symlink, PermissionsExt};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use knetstat::kernel::{syscall, xattr};
use nix::libc;
use nix::sched::{unshare, CloneFlags};
use nix::sys::socket::{sendmsg, ControlMessage, MsgFlags};
use serde_json::{json, Value};

use crate::common::scene::inode;
use crate::common::ways::NO_WALKS;
use crate::common::{btf_has, enter_namespace, read_pin, say, stdout, wait_until, KNETSTAT};
use crate::resolve::name_server::{self, are_asked, named, NameServer};
use crate::sandbox::{run, Everybodys};

/// A group without a name, which may read the pins of the tests.
pub const GROUP: &str = "65533";

/// What doctor says of pins whose readers take locks.
const LOCKS: &str = ". Read with the lock of each socket: ";

/// A directory of pins, which is removed with this value.
pub struct Pinned(pub PathBuf);

impl Pinned {
    /// Makes pins for the group.
    pub fn new(test: &str, arguments: &[&str]) -> Pinned {
        let pinned = Pinned::nowhere(test);
        pinned.pin(arguments);
        pinned
    }

    /// The directory, without pins.
    pub fn nowhere(test: &str) -> Pinned {
        let name = format!("knetstat-pinned-{test}-{}", std::process::id());
        Pinned(std::env::temp_dir().join(name))
    }

    pub fn path(&self) -> &str {
        self.0.to_str().expect("UTF-8")
    }

    pub fn pin(&self, arguments: &[&str]) -> String {
        let all = [&["pin", "--dir", self.path(), "--group", GROUP], arguments].concat();
        succeeds(&run(KNETSTAT, &all))
    }

    /// Pins the kernel's iterators, and no walks.
    pub fn pin_iterators(&self) -> String {
        let all = [NO_WALKS, KNETSTAT, "pin", "--dir", self.path(), "--group", GROUP];
        succeeds(&run("env", &all))
    }

    pub fn unpin(&self) -> String {
        succeeds(&run(KNETSTAT, &["unpin", "--dir", self.path()]))
    }

    pub fn set(&self) -> PathBuf {
        self.0.join(fs::read_link(self.0.join("records")).expect("a link"))
    }
}

impl Drop for Pinned {
    fn drop(&mut self) {
        // The test may have removed them.
        let _ = run(KNETSTAT, &["unpin", "--dir", self.path()]);
    }
}

pub fn succeeds(output: &Output) -> String {
    assert!(output.status.success(), "{output:?}");
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
    String::from_utf8(output.stdout.clone()).expect("UTF-8")
}

/// Runs a program as nobody in these groups, or in none.
pub fn as_nobody(groups: Option<&str>, program: &str, arguments: &[&str]) -> Output {
    let mut all = vec!["--reuid", "65534", "--regid", "65534"];
    match groups {
        Some(groups) => all.extend(["--groups", groups]),
        None => all.push("--clear-groups"),
    }
    all.push(program);
    all.extend(arguments);
    run("setpriv", &all)
}

/// Runs the program as a member of the group, with the pins of this directory.
pub fn member(program: &Everybodys, pinned: &Pinned, arguments: &str) -> Output {
    let words = ["--pins", pinned.path()].into_iter().chain(arguments.split_whitespace());
    as_nobody(Some(GROUP), &program.program, &words.collect::<Vec<_>>())
}

/// Asserts that a run fails with one line that contains these words, and prints no row.
pub fn fails(output: &Output, words: &str) {
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    assert!(said.contains(words) && said.lines().count() == 1, "{words}: {said}");
    assert_eq!(String::from_utf8_lossy(&output.stdout), "", "{words}");
}

/// Sockets of several families at rest, of a namespace of their own.
pub struct Scene {
    _sockets: Vec<OwnedFd>,
}

impl Scene {
    pub fn new() -> Scene {
        enter_namespace();
        let listener = TcpListener::bind("127.0.0.1:1001").expect("a listener");
        let client = TcpStream::connect("127.0.0.1:1001").expect("a client");
        let accepted = listener.accept().expect("a connection").0;
        client.set_nodelay(true).expect("TCP_NODELAY");
        let waiting = TcpStream::connect("127.0.0.1:1001").expect("a client");
        let listener6 = TcpListener::bind("[::1]:1002").expect("a listener");
        let udp = UdpSocket::bind("127.0.0.1:1003").expect("a UDP socket");
        let udp6 = UdpSocket::bind("[::1]:1004").expect("a UDP socket");
        udp.set_broadcast(true).expect("SO_BROADCAST");
        let [one, other] = <[UnixStream; 2]>::from(UnixStream::pair().expect("a pair"));
        let open =
            |domain, kind, protocol| syscall::socket(domain, kind, protocol).expect("a socket");
        let _sockets = vec![
            listener.into(),
            client.into(),
            accepted.into(),
            waiting.into(),
            listener6.into(),
            udp.into(),
            udp6.into(),
            one.into(),
            other.into(),
            open(libc::AF_INET, libc::SOCK_RAW, 200),
            open(libc::AF_NETLINK, libc::SOCK_RAW, 0),
            open(libc::AF_PACKET, libc::SOCK_RAW, 0),
            open(libc::AF_INET, libc::SOCK_STREAM, 0),
        ];
        Scene { _sockets }
    }
}

#[test]
fn only_the_group_reads_the_pins() {
    let _scene = Scene::new();
    let pinned = Pinned::new("group", &[]);
    let file = pinned.0.join("records/tcp_table");
    let file = file.to_str().expect("UTF-8");
    // A walk ends with EAGAIN, which is not an error to knetstat.
    let cat = |groups| as_nobody(groups, "head", &["-c1000", file]);
    let read = cat(Some(GROUP));
    assert!(read.status.success() && read.stdout.starts_with(b"knst"), "{read:?}");
    for groups in [None, Some("65532")] {
        let refused = cat(groups);
        assert!(!refused.status.success() && refused.stdout.is_empty(), "{refused:?}");
    }
    // The mode of each pin, and that of the directories.
    let mode = |path: &Path| path.metadata().expect("a file").permissions().mode() & 0o7777;
    assert_eq!(
        [mode(&pinned.0), mode(&pinned.set()), mode(Path::new(file))],
        [0o750, 0o750, 0o440]
    );
    pinned.pin(&["--mode", "0444"]);
    assert!(cat(None).stdout.starts_with(b"knst"));
    assert_eq!(
        [mode(&pinned.0), mode(&pinned.set()), mode(Path::new(file))],
        [0o755, 0o755, 0o444]
    );
    pinned.pin(&["--mode", "0400"]);
    assert!(!cat(Some(GROUP)).status.success());
}

/// Any program of a member reads the text files of the kernel module, and sees the namespace that it is in.
#[test]
fn the_text_files_are_those_of_the_module() {
    const FILES: [(&str, &str); 4] = [
        ("tcpstat", "--tcp4"),
        ("tcp6stat", "--tcp6"),
        ("udpstat", "--udp4"),
        ("udp6stat", "--udp6"),
    ];
    let sorted = |text: &str| {
        let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
        lines[1..].sort();
        lines
    };
    let _scene = Scene::new();
    let pinned = Pinned::new("text", &[]);
    let cat = |name: &str, groups| {
        let file = pinned.0.join(name);
        as_nobody(groups, "cat", &[file.to_str().expect("UTF-8")])
    };
    let mut rows = 0;
    for (name, flag) in FILES {
        let text = succeeds(&cat(name, Some(GROUP)));
        let printed = succeeds(&run(KNETSTAT, &["--module", flag]));
        assert_eq!(sorted(&text), sorted(&printed), "{name}");
        rows += text.lines().count() - 1;
        assert!(!cat(name, None).status.success(), "{name}");
    }
    assert_eq!(rows, 8, "the bound sockets of the scene");
    unshare(CloneFlags::CLONE_NEWNET).expect("a namespace");
    for (name, _) in FILES {
        assert_eq!(succeeds(&cat(name, Some(GROUP))).lines().count(), 1, "{name}");
    }
}

#[test]
fn a_member_sees_what_root_sees() {
    let _scene = Scene::new();
    let pinned = Pinned::new("same", &["--with-owners"]);
    let program = Everybodys::new("pins-same");
    let own = format!("--pid {} -x", std::process::id());
    let lines = [
        "-tulnJ",
        "-tunpJ --unbound",
        "-t --csv -O nodelay,keepalive",
        "-tu dport = 1001 or broadcast",
        "-tup not nodelay and sport=1001",
        "--count-by protocol,state,nodelay",
        "-tus",
        "-xpJ",
        "--netlink --columns protocol,local,inode,options",
        // The options of a new raw or packet socket cannot be asked for without privileges.
        "-w --columns local,inode,uid",
        "-0 -O mark,ignore_outgoing",
        "-w -O tos,mark",
        "-tp --peer --short",
        // From Linux 7.0, -e also shows attributes, for which root looks at the descriptors of processes.
        if xattr::sockets_have_them() {
            "-t --columns local,uid,inode,group --sort sport"
        } else {
            "-te --sort sport"
        },
        "-t --columns local,listener,listener_inode",
        &own,
    ];
    for line in lines {
        let mut seen = [Vec::new(), Vec::new()];
        // A child of another test may have a copy of a descriptor.
        wait_until(&format!("knetstat {line} is the same"), || {
            let words = line.split_whitespace();
            let root = Command::new(KNETSTAT).env("KNETSTAT_NO_WALKS", "1").args(words).output();
            let root = root.expect("it starts");
            assert_eq!(String::from_utf8_lossy(&root.stderr), "", "{line}");
            let nobody = member(&program, &pinned, line);
            assert_eq!(String::from_utf8_lossy(&nobody.stderr), "", "{line}");
            assert_eq!(nobody.status.code(), Some(0), "{line}");
            seen = [root.stdout, nobody.stdout].map(|output| in_order(&output));
            seen[0] == seen[1]
        });
        assert!(seen[1].len() > 1, "{line}: nothing to compare");
    }
}

/// The rows of an output, sorted, because walks and iterators go through different tables of UDP sockets.
fn in_order(output: &[u8]) -> Vec<String> {
    let mut rows: Vec<String> = match serde_json::from_slice::<Vec<Value>>(output) {
        Ok(objects) => objects.iter().map(Value::to_string).collect(),
        Err(_) => String::from_utf8_lossy(output).lines().map(str::to_owned).collect(),
    };
    rows.sort();
    rows
}

#[test]
fn what_pins_lack_is_said_once() {
    let _scene = Scene::new();
    let pinned = Pinned::new("lack", &[]);
    let program = Everybodys::new("pins-lack");
    let whole = member(&program, &pinned, "-tu");
    assert_eq!(succeeds(&whole).lines().count(), 9, "{whole:?}");
    let output = member(&program, &pinned, "-tup");
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    assert!(said.contains("missing processes: not among the pins in /"), "{said}");
    assert!(said.contains("--with-owners") && said.lines().count() == 1, "{said}");
    assert_eq!(String::from_utf8_lossy(&output.stdout).lines().count(), 9, "{output:?}");
    // A family that the kernel refused.
    fs::remove_file(pinned.set().join("vsock_files")).expect("a pin");
    let output = member(&program, &pinned, "-J --vsock -t");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(said.contains("missing vsock sockets: not among the pins"), "{said}");
    assert!(
        serde_json::from_slice::<Value>(&output.stdout).is_err(),
        "the array is not terminated"
    );
}

#[test]
fn a_reader_sees_the_namespace_that_it_is_in() {
    let _scene = Scene::new();
    let pinned = Pinned::new("netns", &["--with-owners"]);
    let program = Everybodys::new("pins-netns");
    unshare(CloneFlags::CLONE_NEWNET).expect("a namespace");
    crate::common::ip("link set lo up");
    let ports = |arguments: &str| -> Vec<u64> {
        let output = member(&program, &pinned, arguments);
        let rows: Vec<Value> = serde_json::from_str(&succeeds(&output)).expect("JSON");
        rows.iter().filter_map(|row| row["local"]["port"].as_u64()).collect()
    };
    assert_eq!(ports("-tuJ"), [0; 0]);
    let _udp = UdpSocket::bind("127.0.0.1:2001").expect("a UDP socket");
    let _tcp = TcpListener::bind("127.0.0.1:2002").expect("a listener");
    assert_eq!(ports("-tuJ"), [2002, 2001]);
    // What is found through descriptors.
    assert_eq!(succeeds(&member(&program, &pinned, "-w0H --columns inode")), "");
    let own = "/proc/self/ns/net";
    // The namespace of the process is not that of this thread.
    let two = format!("{own},{}", std::process::id());
    let both = run(KNETSTAT, &["--pins", pinned.path(), "-t", "--netns", &two]);
    fails(&both, "one network namespace");
    let one = run(KNETSTAT, &["--pins", pinned.path(), "-tH", "--netns", own]);
    assert_eq!(succeeds(&one).lines().count(), 1);
}

/// A remedy is a command for the place where the pins are sought.
#[test]
fn remedies_name_the_place() {
    let _scene = Scene::new();
    let pinned = Pinned::new("place", &[]);
    let program = Everybodys::new("pins-place");
    let make = format!("`sudo knetstat pin --dir {}`", pinned.path());
    let said = succeeds(&run(KNETSTAT, &["pin", "--dir", pinned.path()]));
    assert!(said.contains(&format!("(`knetstat unpin --dir {}` forgets", pinned.path())), "{said}");
    let output = member(&program, &pinned, "-tp");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(said.contains(&make) && said.contains("with --with-owners"), "{said}");
    let version = pinned.set().join("version");
    fs::remove_file(&version).expect("the link");
    fails(&member(&program, &pinned, "-t"), &format!("make them: {make}"));
    symlink("0.0.9 1", &version).expect("a link");
    fails(&member(&program, &pinned, "-t"), &format!("make them again: {make}"));
    pinned.pin(&[]);
    // A pin that may not be read although its directory may, as for a run that lasts when the pins are removed.
    let table = pinned.set().join("tcp_table");
    fs::set_permissions(&table, fs::Permissions::from_mode(0o000)).expect("chmod");
    let denied = member(&program, &pinned, "-t");
    fails(&denied, "permission denied for a pin (the pins have been removed, or are for others");
    assert!(String::from_utf8_lossy(&denied.stderr).contains(&make), "{denied:?}");
    for limit in 3..=8 {
        let line =
            format!("ulimit -n {limit}; exec {} --pins {} -t", program.program, pinned.path());
        let output = as_nobody(Some(GROUP), "sh", &["-c", &line]);
        let said = String::from_utf8_lossy(&output.stderr);
        let is_explained = !said.contains("oo many open files") || said.contains("ulimit -n 1024");
        assert!(output.status.success() || is_explained, "{limit}: {said}");
    }
    // Mounted over a pin: it can be removed once it is unmounted.
    let file = std::env::temp_dir().join(format!("knetstat-pins-over-{}", std::process::id()));
    File::create(&file).expect("a file");
    let [file, table] = [&file, &table].map(|path| path.to_str().expect("UTF-8"));
    succeeds(&run("mount", &["--bind", file, table]));
    let unpinned = run(KNETSTAT, &["unpin", "--dir", pinned.path()]);
    succeeds(&run("umount", &[table]));
    fs::remove_file(file).expect("the file");
    fails(&unpinned, "busy (unmount what is mounted in it)");
    pinned.unpin();
    fails(&member(&program, &pinned, "-t"), &format!("there are none (make them: {make})"));
}

/// Readers of a pin that is replaced all the time always see one whole set. Without a walk, unix sockets come from two pins,
/// and are recognized by identities, which differ from set to set.
#[test]
fn a_reader_never_sees_two_sets() {
    const PAIRS: usize = 200;
    const ROUNDS: usize = 8;
    enter_namespace();
    let pairs: Vec<_> = (0..PAIRS).map(|_| UnixStream::pair().expect("a pair")).collect();
    let ours: BTreeSet<u64> =
        pairs.iter().flat_map(|(one, other)| [inode(one), inode(other)]).collect();
    let pinned = Pinned::nowhere("replaced");
    pinned.pin_iterators();
    let program = Everybodys::new("pins-replaced");
    let is_over = AtomicBool::new(false);
    let reads = thread::scope(|scope| {
        let reader = || {
            let mut reads = 0;
            while !is_over.load(Ordering::Relaxed) || reads == 0 {
                let output = member(&program, &pinned, "-xJ --columns inode");
                let rows: Vec<Value> = serde_json::from_str(&succeeds(&output)).expect("JSON");
                // The other reader has a socket here, too.
                let shown = rows.iter().filter_map(|row| row["inode"].as_u64());
                let mut shown: Vec<u64> = shown.filter(|inode| ours.contains(inode)).collect();
                shown.sort_unstable();
                assert!(shown.iter().eq(&ours), "{} of {} sockets", shown.len(), ours.len());
                reads += 1;
            }
            reads
        };
        let readers = [scope.spawn(reader), scope.spawn(reader)];
        let mut sets = Vec::new();
        for _ in 0..ROUNDS {
            sets.push(pinned.set());
            pinned.pin_iterators();
        }
        is_over.store(true, Ordering::Relaxed);
        sets.sort();
        sets.dedup();
        assert_eq!(sets.len(), ROUNDS, "each set has another name");
        readers.map(|reader| reader.join().expect("no torn set")).iter().sum::<usize>()
    });
    say(&format!("pins: {reads} reads while {ROUNDS} sets were replaced"));
    let sets = fs::read_dir(&pinned.0).expect("a directory").flatten();
    let sets = sets.filter(|it| it.file_name().to_string_lossy().starts_with("set_"));
    assert_eq!(sets.count(), 1, "the old ones are removed");
}

#[test]
fn pins_can_be_removed_while_they_are_read() {
    enter_namespace();
    let _sockets: Vec<_> =
        (0..300).map(|_| UdpSocket::bind("127.0.0.1:0").expect("a UDP socket")).collect();
    let pinned = Pinned::new("read", &[]);
    let program = Everybodys::new("pins-read");
    let mut command = Command::new("setpriv");
    command.args(["--reuid", "65534", "--regid", "65534", "--groups", GROUP, &program.program]);
    command.args(["--pins", pinned.path(), "-uJ"]).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut reader = command.spawn().expect("it starts");
    let mut out = reader.stdout.take().expect("a pipe");
    let mut text = vec![0; 16];
    out.read_exact(&mut text).expect("the first row");
    let mut file = File::open(pinned.0.join("records/udp_table")).expect("a pin");
    let mut records = vec![0; 16];
    file.read_exact(&mut records).expect("the first record");
    assert_eq!(pinned.unpin(), format!("removed {} and its pins\n", pinned.path()));
    assert!(!pinned.0.exists());
    out.read_to_end(&mut text).expect("the rest");
    let rows: Vec<Value> = serde_json::from_slice(&text).expect("a whole array");
    assert_eq!(rows.len(), 300);
    records.extend(read_pin(&mut file));
    assert!(records.len() > 300 * 100, "{}", records.len());
    assert!(reader.wait().expect("it ends").success());
    fails(&member(&program, &pinned, "-u"), "there are none");
}

#[test]
fn pins_of_another_version_are_not_read() {
    let _scene = Scene::new();
    let pinned = Pinned::new("version", &[]);
    let program = Everybodys::new("pins-version");
    let version = pinned.set().join("version");
    let own = fs::read_link(&version).expect("a link");
    assert!(own.to_str().is_some_and(|it| it.starts_with(env!("CARGO_PKG_VERSION"))), "{own:?}");
    for (text, said) in [
        ("0.0.9 0123456789abcdef", "of knetstat 0.0.9, whose records differ"),
        ("0.0.9", "does not lead to a BPF file system with pins of knetstat"),
        ("\x1b[1m 1", "of knetstat \\x1b[1m, whose"),
    ] {
        fs::remove_file(&version).expect("the link");
        symlink(text, &version).expect("a link");
        fails(&member(&program, &pinned, "-t"), said);
    }
    fs::remove_file(&version).expect("the link");
    fails(&member(&program, &pinned, "-t"), "does not lead to");
    pinned.pin(&[]);
    succeeds(&member(&program, &pinned, "-t"));
}

/// Runs a shell line in a mount namespace where /run is empty. `$0` is the program, and `member` and `other` run what
/// follows as nobody in the group, and in no group. setpriv(1) is called by its path, because the shell of busybox has one
/// of its own, which can do less.
pub fn with_empty_run(program: &Everybodys, line: &str) -> Output {
    let functions = format!(
        "setpriv=$(which setpriv) && mount -t tmpfs none /run && \
         member() {{ $setpriv --reuid 65534 --regid 65534 --groups {GROUP} \"$@\"; }} && \
         other() {{ $setpriv --reuid 65534 --regid 65534 --clear-groups \"$@\"; }} && {line}"
    );
    run("unshare", &["--mount", "sh", "-c", &functions, &program.program])
}

#[test]
fn pins_are_found_where_programs_cannot_be_loaded() {
    let _scene = Scene::new();
    let program = Everybodys::new("pins-default");
    let sh = |line: &str| with_empty_run(&program, line);
    let pin = format!("$0 pin --group {GROUP} >/dev/null");
    let lacks = "CAP_BPF and CAP_PERFMON are required";
    fails(&sh("member $0 -t"), lacks);
    assert_eq!(succeeds(&sh(&format!("{pin} && member $0 -tH"))).lines().count(), 6);
    let other = sh(&format!("{pin} && other $0 -t"));
    fails(&other, lacks);
    let said = String::from_utf8_lossy(&other.stderr);
    assert!(
        said.contains("or join the group 65533, which may read the pins in /run/knetstat"),
        "{said}"
    );
    // Nobody is told to join the group of root, or one that may not read.
    for arguments in ["", "--group 65533 --mode 0400"] {
        let other = sh(&format!("$0 pin {arguments} >/dev/null && other $0 -t"));
        fails(&other, lacks);
        assert!(!String::from_utf8_lossy(&other.stderr).contains("join"), "{other:?}");
    }
    // Root does not read them, and so has processes, unless asked to.
    succeeds(&sh(&format!("{pin} && $0 -tp")));
    assert_eq!(sh(&format!("{pin} && $0 -tp --pins /run/knetstat")).status.code(), Some(1));
    let replace = "v=$(echo /run/knetstat/set_*/version); rm $v; ln -s '0.0.9 1' $v";
    fails(&sh(&format!("{pin} && {replace} && member $0 -t")), "of knetstat 0.0.9");
    succeeds(&sh(&format!("{pin} && {replace} && $0 -t")));
    fails(&sh(&format!("{pin} && member $0 -t --all-netns")), lacks);
    // Capabilities that are held in a user namespace only load no programs.
    if Path::new("/proc/self/ns/user").exists() {
        let contained = "unshare --user --map-root-user $0";
        let shown = sh(&format!("{pin} && {contained} -tH"));
        assert_eq!(succeeds(&shown).lines().count(), 6);
        let doctor = sh(&format!("{pin} && {contained} doctor -v"));
        assert!(String::from_utf8_lossy(&doctor.stdout).contains("through the pins"), "{doctor:?}");
        fails(&sh(&format!("{contained} -t")), "outside of a user namespace");
    } else {
        crate::common::not_tested("pins in a user namespace");
    }
    assert_eq!(succeeds(&sh(&format!("{pin} && $0 unpin >/dev/null && ls /run"))), "");
}

#[test]
fn doctor_tells_about_pins() {
    let program = Everybodys::new("pins-doctor");
    let sh = |line: &str| {
        let output = with_empty_run(&program, line);
        let found: Value = serde_json::from_slice(&output.stdout).expect("JSON");
        let checks = found["checks"].as_array().expect("checks").clone();
        let check = checks.into_iter().find(|check| check["name"] == "pins").expect("the check");
        (check, found["summary"].to_string(), output.status.code())
    };
    let pin = format!("$0 pin --group {GROUP} >/dev/null");
    let version = env!("CARGO_PKG_VERSION");
    let detail = |check: &Value| check["detail"].as_str().expect("text").to_owned();
    assert!(detail(&sh("$0 doctor --json").0).starts_with("none in /run/knetstat"));
    let (check, summary, status) = sh(&format!("{pin} && member $0 doctor --json"));
    let expected = format!(
        "in /run/knetstat, of knetstat {version}: every family, without processes, readable by root and the group {GROUP}"
    );
    let text = detail(&check);
    let (text, locking) = text.split_once(LOCKS).unwrap_or((&text, ""));
    assert_eq!((text, status), (expected.as_str(), Some(0)));
    // Since 6.2. Every kernel that has it permits the walks.
    assert!(locking.is_empty() || !btf_has("bpf_rdonly_cast"), "{locking}");
    assert!(summary.contains("knetstat works here, through the pins"), "{summary}");
    assert!(!summary.contains("CAP_BPF"), "{summary}");
    // A set without a family.
    let remove = "rm /run/knetstat/records/vsock_files /run/knetstat/records/udp_table";
    let (check, summary, status) = sh(&format!("{pin} && {remove} && member $0 doctor --json"));
    assert_eq!((check["verdict"].as_str(), status), (Some("missing"), Some(1)));
    assert!(summary.contains("not complete here: UDP and vsock sockets: not among"), "{summary}");
    assert!(!summary.contains("CAP_BPF"), "{summary}");
    let (check, _, status) = sh(&format!("{pin} && {remove} && $0 doctor --json"));
    assert_eq!((check["verdict"].as_str(), status), (Some("missing"), Some(0)));
    let owners = "$0 pin --mode 0444 --with-owners >/dev/null && $0 doctor --json";
    let text = detail(&sh(owners).0);
    assert!(text.contains("with processes, readable by all users"), "{text}");
    let locking = format!("{NO_WALKS} $0 pin --mode 0444 >/dev/null && $0 doctor --json");
    let text = detail(&sh(&locking).0);
    assert!(text.contains(&format!("readable by all users{LOCKS}TCP, UDP")), "{text}");
    let (check, _, status) = sh(&format!("{pin} && other $0 doctor --json"));
    assert_eq!((check["verdict"].as_str(), status), (Some("note"), Some(1)));
    assert!(detail(&check).contains("only root and the group 65533 may read"), "{check}");
    let replace = "v=$(echo /run/knetstat/set_*/version); rm $v; ln -s '0.0.9 1' $v";
    let (check, ..) = sh(&format!("{pin} && {replace} && $0 doctor --json"));
    assert_eq!(check["verdict"], "missing");
    assert!(detail(&check).contains("of knetstat 0.0.9"), "{check}");
}

#[test]
fn pins_serve_a_run_that_waits() {
    let _scene = Scene::new();
    let pinned = Pinned::new("wait", &[]);
    let program = Everybodys::new("pins-wait");
    let begin = |port: &str| {
        let mut command = Command::new("setpriv");
        command.args(["--reuid", "65534", "--regid", "65534", "--groups", GROUP, &program.program]);
        // An emulated machine takes more than a minute to pin the programs again.
        command.args(["--pins", pinned.path(), "-uq", "--sport", port, "--wait", "20min"]);
        command.spawn().expect("it starts")
    };
    assert!(begin("1003").wait().expect("it ends").success());
    let has_opened = |pid: u32| {
        let files = fs::read_dir(format!("/proc/{pid}/fd")).into_iter().flatten().flatten();
        files.filter_map(|file| file.path().read_link().ok()).any(|it| it.ends_with("udp_table"))
    };
    let mut waiting = begin("2003");
    wait_until("the pins are open", || has_opened(waiting.id()));
    assert!(waiting.try_wait().expect("wait").is_none());
    // It goes on with the pins that it has opened, because its group may still read them.
    pinned.pin(&[]);
    let _socket = UdpSocket::bind("127.0.0.1:2003").expect("a UDP socket");
    assert!(waiting.wait().expect("it ends").success());
    // Without pins, nobody may.
    let mut waiting = begin("2004");
    wait_until("the pins are open", || has_opened(waiting.id()));
    pinned.unpin();
    assert_eq!(waiting.wait().expect("it ends").code(), Some(2));
}

/// A listener in a path, so that the row has text from outside.
#[test]
fn paths_are_shown_by_pins() {
    enter_namespace();
    let path = std::env::temp_dir().join(format!("knetstat-pins-path-{}", std::process::id()));
    let _listener = UnixListener::bind(&path).expect("a listener");
    fs::remove_file(&path).expect("its file");
    let pinned = Pinned::new("path", &[]);
    let program = Everybodys::new("pins-path");
    let rows = succeeds(&member(&program, &pinned, "-xlH"));
    assert!(rows.contains(path.to_str().expect("UTF-8")), "{rows}");
}

/// A member sees the names that root sees.
#[test]
fn members_see_names() {
    if !are_asked("names for the members of a group") {
        return;
    }
    name_server::enter(&[]);
    let _server = NameServer::start(|_| named("db.example"));
    let _socket = UdpSocket::bind("127.0.0.1:1003").expect("a socket");
    let udp = UdpSocket::bind("192.0.2.9:1004").expect("a socket");
    udp.connect("192.0.2.1:1005").expect("connect");
    let (pinned, program) = (Pinned::new("names", &[]), Everybodys::new("names-of-members"));
    let arguments = "-urH --columns local,remote dport = 1005 or sport = 1003";
    let rows = succeeds(&member(&program, &pinned, arguments));
    assert!(rows.contains("localhost:1003") && rows.contains("db.example:1005"), "{rows}");
    assert_eq!(rows, stdout(arguments));
}

/// Pins find no socket in a message, and so do not say that it is held elsewhere.
#[test]
fn what_pins_cannot_find_is_unknown() {
    enter_namespace();
    let (sender, _receiver) = UnixStream::pair().expect("a pair");
    let udp = UdpSocket::bind("127.0.0.1:1003").expect("a socket");
    let connected = TcpListener::bind("127.0.0.1:1004").expect("a listener");
    let client = TcpStream::connect("127.0.0.1:1004").expect("a client");
    let fds = [udp.as_raw_fd(), client.as_raw_fd()];
    let rights = [ControlMessage::ScmRights(&fds)];
    let text = [IoSlice::new(b"take these")];
    sendmsg::<()>(sender.as_raw_fd(), &text, &rights, MsgFlags::empty(), None).expect("sendmsg");
    drop((udp, client));
    let server = connected.accept().expect("a connection").0;
    let pinned = Pinned::new("unknown", &["--with-owners"]);
    let program = Everybodys::new("pins-unknown");
    let rows = |arguments: &str| -> Vec<Value> {
        serde_json::from_str(&succeeds(&member(&program, &pinned, arguments))).expect("JSON")
    };
    // A child of another test may have a copy of a descriptor.
    wait_until("the socket has no holder", || rows("-upJ")[0]["processes"] == json!([]));
    assert_eq!(rows("-upJ")[0]["owner"], Value::Null);
    assert_eq!(rows("-uJ owner = elsewhere").len(), 0);
    let table = succeeds(&member(&program, &pinned, "-up --columns local,process,owner"));
    let row = table.lines().last().expect("a row");
    assert!(row.starts_with("127.0.0.1:1003 ") && !row.contains("elsewhere"), "{row}");
    let far = rows(&format!(
        "-tJ --peer --columns inode,peer_process,peer_owner inode={}",
        inode(&server)
    ));
    assert_eq!([&far[0]["peer_owner"], &far[0]["peer_processes"]], [&Value::Null, &json!([])]);
}

/// As in a chroot(2), or in a container without /sys. Programs require the types of the kernel that are there; pins do not.
#[test]
fn pins_are_read_without_sys() {
    let _scene = Scene::new();
    let pinned = Pinned::new("sys", &["--with-owners"]);
    let program = Everybodys::new("pins-sys");
    for arguments in ["-tupJ", "-tu --long", "--module -t"] {
        let whole = member(&program, &pinned, arguments);
        let line = format!(
            "setpriv=$(which setpriv) && mount -t tmpfs none /sys && \
             $setpriv --reuid 65534 --regid 65534 --groups {GROUP} {} --pins {} {arguments}",
            program.program,
            pinned.path()
        );
        let output = run("unshare", &["--mount", "sh", "-c", &line]);
        assert!(succeeds(&output) == succeeds(&whole), "{arguments}: {output:?}");
    }
}
