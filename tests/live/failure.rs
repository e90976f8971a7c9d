//! If knetstat cannot run, it reports in one line what is missing and how to fix it. It runs with exactly
//! the capabilities that it requires, and drops them afterwards.

use std::env;
use std::fs;
use std::io::Read;
use std::net::UdpSocket;
use std::os::fd::OwnedFd;
use std::os::unix::process::CommandExt;
use std::process::{Command, Output, Stdio};

use crate::common::scene::inode;
use crate::common::PLACES_OF_BTF;
use crate::common::{counts_bpf_as_locked_memory, enter_namespace, set, sockets, KNETSTAT};
use crate::sandbox::{self, run, sufficient, to_give, Everybodys};
use nix::errno::Errno;
use nix::libc::{SYS_bpf, SYS_getsockopt, SYS_memfd_create, SYS_socket};
use seccompiler::{BpfProgram, SeccompAction, SeccompFilter};
use serde_json::Value;

/// The beginning of each message that reports a failure to start.
const CANNOT: &str = "knetstat: cannot load the BPF programs that read the sockets: ";

/// Asserts that knetstat failed with one line that contains all these words.
fn failed(output: &Output, words: &[&str]) {
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{stderr}");
    assert_eq!(stderr.lines().count(), 1, "{stderr}");
    assert!(stderr.starts_with("knetstat: "), "{stderr}");
    for word in words {
        assert!(stderr.contains(word), "it does not say '{word}': {stderr}");
    }
}

// Capabilities

#[test]
fn without_capabilities_it_says_which_and_how_to_give_them() {
    let program = Everybodys::new("none");
    let give = to_give(&program);
    for arguments in [&[][..], &["-J"], &["--ndjson", "-u"]] {
        let output = program.run(&[], arguments);
        failed(&output, &[CANNOT, "CAP_BPF and CAP_PERFMON are required", "sudo", &give]);
        assert_eq!(output.stdout, b"", "nothing is begun that cannot be ended");
    }
}

#[test]
fn the_capability_that_is_missing_is_named() {
    let program = Everybodys::new("one");
    failed(
        &program.run(&["perfmon"], &[]),
        &[CANNOT, ": CAP_BPF is required (", "setcap", "`sudo knetstat pin`"],
    );
    failed(&program.run(&["bpf"], &[]), &[CANNOT, ": CAP_PERFMON is required (", "setcap"]);
    failed(
        &program.run(&["net_admin", "net_raw"], &[]),
        &[": CAP_BPF and CAP_PERFMON are required ("],
    );
}

#[test]
fn the_two_capabilities_suffice() {
    enter_namespace();
    let socket = UdpSocket::bind("127.0.0.1:0").expect("a UDP socket");
    let program = Everybodys::new("both");
    for capabilities in sufficient() {
        let output = program.run(capabilities, &["-J"]);
        assert_eq!(String::from_utf8_lossy(&output.stderr), "", "{capabilities:?}");
        assert_eq!(output.status.code(), Some(0), "{capabilities:?}");
        let shown: Vec<Value> = serde_json::from_slice(&output.stdout).expect("an array");
        assert_eq!(shown, sockets(""), "the same as root sees");
        assert_eq!(shown.len(), 1);
        assert_eq!(shown[0]["inode"], inode(&socket));
    }
    if counts_bpf_as_locked_memory() {
        let output = program.run(&["bpf", "perfmon"], &[]);
        failed(&output, &[CANNOT, "locked memory", "CAP_SYS_RESOURCE", "ulimit -l"]);
    }
}

#[test]
fn what_reads_no_sockets_needs_no_capabilities() {
    let program = Everybodys::new("docs");
    for arguments in [&["options"][..], &["options", "nodelay"], &["completions", "zsh"], &["-h"]] {
        let output = program.run(&[], arguments);
        assert_eq!(String::from_utf8_lossy(&output.stderr), "", "{arguments:?}");
        assert_eq!(output.status.code(), Some(0), "{arguments:?}");
        assert!(!output.stdout.is_empty(), "{arguments:?}");
    }
    let output = program.run(&[], &["--bogus"]);
    assert_eq!(output.status.code(), Some(2), "wrong usage is told first");
    let output = program.run(&[], &["-O", "nosuch"]);
    assert_eq!(output.status.code(), Some(2), "wrong usage is told first");
}

#[test]
fn capabilities_of_a_user_namespace_are_not_enough() {
    let output = run("unshare", &["--user", "--map-root-user", KNETSTAT]);
    failed(&output, &[CANNOT, "CAP_BPF and CAP_PERFMON", "user namespace"]);
}

#[test]
fn capabilities_are_given_up_before_anything_is_written() {
    enter_namespace();
    // More output than the pipe holds, so that the program blocks until this test reads.
    let _sockets: Vec<UdpSocket> =
        (0..300).map(|_| UdpSocket::bind("127.0.0.1:0").expect("a UDP socket")).collect();
    let mut command = Command::new(KNETSTAT);
    let mut child = command.arg("-J").stdout(Stdio::piped()).spawn().expect("it starts");
    let mut pipe = child.stdout.take().expect("a pipe");
    let mut text = vec![0];
    pipe.read_exact(&mut text).expect("the first byte");

    let tasks = fs::read_dir(format!("/proc/{}/task", child.id())).expect("it waits");
    // A thread may end before its status is read. The thread that writes remains.
    let statuses: Vec<String> = tasks
        .filter_map(|task| fs::read_to_string(task.ok()?.path().join("status")).ok())
        .collect();
    assert!(!statuses.is_empty(), "it waits");
    for status in &statuses {
        for set in ["CapInh", "CapPrm", "CapEff", "CapAmb"] {
            assert_eq!(member(status, set), "0000000000000000", "{set}");
        }
    }

    pipe.read_to_end(&mut text).expect("the rest");
    assert!(child.wait().expect("it ends").success());
    let shown: Vec<Value> = serde_json::from_slice(&text).expect("an array");
    assert_eq!(shown.len(), 300, "what was open is read to the end");
}

/// Returns a member of /proc/PID/status.
fn member<'a>(status: &'a str, name: &str) -> &'a str {
    let lines = status.lines().filter_map(|line| line.split_once(':'));
    let value = lines.filter(|(member, _)| *member == name).map(|(_, value)| value.trim()).next();
    value.unwrap_or_else(|| panic!("no {name} in {status}"))
}

// Missing kernel features

fn run_without(directories: &[&str]) -> Output {
    sandbox::run_without(directories, "-J")
}

#[test]
fn without_btf_it_says_how_the_kernel_must_be_built() {
    let output = run_without(&PLACES_OF_BTF);
    failed(&output, &[CANNOT, "/sys/kernel/btf/vmlinux", "CONFIG_DEBUG_INFO_BTF"]);
    assert_eq!(output.stdout, b"");
}

#[test]
fn without_sys_it_says_so() {
    let output = run_without(&["/sys", "/boot", "/lib/modules", "/usr/lib/modules"]);
    failed(&output, &[CANNOT, "/sys must be mounted"]);
}

#[test]
fn without_proc_it_works() {
    enter_namespace();
    let socket = UdpSocket::bind("127.0.0.1:0").expect("a UDP socket");
    let output = run_without(&["/proc"]);
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
    let shown: Vec<Value> = serde_json::from_slice(&output.stdout).expect("an array");
    assert_eq!(shown, sockets(""));
    assert_eq!(shown.len(), 1);
    assert_eq!(shown[0]["inode"], inode(&socket));
}

/// What /proc alone tells is unknown, and not none, where it is asked for.
#[test]
fn without_proc_names_and_sysctls_are_unknown() {
    enter_namespace();
    let _socket = UdpSocket::bind("127.0.0.1:0").expect("a UDP socket");
    for (arguments, why, shown) in [
        ("-uH --columns netns_name", "names of network namespaces: /proc is not mounted (", "?"),
        ("-uH --count-by netns_name", "names of network namespaces: /proc is not mounted (", "?"),
        ("-u --long", "values of sysctls: /proc/sys is not there (", "net.core.rmem_default"),
        ("options so_rcvbuf", "sysctls: /proc/sys is not there (", "net.core.rmem_max (unknown; "),
    ] {
        let output = sandbox::run_without(&["/proc"], arguments);
        let (stdout, stderr) =
            (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        assert!(stderr.contains(why) && stdout.contains(shown), "{arguments}: {stdout}{stderr}");
        assert_eq!(output.status.code(), Some(1), "{arguments}");
    }
    let output = sandbox::run_without(&["/proc"], "-u --netns docker:4f5e6d7c8b9a");
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(
        stderr.contains("cannot look for the container docker:4f5e6d7c8b9a: /proc"),
        "{stderr}"
    );
    assert_eq!(output.status.code(), Some(1), "{stderr}");
}

/// The environment variables that select the system call to fail, and its error.
const CALL: &str = "KNETSTAT_TEST_CALL";
const ERRNO: &str = "KNETSTAT_TEST_ERRNO";
const ARGUMENTS: &str = "KNETSTAT_TEST_ARGUMENTS";

/// A helper that the tests below start, not a test: it executes knetstat in a sandbox without bpf(2) or
/// another system call, as in a container.
#[test]
#[ignore = "the tests of a missing bpf(2) start it"]
fn knetstat_without_bpf() {
    let (Ok(call), Ok(errno)) = (env::var(CALL), env::var(ERRNO)) else {
        panic!("only the tests of a missing bpf(2) start this");
    };
    let filter = SeccompFilter::new(
        [(call.parse().expect("a number"), vec![])].into(),
        SeccompAction::Allow,
        SeccompAction::Errno(errno.parse().expect("a number")),
        env::consts::ARCH.try_into().expect("an architecture that seccompiler knows"),
    );
    let filter: BpfProgram = filter.and_then(TryInto::try_into).expect("a filter");
    seccompiler::apply_filter(&filter).expect("the filter is applied");
    let arguments = env::var(ARGUMENTS).unwrap_or_default();
    panic!("{}", Command::new(KNETSTAT).args(arguments.split_whitespace()).exec());
}

fn run_with_bpf_answering(errno: Errno) -> Output {
    run_with_call_answering(SYS_bpf, errno, "")
}

fn run_with_call_answering(call: i64, errno: Errno, arguments: &str) -> Output {
    let mut command = Command::new(env::current_exe().expect("this program"));
    command.args(["--ignored", "--exact", "--nocapture", "failure::knetstat_without_bpf"]);
    command
        .env(ARGUMENTS, arguments)
        .env(CALL, call.to_string())
        .env(ERRNO, (errno as i32).to_string());
    command.output().expect("this program starts itself")
}

#[test]
fn without_bpf_it_says_how_the_kernel_must_be_built() {
    let output = run_with_bpf_answering(Errno::ENOSYS);
    failed(&output, &[CANNOT, "no bpf(2) system call", "CONFIG_BPF_SYSCALL"]);
}

#[test]
fn where_bpf_is_forbidden_it_says_what_to_allow() {
    let output = run_with_bpf_answering(Errno::EPERM);
    failed(&output, &[CANNOT, "container", "allow bpf(2)", "CAP_BPF and CAP_PERFMON"]);
}

#[test]
fn too_few_descriptors_are_told_as_such() {
    let limited = |limit| run("sh", &["-c", &format!("ulimit -n {limit}; exec {KNETSTAT}")]);
    let outputs: Vec<Output> = (4..32).map(limited).collect();
    let (good, bad): (Vec<_>, Vec<_>) = outputs.iter().partition(|output| output.status.success());
    bad.iter().for_each(|output| failed(output, &[CANNOT]));
    let words = |output: &&&Output| {
        String::from_utf8_lossy(&output.stderr).contains("too many open files (raise the limit")
    };
    assert!(bad.iter().any(|output| words(&output)), "{bad:?}");
    assert!(!good.is_empty(), "so many descriptors are enough");
}

/// libbpf creates files in memory with this system call. Without it nothing loads, although bpf(2) works.
#[test]
fn without_memfd_create_it_says_so() {
    for errno in [Errno::ENOSYS, Errno::EPERM, Errno::EACCES] {
        let output = run_with_call_answering(SYS_memfd_create, errno, "");
        failed(&output, &[CANNOT, "memfd_create(2) is refused", errno.desc(), "seccomp"]);
    }
}

/// With any limit of descriptors, a run is complete or its message names the limit.
#[test]
fn few_descriptors_are_named_by_every_command() {
    enter_namespace();
    let _socket = UdpSocket::bind("127.0.0.1:0").expect("a UDP socket");
    for arguments in ["-upJ", "-tuwxJ -p --unbound", "doctor", "options"] {
        let (mut complete, mut refused) = (0, 0);
        for limit in (4..12).chain((12..92).step_by(8)) {
            // A run of doctor takes a second.
            if arguments == "doctor" && complete == 3 {
                break;
            }
            let output = shell(&format!("ulimit -S -n {limit}; exec $0 {arguments}"));
            let stderr = String::from_utf8_lossy(&output.stderr);
            let stdout = String::from_utf8_lossy(&output.stdout);
            assert!(!stdout.contains("please report it"), "{arguments}, {limit}: {stdout}");
            if output.status.success() {
                assert_eq!(stderr, "", "{arguments}, {limit}");
                complete += 1;
            } else {
                failed(&output, &["ulimit -n"]);
                refused += 1;
            }
        }
        assert!(complete > 0 && refused > 0, "{arguments}: {complete}, {refused}");
    }
}

/// Returns the rows that a run printed, without the output of the test harness before execve(2).
fn lines_of_sockets(output: &Output) -> Vec<String> {
    let text = String::from_utf8_lossy(&output.stdout);
    let is_row = |line: &&str| !line.is_empty() && !line.starts_with("running ");
    text.lines().filter(is_row).map(String::from).collect()
}

/// The families of [`sockets_with_options`], and their words.
const FAMILIES: &str = "-tuwxH --netlink --unbound";
const WORDS: [&str; 7] = ["tcp", "tcp6", "udp", "udp6", "unix", "raw", "netlink"];

/// Opens sockets of several families, each with an option that the kernel marks as set, and an option
/// without such a mark.
fn sockets_with_options() -> Vec<OwnedFd> {
    const SOL_SOCKET: i32 = 1;
    const SO_RCVBUF: i32 = 8;
    const SO_PRIORITY: i32 = 12;
    [(2, 1, 0), (10, 1, 0), (2, 2, 0), (10, 2, 0), (1, 2, 0), (2, 3, 253), (16, 3, 0)]
        .into_iter()
        .map(|(domain, kind, protocol)| {
            let socket =
                knetstat::kernel::syscall::socket(domain, kind, protocol).expect("a socket");
            set(&socket, SOL_SOCKET, SO_RCVBUF, 30_000).expect("SO_RCVBUF");
            set(&socket, SOL_SOCKET, SO_PRIORITY, 3).expect("SO_PRIORITY");
            socket
        })
        .collect()
}

/// Without new sockets to compare with, an option is known to be set only if the kernel marks it.
#[test]
fn where_new_sockets_are_refused_what_is_set_is_said_to_be_unknown() {
    enter_namespace();
    let sockets = sockets_with_options();
    let whole = run(KNETSTAT, &format!("{FAMILIES} -O set").split(' ').collect::<Vec<_>>());
    let rows = lines_of_sockets(&whole);
    // Each network namespace also has netlink sockets of the kernel.
    let ours = |row: &&String| row.contains("SO_RCVBUF=60000,");
    assert_eq!(rows.iter().filter(ours).count(), sockets.len(), "{whole:?}");
    assert!(rows.iter().filter(ours).all(|row| row.contains("SO_PRIORITY=3")), "{rows:?}");
    assert!(!rows.iter().any(|row| row.contains('?')), "{rows:?}");

    for (call, errno) in [
        (SYS_socket, Errno::EPERM),
        (SYS_socket, Errno::EMFILE),
        (SYS_socket, Errno::ENOBUFS),
        (SYS_getsockopt, Errno::EPERM),
        (SYS_getsockopt, Errno::ENOSYS),
    ] {
        let ask = |arguments: &str| {
            run_with_call_answering(call, errno, &format!("{FAMILIES} {arguments}"))
        };
        let output = ask("-O set");
        failed(
            &output,
            &["the table is incomplete: missing the set options of ", " sockets: ", errno.desc()],
        );
        let said = String::from_utf8_lossy(&output.stderr);
        WORDS.iter().for_each(|word| assert!(said.contains(word), "no {word}: {said}"));
        let rows = lines_of_sockets(&output);
        // SOCK_RCVBUF_LOCK is a mark of the kernel. The priority has no mark.
        assert_eq!(rows.iter().filter(ours).count(), sockets.len(), "{rows:?}");
        for row in &rows {
            assert!(row.ends_with(if row.contains('=') { ",?" } else { " ?" }), "{row}");
            assert!(!row.contains("SO_PRIORITY"), "{row}");
        }
        let output = ask("--columns set");
        failed(&output, &["the table is incomplete: missing the set options of "]);
        assert!(lines_of_sockets(&output).iter().all(|row| row == "?"), "{output:?}");
        let output = ask("--ndjson");
        failed(&output, &["the table is incomplete: missing the set options of "]);
        for row in lines_of_sockets(&output) {
            let row: Value = serde_json::from_str(&row).expect("an object");
            assert_eq!(row["set"], Value::Null, "{row}");
        }
        // An option that is selected by name is shown.
        let output = ask("-O priority");
        assert_eq!(String::from_utf8_lossy(&output.stderr), "");
        assert!(output.status.success());
        let rows = lines_of_sockets(&output);
        let known = rows.iter().filter(|row| row.ends_with(" SO_PRIORITY=3")).count();
        assert_eq!(known, sockets.len(), "{rows:?}");
    }
}

/// The same for rows that are left out because it is unknown whether an option is set, and for --long, which says it.
#[test]
fn what_is_asked_of_options_that_may_be_set_is_said_to_be_unknown() {
    const LACKS: &str = "the table is incomplete: missing the set options of ";
    enter_namespace();
    let _sockets = sockets_with_options();
    let ask = |arguments: &str| {
        run_with_call_answering(SYS_socket, Errno::EPERM, &format!("{FAMILIES} {arguments}"))
    };
    for expression in [
        "set(priority)",
        "not set(priority)",
        "set(priority) or inode = 1",
        "set = priority",
        "set != rcvbuf",
    ] {
        for flags in ["", "--sort inode -J", "--count-by protocol", "--long -O priority", "-p"] {
            let output = ask(&format!("{flags} {expression}"));
            failed(&output, &[LACKS]);
            let said = String::from_utf8_lossy(&output.stderr);
            WORDS.iter().for_each(|word| assert!(said.contains(word), "no {word}: {said}"));
            let text = String::from_utf8_lossy(&output.stdout);
            assert!(!text.contains("SO_PRIORITY"), "{expression} {flags}: {text}");
        }
        let output = ask(&format!("-q {expression}"));
        assert_eq!(output.status.code(), Some(2), "{expression}: {output:?}");
        assert!(String::from_utf8_lossy(&output.stderr).contains(LACKS), "{output:?}");
    }
    failed(&ask("-p set(priority) or pid = 1"), &[LACKS]);
    failed(&ask("--long -O priority"), &[LACKS]);
    // Where something else decides, nothing is missing.
    for arguments in [
        "set(priority) and inode = 1",
        "set(priority) or inode > 0 -O type",
        "--long -O type",
        "set = priority and inode = 1",
    ] {
        let said = ask(arguments).stderr;
        assert_eq!(String::from_utf8_lossy(&said), "", "{arguments}");
    }
}

/// The protocols of the kernel are read from /proc, so that no module is loaded.
#[test]
fn without_proc_what_raw_sockets_have_set_is_said_to_be_unknown() {
    enter_namespace();
    let _socket = knetstat::kernel::syscall::socket(2, 3, 253).expect("a raw socket");
    let output = sandbox::run_without(&["/proc"], "-wH -O set");
    failed(&output, &["the set options of raw sockets", "mount -t proc"]);
    assert!(String::from_utf8_lossy(&output.stdout).ends_with(" ?\n"), "{output:?}");
    // If there are no such sockets, nothing is missing.
    let output = sandbox::run_without(&["/proc"], "-uH --netlink");
    assert!(output.status.success(), "{output:?}");
}

// Output that cannot be written

/// Every command that writes to standard output.
const COMMANDS: [&str; 8] =
    ["-tH", "-tJ", "--ndjson", "--help", "--version", "options", "completions bash", "doctor"];

/// Runs a command of sh(1). `$0` is knetstat.
fn shell(script: &str) -> Output {
    run("sh", &["-c", script, KNETSTAT])
}

#[test]
fn a_standard_output_that_is_closed_or_read_only_is_an_error() {
    for arguments in COMMANDS {
        for redirection in [">&-", "1</dev/null"] {
            let output = shell(&format!("exec $0 {arguments} {redirection}"));
            failed(&output, &["cannot write the output: Bad file descriptor"]);
        }
        let output = shell(&format!("exec $0 {arguments} >/dev/null"));
        assert_eq!(output.status.code(), Some(0), "{arguments}: {output:?}");
    }
}

#[test]
fn a_file_that_may_not_grow_is_an_error() {
    enter_namespace();
    let place = env::temp_dir().join(format!("knetstat-{}-limited", std::process::id()));
    for arguments in ["-tuxwJ -O all", "--help", "options", "options all", "completions bash"] {
        // The file has already reached its limit: a block of sh(1) is 512 bytes.
        let script = format!("yes | head -c 51200 >$1; ulimit -f 100; exec $0 {arguments} >>$1");
        let output = run("sh", &["-c", &script, KNETSTAT, place.to_str().expect("UTF-8")]);
        failed(&output, &["cannot write the output: File too large"]);
    }
    fs::remove_file(place).expect("the file");
}

/// The limit of file sizes applies to files in memory too, one of which is created at the start.
#[test]
fn a_limit_of_files_does_not_matter_to_a_pipe() {
    enter_namespace();
    let _socket = UdpSocket::bind("127.0.0.1:0").expect("a UDP socket");
    for limit in [0, 1, 100] {
        let output = shell(&format!("ulimit -f {limit}; exec $0 -uJ"));
        assert_eq!(String::from_utf8_lossy(&output.stderr), "", "{limit}");
        assert_eq!(output.status.code(), Some(0), "{limit}");
        assert_eq!(String::from_utf8_lossy(&output.stdout).matches("inode").count(), 1, "{limit}");
    }
}

/// Arguments of the maximum length are answered at once.
#[test]
fn long_words_are_refused_in_no_time() {
    let word = "a".repeat(131_000);
    let begin = std::time::Instant::now();
    for option in ["-O", "--columns", "--state", "--netns", "--interface", "--user", "--port"] {
        let output = run(KNETSTAT, &[option, &word]);
        assert_eq!(output.status.code(), Some(2), "{option}");
    }
    let output = run(KNETSTAT, &["options", &word]);
    assert_eq!(output.status.code(), Some(2));
    // One of them once took half a minute of processor time.
    assert!(begin.elapsed().as_secs() < 20, "{:?}", begin.elapsed());
}
