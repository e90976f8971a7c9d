//! THE TABLE of options that ss(8), netstat(8) and lsof(8) have and knetstat does not, with the command
//! to use instead. The facts are from the manual pages of iproute2 6.1 (and of 6.18 for -B and -Q),
//! net-tools 2.10 and lsof 4.95.

/// A meaning of an option that knetstat does not have.
struct Foreign {
    /// The spellings, with their dashes.
    spellings: &'static [&'static str],
    /// The purpose of the option, as text after "to".
    purpose: &'static str,
    /// The command that does it.
    command: &'static str,
}

const fn to(
    spellings: &'static [&'static str],
    purpose: &'static str,
    command: &'static str,
) -> Foreign {
    Foreign { spellings, purpose, command }
}

/// A letter that several programs have occurs once for each.
static FOREIGN: &[Foreign] = &[
    // ss
    to(&["-m", "--memory"], "show socket memory", "ss -m"),
    to(&["-T", "--threads"], "show threads", "ss -T"),
    to(&["-i", "--info"], "show TCP internals", "ss -i"),
    to(&["-b", "--bpf"], "show socket filters", "ss -b"),
    to(&["-E", "--events"], "follow closing sockets", "ss -E"),
    to(&["-Z", "--context"], "show SELinux contexts of processes", "ss -Z"),
    to(&["-z", "--contexts"], "show SELinux contexts of sockets", "ss -z"),
    to(&["-M"], "show MPTCP sockets", "knetstat --mptcp"),
    to(&["-S"], "show SCTP sockets", "knetstat --sctp"),
    to(&["-d", "--dccp"], "show DCCP sockets", "ss -d"),
    to(&["--tipc"], "show TIPC sockets", "ss --tipc"),
    to(&["--tipcinfo"], "show TIPC internals", "ss --tipcinfo"),
    to(&["-K", "--kill"], "close sockets", "ss -K"),
    to(&["-D", "--diag"], "dump raw socket data", "ss -D FILE"),
    to(&["-F", "--filter"], "read a filter from a file", "ss -F FILE"),
    to(&["-B", "--bound-inactive"], "show bound but idle TCP sockets", "knetstat -t --unbound"),
    to(&["-Q", "--no-queues"], "leave out the queues", "knetstat --columns LIST"),
    to(&["--oneline"], "print a socket on one line", "knetstat | cat"),
    to(&["--cgroup"], "show cgroups", "knetstat --columns cgroup,unit"),
    to(&["--tos"], "show ToS and priority", "knetstat -O IP_TOS,IPV6_TCLASS,SO_PRIORITY"),
    to(&["--inet-sockopt"], "show all options", "knetstat -O all"),
    // netstat
    to(&["--route"], "show routes", "ip route"),
    to(&["-F", "--fib"], "show routes", "ip route"),
    to(&["-C", "--cache"], "show cached routes", "ip route show cache"),
    to(&["-i", "--interfaces"], "show interface counters", "ip -s link"),
    to(&["-g", "--groups"], "show multicast groups", "ip maddr"),
    to(&["--statistics"], "show protocol statistics", "nstat -a"),
    to(&["-M", "--masquerade"], "show masqueraded connections", "conntrack -L"),
    to(&["-v", "--verbose"], "see what is missing on this host", "knetstat doctor -v"),
    to(&["-U", "--udplite"], "show UDP-Lite sockets", "knetstat -u"),
    to(&["--symbolic"], "resolve hardware names", "netstat -N"),
    to(&["-2", "--l2cap"], "show Bluetooth L2CAP sockets", "netstat --l2cap"),
    to(&["--rfcomm"], "show Bluetooth RFCOMM sockets", "netstat --rfcomm"),
    to(&["--bluetooth"], "show Bluetooth sockets", "netstat --bluetooth"),
    to(&["--ax25"], "show AX.25 sockets", "netstat --ax25"),
    to(&["--x25"], "show X.25 sockets", "netstat --x25"),
    to(&["--rose"], "show ROSE sockets", "netstat --rose"),
    to(&["--ash"], "show Ash sockets", "netstat --ash"),
    to(&["--ipx"], "show IPX sockets", "netstat --ipx"),
    to(&["--netrom"], "show NET/ROM sockets", "netstat --netrom"),
    to(&["--ddp", "--appletalk"], "show AppleTalk sockets", "netstat --ddp"),
    to(&["--econet", "--ec"], "show Econet sockets", "netstat --econet"),
    // lsof
    to(&["-i"], "choose a port or an address", "knetstat --port 443 --addr 10.0.0.0/8"),
    to(&["-U"], "show unix sockets", "knetstat -x"),
    to(&["-P"], "show port numbers", "knetstat (numbers are the default)"),
    to(&["-F"], "get output for scripts", "knetstat --ndjson"),
    to(&["-T"], "show TCP states and queues", "knetstat -t"),
    to(&["-d"], "show descriptors", "knetstat --columns fd,protocol,local,remote"),
    to(&["-R"], "show parent processes", "lsof -i -R"),
    to(&["-g"], "choose a process group", "lsof -g PGID"),
    to(&["-E"], "show the processes at both ends", "knetstat -xp --peer"),
    to(&["-k"], "read other kernel files", "lsof -k"),
    to(&["-L"], "show link counts", "lsof -L"),
    to(&["-X"], "leave out TCP and UDP files", "lsof -X"),
    to(&["-?"], "see the options", "knetstat -h"),
    // what users of other programs expect
    to(&["--output", "--format"], "get output for scripts", "knetstat --ndjson"),
    to(&["--silent"], "test for a socket", "knetstat -q"),
    to(&["--group-by"], "count sockets", "knetstat --count-by state"),
    to(&["--watch", "--follow", "--repeat"], "repeat the table", "knetstat -c"),
    to(&["--interval", "--delay"], "repeat the table every second", "knetstat -c 1"),
    to(&["--prometheus", "--openmetrics"], "get metrics", "knetstat --metrics"),
    to(&["--grep", "--match"], "choose rows by value", "knetstat --where 'not keepalive'"),
    to(&["--detail", "--details", "--explain"], "see a socket in depth", "knetstat -t --long :443"),
    to(
        &["--no-color", "--no-colour", "--nocolor", "--nocolour"],
        "disable colour",
        "knetstat --color never",
    ),
    to(&["--no-resolve", "--no-dns"], "show numbers", "knetstat (numbers are the default)"),
    to(&["--established"], "choose a state", "knetstat --state ESTABLISHED"),
    to(&["--connected"], "choose a group of states", "knetstat --state connected"),
    to(&["--source"], "choose a local address", "knetstat --src 10.0.0.0/8"),
    to(&["--destination"], "choose a remote address", "knetstat --dst 10.0.0.0/8"),
    to(&["--address", "--host"], "choose an address", "knetstat --addr 10.0.0.0/8"),
    to(&["--local-port", "--lport"], "choose a local port", "knetstat --sport 443"),
    to(&["--remote-port", "--rport"], "choose a remote port", "knetstat --dport 443"),
    to(&["--dev", "--device", "--iface"], "choose an interface", "knetstat --interface eth0"),
    to(&["--uid"], "choose a user", "knetstat --user 1000"),
    to(&["--name", "--comm", "--cmd"], "choose a command", "knetstat --command nginx"),
    to(&["--fields", "--cols"], "choose columns", "knetstat --columns LIST"),
    to(&["--set", "--setsockopt"], "change an option", "setsockopt(2) in the program"),
];

/// Returns the message for an option of another program, with the commands to use instead.
pub fn answer(spelling: &str) -> Option<String> {
    let uses: Vec<String> = FOREIGN
        .iter()
        .filter(|foreign| foreign.spellings.contains(&spelling))
        .map(|foreign| format!("to {} use {}", foreign.purpose, foreign.command))
        .collect();
    (!uses.is_empty()).then(|| format!("no {spelling} here; {}", uses.join(", ")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_spelling_has_its_commands() {
        assert_eq!(answer("-K").as_deref(), Some("no -K here; to close sockets use ss -K"));
        assert!(answer("-M").is_some_and(|it| it.contains("--mptcp") && it.contains("conntrack")));
        assert_eq!(answer("--nosuch"), None);
        for foreign in FOREIGN {
            for spelling in foreign.spellings {
                let dashes = spelling.chars().take_while(|c| *c == '-').count();
                assert_eq!(dashes, if spelling.len() == 2 { 1 } else { 2 }, "{spelling}");
            }
        }
    }
}
