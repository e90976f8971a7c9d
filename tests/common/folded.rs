//! Checks rows that are continued on the next line: they are the rows of a pipe, and no value is split.

use std::cell::OnceCell;

use nix::libc;

extern "C" {
    /// wchar.h. The libc crate does not have it.
    fn wcwidth(c: libc::wchar_t) -> libc::c_int;
}

/// Returns the number of terminal columns that a text takes, according to the C library.
pub fn width(text: &str) -> usize {
    thread_local!(static UTF8: OnceCell<()> = const { OnceCell::new() });
    UTF8.with(|is_on| {
        is_on.get_or_init(|| {
            // SAFETY: the name is a C string, and only this thread uses the new locale, which is never
            // freed.
            let old = unsafe {
                let locale =
                    libc::newlocale(libc::LC_CTYPE_MASK, c"C.UTF-8".as_ptr(), std::ptr::null_mut());
                assert!(!locale.is_null(), "the C library has C.UTF-8");
                libc::uselocale(locale)
            };
            assert!(!old.is_null(), "uselocale");
        });
    });
    let of = |c: char| {
        // SAFETY: wcwidth() accepts any number.
        let width = unsafe { wcwidth(c as libc::wchar_t) };
        usize::try_from(width).unwrap_or_else(|_| panic!("{c:?} is not printable"))
    };
    text.chars().map(of).sum()
}

/// Asserts that the output on a terminal of `columns` columns has the rows of a pipe, and that a line is
/// longer than the terminal only if it consists of a single value that is.
pub fn is_folded(terminal: &str, pipe: &str, columns: usize) {
    let mut lines = terminal.lines();
    for row in pipe.lines() {
        let expected = words(row);
        let mut joined = next(&mut lines, row, columns).to_owned();
        while words(&joined) != expected {
            let line = next(&mut lines, row, columns);
            let is_indented = line.starts_with(' ') || width(line) >= columns || columns < 10;
            assert!(
                is_indented,
                "{columns} columns: {line:?} looks like the beginning of a row, after\n{joined}\ninstead of\n{row}"
            );
            // Only a list ends with a comma, and the list continues.
            joined += if joined.ends_with(',') { "" } else { " " };
            joined += line.trim_start();
            assert!(
                words(&joined).len() <= expected.len(),
                "{columns} columns: a value of this row is split:\n{row}\n{joined}"
            );
        }
    }
    assert_eq!(lines.next(), None, "{columns} columns: more than in the pipe");
}

fn next<'a>(lines: &mut std::str::Lines<'a>, row: &str, columns: usize) -> &'a str {
    let line = lines.next().unwrap_or_else(|| panic!("{columns} columns: no end of {row}"));
    assert_eq!(line, line.trim_end(), "{columns} columns: blanks at the end");
    let value = line.trim_start().trim_end_matches(',');
    let is_single =
        !value.contains([' ', ',']) || TITLES_AND_TIMERS.iter().any(|it| value.starts_with(it));
    let fits = width(line) <= columns || is_single && width(line.trim_start()) > columns;
    assert!(fits, "{columns} columns are not enough for {line:?}");
    line
}

/// The beginnings of values that contain a blank.
const TITLES_AND_TIMERS: [&str; 9] = [
    "Local Address",
    "Foreign Address",
    "PID/",
    "Peer ",
    "Netns Name",
    "Process User",
    "off (",
    "on (",
    "keepalive (",
];

/// Returns the words of a row, except those that differ between two runs, and the processes after the
/// first, of which a terminal shows only the number.
fn words<'a>(row: &'a str) -> Vec<&'a str> {
    let word = |word: &'a str| match word {
        _ if word.starts_with('(') && word.contains('/') => "(timer)",
        _ if is_process(word) => word.split(',').next().unwrap_or_default(),
        word => word,
    };
    row.split_whitespace().map(word).collect()
}

/// Whether a word begins like `812/sshd`.
fn is_process(word: &str) -> bool {
    let pid = word.split_once('/').map_or("", |(pid, _)| pid);
    !pid.is_empty() && pid.bytes().all(|byte| byte.is_ascii_digit())
}
