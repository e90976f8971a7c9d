//! The report: text for people, or JSON.

use std::io::{self, Write};

use serde::Serialize;

use super::check::Check;

/// The width of the text where it can be kept: what a terminal has at least.
const WIDTH: usize = 80;
/// Where the second and the third column begin.
const NAME: usize = 9;
const DETAIL: usize = 27;

/// Writes a line for each check; what does not fit goes on in lines that begin with blanks.
///
/// # Errors
///
/// When it cannot be written.
pub fn write_text(to: &mut impl Write, checks: &[Check]) -> io::Result<()> {
    for check in checks {
        let remedy = check.remedy.as_ref().map(|remedy| format!("-> {remedy}"));
        let whole = [Some(check.detail.clone()), remedy.clone()].map(Option::unwrap_or_default);
        let whole = whole.join(" ");
        let (detail, remedy) = match whole.chars().count() <= WIDTH - DETAIL {
            true => (whole.trim_end(), None),
            false => (check.detail.as_str(), remedy),
        };
        let (mut verdict, mut name) = (check.verdict.word(), check.name.as_str());
        for line in fold(detail, WIDTH - DETAIL) {
            writeln!(to, "{verdict:<8} {name:<17} {line}")?;
            (verdict, name) = ("", "");
        }
        for line in remedy.iter().flat_map(|remedy| fold(remedy, WIDTH - NAME)) {
            writeln!(to, "{:NAME$}{line}", "")?;
        }
    }
    Ok(())
}

/// Breaks a text into lines of at most so many characters, but not inside of quotes: those are
/// commands, which people copy.
fn fold(text: &str, width: usize) -> Vec<String> {
    let (mut is_quoted, mut before) = (false, ' ');
    let words = text.split(|c| {
        if c == '\'' {
            // An apostrophe is inside of a word.
            is_quoted = !is_quoted && before == ' ';
        }
        before = c;
        c == ' ' && !is_quoted
    });
    let mut lines = vec![String::new()];
    for word in words {
        match lines.last_mut() {
            Some(line) if line.is_empty() => line.push_str(word),
            Some(line) if line.chars().count() + 1 + word.chars().count() <= width => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.into()),
        }
    }
    lines
}

/// Writes one JSON object.
///
/// # Errors
///
/// When it cannot be written.
pub fn write_json(to: &mut impl Write, checks: &[Check]) -> io::Result<()> {
    #[derive(Serialize)]
    struct Findings<'a> {
        complete: bool,
        checks: &'a [Check],
    }
    let complete = !checks.iter().any(Check::is_obstacle);
    serde_json::to_writer_pretty(&mut *to, &Findings { complete, checks })?;
    writeln!(to)
}

#[cfg(test)]
mod tests {
    use super::fold;

    #[test]
    fn lines_are_broken_between_words_but_not_in_commands() {
        assert_eq!(fold("one two three", 8), ["one two", "three"]);
        assert_eq!(fold("run 'a b c' now", 5), ["run", "'a b c'", "now"]);
        assert_eq!(fold("the kernel's own", 9), ["the", "kernel's", "own"]);
        assert_eq!(fold("", 5), [""]);
    }
}
