//! Pins beside locked sockets: cat(1) shows every line of the files of the kernel module, and `knetstat --pins` every TCP,
//! UDP, MPTCP and unix socket.

use std::collections::BTreeSet;
use std::fs::File;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use knetstat::kernel::module::FILES;
use nix::sys::memfd::{memfd_create, MFdFlags};

use super::output::{faults, Form};
use super::run::{places, run};
use super::scene::Scene;
use super::PATIENCE;
use crate::common::{btf_has, knetstat, not_tested, say, stdout, wait_until};

/// Starts cat(1), which writes to memory.
fn cat(path: &Path) -> (Child, File) {
    let output = File::from(memfd_create(c"lines", MFdFlags::MFD_CLOEXEC).expect("a file"));
    let mut command = Command::new("cat");
    command.arg(path).stdin(Stdio::null()).stdout(output.try_clone().expect("a descriptor"));
    (command.spawn().expect("cat"), output)
}

/// The ends of the sockets in the lines of a file, by which a line is found, and the time it took.
fn lines(path: &Path) -> Result<(BTreeSet<String>, Duration), Child> {
    use std::io::{Read, Seek};
    let begin = Instant::now();
    let (mut child, mut output) = cat(path);
    while child.try_wait().expect("a child").is_none() {
        if begin.elapsed() > PATIENCE {
            child.kill().expect("a signal can be sent");
            return Err(child);
        }
        std::thread::sleep(Duration::from_millis(1));
    }
    let mut text = String::new();
    output.rewind().expect("the beginning");
    output.read_to_string(&mut text).expect("UTF-8");
    let ends = |line: &str| line.split_whitespace().skip(2).take(2).collect::<Vec<_>>().join(" ");
    Ok((text.lines().map(ends).collect(), begin.elapsed()))
}

/// Command lines, and the kinds of sockets that each must show (Shown::kind).
const LINES: [(&str, &str); 6] = [
    ("-tu", "tu"),
    ("-tup", "tu"),
    ("-x", "x"),
    ("-xp", "x"),
    ("--mptcp", "m"),
    ("-t --columns local,listener", "t"),
];

/// The kinds of sockets whose pins are walks, from what `knetstat pin` says of them.
fn kinds_of_walks(without: &str) -> String {
    let words: Vec<&str> = without.split([' ', ',']).collect();
    let kinds = [("TCP", 't'), ("UDP", 'u'), ("MPTCP", 'm'), ("unix", 'x')];
    kinds.into_iter().filter(|(word, _)| words.contains(word)).map(|(_, kind)| kind).collect()
}

/// Reads the files while the locks of the scene are held, where they are walks.
pub fn check(mut scene: Scene) {
    let directory = std::env::temp_dir().join(format!("knetstat-stuck-{}", std::process::id()));
    let path = directory.to_str().expect("UTF-8");
    let said = stdout(&format!("pin --with-owners --dir {path}"));
    let without = said.lines().find(|line| line.starts_with("read without the lock"));
    let without = without.unwrap_or_default();
    let walks: Vec<&str> = FILES.into_iter().filter(|name| without.contains(name)).collect();
    // Since 6.2. Every kernel that has it permits the walks.
    assert!(walks.len() == FILES.len() || !btf_has("bpf_rdonly_cast"), "{said}");
    if walks.is_empty() {
        not_tested("locked sockets in the files of the module: this kernel does not permit walks");
    }
    let read = |name: &&str| lines(&directory.join(name));
    let before: Vec<_> = walks.iter().map(|name| read(name).map(|it| it.0)).collect();
    scene.lock();
    let during: Vec<_> = walks.iter().map(read).collect();
    let records = kinds_of_walks(without);
    assert!(records.len() == 4 || !btf_has("bpf_rdonly_cast"), "{said}");
    if records.len() < 4 {
        not_tested("some locked sockets in pins of records: this kernel does not permit all walks");
    }
    let mut of_runs = Vec::new();
    for (flags, kinds) in
        LINES.into_iter().filter(|it| it.1.chars().all(|kind| records.contains(kind)))
    {
        match run(&format!("--pins {path} {flags}"), PATIENCE) {
            Ok(run) if flags.contains("columns") => assert!(run.status.success(), "{}", run.stderr),
            Ok(run) => of_runs.extend(faults(&run, None, (kinds, Form::Table), &scene)),
            Err(mut child) => {
                of_runs.push(format!("{flags}: still runs, in {}", places(&child)));
                child.kill().expect("a signal can be sent");
            }
        }
    }
    let unlocked: Vec<_> = scene.unlocked().collect();
    let locked = scene.locked();
    drop(scene);
    let removed = knetstat(["unpin", "--dir", path]);
    assert!(removed.status.success(), "{removed:?}");
    let mut longest = Duration::ZERO;
    for (name, (before, during)) in walks.iter().zip(before.into_iter().zip(during)) {
        match during {
            Ok((during, time)) => {
                assert!(during.len() > 1, "{name} has no line");
                assert_eq!(Some(&during), before.as_ref().ok(), "{name}");
                longest = longest.max(time);
            }
            Err(mut child) => {
                wait_until("a process ends", || child.try_wait().expect("a child").is_some());
                panic!("cat {name} waits for the lock of a socket");
            }
        }
    }
    assert!(of_runs.is_empty(), "{of_runs:?}");
    assert!(unlocked.is_empty(), "{unlocked:?}: the lock was not held");
    say(&format!(
        "stuck: {} files of the module beside {locked} locked sockets, {longest:.1?} at most",
        walks.len()
    ));
}
