//! All errors, one variant each, and their messages.

use std::io;

use nix::errno::Errno;

/// The remedy for too many open files.
pub const MORE_FILES: &str = "raise the limit: `ulimit -n 1024`";

/// Whether too many files are open, in this process or on this host.
pub fn is_too_many_files(error: &io::Error) -> bool {
    matches!(error.raw_os_error().map(Errno::from_raw), Some(Errno::EMFILE | Errno::ENFILE))
}

/// The reason and, if too many files are open, the remedy.
pub fn with_remedy(error: &io::Error) -> String {
    match is_too_many_files(error) {
        true => format!("{} ({MORE_FILES})", reason(error)),
        false => reason(error),
    }
}

/// The message of a system error, without the number that the standard library adds.
pub fn reason(error: &io::Error) -> String {
    let text = error.to_string();
    text.split(" (os error ").next().unwrap_or_default().to_owned()
}

/// Why a command failed, or why its output is incomplete.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Wrong usage: what is wrong, and what to type instead.
    #[error("{0}")]
    Usage(String),
    /// Not an error: the text of `--help` or `--version`.
    #[error(transparent)]
    Answer(clap::Error),
    /// Not an error: with `--quiet`, no socket matched. The exit status reports it.
    #[error("no socket matched")]
    NoMatch,
    #[error("cannot write the output: {}", reason(.0))]
    Output(io::Error),
    /// The BPF programs, or all that report sockets, could not be loaded.
    #[error("cannot load the BPF programs that read the sockets: {}", .0.sentence())]
    Load(#[from] LoadError),
    #[error("cannot open a BPF iterator: {}", .0.sentence())]
    OpenIterator(LoadError),
    /// The pins in this directory could not be read. The second text is the reason, and what to do.
    #[error("cannot read the pins in {0}: {1}")]
    Pins(String, String),
    /// The pins in this directory could not be made or removed. The second text is the reason.
    #[error("cannot change the pins in {0}: {1}")]
    Pinning(String, String),
    /// The pins were made, but not all of them.
    #[error("the pins are incomplete: missing {0}")]
    PinsIncomplete(String),
    #[error("cannot drop capabilities that are no longer needed: {0}")]
    DropCapabilities(String),
    #[error("cannot set no_new_privs: {} (in a sandbox, allow prctl(2))", reason(.0))]
    NoNewPrivileges(io::Error),
    #[error("cannot start a thread: {}", reason(.0))]
    Thread(io::Error),
    /// The pager with this command line, which is escaped, could not be started.
    #[error("cannot start the pager '{}': {} (set KNETSTAT_PAGER or PAGER, or omit --pager)", .0, reason(.1))]
    Pager(String, io::Error),
    #[error("cannot read the kernel's clock tick: {}", reason(.0))]
    ClockTick(io::Error),
    #[error("cannot look up interfaces by their names: {}", with_remedy(.0))]
    Interfaces(io::Error),
    /// A network namespace could not be opened or entered. The text is a whole sentence.
    #[error("{0}")]
    EnterNetns(String),
    /// An iterator, or another source of records, could not be read.
    #[error("cannot read the sockets from the kernel: {}", reason(.0))]
    Read(io::Error),
    /// The bytes at this offset are not a record.
    #[error("the kernel's stream of sockets is damaged at byte {0}: {1}")]
    Damaged(u64, &'static str),
    /// The stream ends inside the record that begins at this offset.
    #[error("the kernel's stream of sockets ends in the middle of a record, at byte {0}")]
    Cut(u64),
    /// Rows or columns are missing: which, why, and what to do.
    #[error("the table is incomplete: missing {0}")]
    Incomplete(String),
    /// There were too few descriptors to query which options the kernel has.
    #[error("cannot find out which options this kernel has: too many open files ({MORE_FILES})")]
    NotAsked,
    #[error("cannot read the values of sysctls: {0}")]
    NoSysctls(&'static str),
    /// The doctor found that the table does not work here, or would not be complete.
    #[error("{what}: {why} ({remedy})")]
    Unfit { what: &'static str, why: String, remedy: String },
}

/// Why the pins in a directory cannot be read, and what to do.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PinsError {
    #[error("there are none")]
    None,
    #[error("permission denied")]
    Denied,
    #[error("it does not lead to a BPF file system with pins of knetstat")]
    Foreign,
    /// They were made by another version of knetstat, which this text names.
    #[error("they are of {0}, whose records differ from those of this knetstat")]
    Version(String),
    #[error("pins show the sockets of one network namespace")]
    OneNetns,
    /// They are replaced faster than they can be opened.
    #[error("they are being replaced all the time")]
    Replaced,
    /// Any other reason, with the remedy if there is one.
    #[error("{0}")]
    Other(String),
}

impl PinsError {
    /// The reason and the remedy. `make` is the command that makes the pins.
    pub fn sentence(&self, make: &str) -> String {
        let remedy = match self {
            PinsError::None | PinsError::Foreign => format!("make them: {make}"),
            PinsError::Denied => "`ls -ld` shows the group that may read them".into(),
            PinsError::Version(_) => format!("make them again: {make}"),
            PinsError::OneNetns => "name one with --netns, or read without pins".into(),
            PinsError::Replaced => "run it again".into(),
            PinsError::Other(_) => return self.to_string(),
        };
        format!("{self} ({remedy})")
    }
}

/// Why BPF programs could not be loaded or attached.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LoadError {
    /// Some capabilities are missing. `how` is the way to get them.
    #[error("{missing} {} required", if .missing.contains(" and ") { "are" } else { "is" })]
    Capabilities { missing: String, how: String },
    #[error("too many open files")]
    TooManyFiles,
    #[error("the kernel has no bpf(2) system call")]
    NoBpf,
    /// libbpf requires this system call, which failed for this reason.
    #[error("memfd_create(2) is refused ({0})")]
    NoMemfd(&'static str),
    /// The file in which the kernel should expose its types does not exist.
    #[error("the kernel has no BTF type information ({0} is missing)")]
    NoBtf(&'static str),
    /// The file exists, but this user may not read it.
    #[error("the kernel's BTF type information in {0} cannot be read")]
    UnreadableBtf(&'static str),
    #[error("on this kernel BPF programs count as locked memory, and the limit is too low")]
    MemoryLimit,
    #[error("the kernel refuses bpf(2) although the capabilities are held")]
    Forbidden,
    /// The verifier rejects a program, with this message.
    #[error("rejected by this kernel's verifier ({0})")]
    Verifier(String),
    #[error("the kernel does not have this iterator")]
    NoIterator,
    /// The table is read from pins in this place, and this program is not among them. `how` is the way
    /// to get it.
    #[error("not among the pins in {place}")]
    NotPinned { place: String, how: String },
    /// A pin may no longer be read.
    #[error("permission denied for a pin")]
    PinDenied { how: String },
    /// Any other error, with the message of libbpf.
    #[error("{0}")]
    Other(String),
}

impl LoadError {
    /// What the user can do, if that is known.
    pub fn remedy(&self) -> Option<&str> {
        Some(match self {
            LoadError::Capabilities { how, .. } => how,
            LoadError::TooManyFiles => MORE_FILES,
            LoadError::NoBpf => "it must be built with CONFIG_BPF_SYSCALL",
            LoadError::NoMemfd(_) => {
                "in a container, let its seccomp profile allow memfd_create(2); a kernel must be built \
                 with CONFIG_MEMFD_CREATE"
            }
            LoadError::NoBtf(_) => {
                "it must be built with CONFIG_DEBUG_INFO_BTF, and /sys must be mounted"
            }
            LoadError::UnreadableBtf(_) => {
                "make it readable for all users, as it usually is (chmod a+r), or use sudo"
            }
            LoadError::MemoryLimit => {
                "grant CAP_SYS_RESOURCE too, or raise the limit as root (ulimit -l unlimited)"
            }
            LoadError::Forbidden => {
                "in a container, allow bpf(2), and grant CAP_BPF and CAP_PERFMON outside of a user \
                 namespace; kernel lockdown in confidentiality mode forbids it everywhere"
            }
            LoadError::Verifier(_) => "please report it with the version of the kernel",
            LoadError::NoIterator => "use a newer kernel",
            LoadError::NotPinned { how, .. } | LoadError::PinDenied { how } => how,
            LoadError::Other(_) => return None,
        })
    }

    /// The reason and the remedy.
    pub fn sentence(&self) -> String {
        match self.remedy() {
            Some(remedy) => format!("{self} ({remedy})"),
            None => self.to_string(),
        }
    }

    /// Whether the cause lies in the host or the user, and not in the program, so that every other
    /// program would fail, too.
    pub fn is_general(&self) -> bool {
        match self {
            LoadError::Capabilities { .. }
            | LoadError::TooManyFiles
            | LoadError::NoBpf
            | LoadError::NoMemfd(_)
            | LoadError::NoBtf(_)
            | LoadError::UnreadableBtf(_)
            | LoadError::MemoryLimit
            | LoadError::Forbidden => true,
            LoadError::Verifier(_)
            | LoadError::NoIterator
            | LoadError::NotPinned { .. }
            | LoadError::PinDenied { .. }
            | LoadError::Other(_) => false,
        }
    }
}
