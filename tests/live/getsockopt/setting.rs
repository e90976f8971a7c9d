//! The rows of the table, and the setsockopt(2) calls that they describe.

use super::Layout;

/// An option that getsockopt(2) supports.
pub struct Row {
    pub name: &'static str,
    pub level: i32,
    pub number: i32,
    pub layout: Layout,
    pub values: Values,
}

/// The values that can be set.
pub enum Values {
    /// None: the option is read-only, or only raw sockets can set it.
    Fixed,
    /// 0 and 1.
    Flag,
    /// These numbers.
    Ints(&'static [i32]),
    /// The numbers from the first to the second.
    Between(i32, i32),
    /// Lists for unconnected and connected sockets. The second list would break a connection that is yet to
    /// be established.
    EarlyLate(&'static [i32], &'static [i32]),
    /// The settings that the function returns.
    Made(fn() -> Vec<Setting>),
}

/// A call of setsockopt(2).
#[derive(Clone)]
pub struct Setting {
    /// The option that it is for.
    pub name: &'static str,
    pub level: i32,
    pub number: i32,
    pub value: Vec<u8>,
    /// Only for a socket that is already connected, because the value would prevent that.
    pub late: bool,
}

impl Setting {
    fn new(row: &Row, value: i32, late: bool) -> Setting {
        let Row { name, level, number, .. } = *row;
        Setting { name, level, number, value: value.to_ne_bytes().to_vec(), late }
    }

    pub fn with(name: &'static str, level: i32, number: i32, value: impl Into<Vec<u8>>) -> Setting {
        Setting { name, level, number, value: value.into(), late: false }
    }

    pub fn late(mut self) -> Setting {
        self.late = true;
        self
    }
}

impl Row {
    /// Returns some values to set, including the extremes.
    pub fn settings(&self) -> Vec<Setting> {
        let early = |values: &[i32]| values.iter().map(|&n| Setting::new(self, n, false)).collect();
        match self.values {
            Values::Fixed => Vec::new(),
            Values::Flag => early(&[1, 0]),
            Values::Ints(values) => early(values),
            Values::Between(low, high) => {
                let mut values = vec![high, low + 1, low, (low / 2 + high / 2) | 1];
                values.dedup();
                early(&values)
            }
            Values::EarlyLate(first, second) => {
                let mut settings: Vec<Setting> = early(first);
                settings.extend(second.iter().map(|&n| Setting::new(self, n, true)));
                settings
            }
            Values::Made(make) => make(),
        }
    }

    /// Returns any value, chosen by a random number.
    pub fn random(&self, random: u64) -> Option<Setting> {
        if let Values::Between(low, high) = self.values {
            // Half of the time an extreme, otherwise any value between.
            if random % 2 == 0 {
                let span = (i64::from(high) - i64::from(low) + 1) as u64;
                let value = i64::from(low) + ((random >> 1) % span) as i64;
                return Some(Setting::new(self, value as i32, false));
            }
        }
        let settings = self.settings();
        let index = (random >> 1) as usize % settings.len().max(1);
        settings.into_iter().nth(index)
    }
}
