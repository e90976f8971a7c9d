//! The moments at which a timer expires.

/// A moment, counted from the first.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Moment {
    /// The jiffies until then, if every timer expires on time.
    pub jiffies: u64,
    /// By how many jiffies the timers are late on average.
    delay: u64,
}

impl Moment {
    /// The moment at which a timer expires that is started now.
    pub(super) fn after(self, wait: u64) -> Moment {
        Moment { jiffies: self.jiffies + wait, delay: self.delay + delay(wait) }
    }

    /// How many jiffies have probably passed since an earlier moment.
    pub(super) fn since(self, earlier: Moment) -> u64 {
        (self.jiffies + self.delay) - (earlier.jiffies + earlier.delay)
    }
}

/// The mean delay of a timer: kernel/time/timer.c, calc_wheel_index(). Each level of the wheel is eight times
/// as coarse as the one before it, and a timer expires with the next step of its level. That is at most an
/// eighth of the time that it waits.
fn delay(wait: u64) -> u64 {
    /// LVL_SIZE - 1
    const STEPS: u64 = 63;
    let mut step = 1;
    while wait >= STEPS * step {
        step *= 8;
    }
    step.div_ceil(2)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_levels_of_the_wheel() {
        // The table in kernel/time/timer.c: level 0 ends at 63 steps, level 1 at 504, level 2 at 4032
        for (wait, mean) in [(1, 1), (62, 1), (63, 4), (503, 4), (504, 32), (4032, 256)] {
            assert_eq!(delay(wait), mean, "{wait}");
        }
    }
}
