//! Hosts and users with missing features or privileges.

use std::env;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use crate::common::{copy_program, counts_bpf_as_locked_memory, KNETSTAT};

/// Runs a program until it ends.
pub fn run(program: &str, arguments: &[&str]) -> Output {
    let output = Command::new(program).args(arguments).output();
    output.unwrap_or_else(|error| panic!("{program}, which make installs: {error}"))
}

/// A copy of the program that all users can run. The build directory of cargo may be private.
pub struct Everybodys {
    directory: PathBuf,
    /// The path of the copy.
    pub program: String,
}

impl Everybodys {
    pub fn new(test: &str) -> Everybodys {
        let directory = env::temp_dir().join(format!("knetstat-{test}-{}", std::process::id()));
        let program = directory.join("knetstat");
        fs::create_dir(&directory).expect("a new directory");
        fs::set_permissions(&directory, fs::Permissions::from_mode(0o755)).expect("chmod");
        copy_program(&program);
        Everybodys { directory, program: program.display().to_string() }
    }

    /// Runs the copy as nobody with these capabilities.
    pub fn run(&self, capabilities: &[&str], arguments: &[&str]) -> Output {
        let ambient: Vec<String> = capabilities.iter().map(|name| format!("+{name}")).collect();
        let ambient = ambient.join(",");
        let mut all = vec!["--reuid", "65534", "--regid", "65534", "--clear-groups"];
        if !capabilities.is_empty() {
            all.extend(["--inh-caps", &ambient, "--ambient-caps", &ambient]);
        }
        all.push(&self.program);
        all.extend(arguments);
        run("setpriv", &all)
    }
}

impl Drop for Everybodys {
    fn drop(&mut self) {
        // Files left in a temporary directory do no harm.
        let _ = fs::remove_dir_all(&self.directory);
    }
}

/// Runs knetstat with these directories empty.
pub fn run_without(directories: &[&str], arguments: &str) -> Output {
    let there = directories.iter().filter(|directory| Path::new(directory).is_dir());
    let mounts: String = there.map(|path| format!("mount -t tmpfs none {path} && ")).collect();
    run("unshare", &["--mount", "sh", "-c", &format!("{mounts}exec {KNETSTAT} {arguments}")])
}

/// Returns the sets of capabilities, each of which is sufficient on this kernel.
pub fn sufficient() -> [&'static [&'static str]; 2] {
    match counts_bpf_as_locked_memory() {
        true => [&["bpf", "perfmon", "sys_resource"], &["sys_admin", "sys_resource"]],
        false => [&["bpf", "perfmon"], &["sys_admin"]],
    }
}

/// Returns the setcap(8) command that the program recommends.
pub fn to_give(program: &Everybodys) -> String {
    let third = if counts_bpf_as_locked_memory() { ",cap_sys_resource" } else { "" };
    format!("setcap cap_bpf,cap_perfmon{third}=ep {}", program.program)
}
