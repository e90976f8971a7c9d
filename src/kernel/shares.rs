//! Which programs a thread loads. The verifier of the kernel takes most of a start, one CPU for each object.

use crate::kernel::object::Part;
use crate::kernel::programs::Program;

/// Programs of one part, which are loaded together.
pub struct Share {
    pub part: Part,
    pub programs: Vec<&'static Program>,
}

impl Share {
    fn weight(&self) -> u32 {
        self.programs.iter().map(|it| it.weight()).sum()
    }

    /// Leaves about half of the weight, and returns the rest. `None` if it has only one program.
    fn divide(&mut self) -> Option<Share> {
        if self.programs.len() < 2 {
            return None;
        }
        let mut halves = [(); 2].map(|()| Share { part: self.part, programs: Vec::new() });
        // The list of programs begins with the heavy ones.
        for program in std::mem::take(&mut self.programs) {
            let [one, other] = &mut halves;
            let lighter = if other.weight() < one.weight() { other } else { one };
            lighter.programs.push(program);
        }
        let [one, other] = halves;
        *self = one;
        Some(other)
    }
}

/// Divides programs among threads. There are more shares than threads only if more parts are needed, and fewer only if
/// there are fewer programs.
pub fn of(needed: &[&'static Program], threads: usize) -> Vec<Share> {
    let of_part = |part| {
        let programs = needed.iter().filter(|it| Part::of(it.name) == part).copied();
        Share { part, programs: programs.collect() }
    };
    let mut shares: Vec<Share> = Part::ALL.map(of_part).into();
    shares.retain(|share| !share.programs.is_empty());
    while shares.len() < threads {
        let divisible = shares.iter_mut().filter(|share| share.programs.len() > 1);
        let Some(half) = divisible.max_by_key(|it| it.weight()).and_then(Share::divide) else {
            break;
        };
        shares.push(half);
    }
    shares
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::programs::PROGRAMS;

    fn names(shares: &[Share]) -> Vec<Vec<&str>> {
        shares.iter().map(|share| share.programs.iter().map(|it| it.name).collect()).collect()
    }

    #[test]
    fn every_program_is_in_one_share_of_its_part() {
        let all: Vec<&Program> = PROGRAMS.iter().collect();
        for threads in 1..=2 * all.len() {
            let shares = of(&all, threads);
            assert_eq!(shares.len(), threads.clamp(Part::ALL.len(), all.len()));
            let of_its_part =
                |share: &Share| share.programs.iter().all(|it| Part::of(it.name) == share.part);
            assert!(shares.iter().all(of_its_part));
            let mut found: Vec<_> =
                shares.iter().flat_map(|it| &it.programs).map(|it| it.rank()).collect();
            found.sort_unstable();
            assert_eq!(found, Vec::from_iter(0..all.len()));
        }
    }

    #[test]
    fn shares_take_about_the_same_time() {
        let needed = |names: &[&str]| -> Vec<&Program> {
            PROGRAMS.iter().filter(|it| names.contains(&it.name)).collect()
        };
        let processes = needed(&["tcp_walk", "queue_walk", "holder_walk", "message_walk"]);
        let others = vec!["queue_walk", "holder_walk", "message_walk"];
        assert_eq!(names(&of(&processes, 2)), [vec!["tcp_walk"], others]);
        let both = needed(&["tcp_walk", "udp_walk", "queue_walk", "holder_walk"]);
        assert_eq!(names(&of(&both, 2)), [["tcp_walk", "queue_walk"], ["udp_walk", "holder_walk"]]);
        assert_eq!(names(&of(&both, 1)).len(), 1);
        assert_eq!(names(&of(&[], 2)), [[""; 0]; 0]);
    }
}
