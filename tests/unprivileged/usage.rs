//! Help and explanations.

use crate::common::flags::flags;
use crate::common::{knetstat, stdout};
use knetstat::options::catalogue::CATALOGUE;

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

/// Returns the first line of the explanation of each option.
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

// Help

#[test]
fn the_short_help_fits_a_terminal_and_has_every_flag() {
    let text = stdout("-h");
    assert!(text.lines().count() < 50, "{} lines", text.lines().count());
    for line in text.lines() {
        assert!(line.chars().count() <= 80, "{line}");
    }
    let words: Vec<&str> = text.split(|c: char| c.is_whitespace() || "(),:".contains(c)).collect();
    for flag in flags(|argument| !argument.is_hide_set()) {
        assert!(flag.contains(' ') || words.contains(&flag.as_str()), "{flag}");
    }
    for command in ["options", "doctor", "pin", "unpin", "schema", "completions", "help"] {
        assert!(text.contains(&format!("\n  {command} ")), "{command}");
    }
}

#[test]
fn the_long_help_explains_every_flag() {
    let text = stdout("--help");
    assert_eq!(stdout("help"), text);
    for flag in flags(|argument| !argument.is_hide_set()) {
        assert!(flag.contains(' ') || text.contains(&flag), "{flag}");
    }
    for command in ["options", "doctor", "pin", "unpin", "schema", "completions", "help"] {
        assert_eq!(
            stdout(&format!("help {command}")),
            stdout(&format!("{command} --help")),
            "{command}"
        );
    }
}
