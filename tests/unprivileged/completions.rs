//! Completions in bash, zsh and fish.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{Read, Write};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{channel, Receiver};
use std::time::Duration;

use crate::common::flags::flags;
use crate::common::{knetstat, not_tested, stdout, KNETSTAT};
use clap::ValueEnum;
use knetstat::options::catalogue::CATALOGUE;
use knetstat::query::columns::Column;
use nix::pty::{openpty, Winsize};

/// Returns the completions of a line, whose last word may be empty.
fn offered(line: &str) -> BTreeSet<String> {
    let output = knetstat(["complete", "--"].into_iter().chain(line.split(' ')));
    assert!(output.status.success(), "{output:?}");
    let text = String::from_utf8(output.stdout).expect("UTF-8");
    text.lines().filter_map(|line| Some(line.split_once('\t')?.0.to_owned())).collect()
}

fn set(words: &[&str]) -> BTreeSet<String> {
    words.iter().map(|word| word.to_string()).collect()
}

// Candidates

#[test]
fn every_flag_and_command_is_offered() {
    let longs = offered("knetstat --");
    let shorts = offered("knetstat -");
    for flag in flags(|argument| !argument.is_hide_set()) {
        // Alternative letters of a flag are not offered.
        if !flag.contains(' ') && flag != "-A" {
            assert!(longs.contains(&flag) || shorts.contains(&flag), "{flag}");
        }
    }
    assert_eq!(offered("knetstat comp"), set(&["completions"]));
    assert_eq!(offered("knetstat help do"), set(&["doctor"]));
    assert_eq!(offered("knetstat doctor --j"), set(&["--json"]));
    for shell in clap_complete::Shell::value_variants() {
        assert!(offered("knetstat completions ").contains(&shell.to_string()), "{shell}");
    }
}

#[test]
fn every_option_and_column_is_offered() {
    let options = offered("knetstat -O ");
    let explained = offered("knetstat options ");
    for option in CATALOGUE {
        assert!(
            options.contains(option.name) && explained.contains(option.name),
            "{}",
            option.name
        );
    }
    assert!(["common", "set", "all"].iter().all(|word| options.contains(*word)));
    assert_eq!(offered("knetstat --columns "), Column::ALL.map(|it| it.name().to_owned()).into());
    assert_eq!(offered("knetstat --family v"), set(&["vsock"]));
}

#[test]
fn names_are_offered_in_the_spelling_that_was_begun() {
    for (line, expected) in [
        ("knetstat -O keepi", &["keepidle", "keepintvl"][..]),
        ("knetstat -O TCP_KEEPI", &["TCP_KEEPIDLE", "TCP_KEEPINTVL"]),
        ("knetstat -O tcp_keepid", &["tcp_keepidle"]),
        ("knetstat -O KEEPID", &["KEEPIDLE"]),
        ("knetstat -tO mark,keepid", &["mark,keepidle"]),
        ("knetstat --options=keepid", &["--options=keepidle"]),
        ("knetstat --opt keepid", &["keepidle"]),
        ("knetstat --state LI", &["LISTEN"]),
        ("knetstat --state li", &["listen"]),
        ("knetstat --state=listen,time", &["--state=listen,time_wait"]),
        ("knetstat --columns local,rem", &["local,remote"]),
        ("knetstat --state nosuch", &[]),
        ("knetstat --addr ", &[]),
        ("knetstat --where keepi", &["keepidle", "keepintvl"]),
        ("knetstat --where !keepid", &["!keepidle"]),
        ("knetstat --where keepidle=", &[]),
        ("knetstat -t keepid", &["keepidle"]),
        ("knetstat -t dport = 443 and not keepid", &["keepidle"]),
        ("knetstat do", &["doctor"]),
        ("knetstat state establ", &["established"]),
        ("knetstat -t dport = 443 and state establ", &["established"]),
        ("knetstat -tp exclude ESTABL", &["ESTABLISHED"]),
        ("knetstat -O state establ", &[]),
        ("knetstat options state establ", &[]),
    ] {
        assert_eq!(offered(line), set(expected), "{line}");
    }
}

/// Each completion is a valid argument.
#[test]
fn what_is_offered_is_understood() {
    for (flag, few) in [("--state", 15), ("--columns", 20), ("-O", 200), ("--family", 10)] {
        let words = offered(&format!("knetstat {flag} "));
        assert!(words.len() > few, "{flag}: {words:?}");
        let list = words.into_iter().collect::<Vec<_>>().join(",");
        // The line is wrong for another reason, so that the program reads no sockets.
        let output = knetstat([flag, &list, "--port", "x"]);
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(said.starts_with("knetstat: --port: "), "{said}");
    }
}

#[test]
fn what_this_host_has_is_offered() {
    let own = std::process::id().to_string();
    let command = std::fs::read_to_string("/proc/self/comm").expect("comm");
    assert!(offered("knetstat --pid ").contains(&own));
    assert!(offered("knetstat --netns 1").contains("1"), "a process");
    assert!(offered("knetstat --command ").contains(command.trim_end()));
    assert!(offered("knetstat --interface ").contains("lo"));
    assert!(offered("knetstat --user ro").contains("root"));
    assert!(offered("knetstat --port htt").contains("http"));
    let passwd = std::fs::read_to_string("/etc/passwd").expect("passwd");
    let users = passwd.lines().filter_map(|line| line.split(':').next()).map(str::to_owned);
    assert_eq!(offered("knetstat --user "), users.collect());
    let services = std::fs::read_to_string("/etc/services").expect("services");
    let services =
        services.lines().filter_map(|line| line.split('#').next()?.split_whitespace().next());
    assert_eq!(offered("knetstat --port "), services.map(str::to_owned).collect());
}

/// Completion uses no privileges: no program is loaded, and capabilities are dropped before any lookup.
#[test]
fn completing_loads_nothing() {
    let mut strace = Command::new("strace");
    strace.args(["-f", "-e", "trace=bpf,capset,openat,getdents64", KNETSTAT]);
    let output = strace.args(["complete", "--", "knetstat", "--command", ""]).output();
    let calls = String::from_utf8(output.expect("strace(1)").stderr).expect("UTF-8");
    assert!(!calls.contains("bpf("), "{calls}");
    let (before, _) = calls.split_once("\"/proc\"").expect("the processes are looked up");
    assert!(before.contains("effective=0, permitted=0"), "{calls}");
}

// Shells

/// An interactive shell on a terminal.
struct Shell {
    child: Child,
    terminal: File,
    /// The output on the terminal.
    shown: Receiver<String>,
    read: String,
}

/// The time limit for a response of a shell on a busy machine.
const PATIENCE: Duration = Duration::from_secs(10);

impl Shell {
    /// Starts the shell with its completions, prepared by this script. `None` if the shell is not
    /// installed.
    fn start(name: &str, arguments: &[&str], prepare: &str) -> Option<Shell> {
        if Command::new(name).arg("--version").stdout(Stdio::null()).status().is_err() {
            not_tested(&format!("completions of {name}: it is not installed"));
            return None;
        }
        let size = Winsize { ws_row: 50, ws_col: 200, ws_xpixel: 0, ws_ypixel: 0 };
        let terminal = openpty(&size, None).expect("a terminal");
        let place = std::path::Path::new(KNETSTAT).parent().expect("a directory").display();
        let path = format!("{place}:{}", std::env::var("PATH").unwrap_or_default());
        let mut command = Command::new("setsid");
        command.args(["--ctty", name]).args(arguments).current_dir("/proc/self/task");
        command.env("PATH", path).env("TERM", "dumb").env("PS1", "$ ").env("HOME", "/nowhere");
        let slave = || terminal.slave.try_clone().expect("a copy");
        command.stdin(slave()).stdout(slave()).stderr(slave());
        let child = command.spawn().expect("setsid(1)");
        drop(command);
        let terminal = File::from(terminal.master);
        let shown = follow(terminal.try_clone().expect("a copy"));
        let mut shell = Shell { child, terminal, shown, read: String::new() };
        shell.type_in(&format!("{prepare}\n"));
        shell.type_in("echo RE''ADY\n");
        shell.read_to("\nREADY\r\n");
        Some(shell)
    }

    fn type_in(&mut self, keys: &str) {
        self.terminal.write_all(keys.as_bytes()).expect("the terminal takes keys");
    }

    /// Reads until these words, and returns the output before them.
    fn read_to(&mut self, words: &str) -> String {
        while !self.read.contains(words) {
            match self.shown.recv_timeout(PATIENCE) {
                Ok(text) => self.read += &text,
                Err(_) => panic!("no {words:?} in {:?}", self.read),
            }
        }
        let (before, after) = self.read.split_once(words).expect("it contains them");
        let (before, after) = (before.to_owned(), after.to_owned());
        self.read = after;
        before
    }

    /// Returns the line after a number of tabs.
    fn complete(&mut self, line: &str, tabs: usize) -> String {
        // Ctrl-A moves to the beginning of the line, Ctrl-E to its end, and the newline runs it.
        self.type_in(&format!("{line}{}\x01echo \"LINE \x05\"\n", "\t".repeat(tabs)));
        self.read_to("\nLINE ");
        self.read_to("\r\n").trim_end().to_owned()
    }

    fn becomes(&mut self, line: &str, tabs: usize, expected: &str) {
        assert_eq!(self.complete(line, tabs), expected, "{line} and {tabs} tabs");
    }
}

/// Reads a terminal until it is closed.
fn follow(mut terminal: File) -> Receiver<String> {
    let (sender, shown) = channel();
    std::thread::spawn(move || {
        let mut bytes = [0; 4096];
        while let Ok(length @ 1..) = terminal.read(&mut bytes) {
            let _ = sender.send(String::from_utf8_lossy(&bytes[..length]).into_owned());
        }
    });
    shown
}

impl Drop for Shell {
    fn drop(&mut self) {
        // setsid(1) has executed the shell.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Lines, the number of tabs, and the completed lines in a shell whose tab cycles through the completions.
const LINES: &[(&str, usize, &str)] = &[
    ("knetstat comp", 1, "knetstat completions"),
    ("knetstat --unb", 1, "knetstat --unbound"),
    ("knetstat --state LIS", 1, "knetstat --state LISTEN"),
    ("knetstat --state listen,time", 1, "knetstat --state listen,time_wait"),
    ("knetstat --state=LIS", 1, "knetstat --state=LISTEN"),
    ("knetstat --state=listen,time", 1, "knetstat --state=listen,time_wait"),
    ("knetstat -O keepi", 1, "knetstat -O keepidle"),
    ("knetstat -O keepi", 2, "knetstat -O keepintvl"),
    ("knetstat -t -O mark,TCP_KEEPCN", 1, "knetstat -t -O mark,TCP_KEEPCNT"),
    ("knetstat --columns local,remo", 1, "knetstat --columns local,remote"),
    ("knetstat options keepid", 1, "knetstat options keepidle"),
    ("knetstat --user roo", 1, "knetstat --user root"),
    ("knetstat --family vs", 1, "knetstat --family vsock"),
    ("knetstat --interface l", 1, "knetstat --interface lo"),
    ("knetstat --netns /proc/self/ns/ne", 1, "knetstat --netns /proc/self/ns/net"),
    ("knetstat --addr 10.", 1, "knetstat --addr 10."),
    ("knetstat --command nosuchproc", 1, "knetstat --command nosuchproc"),
];

/// Starts a process with a name that contains special characters of shells.
fn misleading(name: &str) -> Child {
    let script = format!("printf %s '{name}' > /proc/$$/comm; read line");
    let child = Command::new("sh").args(["-c", &script]).stdin(Stdio::piped()).spawn().expect("sh");
    let comm = format!("/proc/{}/comm", child.id());
    while std::fs::read_to_string(&comm).expect("comm") != format!("{name}\n") {
        std::thread::yield_now();
    }
    child
}

#[test]
fn bash_completes() {
    let prepare = "bind 'TAB:menu-complete'; bind 'set bell-style none'; bind 'set enable-bracketed-paste off'
        source <(knetstat completions bash)";
    let Some(mut bash) = Shell::start("bash", &["--norc", "--noprofile", "-i"], prepare) else {
        return;
    };
    LINES.iter().for_each(|(line, tabs, expected)| bash.becomes(line, *tabs, expected));
    let mut process = misleading("a$(b)*");
    // Quoted, so that the shell reads the original name. Within double quotes, echo receives \$ as $.
    let line = bash.complete("knetstat --command a$", 1);
    drop(process.stdin.take());
    process.wait().expect("sh ends");
    assert_eq!(line, r"knetstat --command a$\(b\)\*");
}

#[test]
fn zsh_completes() {
    let prepare =
        "autoload -Uz compinit; compinit -D -u; setopt menu_complete bsd_echo; unsetopt list_beep beep
        bindkey -e; zle_highlight=(none); unset zle_bracketed_paste
        source <(knetstat completions zsh)";
    let Some(mut zsh) = Shell::start("zsh", &["-f", "-i"], prepare) else { return };
    LINES.iter().for_each(|(line, tabs, expected)| zsh.becomes(line, *tabs, expected));
    let mut process = misleading("red\x1bname");
    // The name is offered as the table prints it, and its backslash is quoted, which echo gets as one.
    let line = zsh.complete("knetstat --command red", 1);
    drop(process.stdin.take());
    process.wait().expect("sh ends");
    assert_eq!(line, r"knetstat --command red\x1bname");
}

/// As installed by packages: zsh loads the function on first use.
#[test]
fn zsh_loads_the_file_of_a_package() {
    let prepare = "d=$(mktemp -d); knetstat completions zsh > $d/_knetstat; fpath=($d $fpath)
        autoload -Uz compinit; compinit -D -u; setopt menu_complete; bindkey -e; unset zle_bracketed_paste";
    let Some(mut zsh) = Shell::start("zsh", &["-f", "-i"], prepare) else { return };
    zsh.becomes("knetstat --state LIS", 1, "knetstat --state LISTEN");
    zsh.becomes("knetstat --state LIS", 1, "knetstat --state LISTEN");
    zsh.type_in("rm -r $d\n");
}

#[test]
fn fish_completes() {
    let completions = |line: &str| -> Option<Vec<String>> {
        let script = "knetstat completions fish | source; complete -C $argv[1]";
        let place = std::path::Path::new(KNETSTAT).parent().expect("a directory").display();
        let path = format!("{place}:{}", std::env::var("PATH").unwrap_or_default());
        let mut fish = Command::new("fish");
        fish.args(["--no-config", "-c", script, line]).env("PATH", path).env("HOME", "/nowhere");
        let Ok(output) = fish.current_dir("/proc/self/task").output() else {
            not_tested("completions of fish: it is not installed");
            return None;
        };
        let text = String::from_utf8(output.stdout).expect("UTF-8");
        Some(
            text.lines()
                .map(|line| line.split('\t').next().unwrap_or_default().to_owned())
                .collect(),
        )
    };
    for (line, tabs, expected) in LINES {
        let Some(found) = completions(line) else { return };
        let wanted = expected.rsplit(' ').next().unwrap_or_default();
        match expected.len() > line.len() && !line.contains('/') {
            true => assert_eq!(
                found.get(tabs - 1).map(String::as_str),
                Some(wanted),
                "{line}: {found:?}"
            ),
            false => assert!(found.iter().all(|it| it.contains('/')), "{line}: {found:?}"),
        }
    }
}

// Other shells

#[test]
fn scripts_of_other_shells_have_every_flag() {
    for shell in ["elvish", "powershell"] {
        let script = stdout(&format!("completions {shell}"));
        for flag in flags(|argument| !argument.is_hide_set()) {
            let word = flag.rsplit(' ').next().unwrap_or_default();
            assert!(script.contains(word), "{shell}: {flag}");
        }
    }
    assert!(stdout("completions zsh").starts_with("#compdef knetstat\n"));
}
