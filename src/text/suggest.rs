//! "Did you mean": the nearest right words for a wrong one.

/// How alike two words must be to be offered, from 0 to 1.
const ALIKE: f64 = 0.7;

/// The length in bytes of the longest word that anything is offered for. No name is longer, and the
/// time to compare two words grows with the product of their lengths.
const LONGEST: usize = 64;

/// A sentence that says that there is no such `thing`, and which of the `known` ones are near; where
/// none is, it names them all if they are few. All of them may come from outside; they are escaped here.
pub fn unknown<'a, T: AsRef<[u8]> + ?Sized + 'a>(
    thing: &str,
    word: &str,
    known: impl Iterator<Item = &'a T>,
) -> String {
    let known: Vec<String> = known.map(|candidate| super::escaped(candidate.as_ref())).collect();
    let wanted = word.to_lowercase();
    let comparable = known.iter().filter(|it| word.len() <= LONGEST && it.len() <= LONGEST);
    let mut near: Vec<(f64, &str)> = comparable
        .map(|candidate| (likeness(&wanted, &candidate.to_lowercase()), candidate.as_str()))
        .filter(|(likeness, _)| *likeness >= ALIKE)
        .collect();
    near.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(b.1)));
    // A service has a line for each protocol.
    near.dedup();
    let near: Vec<&str> = near.into_iter().take(3).map(|(_, candidate)| candidate).collect();
    let word = super::escaped(word.as_bytes());
    match near.is_empty() {
        false => format!("no {thing} is called '{word}'; did you mean {}?", near.join(", ")),
        true if known.is_empty() => format!("no {thing} is called '{word}'"),
        true if known.len() <= 20 || thing == "column" => {
            format!("no {thing} is called '{word}'; there are {}", known.join(", "))
        }
        true if thing == "option" => {
            format!("no option is called '{word}'; 'knetstat options' lists them")
        }
        true => format!("no {thing} is called '{word}'"),
    }
}

/// How alike two words are, with or without the prefix of the second (SO_, TCP_ ...).
fn likeness(word: &str, candidate: &str) -> f64 {
    let bare = candidate.split_once('_').map_or(candidate, |(_, bare)| bare);
    let alike = |other| strsim::normalized_damerau_levenshtein(word, other);
    // A longer word that begins alike is what people mean by a cut one.
    let begins = if word.len() >= 3 && (candidate.starts_with(word) || bare.starts_with(word)) {
        0.9
    } else {
        0.0
    };
    alike(candidate).max(alike(bare)).max(strsim::jaro_winkler(word, candidate) - 0.15).max(begins)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_name_is_offered_once() {
        let twice = ["domain", "domain", "domain-s"];
        let said = unknown("service", "domian", twice.into_iter());
        assert!(said.ends_with("did you mean domain, domain-s?"), "{said}");
        let said = unknown("namespace", "one", std::iter::empty::<&str>());
        assert_eq!(said, "no namespace is called 'one'");
    }

    #[test]
    fn long_words_are_not_compared() {
        let names = ["SO_KEEPALIVE", "TCP_NODELAY"];
        let near = |word: &str| unknown("option", word, names.into_iter()).contains("did you mean");
        assert!(near("SO_KEEPALIV"));
        assert!(!near(&format!("SO_KEEPALIV{}", "E".repeat(LONGEST))));
        // Of names from outside, such as those of ip-netns(8), either may be long.
        let long = "n".repeat(LONGEST + 1);
        assert!(!unknown("network namespace", "nn", [long.as_str()].into_iter()).contains("mean"));
    }
}
