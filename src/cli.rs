//! The command line as it was typed. [`crate::config`] interprets it.

use std::ffi::{OsStr, OsString};
use std::path::PathBuf;
use std::time::Duration;

use clap::builder::{PossibleValue, StringValueParser, TypedValueParser};
use clap::{Arg, Args, CommandFactory, FromArgMatches, Parser, Subcommand, ValueEnum, ValueHint};
use clap_complete::engine::ArgValueCompleter as Completer;

use crate::completion as values;
use crate::error::Error;
use crate::kernel::pins::DIRECTORY;
use crate::query::columns::Column;
use crate::query::expression::operand::{self, Operand};
use crate::query::expression::Expression;
use crate::query::key::Key;
use crate::query::sort::SortKey;
use crate::socket::family::{self, Families};
use crate::socket::state::{self, States};
use crate::text::{escaped, units};
use crate::usage;

/// The text that `-h` prints after the commands. `--help` lists every option in full instead.
const SUMMARY: &str = include_str!("usage/summary.txt");

const AFTER_HELP: &str = "\
Without a family, TCP and UDP sockets are shown. All states are shown. Addresses and ports are numbers, without -r.

Examples:
  knetstat -t                         TCP sockets: common options, and options that are set
  knetstat --tcp6 --state LISTEN      listening sockets over IPv6
  knetstat -t --port 5432 -O 'keep*'  keepalive of the connections to PostgreSQL
  knetstat -tp --where 'state=established and not nodelay'
                                      connections that delay small segments
  knetstat -t state established '( dport = :443 or sport = :443 )'
                                      an expression of ss
  knetstat -t --count-by command,keepalive    how many sockets of which program
  knetstat -tq --port 5432 --wait 5s  for a script: wait for a socket, exit status 0 if there is one
  knetstat options keepidle           what an option is and who sets it
  knetstat doctor                     why it does not work here, and what to do

Exit status: 0 done, 1 failed or incomplete, 2 wrong usage. With -q: 0 a socket matched, 1 none did,
2 any error. See knetstat(8).";

/// Show the options of every live socket.
#[derive(Debug, Parser)]
#[command(
    name = "knetstat",
    // The name by which the program was started is input from outside, so it is not shown.
    bin_name = "knetstat",
    version,
    after_help = SUMMARY,
    after_long_help = AFTER_HELP,
    args_conflicts_with_subcommands = true,
    args_override_self = true,
    infer_long_args = true,
    override_usage = "knetstat [OPTIONS] [EXPRESSION]\n       knetstat <COMMAND>",
    disable_help_subcommand = true,
    max_term_width = 100
)]
pub struct Cli {
    #[command(flatten)]
    pub table: TableArgs,
    #[command(subcommand)]
    pub command: Option<Command>,
    /// The expression after the options
    #[arg(hide = true, value_name = "EXPRESSION", add = Completer::new(values::expression_word))]
    words: Vec<OsString>,
}

/// The commands other than the table.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// List all options, or explain some of them
    ///
    /// Without a name: all options with level, number and kind, and whether this kernel has them. With names:
    /// what each option does, its default on this host, and how programs set it.
    Options {
        /// Options by name, with or without prefix, by a pattern such as 'TCP_*', or by a topic such as
        /// keepalive or buffers. all explains every option, and topics alone lists them by topic
        #[arg(value_name = "NAME", add = Completer::new(values::option_words))]
        names: Vec<String>,
        /// Write a JSON array
        #[arg(short = 'J', long)]
        json: bool,
    },
    /// Check whether knetstat works here, and explain how to fix it
    ///
    /// No privileges are required.
    Doctor {
        /// List every check
        #[arg(short, long, conflicts_with = "json")]
        verbose: bool,
        /// Write a JSON object with every check
        #[arg(short = 'J', long)]
        json: bool,
    },
    /// Let users without privileges run knetstat
    ///
    /// Pins BPF iterators as files, from which knetstat reads sockets without privileges. The members of a group may then
    /// see the options of all sockets of the network namespace that they are in. Repeat it after an update of knetstat.
    Pin {
        /// The directory. A BPF file system is mounted there, unless it is in one
        #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath, default_value = DIRECTORY)]
        dir: PathBuf,
        /// The group that may read the pins, by name or number. Default: that of the pins that are there, or 0
        #[arg(long, value_name = "GROUP", add = Completer::new(values::groups))]
        group: Option<String>,
        /// The mode of the pins: 0400 (only root), 0440 (the group, too) or 0444 (all users). Default: that of the pins
        /// that are there, or 0440
        #[arg(long, value_name = "MODE", value_parser = parse_mode)]
        mode: Option<u32>,
        /// Also pin the processes that hold sockets, of all users and network namespaces. -p shows them. Pins that are
        /// there keep this
        #[arg(long)]
        with_owners: bool,
    },
    /// Remove what `knetstat pin` has made
    Unpin {
        /// The directory
        #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath, default_value = DIRECTORY)]
        dir: PathBuf,
    },
    /// Print the JSON Schema of a row of --json and --ndjson
    Schema,
    /// Print the completion script for a shell
    Completions {
        /// The shell
        shell: clap_complete::Shell,
    },
    /// Print help in full, or the help of a command
    Help {
        /// The command
        #[arg(value_name = "COMMAND", add = Completer::new(values::commands))]
        command: Option<String>,
    },
    /// Print the completions of a command line, for the scripts of `completions`
    #[command(hide = true, disable_help_flag = true)]
    Complete {
        /// The command line up to the cursor, beginning with the program
        #[arg(last = true)]
        words: Vec<OsString>,
    },
}

/// The arguments of the table: its sockets, its options and columns, and its form.
#[derive(Debug, Args)]
pub struct TableArgs {
    /// TCP sockets
    #[arg(short, long, help_heading = "Sockets")]
    pub tcp: bool,
    /// TCP over IPv4
    #[arg(long, conflicts_with = "ipv6", help_heading = "Sockets")]
    pub tcp4: bool,
    /// TCP over IPv6, including dual-stack sockets
    #[arg(long, conflicts_with = "ipv4", help_heading = "Sockets")]
    pub tcp6: bool,
    /// UDP sockets
    #[arg(short, long, help_heading = "Sockets")]
    pub udp: bool,
    /// UDP over IPv4
    #[arg(long, conflicts_with = "ipv6", help_heading = "Sockets")]
    pub udp4: bool,
    /// UDP over IPv6, including dual-stack sockets
    #[arg(long, conflicts_with = "ipv4", help_heading = "Sockets")]
    pub udp6: bool,
    /// Raw sockets and ping sockets
    #[arg(short = 'w', long, help_heading = "Sockets")]
    pub raw: bool,
    /// Unix sockets
    #[arg(short = 'x', long, help_heading = "Sockets")]
    pub unix: bool,
    /// Packet sockets, which receive what network interfaces receive
    #[arg(short = '0', long, help_heading = "Sockets")]
    pub packet: bool,
    /// Netlink sockets, including the kernel's own
    #[arg(long, help_heading = "Sockets")]
    pub netlink: bool,
    /// MPTCP sockets (their subflows are listed by --tcp)
    #[arg(long, help_heading = "Sockets")]
    pub mptcp: bool,
    /// SCTP sockets
    #[arg(long, help_heading = "Sockets")]
    pub sctp: bool,
    /// Vsock sockets, between virtual machines and their hosts
    #[arg(long, help_heading = "Sockets")]
    pub vsock: bool,
    /// XDP sockets
    #[arg(long, help_heading = "Sockets")]
    pub xdp: bool,
    /// Sockets of these families, in the words of netstat -A, ss -A and ss -f: inet and inet6 (every
    /// protocol over IPv4 or IPv6), tcp, udp, raw, unix, packet or link, netlink, mptcp, sctp, vsock, xdp,
    /// all. With -t, -u and others, inet and inet6 only choose the version of IP
    #[arg(
        short = 'f',
        visible_short_alias = 'A',
        long,
        aliases = ["query", "socket", "protocol"],
        value_name = "FAMILY",
        value_delimiter = ',',
        value_parser = family::parse,
        add = Completer::new(values::families),
        help_heading = "Sockets"
    )]
    pub family: Vec<Families>,
    /// Also show sockets that appear in no kernel table: never bound, or bound but neither listening
    /// nor connected. Without a family: of every family, including those without an option here
    #[arg(long, help_heading = "Sockets")]
    pub unbound: bool,
    /// Only sockets over IPv4
    #[arg(short = '4', long, aliases = ["inet", "ip", "tcpip"], help_heading = "Sockets")]
    pub ipv4: bool,
    /// Only sockets over IPv6
    #[arg(short = '6', long, alias = "inet6", help_heading = "Sockets")]
    pub ipv6: bool,
    /// Only listening sockets (for UDP and other connectionless protocols: unconnected sockets)
    #[arg(short, long, help_heading = "Sockets")]
    pub listening: bool,
    /// Only sockets that match an expression, such as 'dport = 443 and not keepalive'. If it is
    /// repeated, a socket must match all of them. Words after the options are an expression too. See
    /// EXPRESSIONS in knetstat(8)
    #[arg(long = "where", value_name = "EXPR", value_parser = parse_where, add = Completer::new(values::expression), help_heading = "Filters")]
    pub conditions: Vec<Expression>,
    /// The expression after the options.
    #[arg(skip)]
    pub expression: Option<Expression>,
    /// Only sockets in one of these states, in the words of netstat, ss or the knetstat module, or in
    /// a group of ss: connected, synchronized, bucket, big, all. Words may be abbreviated
    #[arg(long, value_name = "STATE", value_delimiter = ',', value_parser = state::parse, add = Completer::new(values::states), help_heading = "Filters")]
    pub state: Vec<States>,
    /// Only sockets with one of these ports, local or remote: a number, a range such as 8000-8100, or a
    /// service name
    #[arg(long, value_name = "PORT", value_delimiter = ',', allow_negative_numbers = true, add = Completer::new(values::services), help_heading = "Filters")]
    pub port: Vec<String>,
    /// Only sockets with one of these local ports
    #[arg(long, value_name = "PORT", value_delimiter = ',', allow_negative_numbers = true, add = Completer::new(values::services), help_heading = "Filters")]
    pub sport: Vec<String>,
    /// Only sockets with one of these remote ports
    #[arg(long, value_name = "PORT", value_delimiter = ',', allow_negative_numbers = true, add = Completer::new(values::services), help_heading = "Filters")]
    pub dport: Vec<String>,
    /// Only sockets with an address in one of these networks, local or remote. An IPv4 network also
    /// matches IPv4-mapped IPv6 addresses. A port may follow, as in expressions: 10.0.0.5:443
    #[arg(long, value_name = "CIDR", value_delimiter = ',', value_parser = operand::address, help_heading = "Filters")]
    pub addr: Vec<Vec<Operand>>,
    /// Only sockets with a local address in one of these networks
    #[arg(long, value_name = "CIDR", value_delimiter = ',', value_parser = operand::address, help_heading = "Filters")]
    pub src: Vec<Vec<Operand>>,
    /// Only sockets with a remote address in one of these networks
    #[arg(long, value_name = "CIDR", value_delimiter = ',', value_parser = operand::address, help_heading = "Filters")]
    pub dst: Vec<Vec<Operand>>,
    /// Only sockets bound to one of these interfaces, by name or index
    #[arg(long, value_name = "IF", value_delimiter = ',', add = Completer::new(values::interfaces), help_heading = "Filters")]
    pub interface: Vec<String>,
    /// Only sockets held by one of these processes. Without a family: of every family, unbound sockets
    /// included
    #[arg(long, value_name = "PID", value_delimiter = ',', allow_negative_numbers = true, add = Completer::new(values::processes), value_parser = parse_pid, help_heading = "Filters")]
    pub pid: Vec<u32>,
    /// Only sockets held by a process with one of these names, or a name that matches a pattern
    /// ('ngin*'). Without a family: of every family, unbound sockets included
    #[arg(long, value_name = "NAME", value_delimiter = ',', add = Completer::new(values::process_names), help_heading = "Filters")]
    pub command: Vec<String>,
    /// Only sockets of one of these users, by name or number
    #[arg(long, value_name = "USER", value_delimiter = ',', allow_negative_numbers = true, add = Completer::new(values::users), help_heading = "Filters")]
    pub user: Vec<String>,
    /// Sockets of these network namespaces: names of ip-netns(8), PIDs, or paths that contain a slash
    #[arg(
        short = 'N',
        long,
        alias = "net",
        add = Completer::new(values::namespaces),
        value_name = "NETNS",
        value_delimiter = ',',
        conflicts_with = "all_netns",
        help_heading = "Filters"
    )]
    pub netns: Vec<String>,
    /// Sockets of all network namespaces that can be found
    #[arg(long, help_heading = "Filters")]
    pub all_netns: bool,
    /// Read the pins in this directory, such as /run/knetstat, which `knetstat pin` makes. A user who may not load BPF
    /// programs reads those of /run/knetstat without this option. Pins show one network namespace
    #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath, conflicts_with = "all_netns", help_heading = "Filters")]
    pub pins: Option<PathBuf>,

    /// The options to show: names with or without prefix, in any case, patterns ('TCP_*'), or one of:
    /// common (the default: commonly needed options, and every option that is set), set, all (the
    /// default of JSON)
    #[arg(
        add = Completer::new(values::option_list),
        short = 'O',
        long,
        value_name = "LIST",
        value_delimiter = ',',
        help_heading = "What to show"
    )]
    pub options: Vec<String>,
    /// The columns to show, in this order: names in any case, or unambiguous prefixes. -p, --peer, -o,
    /// -e, --netns and --all-netns add theirs
    #[arg(long, value_name = "LIST", value_delimiter = ',', value_parser = ColumnParser, add = Completer::new(values::columns), help_heading = "What to show")]
    pub columns: Vec<Column>,
    /// Add the processes that hold the socket, or the reason why there is none
    #[arg(short, long, alias = "processes", help_heading = "What to show")]
    pub programs: bool,
    /// Add the processes at the other end of a connection, where that is on this host: for unix sockets, and
    /// for TCP, UDP, MPTCP, SCTP and vsock connections within the network namespaces that are shown
    #[arg(long, alias = "peers", help_heading = "What to show")]
    pub peer: bool,
    /// Add the running timer of the connection
    #[arg(short = 'o', long, help_heading = "What to show")]
    pub timers: bool,
    /// Add the user, the inode, and the group of sockets that share the port (SO_REUSEPORT)
    #[arg(short, long, alias = "extended", help_heading = "What to show")]
    pub extend: bool,
    /// Sort the rows by these columns and options. The first that differs decides. '-KEY' sorts in
    /// descending order. Rows without a value are last. The rows are buffered
    #[arg(long, value_name = "KEY", value_delimiter = ',', value_parser = SortKey::parse, allow_hyphen_values = true, add = Completer::new(values::sort_keys), conflicts_with_all = ["count_by", "summary"], help_heading = "What to show")]
    pub sort: Vec<SortKey>,
    /// Count the sockets by the values of these columns and options, the largest count first
    #[arg(long, value_name = "KEY", value_delimiter = ',', value_parser = Key::parse_in_list, add = Completer::new(values::keys), conflicts_with_all = ["columns", "options", "summary"], help_heading = "What to show")]
    pub count_by: Vec<Key>,
    /// Count the sockets by protocol and state, and for each option that has been set: its sockets, values
    /// and programs
    #[arg(short, long, conflicts_with = "columns", help_heading = "What to show")]
    pub summary: bool,
    /// Show the names of hosts, services and users instead of numbers: from /etc/hosts, /etc/services and /etc/passwd, and
    /// of hosts those that the name servers know within two seconds. -n undoes it
    #[arg(short, long, overrides_with = "numeric", conflicts_with_all = ["count_by", "summary"], help_heading = "What to show")]
    pub resolve: bool,
    /// Omit the header
    #[arg(short = 'H', long, help_heading = "What to show")]
    pub no_header: bool,
    /// A shorter table: option names in lower case without prefix, flags as words (-nodelay: off), IPv6
    /// addresses in brackets, * for any address, and tcp46 for dual-stack sockets
    #[arg(long, help_heading = "What to show")]
    pub short: bool,

    /// Write a block for each socket: its processes, its other end, its state, and each option on its line, with
    /// whether it is set, which sysctl its default comes from, and what it means
    #[arg(long, conflicts_with_all = ["columns", "count_by", "summary", "short", "json", "ndjson", "csv", "metrics", "module", "quiet"], help_heading = "Output")]
    pub long: bool,
    /// Write a JSON array
    #[arg(short = 'J', long, conflicts_with = "ndjson", help_heading = "Output")]
    pub json: bool,
    /// Write one JSON object per line
    #[arg(long, help_heading = "Output")]
    pub ndjson: bool,
    /// Write CSV (RFC 4180): a header, and a record for each socket, with a field for each option of -O
    #[arg(long, conflicts_with_all = ["json", "ndjson", "summary"], help_heading = "Output")]
    pub csv: bool,
    /// Write counts as metrics, for Prometheus: by the keys of --count-by or, without it, by protocol and state, and by
    /// the values of the options of -O
    #[arg(long, conflicts_with_all = ["json", "ndjson", "csv", "columns", "sort", "summary", "short", "resolve", "programs", "peer", "timers", "extend", "no_header"], help_heading = "Output")]
    pub metrics: bool,
    /// Write the tables of the knetstat kernel module, in its layout and with its options: /proc/net/tcpstat,
    /// tcp6stat, udpstat and udp6stat, or those that -t, -u, --tcp6 and others select
    #[arg(long, conflicts_with_all = ["raw", "unix", "packet", "netlink", "mptcp", "sctp", "vsock", "xdp", "unbound", "all_netns", "options", "columns", "programs", "peer", "timers", "extend", "count_by", "summary", "short", "resolve", "json", "ndjson", "csv", "metrics"], help_heading = "Output")]
    pub module: bool,
    /// Write no rows. The exit status is 0 if a socket matches, 1 if none does, 2 after any error
    #[arg(short, long, conflicts_with_all = ["json", "ndjson", "csv", "metrics", "module", "count_by", "summary"], help_heading = "Output")]
    pub quiet: bool,
    /// Read the sockets again until one matches or this time is over: seconds, or a number with a unit,
    /// such as 500ms, 5s or 2min
    #[arg(long, value_name = "TIME", value_parser = parse_wait, allow_negative_numbers = true, help_heading = "Output")]
    pub wait: Option<Duration>,
    /// Show the sockets again and again, every second or at the interval that is the last argument: seconds, or
    /// a number with a unit, such as 0.5, 500ms or 2min. On a terminal, what has changed is marked
    #[arg(short, long, help_heading = "Output")]
    pub continuous: bool,
    /// The interval of --continuous.
    #[arg(skip)]
    pub interval: Option<Duration>,
    /// With -c: show only sockets that were opened or closed, or that have changed
    #[arg(long, help_heading = "Output")]
    pub changes: bool,
    /// On a terminal: show the output in a pager, the program that KNETSTAT_PAGER or PAGER names, or less
    #[arg(long, conflicts_with = "quiet", help_heading = "Output")]
    pub pager: bool,
    /// When to use colour, in which options that are set stand out
    #[arg(long, alias = "colour", value_name = "WHEN", value_enum, default_value_t = ColorWhen::Auto, help_heading = "Output")]
    pub color: ColorWhen,

    /// All states are always shown
    #[arg(short, long, help_heading = "Accepted for compatibility")]
    pub all: bool,
    /// Addresses, ports and users are numbers, unless -r follows
    #[arg(short, long, overrides_with = "resolve", aliases = ["numeric-hosts", "numeric-ports", "numeric-users"], help_heading = "Accepted for compatibility")]
    pub numeric: bool,
    /// Values are never truncated
    #[arg(short = 'W', long, help_heading = "Accepted for compatibility")]
    pub wide: bool,
}

impl TableArgs {
    /// The expressions of `--where` and after the options, which must all hold.
    pub fn expressions(&self) -> impl Iterator<Item = &Expression> {
        self.conditions.iter().chain(&self.expression)
    }
}

/// When to use colour.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum ColorWhen {
    /// On a terminal, unless NO_COLOR is set
    Auto,
    Always,
    Never,
}

/// Parses the command line, which begins with the name of the program.
///
/// # Errors
///
/// [`Error::Usage`] for wrong usage, [`Error::Answer`] for `--help` and `--version`.
pub fn parse(arguments: Vec<OsString>) -> Result<Cli, Error> {
    let mut program = program();
    let matches = program.try_get_matches_from_mut(&arguments);
    if let Some(answer) = matches.is_ok().then(|| usage::one_dash(&arguments, &program)).flatten() {
        return Err(Error::Usage(answer));
    }
    match matches.and_then(|matches| Cli::from_arg_matches(&matches)) {
        Ok(cli) => cli.with_expression(&arguments, &program),
        Err(error) if !error.use_stderr() => Err(Error::Answer(error)),
        Err(error) => Err(Error::Usage(usage::answer(&error, &program, &arguments))),
    }
}

impl Cli {
    /// Parses the words after the options as an expression.
    fn with_expression(
        mut self,
        arguments: &[OsString],
        program: &clap::Command,
    ) -> Result<Cli, Error> {
        if self.table.continuous {
            self.take_interval();
        }
        let words = self.words.iter().map(|word| word.to_str()).collect::<Option<Vec<_>>>();
        let words = words.ok_or_else(|| Error::Usage(usage::NOT_UTF8.into()))?;
        if words.is_empty() {
            return Ok(self);
        }
        if let Some(answer) = usage::loose_names(&self.words, arguments, program) {
            return Err(Error::Usage(answer));
        }
        let parsed = Expression::parse(&words.join(" "));
        self.table.expression = Some(parsed.map_err(|error| {
            Error::Usage(usage::wrong_words(&self.words, arguments, program, &error))
        })?);
        Ok(self)
    }
}

impl Cli {
    /// Takes the last or the first word as the interval of `--continuous`, if it is a time and not a part of an
    /// expression: the other words are a whole one, or there are none.
    fn take_interval(&mut self) {
        let words: Option<Vec<&str>> = self.words.iter().map(|word| word.to_str()).collect();
        let words = words.unwrap_or_default();
        let is_whole =
            |words: &[&str]| words.is_empty() || Expression::parse(&words.join(" ")).is_ok();
        let places = [
            words.split_last().map(|it| (words.len() - 1, it)),
            words.split_first().map(|it| (0, it)),
        ];
        let found = places.into_iter().flatten().find_map(|(place, (word, others))| {
            units::duration(word).filter(|_| is_whole(others)).map(|time| (place, time))
        });
        if let Some((place, time)) = found {
            self.table.interval = Some(time);
            self.words.remove(place);
        }
    }
}

/// Parses the value of `--where`.
fn parse_where(text: &str) -> Result<Expression, String> {
    if text.trim().is_empty() {
        return Err("empty expression (name a condition, such as 'not keepalive')".into());
    }
    Expression::parse(text).map_err(|error| error.to_string())
}

/// Returns the program with its short help, in which only [`SUMMARY`] lists options.
fn program() -> clap::Command {
    let mut program = Cli::command();
    program.build();
    program.mut_args(|argument| argument.hide_short_help(true))
}

/// The text of `knetstat help`.
///
/// # Errors
///
/// [`Error::Usage`] for a command that does not exist.
pub fn help(command: Option<&str>) -> Result<String, Error> {
    let mut program = program();
    program.build();
    let Some(name) = command else { return Ok(program.render_long_help().to_string()) };
    match program.find_subcommand_mut(name).filter(|command| !command.is_hide_set()) {
        // Like clap, use the short form if there is no long one.
        Some(command) if command.get_long_about().is_some() => {
            Ok(command.render_long_help().to_string())
        }
        Some(command) => Ok(command.render_help().to_string()),
        None => Err(Error::Usage(usage::no_help(name, &program))),
    }
}

/// Parses the name of a column, and lists all columns for `--help` and for completions.
#[derive(Clone)]
struct ColumnParser;

impl TypedValueParser for ColumnParser {
    type Value = Column;

    fn parse_ref(
        &self,
        command: &clap::Command,
        argument: Option<&Arg>,
        value: &OsStr,
    ) -> Result<Column, clap::Error> {
        let parse = StringValueParser::new().try_map(|word| Key::parse_column(&word));
        parse.parse_ref(command, argument, value)
    }

    fn possible_values(&self) -> Option<Box<dyn Iterator<Item = PossibleValue> + '_>> {
        let value = |column: Column| PossibleValue::new(column.name()).help(column.help());
        Some(Box::new(Column::ALL.into_iter().map(value)))
    }
}

fn parse_pid(text: &str) -> Result<u32, String> {
    let word = escaped(text.as_bytes());
    text.parse()
        .map_err(|_| format!("invalid PID '{word}' (for the name of a process, use --command)"))
}

/// Parses a mode of files that can only be read.
fn parse_mode(text: &str) -> Result<u32, String> {
    const READABLE: [u32; 3] = [0o400, 0o440, 0o444];
    let mode = u32::from_str_radix(text, 8).ok().filter(|mode| READABLE.contains(mode));
    mode.ok_or_else(|| {
        format!("invalid mode '{}' (expected 0400, 0440 or 0444)", escaped(text.as_bytes()))
    })
}

/// Parses the value of `--wait`, which is a duration.
fn parse_wait(text: &str) -> Result<Duration, String> {
    units::duration(text).ok_or_else(|| {
        let word = escaped(text.as_bytes());
        format!(
            "invalid time '{word}' (expected seconds, or a number with a unit: 500ms, 5s, 2min)"
        )
    })
}

/// Returns the error for wrong usage that clap cannot detect.
pub fn wrong(option: &str, what: &str) -> Error {
    Error::Usage(format!("{option}: {what}"))
}
