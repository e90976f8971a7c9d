//! Random options with random values on random sockets.

use super::scene::{Scene, Subject, Version};
use super::walk::{Attempts, Stage};
use crate::common::say;
use crate::getsockopt::{Setting, Tally, TCP_AND_UDP};

/// The number of times that sockets are made: two or three each time.
const ROUNDS: usize = 400;

/// The number of rounds that are compared at once.
const BATCH: usize = 100;

/// xorshift64*, which is sufficient to choose options.
pub struct Random(u64);

impl Random {
    /// Starts with a fixed seed, unless the environment sets another.
    pub fn new() -> Random {
        let seed = std::env::var("KNETSTAT_TEST_SEED").ok().and_then(|seed| seed.parse().ok());
        let seed = seed.unwrap_or(20_130_407);
        say(&format!("KNETSTAT_TEST_SEED={seed}"));
        Random(seed)
    }

    fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 8
    }

    pub fn below(&mut self, limit: usize) -> usize {
        self.next() as usize % limit
    }

    /// Returns settings of about one option in `rarity`.
    fn settings(&mut self, rarity: usize) -> Vec<Setting> {
        let rows: Vec<_> = TCP_AND_UDP.iter().filter(|_| self.below(rarity) == 0).collect();
        rows.into_iter().filter_map(|row| row.random(self.next())).collect()
    }
}

/// Makes sockets with some settings before and some after they are connected.
fn sockets(scene: &Scene, random: &mut Random, attempts: &mut Attempts) -> Vec<Subject> {
    let version = Version::ALL[random.below(3)];
    let rarity = 2 + random.below(20);
    let make = [Scene::tcp, Scene::udp][random.below(2)];
    let mut set = |subject: &mut Subject, stage| {
        random.settings(rarity).iter().for_each(|setting| attempts.set(subject, setting, stage));
    };
    // Settings that prevent a connection are found by trying.
    let made = make(scene, version, &mut |subject| set(subject, Stage::Early));
    let mut made = made.unwrap_or_default();
    made.iter_mut().for_each(|subject| set(subject, Stage::Late));
    made
}

#[test]
fn random_settings() {
    let mut random = Random::new();
    let scene = Scene::enter();
    let mut tally = Tally::default();
    let mut attempts = Attempts::default();
    let mut failed = 0;

    for _ in 0..ROUNDS / BATCH {
        let mut subjects = Vec::new();
        for _ in 0..BATCH {
            let made = sockets(&scene, &mut random, &mut attempts);
            failed += usize::from(made.is_empty());
            subjects.extend(made);
        }
        tally.compare("-tu", &subjects);
    }
    assert!(failed < ROUNDS / 4, "{failed} of {ROUNDS} connections could not be made");
    tally.finish("tcp/udp: random", &format!("; {failed} could not be connected"));
}
