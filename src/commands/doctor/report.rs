//! The report: a sentence, a line for each problem, a line for each check, or JSON.

use std::collections::BTreeSet;
use std::io::{self, Write};

use serde::Serialize;

use super::check::{Check, Problem, Verdict, TABLE};
use super::namespaces::PID_NAMESPACE;
use super::pins;
use crate::error::Error;

/// The width of the list of checks, which every usual terminal has.
const WIDTH: usize = 80;
/// The positions at which the second and the third column begin.
const NAME: usize = 9;
const DETAIL: usize = 27;

/// The form of the report.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// A sentence if everything works, and a line for each problem.
    Short,
    /// The same, and a line for each check.
    Verbose,
    Json,
}

impl Form {
    /// Returns the form that these flags select.
    pub fn of(verbose: bool, json: bool) -> Form {
        match (verbose, json) {
            (_, true) => Form::Json,
            (true, false) => Form::Verbose,
            (false, false) => Form::Short,
        }
    }
}

/// The findings about this host.
pub struct Report {
    pub checks: Vec<Check>,
    /// The number of options that this kernel has, in words.
    pub count: String,
    /// Whether this user cannot load programs, but can read pins.
    pub by_pins: bool,
}

impl Report {
    /// Whether the table works here and is complete.
    fn is_complete(&self) -> bool {
        self.obstacles().is_empty()
    }

    /// Why the table does not work or is not complete, each problem once.
    fn obstacles(&self) -> Vec<&Problem> {
        each_once(self.checks.iter().filter(|it| self.matters(it)).filter_map(Check::obstacle))
    }

    /// The problems to report: the obstacles or, if there are none, everything else that does not work.
    fn problems(&self) -> Vec<&Problem> {
        let obstacles = self.obstacles();
        if !obstacles.is_empty() {
            return obstacles;
        }
        let ignored = self.checks.iter().filter(|it| !self.matters(it));
        let ignored: Vec<_> = ignored.filter_map(Check::obstacle).collect();
        let problems = self.checks.iter().filter_map(|check| check.problem.as_ref());
        each_once(problems.filter(|problem| !ignored.contains(problem)))
    }

    /// Whether what a check requires is required here: not what prevents programs from being loaded, if the pins serve.
    fn matters(&self, check: &Check) -> bool {
        !self.by_pins || check.name == pins::NAME
    }

    /// What is wrong with the table, as the beginning of a sentence.
    fn failure(&self) -> &'static str {
        match self.obstacles().iter().any(|problem| problem.what == TABLE) {
            true => "the table cannot be read here",
            false => "the table is not complete here",
        }
    }

    fn reasons(&self) -> String {
        let reason = |problem: &Problem| match problem.what.as_str() {
            TABLE => problem.why.clone(),
            what => format!("{what}: {}", problem.why),
        };
        self.obstacles().into_iter().map(reason).collect::<Vec<_>>().join("; ")
    }

    /// Whether knetstat works here, in one sentence.
    fn summary(&self) -> String {
        if !self.is_complete() {
            return format!("{}: {}", self.failure(), self.reasons());
        }
        if self.by_pins {
            return format!(
                "knetstat works here, through the pins of an administrator; {}",
                self.count
            );
        }
        let verdict = |name: &str| {
            let check = self.checks.iter().find(|check| check.name == name);
            check.map_or(Verdict::Unknown, |check| check.verdict)
        };
        let processes = match verdict(PID_NAMESPACE) {
            Verdict::Ok => "processes",
            _ => "processes of this PID namespace",
        };
        let namespaces = match verdict("CAP_SYS_ADMIN") {
            Verdict::Ok => ", namespaces",
            _ => "",
        };
        format!("knetstat works here: all families, {processes}{namespaces}; {}", self.count)
    }

    /// Writes the sentence if knetstat works, and a line for each problem.
    ///
    /// # Errors
    ///
    /// When it cannot be written, here and below.
    pub fn write_short(&self, to: &mut impl Write) -> io::Result<()> {
        self.sentences().iter().try_for_each(|sentence| writeln!(to, "{sentence}"))
    }

    fn sentences(&self) -> Vec<String> {
        let summary = self.is_complete().then(|| self.summary());
        summary.into_iter().chain(self.problems().into_iter().map(ToString::to_string)).collect()
    }

    /// Writes the same, and a line for each check. Text that does not fit continues in lines that begin
    /// with blanks. A remedy is written once: without privileges, forty programs have the same.
    ///
    /// # Errors
    ///
    /// As [`Report::write_short`].
    pub fn write_verbose(&self, to: &mut impl Write) -> io::Result<()> {
        for sentence in self.sentences() {
            let mut indent = 0;
            for line in fold(&sentence, WIDTH - NAME) {
                writeln!(to, "{:indent$}{line}", "")?;
                indent = NAME;
            }
        }
        writeln!(to)?;
        let problems = self.problems().into_iter();
        let mut written: BTreeSet<&str> = problems.map(|it| it.remedy.as_str()).collect();
        for check in &self.checks {
            let remedy = check.remedy.as_deref().filter(|remedy| written.insert(remedy));
            write_check(to, check, remedy)?;
        }
        Ok(())
    }

    /// Writes one JSON object.
    ///
    /// # Errors
    ///
    /// As [`Report::write_short`].
    pub fn write_json(&self, to: &mut impl Write) -> io::Result<()> {
        #[derive(Serialize)]
        struct Findings<'a> {
            complete: bool,
            summary: String,
            problems: Vec<&'a Problem>,
            checks: &'a [Check],
        }
        let (complete, summary, problems) = (self.is_complete(), self.summary(), self.problems());
        let findings = Findings { complete, summary, problems, checks: &self.checks };
        serde_json::to_writer_pretty(&mut *to, &findings)?;
        writeln!(to)
    }

    /// Checks that the table works here.
    ///
    /// # Errors
    ///
    /// When the table does not work or would be incomplete: why, and what to do. A `reader` at a terminal
    /// has just read the remedy, which is not repeated.
    pub fn conclusion(&self, reader: bool) -> Result<(), Error> {
        let obstacles = self.obstacles();
        let Some(first) = obstacles.first() else { return Ok(()) };
        let remedy = if reader { "see above" } else { &first.remedy };
        Err(Error::Unfit { what: self.failure(), why: self.reasons(), remedy: remedy.into() })
    }
}

fn each_once<'a>(problems: impl Iterator<Item = &'a Problem>) -> Vec<&'a Problem> {
    let mut known: Vec<&Problem> = Vec::new();
    for problem in problems {
        if !known.contains(&problem) {
            known.push(problem);
        }
    }
    known
}

fn write_check(to: &mut impl Write, check: &Check, remedy: Option<&str>) -> io::Result<()> {
    let remedy = remedy.map(|remedy| format!("({remedy})"));
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
    Ok(())
}

/// Breaks a text into lines of at most this many characters, but not within backticks, so that commands
/// can be copied.
fn fold(text: &str, width: usize) -> Vec<String> {
    let mut is_command = false;
    let words = text.split(|c| {
        is_command ^= c == '`';
        c == ' ' && !is_command
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

#[cfg(test)]
mod tests {
    use super::fold;

    #[test]
    fn lines_are_broken_between_words_but_not_in_commands() {
        assert_eq!(fold("one two three", 8), ["one two", "three"]);
        assert_eq!(fold("run `a b c` now", 5), ["run", "`a b c`", "now"]);
        assert_eq!(fold("", 5), [""]);
    }
}
