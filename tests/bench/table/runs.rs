//! THE TABLE of runs: the commands that are measured, what each is compared with, and what each shows.

/// The port that one socket has.
pub const PORT: u16 = 999;

/// What is measured.
pub struct Run {
    /// The program and its arguments. Empty for the bare loader.
    pub words: &'static [&'static str],
    /// The command line with which the run is compared.
    pub base: Option<&'static str>,
    /// The sockets that are shown.
    pub shows: Shows,
    /// The most sockets with which it is run.
    pub most: usize,
}

/// How many of the sockets a run shows.
#[derive(Clone, Copy)]
pub enum Shows {
    All,
    /// At least this part of them: 1 / n.
    Part(usize),
    One,
    None,
}

/// The name of the bare loader.
pub const BARE: &str = "an empty iterator";

impl Run {
    /// The command line, as it is typed.
    pub fn name(&self) -> String {
        let quoted = |word: &&str| match word.contains(' ') {
            true => format!("'{word}'"),
            false => (*word).to_owned(),
        };
        match self.words {
            [] => BARE.to_owned(),
            words => words.iter().map(quoted).collect::<Vec<_>>().join(" "),
        }
    }
}

/// A run with any number of sockets.
pub const fn run(words: &'static [&'static str], base: Option<&'static str>, shows: Shows) -> Run {
    Run { words, base, shows, most: usize::MAX }
}

/// The longest output that ss has for a socket.
pub const SS_LONG: &str = "ss -tanoem --inet-sockopt";

/// The runs with TCP sockets.
pub const TCP: &[Run] = &[
    run(&[], None, Shows::None),
    run(&["knetstat", "-t"], Some("ss -tan"), Shows::All),
    run(&["knetstat", "-tp"], Some("knetstat -t"), Shows::All),
    run(&["knetstat", "-tJ"], Some(SS_LONG), Shows::All),
    run(&["knetstat", "-t", "-O", "all"], Some(SS_LONG), Shows::All),
    run(&["knetstat", "-t", "--port", "999"], Some("ss -tan 'sport = :999'"), Shows::One),
    run(&["knetstat", "-t", "--where", "not keepalive"], Some("ss -tan"), Shows::Part(2)),
    run(&["ss", "-tan"], None, Shows::All),
    run(&["ss", "-tanoem", "--inet-sockopt"], Some("ss -tan"), Shows::All),
    // Ten times as many sockets take a hundred times as long: ss has 256 lists of processes.
    Run { most: 100_000, ..run(&["ss", "-tanp"], Some("ss -tan"), Shows::All) },
    run(&["ss", "-tan", "sport = :999"], Some("ss -tan"), Shows::One),
    run(&["netstat", "-tan"], Some("ss -tan"), Shows::All),
    run(&["cat", "/proc/net/tcp"], Some("ss -tan"), Shows::All),
];

/// The runs with UDP sockets.
pub const UDP: &[Run] = &[
    run(&["knetstat", "-u"], Some("ss -uan"), Shows::All),
    run(&["ss", "-uan"], None, Shows::All),
];

/// The runs with unix sockets.
pub const UNIX: &[Run] =
    &[run(&["knetstat", "-x"], Some("ss -xa"), Shows::All), run(&["ss", "-xa"], None, Shows::All)];
