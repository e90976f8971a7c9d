//! What knetstat does not do with its privileges: it drops them before it writes, and if it has more than
//! its caller, neither the environment nor a path of the caller can use them.

use std::ffi::CString;
use std::fs::{self, File, Permissions};
use std::io::Read;
use std::net::UdpSocket;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use crate::common::writing::{member, Stream, Writing};
use crate::common::{
    counts_bpf_as_locked_memory, enter_namespace, not_tested, stdout, wait_until, KNETSTAT,
    NO_KERNEL_FILTER, PLACES_OF_BTF,
};
use crate::pager::on_terminal;
use crate::sandbox::Everybodys;
use nix::errno::Errno;
use nix::libc;
use nix::sys::stat::Mode;
use nix::unistd::mkfifo;

// Output

#[test]
fn nothing_is_written_with_capabilities() {
    enter_namespace();
    let _socket = UdpSocket::bind("127.0.0.1:0").expect("a UDP socket");
    for (stream, arguments) in [
        (Stream::Out, ""),
        (Stream::Out, "-p -J"),
        (Stream::Out, "--ndjson"),
        (Stream::Out, "--all-netns -H"),
        (Stream::Out, "options"),
        (Stream::Out, "options nodelay"),
        (Stream::Out, "doctor"),
        (Stream::Out, "doctor --json"),
        (Stream::Out, "doctor -v"),
        (Stream::Out, "unpin --dir /nowhere/pins"),
        (Stream::Out, "schema"),
        (Stream::Out, "completions bash"),
        (Stream::Out, "complete -- knetstat --command k"),
        (Stream::Out, "help"),
        (Stream::Out, "-h"),
        (Stream::Out, "--help"),
        (Stream::Out, "--version"),
        (Stream::Out, "options --help"),
        (Stream::Err, "--bogus"),
        (Stream::Err, "--state bogus"),
        (Stream::Err, "-K"),
        (Stream::Err, "-t 443"),
        (Stream::Err, "options bogus"),
        (Stream::Err, "completions bogus"),
        (Stream::Err, "--netns bogus"),
        (Stream::Err, "--interface bogus"),
    ] {
        let mut command = Command::new(KNETSTAT);
        let writing = Writing::start(command.args(arguments.split_whitespace()), stream);
        writing.has_no_capabilities(arguments);
    }
}

#[test]
fn no_failure_is_told_with_capabilities() {
    for failing in [
        // No types, too few descriptors, no space for the output.
        "mount -t tmpfs none /sys && exec \"$0\" -t",
        "ulimit -n 6 && exec \"$0\" -t",
        "exec \"$0\" -t >/dev/full",
    ] {
        let mut command = Command::new("unshare");
        command.args(["--mount", "sh", "-c", failing, KNETSTAT]);
        Writing::start(&mut command, Stream::Err).has_no_capabilities(failing);
    }
}

#[test]
fn the_user_of_a_set_user_id_program_is_given_up() {
    enter_namespace();
    let program = Everybodys::new("setuid");
    fs::set_permissions(&program.program, Permissions::from_mode(0o6755)).expect("chmod");
    for arguments in ["-t", "options", "-h"] {
        let mut command = as_nobody(&program);
        let writing = Writing::start(command.args(arguments.split_whitespace()), Stream::Out);
        writing.has_no_capabilities(arguments);
        for status in writing.task_files("status") {
            assert_eq!(member(&status, "Uid"), "65534\t65534\t65534\t65534", "{arguments}");
            assert_eq!(member(&status, "Gid"), "65534\t65534\t65534\t65534", "{arguments}");
        }
    }
}

// Programs with more privileges than their caller

/// Returns CAP_PERFMON and CAP_BPF as bits, and CAP_SYS_RESOURCE if loading requires it.
fn to_load() -> u64 {
    let third = if counts_bpf_as_locked_memory() { 1 << 24 } else { 0 };
    1 << 38 | 1 << 39 | third
}

/// Returns the same with CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH, CAP_SYS_PTRACE and CAP_SYS_ADMIN.
fn to_look_everywhere() -> u64 {
    to_load() | 1 << 1 | 1 << 2 | 1 << 19 | 1 << 21
}

/// Returns a copy of the program with these file capabilities that all users can run: capabilities(7), as
/// written by setcap(8). `None` if the file system does not support them.
fn with_file_capabilities(test: &str, capabilities: u64) -> Option<Everybodys> {
    let program = Everybodys::new(test);
    // struct vfs_cap_data: VFS_CAP_REVISION_2 and the effective flag, then permitted and inheritable.
    let (low, high) = (capabilities as u32, (capabilities >> 32) as u32);
    let data: Vec<u8> = [0x0200_0001, low, 0, high, 0].map(u32::to_le_bytes).concat();
    let path = CString::new(program.program.as_str()).expect("a path");
    // SAFETY: both strings end with a zero byte, and the pointer and the length describe `data`.
    let result = unsafe {
        let name = c"security.capability".as_ptr();
        libc::setxattr(path.as_ptr(), name, data.as_ptr().cast(), data.len(), 0)
    };
    match Errno::result(result) {
        Ok(_) => Some(program),
        Err(Errno::EOPNOTSUPP) => {
            not_tested(&format!("{test}: this file system has no file capabilities"));
            None
        }
        Err(errno) => panic!("setxattr {}: {errno}", program.program),
    }
}

/// Runs the program as a user without capabilities.
fn as_nobody(program: &Everybodys) -> Command {
    let mut command = Command::new("setpriv");
    command.args(["--reuid", "65534", "--regid", "65534", "--clear-groups", &program.program]);
    command
}

/// Runs the program as a user who has the capabilities for reading sockets, and passes them on.
fn as_nobody_with_capabilities(program: &Everybodys) -> Command {
    let third = if counts_bpf_as_locked_memory() { ",+sys_resource" } else { "" };
    let capabilities = format!("+bpf,+perfmon{third}");
    let mut command = Command::new("setpriv");
    command.args(["--reuid", "65534", "--regid", "65534", "--clear-groups"]);
    command.args(["--inh-caps", &capabilities, "--ambient-caps", &capabilities]);
    command.arg(&program.program);
    command
}

fn run(command: &mut Command) -> Output {
    command.stdin(Stdio::null()).output().expect("setpriv(1)")
}

#[test]
fn the_environment_does_not_reach_libbpf() {
    enter_namespace();
    let _socket = UdpSocket::bind("127.0.0.1:7000").expect("a UDP socket");
    let Some(program) = with_file_capabilities("token", to_load()) else { return };
    let variable = ("LIBBPF_BPF_TOKEN_PATH", "/nowhere");
    let output = run(as_nobody(&program).arg("-u").env(variable.0, variable.1));
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
    assert_eq!(String::from_utf8_lossy(&output.stdout), stdout("-u"));

    // execve(2) accepts names that unsetenv(3) rejects.
    let output = run(as_nobody(&program).arg("-u").env("=a", "b"));
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
    assert_eq!(String::from_utf8_lossy(&output.stdout), stdout("-u"));

    // libbpf uses the variable if the caller has the capabilities, so this is the right variable.
    let plain = Everybodys::new("token-plain");
    let output = run(as_nobody_with_capabilities(&plain).arg("-u").env(variable.0, variable.1));
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    assert!(run(as_nobody_with_capabilities(&plain).arg("-u")).status.success());
}

/// The caller of a program with more rights does not choose which programs it starts.
#[test]
fn the_environment_starts_no_pager() {
    enter_namespace();
    let _socket = UdpSocket::bind("127.0.0.1:7000").expect("a UDP socket");
    let written = std::env::temp_dir().join(format!("knetstat-starts-{}", std::process::id()));
    let pager = format!("tee {}", written.display());
    let run = |command: &mut Command| {
        command.args(["-u", "--pager"]).env("PAGER", &pager).env("KNETSTAT_PAGER", &pager);
        let (status, terminal, stderr) = on_terminal(command);
        assert_eq!((status, stderr.as_str()), (Some(0), ""));
        assert!(terminal.contains("127.0.0.1:7000"), "{terminal}");
        std::fs::remove_file(&written).is_ok()
    };
    let Some(program) = with_file_capabilities("pager", to_load()) else { return };
    assert!(!run(&mut as_nobody(&program)), "the pager was started");
    // It is started where the caller has the capabilities, so this is the right variable.
    let plain = Everybodys::new("pager-plain");
    assert!(run(&mut as_nobody_with_capabilities(&plain)), "the pager was not started");
}

/// A user who may start no further process, nor a thread, sees the same table: setrlimit(2), RLIMIT_NPROC.
#[test]
fn without_another_thread() {
    enter_namespace();
    let sockets: Vec<UdpSocket> =
        (0..300).map(|_| UdpSocket::bind("127.0.0.1:0").expect("a UDP socket")).collect();
    let Some(program) = with_file_capabilities("threads", to_load()) else { return };
    if Command::new("prlimit").arg("-V").output().is_err() {
        return not_tested("a limit of threads: prlimit(1) is not installed");
    }
    let mut command = Command::new("setpriv");
    command.args([
        "--reuid",
        "65534",
        "--regid",
        "65534",
        "--clear-groups",
        "prlimit",
        "--nproc=1",
    ]);
    let output = run(command.args([&program.program, "-uH"]));
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
    let text = String::from_utf8_lossy(&output.stdout);
    assert_eq!(text.lines().count(), sockets.len(), "{text}");
}

/// Returns the number of bytes that a run reads to show no socket.
fn bytes_read(command: &mut Command) -> i64 {
    let writing = Writing::start(command.args(["-u", "--sport", "1"]), Stream::Out);
    let io = fs::read_to_string(writing.file("io")).expect("/proc/PID/io");
    member(&io, "rchar").parse().expect("a number")
}

#[test]
fn the_variable_of_the_tests_is_for_callers_with_capabilities() {
    /// Less than the size of the records of the sockets below.
    const LITTLE: i64 = 50_000;
    enter_namespace();
    let _sockets: Vec<UdpSocket> =
        (0..300).map(|_| UdpSocket::bind("127.0.0.1:0").expect("a UDP socket")).collect();
    let Some(program) = with_file_capabilities("variable", to_load()) else { return };
    let plain = Everybodys::new("variable-plain");
    let (name, value) = NO_KERNEL_FILTER.split_once('=').expect("an assignment");

    // The records of a walk do not go through read(2). This variable is obeyed in the same way.
    let (no_walks, on) = ("KNETSTAT_NO_WALKS", "1");
    let filtered = bytes_read(as_nobody_with_capabilities(&plain).env(no_walks, on));
    let whole = bytes_read(as_nobody_with_capabilities(&plain).env(no_walks, on).env(name, value));
    assert!(whole - filtered > LITTLE, "the variable lets the kernel pass on all: {whole}");
    let filtered = bytes_read(&mut as_nobody(&program));
    let obeyed = bytes_read(as_nobody(&program).env(no_walks, on).env(name, value));
    assert!((obeyed - filtered).abs() < LITTLE, "{obeyed} and {filtered}");
}

/// A directory that only root may enter.
struct Private(PathBuf);

impl Private {
    fn new(name: &str) -> Private {
        let path = std::env::temp_dir().join(format!("knetstat-{name}-{}", std::process::id()));
        fs::create_dir(&path).expect("a new directory");
        fs::set_permissions(&path, Permissions::from_mode(0o700)).expect("chmod");
        Private(path)
    }
}

impl Drop for Private {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// Returns the message for a path that is not a network namespace: wrong usage, or an error of the run if
/// the caller may not follow the path.
fn refused(command: &mut Command, path: &str) -> String {
    let output = run(command.args(["--netns", path]));
    let is_forbidden = String::from_utf8_lossy(&output.stderr).contains("Permission denied");
    let status = if is_forbidden { 1 } else { 2 };
    assert_eq!(output.status.code(), Some(status), "{path}: {output:?}");
    assert_eq!(output.stdout, b"", "{path}");
    String::from_utf8(output.stderr).expect("UTF-8")
}

/// Returns the error of a path for a user without capabilities: permission denied or, with hidepid, no such
/// file.
fn answer_to_nobody(path: &str) -> String {
    let mut stat = Command::new("setpriv");
    stat.args(["--reuid", "65534", "--regid", "65534", "--clear-groups"]);
    let output = run(stat.args(["stat", "-L", path]));
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success(), "{path} is hidden");
    match said.contains("Permission denied") {
        true => format!("cannot open {path}: Permission denied"),
        false => format!("there is no file {path}"),
    }
}

#[test]
fn a_path_is_looked_up_with_the_rights_of_the_caller() {
    enter_namespace();
    let Some(by_file) = with_file_capabilities("paths", to_look_everywhere()) else { return };
    let by_bit = Everybodys::new("paths-setuid");
    fs::set_permissions(&by_bit.program, Permissions::from_mode(0o6755)).expect("chmod");
    let secret = Private::new("secret");
    File::create(secret.0.join("there")).expect("a file");
    let places = [
        secret.0.display().to_string(),
        format!("/proc/{}/cwd", std::process::id()),
        format!("/proc/{}/root", std::process::id()),
    ];
    for program in [&by_file, &by_bit] {
        for place in &places {
            for name in ["there", "src", "etc", "missing"] {
                let path = format!("{place}/{name}");
                let said = refused(&mut as_nobody(program), &path);
                assert!(said.contains(&answer_to_nobody(&path)), "{said}");
            }
        }
        // The network namespace of a process of root, by PID and by path.
        let own = std::process::id().to_string();
        let output = run(as_nobody(program).args(["-uH", "--netns", &own]));
        assert_eq!(output.status.code(), Some(0), "{output:?}");
        let path = format!("/proc/{own}/ns/net");
        let said = refused(&mut as_nobody(program), &path);
        assert!(said.contains(&answer_to_nobody(&path)), "{said}");
        // A path that the caller may follow.
        let output = run(as_nobody(program).args(["-uH", "--netns", "/proc/self/ns/net"]));
        assert_eq!(output.status.code(), Some(0), "{output:?}");
    }
    // Root's own privileges are those of its caller.
    let path = format!("/proc/{}/ns/net", std::process::id());
    assert!(run(Command::new(KNETSTAT).args(["-uH", "--netns", &path])).status.success());
}

#[test]
fn pins_are_opened_with_the_rights_of_the_caller_and_made_only_by_root() {
    enter_namespace();
    let Some(by_file) = with_file_capabilities("pins", to_look_everywhere()) else { return };
    let by_bit = Everybodys::new("pins-setuid");
    fs::set_permissions(&by_bit.program, Permissions::from_mode(0o6755)).expect("chmod");
    let secret = Private::new("secret-pins");
    let there = secret.0.join("there");
    fs::create_dir(&there).expect("a directory");
    std::os::unix::fs::symlink("set_1", there.join("records")).expect("a link");
    for program in [&by_file, &by_bit] {
        for name in ["there", "missing"] {
            let path = secret.0.join(name).display().to_string();
            let output = run(as_nobody(program).args(["-u", "--pins", &path]));
            let said = String::from_utf8_lossy(&output.stderr);
            assert!(said.contains(&format!("the pins in {path}: permission denied")), "{said}");
            assert_eq!((output.status.code(), output.stdout), (Some(1), Vec::new()));
            for command in ["pin", "unpin"] {
                let output = run(as_nobody(program).args([command, "--dir", &path]));
                let said = String::from_utf8_lossy(&output.stderr);
                assert!(
                    said.contains("file capabilities and set-user-ID do not suffice"),
                    "{said}"
                );
            }
        }
    }
    assert!(there.join("records").is_symlink() && !secret.0.join("missing").exists());
}

#[test]
fn what_is_no_namespace_is_not_opened() {
    let private = Private::new("fifo");
    let place = private.0.join("fifo");
    mkfifo(&place, Mode::S_IRWXU).expect("mkfifo");
    let path = place.to_str().expect("UTF-8");
    let mut writer = Command::new("sh");
    let mut writer = writer.args(["-c", "echo data > \"$0\"", path]).spawn().expect("sh");
    // It is blocked in open(2) until there is a reader.
    let call = format!("/proc/{}/syscall", writer.id());
    let opens = [libc::SYS_openat.to_string(), "2".to_owned()];
    wait_until("the writer waits for a reader", || {
        let line = fs::read_to_string(&call).unwrap_or_default();
        let is_open =
            line.split_whitespace().next().is_some_and(|it| opens.iter().any(|o| o == it));
        is_open && fs::read_link(format!("/proc/{}/fd/1", writer.id())).is_ok()
    });
    for _ in 0..3 {
        let said = refused(&mut Command::new(KNETSTAT), path);
        assert!(said.contains(&format!("{path} is not a network namespace")), "{said}");
    }
    assert!(writer.try_wait().expect("wait").is_none(), "the writer still waits");
    let mut data = String::new();
    File::open(&place).expect("the FIFO").read_to_string(&mut data).expect("its data");
    assert_eq!(data, "data\n", "nothing is lost");
    assert!(writer.wait().expect("wait").success());
}

// Types without read permission

/// Runs a program, which must end.
fn run_to_its_end(command: &mut Command) -> Output {
    let mut child =
        command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("it starts");
    let deadline = Instant::now() + Duration::from_secs(100);
    while child.try_wait().expect("wait").is_none() && Instant::now() < deadline {
        thread::sleep(Duration::from_millis(20));
    }
    let hangs = child.try_wait().expect("wait").is_none();
    // It may just have ended.
    let _ = child.kill();
    assert!(!hangs, "{command:?} does not end");
    child.wait_with_output().expect("its output")
}

#[test]
fn it_ends_where_the_types_may_not_be_read() {
    let Some(by_file) = with_file_capabilities("types", to_load()) else { return };
    let plain = Everybodys::new("types-plain");
    let private = Private::new("btf");
    let copy = private.0.join("btf");
    fs::copy("/sys/kernel/btf/vmlinux", &copy).expect("BTF");
    fs::set_permissions(&copy, Permissions::from_mode(0o400)).expect("chmod");
    // A finite memory limit of the user makes the program check what counts against it.
    let hide: String = PLACES_OF_BTF[1..]
        .iter()
        .filter(|place| Path::new(place).is_dir())
        .map(|place| format!("mount -t tmpfs none {place} && "))
        .collect();
    let script = format!(
        "{hide}mount --bind {} /sys/kernel/btf/vmlinux && ulimit -l 64 && exec \"$@\"",
        copy.display()
    );
    for user in [as_nobody(&by_file), as_nobody_with_capabilities(&plain)] {
        for arguments in ["-t", "-J -p --all-netns --unbound"] {
            let mut command = Command::new("unshare");
            command.args(["--mount", "sh", "-c", &script, "sh"]).arg(user.get_program());
            command.args(user.get_args()).args(arguments.split_whitespace());
            let output = run_to_its_end(&mut command);
            let said = String::from_utf8_lossy(&output.stderr);
            assert_eq!(output.status.code(), Some(1), "{said}");
            assert_eq!(said.lines().count(), 1, "{said}");
            for word in ["/sys/kernel/btf/vmlinux", "cannot be read", "chmod"] {
                assert!(said.contains(word), "{said}");
            }
        }
    }
}
