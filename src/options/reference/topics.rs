//! Topics: what an option is about, beside its level in getsockopt(2). They are in `topics.tsv`.

use super::table::records;
use crate::options::catalogue::CATALOGUE;

static TOPICS: &str = include_str!("topics.tsv");

/// A topic.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Topic {
    pub name: &'static str,
    /// What the topic is about, in a few words.
    pub about: &'static str,
    names: &'static str,
}

impl Topic {
    /// The names of its options, in the order in which they are shown.
    pub fn names(self) -> impl Iterator<Item = &'static str> {
        self.names.split(' ')
    }

    /// The indexes of its options in the catalogue.
    pub fn options(self) -> impl Iterator<Item = usize> {
        self.names().filter_map(|name| CATALOGUE.iter().position(|option| option.name == name))
    }
}

/// All topics, in the order in which they are shown.
pub fn all() -> impl Iterator<Item = Topic> {
    records(TOPICS).map(|[name, about, names]| Topic { name, about, names })
}

/// The topic with this name, in any case.
pub fn named(name: &str) -> Option<Topic> {
    all().find(|topic| topic.name.eq_ignore_ascii_case(name))
}

/// The topics of an option. The first is its main topic.
pub fn of(option: &str) -> impl Iterator<Item = Topic> + '_ {
    all().filter(move |topic| topic.names().any(|name| name == option))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::super::table::lines;
    use super::*;
    use crate::options::selection;

    #[test]
    fn every_option_has_a_topic_and_every_topic_only_options() {
        assert_eq!(all().count(), lines(TOPICS).count(), "a line of topics.tsv is no record");
        for option in CATALOGUE {
            assert!(of(option.name).next().is_some(), "{} has no topic", option.name);
        }
        for topic in all() {
            assert_eq!(topic.options().count(), topic.names().count(), "unknown in {}", topic.name);
            let once: BTreeSet<_> = topic.names().collect();
            assert_eq!(once.len(), topic.names().count(), "twice in {}", topic.name);
        }
    }

    #[test]
    fn no_topic_hides_an_option() {
        for topic in all() {
            let hidden = selection::find(topic.name).unwrap_or_default();
            let first: Vec<_> = topic.options().take(hidden.len()).collect();
            assert_eq!(first, hidden, "the word {} means an option as well", topic.name);
        }
    }

    #[test]
    fn the_names_of_topics_are_words() {
        let names: Vec<_> = all().map(|topic| topic.name).collect();
        assert_eq!(names.iter().collect::<BTreeSet<_>>().len(), names.len(), "{names:?}");
        for topic in all() {
            assert!(topic.name.bytes().all(|b| b.is_ascii_lowercase() || b == b'-'), "{topic:?}");
            assert!(!["all", "topics", "common", "set"].contains(&topic.name), "{topic:?}");
            assert!(!topic.about.is_empty() && !topic.about.ends_with('.'), "{topic:?}");
        }
    }
}
