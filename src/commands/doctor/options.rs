//! Checks of the options that the kernel supports.

use super::capabilities::more_files;
use super::check::{as_root, mount_proc, Check};
use crate::commands::options::is_supported;
use crate::kernel::btf::KernelBtf;
use crate::kernel::capability;
use crate::options::catalogue::CATALOGUE;
use crate::options::defaults::{Answer, Defaults, Pool};
use crate::options::spec::{Level, OptionSpec};
use crate::socket::kind::{Family, SocketKind};

/// The options that this kernel supports.
pub struct Options {
    supported: usize,
    unknown: usize,
    pub checks: Vec<Check>,
}

impl Options {
    /// Queries new sockets and the kernel's types.
    pub fn ask(btf: Option<&KernelBtf>) -> Options {
        let (defaults, _) = Defaults::ask(|_| true, &mut Pool::default());
        let which = |wanted: Option<bool>| -> Vec<&'static OptionSpec> {
            let options = CATALOGUE.iter().enumerate();
            let options = options.filter(|(n, _)| is_supported(*n, &defaults, btf) == wanted);
            options.map(|(_, option)| option).collect()
        };
        let (supported, unknown) = (which(Some(true)).len(), which(None));
        let mut options = Options { supported, unknown: unknown.len(), checks: Vec::new() };
        options.checks.push(Check::ok("options", options.count()));
        options.checks.extend(not_asked(&unknown, &defaults));
        options.checks.extend(unsupported(&which(Some(false))));
        options
    }

    /// The number of options that the kernel supports, in words.
    pub fn count(&self) -> String {
        let count = format!("{} of {} options in this kernel", self.supported, CATALOGUE.len());
        match self.unknown {
            0 => count,
            unknown => format!("{count}, {unknown} unknown"),
        }
    }
}

fn names(options: &[&'static OptionSpec]) -> Vec<&'static str> {
    options.iter().map(|option| option.name).collect()
}

/// `1 option`, `2 options`
fn counted(options: &[&OptionSpec]) -> String {
    let plural = if options.len() == 1 { "" } else { "s" };
    format!("{} option{plural}", options.len())
}

/// Returns a note with the options that the kernel lacks, if there are any.
fn unsupported(options: &[&'static OptionSpec]) -> Option<Check> {
    let are = if options.len() == 1 { "is" } else { "are" };
    let names = names(options);
    let text = format!("{} {are} not supported by this kernel: ", counted(options));
    let check = Check::note("unsupported", text + &names.join(", ")).about(names);
    (!options.is_empty()).then_some(check)
}

/// Returns a check for each level with options that could not be checked.
fn not_asked(options: &[&'static OptionSpec], defaults: &Defaults) -> Vec<Check> {
    let mut levels: Vec<Level> = Vec::new();
    for option in options {
        if !levels.contains(&option.level) {
            levels.push(option.level);
        }
    }
    let check = |level: Level| {
        let options: Vec<_> = options.iter().copied().filter(|it| it.level == level).collect();
        let names = names(&options);
        let text = format!("{} not checked: {}", counted(&options), names.join(", "));
        Check::unknown(level.name, text, remedy(level, defaults)).about(names)
    };
    levels.into_iter().map(check).collect()
}

/// Whether a socket was opened that would have the options of a level, but getsockopt(2) was not
/// permitted.
fn is_forbidden(level: Level, defaults: &Defaults) -> bool {
    let is_refused = |(option, answer): (&OptionSpec, &Answer)| {
        option.level == level && matches!(answer, Answer::Refused(_))
    };
    let mut answers = SocketKind::ALL.iter().filter_map(|kind| defaults.answers(*kind));
    answers.any(|answers| CATALOGUE.iter().zip(answers.iter()).any(is_refused))
}

/// What to do so that the options of a level can be checked.
fn remedy(level: Level, defaults: &Defaults) -> String {
    let is_loaded = |family: Family| {
        let mut kinds = SocketKind::ALL.iter().filter(|kind| kind.family() == family);
        kinds.any(|kind| defaults.is_loaded(*kind))
    };
    let module = match level.name {
        "SOL_SCTP" if !is_loaded(Family::Sctp) => Some("sctp"),
        "AF_VSOCK" if !is_loaded(Family::Vsock) => Some("vsock"),
        "SOL_PACKET" if !is_loaded(Family::Packet) => Some("af_packet"),
        _ => None,
    };
    match module {
        _ if defaults.lacked_files() => more_files(),
        _ if std::fs::File::open("/proc/net/protocols").is_err() => mount_proc(),
        None if is_forbidden(level, defaults) => {
            "in a container, allow getsockopt(2) in its seccomp profile".into()
        }
        Some(module) => {
            format!(
                "load the protocol, if this kernel has it: {}",
                as_root(&format!("modprobe {module}"))
            )
        }
        None if defaults.was_refused() => capability::how_to_sudo(),
        None => "run it again while a program uses such sockets".into(),
    }
}
