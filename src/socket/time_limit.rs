//! Times after which the kernel gives something up.

use std::time::Duration;

/// A time that ends, or that never does. `Never` is longer than any other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum TimeLimit {
    After(Duration),
    Never,
}

impl TimeLimit {
    /// The limit of so many jiffies.
    pub fn of_jiffies(jiffies: u64, hz: u64) -> TimeLimit {
        let nanoseconds = u128::from(jiffies) * 1_000_000_000 / u128::from(hz.max(1));
        TimeLimit::After(Duration::from_nanos(u64::try_from(nanoseconds).unwrap_or(u64::MAX)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn never_is_longer_than_any_time() {
        let [short, long] = [1, u64::MAX].map(|jiffies| TimeLimit::of_jiffies(jiffies, 250));
        assert!(short < long && long < TimeLimit::Never);
        assert_eq!(short, TimeLimit::After(Duration::from_millis(4)));
        assert_eq!(TimeLimit::of_jiffies(3, 300), TimeLimit::After(Duration::from_millis(10)));
    }
}
