//! The command line as it was typed. What it means is in [`crate::config`].

use std::ffi::OsStr;

use clap::builder::{PossibleValue, StringValueParser, StyledStr, TypedValueParser};
use clap::error::{ContextKind, ContextValue};
use clap::{Arg, Args, CommandFactory, FromArgMatches, Parser, Subcommand, ValueEnum};

use crate::query::columns::{self, Column};
use crate::query::filter;
use crate::socket::state::{self, States};
use crate::text::escaped;

const AFTER_HELP: &str = "\
Without a family: TCP and UDP. All states are shown, and all addresses and ports are numbers.

Examples:
  knetstat -t                         TCP sockets: what everyone asks for, and what is set
  knetstat --tcp6 --state LISTEN      listeners over IPv6
  knetstat -t --port 5432 -O 'keep*'  keepalive of the connections to PostgreSQL
  knetstat -tJ | jq '.[] | select(.options.TCP_NODELAY == 0) | .remote'
  knetstat options keepidle           what an option is and who sets it
  knetstat doctor                     why it does not work here, and what to do

Exit status: 0 done, 1 failed or not complete, 2 wrong usage. See knetstat(8).";

/// Show the options of every live socket.
#[derive(Debug, Parser)]
#[command(
    name = "knetstat",
    // Whatever name it was started by: that is an argument from outside too.
    bin_name = "knetstat",
    version,
    after_help = AFTER_HELP,
    args_conflicts_with_subcommands = true,
    args_override_self = true,
    override_usage = "knetstat [OPTIONS]\n       knetstat <COMMAND>",
    disable_help_subcommand = true,
    max_term_width = 100
)]
pub struct Cli {
    #[command(flatten)]
    pub table: TableArgs,
    #[command(subcommand)]
    pub command: Option<Command>,
}

/// What to do instead of printing the table.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// List all options, or explain some: what they do, their defaults here, how to set them
    Options {
        /// Options by name, with or without prefix, or by a glob such as 'TCP_*'; a topic such as
        /// keepalive or buffers; all; or topics alone, for the list by topic
        #[arg(value_name = "NAME")]
        names: Vec<String>,
        /// A JSON array
        #[arg(short = 'J', long)]
        json: bool,
    },
    /// Check whether knetstat works here, and explain how to fix what does not
    Doctor {
        /// List every check
        #[arg(short, long, conflicts_with = "json")]
        verbose: bool,
        /// Print a JSON object with every check
        #[arg(short = 'J', long)]
        json: bool,
    },
    /// Print the JSON Schema of a row of --json and --ndjson
    Schema,
    /// Print the completions for a shell
    Completions {
        /// The shell
        shell: clap_complete::Shell,
    },
}

/// Which sockets, which options, in which form.
#[derive(Debug, Args)]
pub struct TableArgs {
    /// TCP sockets
    #[arg(short, long, help_heading = "Which sockets")]
    pub tcp: bool,
    /// TCP sockets over IPv4
    #[arg(long, conflicts_with = "ipv6", help_heading = "Which sockets")]
    pub tcp4: bool,
    /// TCP sockets over IPv6, which may talk to IPv4 too
    #[arg(long, conflicts_with = "ipv4", help_heading = "Which sockets")]
    pub tcp6: bool,
    /// UDP sockets
    #[arg(short, long, help_heading = "Which sockets")]
    pub udp: bool,
    /// UDP sockets over IPv4
    #[arg(long, conflicts_with = "ipv6", help_heading = "Which sockets")]
    pub udp4: bool,
    /// UDP sockets over IPv6, which may talk to IPv4 too
    #[arg(long, conflicts_with = "ipv4", help_heading = "Which sockets")]
    pub udp6: bool,
    /// Raw sockets and ping sockets
    #[arg(short = 'w', long, help_heading = "Which sockets")]
    pub raw: bool,
    /// Unix sockets
    #[arg(short = 'x', long, help_heading = "Which sockets")]
    pub unix: bool,
    /// Packet sockets: who reads what the network interfaces receive
    #[arg(short = '0', long, help_heading = "Which sockets")]
    pub packet: bool,
    /// Netlink sockets, also those of the kernel
    #[arg(long, help_heading = "Which sockets")]
    pub netlink: bool,
    /// MPTCP sockets, without their subflows, which are among the TCP sockets
    #[arg(long, help_heading = "Which sockets")]
    pub mptcp: bool,
    /// SCTP sockets
    #[arg(long, help_heading = "Which sockets")]
    pub sctp: bool,
    /// Sockets between virtual machines and their hosts
    #[arg(long, help_heading = "Which sockets")]
    pub vsock: bool,
    /// XDP sockets
    #[arg(long, help_heading = "Which sockets")]
    pub xdp: bool,
    /// Also sockets that are in no table of the kernel: never bound, or bound but idle. Without a
    /// family: sockets of every family, those too that have no flag here
    #[arg(long, help_heading = "Which sockets")]
    pub unbound: bool,
    /// Only sockets over IPv4
    #[arg(short = '4', long, help_heading = "Which sockets")]
    pub ipv4: bool,
    /// Only sockets over IPv6
    #[arg(short = '6', long, help_heading = "Which sockets")]
    pub ipv6: bool,
    /// Only listeners; of what knows no connections, the unconnected sockets
    #[arg(short, long, help_heading = "Which sockets")]
    pub listening: bool,
    /// Only sockets in one of these states; words of netstat, ss and the knetstat module, and the
    /// groups of ss: connected, synchronized, bucket, big, all
    #[arg(long, value_name = "STATE", value_delimiter = ',', value_parser = state::parse, help_heading = "Which sockets")]
    pub state: Vec<States>,
    /// Only sockets with one of these ports, local or remote: a number, a range a-b, or a service
    #[arg(long, value_name = "PORT", value_delimiter = ',', help_heading = "Which sockets")]
    pub port: Vec<String>,
    /// Only sockets with one of these local ports
    #[arg(long, value_name = "PORT", value_delimiter = ',', help_heading = "Which sockets")]
    pub sport: Vec<String>,
    /// Only sockets with one of these remote ports
    #[arg(long, value_name = "PORT", value_delimiter = ',', help_heading = "Which sockets")]
    pub dport: Vec<String>,
    /// Only sockets with an address in one of these networks, local or remote; those of IPv4 have
    /// the v4-mapped addresses too
    #[arg(long, value_name = "CIDR", value_delimiter = ',', value_parser = filter::parse_network, help_heading = "Which sockets")]
    pub addr: Vec<ipnet::IpNet>,
    /// Only sockets with a local address in one of these networks
    #[arg(long, value_name = "CIDR", value_delimiter = ',', value_parser = filter::parse_network, help_heading = "Which sockets")]
    pub src: Vec<ipnet::IpNet>,
    /// Only sockets with a remote address in one of these networks
    #[arg(long, value_name = "CIDR", value_delimiter = ',', value_parser = filter::parse_network, help_heading = "Which sockets")]
    pub dst: Vec<ipnet::IpNet>,
    /// Only sockets that are bound to one of these interfaces
    #[arg(long, value_name = "IF", value_delimiter = ',', help_heading = "Which sockets")]
    pub interface: Vec<String>,
    /// Only sockets that one of these processes holds
    #[arg(long, value_name = "PID", value_delimiter = ',', value_parser = parse_pid, help_heading = "Which sockets")]
    pub pid: Vec<u32>,
    /// Only sockets that a process of one of these names holds; a pattern may have * and ?
    #[arg(long, value_name = "NAME", value_delimiter = ',', help_heading = "Which sockets")]
    pub command: Vec<String>,
    /// Sockets of these network namespaces: names of ip-netns(8), processes, or paths with a slash
    #[arg(
        long,
        value_name = "NETNS",
        value_delimiter = ',',
        conflicts_with = "all_netns",
        help_heading = "Which sockets"
    )]
    pub netns: Vec<String>,
    /// Sockets of every network namespace that can be found
    #[arg(long, help_heading = "Which sockets")]
    pub all_netns: bool,
    /// Only sockets of one of these users, by name or number
    #[arg(long, value_name = "USER", value_delimiter = ',', help_heading = "Which sockets")]
    pub user: Vec<String>,

    /// Which options: names with or without prefix, in any case, globs ('TCP_*'), or one of: common
    /// (what everyone asks for, and what is set; the default), set, all (the default of JSON)
    #[arg(
        short = 'O',
        long,
        value_name = "LIST",
        value_delimiter = ',',
        help_heading = "What to show"
    )]
    pub options: Vec<String>,
    /// Which columns, in this order: names in any case, or prefixes of names. -p, -o, -e and --netns
    /// add theirs. Names joined by commas
    #[arg(long, value_name = "LIST", value_delimiter = ',', value_parser = ColumnParser, help_heading = "What to show")]
    pub columns: Vec<Column>,
    /// Also the processes that hold the socket, or the reason why there is none
    #[arg(short, long, help_heading = "What to show")]
    pub programs: bool,
    /// Also the timer of the connection that runs
    #[arg(short = 'o', long, help_heading = "What to show")]
    pub timers: bool,
    /// Also the user, the inode, and the group of sockets with which it shares its port
    #[arg(short, long, help_heading = "What to show")]
    pub extend: bool,
    /// No line with the names of the columns
    #[arg(short = 'H', long, help_heading = "What to show")]
    pub no_header: bool,
    /// A shorter table: option names in lower case without prefix, flags as words (-nodelay: off), IPv6
    /// addresses in brackets, * for any address, and tcp46 for dual-stack listeners
    #[arg(long, help_heading = "What to show")]
    pub short: bool,

    /// A JSON array
    #[arg(short = 'J', long, conflicts_with = "ndjson", help_heading = "How")]
    pub json: bool,
    /// One JSON object a line
    #[arg(long, help_heading = "How")]
    pub ndjson: bool,
    /// Colour: what is set stands out
    #[arg(long, value_name = "WHEN", value_enum, default_value_t = ColorWhen::Auto, help_heading = "How")]
    pub color: ColorWhen,

    /// Accepted, as netstat has it: all states are always shown
    #[arg(short, long, help_heading = "Always so")]
    pub all: bool,
    /// Accepted, as netstat has it: addresses and ports are always numbers
    #[arg(short, long, help_heading = "Always so")]
    pub numeric: bool,
    /// Accepted, as netstat has it: nothing is ever cut
    #[arg(short = 'W', long, help_heading = "Always so")]
    pub wide: bool,
}

/// When to use colour.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum ColorWhen {
    /// On a terminal, unless NO_COLOR is set
    Auto,
    Always,
    Never,
}

/// Reads the command line.
///
/// # Errors
///
/// For wrong usage, and for `--help` and `--version`; clap knows which.
pub fn parse() -> Result<Cli, clap::Error> {
    let matches = Cli::command().try_get_matches();
    matches.and_then(|matches| Cli::from_arg_matches(&matches)).map_err(escape_arguments)
}

/// Escapes the arguments that an error of clap repeats, as [`escaped`] does. clap keeps them apart from
/// its own text, but for those in its suggestions, which are whole sentences.
fn escape_arguments(mut error: clap::Error) -> clap::Error {
    let contexts: Vec<(ContextKind, ContextValue)> =
        error.context().map(|(kind, value)| (kind, value.clone())).collect();
    let arguments = contexts.iter().filter_map(|(_, value)| match value {
        ContextValue::String(argument) => Some((argument.clone(), escaped(argument.as_bytes()))),
        _ => None,
    });
    let arguments: Vec<(String, String)> = arguments.filter(|(raw, safe)| raw != safe).collect();
    let in_sentence = |sentence: &StyledStr| {
        let text = sentence.ansi().to_string();
        StyledStr::from(arguments.iter().fold(text, |text, (raw, safe)| text.replace(raw, safe)))
    };
    for (kind, value) in contexts {
        let value = match value {
            ContextValue::String(argument) => ContextValue::String(escaped(argument.as_bytes())),
            ContextValue::Strings(arguments) => ContextValue::Strings(
                arguments.iter().map(|argument| escaped(argument.as_bytes())).collect(),
            ),
            ContextValue::StyledStrs(sentences) => {
                ContextValue::StyledStrs(sentences.iter().map(in_sentence).collect())
            }
            value => value,
        };
        error.insert(kind, value);
    }
    error
}

/// Parses the name of a column, and lists them all for `--help` and for completions.
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
        let parse = StringValueParser::new().try_map(|word| columns::parse(&word));
        parse.parse_ref(command, argument, value)
    }

    fn possible_values(&self) -> Option<Box<dyn Iterator<Item = PossibleValue> + '_>> {
        let value = |column: Column| PossibleValue::new(column.name()).help(column.help());
        Some(Box::new(Column::ALL.into_iter().map(value)))
    }
}

fn parse_pid(text: &str) -> Result<u32, String> {
    text.parse().map_err(|_| "a process is named by its number; --command takes its name".into())
}

/// Wrong usage that clap cannot see by itself, worded as clap does.
pub fn wrong(option: &str, what: &str) -> clap::Error {
    clap::Error::raw(
        clap::error::ErrorKind::InvalidValue,
        format!("invalid value for '{option}': {what}\n\nFor more information, try '--help'.\n"),
    )
}
