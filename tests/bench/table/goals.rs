//! THE LIST of goals. Each is a figure and its limit.

use super::measure::{Results, Sample};
use super::runs::{BARE, SS_LONG};

/// The number of sockets with which programs are compared.
const SIZE: usize = 100_000;

/// Beyond it, the time per socket may not grow much.
const LARGE: usize = 1_000_000;

/// The runs whose time is compared, each with the run that it is compared with and the limit.
const RATIOS: [(&str, &str, f64); 5] = [
    ("knetstat -t", "ss -tan", 0.6),
    ("knetstat -t --port 999", "ss -tan 'sport = :999'", 1.6),
    ("knetstat -tp", "knetstat -t", 1.4),
    ("knetstat -t -O all", SS_LONG, 1.2),
    ("knetstat -tJ", SS_LONG, 1.2),
];

/// The most memory that a table of TCP sockets may take above the bare loader, in MiB. `-p` needs a list of
/// the descriptors of all processes.
const MEMORY: f64 = 8.0;

/// How many times as long a socket may take among [`LARGE`] sockets as among [`SIZE`].
const GROWTH: f64 = 1.3;

/// A goal, and the figure that was measured, if it was.
pub struct Goal {
    pub text: String,
    pub limit: f64,
    pub figure: Option<f64>,
}

/// Returns the goals with their figures.
pub fn compare(results: &Results) -> Vec<Goal> {
    let ratio = |(name, base, limit)| {
        let (sample, base_sample) = (results.get(SIZE, name), results.get(SIZE, base));
        let figure = sample.zip(base_sample).map(|(a, b)| a.wall_ms / b.wall_ms);
        Goal { text: format!("`{name}` / `{base}`, wall time"), limit, figure }
    };
    let mut goals: Vec<Goal> = RATIOS.into_iter().map(ratio).collect();
    goals.push(Goal {
        text: format!("MiB of any `knetstat -t` but `-p` above {BARE}, any size"),
        limit: MEMORY,
        figure: memory(results),
    });
    let time = |size| Some(results.get(size, "knetstat -t")?.wall_ms / size as f64);
    goals.push(Goal {
        text: "`knetstat -t`, wall time per socket, 1,000,000 / 100,000".to_owned(),
        limit: GROWTH,
        figure: time(LARGE).zip(time(SIZE)).map(|(large, small)| large / small),
    });
    goals
}

/// The most memory that a table of TCP sockets took above the bare loader, in MiB.
fn memory(results: &Results) -> Option<f64> {
    let is_table = |name: &str| name.starts_with("knetstat -t") && name != "knetstat -tp";
    let above = |(size, name, sample): (usize, &str, &Sample)| {
        let bare = results.get(size, BARE)?;
        is_table(name).then_some(sample.memory_mib - bare.memory_mib)
    };
    results.iter().filter_map(above).max_by(f64::total_cmp)
}
