//! Names that are shown, and cannot be looked up: a number, or nothing, in the place of one is reported.

use std::fs;
use std::net::UdpSocket;
use std::process::{Command, Output};

use crate::common::{enter_namespace, set_bytes, stdout, KNETSTAT};
use crate::exclusive;
use crate::netns::Named;

/// A UDP socket that is bound to an interface, in the namespace of this thread.
fn bound() -> UdpSocket {
    let socket = UdpSocket::bind("127.0.0.1:7200").expect("bind");
    set_bytes(&socket, 1, 25, b"lo").expect("SO_BINDTODEVICE");
    socket
}

/// Runs knetstat after a command that goes before it.
fn after(before: &str, arguments: &str) -> Output {
    let script = format!("{before} $0 {arguments}");
    Command::new("sh").args(["-c", &script, KNETSTAT]).output().expect("sh(1)")
}

/// Asserts that a run is not complete and says so in one line with these words; its standard output.
fn incomplete(output: &Output, words: &[&str]) -> String {
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert_eq!(said.lines().count(), 1, "{said}");
    words.iter().for_each(|word| assert!(said.contains(word), "no '{word}': {said}"));
    String::from_utf8(output.stdout.clone()).expect("UTF-8")
}

/// Asserts the same of a run that succeeds, and says nothing.
fn complete(output: &Output) -> String {
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
    assert!(output.status.success());
    String::from_utf8(output.stdout.clone()).expect("UTF-8")
}

/// With each number of descriptors, namespaces have their names or the run says that it lacks them.
#[test]
fn too_few_descriptors_lose_no_name() {
    let _turn = exclusive();
    let named = [Named::new(), Named::new()];
    let _sockets = named.each_ref().map(|netns| netns.within(bound));
    let words = format!("--netns {},{}", named[0].0, named[1].0);
    let numbers = named.each_ref().map(|netns| netns.inode().to_string());
    for arguments in [
        format!("-uH {words} --sport 7200"),
        format!("-u {words} --columns netns_name --ndjson"),
        "-uH --all-netns --sport 7200".into(),
    ] {
        let (mut with_names, mut without) = (0, 0);
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
        assert!(with_names > 0 && without > 0, "{arguments}: {with_names} and {without}");
    }
}

/// Where the directory, or one file in it, cannot be read, for another reason than that there is none.
#[test]
fn names_that_cannot_be_read() {
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
        // JSON has the number in one member, and the name in another, which nobody asked for here.
        let arguments = arguments.replace("-uH", "-u --ndjson --columns netns");
        let text = complete(&after(&before, &arguments));
        assert_eq!(text.trim(), format!("{{\"netns\":{number}}}"));
    }
    // A table without the column does not need them, nor does a host without the directory.
    let _own = bound();
    let before = "strace -o /dev/null -P /run/netns -e inject=openat:error=EACCES";
    complete(&after(before, "-u"));
    let hidden = "unshare -m sh -c 'mount -t tmpfs none /run; exec \"$0\" -u -J'";
    complete(&after(hidden, ""));
    let text = complete(&after("", "-uH --columns netns_name --sport 7200"));
    assert_eq!(text.trim(), "-", "this namespace has no name");
    drop(named);
}

/// A link to a namespace is no mount: if it cannot be opened, nothing else tells of it.
#[test]
fn a_link_that_cannot_be_opened_is_said() {
    let _turn = exclusive();
    let link = format!("/run/netns/knetstat-{}-link", std::process::id());
    fs::create_dir_all("/run/netns").expect("/run/netns");
    std::os::unix::fs::symlink("/proc/self/ns/net", &link).expect("a link");
    let before = format!("strace -f -o /dev/null -P {link} -e inject=openat:error=EACCES");
    let output = after(&before, "-uH --all-netns --columns sport --options SO_TYPE");
    fs::remove_file(&link).expect("the link");
    incomplete(&output, &["network namespaces: cannot open", &link]);
}

/// A new socket is asked for the names of interfaces.
#[test]
fn interfaces_that_cannot_be_asked() {
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
    // A name that cannot be looked up is not a wrong one.
    let text = incomplete(&after(before, "-uH --interface lo"), &["interfaces", "ulimit -n"]);
    assert_eq!(text, "");
    assert_eq!(stdout("-uH --columns interface").trim(), "lo");
}
