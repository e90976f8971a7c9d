//! The clock that counts from boot, in which the kernel notes when a process began.

use std::fs;
use std::io;

use nix::time::{clock_gettime, ClockId};
use nix::unistd::{sysconf, SysconfVar};

use crate::error::reason;
use crate::text::Moment;

/// Converts nanoseconds since boot, in the initial time namespace.
#[derive(Clone, Copy, Debug)]
pub struct BootClock {
    /// When the clock was 0.
    boot: Moment,
    /// By how many nanoseconds the clock is ahead in the time namespace of this process.
    offset: i64,
    /// The nanoseconds in a tick of /proc.
    tick: i64,
}

impl BootClock {
    /// Reads the clocks.
    ///
    /// # Errors
    ///
    /// Why they cannot be read, as the end of a sentence.
    pub fn read() -> Result<BootClock, String> {
        let offset = offset()?;
        let ticks = sysconf(SysconfVar::CLK_TCK).ok().flatten().filter(|ticks| *ticks > 0);
        let boot = boot().map_err(|error| format!("cannot read the clock: {}", error.desc()))?;
        // Whole milliseconds, so that the same process began at the same time in every run.
        let boot = Moment((boot + offset + MILLISECOND / 2).div_euclid(MILLISECOND));
        Ok(BootClock { boot, offset, tick: SECOND / ticks.unwrap_or(100) })
    }

    /// The point in time that is so many nanoseconds after boot.
    pub fn moment(&self, nanoseconds: u64) -> Moment {
        Moment(self.boot.0.saturating_add(nanoseconds as i64 / MILLISECOND))
    }

    /// Whether /proc shows this time to this process as so many ticks: fs/proc/array.c, do_task_stat(). Before 5.11, it
    /// shows the time in the initial time namespace.
    pub fn is_shown_as(&self, nanoseconds: u64, ticks: u64) -> bool {
        ticks == self.ticks(nanoseconds) || ticks == nanoseconds / self.tick as u64
    }

    /// The time in ticks in this time namespace.
    pub fn ticks(&self, nanoseconds: u64) -> u64 {
        (nanoseconds as i64).saturating_add(self.offset) as u64 / self.tick as u64
    }
}

const SECOND: i64 = 1_000_000_000;
const MILLISECOND: i64 = 1_000_000;

/// When the clock of this time namespace was 0, in nanoseconds since 1970. The more exact of a few measurements, during
/// which this process may be interrupted.
fn boot() -> nix::Result<i64> {
    let now = |clock| clock_gettime(clock).map(|time| time.tv_sec() * SECOND + time.tv_nsec());
    let measure = || {
        let before = now(ClockId::CLOCK_BOOTTIME)?;
        let real = now(ClockId::CLOCK_REALTIME)?;
        let duration = now(ClockId::CLOCK_BOOTTIME)? - before;
        Ok((duration, real - before - duration / 2))
    };
    let measurements = (0..5).map(|_| measure()).collect::<nix::Result<Vec<_>>>()?;
    Ok(measurements.into_iter().min().map_or(0, |(_, boot)| boot))
}

/// By how many nanoseconds the clock is ahead in this time namespace: time_namespaces(7). The file has the offsets of
/// the namespace for children, which is another one if it was made by this process, or before 6.0 by the program that
/// became this one.
fn offset() -> Result<i64, String> {
    const OFFSETS: &str = "/proc/self/timens_offsets";
    let link = |name: &str| fs::read_link(format!("/proc/self/ns/{name}"));
    let offsets = match (fs::read_to_string(OFFSETS), link("net")) {
        (Ok(offsets), _) => offsets,
        // This kernel has no time namespaces.
        (Err(error), Ok(_)) if error.kind() == io::ErrorKind::NotFound => return Ok(0),
        (Err(error), _) => {
            let why = reason(&error);
            return Err(format!("cannot read {OFFSETS}: {why} (`mount -t proc proc /proc`)"));
        }
    };
    if link("time").ok() != link("time_for_children").ok() {
        return Err("the time namespace is not that for children (`unshare -T -f`)".to_owned());
    }
    parse_offset(&offsets).ok_or_else(|| format!("cannot parse {OFFSETS}"))
}

/// Parses a line such as `boottime 10 0`: seconds and nanoseconds.
fn parse_offset(offsets: &str) -> Option<i64> {
    let line = offsets.lines().find_map(|line| line.strip_prefix("boottime"))?;
    let mut numbers = line.split_ascii_whitespace().map(str::parse::<i64>);
    let (seconds, nanoseconds) = (numbers.next()?.ok()?, numbers.next()?.ok()?);
    seconds.checked_mul(SECOND)?.checked_add(nanoseconds)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_are_rounded_down_and_shifted() {
        let clock = BootClock { boot: Moment(1_000), offset: 0, tick: 10_000_000 };
        assert_eq!((clock.ticks(19_999_999), clock.ticks(20_000_000)), (1, 2));
        assert_eq!(clock.moment(2_999_999), Moment(1_002));
        let shifted = BootClock { offset: parse_offset(OFFSETS).expect("a line"), ..clock };
        assert_eq!(shifted.ticks(0), 500);
    }

    const OFFSETS: &str = "monotonic           0         0\nboottime            5   3000000\n";

    #[test]
    fn offsets_that_are_no_numbers() {
        assert_eq!(parse_offset(OFFSETS), Some(5_003_000_000));
        assert_eq!(parse_offset("boottime -1 0"), Some(-1_000_000_000));
        for wrong in
            ["", "boottime", "boottime 1", "boottime x 0", "boottime 9223372036854775807 0"]
        {
            assert_eq!(parse_offset(wrong), None, "{wrong}");
        }
    }
}
