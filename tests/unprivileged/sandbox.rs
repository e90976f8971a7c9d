//! What the program can no longer do once it writes: src/kernel/sandbox.rs. The filter is for a whole process, so that a
//! process of its own enters it.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::net::UdpSocket;
use std::path::PathBuf;
use std::process::Command;

use knetstat::kernel::sandbox;

const PROBES: [&str; 2] = ["sandbox::what_fails_inside", "sandbox::what_fails_with_the_network"];

/// The directory that the process may not change.
const DIRECTORY: &str = "SANDBOX_TEST";

#[test]
fn what_reading_does_not_need_fails() {
    let directory = std::env::temp_dir().join(format!("knetstat-sandbox-{}", std::process::id()));
    fs::create_dir(&directory).expect("a directory");
    fs::write(directory.join("file"), "text").expect("a file");
    let outputs = PROBES.map(|probe| {
        let mut program = Command::new(std::env::current_exe().expect("this program"));
        let program = program.args(["--ignored", "--exact", probe]).env(DIRECTORY, &directory);
        program.output().expect("it starts")
    });
    fs::remove_dir_all(&directory).expect("the directory");
    for output in outputs {
        let text = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success() && text.contains("1 passed"), "{text}");
    }
}

/// The process that asks name servers opens sockets, and nothing else.
#[test]
#[ignore = "what_reading_does_not_need_fails() runs it as a process of its own"]
fn what_fails_with_the_network() {
    let Some(directory) = std::env::var_os(DIRECTORY).map(PathBuf::from) else { return };
    sandbox::enter_with_network().expect("the sandbox");
    let server = UdpSocket::bind("127.0.0.1:0").expect("a socket");
    let client = UdpSocket::bind("127.0.0.1:0").expect("a socket");
    client.connect(server.local_addr().expect("an address")).expect("connect");
    client.send(b"question").expect("a packet");
    assert_eq!(server.recv(&mut [0; 16]).expect("a packet"), 8);
    let refused = |what: &str, result: io::Result<()>| {
        let error = result.expect_err(what);
        assert_eq!(error.kind(), io::ErrorKind::PermissionDenied, "{what}: {error}");
    };
    refused("a program", Command::new("true").status().map(drop));
    refused("a new file", File::create(directory.join("new")).map(drop));
    let file = directory.join("file");
    refused("a file to write", OpenOptions::new().write(true).open(&file).map(drop));
    assert_eq!(fs::read_to_string(&file).expect("reading"), "text");
}

#[test]
#[ignore = "what_reading_does_not_need_fails() runs it as a process of its own"]
fn what_fails_inside() {
    let Some(directory) = std::env::var_os(DIRECTORY).map(PathBuf::from) else { return };
    let inside = |name: &str| directory.join(name);
    // A thread that is there already is in the sandbox, too.
    let (begin, begun) = std::sync::mpsc::channel();
    let other = std::thread::spawn(move || {
        let _ = begun.recv();
        UdpSocket::bind("127.0.0.1:0").map(drop)
    });
    sandbox::enter().expect("the sandbox");
    begin.send(()).expect("a thread");
    let refused = |what: &str, result: io::Result<()>| {
        let error = result.expect_err(what);
        assert_eq!(error.kind(), io::ErrorKind::PermissionDenied, "{what}: {error}");
    };
    refused("a socket of another thread", other.join().expect("a thread"));
    refused("a socket", UdpSocket::bind("127.0.0.1:0").map(drop));
    refused("a program", Command::new("true").status().map(drop));
    refused("a new file", File::create(inside("new")).map(drop));
    refused("a file to write", OpenOptions::new().write(true).open(inside("file")).map(drop));
    refused("more text", OpenOptions::new().append(true).open(inside("file")).map(drop));
    refused("another name", fs::rename(inside("file"), inside("new")));
    refused("no file", fs::remove_file(inside("file")));
    refused("a directory", fs::create_dir(inside("directory")));
    #[cfg(target_arch = "x86_64")]
    refused("a call of an x32 program", x32_call());
    assert_eq!(fs::read_to_string(inside("file")).expect("reading"), "text");
    assert_eq!(fs::read_dir(&directory).expect("reading").count(), 1);
    assert_eq!(std::thread::spawn(|| 1).join().expect("a thread"), 1);
}

/// Makes a call by its x32 number. A kernel without those answers `ENOSYS` outside of the sandbox.
#[cfg(target_arch = "x86_64")]
fn x32_call() -> io::Result<()> {
    // SAFETY: getpid(2) has no arguments.
    let result = unsafe { nix::libc::syscall(0x4000_0000 | nix::libc::SYS_getpid) };
    nix::errno::Errno::result(result).map(drop).map_err(io::Error::from)
}
