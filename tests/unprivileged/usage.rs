//! The command line as far as it reads no sockets: wrong usage is answered with a sentence that helps,
//! options are explained, completions are complete.

use std::process::Command;

use crate::common::flags::flags;
use crate::common::{knetstat, stdout};
use clap::ValueEnum;
use knetstat::options::catalogue::CATALOGUE;

// Wrong usage

/// What is wrong, and words of the answer.
const WRONG: &[(&str, &[&str])] = &[
    ("--state lisn", &["--state", "lisn", "LISTEN"]),
    ("--state listen,estab,conected", &["--state", "conected", "connected"]),
    ("--state=", &["--state", "ESTABLISHED"]),
    ("--state", &["--state"]),
    ("-O keepaliv", &["--options", "keepaliv", "SO_KEEPALIVE"]),
    ("-O nodelay,TCP_KEPIDLE", &["--options", "TCP_KEPIDLE", "TCP_KEEPIDLE"]),
    ("-O nosuch*", &["--options", "nosuch*", "'knetstat options' lists them"]),
    ("-O ,", &["--options", "common", "set", "all"]),
    ("-O", &["--options"]),
    ("--columns lokal", &["--columns", "lokal", "local"]),
    ("--columns local,re", &["--columns", "'re' is ambiguous: recvq, remote"]),
    ("--columns qqq", &["--columns", "there are protocol, type,"]),
    ("--columns local,", &["--columns", "name at least one column"]),
    ("--columns", &["--columns"]),
    ("-t --columns peer", &["--columns", "peer"]),
    ("--port htpp", &["--port", "htpp", "http"]),
    ("--port 65536", &["--port", "65536", "65535"]),
    ("--port 90-80", &["--port", "90-80"]),
    ("--sport domian", &["--sport", "domian", "domain"]),
    ("--dport -1", &["-1"]),
    ("--dport=-1", &["--dport", "-1"]),
    ("--addr 10.0.0.0/33", &["--addr", "10.0.0.0/33", "10.0.0.0/8"]),
    ("--addr localhost", &["--addr", "localhost", "192.0.2.1"]),
    ("--src fe80::1%lo", &["--src", "fe80::1%lo", "--interface"]),
    ("--dst 300.0.0.1", &["--dst", "300.0.0.1"]),
    ("--pid init", &["--pid", "init"]),
    ("--user rooot", &["--user", "rooot", "root"]),
    ("--color sometimes", &["--color", "sometimes"]),
    ("--tcp4 -6", &["--tcp4", "--ipv6"]),
    ("--tcp6 -4", &["--tcp6", "--ipv4"]),
    ("--udp4 -6", &["--udp4", "--ipv6"]),
    ("--udp6 --ipv4", &["--udp6", "--ipv4"]),
    ("-J --ndjson", &["--json", "--ndjson"]),
    ("--tcp5", &["--tcp5", "--tcp"]),
    ("-Z", &["-Z"]),
    ("--tcp=yes", &["--tcp"]),
    ("optoins", &["optoins", "options"]),
    ("options keepidl", &["keepidl", "TCP_KEEPIDLE"]),
    ("options bufers", &["bufers", "buffers"]),
    ("options nodelay qqqqq", &["qqqqq", "'knetstat options' lists them"]),
    ("options --json qqqqq", &["qqqqq"]),
    ("options --bogus", &["--bogus"]),
    ("-t options", &["options", "--tcp"]),
    ("completions", &["<SHELL>"]),
    ("completions tcsh", &["tcsh", "zsh"]),
];

#[test]
fn wrong_usage_is_answered_with_a_sentence_that_helps() {
    for (arguments, words) in WRONG {
        let output = knetstat(arguments.split_whitespace());
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "knetstat {arguments}: {stderr}");
        assert_eq!(output.stdout, b"", "knetstat {arguments}");
        assert!(stderr.starts_with("error: "), "knetstat {arguments}: {stderr}");
        for word in *words {
            assert!(stderr.contains(word), "knetstat {arguments} does not say {word}: {stderr}");
        }
        assert!(stderr.lines().count() <= 8, "knetstat {arguments}: {stderr}");
        assert!(stderr.ends_with("For more information, try '--help'.\n"), "{stderr}");
    }
}

#[test]
fn words_from_outside_are_escaped_in_messages() {
    for flag in ["--state", "-O", "--port", "--columns"] {
        let arguments = [flag, "\x1b[31mred"];
        let output = knetstat(arguments);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
        assert!(!output.stderr.contains(&0x1b), "{}", output.stderr.escape_ascii());
    }
}

// Explanations

#[test]
fn every_option_is_explained() {
    let names = CATALOGUE.iter().map(|option| option.name);
    let output = knetstat(["options"].into_iter().chain(names));
    assert!(output.status.success());
    let text = String::from_utf8(output.stdout).expect("the output is UTF-8");
    assert!(heads(&stdout("options all")).eq(heads(&text)), "all are the same as each");
    let explained: Vec<&str> = text.split("\n\n").collect();
    assert_eq!(explained.len(), CATALOGUE.len());
    for (option, text) in CATALOGUE.iter().zip(explained) {
        let heading = format!("{} ({} {})\n", option.name, option.level.name, option.number);
        assert!(text.starts_with(&heading), "{text}");
        for item in ["\n  topic ", "\n  kind ", "\n  counts as set "] {
            assert!(text.contains(item), "{text}");
        }
        for alias in option.aliases {
            assert!(text.contains(alias), "{text}");
        }
    }
}

/// The first lines of what is said of each option.
fn heads(text: &str) -> impl Iterator<Item = &str> {
    text.lines().filter(|line| !line.starts_with(' '))
}

#[test]
fn an_option_is_explained_with_its_default_and_who_sets_it() {
    let text = stdout("options keepidle");
    assert!(text.starts_with("TCP_KEEPIDLE (IPPROTO_TCP 4)\n"), "{text}");
    for words in [
        "topic            keepalive\n",
        "number, seconds",
        "s (tcp, tcp6",
        "net.ipv4.tcp_keepalive_time = ",
        "KeepAliveConfig",
        "tcp_keepalives_idle",
        "KeepAliveTimeSec=",
    ] {
        assert!(text.contains(words), "{words}: {text}");
    }
    assert!(!stdout("options SO_COOKIE").contains("default"), "it has another value each time");
    assert_eq!(stdout("options KEEPIDLE TCP_KEEPIDLE keepid?e"), text, "once");
}

#[test]
fn completions_know_every_flag() {
    let flags = flags(|argument| !argument.is_hide_set());
    assert!(flags.len() > 40, "{flags:?}");
    for shell in clap_complete::Shell::value_variants() {
        let script = stdout(&format!("completions {shell}"));
        let known = |word: &str| script.contains(word);
        for flag in &flags {
            let word = flag.rsplit(' ').next().unwrap_or_default();
            // fish has flags without their dashes: -s t -l tcp
            assert!(
                known(word) || known(&format!(" {}", word.trim_start_matches('-'))),
                "{shell}: {flag}"
            );
        }
        assert!(known("options") && known("doctor") && known("completions"), "{shell}");
    }
    assert!(stdout("completions zsh").starts_with("#compdef knetstat\n"));
    assert!(stdout("completions fish").contains("\ncomplete -c knetstat "));
}

#[test]
fn bash_completes() {
    let script = stdout("completions bash");
    let test = "COMP_WORDS=(knetstat --tc); COMP_CWORD=1; _knetstat knetstat --tc knetstat
        echo ${COMPREPLY[*]}";
    let output = Command::new("bash").args(["-c", &format!("{script}\n{test}")]).output();
    let output = output.expect("bash is there");
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
    assert_eq!(String::from_utf8_lossy(&output.stdout), "--tcp --tcp4 --tcp6\n");
}
