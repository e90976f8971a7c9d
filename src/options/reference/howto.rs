//! How programs and languages set an option, for users who look for it in their own configuration. The facts
//! are in `howto.tsv`, the programs and the sources in `programs.tsv`.

use serde::Serialize;

use super::table::records;

static HOWTO: &str = include_str!("howto.tsv");
static PROGRAMS: &str = include_str!("programs.tsv");

/// One way to set an option.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Howto {
    /// The option's name, as in the catalogue.
    #[serde(skip)]
    pub option: &'static str,
    /// The program, language or library.
    pub program: &'static str,
    /// The version of the program for which the fact was looked up.
    pub version: &'static str,
    /// The call, directive or setting, with the program's own default if that is documented.
    pub how: &'static str,
}

/// A program, language or library.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Program {
    pub name: &'static str,
    /// The version for which its facts were looked up.
    pub version: &'static str,
    /// The documents in which its facts were looked up.
    pub sources: &'static str,
}

/// The programs, in the order in which they are shown.
pub fn programs() -> impl Iterator<Item = Program> {
    records(PROGRAMS).map(|[name, version, sources]| Program { name, version, sources })
}

/// The ways to set an option, in the order of the programs.
pub fn of(option: &str) -> impl Iterator<Item = Howto> + '_ {
    all().filter(move |howto| howto.option == option)
}

/// All ways to set options.
pub fn all() -> impl Iterator<Item = Howto> {
    let programs: Vec<Program> = programs().collect();
    records(HOWTO).map(move |[option, program, how]| {
        let known = programs.iter().find(|known| known.name == program);
        Howto { option, program, version: known.map_or("", |known| known.version), how }
    })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::super::table::lines;
    use super::*;
    use crate::options::catalogue::CATALOGUE;

    fn rank(howto: &Howto) -> (usize, usize) {
        let option = CATALOGUE.iter().position(|option| option.name == howto.option);
        let program = programs().position(|program| program.name == howto.program);
        let option = option.unwrap_or_else(|| panic!("no option {}", howto.option));
        (option, program.unwrap_or_else(|| panic!("no program {}", howto.program)))
    }

    #[test]
    fn every_line_is_a_fact_about_an_option_and_a_program() {
        assert_eq!(all().count(), lines(HOWTO).count(), "a line of howto.tsv is no record");
        assert_eq!(
            programs().count(),
            lines(PROGRAMS).count(),
            "a line of programs.tsv is no record"
        );
        for howto in all() {
            rank(&howto);
            assert!(!howto.version.is_empty(), "{howto:?}");
        }
    }

    #[test]
    fn facts_are_in_order_and_none_is_there_twice() {
        let ranks: Vec<_> = all().map(|howto| rank(&howto)).collect();
        for (pair, howto) in ranks.windows(2).zip(all().skip(1)) {
            assert!(pair[0] < pair[1], "out of order, or twice: {howto:?}");
        }
    }

    #[test]
    fn every_program_has_facts_and_sources() {
        let used: BTreeSet<_> = all().map(|howto| howto.program).collect();
        for program in programs() {
            assert!(used.contains(program.name), "{} has no facts", program.name);
            assert!(!program.sources.is_empty() && !program.version.is_empty(), "{program:?}");
        }
    }

    #[test]
    fn facts_are_short_and_ascii() {
        for howto in all() {
            assert!(howto.how.is_ascii() && howto.how.trim() == howto.how, "{howto:?}");
            assert!((1..=120).contains(&howto.how.len()), "{howto:?}");
        }
    }
}
