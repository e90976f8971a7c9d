//! Requirements for a new family that the compiler does not check.

use std::path::Path;

use crate::common::flags::flags;
use knetstat::kernel::family::Family;
use knetstat::kernel::programs::{Subject, PROGRAMS};
use knetstat::socket::kind::SocketKind;

/// Families whose options tests/live/options compares.
const COMPARED_WITH_OPTIONS: [Family; 2] = [Family::Tcp, Family::Udp];

#[test]
fn every_family_has_a_program_a_kind_a_flag_and_a_comparison() {
    let flags = flags(|_| true);
    let tests = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/live/families");
    let mut checked = 0;
    for family in Family::ALL {
        let is_read = |subject| matches!(subject, Subject::Sockets(read) if read == family);
        assert!(PROGRAMS.iter().any(|program| is_read(program.subject)), "{family}: no program");
        let is_of = |kind: &SocketKind| kind.family() == family;
        assert!(SocketKind::ALL.iter().any(is_of), "{family}: no kind of socket");
        checked += 1;
        // The other families have no flag of their own.
        if family == Family::Other {
            continue;
        }
        assert!(flags.contains(&format!("--{family}")), "{family}: no flag");
        let file = tests.join(format!("{family}.rs"));
        let is_compared = COMPARED_WITH_OPTIONS.contains(&family) || file.exists();
        assert!(is_compared, "{family}: {} does not exist", file.display());
    }
    assert_eq!(checked, Family::ALL.len());
}
