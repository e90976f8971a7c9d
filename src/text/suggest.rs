//! "Did you mean": the most similar known words for a mistyped one.

/// The minimum similarity of two words, from 0 to 1, for one to be suggested.
const ALIKE: f64 = 0.7;

/// How much less similar than the most similar word another word may be.
const CLOSE: f64 = 0.1;

/// The length in bytes of the longest word that is compared. No name of knetstat is longer, and the time
/// to compare two words grows with the product of their lengths.
const LONGEST: usize = 64;

/// The maximum number of words that are listed if none is similar. Columns are always listed.
const FEW: usize = 20;

/// Returns a message that there is no such `thing`, with the most similar `known` words or, if none is
/// similar, with all of them if they are few. The words may come from outside and are escaped here.
pub fn unknown<'a, T: AsRef<[u8]> + ?Sized + 'a>(
    thing: &str,
    word: &str,
    known: impl Iterator<Item = &'a T>,
) -> String {
    let known: Vec<String> = known.map(|candidate| super::escaped(candidate.as_ref())).collect();
    let near = nearest(word, &known);
    let hint = match near.is_empty() {
        false => format!(" (did you mean {}?)", listed(&near, "or")),
        true if thing == "option" => " ('knetstat options' lists them)".into(),
        true if known.is_empty() => String::new(),
        true if known.len() <= FEW || thing == "column" => {
            format!(" (expected {})", listed(&known, "or"))
        }
        true => String::new(),
    };
    format!("unknown {thing} '{}'{hint}", super::escaped(word.as_bytes()))
}

/// Returns a message that an abbreviation matches several words.
pub fn ambiguous<T: AsRef<str>>(thing: &str, word: &str, candidates: &[T]) -> String {
    let word = super::escaped(word.as_bytes());
    format!("ambiguous {thing} '{word}' (did you mean {}?)", listed(candidates, "or"))
}

/// Joins words as in a sentence: `a, b or c`.
pub fn listed<T: AsRef<str>>(words: &[T], conjunction: &str) -> String {
    let words: Vec<&str> = words.iter().map(AsRef::as_ref).collect();
    match &words[..] {
        [] => String::new(),
        [word] => (*word).to_owned(),
        [first @ .., last] => format!("{} {conjunction} {last}", first.join(", ")),
    }
}

/// Returns up to three of the known words, the most similar first.
pub fn nearest<'a, T: AsRef<str>>(word: &str, known: &'a [T]) -> Vec<&'a str> {
    let wanted = word.to_lowercase();
    let known = known.iter().map(AsRef::as_ref);
    let comparable = known.filter(|it| word.len() <= LONGEST && it.len() <= LONGEST);
    let mut near: Vec<(f64, &str)> = comparable
        .map(|candidate| (likeness(&wanted, &candidate.to_lowercase()), candidate))
        .filter(|(likeness, _)| *likeness >= ALIKE)
        .collect();
    near.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(b.1)));
    // Words that are much less similar than the first one are misleading.
    let best = near.first().map_or(0.0, |(likeness, _)| *likeness);
    near.retain(|(likeness, _)| *likeness >= best - CLOSE);
    // A service has one line per protocol.
    near.dedup();
    near.into_iter().take(3).map(|(_, candidate)| candidate).collect()
}

/// The similarity of two words, with or without the prefix of the second (SO_, TCP_ ...).
fn likeness(word: &str, candidate: &str) -> f64 {
    let bare = candidate.split_once('_').map_or(candidate, |(_, bare)| bare);
    let alike = |other| strsim::normalized_damerau_levenshtein(word, other);
    // A word at the beginning of a longer one is most likely an abbreviation of it.
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
        assert_eq!(said, "unknown service 'domian' (did you mean domain or domain-s?)");
        let said = unknown("namespace", "one", std::iter::empty::<&str>());
        assert_eq!(said, "unknown namespace 'one'");
    }

    #[test]
    fn long_words_are_not_compared() {
        let names = ["SO_KEEPALIVE", "TCP_NODELAY"];
        let near = |word: &str| unknown("option", word, names.into_iter()).contains("did you mean");
        assert!(near("SO_KEEPALIV"));
        assert!(!near(&format!("SO_KEEPALIV{}", "E".repeat(LONGEST))));
        // Names from outside, such as those of ip-netns(8), may be long, too.
        let long = "n".repeat(LONGEST + 1);
        assert!(!unknown("network namespace", "nn", [long.as_str()].into_iter()).contains("mean"));
    }
}
