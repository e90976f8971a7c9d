//! Command lines that are rejected with one line, which names the mistake and the correct command line.
//! Valid command lines are in live::command_lines.

use std::path::PathBuf;
use std::process::Command;

use crate::common::{knetstat, not_tested, KNETSTAT};

/// Each command line, and the whole message after `knetstat: `.
#[rustfmt::skip]
const LINES: &[(&str, &str)] = &[
    // Values
    ("--state lisn", "--state: unknown state 'lisn' (did you mean LISTEN?)"),
    ("--state listen,estab,conected", "--state: unknown state 'conected' (did you mean connected?)"),
    ("--state=", "--state: empty word (expected a state, such as LISTEN)"),
    ("--state", "--state requires a value (such as --state LISTEN)"),
    ("--state syn", "--state: ambiguous state 'syn' (did you mean SYN_SENT, SYN_RECV or synchronized?)"),
    ("--state l", "--state: ambiguous state 'l' (did you mean LAST_ACK or LISTEN?)"),
    ("--state fin", "--state: ambiguous state 'fin' (did you mean FIN_WAIT1 or FIN_WAIT2?)"),
    ("-O keepaliv", "--options: unknown option 'keepaliv' (did you mean SO_KEEPALIVE?)"),
    ("-O nodelay,TCP_KEPIDLE", "--options: unknown option 'TCP_KEPIDLE' (did you mean TCP_KEEPIDLE?)"),
    ("-O nosuch*", "--options: unknown option 'nosuch*' ('knetstat options' lists them)"),
    ("-O ,", "--options: empty list (name at least one option, or common, set or all)"),
    ("-O", "--options requires a value (such as --options keepalive,nodelay)"),
    ("-O nodelay keepalive", "--options: a list is separated by commas (knetstat -O nodelay,keepalive)"),
    ("-O a b", "--options: a list is separated by commas (knetstat -O a,b)"),
    ("-O keepalive mark -t", "--options: a list is separated by commas (knetstat -O keepalive,mark -t)"),
    ("--columns lokal", "--columns: unknown column 'lokal' (did you mean local?)"),
    ("--columns local,re", "--columns: ambiguous column 're' (did you mean recvq or remote?)"),
    ("--columns local,", "--columns: empty word (name at least one column)"),
    ("--columns", "--columns requires a value (such as --columns local,remote,options)"),
    ("--columns local remote", "--columns: a list is separated by commas (knetstat --columns local,remote)"),
    ("-x --columns timer", "--columns: these families do not have the column timer"),
    ("--port htpp", "--port: unknown service 'htpp' (did you mean http?)"),
    ("--port x", "--port: invalid port 'x' (expected 0-65535, a range such as 8000-8100, or a service name)"),
    ("--port 65536", "--port: invalid port '65536' (expected 0-65535, a range such as 8000-8100, or a service name)"),
    ("--port 90-80", "--port: invalid port range '90-80' (did you mean 80-90?)"),
    ("--port 80 443", "--port: a list is separated by commas (knetstat --port 80,443)"),
    ("--port", "--port requires a value (such as --port 443)"),
    ("--sport domian", "--sport: unknown service 'domian' (did you mean domain or domain-s?)"),
    ("--dport -1", "--dport: invalid port '-1' (expected 0-65535, a range such as 8000-8100, or a service name)"),
    ("--dport=-1", "--dport: invalid port '-1' (expected 0-65535, a range such as 8000-8100, or a service name)"),
    ("--addr 10.0.0.0/33", "--addr: invalid address '10.0.0.0/33' (expected an address, a network or a port: 192.0.2.1, 10.0.0.0/8, [2001:db8::1]:443)"),
    ("--addr /run/x", "--addr: invalid address '/run/x' (expected an address, a network or a port: 192.0.2.1, 10.0.0.0/8, [2001:db8::1]:443)"),
    ("--addr 10.0.0.5:htpp", "--addr: invalid address '10.0.0.5:htpp' (expected an address, a network or a port: 192.0.2.1, 10.0.0.0/8, [2001:db8::1]:443)"),
    ("--addr", "--addr requires a value (such as --addr 10.0.0.0/8)"),
    ("--dst 300.0.0.1", "--dst: invalid address '300.0.0.1' (expected an address, a network or a port: 192.0.2.1, 10.0.0.0/8, [2001:db8::1]:443)"),
    ("--pid init", "--pid: invalid PID 'init' (for the name of a process, use --command)"),
    ("--pid -1", "--pid: invalid PID '-1' (for the name of a process, use --command)"),
    ("--pid 99999999999", "--pid: invalid PID '99999999999' (for the name of a process, use --command)"),
    ("--pid", "--pid requires a value (such as --pid 1)"),
    ("--user rooot", "--user: unknown user 'rooot' (did you mean root?)"),
    ("--user", "--user requires a value (such as --user root)"),
    ("--netns ,", "--netns: an empty word (expected the name, PID or path of a network namespace)"),
    ("-N", "--netns requires a value (such as --netns blue)"),
    ("-tN", "--netns requires a value (such as --netns blue)"),
    ("--sort keepalve", "--sort: unknown name 'keepalve' (did you mean keepalive?)"),
    ("--sort -lokal", "--sort: unknown name 'lokal' (did you mean local?)"),
    ("--sort=-local,", "--sort: empty word (name at least one column or option)"),
    ("--sort --local", "--sort: unknown name '--local' (one minus before a name sorts in descending order)"),
    ("--sort multicast_if", "--sort: ambiguous name 'multicast_if' (did you mean ip_multicast_if or ipv6_multicast_if?)"),
    ("--sort", "--sort requires a value (such as --sort -rcvbuf,local)"),
    ("--sort local remote", "--sort: a list is separated by commas (knetstat --sort local,remote)"),
    ("--count-by comand", "--count-by: unknown name 'comand' (did you mean command or peer_command?)"),
    ("--count-by linger.l_on", "--count-by: unknown member of SO_LINGER 'l_on' (did you mean l_onoff?)"),
    ("--count-by zzzzz", "--count-by: unknown name 'zzzzz' (expected a column, or an option that 'knetstat options' lists)"),
    ("--count-by state keepalive", "--count-by: a list is separated by commas (knetstat --count-by state,keepalive)"),
    ("--count-by", "--count-by requires a value (such as --count-by command,keepalive)"),
    ("--wait x", "--wait: invalid time 'x' (expected seconds, or a number with a unit: 500ms, 5s, 2min)"),
    ("--wait -1", "--wait: invalid time '-1' (expected seconds, or a number with a unit: 500ms, 5s, 2min)"),
    ("--wait 5y", "--wait: invalid time '5y' (expected seconds, or a number with a unit: 500ms, 5s, 2min)"),
    ("--wait", "--wait requires a value (such as --wait 5s)"),
    ("-tcJ", "--json and -c cannot be combined: the array would have no end (use --ndjson)"),
    ("-c --csv", "--csv and -c cannot be combined: a record has no time (use --ndjson)"),
    ("-tqc 1", "--quiet and -c cannot be combined: -c has no result (use --wait)"),
    ("-c --wait 5s", "--wait and -c cannot be combined: -c shows what there is (omit one of them)"),
    ("-c --changes -s", "--changes and counts cannot be combined: changes are those of sockets"),
    ("--changes", "--changes: requires -c (such as knetstat -tc --changes)"),
    ("-c 0", "-c: the interval must be longer than 0 (such as -c 0.5)"),
    ("--color sometimes", "--color: unknown value 'sometimes' (expected auto, always or never)"),
    ("--colour sometimes", "--color: unknown value 'sometimes' (expected auto, always or never)"),
    ("--color", "--color requires a value (such as --color never)"),
    // Options that cannot be combined or do not exist
    ("--tcp4 -6", "--tcp4 and --ipv6 cannot be combined"),
    ("--tcp6 -4", "--tcp6 and --ipv4 cannot be combined"),
    ("--udp4 -6", "--udp4 and --ipv6 cannot be combined"),
    ("--udp6 --ipv4", "--udp6 and --ipv4 cannot be combined"),
    ("--tcp4 -f inet6", "--tcp4 and --family inet6 cannot be combined"),
    ("--udp6 -A inet", "--udp6 and --family inet cannot be combined"),
    ("--netns 1 --all-netns", "--netns and --all-netns cannot be combined"),
    ("-J --ndjson", "--json and --ndjson cannot be combined"),
    ("-J --csv", "--json and --csv cannot be combined"),
    ("--csv --ndjson", "--csv and --ndjson cannot be combined"),
    ("-qJ", "--quiet and --json cannot be combined"),
    ("-q --csv", "--quiet and --csv cannot be combined"),
    ("--metrics --count-by remote", "--metrics: 'remote' has new values all the time, and each would be a time series (count it without --metrics)"),
    ("--metrics --count-by rcvbuf", "--metrics: 'so_rcvbuf' has sizes that the kernel adjusts, and each would be a time series (count it without --metrics)"),
    ("--metrics --csv", "--metrics and --csv cannot be combined"),
    ("--long -J", "--long and --json cannot be combined"),
    ("--long --ndjson", "--long and --ndjson cannot be combined"),
    ("--csv --long", "--csv and --long cannot be combined"),
    ("--long --metrics", "--long and --metrics cannot be combined"),
    ("--long --count-by state", "--long and --count-by cannot be combined"),
    ("--long -s", "--long and --summary cannot be combined"),
    ("--module --long", "--module and --long cannot be combined"),
    ("--long --short", "--long and --short cannot be combined"),
    ("--long --columns local", "--long and --columns cannot be combined"),
    ("--long -q", "--long and --quiet cannot be combined"),
    ("-c --long --changes", "--changes and --long cannot be combined: a change is one line (omit one of them)"),
    ("-q --count-by state", "--quiet and --count-by cannot be combined"),
    ("-qs", "--quiet and --summary cannot be combined"),
    ("--module --csv", "--module and --csv cannot be combined"),
    ("-J --module", "--json and --module cannot be combined"),
    ("--module -p", "--module and --programs cannot be combined"),
    ("--module -O nodelay", "--module and --options cannot be combined"),
    ("--module --columns local", "--module and --columns cannot be combined"),
    ("--module -x", "--module and --unix cannot be combined"),
    ("--module --unbound", "--module and --unbound cannot be combined"),
    ("--module --all-netns", "--module and --all-netns cannot be combined"),
    ("--module -q", "--module and --quiet cannot be combined"),
    ("--module -f unix", "--module: only TCP and UDP sockets have this layout (omit other words of --family)"),
    ("--module -A tcp,unix", "--module: only TCP and UDP sockets have this layout (omit other words of --family)"),
    ("--module -A all", "--module: only TCP and UDP sockets have this layout (omit other words of --family)"),
    ("-s --csv", "--summary and --csv cannot be combined"),
    ("-s --count-by state", "--summary and --count-by cannot be combined"),
    ("-O nodelay --count-by state", "--options and --count-by cannot be combined"),
    ("--sort local --count-by state", "--sort and --count-by cannot be combined"),
    ("--count-by state --columns local", "--count-by and --columns cannot be combined"),
    ("--tcp5", "unknown option '--tcp5' (did you mean --tcp?)"),
    ("--tcp=yes", "--tcp does not take a value (omit '=yes')"),
    ("--ud", "ambiguous option '--ud' (did you mean --udp, --udp4 or --udp6?)"),
    ("--col local", "ambiguous option '--col' (did you mean --columns or --color?)"),
    ("--tc", "ambiguous option '--tc' (did you mean --tcp, --tcp4 or --tcp6?)"),
    ("--net 99999999", "--netns: there is no process 99999999 (for a name of digits, type its path: /run/netns/99999999)"),
    ("--s", "ambiguous option '--s' (did you mean --sctp, --state, --sport, --src, --sort, --summary or --short?)"),
    ("-tcp", "unknown option '-tcp' (did you mean --tcp?)"),
    ("-port 443", "unknown option '-port' (did you mean --port?)"),
    ("-state", "unknown option '-state' (did you mean --state?)"),
    ("-state listen", "unknown option '-state' (did you mean --state?)"),
    ("-y", "unknown option '-y' (knetstat -h lists the options)"),
    ("-tyz", "unknown option '-y' (knetstat -h lists the options)"),
    ("--nosuch", "unknown option '--nosuch' (knetstat -h lists the options)"),
    ("--count-by dst", "--count-by: unknown name 'dst' (did you mean remote or daddr?)"),
    ("--count-by port", "--count-by: unknown name 'port' (did you mean sport or dport?)"),
    ("--count-by raddr", "--count-by: unknown name 'raddr' (did you mean daddr?)"),
    ("--count-by ip", "--count-by: unknown name 'ip' (did you mean saddr or daddr?)"),
    ("--sort -src", "--sort: unknown name 'src' (did you mean local or saddr?)"),
    ("--columns dst", "--columns: unknown column 'dst' (did you mean remote or daddr?)"),
    ("--columns local,keepalive", "--columns: 'keepalive' is an option, and options are in one column (knetstat --columns local,options -O keepalive)"),
    ("-O tcp_keepalive_time", "--options: unknown option 'tcp_keepalive_time' (for the option of this sysctl: TCP_KEEPIDLE)"),
    ("--sort tcp_rmem", "--sort: unknown name 'tcp_rmem' (for the option of this sysctl: rcvbuf)"),
    ("options net.ipv4.tcp_keepalive_time", "options: unknown option 'net.ipv4.tcp_keepalive_time' (for the option of this sysctl: TCP_KEEPIDLE)"),
    ("-t -keepalive", "unknown option '-keepalive' (for sockets without it: knetstat not keepalive)"),
    ("-c1", "-c: the interval is an argument of its own (knetstat -c 1)"),
    ("-tc2s -u", "-c: the interval is an argument of its own (knetstat -tc 2s -u)"),
    ("-c=1", "-c: the interval is an argument of its own (knetstat -c 1)"),
    ("--continuous=1", "--continuous does not take a value (for an interval: --continuous 1)"),
    ("-c 1 10", "-c: a number of rounds is not supported (knetstat -c 1)"),
    ("--interval 1", "no --interval here; to repeat the table every second use knetstat -c 1"),
    ("--prometheus", "no --prometheus here; to get metrics use knetstat --metrics"),
    ("--container x", "no --container here; to show it use knetstat --columns container, to choose by it use knetstat container=VALUE"),
    ("--keepalive", "no --keepalive here; to show the option use knetstat -O keepalive"),
    ("--yaml", "unknown option '--yaml' (knetstat -h lists the options)"),
    ("--pretty", "unknown option '--pretty' (knetstat -h lists the options)"),
    ("--coulmns", "unknown option '--coulmns' (did you mean --columns?)"),
    ("dport 443 5432", "unexpected words 'dport 443 5432' (use knetstat --dport 443,5432)"),
    ("-o json", "-o does not take a value (use knetstat -J)"),
    ("-to csv", "-o does not take a value (use knetstat -t --csv)"),
    ("-t tcp port 80", "unexpected words 'tcp port 80' (use knetstat -t --port 80)"),
    ("-f tcp6", "--family: no 'tcp6' here (use --tcp6)"),
    ("-A u_str", "--family: no 'u_str' here (use unix; the column 'type' tells them apart)"),
    ("explain keepalive", "unknown command 'explain' (knetstat options keepalive)"),
    ("watch", "unknown command 'watch' (did you mean -c?)"),
    // Families
    ("-f ip4", "--family: unknown family 'ip4' (expected inet, inet6, tcp, udp, raw, unix, packet, netlink, mptcp, sctp, vsock, xdp or all)"),
    ("-f unix_stream", "--family: no 'unix_stream' here (use unix; the column 'type' tells them apart)"),
    ("-f vsock_dgram", "--family: no 'vsock_dgram' here (use vsock; the column 'type' tells them apart)"),
    ("-f dccp", "--family: no rows for 'dccp' here (--unbound shows sockets of every family)"),
    ("-A !tcp", "--family: '!tcp' cannot be excluded (name the families to show)"),
    ("-f help", "--family: unknown family 'help' (expected inet, inet6, tcp, udp, raw, unix, packet, netlink, mptcp, sctp, vsock, xdp or all)"),
    ("-f", "--family requires a value (such as --family inet)"),
    // Commands
    ("optoins", "unknown command 'optoins' (did you mean options?)"),
    ("docter", "unknown command 'docter' (did you mean doctor?)"),
    ("-t options", "'options' is a command, and commands come first (knetstat options)"),
    ("-t doctor", "'doctor' is a command, and commands come first (knetstat doctor)"),
    ("443 options", "'options' is a command, and commands come first (knetstat options)"),
    ("options keepidl", "options: unknown option 'keepidl' (did you mean TCP_KEEPIDLE?)"),
    ("options --bogus", "unknown option '--bogus' (knetstat help options lists the options)"),
    ("options ,", "options: empty word (name an option or a topic, such as keepalive)"),
    ("options -K", "no -K here; to close sockets use ss -K"),
    ("doctor x", "doctor: unexpected word 'x' (knetstat help doctor)"),
    ("doctor --jsn", "unknown option '--jsn' (did you mean --json?)"),
    ("completions", "completions requires a shell (expected bash, elvish, fish, powershell or zsh)"),
    ("completions tcsh", "unknown shell 'tcsh' (expected bash, elvish, fish, powershell or zsh)"),
    ("completions bash zsh", "completions: unexpected word 'zsh' (knetstat help completions)"),
    ("help opt", "help: unknown command 'opt' (did you mean options?)"),
    ("help keepalive", "help: no command 'keepalive' (use knetstat options keepalive)"),
    ("options topics keepalive", "options: 'topics' cannot be combined with other names (omit it)"),
    ("help complete", "help: unknown command 'complete' (did you mean completions?)"),
    ("help nosuch", "help: unknown command 'nosuch' (expected options, doctor, pin, unpin, schema, completions or help)"),
    // Words that are not options
    ("443", "unexpected word '443' (for a port: knetstat --port 443; for a process: knetstat --pid 443)"),
    ("-t 443", "unexpected word '443' (for a port: knetstat -t --port 443; for a process: knetstat -t --pid 443)"),
    ("--port 443 443", "--port: a list is separated by commas (knetstat --port 443,443)"),
    ("--state listen -t listen", "unexpected word 'listen' (use knetstat --state listen -t --state listen)"),
    ("443 --user 443", "unexpected word '443' (for a port: knetstat --port 443 --user 443; for a process: knetstat --pid 443 --user 443)"),
    ("-t -- -u", "unexpected word '-u' (options come before '--')"),
    ("-t -- 443", "unexpected word '443' (for a port: knetstat -t --port 443; for a process: knetstat -t --pid 443)"),
    ("8000-8100", "unexpected word '8000-8100' (use knetstat --port 8000-8100)"),
    ("80,443", "unexpected word '80,443' (use knetstat --port 80,443)"),
    ("https", "unexpected word 'https' (use knetstat --port https)"),
    ("example.com", "unexpected word 'example.com' (for a host, use an address of 'getent ahosts example.com')"),
    ("established", "unexpected word 'established' (use knetstat --state established)"),
    ("LISTEN", "unexpected word 'LISTEN' (use knetstat --state LISTEN)"),
    ("tcp", "unexpected word 'tcp' (use knetstat --tcp)"),
    ("tcp6", "unexpected word 'tcp6' (use knetstat --tcp6)"),
    ("lo", "unexpected word 'lo' (for sockets bound to the interface: knetstat --interface lo)"),
    ("follow", "unexpected word 'follow' (for a process: knetstat --command follow)"),
    ("version", "unknown command 'version' (did you mean --version?)"),
    ("set", "unexpected word 'set' (use knetstat -O set)"),
    ("inet6", "unexpected word 'inet6' (use knetstat -f inet6)"),
    ("TCP_*", "unexpected word 'TCP_*' (to show the option: knetstat -O 'TCP_*'; to explain it: knetstat options 'TCP_*')"),
    ("nginx", "unexpected word 'nginx' (for a process: knetstat --command nginx)"),
    ("tulpn", "options begin with a dash (knetstat -tulpn)"),
    ("root", "unexpected word 'root' (for a process: knetstat --command root; for a user: knetstat --user root)"),
    ("cron", "unexpected word 'cron' (for a process: knetstat --command cron)"),
    ("-ti:80", "no -i here; use knetstat -t --port 80 (for PIDs alone: knetstat -H --columns pid --port 80)"),
    ("-i TCP@10.0.0.5:22", "no -i here; use knetstat -t --addr 10.0.0.5:22"),
    ("–t", "'–t' begins with a typographic dash (type -t)"),
    ("—tcp", "'—tcp' begins with a typographic dash (type --tcp)"),
    // Expressions
    ("--where=", "--where: empty expression (name a condition, such as 'not keepalive')"),
    ("--where", "--where requires a value (such as --where 'not keepalive')"),
    // Options of ss(8), netstat(8), lsof(8) and others
    ("-K", "no -K here; to close sockets use ss -K"),
    ("-tK", "no -K here; to close sockets use ss -K"),
    ("--kill", "no --kill here; to close sockets use ss -K"),
    ("-i", "no -i here; to show TCP internals use ss -i, to show interface counters use ip -s link, to choose a port or an address use knetstat --port 443 --addr 10.0.0.0/8"),
    ("-ti", "no -i here; to show TCP internals use ss -i, to show interface counters use ip -s link, to choose a port or an address use knetstat --port 443 --addr 10.0.0.0/8"),
    ("-i :443", "no -i here; use knetstat --port 443"),
    ("-i:443", "no -i here; use knetstat --port 443"),
    ("-i tcp:22", "no -i here; use knetstat -t --port 22"),
    ("-i 4tcp@10.0.0.5:22", "no -i here; use knetstat -4 -t --addr 10.0.0.5:22"),
    ("-i @10.0.0.5", "no -i here; use knetstat --addr 10.0.0.5"),
    ("-nP -iTCP -sTCP:LISTEN", "no -P here; use knetstat -t --state LISTEN"),
    ("-t -i :22", "no -i here; use knetstat -t --port 22 (for PIDs alone: knetstat -H --columns pid --port 22)"),
    ("-tpi :22 -o", "no -i here; use knetstat -tp --port 22 -o"),
    ("-iTCP -sTCP:^LISTEN", "no -i here; in its place use -t"),
    ("--no-resolve", "no --no-resolve here; to show numbers use knetstat (numbers are the default)"),
    ("-iTCP:22 -sTCP:LISTEN", "no -i here; use knetstat -t --port 22 --state LISTEN"),
    ("-i eth0", "no -i here; to show TCP internals use ss -i, to show interface counters use ip -s link, to choose a port or an address use knetstat --port 443 --addr 10.0.0.0/8"),
    ("-r --count-by state", "--resolve and --count-by cannot be combined"),
    ("--metrics -tr", "--metrics and --resolve cannot be combined"),
    ("--pager -q", "--pager and --quiet cannot be combined"),
    ("-tc --pager", "--pager and -c cannot be combined: the pager would not show the rounds (omit one of them)"),
    ("-m", "no -m here; to show socket memory use ss -m"),
    ("-v", "no -v here; to see what is missing on this host use knetstat doctor -v"),
    ("-c nginx", "unexpected word 'nginx' (for a process: knetstat -c --command nginx)"),
    ("-p 1234", "-p does not take a value (use knetstat --pid 1234)"),
    ("-tp 1234", "-p does not take a value (use knetstat -t --pid 1234)"),
    ("-u root", "-u does not take a value (use knetstat --user root)"),
    ("-P", "no -P here; to show port numbers use knetstat (numbers are the default)"),
    ("-uS", "no -S here; to show SCTP sockets use knetstat --sctp"),
    ("-nuS", "no -S here; to show SCTP sockets use knetstat --sctp"),
    ("-uUt", "no -U here; to show UDP-Lite sockets use knetstat -u, to show unix sockets use knetstat -x"),
    ("-uwww-data", "no -- here; use knetstat --user www-data"),
    ("-p=3", "-p does not take a value (omit '=3')"),
    ("-to=3", "-o does not take a value (omit '=3')"),
    ("-up=", "-p does not take a value (omit '=')"),
    ("-pid=3", "unknown option '-pid' (did you mean --pid?)"),
    ("-U", "no -U here; to show UDP-Lite sockets use knetstat -u, to show unix sockets use knetstat -x"),
    ("-M", "no -M here; to show MPTCP sockets use knetstat --mptcp, to show masqueraded connections use conntrack -L"),
    ("-S", "no -S here; to show SCTP sockets use knetstat --sctp"),
    ("-Z", "no -Z here; to show SELinux contexts of processes use ss -Z"),
    ("-g", "no -g here; to show multicast groups use ip maddr, to choose a process group use lsof -g PGID"),
    ("-D file", "no -D here; to dump raw socket data use ss -D FILE"),
    ("-F file", "no -F here; to read a filter from a file use ss -F FILE, to show routes use ip route, to get output for scripts use knetstat --ndjson"),
    ("-d", "no -d here; to show DCCP sockets use ss -d, to show descriptors use knetstat --columns fd,protocol,local,remote"),
    ("-E", "no -E here; to follow closing sockets use ss -E, to show the processes at both ends use knetstat -xp --peer"),
    ("--route", "no --route here; to show routes use ip route"),
    ("--statistics", "no --statistics here; to show protocol statistics use nstat -a"),
    ("--interfaces", "no --interfaces here; to show interface counters use ip -s link"),
    ("--groups", "no --groups here; to show multicast groups use ip maddr"),
    ("--inet-sockopt", "no --inet-sockopt here; to show all options use knetstat -O all"),
    ("--tos", "no --tos here; to show ToS and priority use knetstat -O IP_TOS,IPV6_TCLASS,SO_PRIORITY"),
    ("--info", "no --info here; to show TCP internals use ss -i"),
    ("--memory", "no --memory here; to show socket memory use ss -m"),
    ("--watch", "no --watch here; to repeat the table use knetstat -c"),
    ("--no-color", "no --no-color here; to disable colour use knetstat --color never"),
    ("--established", "no --established here; to choose a state use knetstat --state ESTABLISHED"),
    ("--uid 0", "no --uid here; to choose a user use knetstat --user 1000"),
];

/// Runs the program in a directory without files that could match a pattern.
fn run(arguments: &[&str]) -> (Option<i32>, String) {
    let mut command = Command::new(KNETSTAT);
    let output = command.args(arguments).current_dir("/proc/self/task").output().expect("knetstat");
    assert_eq!(output.stdout, b"", "{arguments:?}");
    (output.status.code(), String::from_utf8(output.stderr).expect("UTF-8"))
}

#[test]
fn each_wrong_line_is_answered_with_one_line() {
    assert!(LINES.len() > 150, "{}", LINES.len());
    for (line, answer) in LINES {
        let arguments: Vec<&str> = line.split_whitespace().collect();
        let (status, said) = run(&arguments);
        assert_eq!(said, format!("knetstat: {answer}\n"), "knetstat {line}");
        assert_eq!(status, Some(2), "knetstat {line}");
    }
}

/// Returns the commands that a message recommends.
fn hints(answer: &str) -> impl Iterator<Item = &str> {
    let parts = answer.split(['(', ')', ';']).flat_map(|part| part.split(", to "));
    parts.filter_map(|part| {
        let place = part.find("knetstat ")?;
        let is_command = part[..place].is_empty() || part[..place].ends_with([' ', ':']);
        let ends = [" explains", " lists", "' lists"];
        is_command
            .then(|| &part[place..])
            .map(|hint| ends.iter().fold(hint, |hint, end| hint.split(end).next().unwrap_or(hint)))
    })
}

/// Each recommended command is passed unchanged by a shell, and accepted by the program.
#[test]
fn what_an_answer_says_to_type_is_right_usage() {
    let directory = PathBuf::from(KNETSTAT);
    let directory = directory.parent().expect("a directory").to_str().expect("UTF-8");
    let path = format!("{directory}:{}", std::env::var("PATH").unwrap_or_default());
    let mut tried = 0;
    for (line, answer) in LINES {
        for hint in hints(answer) {
            // Placeholders, which are not meant to be typed.
            let words = ["LIST", "NAME", "VALUE", "eth0", "select", "jq"];
            if words.iter().any(|word| hint.contains(word)) {
                continue;
            }
            // The list in the command line is still wrong.
            if *line == "-O a b" {
                continue;
            }
            let mut shell = Command::new("sh");
            // Sockets that are shown again and again are shown without an end. A wrong line is refused at once.
            let is_repeated = hint.split(' ').any(|word| matches!(word, "-c" | "-tc"));
            let limit = if is_repeated { "timeout 0.5 " } else { "" };
            let script = format!("set -f; {limit}{hint} >/dev/null");
            let output = shell.args(["-c", &script]).env("PATH", &path).output().expect("sh");
            let said = String::from_utf8_lossy(&output.stderr);
            let is_gone = said.contains("there is no process");
            assert!(output.status.code() != Some(2) || is_gone, "{line}: {hint}: {said}");
            tried += 1;
        }
    }
    assert!(tried > 60, "{tried}");
}

/// Text that a message must not contain: messages of clap, more than one line, error numbers.
#[test]
fn no_answer_is_in_the_words_of_a_library() {
    for (line, answer) in LINES {
        for word in ["error:", "Usage", "--help", "os error", "tip:", "subcommand", "argument '"] {
            assert!(!answer.contains(word), "knetstat {line}: {answer}");
        }
    }
}

#[test]
fn a_word_may_be_empty() {
    let (status, said) = run(&["-t", ""]);
    assert_eq!(said, "knetstat: unexpected empty word (omit it)\n");
    assert_eq!(status, Some(2));
}

/// Wrong expressions: the arguments, the message, the line that it shows, and the word that is marked there.
#[rustfmt::skip]
const EXPRESSIONS: &[(&[&str], &str, &str, &str)] = &[
    (&["-t", "--where", "keepalve=0"], "--where: unknown name 'keepalve' (did you mean keepalive?)", "keepalve=0", "keepalve"),
    (&["-t", "keepalve=0"], "unknown name 'keepalve' (did you mean keepalive?)", "keepalve=0", "keepalve"),
    (&["-t", "nodelay", "and", "rcvbuf", ">", "x"], "invalid value of rcvbuf 'x' (expected a number of bytes, such as 65536 or 64k)", "nodelay and rcvbuf > x", "x"),
    (&["-t", "dport = :htpp"], "unknown service 'htpp' (did you mean http?)", "dport = :htpp", ":htpp"),
    (&["state", "lisn"], "unknown state 'lisn' (did you mean LISTEN?)", "state lisn", "lisn"),
    (&["(", "nodelay"], "expected ')'", "( nodelay", ""),
    (&["nodelay", ")"], "expected 'and', 'or' or the end", "nodelay )", ")"),
    (&["nodelay and"], "expected a name, an address, :port, 'not' or '('", "nodelay and", ""),
    (&["rcvbuf >"], "expected a value", "rcvbuf >", ""),
    (&["keepidle > 5 min"], "unknown name 'min' (a unit has no blank before it: 5min)", "keepidle > 5 min", "min"),
    (&["rcvbuf > 64 k"], "unknown name 'k' (a unit has no blank before it: 5k)", "rcvbuf > 64 k", "k"),
    (&["get_filter.kind = 1"], "unknown member of SO_GET_FILTER 'kind' (expected instructions or id)", "get_filter.kind = 1", "get_filter.kind"),
    (&["so_linger.x = 1"], "unknown member of SO_LINGER 'x' (expected l_onoff or l_linger)", "so_linger.x = 1", "so_linger.x"),
    (&["congestion < bbr"], "congestion has no order (compare it with =, != or ~)", "congestion < bbr", "congestion"),
    (&["daddr = 1.2.3.4:80"], "invalid value of daddr '1.2.3.4:80' (expected an address or a network; for one with a port, compare dst)", "daddr = 1.2.3.4:80", "1.2.3.4:80"),
    (&["saddr = [::1]:80"], "invalid value of saddr '[::1]:80' (expected an address or a network; for one with a port, compare src)", "saddr = [::1]:80", "[::1]:80"),
    (&["saddr = eth0"], "invalid value of saddr 'eth0' (expected an address or a network, such as 10.0.0.0/8)", "saddr = eth0", "eth0"),
    (&["keepalive = 5"], "invalid value of keepalive '5' (expected on or off)", "keepalive = 5", "5"),
    (&["keepidle > long"], "invalid value of keepidle 'long' (expected a time, such as 30s, 1500ms or 2h)", "keepidle > long", "long"),
    (&["dport > 80-90"], "expected a single value after '>'", "dport > 80-90", "80-90"),
    (&["set(dport)"], "'dport' is not an option", "set(dport)", "dport"),
    (&["-t", "keepidle", "and", "nodelay"], "'keepidle' is not on or off (compare it: keepidle>0; or ask set(keepidle))", "keepidle and nodelay", "keepidle"),
    (&["-t", "state"], "'state' is not on or off (compare it: state=listen; or ask has(state))", "state", "state"),
    (&["-t", "not"], "expected a name, an address, :port, 'not' or '('", "not", ""),
    (&["command=not"], "expected a value (quote a value that is such a word)", "command=not", "not"),
    (&["group=1/3"], "the number of a group cannot be compared (ask has(group), or compare the port)", "group=1/3", "group"),
    (&["command = 'x"], "unterminated quote (quote the whole value)", "command = 'x", "'x"),
    (&["tcp_keepalive_time > 5"], "unknown name 'tcp_keepalive_time' (for the option of this sysctl: keepidle)", "tcp_keepalive_time > 5", "tcp_keepalive_time"),
    (&["-t", "set", "rcvbuf"], "'set rcvbuf' has no meaning (did you mean set(rcvbuf)?)", "set rcvbuf", "set"),
    (&["has keepalive"], "'has keepalive' has no meaning (did you mean has(keepalive)?)", "has keepalive", "has"),
    (&["keepalive", "off"], "'keepalive off' has no meaning (did you mean not keepalive?)", "keepalive off", "off"),
    (&["--where", "no keepalive"], "--where: 'no keepalive' has no meaning (did you mean not keepalive?)", "no keepalive", "no"),
    (&["keepidle in 5,7"], "'keepidle in' has no meaning (did you mean keepidle=VALUE,VALUE?)", "keepidle in 5,7", "in"),
    (&["dport in 443,80"], "a list follows the sign = (dport=VALUE,VALUE)", "dport in 443,80", "in"),
    (&["timer = keepalive"], "the timer is compared as a time (for its kind: timer ~ 'keepalive*')", "timer = keepalive", "keepalive"),
    (&["\u{202e}x = 5"], "unknown name '\\xe2\\x80\\xaex' (expected a column, or an option that 'knetstat options' lists)", "\\xe2\\x80\\xaex = 5", "\\xe2\\x80\\xaex"),
];

#[test]
fn the_wrong_word_of_an_expression_is_marked() {
    for (arguments, message, line, word) in EXPRESSIONS {
        let (status, said) = run(arguments);
        let [first, second, marks] = said.lines().collect::<Vec<_>>()[..] else {
            panic!("{arguments:?}: {said}");
        };
        assert_eq!(first, format!("knetstat: {message}"), "{arguments:?}");
        assert_eq!(second, format!("  {line}"), "{arguments:?}");
        let place = marks.find('^').expect("a mark");
        let marked = second.get(place..).unwrap_or_default();
        assert!(marked.starts_with(word), "{arguments:?}: {said}");
        assert_eq!(marks.trim().len(), word.len().max(1), "{arguments:?}: {said}");
        assert_eq!(status, Some(2), "{arguments:?}");
    }
}

/// A directory with files whose names match option patterns.
struct Files(PathBuf);

impl Files {
    fn new(names: &[&str]) -> Files {
        let path = std::env::temp_dir().join(format!(
            "knetstat-globs-{}-{}",
            names.len(),
            std::process::id()
        ));
        std::fs::create_dir(&path).expect("a new directory");
        names.iter().for_each(|name| std::fs::write(path.join(name), "").expect("a file"));
        Files(path)
    }

    /// Returns the message for a command line that a shell runs in this directory.
    fn shell(&self, line: &str) -> String {
        let mut shell = Command::new("sh");
        let script = format!("exec {KNETSTAT} {line}");
        let output = shell.args(["-c", &script]).current_dir(&self.0).output().expect("sh");
        assert_eq!(output.status.code(), Some(2), "{output:?}");
        String::from_utf8(output.stderr).expect("UTF-8")
    }
}

impl Drop for Files {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

#[test]
fn a_pattern_that_the_shell_has_expanded_is_recognised() {
    let several = Files::new(&["TCP_A", "TCP_B"]);
    let answer = "the shell replaced a pattern with the names of files (quote it: -O 'TCP_*')\n";
    assert_eq!(several.shell("-t -O TCP_*"), format!("knetstat: --options: {answer}"));
    let said = several.shell("options TCP_*");
    assert!(said.contains("quote the pattern"), "{said}");
    let one = Files::new(&["TCP_A"]);
    for line in ["-O TCP_*", "options TCP_*"] {
        let said = one.shell(line);
        assert!(said.contains("'TCP_A'") && said.contains("quote the pattern"), "{said}");
    }
    // If no such file exists, the message does not mention files.
    assert!(!one.shell("-O TCP_B").contains("quote"));
}

#[test]
fn words_from_outside_are_escaped_in_messages() {
    let red = "\x1b[31mred";
    for arguments in [
        &["--state", red][..],
        &["-O", red],
        &["--port", red],
        &["--columns", red],
        &["-f", red],
        &["--netns", red],
        &["--user", red],
        &["--addr", red],
        &["--pid", red],
        &["--color", red],
        &[red],
        &["-t", red, "x"],
        &["-O", "nodelay", red],
        &["options", red],
        &["help", red],
        &["completions", red],
        &["state", red],
        &["--\x1bx"],
        &["-\x1b"],
        &["-tJ\x1b"],
        &["-c\x1b[31m"],
        &["-c\u{2066}a"],
    ] {
        let output = knetstat(arguments.iter().copied());
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
        let said = String::from_utf8(output.stderr).expect("UTF-8");
        // An expression is shown in a second line, and marked in a third.
        assert!(said.starts_with("knetstat: "), "{said:?}");
        assert!(matches!(said.lines().count(), 1 | 3), "{said:?}");
        assert!(!said.contains(['\x1b', '\u{2066}']), "{said:?}");
    }
}

#[test]
fn an_argument_of_other_bytes_is_answered() {
    use std::os::unix::ffi::OsStrExt;
    for argument in [&b"\xff"[..], b"--\xff", b"-\xff", b"--state=\xff", b"-O\xff"] {
        let argument = std::ffi::OsStr::from_bytes(argument);
        let output = Command::new(KNETSTAT).arg(argument).output().expect("knetstat");
        assert_eq!(output.status.code(), Some(2), "{argument:?}");
        assert_eq!(output.stderr.iter().filter(|byte| **byte == b'\n').count(), 1, "{output:?}");
        assert!(output.stderr.starts_with(b"knetstat: "), "{output:?}");
    }
}

/// Returns the options that the help of another program lists.
fn options_of(program: &str, help: &[&str]) -> Option<Vec<String>> {
    let output = Command::new(program).args(help).output();
    let Ok(output) = output else {
        not_tested(&format!("the options of {program}: it is not installed"));
        return None;
    };
    let text = [output.stdout, output.stderr].concat();
    let text = String::from_utf8_lossy(&text).into_owned();
    let words = text.split(|c: char| c.is_whitespace() || "[]{}|,=()<>'\"".contains(c));
    let is_option = |word: &&str| {
        let letters = word.trim_start_matches('-');
        let dashes = word.len() - letters.len();
        match dashes {
            1 => letters.len() == 1 && letters.starts_with(|c: char| c.is_ascii_alphanumeric()),
            2 => {
                letters.len() > 1 && letters.chars().all(|c| c.is_ascii_alphanumeric() || c == '-')
            }
            _ => false,
        }
    };
    Some(words.filter(is_option).map(str::to_owned).collect())
}

/// Each option of ss(8), netstat(8) and lsof(8) exists here, or its message names the equivalent command.
#[test]
fn no_option_of_other_programs_is_unknown() {
    for (program, help, few) in
        [("ss", &["-h"][..], 50), ("netstat", &["--help"], 40), ("lsof", &["-h"], 20)]
    {
        let Some(options) = options_of(program, help) else { continue };
        assert!(options.len() > few, "{program}: {options:?}");
        for option in options {
            // Wrong usage: the program reads no sockets.
            let output = knetstat([option.as_str(), "--color", "sometimes"]);
            let said = String::from_utf8(output.stderr).expect("UTF-8");
            assert!(!said.contains("unknown option"), "{program} {option}: {said}");
        }
    }
}

/// The last or the first word is the interval of -c, unless it belongs to the expression.
#[test]
fn an_interval_is_no_part_of_an_expression() {
    for (line, milliseconds, has_expression) in [
        ("-tc", None, false),
        ("-tuc 1", Some(1000), false),
        ("-c 0.5 -t", Some(500), false),
        ("-t --continuous 250ms", Some(250), false),
        ("-tc dport = 443", None, true),
        ("-tc sport 443", None, true),
        ("-tc dport = 443 2", Some(2000), true),
        ("-tc 2min dport = 443", Some(120_000), true),
        ("-tc keepidle > 5", None, true),
        ("-tc not nodelay 5", Some(5000), true),
        ("-tc :443", None, true),
        ("-t nodelay = 1", None, true),
    ] {
        let words = ["knetstat"].into_iter().chain(line.split(' '));
        let cli = knetstat::cli::parse(words.map(Into::into).collect());
        let table = cli.unwrap_or_else(|error| panic!("{line}: {error}")).table;
        assert_eq!(table.interval.map(|time| time.as_millis()), milliseconds, "{line}");
        assert_eq!(table.expression.is_some(), has_expression, "{line}");
    }
}
