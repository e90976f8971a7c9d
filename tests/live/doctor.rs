//! `knetstat doctor` reports what works here and what does not, consistently with the actual behaviour: its
//! exit status is that of a table of everything, and each remedy solves the problem.

use std::collections::BTreeSet;
use std::env;
use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::os::unix::fs::MetadataExt;
use std::process::{Command, Output};
use std::thread;
use std::time::Duration;

use crate::common::ways::NO_WALKS;
use crate::common::writing::{Stream, Writing};
use crate::common::PLACES_OF_BTF;
use crate::common::{btf_has, enter_namespace, knetstat, sockets, stdout, wait_within, KNETSTAT};
use crate::sandbox::{run, run_without, sufficient, to_give, Everybodys};
use crate::supported::{is_asked_for, options_asked};
use clap::CommandFactory;
use knetstat::cli::Cli;
use knetstat::kernel::family::Family;
use knetstat::kernel::object::Part;
use knetstat::kernel::syscall::socket;
use knetstat::kernel::walk::PLACES;
use knetstat::options::catalogue::CATALOGUE;
use knetstat::options::spec::OptionSpec;
use knetstat::socket::kind::SocketKind;
use libbpf_rs::OpenObject;
use nix::errno::Errno;
use nix::fcntl::{fcntl, FcntlArg};
use nix::libc::{SYS_bpf, SYS_getsockopt};
use nix::pty::openpty;
use nix::unistd::pipe;
use seccompiler::{
    BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter,
    SeccompRule,
};
use serde_json::Value;

/// A table that requires everything.
const EVERYTHING: [&str; 6] = ["-tuwx", "-4", "-6", "-p", "--unbound", "-J"];

/// The findings of `knetstat doctor --json`.
struct Findings(Value);

impl Findings {
    /// Parses the findings, and asserts that the exit status and standard error agree with them.
    fn of(output: &Output) -> Findings {
        let findings: Value = serde_json::from_slice(&output.stdout)
            .unwrap_or_else(|error| panic!("{error}: {output:?}"));
        let complete = findings["complete"].as_bool().expect("a boolean");
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(if complete { 0 } else { 1 }), "{stderr}");
        assert_eq!(stderr.lines().count(), if complete { 0 } else { 1 }, "{stderr}");
        let findings = Findings(findings);
        let obstacles = findings
            .checks()
            .iter()
            .filter(|it| it["needed"] == true && it["verdict"] == "missing");
        let obstacles: Vec<&str> = obstacles.filter_map(|check| check["name"].as_str()).collect();
        assert_eq!(obstacles.is_empty(), complete, "{obstacles:?}");
        let why = findings.problems().first().map_or("", |problem| text(&problem["why"]));
        assert!(complete || stderr.contains(why), "{stderr}");
        assert!(text(&findings.0["summary"]).starts_with("knetstat works here: ") == complete);
        findings
    }

    /// Returns the checks that failed, each once.
    fn problems(&self) -> &[Value] {
        self.0["problems"].as_array().expect("a list")
    }

    fn checks(&self) -> &[Value] {
        self.0["checks"].as_array().expect("a list")
    }

    /// Returns the names of the options in checks with this verdict.
    fn options(&self, verdict: &str) -> BTreeSet<&str> {
        let checks = self.checks().iter().filter(|check| check["verdict"] == verdict);
        checks.filter_map(|check| check["options"].as_array()).flatten().map(text).collect()
    }

    fn complete(&self) -> bool {
        self.0["complete"] == true
    }

    fn check(&self, name: &str) -> &Value {
        let found = self.checks().iter().find(|check| check["name"] == name);
        found.unwrap_or_else(|| panic!("nothing about {name} in {}", self.0))
    }

    /// Asserts the verdict of a check, and that its text contains all these words.
    fn says(&self, name: &str, verdict: &str, words: &[&str]) {
        let check = self.check(name);
        assert_eq!(check["verdict"], verdict, "{check}");
        for word in words {
            let said = format!("{} {}", check["detail"], check["remedy"]);
            assert!(said.contains(word), "it does not say '{word}': {check}");
        }
    }

    /// Returns the families that are found in this way.
    fn found_by(&self, way: &str) -> BTreeSet<&str> {
        let check = self.checks().iter().find(|check| check["name"] == way);
        let families = check.and_then(|check| text(&check["detail"]).split_once(':'));
        families.map_or("", |(families, _)| families).split([',', ' ']).filter(is_family).collect()
    }

    /// Returns the names of the programs that find sockets or their owners.
    fn walks(&self) -> Vec<&str> {
        let programs = programs();
        let names = self.checks().iter().filter_map(|check| check["name"].as_str());
        let walks: Vec<&str> = names.filter(|name| programs.contains(*name)).collect();
        assert!(!walks.is_empty(), "no program in {}", self.0);
        walks
    }
}

fn is_family(word: &&str) -> bool {
    !["", "and"].contains(word)
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_else(|| panic!("no text: {value}"))
}

fn doctor() -> Findings {
    Findings::of(&knetstat(["doctor", "--json"]))
}

/// Returns the names of all programs.
fn programs() -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    for part in Part::ALL {
        let mut count = 0;
        let note = |open: &mut OpenObject| {
            count = open.progs().count();
            names.extend(open.progs().map(|program| program.name().to_string_lossy().into()));
            Err(io::Error::other("that is all").into())
        };
        let _ = part.load(None, note, |_| Ok(()));
        assert!(count > 0, "an object without programs");
    }
    names
}

/// What some programs go through, which not every kernel has: a name in its types, and what is said without it. The iterator
/// for unix sockets was added in Linux 5.15, bpf_loop() in 5.17, and the table of unix sockets of a network namespace in 6.0.
const NEEDS: [(&str, &str, &str); 5] = [
    ("unix_table", "bpf_iter_unix", "no such iterator"),
    ("tcp_ring_walk", "BPF_FUNC_loop", "does not permit such a walk"),
    ("udp_ring_walk", "BPF_FUNC_loop", "does not permit such a walk"),
    ("unix_walk", "unix_table", "does not permit such a walk"),
    ("message_walk", "unix_table", "does not permit such a walk"),
];

/// Returns what is said about a program that goes through something that this kernel does not have.
fn said_without(program: &str) -> Option<&'static str> {
    let lacking = NEEDS.iter().find(|(name, needed, _)| *name == program && !btf_has(needed));
    lacking.map(|(_, _, said)| *said)
}

// Privileges

#[test]
fn root_has_all_that_the_table_needs() {
    enter_namespace();
    let findings = doctor();
    assert!(findings.complete());
    for check in findings.checks() {
        assert!(check["needed"] == false || check["verdict"] != "missing", "{check}");
        assert!(check["verdict"] != "ok" || check["remedy"].is_null(), "{check}");
        assert!(check["verdict"] != "unknown" || check["remedy"].is_string(), "{check}");
    }
    assert!(findings.problems().is_empty(), "{:?}", findings.problems());
    for name in ["kernel", "/proc", "/sys", "BTF", "bpf(2)", "table", "pid namespace", "options"] {
        findings.says(name, "ok", &[]);
    }
    for name in ["CAP_BPF", "CAP_PERFMON", "CAP_NET_RAW", "CAP_SYS_ADMIN"] {
        findings.says(name, "ok", &["held"]);
    }
    assert!(knetstat(EVERYTHING).status.success());
}

#[test]
fn every_program_is_tried() {
    let findings = doctor();
    let walks = findings.walks();
    for program in programs() {
        // No program finds sockets with it alone.
        if program == PLACES {
            continue;
        }
        let walk = program.strip_suffix("_without_loop").unwrap_or(&program);
        assert!(walks.contains(&walk), "{program}");
        match said_without(walk) {
            None => findings.says(walk, "ok", &[]),
            Some(said) => findings.says(walk, "note", &[said]),
        }
    }
}

/// The ways to find sockets, and what the programs of each iterate over.
const WAYS: [(&str, &[&str]); 3] = [
    ("walks", &["bpf_map_elem"]),
    ("iterators", &["tcp", "udp", "unix"]),
    ("descriptors", &["task_file"]),
];

/// Returns what the programs of a run iterate over: kernel/bpf/bpf_iter.c, bpf_iter_link_show_fdinfo().
fn targets(flag: &str, environment: &[(&str, &str)]) -> BTreeSet<String> {
    let mut command = Command::new(KNETSTAT);
    let writing = Writing::start(command.arg(flag).envs(environment.iter().copied()), Stream::Out);
    let files = fs::read_dir(writing.file("fdinfo")).expect("it is there").flatten();
    let target = |file: fs::DirEntry| {
        let text = fs::read_to_string(file.path()).ok()?;
        text.lines().find_map(|line| line.strip_prefix("target_name:\t")).map(str::to_owned)
    };
    files.filter_map(target).collect()
}

/// The families of each way are those whose programs iterate over such objects.
#[test]
fn the_ways_are_those_of_the_programs() {
    enter_namespace();
    let manual = include_str!("../../man/knetstat.8");
    let (name, value) = NO_WALKS.split_once('=').expect("an assignment");
    for environment in [&[][..], &[(name, value)]] {
        let assignments = environment.iter().map(|(name, value)| format!("{name}={value}"));
        let arguments = assignments.chain(["doctor", "--json"].map(str::to_owned));
        let findings = Findings::of(&knetstat(arguments));
        let mut named = 0;
        for family in Family::ALL.into_iter().filter(|family| *family != Family::Other) {
            let targets = targets(&format!("--{family}"), environment);
            for (way, objects) in WAYS {
                let is_found = objects.iter().any(|it| targets.contains(*it));
                let families = findings.found_by(way);
                assert_eq!(
                    families.contains(family.title()),
                    is_found,
                    "{family}: {way}, {targets:?}"
                );
                named += usize::from(is_found);
                assert!(families.is_empty() || manual.contains(&format!("\n.B {way}\n")), "{way}");
            }
        }
        assert!(named >= Family::ALL.len() - 1, "each family is found");
        assert!(findings.found_by("descriptors").contains(Family::Other.title()));
    }
}

#[test]
fn what_a_program_is_for_is_said_in_flags_that_there_are() {
    let findings = doctor();
    let flags: Vec<String> = Cli::command()
        .get_arguments()
        .filter_map(|argument| argument.get_long())
        .map(|flag| format!("--{flag}"))
        .collect();
    let mut named = BTreeSet::new();
    for walk in findings.walks() {
        let detail = findings.check(walk)["detail"].as_str().unwrap_or_default().to_owned();
        let words = detail.split([' ', '(', ')', ',', ':']).filter(|word| word.starts_with("--"));
        named.extend(words.map(str::to_owned));
    }
    for flag in &named {
        assert!(flags.contains(flag), "{flag}");
    }
    for flag in ["--tcp", "--udp", "--raw", "--unix", "--unbound", "--programs"] {
        assert!(named.contains(flag), "{flag}: {named:?}");
    }
}

#[test]
fn nobody_is_told_what_is_missing_and_how_to_get_it() {
    let program = Everybodys::new("doctor-none");
    let output = program.run(&[], &["doctor", "--json"]);
    let findings = Findings::of(&output);
    assert!(!findings.complete());
    let give = to_give(&program);
    for name in ["CAP_BPF", "CAP_PERFMON"] {
        findings.says(name, "missing", &["not held", "sudo", &give]);
    }
    findings.says(
        "CAP_NET_RAW",
        "missing",
        &["raw sockets of other PID namespaces", "raw, packet and XDP sockets"],
    );
    findings.says("table", "missing", &["CAP_BPF"]);
    findings.says("BTF", "ok", &[]);
    for walk in findings.walks() {
        findings.says(walk, "unknown", &["not tried", &give]);
    }
    for (way, _) in WAYS {
        assert_eq!(findings.found_by(way), BTreeSet::new(), "no program was loaded");
    }
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(stderr.starts_with("knetstat: ") && stderr.contains(&give), "{stderr}");
    assert!(!program.run(&[], &EVERYTHING).status.success());
}

#[test]
fn what_nobody_may_ask_is_not_said_to_be_missing() {
    let program = Everybodys::new("doctor-raw");
    let as_root = doctor();
    let as_nobody = Findings::of(&program.run(&["bpf", "perfmon"], &["doctor", "-J"]));
    let lacking = |findings: &Findings| -> BTreeSet<&str> { options_lacking(findings).collect() };
    assert!(lacking(&as_nobody).is_subset(&lacking(&as_root)));
    as_nobody.says("SOL_RAW", "unknown", &["ICMP_FILTER", "sudo"]);
    let list = program.run(&[], &["options"]);
    let list = String::from_utf8_lossy(&list.stdout);
    let line = list.lines().find(|line| line.starts_with("ICMP_FILTER ")).unwrap_or_default();
    assert_eq!(line.split_whitespace().nth(3), Some("unknown"), "{line}");
}

#[test]
fn the_two_capabilities_suffice() {
    // Other runs open raw sockets in theirs, of which these capabilities do not tell everything.
    enter_namespace();
    let program = Everybodys::new("doctor-both");
    for capabilities in sufficient() {
        let findings = Findings::of(&program.run(capabilities, &["doctor", "--json"]));
        assert!(findings.complete(), "{capabilities:?}");
        for name in ["CAP_BPF", "CAP_PERFMON", "table"] {
            findings.says(name, "ok", &[]);
        }
        let output = program.run(capabilities, &EVERYTHING);
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{capabilities:?}: {stderr}");
    }
    for (held, missing) in [("bpf", "CAP_PERFMON"), ("perfmon", "CAP_BPF")] {
        let findings = Findings::of(&program.run(&[held], &["doctor", "--json"]));
        assert!(!findings.complete(), "{held}");
        findings.says(missing, "missing", &["setcap"]);
    }
}

#[test]
fn capabilities_of_a_user_namespace_are_not_enough() {
    let arguments = ["--user", "--map-root-user", KNETSTAT, "doctor", "--json"];
    let findings = Findings::of(&run("unshare", &arguments));
    assert!(!findings.complete());
    for name in ["CAP_BPF", "CAP_PERFMON"] {
        findings.says(name, "missing", &["user namespace"]);
    }
}

// The kernel

#[test]
fn without_btf_it_says_so() {
    let findings = Findings::of(&run_without(&PLACES_OF_BTF, "doctor --json"));
    assert!(!findings.complete());
    findings.says("BTF", "missing", &["/sys/kernel/btf/vmlinux", "CONFIG_DEBUG_INFO_BTF"]);
    findings.says("CAP_BPF", "ok", &[]);
    findings.says("table", "missing", &["BTF"]);
}

#[test]
fn without_proc_or_sys_it_says_so() {
    let findings = Findings::of(&run_without(&["/proc"], "doctor --json"));
    assert!(findings.complete(), "the table works without /proc");
    findings.says("/proc", "missing", &["mount -t proc proc /proc"]);
    findings.says("pid namespace", "unknown", &[]);
    findings.says("network namespace", "unknown", &[]);
    let places = ["/sys", "/boot", "/lib/modules", "/usr/lib/modules", "/usr/lib/debug"];
    let findings = Findings::of(&run_without(&places, "doctor --json"));
    findings.says("/sys", "missing", &["mount -t sysfs sysfs /sys"]);
    findings.says("BTF", "missing", &["mount -t sysfs sysfs /sys"]);
}

#[test]
fn lockdown_is_told() {
    let with = |modes: &str| {
        let script = format!(
            "mount -t tmpfs none /sys/kernel/security &&
             echo '{modes}' >/sys/kernel/security/lockdown && exec {KNETSTAT} doctor --json"
        );
        Findings::of(&run("unshare", &["--mount", "sh", "-c", &script]))
    };
    let findings = with("none integrity [confidentiality]");
    assert!(!findings.complete());
    findings.says("lockdown", "missing", &["lockdown=confidentiality"]);
    for (mode, modes) in
        [("none", "[none] integrity confidentiality"), ("integrity", "none [integrity]")]
    {
        let findings = with(modes);
        assert!(findings.complete());
        findings.says("lockdown", "ok", &[mode]);
    }
    let output = run_without(&["/sys/kernel/security"], "doctor --json");
    Findings::of(&output).says("lockdown", "unknown", &["mount -t securityfs"]);
}

#[test]
fn the_kernel_and_its_setting_are_told() {
    let findings = doctor();
    let release = fs::read_to_string("/proc/sys/kernel/osrelease").expect("a release");
    findings.says("kernel", "ok", &["Linux", release.trim()]);
    let path = "/proc/sys/kernel/unprivileged_bpf_disabled";
    let value = fs::read_to_string(path).expect("a setting");
    let said = format!("kernel.unprivileged_bpf_disabled={}", value.trim());
    findings.says("unprivileged BPF", "ok", &[&said]);
}

/// Runs an action while the kernel returns these answers. Seccomp filters apply to a thread.
fn where_kernel_answers<T: Send>(
    call: i64,
    rules: Vec<SeccompRule>,
    errno: Errno,
    run: impl FnOnce() -> T + Send,
) -> T {
    let filter = SeccompFilter::new(
        [(call, rules)].into(),
        SeccompAction::Allow,
        SeccompAction::Errno(errno as u32),
        env::consts::ARCH.try_into().expect("an architecture that seccompiler knows"),
    );
    let filter: BpfProgram = filter.and_then(TryInto::try_into).expect("a filter");
    thread::scope(|scope| {
        let thread = scope.spawn(|| {
            seccompiler::apply_filter(&filter).expect("the filter is applied");
            run()
        });
        thread.join().expect("no panic")
    })
}

#[test]
fn where_bpf_is_forbidden_or_missing_it_says_so() {
    for (errno, words) in [
        (Errno::EPERM, ["container", "seccomp"]),
        (Errno::ENOSYS, ["no bpf(2) system call", "CONFIG_BPF_SYSCALL"]),
    ] {
        let (findings, table) = where_kernel_answers(SYS_bpf, vec![], errno, || {
            (doctor(), knetstat(EVERYTHING).status)
        });
        assert!(!findings.complete() && !table.success(), "{errno}");
        findings.says("bpf(2)", "missing", &words);
    }
}

#[test]
fn a_program_that_does_not_load_is_told() {
    let limited = |limit| format!("ulimit -S -n {limit}; exec {KNETSTAT} doctor --json");
    // The number of descriptors that are open at the start is not known.
    let runs = (5..12).map(|limit| Findings::of(&run("sh", &["-c", &limited(limit)])));
    let is_short = |findings: &Findings| {
        let walk = findings.check("tcp_files");
        walk["detail"].to_string().contains("too many open files")
    };
    let findings = runs.into_iter().find(is_short).expect("one more descriptor is one too many");
    assert!(!findings.complete());
    for walk in findings.walks() {
        // The kernel's types show what it does not have, which requires no more descriptors.
        match said_without(walk) {
            None => findings.says(walk, "missing", &["too many open files", "ulimit -n"]),
            Some(said) => findings.says(walk, "note", &[said]),
        }
    }
    // Options of sockets that could not be opened were not queried: they are not reported as unsupported.
    let lacking: BTreeSet<&str> = options_lacking(&doctor()).collect();
    let told: BTreeSet<&str> = options_lacking(&findings).collect();
    assert!(told.is_subset(&lacking), "{told:?} of {lacking:?}");
    findings.says("table", "missing", &["too many open files"]);
    assert_eq!(findings.problems().len(), 1, "{:?}", findings.problems());
}

// Namespaces

#[test]
fn in_another_pid_namespace_owners_are_not_all_seen() {
    let arguments = ["--pid", "--fork", "--mount-proc", KNETSTAT, "doctor", "--json"];
    let findings = Findings::of(&run("unshare", &arguments));
    findings.says("pid namespace", "note", &["processes", "elsewhere", "container"]);
    assert!(text(&findings.0["summary"]).contains("processes of this PID namespace"));
    assert!(findings.complete(), "a table of what is seen here works");
}

#[test]
fn the_network_namespace_is_told() {
    enter_namespace();
    let namespace = fs::metadata("/proc/thread-self/ns/net").expect("a namespace");
    doctor().says("network namespace", "ok", &[&format!("net:[{}]", namespace.ino())]);
}

// Options

/// An option that the sockets of this kernel show is not reported as unsupported.
#[test]
fn an_option_that_a_socket_shows_is_not_missing() {
    enter_namespace();
    let _sockets: Vec<_> = SocketKind::ALL
        .iter()
        .filter_map(|kind| kind.open())
        .filter_map(|((domain, kind, protocol), _)| socket(domain, kind, protocol).ok())
        .collect();
    let everything = "-tuwx --mptcp --packet --xdp --netlink --vsock --unbound -O all";
    let shown: BTreeSet<String> = sockets(everything)
        .iter()
        .filter_map(|row| row["options"].as_object())
        .flat_map(|options| options.keys().cloned())
        .collect();
    assert!(shown.len() > 100, "only {} options are shown", shown.len());
    let findings = doctor();
    let unsupported = findings.options("note");
    let wrong: Vec<_> = unsupported.iter().filter(|name| shown.contains(**name)).collect();
    assert!(wrong.is_empty(), "{wrong:?}");
}

/// Returns the options that new sockets are queried for and that are not supported according to the report.
fn options_lacking(findings: &Findings) -> impl Iterator<Item = &'static str> + '_ {
    let unsupported = findings.options("note");
    let lacking = move |option: &&OptionSpec| unsupported.contains(option.name);
    CATALOGUE.iter().filter(is_asked_for).filter(lacking).map(|option| option.name)
}

fn lacks_what_the_kernel_lacks(findings: &Findings) -> BTreeSet<&'static str> {
    let (lacking, there) = options_asked();
    let said: BTreeSet<&str> = options_lacking(findings).collect();
    assert!(said.is_disjoint(&there), "{said:?}");
    let unsaid: Vec<_> = lacking.difference(&said).collect();
    // The options of a level that no socket supports are unknown.
    let unasked = |name: &&&str| {
        let option = CATALOGUE.iter().find(|option| option.name == **name);
        let level = option.expect("an option").level;
        CATALOGUE.iter().all(|other| other.level != level || !there.contains(other.name))
    };
    assert!(unsaid.iter().all(unasked), "{unsaid:?}");
    said
}

#[test]
fn the_options_that_it_says_are_missing_are_those_that_getsockopt_does_not_know() {
    enter_namespace();
    lacks_what_the_kernel_lacks(&doctor());
}

const TAKEN: [&str; 3] = ["SO_PRIORITY", "TCP_CORK", "IPV6_TCLASS"];

/// Returns seccomp rules that match getsockopt(2) for these options.
fn asked_for(names: &[&str]) -> Vec<SeccompRule> {
    let rule = |name: &&str| {
        let option = CATALOGUE.iter().find(|option| option.name == *name).expect("an option");
        let is = |argument, number: i32| {
            let equal = SeccompCmpOp::Eq;
            SeccompCondition::new(argument, SeccompCmpArgLen::Dword, equal, number as u64)
                .expect("a condition")
        };
        let conditions = vec![is(1, option.level.number), is(2, option.number)];
        SeccompRule::new(conditions).expect("a rule")
    };
    names.iter().map(rule).collect()
}

#[test]
fn an_option_that_the_kernel_takes_back_is_not_supported() {
    let said = where_kernel_answers(SYS_getsockopt, asked_for(&TAKEN), Errno::ENOPROTOOPT, || {
        let findings = doctor();
        assert!(findings.complete(), "an option costs that option");
        lacks_what_the_kernel_lacks(&findings)
    });
    assert!(TAKEN.iter().all(|name| said.contains(name)), "{said:?}");
}

#[test]
fn an_option_that_may_not_be_asked_for_is_unknown() {
    let findings = where_kernel_answers(SYS_getsockopt, asked_for(&TAKEN), Errno::EPERM, doctor);
    assert!(findings.complete(), "an option costs that option");
    let unknown = findings.options("unknown");
    assert!(TAKEN.iter().all(|name| unknown.contains(name)), "{unknown:?}");
    findings.says("SOL_SOCKET", "unknown", &["1 option not checked: SO_PRIORITY", "seccomp"]);
}

// Text

/// Runs the program as nobody with these capabilities. Returns its status, standard output and standard
/// error.
fn as_nobody(
    program: &Everybodys,
    capabilities: &[&str],
    arguments: &[&str],
) -> (bool, String, String) {
    let output = program.run(capabilities, arguments);
    let text = |bytes| String::from_utf8(bytes).expect("UTF-8");
    (output.status.success(), text(output.stdout), text(output.stderr))
}

#[test]
fn it_is_one_sentence_where_everything_works() {
    enter_namespace();
    let said = stdout("doctor");
    let findings = doctor();
    assert_eq!(said, format!("{}\n", text(&findings.0["summary"])));
    let (unsupported, unknown) = (findings.options("note"), findings.options("unknown"));
    assert!(unsupported.is_disjoint(&unknown));
    let all = CATALOGUE.len();
    let count = format!("{} of {all} options", all - unsupported.len() - unknown.len());
    let begin =
        format!("knetstat works here: all families, processes, namespaces; {count} in this kernel");
    let rest = said.trim_end().strip_prefix(&begin).unwrap_or_else(|| panic!("{said} not {begin}"));
    let expected =
        if unknown.is_empty() { String::new() } else { format!(", {} unknown", unknown.len()) };
    assert_eq!(rest, expected);
}

#[test]
fn a_problem_is_one_line_with_what_why_and_what_to_do() {
    let program = Everybodys::new("doctor-short");
    let (works, said, error) = as_nobody(&program, &[], &["doctor"]);
    assert!(!works);
    let json = Findings::of(&program.run(&[], &["doctor", "-J"]));
    let problem = |it: &Value| {
        format!("{}: {} ({})\n", text(&it["what"]), text(&it["why"]), text(&it["remedy"]))
    };
    assert_eq!(said, json.problems().iter().map(problem).collect::<String>());
    // Two capabilities are missing, but this is one problem. sudo also provides everything else that nobody
    // lacks.
    assert_eq!(said.lines().count(), 1, "{said}");
    for word in ["table: ", "CAP_BPF", "CAP_PERFMON", "not held", &to_give(&program)] {
        assert!(said.contains(word), "{word}: {said}");
    }
    assert!(error.starts_with("knetstat: ") && error.contains("CAP_BPF"), "{error}");
    assert!(error.lines().count() == 1 && error.contains(&to_give(&program)), "{error}");
}

#[test]
fn a_remedy_is_read_once_on_a_terminal() {
    let script = format!("ulimit -S -n 6; exec {KNETSTAT} doctor");
    let terminal = openpty(None, None).expect("a pseudo terminal");
    let mut command = Command::new("sh");
    let output = command.args(["-c", &script]).stdout(terminal.slave).output().expect("a shell");
    drop(command);
    let mut said = [0; 1000];
    let length = File::from(terminal.master).read(&mut said).expect("a line");
    let said = String::from_utf8_lossy(&said[..length]);
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(said.contains("too many open files (raise the limit: `ulimit -n 1024`)"), "{said}");
    assert!(error.contains("too many open files (see above)"), "{error}");
    assert_eq!(output.status.code(), Some(1));
}

#[test]
fn what_does_not_work_of_a_table_that_works_is_listed() {
    // There is at least one other namespace then, the one of all other processes.
    enter_namespace();
    let program = Everybodys::new("doctor-limits");
    let [capabilities, _] = sufficient();
    let (works, said, error) = as_nobody(&program, capabilities, &["doctor"]);
    assert!(works && error.is_empty(), "{error}");
    let lines: Vec<&str> = said.lines().collect();
    let [sentence, raw, namespaces] = lines[..] else { panic!("{said}") };
    assert!(sentence.starts_with("knetstat works here: all families, processes; "), "{sentence}");
    for (line, words) in [
        (raw, ["raw, packet and XDP sockets", "CAP_NET_RAW", "sudo"]),
        (namespaces, ["--all-netns", "CAP_SYS_ADMIN, CAP_SYS_PTRACE and CAP_NET_ADMIN", "sudo"]),
    ] {
        assert!(words.iter().all(|word| line.contains(word)), "{line}");
    }
    // The kernel behaves as the sentence and the lines state.
    let (works, _, error) = as_nobody(&program, capabilities, &["-t", "--all-netns"]);
    assert!(!works && error.contains("network namespace"), "{error}");
}

/// Returns the words of the list of checks in the JSON output, with each remedy that is not among those of the problems
/// above the list, once.
fn words_of(findings: &Findings) -> Vec<String> {
    let mut words = Vec::new();
    let mut written: Vec<&str> = findings.problems().iter().map(|it| text(&it["remedy"])).collect();
    for check in findings.checks() {
        for member in ["verdict", "name", "detail"] {
            words.extend(text(&check[member]).split_whitespace().map(str::to_owned));
        }
        if let Some(remedy) = check["remedy"].as_str().filter(|remedy| !written.contains(remedy)) {
            written.push(remedy);
            words.extend(format!("({remedy})").split_whitespace().map(str::to_owned));
        }
    }
    words
}

/// Returns the list of checks of `doctor -v`, without the part that `doctor` prints too.
fn list(verbose: &str) -> &str {
    verbose.split_once("\n\n").unwrap_or_else(|| panic!("no list in {verbose}")).1
}

#[test]
fn the_list_of_checks_and_json_agree() {
    enter_namespace();
    let verbose = stdout("doctor -v");
    assert_eq!(list(&verbose).split_whitespace().collect::<Vec<_>>(), words_of(&doctor()));
    assert_eq!(stdout("doctor --verbose"), verbose);
    let words = |text: &str| text.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
    let (above, _) = verbose.split_once("\n\n").expect("a list");
    assert_eq!(words(above), words(&stdout("doctor")));
    let program = Everybodys::new("doctor-text");
    let (works, verbose, _) = as_nobody(&program, &[], &["doctor", "-v"]);
    let json = program.run(&[], &["doctor", "--json"]);
    assert_eq!(works, json.status.success());
    assert_eq!(
        list(&verbose).split_whitespace().collect::<Vec<_>>(),
        words_of(&Findings::of(&json))
    );
}

#[test]
fn the_list_of_checks_fits_a_terminal() {
    let program = Everybodys::new("doctor-wide");
    let (_, nobodys, _) = as_nobody(&program, &[], &["doctor", "-v"]);
    for verbose in [stdout("doctor -v"), nobodys] {
        let (above, _) = verbose.split_once("\n\n").expect("a list");
        for line in above.lines() {
            assert!(line.len() <= 80 || line.contains('`'), "{line}");
        }
        for line in list(&verbose).lines() {
            assert!(line.len() <= 80 || line.contains(&program.program), "{line}");
            assert!(!line.ends_with(' '), "{line:?}");
            assert_eq!(line.matches('`').count() % 2, 0, "a command that is broken: {line}");
            let begins = |verdict: &str| line.starts_with(verdict);
            let verdicts = ["ok ", "missing ", "unknown ", "note ", "         "];
            assert!(verdicts.into_iter().any(begins), "{line}");
        }
    }
}

#[test]
fn capabilities_are_given_up_before_anything_is_written() {
    // The pipe is full: the program blocks at its first write.
    let (read, write) = pipe().expect("a pipe");
    let size = fcntl(&write, FcntlArg::F_SETPIPE_SZ(4096)).expect("a small pipe");
    let mut full = File::from(write.try_clone().expect("dup"));
    full.write_all(&vec![b' '; size as usize]).expect("it fits");
    drop(full);
    let mut command = Command::new(KNETSTAT);
    let mut child = command.args(["doctor", "-J"]).stdout(write).spawn().expect("it starts");
    drop(command);
    // Before it writes, it loads every program, which takes some minutes in a virtual machine with Linux 5.10.
    wait_within(Duration::from_secs(1200), "it gives up its capabilities", || {
        let status = fs::read_to_string(format!("/proc/{}/status", child.id())).expect("it waits");
        let is_empty = |set| status.contains(&format!("{set}:\t0000000000000000\n"));
        ["CapInh", "CapPrm", "CapEff", "CapAmb"].into_iter().all(is_empty)
    });
    let mut text = String::new();
    File::from(read).read_to_string(&mut text).expect("the rest");
    assert!(child.wait().expect("it ends").success());
    assert!(serde_json::from_str::<Value>(&text).is_ok_and(|it| it["complete"] == true), "{text}");
}
