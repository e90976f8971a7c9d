//! `knetstat doctor` names the BPF programs of control groups that may set options or change what
//! getsockopt(2) returns. Such a program does so here, and knetstat shows the kernel's value.

use std::fs::{self, File};
use std::os::fd::AsRawFd;
use std::path::PathBuf;

use nix::mount::{mount, umount2, MntFlags, MsFlags};
use nix::sched::{unshare, CloneFlags};
use serde_json::Value;

use crate::common::ebpf::Ebpf;
use crate::common::{knetstat, not_tested, wait_until};

/// Of each of the four types, a program that allows everything and is in no control group.
const SOURCES: [(&str, &str, &str); 4] = [
    ("cgroup/getsockopt", "answers", "cgroup_sockopt"),
    ("sockops", "events", "sock_ops"),
    ("cgroup/connect4", "connects", "cgroup_sock_addr"),
    ("cgroup/sock_create", "creates", "cgroup_sock"),
];

fn load(section: &str, name: &str) -> libbpf_rs::Result<Ebpf> {
    let attribute = format!("__attribute__((section(\"{section}\")))");
    let license = "__attribute__((section(\"license\"))) char gpl[] = \"GPL\";";
    Ebpf::compile(&format!("{attribute} int {name}(void *context) {{ return 1; }} {license}"))
}

/// Returns the check of such programs.
fn check() -> Value {
    let output = knetstat(["doctor", "--json"]);
    assert!(output.status.success(), "{output:?}");
    let findings: Value = serde_json::from_slice(&output.stdout).expect("an object");
    let checks = findings["checks"].as_array().expect("a list");
    checks.iter().find(|check| check["name"] == "cgroup BPF").expect("the check").clone()
}

fn detail(check: &Value) -> String {
    check["detail"].as_str().expect("a text").to_owned()
}

#[test]
fn each_type_is_named() {
    let _turn = crate::exclusive();
    let (mut programs, mut names) = (Vec::new(), Vec::new());
    for (section, name, kind) in SOURCES {
        match load(section, name) {
            Ok(program) => {
                names.push(format!("{}/{name} ({kind})", program.id()));
                programs.push(program);
            }
            Err(error) => {
                not_tested(&format!("a program of type {kind}, which does not load: {error}"));
            }
        }
    }
    assert!(!programs.is_empty(), "no program was loaded");
    let found = check();
    assert_eq!(found["verdict"], "note", "{found}");
    for name in &names {
        assert!(detail(&found).contains(name), "{name}: {found}");
    }
    assert!(found["remedy"].is_null() && found["needed"] == false, "{found}");
    // It is worth knowing, but not a problem: the short form remains one sentence.
    let short = knetstat(["doctor"]);
    assert_eq!(String::from_utf8_lossy(&short.stdout).lines().count(), 1, "{short:?}");
    drop(programs);
    wait_until("the programs are unloaded", || {
        let detail = detail(&check());
        !names.iter().any(|name| detail.contains(name))
    });
}

#[test]
fn other_programs_are_not_named() {
    let _turn = crate::exclusive();
    let others = ["socket", "cgroup_skb/egress"].map(|section| load(section, "unrelated"));
    assert!(others.iter().any(Result::is_ok), "no program was loaded");
    let found = check();
    assert!(!detail(&found).contains("unrelated"), "{found}");
}

/// A control group that is removed in the end, and the mount through which it was made.
struct Group {
    mount: PathBuf,
    path: PathBuf,
}

impl Group {
    fn new() -> Group {
        let name = format!("knetstat-options-{}", std::process::id());
        let point = std::env::temp_dir().join(&name);
        fs::create_dir(&point).expect("a directory");
        unshare(CloneFlags::CLONE_NEWNS).expect("a mount namespace");
        let private = MsFlags::MS_REC | MsFlags::MS_PRIVATE;
        mount(None::<&str>, "/", None::<&str>, private, None::<&str>).expect("private mounts");
        let none = Some("none");
        mount(none, &point, Some("cgroup2"), MsFlags::empty(), None::<&str>).expect("cgroup2");
        let path = point.join(&name);
        fs::create_dir(&path).expect("a group");
        Group { mount: point, path }
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        let path = &self.path;
        wait_until("the group is empty", || fs::remove_dir(path).is_ok() || !path.exists());
        let _ = umount2(&self.mount, MntFlags::MNT_DETACH);
        let _ = fs::remove_dir(&self.mount);
    }
}

/// getsockopt(2) in the control group returns what the program says, and knetstat what the kernel has.
#[test]
fn the_kernels_value_is_shown_whatever_a_program_answers() {
    const SOURCE: &str = r#"
        struct context { void *sk, *value, *end; int level, name, length, result; };
        __attribute__((section("cgroup/getsockopt"))) int invents(struct context *context)
        {
            if (context->level == 1 && context->name == 12 && context->value + 4 <= context->end)
                *(int *)context->value = 5; /* SO_PRIORITY */
            return 1;
        }
        __attribute__((section("license"))) char gpl[] = "GPL";
    "#;
    let _turn = crate::exclusive();
    let program = match Ebpf::compile(SOURCE) {
        Ok(program) => program,
        Err(error) => return not_tested(&format!("a program for getsockopt(2): {error}")),
    };
    let group = Group::new();
    let directory = File::open(&group.path).expect("a directory");
    let mut programs = program.0.progs_mut();
    let link = programs.next().expect("a program").attach_cgroup(directory.as_raw_fd());
    let link = link.expect("the program is attached");
    assert!(detail(&check()).contains("/invents (cgroup_sockopt)"));
    // Python is in the group, and prints what getsockopt(2) returns and what knetstat shows.
    let script = format!(
        "echo 0 >{}/cgroup.procs && exec python3 -c '
import json, socket, subprocess
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.bind((\"127.0.0.1\", 0))
rows = subprocess.run([\"{}\", \"-uJ\", \"-O\", \"SO_PRIORITY\", \"sport\", \"=\", str(s.getsockname()[1])],
                      stdout=subprocess.PIPE, check=True).stdout
print(s.getsockopt(socket.SOL_SOCKET, socket.SO_PRIORITY), json.loads(rows)[0][\"options\"][\"SO_PRIORITY\"])'",
        group.path.display(),
        crate::common::KNETSTAT
    );
    let output = std::process::Command::new("sh").args(["-c", &script]).output().expect("a shell");
    drop(link);
    assert_eq!(String::from_utf8_lossy(&output.stdout), "5 0\n", "{output:?}");
}
