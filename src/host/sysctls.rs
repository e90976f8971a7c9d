//! Values of sysctls in the network namespace of this thread: /proc/sys.

use std::collections::HashMap;
use std::fs;
use std::path::Path;

/// Returns the value of a sysctl, by the name that sysctl(8) prints, its numbers separated by single blanks. `None` if
/// this kernel or the network namespace of this thread does not have it.
pub fn read(name: &str) -> Option<String> {
    let text = fs::read_to_string(format!("/proc/sys/{}", name.replace('.', "/"))).ok()?;
    Some(text.split_whitespace().collect::<Vec<_>>().join(" "))
}

/// Why no sysctl can be read, and what to do. `None` if those that exist can be.
pub fn obstacle() -> Option<&'static str> {
    let is_there = Path::new("/proc/sys/kernel").exists();
    (!is_there).then_some("/proc/sys is not there (`mount -t proc proc /proc`)")
}

/// Sysctls of a network namespace, by name. By default none.
#[derive(Clone, Debug, Default)]
pub struct Sysctls {
    values: HashMap<&'static str, String>,
    /// Why none could be read.
    obstacle: Option<&'static str>,
}

impl Sysctls {
    /// Reads those of these names that exist.
    pub fn read(names: impl Iterator<Item = &'static str>) -> Sysctls {
        let mut values = HashMap::new();
        for name in names {
            if !values.contains_key(name) {
                values.extend(read(name).map(|value| (name, value)));
            }
        }
        let obstacle = if values.is_empty() { obstacle() } else { None };
        Sysctls { values, obstacle }
    }

    /// What is missing, as the end of a sentence.
    pub fn missing(&self) -> Option<String> {
        self.obstacle.map(|why| format!("values of sysctls: {why}"))
    }

    /// The value of a sysctl. `None` if it was not read, or does not exist.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.values.get(name).map(String::as_str)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_separated_by_single_blanks() {
        let known = ["kernel.ostype", "kernel.printk", "kernel.nothing"];
        let sysctls = Sysctls::read(known.into_iter());
        assert_eq!(sysctls.get("kernel.ostype"), Some("Linux"));
        let levels = sysctls.get("kernel.printk").expect("four numbers");
        assert_eq!(levels.split(' ').filter(|level| level.parse::<u8>().is_ok()).count(), 4);
        assert_eq!(sysctls.get("kernel.nothing"), None);
        assert_eq!(sysctls.get("kernel.hostname"), None);
    }
}
