//! Names that are shown but cannot be looked up: a number or nothing in place of a name is reported. A
//! printed name is accepted as an argument and means the same object.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::net::UdpSocket;
use std::os::fd::AsFd;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::process::{Command, Output};
use std::thread;

use nix::sched::{setns, CloneFlags};

use crate::common::{
    enter_namespace, has_strace, knetstat, not_tested, set_bytes, sockets, stdout, KNETSTAT,
};
use crate::exclusive;
use crate::netns::Named;

/// Opens a UDP socket in the namespace of this thread, bound to an interface.
fn bound() -> UdpSocket {
    let socket = UdpSocket::bind("127.0.0.1:7200").expect("bind");
    set_bytes(&socket, 1, 25, b"lo").expect("SO_BINDTODEVICE");
    socket
}

/// Runs knetstat through a command such as strace(1) or prlimit(1).
fn after(before: &str, arguments: &str) -> Output {
    let script = format!("{before} $0 {arguments}");
    Command::new("sh").args(["-c", &script, KNETSTAT]).output().expect("sh(1)")
}

/// Asserts that a run is incomplete and reports this in one line with these words. Returns its standard
/// output.
fn incomplete(output: &Output, words: &[&str]) -> String {
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert_eq!(said.lines().count(), 1, "{said}");
    words.iter().for_each(|word| assert!(said.contains(word), "no '{word}': {said}"));
    String::from_utf8(output.stdout.clone()).expect("UTF-8")
}

/// Asserts that a run succeeds without a message. Returns its standard output.
fn complete(output: &Output) -> String {
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
    assert!(output.status.success());
    String::from_utf8(output.stdout.clone()).expect("UTF-8")
}

/// A namespace without a name has another one than any.
#[test]
fn a_namespace_is_compared_by_its_name() {
    let _turn = exclusive();
    let named = Named::new();
    let (_inside, inode) = (named.within(bound), named.inode().to_string());
    enter_namespace();
    let _outside = bound();
    let count = |expression: &str| {
        let arguments = "-uH --all-netns --sport 7200 --where";
        let words = arguments.split(' ').chain([expression]);
        complete(&knetstat(words)).lines().count()
    };
    let name = &named.0;
    for (expression, rows) in [
        (format!("netns = {name}"), 1),
        (format!("netns = {name},other"), 1),
        (format!("netns != {name}"), 1),
        (format!("not netns = {name}"), 1),
        (format!("netns = {inode}"), 1),
        (format!("netns != {inode}"), 1),
        ("netns = other".into(), 0),
        ("netns != other".into(), 2),
    ] {
        assert_eq!(count(&expression), rows, "{expression}");
    }
    // JSON has the number, and compares the name.
    let rows = sockets(&format!("-u --all-netns --sport 7200 --where netns={name}"));
    assert_eq!(rows.len(), 1);
}

/// With any limit of descriptors, namespaces have their names or the run reports that names are missing.
#[test]
fn too_few_descriptors_lose_no_name() {
    let _turn = exclusive();
    let named = [Named::new(), Named::new()];
    let _sockets = named.each_ref().map(|netns| netns.within(bound));
    let words = format!("--netns {},{}", named[0].0, named[1].0);
    let numbers = named.each_ref().map(|netns| netns.inode().to_string());
    let mut without = 0;
    for arguments in [
        format!("-uH {words} --sport 7200"),
        format!("-u {words} --columns netns_name --ndjson"),
        "-uH --all-netns --sport 7200".into(),
    ] {
        let mut with_names = 0;
        for limit in 5..40 {
            let output = after(&format!("ulimit -n {limit};"), &arguments);
            let text = String::from_utf8_lossy(&output.stdout);
            let has = |words: &[&String; 2]| words.iter().all(|word| text.contains(*word));
            match output.status.code() {
                Some(0) => {
                    assert!(has(&[&named[0].0, &named[1].0]), "{limit}: {text}");
                    with_names += 1;
                }
                _ => {
                    let said = String::from_utf8_lossy(&output.stderr).into_owned();
                    incomplete(&output, &["ulimit -n"]);
                    let is_shown = has(&numbers.each_ref()) || text.contains("null");
                    assert_eq!(is_shown, said.contains("names of network namespaces"), "{said}");
                    without += usize::from(is_shown);
                }
            }
        }
        assert!(with_names > 0, "{arguments}");
    }
    if without == 0 {
        not_tested(
            "names for which there are too few descriptors: the programs take more of them here",
        );
    }
}

/// The directory, or one file in it, exists but cannot be read.
#[test]
fn names_that_cannot_be_read() {
    if !has_strace("names that cannot be looked up") {
        return;
    }
    let _turn = exclusive();
    let named = Named::new();
    let _socket = named.within(bound);
    let (path, number) = (format!("/run/netns/{}", named.0), named.inode().to_string());
    let by_path = "--netns /proc/self/fd/7 7<";
    for (place, arguments) in [
        ("/run/netns", format!("-uH {by_path}{path}")),
        (path.as_str(), format!("-uH {by_path}{path}")),
    ] {
        let before = format!("strace -o /dev/null -P {place} -e inject=openat:error=EACCES");
        let text = incomplete(&after(&before, &arguments), &["names of network namespaces", place]);
        assert!(text.contains(&number), "{text}");
        let columns = arguments.replace("-uH", "-uH --columns netns_name");
        let text = incomplete(&after(&before, &columns), &["names of network namespaces", place]);
        assert!(text.starts_with('?'), "{text}");
        // JSON has the number in one member and the name in another, which is not requested here.
        let arguments = arguments.replace("-uH", "-u --ndjson --columns netns");
        let text = complete(&after(&before, &arguments));
        assert_eq!(text.trim(), format!("{{\"netns\":{number}}}"));
    }
    // A table without the column does not need the names, nor does a host without the directory.
    let _own = bound();
    let before = "strace -o /dev/null -P /run/netns -e inject=openat:error=EACCES";
    complete(&after(before, "-u"));
    let hidden = "unshare -m sh -c 'mount -t tmpfs none /run; exec \"$0\" -u -J'";
    complete(&after(hidden, ""));
    let text = complete(&after("", "-uH --columns netns_name --sport 7200"));
    assert_eq!(text.trim(), "-", "this namespace has no name");
    drop(named);
}

/// A symbolic link to a namespace is not a mount: if it cannot be opened, its namespace is unknown.
#[test]
fn a_link_that_cannot_be_opened_is_said() {
    if !has_strace("names that cannot be looked up") {
        return;
    }
    let _turn = exclusive();
    let link = format!("/run/netns/knetstat-{}-link", std::process::id());
    fs::create_dir_all("/run/netns").expect("/run/netns");
    std::os::unix::fs::symlink("/proc/self/ns/net", &link).expect("a link");
    let before = format!("strace -f -o /dev/null -P {link} -e inject=openat:error=EACCES");
    let output = after(&before, "-uH --all-netns --columns sport --options SO_TYPE");
    fs::remove_file(&link).expect("the link");
    incomplete(&output, &["network namespaces: cannot open", &link]);
}

/// The names of interfaces are looked up through a new socket.
#[test]
fn interfaces_that_cannot_be_asked() {
    if !has_strace("names that cannot be looked up") {
        return;
    }
    let _turn = exclusive();
    enter_namespace();
    let _bound = bound();
    let before = "strace -f -o /dev/null -e inject=socket:error=EMFILE";
    for arguments in [
        "-uH --columns interface",
        "-u --ndjson --columns interface",
        "-uH -O SO_BINDTOIFINDEX --columns options",
    ] {
        let said = ["names of interfaces: cannot open a new socket: ", "ulimit -n"];
        incomplete(&after(before, arguments), &said);
    }
    complete(&after(before, "-uH --columns sport"));
    let refused = "strace -f -o /dev/null -e inject=ioctl:error=EPERM:when=1+";
    let output = after(refused, "-uH --columns interface");
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    // A name that cannot be looked up is not reported as wrong.
    let text = incomplete(&after(before, "-uH --interface lo"), &["interfaces", "ulimit -n"]);
    assert_eq!(text, "");
    assert_eq!(stdout("-uH --columns interface").trim(), "lo");
}

/// A namespace with a name of any bytes. It is removed when the value is dropped.
struct Odd(Vec<u8>);

impl Odd {
    fn new(name: &[u8]) -> Odd {
        Odd::ip("add", name);
        Odd(name.into())
    }

    fn ip(command: &str, name: &[u8]) {
        let mut ip = Command::new("ip");
        let output = ip.args(["netns", command]).arg(OsStr::from_bytes(name)).output();
        assert!(output.expect("ip(8)").status.success(), "{command} {name:?}");
    }

    fn file(&self) -> File {
        File::open([b"/run/netns/", &*self.0].concat().as_os()).expect("the namespace")
    }

    /// Opens a socket in the namespace, with a port by which its row is found.
    fn bound(&self, port: u16) -> UdpSocket {
        let file = self.file();
        let bind = move || {
            setns(file.as_fd(), CloneFlags::CLONE_NEWNET).expect("setns");
            UdpSocket::bind(("0.0.0.0", port)).expect("bind")
        };
        thread::spawn(bind).join().expect("a socket")
    }
}

impl Drop for Odd {
    fn drop(&mut self) {
        Odd::ip("del", &self.0);
    }
}

trait AsOs {
    fn as_os(&self) -> &OsStr;
}

impl AsOs for Vec<u8> {
    fn as_os(&self) -> &OsStr {
        OsStr::from_bytes(self)
    }
}

/// Each name in the table or in JSON is accepted as an argument, and selects only its namespace.
#[test]
fn a_namespace_by_its_name_as_it_is_printed() {
    let _turn = exclusive();
    let pid = std::process::id().to_string();
    let begins: [&[u8]; 9] =
        [b"x y", b"x\\x20y", b"\xff", b"\\", b"\\\\", b"a,b", b"-", b"\x1b", b"a\\x2fb"];
    let mut names = begins.map(|begin| [begin, pid.as_bytes()].concat()).to_vec();
    names.push(pid.clone().into_bytes()); // a name of digits that is also the PID of a process
    let made: Vec<Odd> = names.iter().map(|name| Odd::new(name)).collect();
    let _sockets: Vec<UdpSocket> =
        made.iter().zip(7300..).map(|(netns, port)| netns.bound(port)).collect();
    let table = stdout("-uH --all-netns --columns sport,netns");
    let json = stdout("-u --all-netns --columns sport,netns_name --ndjson");
    for (netns, port) in made.iter().zip(7300..) {
        let line = table.lines().find(|line| line.trim().starts_with(&format!("{port} ")));
        let word = line.expect("a row").split_whitespace().nth(1).expect("a name");
        let rows = json.lines().map(|row| serde_json::from_str::<serde_json::Value>(row).unwrap());
        let mut rows = rows.filter(|row| row["sport"] == port);
        let name = rows.next().expect("a row")["netns_name"].as_str().expect("a name").to_owned();
        let mut words = vec![word.to_owned()];
        // A comma separates two words. JSON does not distinguish a name of digits from a process.
        words.extend(Some(name).filter(|name| !name.contains(',') && *name != pid));
        for word in words {
            let output = knetstat(["-uH", "--columns", "sport,inode", &format!("--netns={word}")]);
            let text = complete(&output);
            let mut fields = text.split_whitespace();
            assert_eq!(fields.next(), Some(&*port.to_string()), "{word}: {text}");
            let output =
                knetstat(["-u", "--ndjson", "--columns", "netns", &format!("--netns={word}")]);
            let inode = netns.file().metadata().expect("a namespace").ino();
            assert_eq!(complete(&output).trim(), format!("{{\"netns\":{inode}}}"), "{word}");
        }
    }
    // The placeholder of a name that cannot be read is not a name.
    let unknown = Odd::new(b"?");
    let _socket = unknown.bound(7350);
    let text = stdout("-uH --all-netns --columns netns_name --sport 7350");
    assert_eq!(text.split_whitespace().next(), Some(r"\x3f"));
}

/// Escapes never make a path of a name: a path is looked up with the rights of the caller.
#[test]
fn a_name_does_not_become_a_path() {
    if !has_strace("names that cannot be looked up") {
        return;
    }
    let _turn = exclusive();
    let named = Named::new();
    for word in [
        format!("..\\x2fnetns\\x2f{}", named.0),
        format!("\\x2Frun\\x2fnetns\\x2f{}", named.0),
        format!("{}\\x00", named.0),
        r"..\x2f..\x2fetc\x2fpasswd".into(),
    ] {
        let trace = std::env::temp_dir().join(format!("knetstat-{}-trace", std::process::id()));
        let mut strace = Command::new("strace");
        strace.arg("-o").arg(&trace).args([KNETSTAT, "-u", &format!("--netns={word}")]);
        let output = strace.output().expect("strace(1)");
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{word}: {said}");
        assert!(said.contains("no slash") && output.stdout.is_empty(), "{word}: {said}");
        let calls = fs::read_to_string(&trace).expect("the calls");
        fs::remove_file(&trace).expect("the file");
        let opened = |line: &str| line.contains("\"/run/netns") && line.contains("open");
        assert_eq!(calls.lines().find(|line| opened(line)), None, "{word}");
    }
}

/// Users and services are printed where a word is wrong.
#[test]
fn users_and_services_as_they_are_printed() {
    let _turn = exclusive();
    enter_namespace();
    let _socket = UdpSocket::bind("127.0.0.1:7200").expect("bind");
    let file = std::env::temp_dir().join(format!("knetstat-{}-names", std::process::id()));
    for (contents, place, option) in [
        (&b"admin\xe9:x:0:0:::\n"[..], "/etc/passwd", "--user"),
        (b"admin\xe9 7200/udp\n", "/etc/services", "--sport"),
    ] {
        fs::write(&file, contents).expect("a file");
        let script = "mount --bind $1 $2 && exec $0 -uH --columns sport $3 $4";
        let run = |word: &str| {
            let mut unshare = Command::new("unshare");
            unshare.args(["-m", "sh", "-c", script, KNETSTAT]).arg(&file);
            unshare.args([place, option, word]).output().expect("unshare(1)")
        };
        let said = String::from_utf8(run("admin").stderr).expect("UTF-8");
        let (_, near) = said.split_once("did you mean ").expect("a suggestion");
        let word = near.split('?').next().expect("a name");
        assert_eq!(word, r"admin\xe9");
        assert_eq!(complete(&run(word)).trim(), "7200", "{option} {word}");
    }
    fs::remove_file(file).expect("the file");
}
