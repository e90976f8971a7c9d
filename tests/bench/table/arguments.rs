//! The arguments of the benchmark: `cargo bench --bench table -- ARGUMENTS`.

use clap::Parser;

/// Measures knetstat with many sockets.
#[derive(Parser)]
#[command(name = "table")]
pub struct Arguments {
    /// Numbers of TCP sockets
    #[arg(long, value_delimiter = ',', default_values_t = [1_000, 10_000, 100_000, 1_000_000])]
    pub sizes: Vec<usize>,

    /// The number of UDP and of unix sockets
    #[arg(long, default_value_t = 20_000)]
    pub others: usize,

    /// How often each command is run (default: 15 times with 1,000 sockets, 3 times with 1,000,000)
    #[arg(long)]
    rounds: Option<usize>,

    /// For how many seconds round trips are measured; 0 leaves them out
    #[arg(long, default_value_t = 5.0)]
    pub seconds: f64,

    /// A few hundred sockets and one round
    #[arg(long)]
    pub short: bool,

    /// cargo bench adds this, and cargo test does not
    #[arg(long, hide = true)]
    bench: bool,

    /// Only runs whose command line contains this, such as 'knetstat -t' or ss
    filter: Option<String>,
}

impl Arguments {
    /// Parses the arguments. `cargo test` measures the short form. It passes arguments that select among the
    /// tests of other programs. `None`: with these, nothing is measured.
    pub fn of(words: &[&str]) -> anyhow::Result<Option<Arguments>> {
        if words.is_empty() {
            return Ok(Some(Arguments::parse_from(["table", "--short"]).shortened()));
        }
        if !words.contains(&"--bench") {
            println!("NOT TESTED: the benchmark, because the tests were selected by arguments");
            return Ok(None);
        }
        let mut arguments = Arguments::parse();
        arguments.sizes.sort_unstable();
        anyhow::ensure!(arguments.sizes.first() > Some(&2), "--sizes: at least 3 sockets");
        anyhow::ensure!(arguments.rounds != Some(0), "--rounds: at least 1");
        Ok(Some(if arguments.short { arguments.shortened() } else { arguments }))
    }

    fn shortened(self) -> Arguments {
        Arguments { sizes: vec![300], others: 300, rounds: Some(1), seconds: 0.1, ..self }
    }

    /// Whether a run with this command line is selected.
    pub fn selects(&self, name: &str) -> bool {
        self.filter.as_ref().is_none_or(|filter| name.contains(filter.as_str()))
    }

    /// Whether round trips are measured.
    pub fn latency(&self) -> bool {
        self.seconds > 0.0 && self.filter.is_none()
    }

    /// How often each command is run with this many sockets.
    pub fn rounds(&self, size: usize) -> usize {
        self.rounds.unwrap_or(match size {
            0..=1_000 => 15,
            1_001..=20_000 => 11,
            20_001..=100_000 => 7,
            _ => 3,
        })
    }
}
