//! The tables that are printed, as they are in docs/performance.md.

use tabled::builder::Builder;
use tabled::settings::object::Columns;
use tabled::settings::{Alignment, Style};

use super::goals::Goal;
use super::latency::Latency;
use super::measure::{Outcome, Sample};
use super::runs::{Run, BARE};

/// Prints a table of runs, with the ratio of the wall time to that of the run with which each is compared.
pub fn runs(title: &str, runs: &[&Run], outcomes: &[Outcome]) {
    let names: Vec<String> = runs.iter().map(|run| run.name()).collect();
    let sample_of = |name: &str| outcomes[names.iter().position(|it| it == name)?].ok();
    let row = |(run, outcome): (&&Run, &Outcome)| {
        let name = code(&run.name());
        let sample: &Sample = match outcome {
            Ok(sample) => sample,
            Err(why) => return vec![name, why.to_string()],
        };
        let figures = [sample.wall_ms, sample.user_ms, sample.system_ms, sample.memory_mib];
        let figures = figures.map(|figure| format!("{figure:.1}"));
        let compared = run.base.and_then(|base| Some((base, sample_of(base)?)));
        let ratio = compared.map(|(base, other)| {
            format!("{:.2} of {}", sample.wall_ms / other.wall_ms, code(base))
        });
        [name].into_iter().chain(figures).chain([ratio.unwrap_or_default()]).collect()
    };
    let heading = ["", "wall ms", "user ms", "system ms", "peak MiB", "compared"];
    print(title, &heading, runs.iter().zip(outcomes).map(row).collect());
}

/// Prints a table of round trips.
pub fn latency(title: &str, latencies: &[Latency]) {
    let row = |latency: &Latency| {
        let Some(times) = latency.times else {
            return vec![code(&latency.reader), "not installed".to_owned()];
        };
        let times = times.map(|time| format!("{time:.1}"));
        let first = [code(&latency.reader)].into_iter();
        first.chain(times).chain([latency.reads.to_string()]).collect()
    };
    let heading = ["beside", "p50 µs", "p99 µs", "p99.9 µs", "runs meanwhile"];
    print(title, &heading, latencies.iter().map(row).collect());
}

/// Prints the goals.
pub fn goals(goals: &[Goal]) {
    let row = |goal: &Goal| {
        let figure = goal.figure.map(|figure| format!("{figure:.2}"));
        let result = match goal.figure {
            Some(figure) if figure <= goal.limit => "met",
            Some(_) => "not met",
            None => "not measured",
        };
        let limit = format!("{:.1}", goal.limit);
        vec![goal.text.clone(), figure.unwrap_or_default(), limit, result.to_owned()]
    };
    let heading = ["goal", "measured", "at most", ""];
    print("Goals, at 100,000 sockets", &heading, goals.iter().map(row).collect());
}

fn print(title: &str, heading: &[&str], rows: Vec<Vec<String>>) {
    let mut table = Builder::default();
    table.push_record(heading.iter().copied());
    rows.into_iter().for_each(|row| table.push_record(row));
    let mut table = table.build();
    table.with(Style::markdown());
    // Figures are in the columns between the first and the last.
    table.modify(Columns::new(1..heading.len() - 1), Alignment::right());
    println!("\n### {title}\n\n{table}");
}

/// A command line in the form of code.
fn code(name: &str) -> String {
    match name == BARE || name == "nothing" {
        true => name.to_owned(),
        false => format!("`{name}`"),
    }
}

/// A number with commas between the thousands.
pub fn grouped(number: usize) -> String {
    let digits = number.to_string();
    let groups = digits.as_bytes().rchunks(3).rev().map(String::from_utf8_lossy);
    groups.collect::<Vec<_>>().join(",")
}
