//! Whether this kernel has an option.

use crate::kernel::btf::KernelBtf;
use crate::options::catalogue::CATALOGUE;
use crate::options::defaults::{Answer, Defaults};
use crate::socket::kind::SocketKind;

/// Whether this kernel has an option, by its index in the catalogue. `None` if that is unknown, because
/// the kernel's types are not available or a socket that may have the option could not be opened.
pub fn is_supported(index: usize, defaults: &Defaults, btf: Option<&KernelBtf>) -> Option<bool> {
    let option = &CATALOGUE[index];
    let (structure, member) = option.kept_in;
    if !structure.is_empty() {
        return btf.map(|btf| btf.has_member(structure, member));
    }
    let has = |index: usize| {
        let mut answers = SocketKind::ALL.iter().filter_map(|kind| defaults.answers(*kind));
        answers.any(|answers| !matches!(answers[index], Answer::Absent | Answer::Refused(_)))
    };
    if has(index) {
        return Some(true);
    }
    let mut answers = SocketKind::ALL.iter().filter_map(|kind| defaults.answers(*kind));
    if answers.any(|answers| matches!(answers[index], Answer::Refused(_))) {
        return None;
    }
    // If no option of a level was found, its sockets could not be opened.
    let mut others = (0..CATALOGUE.len())
        .filter(|other| CATALOGUE[*other].level == option.level && CATALOGUE[*other].has_getter);
    (!defaults.was_refused() && others.any(has)).then_some(false)
}
