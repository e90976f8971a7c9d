//! Each remedy of `knetstat doctor` solves the problem.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Output;

use crate::common::{counts_bpf_as_locked_memory, not_tested, KNETSTAT, PLACES_OF_BTF};
use crate::sandbox::{run, sufficient, Everybodys};
use serde_json::Value;

/// Returns the commands in a text, which are in backticks, as root would type them.
fn commands(text: &str) -> Vec<String> {
    let commands = text.split('`').skip(1).step_by(2);
    commands.map(|command| command.trim_start_matches("sudo ").to_owned()).collect()
}

fn findings(output: &Output) -> Value {
    serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {output:?}"))
}

fn check<'a>(findings: &'a Value, name: &str) -> &'a Value {
    let mut checks = findings["checks"].as_array().expect("a list").iter();
    checks.find(|check| check["name"] == name).unwrap_or_else(|| panic!("no {name}"))
}

/// Returns the commands in the remedy of a check.
fn remedy(findings: &Value, name: &str) -> Vec<String> {
    let check = check(findings, name);
    assert!(check["verdict"] != "ok", "nothing is wrong with {check}");
    commands(check["remedy"].as_str().unwrap_or_else(|| panic!("no remedy: {check}")))
}

/// Returns the findings of `knetstat doctor`, run as nobody with these capabilities.
fn as_nobody(program: &Everybodys, capabilities: &[&str]) -> Value {
    findings(&program.run(capabilities, &["doctor", "--json"]))
}

fn sh(script: &str) -> Output {
    run("unshare", &["--mount", "sh", "-c", script])
}

/// Asserts that a check fails after the first script, and passes after its remedy. `program` is the command
/// that runs `knetstat` then.
fn helps(name: &str, before: &str, program: &str) {
    help(&[name], before, program);
}

/// Does the same for several checks.
fn help(names: &[&str], before: &str, program: &str) {
    let doctor = format!("exec {program} doctor --json");
    let wrong = findings(&sh(&format!("{before} && {doctor}")));
    let mut helped = BTreeMap::new();
    for name in names {
        let [command, ..] = &remedy(&wrong, name)[..] else {
            panic!("no command: {}", check(&wrong, name))
        };
        let right = helped
            .entry(command.clone())
            .or_insert_with(|| findings(&sh(&format!("{before} && {command} && {doctor}"))));
        assert_eq!(check(right, name)["verdict"], "ok", "{command}: {right}");
    }
}

#[test]
fn mounts() {
    let of_proc = ["/proc", "pid namespace", "network namespace"];
    help(&of_proc, "mount -t tmpfs none /proc", KNETSTAT);
    let places = ["/sys", "/boot", "/lib/modules", "/usr/lib/modules", "/usr/lib/debug"];
    let places = places.into_iter().filter(|place| Path::new(place).is_dir());
    let hide: Vec<String> = places.map(|place| format!("mount -t tmpfs none {place}")).collect();
    help(&["/sys", "BTF", "table"], &hide.join(" && "), KNETSTAT);
}

/// The list of protocols is missing in a /proc with only processes.
#[test]
fn a_proc_of_processes_alone() {
    let subset = "mount -t proc -o subset=pid proc /proc";
    match sh(subset).status.success() {
        true => helps("/proc", subset, KNETSTAT),
        false => not_tested("/proc with subset=pid: this kernel does not have it"),
    }
}

/// Processes of other users are hidden, but nothing that knetstat requires.
#[test]
fn a_proc_that_hides_processes() {
    let program = Everybodys::new("remedy-hidepid");
    let nobody = format!("{} doctor --json", nobody(&program));
    let seen = findings(&sh(&nobody));
    let hidden = findings(&sh(&format!("mount -t proc -o hidepid=2 proc /proc && {nobody}")));
    assert_eq!(hidden["summary"], seen["summary"]);
    assert_eq!(hidden["problems"], seen["problems"]);
}

#[test]
fn lockdown_is_known_where_its_file_is_mounted() {
    let mount = "mount -t securityfs securityfs /sys/kernel/security";
    match sh(mount).status.success() {
        true => helps("lockdown", "mount -t tmpfs none /sys/kernel/security", KNETSTAT),
        false => not_tested("the remedy for lockdown: securityfs cannot be mounted"),
    }
}

/// Returns the command that runs the program as nobody with the capabilities that the table requires.
fn nobody(program: &Everybodys) -> String {
    let capabilities = sufficient()[0].iter().map(|name| format!("+{name}"));
    let capabilities = capabilities.collect::<Vec<_>>().join(",");
    format!(
        "setpriv --reuid 65534 --regid 65534 --clear-groups --inh-caps {capabilities} \
         --ambient-caps {capabilities} {}",
        program.program
    )
}

#[test]
fn limit_of_open_files() {
    for limit in ["5", "9"] {
        helps("table", &format!("ulimit -S -n {limit}"), KNETSTAT);
    }
}

/// The limit of a user who may not raise it.
#[test]
fn hard_limit_of_open_files() {
    let program = Everybodys::new("remedy-files");
    let doctor = format!("exec {} doctor --json", nobody(&program));
    let wrong = findings(&sh(&format!("ulimit -n 8 && {doctor}")));
    let commands = remedy(&wrong, "table");
    // A container without CAP_SYS_RESOURCE must be started with a higher limit.
    let follow = match &commands[..] {
        [prlimit] if prlimit.starts_with("prlimit ") => format!("ulimit -n 8 && {prlimit}"),
        [option, _] if option == "--ulimit nofile=1024" => {
            not_tested("prlimit as a remedy: root lacks CAP_SYS_RESOURCE here");
            "ulimit -n 1024".into()
        }
        // The capability that BPF requires on this kernel also allows this limit to be raised.
        [ulimit] if counts_bpf_as_locked_memory() => format!("ulimit -S -n 8 && {ulimit}"),
        _ => panic!("{commands:?}"),
    };
    let right = findings(&sh(&format!("{follow} && {doctor}")));
    assert_eq!(right["complete"], true, "{follow}: {right}");
}

#[test]
fn types_that_only_root_may_read() {
    let program = Everybodys::new("remedy-types");
    let copy = Path::new(&program.program).with_file_name("btf");
    fs::copy("/sys/kernel/btf/vmlinux", &copy).expect("BTF");
    fs::set_permissions(&copy, fs::Permissions::from_mode(0o400)).expect("chmod");
    let hide = PLACES_OF_BTF[1..].iter().filter(|place| Path::new(place).is_dir());
    let hide: String = hide.map(|place| format!("mount -t tmpfs none {place} && ")).collect();
    let before =
        format!("{hide}chmod 400 {0} && mount --bind {0} /sys/kernel/btf/vmlinux", copy.display());
    helps("BTF", &before, &nobody(&program));
}

#[test]
fn capabilities_of_the_file() {
    let program = Everybodys::new("remedy-setcap");
    let commands = remedy(&as_nobody(&program, &[]), "CAP_BPF");
    let [_, setcap, pin] = &commands[..] else { panic!("{commands:?}") };
    assert!(setcap.starts_with("setcap "), "{setcap}");
    assert_eq!(pin, "knetstat pin");
    let given = run("sh", &["-c", setcap]);
    if !given.status.success() {
        let why = String::from_utf8_lossy(&given.stderr);
        assert!(why.contains("not supported"), "{setcap}: {why}");
        return not_tested("setcap: this file system has no file capabilities");
    }
    let findings = as_nobody(&program, &[]);
    assert_eq!(findings["complete"], true, "{findings}");
    assert!(program.run(&[], &["-tuwxp", "-J"]).status.success());
}

#[test]
fn sudo() {
    let program = Everybodys::new("remedy-sudo");
    for (held, name) in [
        (&[][..], "CAP_PERFMON"),
        (sufficient()[0], "CAP_NET_RAW"),
        (sufficient()[0], "CAP_SYS_PTRACE"),
    ] {
        let commands = remedy(&as_nobody(&program, held), name);
        // Simulates sudo(8): runs the command as root. sudo finds only programs in root's PATH, or by path.
        assert_eq!(commands[0], program.program, "{name}");
        let findings = findings(&run(&commands[0], &["doctor", "--json"]));
        assert_eq!(check(&findings, name)["verdict"], "ok");
        assert_eq!(findings["problems"], Value::Array(Vec::new()));
    }
}

/// setcap(8) has no effect where file capabilities are ignored.
#[test]
fn capabilities_of_a_file_that_do_not_count() {
    let program = Everybodys::new("remedy-nosuid");
    let directory = Path::new(&program.program).parent().expect("a directory");
    let script = |command: &str| {
        format!(
            "mount --bind {0} {0} && mount -o remount,bind,nosuid {0} && {command} setpriv --reuid 65534 \
             --regid 65534 --clear-groups {1} doctor --json",
            directory.display(),
            program.program
        )
    };
    let nobodys = findings(&sh(&script("")));
    assert_eq!(remedy(&nobodys, "CAP_BPF"), [program.program.as_str()], "sudo alone");
    // setcap(8) would not have helped.
    let given = format!("setcap cap_bpf,cap_perfmon=ep {};", program.program);
    assert_eq!(findings(&sh(&script(&given)))["complete"], false);
}

/// If a container or a service drops a capability, sudo does not restore it.
#[test]
fn capabilities_that_the_container_lacks() {
    let in_container = |kept: &str| {
        let bounding = format!("-all{kept}");
        findings(&run("setpriv", &["--bounding-set", &bounding, KNETSTAT, "doctor", "--json"]))
    };
    let third = if counts_bpf_as_locked_memory() { ",+sys_resource" } else { "" };
    let lacking = in_container(third);
    let commands = remedy(&lacking, "CAP_BPF");
    let [docker, systemd] = &commands[..] else { panic!("{commands:?}") };
    assert_eq!(systemd, "CapabilityBoundingSet=CAP_BPF CAP_PERFMON");
    let added: String = docker
        .split("--cap-add ")
        .skip(1)
        .map(|name| format!(",+{}", name.trim().to_lowercase()))
        .collect();
    assert_eq!(in_container(&format!("{third}{added}"))["complete"], true, "{added}");
}
