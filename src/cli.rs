//! What was typed, and what it means.

use std::fs;
use std::io::{self, IsTerminal};

use wildmatch::WildMatch;

use clap::{Args, CommandFactory, FromArgMatches, Parser, Subcommand, ValueEnum};

use crate::host::netns::Scope;
use crate::options::selection::Selection;
use crate::output::table::Columns;
use crate::query::filter::{self, Filter};
use crate::socket::kind::{Family, SocketKind, Version};
use crate::socket::state::{self, States};

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
    /// List all options, or explain some: what they do, their defaults here, who sets them
    Options {
        /// Names with or without prefix, in any case, or globs
        #[arg(value_name = "NAME")]
        names: Vec<String>,
    },
    /// Tell what this host offers: what knetstat needs of it, what is missing, and what to do
    Doctor {
        /// A JSON object
        #[arg(short = 'J', long)]
        json: bool,
    },
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
    tcp: bool,
    /// TCP sockets over IPv4
    #[arg(long, conflicts_with = "ipv6", help_heading = "Which sockets")]
    tcp4: bool,
    /// TCP sockets over IPv6, which may talk to IPv4 too
    #[arg(long, conflicts_with = "ipv4", help_heading = "Which sockets")]
    tcp6: bool,
    /// UDP sockets
    #[arg(short, long, help_heading = "Which sockets")]
    udp: bool,
    /// UDP sockets over IPv4
    #[arg(long, conflicts_with = "ipv6", help_heading = "Which sockets")]
    udp4: bool,
    /// UDP sockets over IPv6, which may talk to IPv4 too
    #[arg(long, conflicts_with = "ipv4", help_heading = "Which sockets")]
    udp6: bool,
    /// Raw sockets and ping sockets
    #[arg(short = 'w', long, help_heading = "Which sockets")]
    raw: bool,
    /// Unix sockets
    #[arg(short = 'x', long, help_heading = "Which sockets")]
    unix: bool,
    /// Packet sockets: who reads what the network interfaces receive
    #[arg(short = '0', long, help_heading = "Which sockets")]
    packet: bool,
    /// Netlink sockets, also those of the kernel
    #[arg(long, help_heading = "Which sockets")]
    netlink: bool,
    /// MPTCP sockets, without their subflows, which are among the TCP sockets
    #[arg(long, help_heading = "Which sockets")]
    mptcp: bool,
    /// SCTP sockets
    #[arg(long, help_heading = "Which sockets")]
    sctp: bool,
    /// Sockets between virtual machines and their hosts
    #[arg(long, help_heading = "Which sockets")]
    vsock: bool,
    /// XDP sockets
    #[arg(long, help_heading = "Which sockets")]
    xdp: bool,
    /// Also sockets that are in no table of the kernel: never bound, or bound but idle. Without a
    /// family: sockets of every family, those too that have no flag here
    #[arg(long, help_heading = "Which sockets")]
    unbound: bool,
    /// Only sockets over IPv4
    #[arg(short = '4', long, help_heading = "Which sockets")]
    ipv4: bool,
    /// Only sockets over IPv6
    #[arg(short = '6', long, help_heading = "Which sockets")]
    ipv6: bool,
    /// Only listeners; of what knows no connections, the unconnected sockets
    #[arg(short, long, help_heading = "Which sockets")]
    listening: bool,
    /// Only sockets in one of these states; words of netstat, ss and the knetstat module, and the
    /// groups of ss: connected, synchronized, bucket, big, all
    #[arg(long, value_name = "STATE", value_delimiter = ',', value_parser = state::parse, help_heading = "Which sockets")]
    state: Vec<States>,
    /// Only sockets with one of these ports, local or remote: a number, a range a-b, or a service
    #[arg(long, value_name = "PORT", value_delimiter = ',', help_heading = "Which sockets")]
    port: Vec<String>,
    /// Only sockets with one of these local ports
    #[arg(long, value_name = "PORT", value_delimiter = ',', help_heading = "Which sockets")]
    sport: Vec<String>,
    /// Only sockets with one of these remote ports
    #[arg(long, value_name = "PORT", value_delimiter = ',', help_heading = "Which sockets")]
    dport: Vec<String>,
    /// Only sockets with an address in one of these networks, local or remote; those of IPv4 have
    /// the v4-mapped addresses too
    #[arg(long, value_name = "CIDR", value_delimiter = ',', value_parser = filter::parse_network, help_heading = "Which sockets")]
    addr: Vec<ipnet::IpNet>,
    /// Only sockets with a local address in one of these networks
    #[arg(long, value_name = "CIDR", value_delimiter = ',', value_parser = filter::parse_network, help_heading = "Which sockets")]
    src: Vec<ipnet::IpNet>,
    /// Only sockets with a remote address in one of these networks
    #[arg(long, value_name = "CIDR", value_delimiter = ',', value_parser = filter::parse_network, help_heading = "Which sockets")]
    dst: Vec<ipnet::IpNet>,
    /// Only sockets that are bound to one of these interfaces
    #[arg(long, value_name = "IF", value_delimiter = ',', help_heading = "Which sockets")]
    interface: Vec<String>,
    /// Only sockets that one of these processes holds
    #[arg(long, value_name = "PID", value_delimiter = ',', value_parser = parse_pid, help_heading = "Which sockets")]
    pid: Vec<u32>,
    /// Only sockets that a process of one of these names holds; a pattern may have * and ?
    #[arg(long, value_name = "NAME", value_delimiter = ',', help_heading = "Which sockets")]
    command: Vec<String>,
    /// Sockets of these network namespaces: names of ip-netns(8), processes, or paths with a slash
    #[arg(
        long,
        value_name = "NETNS",
        value_delimiter = ',',
        conflicts_with = "all_netns",
        help_heading = "Which sockets"
    )]
    netns: Vec<String>,
    /// Sockets of every network namespace that can be found
    #[arg(long, help_heading = "Which sockets")]
    all_netns: bool,
    /// Only sockets of one of these users, by name or number
    #[arg(long, value_name = "USER", value_delimiter = ',', help_heading = "Which sockets")]
    user: Vec<String>,

    /// Which options: names with or without prefix, in any case, globs ('TCP_*'), or one of: common
    /// (what everyone asks for, and what is set; the default), set, all (the default of JSON)
    #[arg(
        short = 'O',
        long,
        value_name = "LIST",
        value_delimiter = ',',
        help_heading = "What to show"
    )]
    options: Vec<String>,
    /// Also the processes that hold the socket, or the reason why there is none
    #[arg(short, long, help_heading = "What to show")]
    programs: bool,
    /// Also the timer of the connection that runs
    #[arg(short = 'o', long, help_heading = "What to show")]
    timers: bool,
    /// Also the user, the inode, and the group of sockets with which it shares its port
    #[arg(short, long, help_heading = "What to show")]
    extend: bool,
    /// No line with the names of the columns
    #[arg(short = 'H', long, help_heading = "What to show")]
    no_header: bool,

    /// A JSON array
    #[arg(short = 'J', long, conflicts_with = "ndjson", help_heading = "How")]
    json: bool,
    /// One JSON object a line
    #[arg(long, help_heading = "How")]
    ndjson: bool,
    /// Colour: what is set stands out
    #[arg(long, value_name = "WHEN", value_enum, default_value_t = When::Auto, help_heading = "How")]
    color: When,

    /// Accepted, as netstat has it: all states are always shown
    #[arg(short, long, help_heading = "Always so")]
    all: bool,
    /// Accepted, as netstat has it: addresses and ports are always numbers
    #[arg(short, long, help_heading = "Always so")]
    numeric: bool,
    /// Accepted, as netstat has it: nothing is ever cut
    #[arg(short = 'W', long, help_heading = "Always so")]
    wide: bool,
}

/// When to use colour.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum When {
    /// On a terminal, unless NO_COLOR is set
    Auto,
    Always,
    Never,
}

impl When {
    /// Whether to use colour on the standard output.
    fn resolve(self) -> bool {
        match self {
            When::Always => true,
            When::Never => false,
            When::Auto => {
                let refused = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
                let dumb = std::env::var_os("TERM").is_some_and(|term| term == "dumb");
                io::stdout().is_terminal() && !refused && !dumb
            }
        }
    }
}

/// What the table is to be, with everything worked out.
#[derive(Debug)]
pub struct Settings {
    /// Without the interfaces, which are not the same in each network namespace.
    pub filter: Filter,
    /// The interfaces, as they were typed.
    pub interfaces: Vec<String>,
    pub selection: Selection,
    pub format: Format,
    /// Whether the processes are shown.
    pub programs: bool,
    /// Whether the kernel side may filter; for tests, KNETSTAT_NO_KERNEL_FILTER forbids it.
    pub kernel_filter: bool,
}

/// The form of the output.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    Table(Columns),
    /// One array.
    Json,
    /// One object a line.
    NdJson,
}

/// Reads the command line.
///
/// # Errors
///
/// For wrong usage, and for `--help` and `--version`; clap knows which.
pub fn parse() -> Result<Cli, clap::Error> {
    Cli::from_arg_matches(&Cli::command().try_get_matches()?)
}

impl TableArgs {
    /// In which network namespaces to look.
    pub fn scope(&self) -> Scope {
        match (self.all_netns, self.netns.is_empty()) {
            (true, _) => Scope::All,
            (false, false) => Scope::Named(self.netns.clone()),
            (false, true) => Scope::Own,
        }
    }

    /// Works out what was typed.
    ///
    /// # Errors
    ///
    /// For words that mean nothing, as wrong usage.
    pub fn settings(&self) -> Result<Settings, clap::Error> {
        let services = match self.port.is_empty() && self.sport.is_empty() && self.dport.is_empty()
        {
            true => String::new(),
            false => fs::read_to_string("/etc/services").unwrap_or_default(),
        };
        let ports = |name, words: &[String]| -> Result<Vec<filter::Ports>, clap::Error> {
            let ports = words.iter().map(|word| filter::parse_ports(word, &services));
            let ports: Result<Vec<_>, String> = ports.collect();
            Ok(ports.map_err(|error| wrong(name, &error))?.concat())
        };
        let filter = Filter {
            kinds: SocketKind::ALL.map(|kind| self.wants(kind)),
            unbound: self.unbound,
            states: self.states(),
            listening: self.listening,
            local_ports: ports("--sport <PORT>", &self.sport)?,
            remote_ports: ports("--dport <PORT>", &self.dport)?,
            either_ports: ports("--port <PORT>", &self.port)?,
            local_networks: self.src.clone(),
            remote_networks: self.dst.clone(),
            either_networks: self.addr.clone(),
            interfaces: Vec::new(),
            users: self.users().map_err(|error| wrong("--user <USER>", &error))?,
            pids: self.pid.clone(),
            commands: self.command.iter().map(|pattern| WildMatch::new(pattern)).collect(),
        };
        Ok(Settings {
            filter,
            interfaces: self.interface.clone(),
            selection: self.selection()?,
            format: self.format(),
            programs: self.programs,
            kernel_filter: std::env::var_os("KNETSTAT_NO_KERNEL_FILTER").is_none(),
        })
    }

    fn wants(&self, kind: SocketKind) -> bool {
        let named = match (kind.family(), kind.version()) {
            (Family::Tcp, Some(Version::V4)) => self.tcp || self.tcp4,
            (Family::Tcp, _) => self.tcp || self.tcp6,
            (Family::Udp, Some(Version::V4)) => self.udp || self.udp4,
            (Family::Udp, _) => self.udp || self.udp6,
            (Family::Raw, _) => self.raw,
            (Family::Netlink, _) => self.netlink,
            (Family::Vsock, _) => self.vsock,
            (Family::Mptcp, _) => self.mptcp,
            (Family::Sctp, _) => self.sctp,
            (Family::Unix, _) => self.unix,
            (Family::Packet, _) => self.packet,
            (Family::Xdp, _) => self.xdp,
            (Family::Other, _) => false,
        };
        let by_default = self.unbound || matches!(kind.family(), Family::Tcp | Family::Udp);
        let version = match kind.version() {
            Some(Version::V4) => self.ipv4 || !self.ipv6,
            Some(Version::V6) => self.ipv6 || !self.ipv4,
            None => self.names_a_family() || !(self.ipv4 || self.ipv6),
        };
        (named || by_default && !self.names_a_family()) && version
    }

    /// Netstat's five, or more where a longer word can come.
    fn protocol_width(&self) -> usize {
        let wanted = SocketKind::ALL.into_iter().filter(|kind| self.wants(*kind));
        wanted.map(|kind| kind.word().len()).max().unwrap_or_default().max(5)
    }

    fn names_a_family(&self) -> bool {
        let internet = self.tcp || self.tcp4 || self.tcp6 || self.udp || self.udp4 || self.udp6;
        let linked = self.packet || self.xdp || self.netlink || self.vsock;
        internet || self.raw || self.mptcp || self.sctp || linked || self.unix
    }

    fn users(&self) -> Result<Vec<u32>, String> {
        if self.user.is_empty() {
            return Ok(Vec::new());
        }
        let passwd = fs::read_to_string("/etc/passwd").unwrap_or_default();
        self.user.iter().map(|user| filter::parse_user(user, &passwd)).collect()
    }

    fn states(&self) -> States {
        self.state.iter().copied().reduce(States::union).unwrap_or(States::ALL)
    }

    fn selection(&self) -> Result<Selection, clap::Error> {
        match (self.options.is_empty(), self.format()) {
            (false, _) => Selection::parse(self.options.iter().map(String::as_str))
                .map_err(|error| wrong("--options <LIST>", &error)),
            (true, Format::Table(_)) => Ok(Selection::common()),
            (true, Format::Json | Format::NdJson) => Ok(Selection::all()),
        }
    }

    fn format(&self) -> Format {
        if self.json {
            Format::Json
        } else if self.ndjson {
            Format::NdJson
        } else {
            Format::Table(Columns {
                header: !self.no_header,
                protocol: self.protocol_width(),
                netns: self.scope() != Scope::Own,
                extended: self.extend,
                programs: self.programs,
                timers: self.timers,
                color: self.color.resolve(),
            })
        }
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
