//! Opens, configures, loads and attaches the BPF programs, and reads what they write.

use std::collections::HashMap;
use std::io::{self, Read};
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};

use anyhow::{anyhow, bail, Context};
use caps::{CapSet, Capability};
use libbpf_rs::{ErrorKind, Iter, IterOpts, Link, Object, OpenObject, PrintLevel};
use nix::sys::resource::{getrlimit, Resource, RLIM_INFINITY};

use crate::commands::options::Types;
use crate::kernel::btf::TypesFile;
use crate::kernel::skeleton::{knobs, port_filter, port_range, set_knobs, Part};
use crate::query::filter::{Knobs, Ports};
use crate::socket::kind::Family;

/// Where the kernel keeps its types.
pub const KERNEL_BTF: &str = "/sys/kernel/btf/vmlinux";

/// What loading an iterator takes: capabilities(7). CAP_SYS_ADMIN stands for both.
pub const NEEDED: [Capability; 2] = [Capability::CAP_BPF, Capability::CAP_PERFMON];

/// What libbpf said last, for when something fails.
static LIBBPF_SAID: Mutex<String> = Mutex::new(String::new());

/// When a program is asked for the sockets of its family.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum When {
    /// Always.
    Always,
    /// Where the kernel has the iterator of the table.
    Table,
    /// When sockets are wanted that are in no table.
    Unbound,
}

/// A program that finds sockets.
struct Source {
    family: Family,
    program: &'static str,
    when: When,
    /// There is another, named `..._without_loop`, for kernels that have no bpf_loop().
    loops: bool,
}

const fn source(family: Family, program: &'static str, when: When, loops: bool) -> Source {
    Source { family, program, when, loops }
}

/// Every program that finds sockets, in the order in which families are shown. What is in no table
/// comes first: what comes into the table meanwhile is then seen twice, which can be noticed, and not
/// never, which cannot.
const SOURCES: &[Source] = &[
    source(Family::Tcp, "tcp_files", When::Unbound, false),
    source(Family::Tcp, "tcp_table", When::Always, true),
    source(Family::Udp, "udp_files", When::Unbound, true),
    source(Family::Udp, "udp_table", When::Always, true),
    source(Family::Raw, "raw_files", When::Always, true),
    source(Family::Mptcp, "mptcp_files", When::Always, false),
    source(Family::Mptcp, "mptcp_subflows", When::Always, false),
    source(Family::Packet, "packet_files", When::Always, true),
    source(Family::Xdp, "xdp_files", When::Always, false),
    // What it passes over while the table changes, or never had, the descriptors have shown.
    source(Family::Netlink, "netlink_files", When::Always, false),
    source(Family::Netlink, "netlink_table", When::Always, false),
    source(Family::Vsock, "vsock_files", When::Always, false),
    source(Family::Sctp, "sctp_files", When::Always, true),
    source(Family::Other, "other_files", When::Always, false),
    // Whenever its buffer is full, this table's iterator passes over what is left of the bucket, on
    // every kernel that has it: it only adds sockets that have no descriptor.
    source(Family::Unix, "unix_files", When::Always, true),
    source(Family::Unix, "unix_table", When::Table, true),
];

/// What a kernel has, as far as a program that asks for it would not load elsewhere.
#[derive(Clone, Copy)]
struct Features {
    /// bpf_loop(), since Linux 5.17.
    loops: bool,
    /// The iterator for unix sockets, since 5.15.
    unix_table: bool,
}

/// What is tried, one after the other.
const ATTEMPTS: [Features; 3] = [
    Features { loops: true, unix_table: true },
    Features { loops: false, unix_table: true },
    Features { loops: false, unix_table: false },
];

impl Source {
    fn is_wanted(&self, knobs: &Knobs, features: Features) -> bool {
        knobs.families.contains(&self.family)
            && match self.when {
                When::Always => true,
                When::Table => features.unix_table,
                When::Unbound => knobs.unbound,
            }
    }

    fn name(&self, features: Features) -> String {
        match self.loops && !features.loops {
            true => format!("{}_without_loop", self.program),
            false => self.program.into(),
        }
    }
}

/// What a program is for.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Finds {
    Sockets(Family),
    /// Who holds sockets.
    Owners,
    /// In which network namespaces tasks are.
    Namespaces,
}

/// Something that is done by a program, or by another where the kernel does not take the first.
pub struct Purpose {
    pub finds: Finds,
    pub when: When,
    /// The best first.
    pub programs: Vec<String>,
}

/// What all the programs are for.
pub fn purposes() -> Vec<Purpose> {
    let of_source = |source: &Source| {
        let mut programs = ATTEMPTS.map(|features| source.name(features)).to_vec();
        programs.dedup();
        Purpose { finds: Finds::Sockets(source.family), when: source.when, programs }
    };
    let of_all = |(finds, program): (Finds, &str)| Purpose {
        finds,
        when: When::Always,
        programs: vec![program.into()],
    };
    let others = [(Finds::Owners, OWNERS), (Finds::Namespaces, TASKS)].map(of_all);
    SOURCES.iter().map(of_source).chain(others).collect()
}

/// Loads one program alone and opens its iterator, to see whether this host lets it.
///
/// # Errors
///
/// Why it does not.
pub fn try_program(name: &str) -> Result<(), Refusal> {
    let attempt = || -> anyhow::Result<()> {
        let family = SOURCES.iter().find(|source| name.starts_with(source.program));
        let types = family.and_then(|source| types_of_kernel(&[source.family]));
        let attach_it = |object: &Object| attach(object, name);
        let program = Part::of(name).load(types.as_ref(), |open| only(open, &[name]), attach_it)?;
        open_file(&program.link).map(drop)
    };
    listen();
    attempt().map_err(|error| refusal(&error))
}

/// Keeps what libbpf says from here on, instead of letting it write to the standard error.
pub fn listen() {
    libbpf_rs::set_print(Some((PrintLevel::Warn, remember)));
    said().clear();
}

/// The programs, loaded, and what was opened of them so far. They go away with this and its streams.
pub struct Programs {
    walks: Vec<Walk>,
    owners: Option<Link>,
    tasks: Option<Link>,
}

/// A program that finds sockets.
struct Walk {
    link: Link,
    /// Whether it goes by the descriptors, and comes to all network namespaces by itself.
    by_descriptor: bool,
    files: Vec<Iter>,
}

/// The files of the iterators, read to the end one after the other.
pub struct Chain {
    files: Vec<Iter>,
}

impl Read for Chain {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while let Some(file) = self.files.first_mut() {
            match file.read(buffer)? {
                0 => drop(self.files.remove(0)),
                length => return Ok(length),
            }
        }
        Ok(0)
    }
}

impl Programs {
    /// Loads what the knobs ask for.
    ///
    /// # Errors
    ///
    /// When this host or this user cannot run the programs; the message says what to do about it.
    pub fn load(knobs: &Knobs) -> anyhow::Result<Programs> {
        check_capabilities()?;
        let types = types_of_kernel(&knobs.families);
        let load = |knobs: &Knobs| {
            let mut last = None;
            for features in ATTEMPTS {
                listen();
                match load(knobs, features, types.as_ref()) {
                    Ok(programs) => return Ok(programs),
                    Err(error) => last = Some(error),
                }
            }
            Err(last.unwrap_or_else(|| anyhow!("nothing was tried")))
        };
        // Where the owners cannot be read, the sockets can.
        let programs = load(knobs).or_else(|error| match knobs.owners {
            true => {
                let knobs = Knobs { owners: false, tasks: false, ..knobs.clone() };
                load(&knobs).map_err(|_| error)
            }
            false => Err(error),
        });
        programs.map_err(|error| explain(&error))
    }

    /// Opens the tables of the network namespace that the program is in. What goes by the
    /// descriptors is opened the first time only.
    ///
    /// # Errors
    ///
    /// When the kernel refuses, as when there are too many open files.
    pub fn open_here(&mut self) -> anyhow::Result<()> {
        for walk in &mut self.walks {
            if walk.files.is_empty() || !walk.by_descriptor {
                walk.files.push(open_file(&walk.link)?);
            }
        }
        Ok(())
    }

    /// A walk through all descriptors, which begins when it is read; none if nobody asked, or if
    /// this kernel does not let them be read.
    ///
    /// # Errors
    ///
    /// When the kernel refuses, as when there are too many open files.
    pub fn owners(&self) -> anyhow::Result<Option<Iter>> {
        self.owners.as_ref().map(open_file).transpose()
    }

    /// A walk through all tasks, on the same terms.
    ///
    /// # Errors
    ///
    /// When the kernel refuses, as when there are too many open files.
    pub fn tasks(&self) -> anyhow::Result<Option<Iter>> {
        self.tasks.as_ref().map(open_file).transpose()
    }

    /// The sockets of all that was opened, family by family.
    pub fn sockets(self) -> Chain {
        Chain { files: self.walks.into_iter().flat_map(|walk| walk.files).collect() }
    }
}

/// Gives up every capability: reading the iterators that are open takes none.
///
/// # Errors
///
/// When the kernel refuses, which it should not.
pub fn drop_capabilities() -> anyhow::Result<()> {
    for set in [CapSet::Ambient, CapSet::Inheritable, CapSet::Effective, CapSet::Permitted] {
        caps::clear(None, set).context("cannot give up capabilities that are not needed")?;
    }
    Ok(())
}

/// The types that the programs of these families need of the kernel. A module's are not among them.
fn types_of_kernel(families: &[Family]) -> Option<TypesFile> {
    let needed: Vec<&str> = families.iter().filter_map(|family| family.structure()).collect();
    TypesFile::of_kernel(KERNEL_BTF, &needed)
}

fn load(knobs: &Knobs, features: Features, types: Option<&TypesFile>) -> anyhow::Result<Programs> {
    let sources = SOURCES.iter().filter(|source| source.is_wanted(knobs, features));
    let sources: Vec<String> = sources.map(|source| source.name(features)).collect();
    let others = [(knobs.owners, OWNERS), (knobs.tasks, TASKS)];
    let others = others.iter().filter(|(is_wanted, _)| *is_wanted).map(|(_, name)| *name);
    let wanted: Vec<&str> = sources.iter().map(String::as_str).chain(others).collect();

    let mut programs = HashMap::new();
    for part in Part::ALL {
        let names: Vec<&str> =
            wanted.iter().copied().filter(|name| Part::of(name) == part).collect();
        if names.is_empty() {
            continue;
        }
        let choose = |open: &mut OpenObject| {
            only(open, &names)?;
            set_knobs(open, &knobs_of(knobs))
        };
        let attach_all = |object: &Object| {
            for &name in &names {
                programs.insert(name, attach(object, name)?);
            }
            Ok(())
        };
        part.load(types, choose, attach_all)?;
    }

    let owners = programs.remove(OWNERS).map(|program| program.link);
    let tasks = programs.remove(TASKS).map(|program| program.link);
    let walks = sources.iter().filter_map(|name| programs.remove(name.as_str())).collect();
    Ok(Programs { walks, owners, tasks })
}

/// The section of the programs that walk the descriptors: bpf/files.bpf.c
const BY_DESCRIPTOR: &str = "iter/task_file";

/// The program that finds who holds sockets.
const OWNERS: &str = "owners";

/// The program that finds in which network namespaces tasks are.
const TASKS: &str = "tasks";

/// Chooses which programs are loaded.
fn only(open: &mut OpenObject, names: &[&str]) -> anyhow::Result<()> {
    for mut program in open.progs_mut() {
        let is_wanted = names.iter().any(|name| program.name() == *name);
        program.set_autoload(is_wanted);
    }
    Ok(())
}

fn knobs_of(wanted: &Knobs) -> knobs {
    knobs {
        tcp_states: wanted.tcp_states,
        udp_states: wanted.udp_states,
        local_ports: port_filter_of(&wanted.local_ports),
        remote_ports: port_filter_of(&wanted.remote_ports),
        either_ports: port_filter_of(&wanted.either_ports),
        want_ipv4: wanted.ipv4.into(),
        want_ipv6: wanted.ipv6.into(),
        every_netns: wanted.every_netns.into(),
        unused: 0,
    }
}

/// The ranges; where there are more than fit, none, which lets everything through.
fn port_filter_of(ports: &[Ports]) -> port_filter {
    let mut filter = port_filter::default();
    if ports.len() > filter.ranges.len() {
        return filter;
    }
    filter.count = ports.len() as u32;
    for (range, ports) in filter.ranges.iter_mut().zip(ports) {
        *range = port_range { low: *ports.start(), high: *ports.end() };
    }
    filter
}

/// Attaches a program to its iterator, which its section names.
fn attach(object: &Object, name: &str) -> anyhow::Result<Walk> {
    let mut programs = object.progs_mut();
    let program = programs.find(|program| program.name() == name);
    let program = program.with_context(|| format!("there is no BPF program {name}"))?;
    Ok(Walk {
        link: program.attach_iter_with_opts(IterOpts::None)?,
        by_descriptor: program.section() == BY_DESCRIPTOR,
        files: Vec::new(),
    })
}

/// Opens an iterator; its file keeps the program alive by itself.
fn open_file(link: &Link) -> anyhow::Result<Iter> {
    Iter::new(link).context(
        "cannot open an iterator of the kernel; when there are too many open files, raise the \
         limit (ulimit -n)",
    )
}

/// Says which capabilities are missing, before the kernel refuses without a reason.
fn check_capabilities() -> anyhow::Result<()> {
    if has(Capability::CAP_SYS_ADMIN) || NEEDED.into_iter().all(has) {
        return Ok(());
    }
    let missing: Vec<String> = NEEDED
        .into_iter()
        .filter(|capability| !has(*capability))
        .map(|capability| capability.to_string())
        .collect();
    bail!(
        "{CANNOT}: missing {}; CAP_BPF and CAP_PERFMON are needed: {}",
        missing.join(" and "),
        how_to_give()
    )
}

/// Whether this process has a capability now; yes where the kernel does not say.
pub fn has(capability: Capability) -> bool {
    caps::has_cap(None, CapSet::Effective, capability).unwrap_or(true)
}

/// What a user does to give this program the capabilities that it needs here.
pub fn how_to_give() -> String {
    let program = std::env::current_exe().ok();
    let program = program.as_ref().map_or("knetstat".into(), |path| path.to_string_lossy());
    let raises = memory_limit().map(|_| Capability::CAP_SYS_RESOURCE);
    let names = NEEDED.into_iter().chain(raises);
    let names: Vec<String> = names.map(|name| name.to_string().to_lowercase()).collect();
    format!(
        "run it with sudo, or give them to the program once with 'setcap {}=ep {}'",
        names.join(","),
        crate::text::escaped(program.as_bytes())
    )
}

/// The limit of locked memory in bytes, where this kernel counts what BPF takes against it and this
/// process cannot raise it, as libbpf would. Kernels since 5.11 do not; libbpf, probe_memcg_account(),
/// knows them by the same helper.
pub fn memory_limit() -> Option<u64> {
    let (soft, hard) = getrlimit(Resource::RLIMIT_MEMLOCK).ok()?;
    let is_fixed = hard != RLIM_INFINITY && !has(Capability::CAP_SYS_RESOURCE);
    let is_counted = || Types::load().have_helper("BPF_FUNC_ktime_get_coarse_ns") == Some(false);
    (is_fixed && is_counted()).then_some(soft)
}

fn remember(_: PrintLevel, text: String) {
    said().push_str(&text);
}

fn said() -> MutexGuard<'static, String> {
    LIBBPF_SAID.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What cannot be done without the programs.
const CANNOT: &str = "cannot load the BPF programs that read the sockets";

/// Why programs could not be loaded or attached.
pub struct Refusal {
    pub reason: String,
    /// What the user can do, where that is known.
    pub remedy: Option<&'static str>,
}

fn explain(error: &anyhow::Error) -> anyhow::Error {
    let Refusal { reason, remedy } = refusal(error);
    match remedy {
        Some(remedy) => anyhow!("{CANNOT}: {reason}; {remedy}"),
        None => anyhow!("{CANNOT}: {reason}"),
    }
}

/// The reason and the remedy for a failure to load or attach.
fn refusal(error: &anyhow::Error) -> Refusal {
    let kind = error.chain().find_map(|cause| cause.downcast_ref::<libbpf_rs::Error>());
    let kind = kind.map(libbpf_rs::Error::kind);
    let because = |reason: &str, remedy| Refusal { reason: reason.into(), remedy: Some(remedy) };
    let (said, text) = (said(), format!("{error:#}"));
    // Where the last descriptor was wanted for a map, libbpf goes on with one that is none.
    let too_many = ["Too many open files", "is not pointing to valid bpf_map"];
    if too_many.iter().any(|words| said.contains(words) || text.contains(words)) {
        return because("too many open files", "raise the limit (ulimit -n)");
    }
    if let Some(reason) = verifier_reason(&said) {
        let reason = crate::text::escaped(reason.as_bytes());
        return because(
            &format!("this kernel's verifier refuses them ({reason})"),
            "please report it with the version of the kernel",
        );
    }
    if said.contains("failed to find kernel BTF type ID of") {
        return because("the kernel has no such iterator", "use a newer kernel");
    }
    match kind {
        Some(ErrorKind::Unsupported) => because(
            "the kernel has no bpf(2) system call",
            "it must be built with CONFIG_BPF_SYSCALL",
        ),
        _ if !Path::new(KERNEL_BTF).exists() => because(
            &format!("the kernel does not tell its types ({KERNEL_BTF} is missing)"),
            "it must be built with CONFIG_DEBUG_INFO_BTF, and /sys must be mounted",
        ),
        Some(ErrorKind::PermissionDenied) if memory_limit().is_some() => because(
            "this kernel counts them as locked memory, of which the limit is too low",
            "give CAP_SYS_RESOURCE too, or raise the limit as root (ulimit -l unlimited)",
        ),
        Some(ErrorKind::PermissionDenied) => because(
            "the kernel refuses bpf(2) although the capabilities are there",
            "in a container, allow bpf(2), and give CAP_BPF and CAP_PERFMON outside of a user \
             namespace; kernel lockdown in confidentiality mode forbids it everywhere",
        ),
        _ => {
            let detail = said.lines().last().unwrap_or_default().trim();
            let detail = crate::text::escaped(detail.as_bytes());
            Refusal { reason: format!("{text} ({detail})"), remedy: None }
        }
    }
}

/// What the verifier said of the instruction it did not like: the last line before its statistics.
fn verifier_reason(said: &str) -> Option<&str> {
    let (_, log) = said.split_once("BEGIN PROG LOAD LOG --")?;
    let log = log.split("-- END PROG LOAD LOG").next()?;
    let statistics = ["processed ", "verification time ", "stack depth "];
    log.lines()
        .rfind(|line| !line.is_empty() && !statistics.iter().any(|start| line.starts_with(start)))
}
