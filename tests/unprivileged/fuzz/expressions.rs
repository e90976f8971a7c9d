//! Expressions of any text. The parser does not panic and is fast, its errors mark a part of the text, and
//! what is printed is the same expression.
//!
//! `KNETSTAT_FUZZ_SEED=n` parses one text, and `KNETSTAT_FUZZ_SECONDS=n` sets the duration. A text that
//! failed is kept in [`FOUND`].

use std::sync::LazyLock;
use std::time::{Duration, Instant};

use super::{asked, Random};
use crate::common::say;
use knetstat::options::catalogue::CATALOGUE;
use knetstat::query::columns::Column;
use knetstat::query::expression::{Expression, ExpressionError};
use knetstat::query::filter::Filter;
use knetstat::socket::kind::SocketKind;
use knetstat::text::escaped;
use nix::time::{clock_gettime, ClockId};
use unicode_width::UnicodeWidthStr;

/// Texts for which this has failed.
const FOUND: &[&str] = &[
    // Control characters were printed.
    "addr *\0x",
    "state ~ list*\0 keepalive",
    "type ~ \u{3000}\n\u{1}x",
    "*\u{92}diag:https",
    "program = '\u{1}'",
    // Commas in quotes separated values after they were printed.
    "command = a,\\x28b\\x29",
    "command = \"a,b\",c",
    "command ~ '*,' or command ~ ','",
    // The mark at the end was within a character.
    "not \u{3000}",
    "dport =\u{3000}",
    // Paths of other families were escaped once more.
    "src 'ip:a b'",
    // The end of an address was taken for a port.
    "dst ::ffff:127.0.0.0/104",
    "::1:7203",
    "[::1]x",
    "dst [::ffff:12.0]/104",
    // The same value in two spellings.
    ":53,53,:7201",
    "linger = 5s,10,10s",
    // Printed with more digits than are parsed.
    "keepidle = 999999999999999999999991min",
    "rcvbuf = 999999999999999999999991t",
];

/// The default duration, and the minimum number of texts.
const USUAL: Duration = Duration::from_secs(2);
const AT_LEAST: u64 = 1000;

/// The longest text, which is the longest argument of a command but for a few bytes.
const LONGEST: usize = 128 * 1024 - 32;

/// The limit of processor time for one text, in a program without optimization.
const LIMIT: Duration = Duration::from_secs(1);

/// The expressions of other tests, which are valid.
static CORPUS: LazyLock<Vec<&str>> = LazyLock::new(|| {
    let tables = [
        include_str!("../../live/expressions/selected.txt"),
        include_str!("../../live/expressions/shared.txt"),
    ];
    let lines = tables.into_iter().flat_map(str::lines).filter(|line| !line.starts_with('#'));
    let lines = lines.filter_map(|line| line.rsplit_once("=>"));
    let valid = lines.filter(|(_, selected)| selected.trim() != "!");
    valid.map(|(text, _)| filled(text.trim()).leak() as &str).collect()
});

/// Replaces the words in braces, whose meaning depends on the test.
fn filled(text: &str) -> String {
    let words = ["nobody", "sleep", "self", "inode", "cookie", "netns", "peer", "vsock"];
    let text = text.replace("{directory}", "/tmp/expressions");
    words.iter().fold(text, |text, word| text.replace(&format!("{{{word}}}"), "1"))
}

/// What expressions consist of, and what they must not contain.
const PARTS: &[&str] = &[
    " ",
    " ",
    " ",
    "(",
    ")",
    "((",
    "))",
    "!",
    "!!",
    "not ",
    " and ",
    " or ",
    " && ",
    " || ",
    "&",
    "|",
    "=",
    "==",
    "!=",
    "<",
    "<=",
    ">",
    ">=",
    "~",
    " eq ",
    " ne ",
    " lt ",
    " le ",
    " gt ",
    " ge ",
    "set(",
    "has(",
    "state ",
    "exclude ",
    "src ",
    "dst ",
    "sport ",
    "dport ",
    "dev ",
    "port ",
    "addr ",
    "fwmark ",
    "'",
    "\"",
    "\\",
    "\\x41",
    "\\x2c",
    "\\x",
    ",",
    ",,",
    ":",
    "::",
    ":443",
    ":https",
    "*",
    "?",
    "**",
    "[",
    "]",
    "[::1]",
    "[::1]:80",
    "10.0.0.0/8",
    "10.0.0.5:22",
    "::ffff:1.2.3.4",
    "fe80::1%eth0",
    "/run/x y",
    "@abstract",
    "-",
    "--",
    "0",
    "-1",
    "1",
    "64k",
    "1.5s",
    "30s",
    "2h",
    "0x10",
    "0x1/0x3",
    "99999999999999999999999",
    "1e9",
    "off",
    "on",
    "never",
    "unlimited",
    "sndbuf|rcvbuf",
    "do",
    "bbr",
    "8000-8100",
    "root",
    "%",
    "%lo",
    ".",
    ".l_linger",
    "so_linger.l_linger",
    "\n",
    "\t",
    "\0",
    "\x1b[31m",
    "\u{a0}",
    "\u{3000}",
    "\u{202e}",
    "é",
    "e\u{301}",
    "日本",
    "\u{1f980}",
    "\u{200d}",
    "İ",
    "ß",
    "ﬁ",
    "\u{fffd}",
    "\u{10ff2a}",
];

/// Returns a part of an expression.
fn part(random: &mut Random) -> String {
    match random.below(8) {
        0 => random.of(&Column::ALL).name().into(),
        1 => random.of(&CATALOGUE.iter().collect::<Vec<_>>()).name.into(),
        2 => format!(" {} ", random.of(&CORPUS)),
        3 => char::from_u32(random.number() as u32).unwrap_or('\u{fffd}').into(),
        _ => random.of(PARTS).into(),
    }
}

/// Returns a boundary of a character.
fn place(text: &str, random: &mut Random) -> usize {
    let mut place = random.below(text.len() + 1);
    while !text.is_char_boundary(place) {
        place -= 1;
    }
    place
}

/// Returns a valid expression with some changes.
fn mutated(random: &mut Random) -> String {
    let mut text = String::from(random.of(&CORPUS));
    for _ in 0..random.below(6) {
        let (from, to) = (place(&text, random), place(&text, random));
        let (from, to) = (from.min(to), from.max(to));
        match random.below(7) {
            0 => text.replace_range(from..to, ""),
            1 => text.insert_str(from, &part(random)),
            2 => text = format!("not ({text}) {}", part(random)),
            3 => text = format!("({text}) or {}", random.of(&CORPUS)),
            4 => text = format!("{text} {}", random.of(&CORPUS)),
            5 => text = format!("{}{}{}", &text[..to], &text[from..to], &text[to..]),
            _ => text = text.to_uppercase(),
        }
    }
    text
}

/// Returns a text in which something is repeated very often.
fn repeated(random: &mut Random) -> String {
    let (first, unit) = (part(random), part(random) + &part(random));
    let times = random.below(LONGEST / unit.len().max(1));
    let times = random.of(&[times % 60, times % 3000, times]);
    format!("{first}{}{}", unit.repeat(times), part(random))
}

/// Returns the text of a seed.
fn made(seed: u64) -> String {
    let mut random = Random(seed);
    let random = &mut random;
    let mut text = match random.below(16) {
        0..8 => mutated(random),
        8..13 => (0..random.below(12)).map(|_| part(random)).collect(),
        13 | 14 => {
            let mut bytes = vec![0; random.below(60)];
            random.bytes(&mut bytes);
            String::from_utf8_lossy(&bytes).into_owned()
        }
        _ if random.below(20) == 0 => repeated(random),
        _ => repeated(random).chars().take(200).collect(),
    };
    let mut end = text.len().min(LONGEST);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text.truncate(end);
    text
}

/// The time that this thread has run, which other tests do not extend.
fn processor_time() -> Duration {
    clock_gettime(ClockId::CLOCK_THREAD_CPUTIME_ID).expect("a clock").into()
}

/// Parses a text, which takes a limited time.
fn parse_quickly(text: &str) -> Result<Expression, ExpressionError> {
    let begin = processor_time();
    let parsed = Expression::parse(text);
    let time = processor_time() - begin;
    let shown = || escaped(text.get(..100).unwrap_or(text).as_bytes());
    assert!(time < LIMIT, "{time:?} for {} bytes: {}", text.len(), shown());
    parsed
}

/// Parses a text, and checks the result. Returns whether it is an expression.
fn look_at(text: &str) -> bool {
    let parsed = parse_quickly(text);
    match &parsed {
        Ok(expression) => check_printed(text, expression),
        Err(error) => check_error(text, &error.to_string(), error.message()),
    }
    parsed.is_ok()
}

/// What is printed is the same expression, and is printed the same again.
fn check_printed(text: &str, expression: &Expression) {
    let printed = expression.to_string();
    assert!(!printed.chars().any(char::is_control), "{text:?} is printed as {printed:?}");
    let again = match Expression::parse(&printed) {
        Ok(again) => again,
        Err(error) => panic!("{text:?} is printed as {printed:?}: {error}"),
    };
    assert_eq!(again, *expression, "{text:?} is printed as {printed:?}");
    assert_eq!(again.to_string(), printed, "{text:?}");
    let filter = Filter::new([true; SocketKind::ALL.len()], true, again);
    let _ = (filter.request(), filter.layouts(), filter.interface_names());
}

/// An error has a line that says what is wrong, the text, and carets below a part of it.
fn check_error(text: &str, error: &str, message: &str) {
    assert!(!message.is_empty() && !message.chars().any(char::is_control), "{text:?}: {error:?}");
    let lines: Vec<&str> = error.split('\n').collect();
    let [first, line, carets] = lines[..] else { panic!("{text:?}: {error:?}") };
    assert_eq!(first, message, "{text:?}");
    // If the mark began or ended within a character, that character would be missing.
    let line = line.strip_prefix("  ").unwrap_or_else(|| panic!("{text:?}: {error:?}"));
    assert_eq!(line, escaped(text.as_bytes()), "{text:?}");
    let marks = carets.trim_start_matches(' ');
    assert!(!marks.is_empty() && marks.chars().all(|c| c == '^'), "{text:?}: {error:?}");
    // At the end of the text, the mark is behind it.
    assert!(carets.len() <= 2 + line.width() + 1, "{text:?}: {error:?}");
}

#[test]
fn expressions_of_any_text() {
    if let Some(seed) = asked("KNETSTAT_FUZZ_SEED") {
        look_at(&made(seed));
        return;
    }
    for text in FOUND {
        look_at(text);
    }
    let wrong: Vec<_> = CORPUS.iter().filter(|text| !look_at(text)).collect();
    assert!(wrong.is_empty(), "{wrong:#?}");
    let limit = asked("KNETSTAT_FUZZ_SECONDS").map_or(USUAL, Duration::from_secs);
    let begin = Instant::now();
    let (mut wrong, mut valid) = (Vec::new(), 0);
    // Another part of the endless sequence in each long run.
    let first = asked("KNETSTAT_FUZZ_FIRST").unwrap_or_default();
    let mut seed = first;
    while (begin.elapsed() < limit || seed - first < AT_LEAST) && wrong.len() < 5 {
        match std::panic::catch_unwind(|| look_at(&made(seed))) {
            Ok(is_valid) => valid += u64::from(is_valid),
            Err(_) => wrong.push(seed),
        }
        seed += 1;
    }
    let count = seed - first;
    if limit > USUAL {
        say(&format!("{count} texts in {:?}, {valid} of them expressions", begin.elapsed()));
    }
    assert!(valid > count / 10 && valid < count, "{valid} of {count} texts are expressions");
    assert!(wrong.is_empty(), "KNETSTAT_FUZZ_SEED= one of {wrong:?} shows what is wrong");
}

/// Long and deep texts that a careless parser would need exponential or quadratic time for.
#[test]
fn long_expressions_are_parsed_at_once() {
    let fill = |unit: &str| unit.repeat(100_000 / unit.len());
    for unit in [
        "(",
        ")",
        "!",
        "not ",
        "and ",
        "a ",
        "a=",
        "a|",
        "a=b|",
        "(a",
        "(not (",
        "set(",
        "has(",
        "state ",
        "state all ",
        "exclude all ",
        "src ",
        "sport ",
        ",",
        "'",
        "\"",
        "'' ",
        "'a'b",
        "nodelay ",
        "nodelay or ",
        "!nodelay&",
        "(nodelay)or",
        "has(nodelay)",
        "dport=:1 ",
        "dst 1.2.3.4 ",
        "x",
        "é",
        "é ",
        "1",
        "1,",
        ":",
        "*",
        "?",
        "~",
        "\\",
        "|",
        "||",
        "&&",
        "=",
        "<",
        "~*",
    ] {
        let _ = parse_quickly(&fill(unit));
    }
    for (begin, unit) in [
        ("dport = ", "1,"),
        ("dport = ", "https,"),
        ("dport = ", "x,"),
        ("dst ", "10.0.0.0/8,"),
        ("dst ", "localhost:https,"),
        ("state ", "all,"),
        ("uid = ", "root,"),
        ("command = ", "a,"),
        ("command = ", "\\x41"),
        ("command ~ ", "*a"),
        ("command ~ ", "*a,"),
        ("buf_lock = ", "rcvbuf|"),
        ("buf_lock = ", "x|"),
        ("timestamping = ", "SOFTWARE|"),
        ("congestion = ", "b|"),
        ("has(", "x"),
        ("keepidle = ", "9"),
        ("mark = ", "0x"),
    ] {
        let text = begin.to_owned() + &fill(unit);
        let _ = parse_quickly(&text);
        let _ = parse_quickly(text.trim_end_matches([',', '|']));
    }
    for depth in [10, 40, 49, 50, 51, 60, 20_000] {
        look_at(&format!("{}nodelay{}", "(".repeat(depth), ")".repeat(depth)));
        look_at(&format!("{}nodelay", "not ".repeat(depth)));
        look_at(&format!("{}nodelay{}", "not (".repeat(depth), ")".repeat(depth)));
        look_at(&format!("{}nodelay{}", "(a or (".repeat(depth), "))".repeat(depth)));
    }
}
