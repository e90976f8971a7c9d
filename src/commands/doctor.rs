//! `knetstat doctor`: what knetstat needs of this host, whether it is there, and what to do where it
//! is not.

use std::fs;
use std::io::{self, Write};
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use caps::Capability;
use nix::errno::Errno;
use serde::Serialize;

use super::stdout;
use crate::commands::options::is_supported;
use crate::error::Error;
use crate::kernel::btf::{KernelBtf, KERNEL_BTF};
use crate::kernel::capability::{self, NEEDED};
use crate::kernel::load::Loader;
use crate::kernel::programs::{Program, Subject, When, PROGRAMS};
use crate::kernel::request::Request;
use crate::kernel::snapshot::Snapshot;
use crate::kernel::syscall;
use crate::options::catalogue::CATALOGUE;
use crate::options::defaults::Defaults;
use crate::options::spec::Level;
use crate::socket::kind::Family;
use crate::text::escaped;

/// Prints what was found out about this host.
///
/// # Errors
///
/// When the table does not work here, or would not be complete; when the output cannot be written.
pub fn run(json: bool) -> Result<(), Error> {
    let checks = examine();
    capability::drop_all()?;
    let mut out = stdout()?;
    match json {
        true => write_json(&mut out, &checks),
        false => write_text(&mut out, &checks),
    }
    .and_then(|()| out.flush())
    .map_err(Error::Output)?;
    conclude(&checks)
}

/// How it is with one thing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    Ok,
    Missing,
    Unknown,
}

impl Verdict {
    fn word(self) -> &'static str {
        match self {
            Verdict::Ok => "ok",
            Verdict::Missing => "missing",
            Verdict::Unknown => "unknown",
        }
    }
}

/// What was found out about one thing.
#[derive(Debug, Serialize)]
pub struct Check {
    /// What it is about, in a word or two.
    pub name: String,
    pub verdict: Verdict,
    /// What there is, or what is lost without it.
    pub detail: String,
    /// The one thing to do; none where there is nothing to do.
    pub remedy: Option<String>,
    /// Whether the table needs it.
    pub needed: bool,
}

impl Check {
    fn ok(name: &str, detail: impl Into<String>) -> Check {
        let (name, detail) = (name.into(), detail.into());
        Check { name, verdict: Verdict::Ok, detail, remedy: None, needed: false }
    }

    fn missing(name: &str, detail: impl Into<String>, remedy: impl Into<String>) -> Check {
        Check { verdict: Verdict::Missing, remedy: Some(remedy.into()), ..Check::ok(name, detail) }
    }

    fn unknown(name: &str, detail: impl Into<String>, remedy: impl Into<String>) -> Check {
        Check { verdict: Verdict::Unknown, ..Check::missing(name, detail, remedy) }
    }

    fn needed(self) -> Check {
        Check { needed: true, ..self }
    }

    /// Whether the table does not work, or not wholly, because of it.
    fn is_obstacle(&self) -> bool {
        self.needed && self.verdict == Verdict::Missing
    }
}

/// What to do where nobody knows.
const REPORT: &str = "please report it, with all that 'knetstat doctor' says";
const SUDO: &str = "run it with sudo";
const MOUNT_PROC: &str = "'mount -t proc proc /proc'";

/// Looks at everything, as this user on this host.
pub fn examine() -> Vec<Check> {
    let loader = Loader::new();
    let mut checks =
        vec![kernel(), proc(), sys(), btf(loader.btf()), bpf(), lockdown(), unprivileged()];
    checks.extend(NEEDED.map(needed_capability));
    checks.extend(WANTED.map(|(which, lost)| capability(which, lost, SUDO)));
    checks.push(memory_limit());

    let obstacle = first_obstacle(&checks);
    checks.extend(PROGRAMS.iter().map(|it| program(it, &loader, obstacle.as_deref())));
    checks.push(table(&loader, first_obstacle(&checks).as_deref()));
    checks.extend([pid_namespace(), network_namespace()]);
    checks.extend(options(loader.btf()));
    checks
}

/// The names of what keeps the table from working.
fn obstacles(checks: &[Check]) -> Vec<&str> {
    let obstacles = checks.iter().filter(|check| check.is_obstacle());
    obstacles.map(|check| check.name.as_str()).collect()
}

fn first_obstacle(checks: &[Check]) -> Option<String> {
    obstacles(checks).first().map(|name| name.to_string())
}

// The kernel

fn kernel() -> Check {
    const NAME: &str = "kernel";
    match nix::sys::utsname::uname() {
        Ok(name) => {
            let words = [name.sysname(), name.release(), name.machine()];
            Check::ok(NAME, words.map(|word| escaped(word.as_encoded_bytes())).join(" "))
        }
        Err(error) => Check::unknown(NAME, format!("uname(2) says: {}", error.desc()), REPORT),
    }
}

fn proc() -> Check {
    const NAME: &str = "/proc";
    const LOST: &str = "not mounted: what raw sockets have set is unknown";
    match Path::new("/proc/self/stat").exists() {
        true => Check::ok(NAME, "mounted"),
        false => Check::missing(NAME, LOST, MOUNT_PROC),
    }
}

fn sys() -> Check {
    const NAME: &str = "/sys";
    const LOST: &str = "not mounted: the kernel tells its types there";
    match Path::new("/sys/kernel").exists() {
        true => Check::ok(NAME, "mounted"),
        false => Check::missing(NAME, LOST, "'mount -t sysfs sysfs /sys'"),
    }
}

/// The kernel's types: libbpf also looks for them in the kernel's own file, btf__load_vmlinux_btf().
fn btf(btf: Option<&KernelBtf>) -> Check {
    const NAME: &str = "BTF";
    match (btf.is_some(), Path::new(KERNEL_BTF).exists()) {
        (true, true) => Check::ok(NAME, format!("{KERNEL_BTF} tells the kernel's types")),
        (true, false) => Check::ok(NAME, "the file of the kernel tells its types"),
        (false, true) => Check::missing(
            NAME,
            format!("{KERNEL_BTF} cannot be read"),
            "make it readable for everybody, as it is on other hosts",
        ),
        (false, false) => Check::missing(
            NAME,
            format!("there is no {KERNEL_BTF}"),
            "mount /sys, or use a kernel that is built with CONFIG_DEBUG_INFO_BTF",
        ),
    }
    .needed()
}

fn bpf() -> Check {
    const NAME: &str = "bpf(2)";
    let error = syscall::bpf_without_command();
    match error.raw_os_error().map(Errno::from_raw) {
        Some(Errno::ENOSYS) => Check::missing(
            NAME,
            "the kernel has no such system call",
            "use a kernel that is built with CONFIG_BPF_SYSCALL",
        ),
        // Some kernels and sandboxes forbid it only to those without the capabilities.
        Some(Errno::EPERM | Errno::EACCES) if !has_needed() => {
            Check::unknown(NAME, "forbidden to this user", "see CAP_BPF")
        }
        Some(Errno::EPERM | Errno::EACCES) => Check::missing(
            NAME,
            "forbidden, although the capabilities are there",
            "in a container, let its seccomp profile allow bpf(2)",
        ),
        _ => Check::ok(NAME, "the kernel has the call, and nothing forbids it"),
    }
    .needed()
}

/// security/lockdown/lockdown.c: `confidentiality` forbids LOCKDOWN_BPF_READ_KERNEL.
fn lockdown() -> Check {
    const NAME: &str = "lockdown";
    const FOLDER: &str = "/sys/kernel/security";
    let modes = fs::read_to_string(Path::new(FOLDER).join("lockdown"));
    let mode = modes.as_ref().ok().and_then(|text| text.split(['[', ']']).nth(1));
    let is_mounted = || fs::read_dir(FOLDER).is_ok_and(|mut entries| entries.next().is_some());
    match mode {
        Some("confidentiality") => Check::missing(
            NAME,
            "confidentiality: BPF may not read the kernel",
            "start the kernel without 'lockdown=confidentiality'",
        ),
        Some(mode) => Check::ok(NAME, format!("{}: BPF may read", escaped(mode.as_bytes()))),
        None if is_mounted() => Check::ok(NAME, "this kernel has none"),
        None => Check::unknown(
            NAME,
            format!("nothing is mounted at {FOLDER}"),
            format!("'mount -t securityfs securityfs {FOLDER}'"),
        ),
    }
    .needed()
}

/// Documentation/admin-guide/sysctl/kernel.rst; knetstat needs its capabilities in any case.
fn unprivileged() -> Check {
    const NAME: &str = "unprivileged BPF";
    const SYSCTL: &str = "kernel.unprivileged_bpf_disabled";
    match fs::read_to_string("/proc/sys/kernel/unprivileged_bpf_disabled") {
        Ok(value) => {
            let value = escaped(value.trim().as_bytes());
            let word = if value == "0" { "allowed" } else { "forbidden" };
            Check::ok(NAME, format!("{word} ({SYSCTL}={value})"))
        }
        Err(_) => Check::unknown(NAME, format!("{SYSCTL} cannot be read"), MOUNT_PROC),
    }
}

// Capabilities

/// PROC_USER_INIT_INO and PROC_PID_INIT_INO of include/linux/proc_ns.h, which newer kernels call
/// USER_NS_INIT_INO and PID_NS_INIT_INO.
const FIRST_USER_NAMESPACE: u64 = 0xEFFF_FFFD;
const FIRST_PID_NAMESPACE: u64 = 0xEFFF_FFFC;

/// The inode of a namespace of this process.
fn namespace(name: &str) -> Option<u64> {
    fs::metadata(format!("/proc/self/ns/{name}")).ok().map(|namespace| namespace.ino())
}

/// Whether this process has a capability, not merely in a user namespace. Where there is no file for
/// that, there is no /proc or no such namespace.
fn has(capability: Capability) -> bool {
    let is_of_the_host = namespace("user").is_none_or(|inode| inode == FIRST_USER_NAMESPACE);
    capability::has(capability) && is_of_the_host
}

/// Whether this process has what loading the programs takes.
fn has_needed() -> bool {
    has(Capability::CAP_SYS_ADMIN) || NEEDED.into_iter().all(has)
}

/// Says that there is a capability, or else what is lost without it and how to get it.
fn capability(capability: Capability, lost: &str, remedy: &str) -> Check {
    let name = capability.to_string();
    match (has(capability), capability::has(capability)) {
        (true, _) => Check::ok(&name, "held"),
        (false, true) => Check::missing(
            &name,
            format!("held in a user namespace only: {lost}"),
            "run it outside of the user namespace",
        ),
        (false, false) => Check::missing(&name, format!("not held: {lost}"), remedy),
    }
}

fn needed_capability(which: Capability) -> Check {
    match !has(which) && has(Capability::CAP_SYS_ADMIN) {
        true => Check::ok(&which.to_string(), "not held; CAP_SYS_ADMIN does as well"),
        false => capability(which, "the table cannot be read", &capability::how_to_grant()),
    }
    .needed()
}

/// What only some tables need, and what they lose without it.
const WANTED: [(Capability, &str); 4] = [
    (Capability::CAP_NET_RAW, "what raw sockets have set is unknown"),
    (Capability::CAP_SYS_ADMIN, "no --netns, no --all-netns"),
    (Capability::CAP_SYS_PTRACE, "--all-netns may miss some"),
    (Capability::CAP_NET_ADMIN, "--all-netns may miss some"),
];

/// The limit of locked memory, where it is one for BPF too.
fn memory_limit() -> Check {
    const NAME: &str = "memory limit";
    match capability::memory_limit() {
        None => Check::ok(NAME, "BPF is not held to one"),
        Some(limit) => Check::unknown(
            NAME,
            format!("{} KiB may be locked, perhaps too few", limit / 1024),
            "give CAP_SYS_RESOURCE too, or raise it as root: 'ulimit -l unlimited'",
        ),
    }
}

// The programs

/// Whether a program loads here.
fn program(program: &'static Program, loader: &Loader, obstacle: Option<&str>) -> Check {
    let name = program.name;
    let reports = format!("{program} ({})", flag(program));
    if let Some(obstacle) = obstacle {
        return Check::unknown(name, format!("not tried: {reports}"), format!("see {obstacle}"));
    }
    let loaded_name = program.name_with(loader.features());
    match loader.probe(program) {
        Ok(()) if loaded_name == name => Check::ok(name, reports),
        Ok(()) => Check::ok(name, format!("{reports}, as {loaded_name}: long lists are cut")),
        Err(error) => {
            let detail = format!("no {reports}: {error}");
            let check = Check::missing(name, detail, error.remedy().unwrap_or(REPORT));
            Check { needed: !matches!(program.when, When::Iterator(_)), ..check }
        }
    }
}

/// The flag that asks for what a program reports.
fn flag(program: &Program) -> String {
    match (program.subject, program.when) {
        (Subject::Owners, _) => "--programs".into(),
        (Subject::Tasks, _) => "--all-netns".into(),
        (Subject::Sockets(Family::Other), _) | (_, When::Unbound) => "--unbound".into(),
        (Subject::Sockets(family), _) => format!("--{family}"),
    }
}

/// Opens everything at once.
fn table(loader: &Loader, obstacle: Option<&str>) -> Check {
    const NAME: &str = "table";
    if let Some(obstacle) = obstacle {
        return Check::missing(NAME, "cannot be read", format!("see {obstacle}")).needed();
    }
    let opened = loader.load(&Request::everything()).and_then(|programs| {
        programs.open(&mut Snapshot::default())?;
        programs.owners()?;
        programs.tasks()?;
        Ok(programs.missing())
    });
    match opened {
        Ok(None) => Check::ok(NAME, "can be read, of every family, with processes"),
        Ok(Some(missing)) => {
            Check::missing(NAME, format!("can be read, but without {missing}"), REPORT)
        }
        Err(Error::Load(error)) => {
            Check::missing(NAME, error.to_string(), error.remedy().unwrap_or(REPORT))
        }
        Err(error) => Check::missing(NAME, error.to_string(), REPORT),
    }
    .needed()
}

// Where it runs

fn pid_namespace() -> Check {
    const NAME: &str = "pid namespace";
    match namespace("pid") {
        Some(FIRST_PID_NAMESPACE) => Check::ok(NAME, "the first: every process is seen"),
        Some(_) => Check::unknown(
            NAME,
            "not the first: of processes outside nothing is seen; their sockets are called \
             'elsewhere', or not found if only a process leads to them",
            "run it outside of the container",
        ),
        None => Check::unknown(NAME, "perhaps not the first, then not all is seen", MOUNT_PROC),
    }
}

fn network_namespace() -> Check {
    const NAME: &str = "network namespace";
    match namespace("net") {
        Some(inode) => Check::ok(NAME, format!("net:[{inode}]: its sockets are shown")),
        None => Check::unknown(NAME, "its sockets are shown, whichever it is", MOUNT_PROC),
    }
}

// Options

/// How many options the kernel has; a line for each that it lacks.
fn options(btf: Option<&KernelBtf>) -> Vec<Check> {
    let (defaults, _) = Defaults::ask(|_| true);
    let here: Vec<Option<bool>> =
        (0..CATALOGUE.len()).map(|index| is_supported(index, &defaults, btf)).collect();
    let known = here.iter().filter(|here| **here == Some(true)).count();
    let count = format!("{known} of {} are in this kernel", CATALOGUE.len());
    let mut checks = vec![Check::ok("options", count)];
    checks.extend(options_not_asked(&here, &defaults));
    let lacking = CATALOGUE.iter().zip(&here).filter(|(_, here)| **here == Some(false));
    checks.extend(lacking.map(|(option, _)| {
        Check::missing(option.name, "not in this kernel", "use one that has it")
    }));
    checks
}

/// A line for each level with options of which nobody can tell.
fn options_not_asked(here: &[Option<bool>], defaults: &Defaults) -> Vec<Check> {
    let remedy = match defaults.was_refused {
        true => SUDO,
        false => "run it again while a program uses such sockets",
    };
    let mut levels: Vec<(Level, Vec<&str>)> = Vec::new();
    for (option, _) in CATALOGUE.iter().zip(here).filter(|(_, here)| here.is_none()) {
        match levels.iter_mut().find(|(level, _)| *level == option.level) {
            Some((_, names)) => names.push(option.name),
            None => levels.push((option.level, vec![option.name])),
        }
    }
    let check = |(level, names): &(Level, Vec<&str>)| {
        Check::unknown(level.name, format!("not asked: {}", names.join(", ")), remedy)
    };
    levels.iter().map(check).collect()
}

// Telling

/// The width of the text where it can be kept: what a terminal has at least.
const WIDTH: usize = 80;
/// Where the second and the third column begin.
const NAME: usize = 9;
const DETAIL: usize = 27;

/// Writes a line for each check; what does not fit goes on in lines that begin with blanks.
///
/// # Errors
///
/// When it cannot be written.
pub fn write_text(to: &mut impl Write, checks: &[Check]) -> io::Result<()> {
    for check in checks {
        let remedy = check.remedy.as_ref().map(|remedy| format!("-> {remedy}"));
        let whole = [Some(check.detail.clone()), remedy.clone()].map(Option::unwrap_or_default);
        let whole = whole.join(" ");
        let (detail, remedy) = match whole.chars().count() <= WIDTH - DETAIL {
            true => (whole.trim_end(), None),
            false => (check.detail.as_str(), remedy),
        };
        let (mut verdict, mut name) = (check.verdict.word(), check.name.as_str());
        for line in fold(detail, WIDTH - DETAIL) {
            writeln!(to, "{verdict:<8} {name:<17} {line}")?;
            (verdict, name) = ("", "");
        }
        for line in remedy.iter().flat_map(|remedy| fold(remedy, WIDTH - NAME)) {
            writeln!(to, "{:NAME$}{line}", "")?;
        }
    }
    Ok(())
}

/// Breaks a text into lines of at most so many characters, but not inside of quotes: those are
/// commands, which people copy.
fn fold(text: &str, width: usize) -> Vec<String> {
    let (mut is_quoted, mut before) = (false, ' ');
    let words = text.split(|c| {
        if c == '\'' {
            // An apostrophe is inside of a word.
            is_quoted = !is_quoted && before == ' ';
        }
        before = c;
        c == ' ' && !is_quoted
    });
    let mut lines = vec![String::new()];
    for word in words {
        match lines.last_mut() {
            Some(line) if line.is_empty() => line.push_str(word),
            Some(line) if line.chars().count() + 1 + word.chars().count() <= width => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.into()),
        }
    }
    lines
}

/// Writes one JSON object.
///
/// # Errors
///
/// When it cannot be written.
pub fn write_json(to: &mut impl Write, checks: &[Check]) -> io::Result<()> {
    #[derive(Serialize)]
    struct Findings<'a> {
        complete: bool,
        checks: &'a [Check],
    }
    let complete = !checks.iter().any(Check::is_obstacle);
    serde_json::to_writer_pretty(&mut *to, &Findings { complete, checks })?;
    writeln!(to)
}

/// Whether the table works here.
///
/// # Errors
///
/// When it does not, or would not be complete: what is missing, and the first thing to do.
pub fn conclude(checks: &[Check]) -> Result<(), Error> {
    let Some(first) = checks.iter().find(|check| check.is_obstacle()) else { return Ok(()) };
    let remedy = first.remedy.as_deref().unwrap_or(REPORT).into();
    Err(Error::Unfit { missing: obstacles(checks).join(", "), remedy })
}

#[cfg(test)]
mod tests {
    use super::fold;

    #[test]
    fn lines_are_broken_between_words_but_not_in_commands() {
        assert_eq!(fold("one two three", 8), ["one two", "three"]);
        assert_eq!(fold("run 'a b c' now", 5), ["run", "'a b c'", "now"]);
        assert_eq!(fold("the kernel's own", 9), ["the", "kernel's", "own"]);
        assert_eq!(fold("", 5), [""]);
    }
}
