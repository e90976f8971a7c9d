//! The resolved settings: what the command line means, after services, users, columns and options are
//! looked up.

mod rounds;
mod selected;

use std::io::{self, IsTerminal};
use std::path::PathBuf;
use std::rc::Rc;
use std::time::Duration;

use crate::cli::{wrong, ColorWhen, TableArgs};
use crate::error::Error;
use crate::host::labels;
use crate::host::netns::Scope;
use crate::host::resolver::Resolver;
use crate::options::catalogue::CATALOGUE;
use crate::options::module::KINDS;
use crate::options::selection::Selection;
use crate::output::{
    count, csv, json, long, metrics, module, short, summary, table, terminal, Format, Style,
};
use crate::query::column_list::{ColumnList, ColumnRequest};
use crate::query::columns::{Column, Needs};
use crate::query::expression::{Expression, Subject};
use crate::query::filter::Filter;
use crate::query::key::Key;
use crate::query::lost::Lost;
use crate::query::sort::SortKey;
use crate::record::fact::Sections;
use crate::socket::kind::{Family, SocketKind, Version};
use crate::socket::{peer, Names};
use crate::usage;
pub use rounds::Rounds;

/// The sockets to show, their columns and options, and the output format.
#[derive(Clone, Debug)]
pub struct Config {
    /// The network namespaces to read.
    pub scope: Scope,
    pub filter: Filter,
    /// The names of the interfaces to filter by, which must exist.
    pub interfaces: Vec<String>,
    /// The PIDs to filter by, of processes that must exist.
    pub pids: Vec<u32>,
    /// The options to show.
    pub selection: Selection,
    /// The columns and options that are asked for, to filter, sort or count by them.
    pub keys: Vec<Key>,
    /// The options among them.
    pub asked: Selection,
    pub columns: ColumnList,
    /// The keys that rows are sorted by. Empty for rows in the order in which they are read.
    pub sort: Vec<SortKey>,
    /// Whether only the exit status is of interest: whether a socket matches.
    pub quiet: bool,
    /// How long to wait for a socket that matches.
    pub wait: Option<Duration>,
    /// How the table is shown again and again, if it is.
    pub rounds: Option<Rounds>,
    /// The columns that this kernel cannot fill, according to its types.
    pub lost: Lost,
    /// Whether a pager shows the output.
    pub pager: bool,
    /// Whether names are shown instead of numbers.
    pub resolve: bool,
    /// What looks up the names, once it has been started.
    pub resolver: Option<Rc<Resolver>>,
    pub format: Format,
    pub style: Style,
    /// Whether the BPF programs may leave out sockets, and sections of records. Tests disable it with
    /// KNETSTAT_NO_KERNEL_FILTER. Variables for tests are removed from the environment of a program with more rights
    /// than its caller: [`crate::kernel::caller`].
    pub kernel_filter: bool,
    /// See [`permits_walks`].
    pub walks: bool,
    /// Whether the processes that hold sockets are shown where they may be read, but were not asked for.
    pub owners_are_optional: bool,
    /// Whether the names of network namespaces are shown, but were not asked for.
    pub netns_names_are_optional: bool,
    /// The directory of the pins to read, if the run is to read pins in any case.
    pub pins: Option<PathBuf>,
}

impl Config {
    /// Resolves the arguments.
    ///
    /// # Errors
    ///
    /// [`Error::Usage`] for words without a meaning.
    pub fn new(args: &TableArgs) -> Result<Config, Error> {
        let (format, filter) = (format(args), filter(args)?);
        check_metrics(args)?;
        let selection = selection(args, format)?;
        let keys = keys(args, &filter);
        Ok(Config {
            scope: scope(args),
            interfaces: filter.interface_names(),
            pids: filter.required_pids(),
            asked: Selection::of(keys.iter().copied().flat_map(Key::options)),
            sort: if args.quiet { Vec::new() } else { args.sort.clone() },
            quiet: args.quiet,
            wait: args.wait,
            rounds: rounds::of(args)?,
            columns: columns(args, format, &filter, &selection)?,
            selection,
            lost: Lost::default(),
            pager: args.pager,
            resolve: args.resolve && !args.quiet,
            resolver: None,
            format,
            style: Style {
                header: !args.no_header,
                protocol_width: protocol_width(&filter, false),
                color: color(args.color),
                short: args.short,
                names: args.resolve,
                tables: KINDS.map(|kind| filter.wants(kind)),
                terminal: terminal::width(),
            },
            kernel_filter: std::env::var_os("KNETSTAT_NO_KERNEL_FILTER").is_none(),
            walks: permits_walks(),
            owners_are_optional: owners_are_optional(args, &keys),
            netns_names_are_optional: netns_names_are_optional(args, &keys),
            pins: args.pins.clone(),
            keys,
            filter,
        })
    }

    /// The same for readings after the first. An interface that existed then may be gone, so that no socket is bound to
    /// it, and so may a process.
    pub fn for_later_readings(&self) -> Config {
        let pids = if self.rounds.is_some() { Vec::new() } else { self.pids.clone() };
        Config { interfaces: Vec::new(), pids, ..self.clone() }
    }

    /// The same settings for finding out whether a socket matches. Nothing is collected to be shown.
    pub fn for_match(&self) -> Config {
        let (columns, sort, keys) =
            (ColumnList::default(), Vec::new(), self.filter.keys().collect());
        Config { columns, sort, keys, quiet: true, resolver: None, ..self.clone() }
    }

    /// Whether the sockets are read more than once, so that those that do not exist yet count, too.
    pub fn is_repeated(&self) -> bool {
        self.wait.is_some() || self.rounds.is_some()
    }

    /// Whether the column is shown, or asked for by a key.
    pub fn asks_for(&self, column: Column) -> bool {
        self.columns.has(column) || self.keys.contains(&Key::Column(column))
    }

    /// Whether a column that is shown or asked for needs this to be collected.
    pub fn needs(&self, needs: Needs) -> bool {
        Column::ALL.into_iter().any(|column| column.needs() == needs && self.asks_for(column))
    }

    /// Whether the processes that hold sockets, or their peers, must be found.
    pub fn needs_owners(&self) -> bool {
        self.needs(Needs::Holders) || self.needs(Needs::PeerHolders)
    }

    /// Whether the listeners of connections that wait are needed.
    pub fn needs_listeners(&self) -> bool {
        let shows = |column: Column| {
            matches!(column, Column::Program | Column::PeerProgram) || column.is_of_listener()
        };
        Column::ALL.into_iter().any(|column| shows(column) && self.asks_for(column))
    }

    /// The families whose peers are found by their addresses, if the peers of such sockets are shown or asked for.
    pub fn families_with_peers(&self) -> Vec<Family> {
        let asks = |family: &Family| {
            let is_shown = |column| self.columns.of(family.layout()).contains(column);
            let is_asked = |column: &Column| self.keys.contains(&Key::Column(*column));
            Column::ALL.iter().any(|it| it.is_of_peer() && (is_shown(it) || is_asked(it)))
        };
        let families = peer::FAMILIES.into_iter().filter(|it| self.filter.wants_family(*it));
        families.filter(asks).collect()
    }

    /// The sections of records that the run reads. The programs leave out the others.
    pub fn sections(&self) -> Sections {
        let options = [self.shown_options(), Some(&self.asked)].into_iter().flatten();
        let columns = Column::ALL.into_iter().filter(|column| self.asks_for(*column));
        let read = options.map(Selection::sections).chain(columns.map(Column::sections));
        let short = self.style.short.then(short::sections);
        read.chain(short).chain([Names::sections(), (self.format.sections)()]).collect()
    }

    /// The options to show. `None` if no column that is shown or asked for has them.
    pub fn shown_options(&self) -> Option<&Selection> {
        self.needs(Needs::Options).then_some(&self.selection)
    }
}

/// Whether tables may be walked. Otherwise the kernel's iterators replace the walks. Tests disable walks with
/// KNETSTAT_NO_WALKS.
pub fn permits_walks() -> bool {
    std::env::var_os("KNETSTAT_NO_WALKS").is_none()
}

/// Whether only --long asks for the processes that hold sockets.
fn owners_are_optional(args: &TableArgs, keys: &[Key]) -> bool {
    let needs = |needs| matches!(needs, Needs::Holders | Needs::PeerHolders);
    let asks = |key: &Key| matches!(key, Key::Column(column) if needs(column.needs()));
    args.long && !args.programs && !args.peer && !keys.iter().any(asks)
}

/// Whether only JSON asks for the names of network namespaces, as for everything else.
fn netns_names_are_optional(args: &TableArgs, keys: &[Key]) -> bool {
    let is_asked = |key: &Key| matches!(key, Key::Column(Column::Netns | Column::NetnsName));
    scope(args) == Scope::Own && args.columns.is_empty() && !keys.iter().any(is_asked)
}

fn scope(args: &TableArgs) -> Scope {
    match (args.all_netns, args.netns.is_empty()) {
        (true, _) => Scope::All,
        (false, false) => Scope::Named(args.netns.clone()),
        (false, true) => Scope::Own,
    }
}

fn filter(args: &TableArgs) -> Result<Filter, Error> {
    check_versions(args)?;
    let of_every_family = asks_for_processes(args) && !names_any(args);
    // A socket that is not bound does not listen, and the module does not show it.
    let unbound = args.unbound || of_every_family && !args.listening && !args.module;
    let every_family = args.unbound || of_every_family || asks_for_families(args);
    let has_layout = |kind| !args.module || KINDS.contains(&kind);
    let kinds = SocketKind::ALL.map(|kind| has_layout(kind) && wants(args, kind, every_family));
    if args.module && (names_without_layout(args) || !kinds.contains(&true)) {
        let why = "only TCP and UDP sockets have this layout (omit other words of --family)";
        return Err(wrong("--module", why));
    }
    Ok(Filter::new(kinds, unbound, selected::expression(args)?))
}

/// Whether a word of `--family` selects families that the module does not show. clap refuses their flags.
fn names_without_layout(args: &TableArgs) -> bool {
    let has_layout = |kind: &SocketKind| KINDS.iter().any(|it| it.family() == kind.family());
    let mut words = args.family.iter().filter(|families| families.version().is_none());
    words.any(|it| SocketKind::ALL.iter().any(|kind| it.contain(*kind) && !has_layout(kind)))
}

/// Whether processes are selected, which hold sockets of every family.
fn asks_for_processes(args: &TableArgs) -> bool {
    let is_of_process = |key| matches!(key, Key::Column(column) if column.is_of_holders());
    let by_flag = !args.pid.is_empty() || !args.command.is_empty();
    by_flag || args.expressions().flat_map(Expression::keys).any(is_of_process)
}

/// Whether an expression selects protocols itself, or paths, which only unix sockets have.
fn asks_for_families(args: &TableArgs) -> bool {
    let protocol = Subject::Key(Key::Column(Column::Protocol));
    let mut tests = args.expressions().flat_map(Expression::tests);
    tests.any(|test| test.subject == protocol || test.is_of_paths())
}

/// Whether a flag selects sockets of this kind. Every family has a flag, or a reason to have none.
fn has_flag(args: &TableArgs, kind: SocketKind) -> bool {
    let (v4, v6) = match kind.version() {
        Some(Version::V4) => (true, false),
        Some(Version::V6) => (false, true),
        None => (false, false),
    };
    match kind.family() {
        Family::Tcp => args.tcp || v4 && args.tcp4 || v6 && args.tcp6,
        Family::Udp => args.udp || v4 && args.udp4 || v6 && args.udp6,
        Family::Raw => args.raw,
        Family::Unix => args.unix,
        Family::Packet => args.packet,
        Family::Netlink => args.netlink,
        Family::Mptcp => args.mptcp,
        Family::Sctp => args.sctp,
        Family::Vsock => args.vsock,
        Family::Xdp => args.xdp,
        // Families that knetstat does not know have no flag. --unbound shows them.
        Family::Other => false,
    }
}

/// Whether a flag or a word of `--family` selects sockets of this kind. If protocols over IP are
/// selected, too, inet and inet6 only choose the version, as in netstat and ss.
fn names(args: &TableArgs, kind: SocketKind) -> bool {
    let names_protocol = |kind: SocketKind| {
        let mut words = args.family.iter().filter(|families| families.version().is_none());
        has_flag(args, kind) || words.any(|families| families.contain(kind))
    };
    let is_ip = |kind: &SocketKind| kind.version().is_some();
    let names_no_ip = || !SocketKind::ALL.into_iter().filter(is_ip).any(names_protocol);
    let by_version = args.family.iter().filter(|families| families.version().is_some());
    names_protocol(kind) || by_version.into_iter().any(|it| it.contain(kind)) && names_no_ip()
}

/// Whether a flag or a word of `--family` selects any sockets.
fn names_any(args: &TableArgs) -> bool {
    SocketKind::ALL.into_iter().any(|kind| names(args, kind))
}

/// Whether a version of IP is requested, by -4 and -6 or by inet and inet6.
fn has_version(args: &TableArgs, version: Version) -> bool {
    let flag = match version {
        Version::V4 => args.ipv4,
        Version::V6 => args.ipv6,
    };
    flag || args.family.iter().any(|families| families.version() == Some(version))
}

/// Whether sockets of this kind are selected. `every_family`: if no family is named, all are selected.
fn wants(args: &TableArgs, kind: SocketKind, every_family: bool) -> bool {
    let names_a_family = names_any(args);
    let is_default = every_family || matches!(kind.family(), Family::Tcp | Family::Udp);
    let (ipv4, ipv6) = (has_version(args, Version::V4), has_version(args, Version::V6));
    let is_version = match kind.version() {
        Some(Version::V4) => ipv4 || !ipv6,
        Some(Version::V6) => ipv6 || !ipv4,
        None => names_a_family || !(ipv4 || ipv6),
    };
    is_version && if names_a_family { names(args, kind) } else { is_default }
}

/// Checks that `--family` does not contradict a flag such as --tcp4. clap checks this for -4 and -6.
///
/// # Errors
///
/// [`Error::Usage`] if nothing could be shown.
fn check_versions(args: &TableArgs) -> Result<(), Error> {
    let flags = [
        (args.tcp4, "--tcp4", Version::V6, "inet6"),
        (args.udp4, "--udp4", Version::V6, "inet6"),
        (args.tcp6, "--tcp6", Version::V4, "inet"),
        (args.udp6, "--udp6", Version::V4, "inet"),
    ];
    let names = |version| args.family.iter().any(|families| families.version() == Some(version));
    match flags.into_iter().find(|(flag, _, version, _)| *flag && names(*version)) {
        Some((_, flag, _, word)) => {
            Err(Error::Usage(format!("{flag} and --family {word} cannot be combined")))
        }
        None => Ok(()),
    }
}

/// Checks that no key of metrics has values without number.
///
/// # Errors
///
/// [`Error::Usage`] that names the first that has.
fn check_metrics(args: &TableArgs) -> Result<(), Error> {
    let mut refused = args.count_by.iter().filter(|_| args.metrics);
    let found = refused.find_map(|key| Some((key, metrics::refusal(*key)?)));
    found.map_or(Ok(()), |(key, why)| {
        Err(wrong("--metrics", &format!("'{key}' {why} (count it without --metrics)")))
    })
}

fn format(args: &TableArgs) -> Format {
    if args.metrics {
        return metrics::METRICS;
    }
    if args.long {
        return long::LONG;
    }
    let [table, array, lines, csv] = if !args.count_by.is_empty() {
        [count::TABLE, count::ARRAY, count::LINES, count::CSV]
    } else if args.summary {
        // There is no summary as CSV. clap rejects it.
        [summary::TEXT, summary::OBJECT, summary::LINE, summary::TEXT]
    } else if args.module {
        [module::MODULE; 4]
    } else {
        [table::TABLE, json::ARRAY, json::LINES, csv::CSV]
    };
    match (args.json, args.ndjson, args.csv) {
        (true, ..) => array,
        (_, true, _) => lines,
        (_, _, true) => csv,
        _ => table,
    }
}

/// The columns and options that are asked for, to filter, sort or count by them.
fn keys(args: &TableArgs, filter: &Filter) -> Vec<Key> {
    let sorted = args.sort.iter().map(|it| it.key).filter(|_| !args.quiet);
    filter.keys().chain(sorted).chain(args.count_by.iter().copied()).collect()
}

fn selection(args: &TableArgs, format: Format) -> Result<Selection, Error> {
    match (args.options.is_empty(), format.whole_sockets) {
        (false, _) => Selection::parse(args.options.iter().map(String::as_str))
            .map_err(|error| wrong("--options", &usage::with_file_hint(&args.options, &error))),
        (true, true) => Ok(Selection::all()),
        (true, false) => Ok(Selection::common()),
    }
}

fn columns(
    args: &TableArgs,
    format: Format,
    filter: &Filter,
    selection: &Selection,
) -> Result<ColumnList, Error> {
    let request = ColumnRequest {
        chosen: args.columns.clone(),
        netns: scope(args) != Scope::Own,
        extended: args.extend,
        labels: args.extend && labels::are_readable(),
        programs: args.programs,
        peers: args.peer,
        timers: args.timers,
    };
    let columns = if args.quiet {
        return Ok(ColumnList::default());
    } else if !args.count_by.is_empty() {
        return Ok(ColumnList::for_keys(&args.count_by));
    } else if args.metrics {
        return Ok(ColumnList::for_metrics());
    } else if args.module {
        return Ok(ColumnList::default());
    } else if args.summary {
        return Ok(ColumnList::for_summary());
    } else if args.long {
        ColumnList::for_blocks(&request)
    } else if args.csv {
        ColumnList::for_records(&request, fields(args, selection, filter))
    } else if format.whole_sockets {
        ColumnList::for_objects(&request)
    } else {
        ColumnList::for_table(&request)
    };
    let nothing = |layout: &_| columns.of(*layout).is_empty();
    if !args.columns.is_empty() && filter.layouts().iter().all(nothing) {
        let names: Vec<&str> = args.columns.iter().map(|column| column.name()).collect();
        let error = format!("these families do not have the column {}", names.join(", "));
        return Err(wrong("--columns", &error));
    }
    Ok(columns)
}

/// The options that are fields of CSV, by their indexes in the catalogue: those of -O that a selected family
/// can have or, if there are none, all of them. `None` if each socket has other options.
fn fields(args: &TableArgs, selection: &Selection, filter: &Filter) -> Option<Vec<usize>> {
    let chosen = selection.fixed().filter(|_| !args.options.is_empty())?;
    let families: Vec<Family> =
        Family::ALL.into_iter().filter(|family| filter.wants_family(*family)).collect();
    let can_be = |index: &usize| families.iter().any(|it| CATALOGUE[*index].may_be_of(*it));
    let of_families: Vec<usize> = chosen.iter().copied().filter(can_be).collect();
    Some(if of_families.is_empty() { chosen } else { of_families })
}

/// The length of the longest protocol that can occur. UDP-Lite counts only if `has_udp_lite`, because it
/// is rare and would widen the usual table.
pub fn protocol_width(filter: &Filter, has_udp_lite: bool) -> usize {
    let wants = |kind: &SocketKind| filter.wants(*kind) && (has_udp_lite || !kind.is_udp_lite());
    let wanted = SocketKind::ALL.into_iter().filter(wants);
    wanted.map(|kind| kind.word().len()).max().unwrap_or_default()
}

/// Whether to use colour on standard output.
fn color(when: ColorWhen) -> bool {
    match when {
        ColorWhen::Always => true,
        ColorWhen::Never => false,
        ColorWhen::Auto => {
            let refused = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
            let dumb = std::env::var_os("TERM").is_some_and(|term| term == "dumb");
            io::stdout().is_terminal() && !refused && !dumb
        }
    }
}
