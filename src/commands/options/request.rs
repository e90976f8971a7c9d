//! The meaning of the words after `knetstat options`.

use crate::options::catalogue::CATALOGUE;
use crate::options::reference::topics;
use crate::options::selection;
use crate::options::short::names;
use crate::text::suggest;

/// The text to print.
#[derive(Debug, PartialEq, Eq)]
pub enum Request {
    /// The list of all options, by level.
    List,
    /// The list of all options, by topic.
    Topics,
    /// The explanations of these options, by their indices in the catalogue.
    Explain(Vec<usize>),
}

impl Request {
    /// The options concerned, by their indices in the catalogue.
    pub fn options(&self) -> Vec<usize> {
        match self {
            Request::List | Request::Topics => (0..CATALOGUE.len()).collect(),
            Request::Explain(options) => options.clone(),
        }
    }
}

/// Parses the words. A word is `all`, a topic, or names options as with `-O`. `topics` is accepted only
/// alone.
///
/// # Errors
///
/// A sentence that suggests similar names, for a word that names nothing, and for no word but empty ones.
pub fn parse(words: &[String]) -> Result<Request, String> {
    match words {
        [] => return Ok(Request::List),
        [word] if is_topics(word) => return Ok(Request::Topics),
        _ if words.iter().any(|word| is_topics(word)) => {
            return Err("'topics' cannot be combined with other names (omit it)".into());
        }
        _ => {}
    }
    let mut found = Vec::new();
    // As a list of -O, too.
    let words = words.iter().flat_map(|word| word.split(','));
    for word in words.filter(|word| !word.is_empty()) {
        for index in find(word)? {
            if !found.contains(&index) {
                found.push(index);
            }
        }
    }
    match found.is_empty() {
        true => Err("empty word (name an option or a topic, such as keepalive)".into()),
        false => Ok(Request::Explain(found)),
    }
}

/// Returns the indices in the catalogue of the options that a word names.
fn find(word: &str) -> Result<Vec<usize>, String> {
    if word.eq_ignore_ascii_case("all") {
        return Ok((0..CATALOGUE.len()).collect());
    }
    if let Some(topic) = topics::named(word) {
        return Ok(topic.options().collect());
    }
    selection::find(word).map_err(|_| {
        let options = CATALOGUE.iter().flat_map(names);
        let known = options.chain(topics::all().map(|topic| topic.name));
        selection::of_sysctl(word).unwrap_or_else(|| suggest::unknown("option", word, known))
    })
}

fn is_topics(word: &str) -> bool {
    word.eq_ignore_ascii_case("topics")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(words: &[&str]) -> Vec<&'static str> {
        let words: Vec<String> = words.iter().map(|word| (*word).to_owned()).collect();
        match parse(&words) {
            Ok(Request::Explain(options)) => {
                options.into_iter().map(|index| CATALOGUE[index].name).collect()
            }
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_word_is_a_topic_or_names_options() {
        let keepalive = named(&["KeepAlive"]);
        assert_eq!(keepalive[..2], ["SO_KEEPALIVE", "TCP_KEEPIDLE"]);
        assert_eq!(named(&["so_keepalive"]), ["SO_KEEPALIVE"], "the option alone");
        assert_eq!(named(&["keepidle", "keepalive"]).len(), keepalive.len(), "each once");
        assert_eq!(named(&["keepidle,so_mark"]), ["TCP_KEEPIDLE", "SO_MARK"]);
        assert_eq!(named(&["all"]).len(), CATALOGUE.len());
    }

    #[test]
    fn topics_are_among_the_suggestions() {
        let error = parse(&["bufers".to_owned()]).expect_err("nothing has that name");
        assert!(error.ends_with("(did you mean buffers?)"), "{error}");
    }
}
