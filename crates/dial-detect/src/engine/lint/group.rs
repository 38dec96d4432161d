//! A detection as lint looks at it: groups of items that one event must meet together.

use rsigma_parser::{Detection, DetectionItem, Modifier};
use rsigma_parser::{SigmaString, SigmaValue, SpecialChar, StringPart};

/// Items of one mapping, and lists that are entered beside them.
#[derive(Debug, Clone, Default)]
pub(super) struct Group<'r> {
    pub(super) items: Vec<&'r DetectionItem>,
    /// Paths of `[any]:` blocks.
    pub(super) lists: Vec<&'r str>,
}

/// What a text must be like.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Wanted {
    Exact(String),
    Starts(String),
    Ends(String),
    Contains(String),
}

/// All groups of a detection; one that holds several mappings has one for each.
pub(super) fn groups(detection: &Detection) -> Vec<Group<'_>> {
    match detection {
        Detection::AllOf(items) => vec![Group {
            items: items.iter().collect(),
            lists: Vec::new(),
        }],
        Detection::AnyOf(parts) => parts.iter().flat_map(groups).collect(),
        Detection::And(parts) => joined(parts),
        Detection::ArrayMatch { field, .. } => vec![Group {
            items: Vec::new(),
            lists: vec![field],
        }],
        Detection::Keywords(_) | Detection::Conditional { .. } => Vec::new(),
    }
}

/// Parts that hold together are one group; alternatives among them stand beside it.
fn joined(parts: &[Detection]) -> Vec<Group<'_>> {
    let mut together = Group::default();
    let mut beside = Vec::new();
    for part in parts {
        let mut of_part = groups(part);
        match (of_part.pop(), of_part.is_empty()) {
            (Some(only), true) => {
                together.items.extend(only.items);
                together.lists.extend(only.lists);
            }
            (last, _) => beside.extend(of_part.into_iter().chain(last)),
        }
    }
    beside.push(together);
    beside
}

impl<'r> Group<'r> {
    /// The item about a field, whatever its modifiers.
    pub(super) fn item(&self, field: &str) -> Option<&'r DetectionItem> {
        let mut items = self.items.iter().copied();
        items.find(|item| item.field.name.as_deref() == Some(field))
    }

    /// Values that a field may have; `None` where the group does not list them.
    pub(super) fn wanted(&self, field: &str) -> Option<Vec<Wanted>> {
        wanted(self.item(field)?)
    }

    /// Every path that the group reads, without modifiers.
    pub(super) fn paths(&self) -> impl Iterator<Item = &'r str> {
        let items = self.items.iter();
        let fields = items.filter_map(|item| item.field.name.as_deref());
        fields.chain(self.lists.iter().copied())
    }
}

/// What an item asks of a text; `None` for what is more than that.
pub(super) fn wanted(item: &DetectionItem) -> Option<Vec<Wanted>> {
    let kept = |modifier: &&Modifier| !matches!(modifier, Modifier::Cased | Modifier::IgnoreCase);
    let modifiers: Vec<&Modifier> = item.field.modifiers.iter().filter(kept).collect();
    let make = match modifiers.as_slice() {
        [] => None,
        [Modifier::StartsWith] => Some(Wanted::Starts as fn(String) -> Wanted),
        [Modifier::EndsWith] => Some(Wanted::Ends as fn(String) -> Wanted),
        [Modifier::Contains] => Some(Wanted::Contains as fn(String) -> Wanted),
        _ => return None,
    };
    let each = item.values.iter().map(|value| match (value, make) {
        (SigmaValue::String(text), Some(make)) => text.as_plain().map(make),
        (SigmaValue::String(text), None) => from_wildcards(text),
        _ => None,
    });
    each.collect()
}

fn from_wildcards(text: &SigmaString) -> Option<Wanted> {
    let many = |part: &StringPart| *part == StringPart::Special(SpecialChar::WildcardMulti);
    match text.parts.as_slice() {
        [] => Some(Wanted::Exact(String::new())),
        [StringPart::Plain(plain)] => Some(Wanted::Exact(plain.clone())),
        [StringPart::Plain(plain), end] if many(end) => Some(Wanted::Starts(plain.clone())),
        [start, StringPart::Plain(plain)] if many(start) => Some(Wanted::Ends(plain.clone())),
        [start, StringPart::Plain(plain), end] if many(start) && many(end) => {
            Some(Wanted::Contains(plain.clone()))
        }
        _ => None,
    }
}

impl Wanted {
    /// Whether a text is so, whatever its case.
    pub(super) fn fits(&self, text: &str) -> bool {
        let text = text.to_ascii_lowercase();
        match self {
            Wanted::Exact(wanted) => text == wanted.to_ascii_lowercase(),
            Wanted::Starts(wanted) => text.starts_with(&wanted.to_ascii_lowercase()),
            Wanted::Ends(wanted) => text.ends_with(&wanted.to_ascii_lowercase()),
            Wanted::Contains(wanted) => text.contains(&wanted.to_ascii_lowercase()),
        }
    }

    /// The text as the rule writes it.
    pub(super) fn text(&self) -> &str {
        match self {
            Wanted::Exact(text)
            | Wanted::Starts(text)
            | Wanted::Ends(text)
            | Wanted::Contains(text) => text,
        }
    }
}
