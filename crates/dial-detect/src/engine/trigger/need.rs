//! What an event must show, as alternatives of texts by field, and how alternatives are joined.

use std::collections::{BTreeMap, BTreeSet};

/// Most alternatives of one rule; more are weakened to fewer.
const MAX_NEEDS: usize = 64;

/// A field that an event pattern may look at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Field {
    /// `source` of the envelope of a native event.
    Source,
    /// `detail-type` of the envelope of a native event.
    DetailType,
    /// `eventSource` of a CloudTrail record.
    EventSource,
    /// `eventName` of a CloudTrail record, with or without its API date.
    EventName,
    /// `userIdentity.type` of a CloudTrail record.
    IdentityType,
    /// The same, which must be none of the texts; one that is missing is none of them.
    OtherIdentityType,
    /// `errorCode` of a CloudTrail record.
    ErrorCode,
    /// Kinds of decoys that a CloudTrail record touches: no field, but what settings tell of.
    Decoy,
}

/// A text that a field is compared with.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Text {
    /// Exactly so.
    Exact(String),
    /// In lower case; the event may spell it in any case.
    AnyCase(String),
    /// Whatever it says, as long as it is there.
    Present,
}

impl Text {
    /// The text itself; empty where any will do.
    pub(crate) fn raw(&self) -> &str {
        match self {
            Self::Exact(text) | Self::AnyCase(text) => text,
            Self::Present => "",
        }
    }
}

/// One way to match: each field named here must equal one of its texts.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Need(pub(crate) BTreeMap<Field, BTreeSet<Text>>);

impl Need {
    /// A need of these texts, none for a field without any.
    pub(crate) fn of(parts: impl IntoIterator<Item = (Field, BTreeSet<Text>)>) -> Self {
        let parts = parts.into_iter().filter(|(_, texts)| !texts.is_empty());
        Self(parts.collect())
    }

    /// Both together; of two lists for one field the shorter is kept.
    fn and(&self, other: &Self) -> Self {
        let mut both = self.0.clone();
        for (field, texts) in &other.0 {
            let kept = both.entry(*field).or_insert_with(|| texts.clone());
            if texts.len() < kept.len() {
                kept.clone_from(texts);
            }
        }
        Self(both)
    }

    /// Whether all that fits `other` fits this.
    fn includes(&self, other: &Self) -> bool {
        self.0.iter().all(|(field, texts)| {
            let inner = other.0.get(field);
            inner.is_some_and(|inner| match field {
                Field::OtherIdentityType => texts.is_subset(inner),
                _ => texts.contains(&Text::Present) || inner.is_subset(texts),
            })
        })
    }
}

/// Texts that a field must equal to the letter.
pub(super) fn exact<'a>(texts: impl IntoIterator<Item = &'a str>) -> BTreeSet<Text> {
    let texts = texts.into_iter();
    texts.map(|text| Text::Exact(text.to_owned())).collect()
}

/// Whatever it shows.
pub(super) fn anything() -> Vec<Need> {
    vec![Need::default()]
}

/// Any of the parts is enough.
pub(super) fn any(parts: impl Iterator<Item = Vec<Need>>) -> Vec<Need> {
    let mut needs: Vec<Need> = Vec::new();
    let mut empty = true;
    for need in parts.inspect(|_| empty = false).flatten() {
        if needs.iter().any(|wider| wider.includes(&need)) {
            continue;
        }
        needs.retain(|narrow| !need.includes(narrow));
        needs.push(need);
    }
    if empty || needs.len() > MAX_NEEDS {
        return anything();
    }
    needs.sort();
    needs
}

/// All parts are needed.
pub(super) fn all(parts: impl Iterator<Item = Vec<Need>>) -> Vec<Need> {
    let mut needs = anything();
    for part in parts {
        if needs.len() * part.len() > MAX_NEEDS {
            // One side alone is weaker than both, and enough.
            if part.len() < needs.len() {
                needs = part;
            }
            continue;
        }
        let pairs = needs.iter().flat_map(|a| part.iter().map(|b| a.and(b)));
        let pairs: Vec<_> = pairs.map(|need| vec![need]).collect();
        needs = if pairs.is_empty() {
            Vec::new()
        } else {
            any(pairs.into_iter())
        };
    }
    needs
}
