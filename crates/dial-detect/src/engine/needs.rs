//! What a rule wants to know beside the record, so that nothing else is worked out.

use super::gate::DERIVED;
use super::place::root_of;
use crate::facts::{EXTRACTORS, Extractor};

/// Derived names and facts that some rules read.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Needs {
    /// By [`DERIVED`].
    names: [bool; DERIVED.len()],
    /// By [`EXTRACTORS`].
    extractors: Vec<bool>,
}

impl Needs {
    /// What rules need that read these derived fields.
    pub(super) fn of<'p>(reads: impl Iterator<Item = &'p str>) -> Self {
        let mut needs = Self::default();
        for path in reads {
            needs.add(path);
        }
        needs
    }

    fn add(&mut self, path: &str) {
        let root = root_of(path);
        for (name, needed) in DERIVED.iter().zip(&mut self.names) {
            *needed |= *name == root;
        }
        let Some(fact) = path.strip_prefix("fact") else {
            return;
        };
        self.extractors.resize(EXTRACTORS.len(), false);
        for (extractor, needed) in EXTRACTORS.iter().zip(&mut self.extractors) {
            *needed |= extractor.facts.iter().any(|made| overlaps(made, fact));
        }
    }

    /// Adds what others need.
    pub(super) fn join(&mut self, other: &Self) {
        for (mine, needed) in self.names.iter_mut().zip(other.names) {
            *mine |= needed;
        }
        if self.extractors.is_empty() {
            self.extractors.clone_from(&other.extractors);
        }
        for (mine, needed) in self.extractors.iter_mut().zip(&other.extractors) {
            *mine |= needed;
        }
    }

    /// Whether one of these derived names is read.
    pub(crate) fn any_of(&self, names: &[&str]) -> bool {
        let mut read = DERIVED.iter().zip(self.names);
        read.any(|(name, needed)| needed && names.contains(name))
    }

    /// Whether a fact of this extractor is read.
    pub(crate) fn extractor(&self, extractor: &Extractor) -> bool {
        let mut read = EXTRACTORS.iter().zip(&self.extractors);
        read.any(|(one, needed)| *needed && std::ptr::eq(one, extractor))
    }
}

/// Whether a rule's path reads a fact: the same, above it or inside it.
///
/// `fact` is what follows the word, such as `.s3.policy.public` or nothing.
fn overlaps(made: &str, fact: &str) -> bool {
    let mut read = fact.split(['.', '[']).skip(1);
    made.split('.')
        .all(|part| read.next().is_none_or(|read| read == part))
}
