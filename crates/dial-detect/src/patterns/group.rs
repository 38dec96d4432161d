//! Puts what rules want into as few patterns as EventBridge's limits allow.

use super::condition::{Condition, Conditions};
use super::guard::Guard;
use super::wanted::{Wanted, native, records};
use super::{Kind, MAX_PATTERN, Pattern, PatternsError, Scope, State, decoy, place};
use std::collections::{BTreeMap, BTreeSet};

/// First letters of services that share patterns, so that a new name changes few of them, and a
/// service hardly ever moves from one pattern to the next.
const RANGES: [(&str, &str); 8] = [
    ("ab", "a-b"),
    ("cd", "c-d"),
    ("e", "e"),
    ("fghijk", "f-k"),
    ("lmnopq", "l-q"),
    ("r", "r"),
    ("s", "s"),
    ("tuvwxyz", "t-z"),
];

/// Names of the rules that want something.
type Rules = BTreeSet<String>;

/// What goes into patterns of one name: by source (`None`: any), by value (`None`: any).
type Members = BTreeMap<Option<String>, BTreeMap<Option<Condition>, Asked>>;

/// Who asks for something, and what else it must show.
#[derive(Debug, Clone)]
struct Asked {
    guard: Guard,
    rules: Rules,
}

impl Asked {
    /// For both: what either lets in.
    fn join(&mut self, guard: &Guard, rules: &Rules) {
        self.guard.or(guard);
        self.rules.extend(rules.iter().cloned());
    }
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Group {
    kind: Kind,
    name: String,
    state: State,
    scope: Scope,
    /// Where the value is compared.
    path: &'static str,
}

/// All patterns for what the rules want, in order of kind and name.
pub(super) fn patterns(wanted: &BTreeMap<Wanted, Rules>) -> Result<Vec<Pattern>, PatternsError> {
    let mut groups: BTreeMap<Group, Members> = BTreeMap::new();
    for (wanted, rules) in wanted {
        let (group, source, value) = place(wanted);
        let guard = match wanted {
            Wanted::Call { guard, .. } => guard.clone(),
            _ => Guard::default(),
        };
        let members = groups.entry(group).or_default().entry(source).or_default();
        let asked = members.entry(value).or_insert_with(|| Asked {
            guard: guard.clone(),
            rules: Rules::new(),
        });
        asked.join(&guard, rules);
    }
    let mut patterns = Vec::new();
    for (group, members) in groups {
        patterns.extend(group.patterns(members)?);
    }
    Ok(patterns)
}

/// The group of a thing, and its source and value in it.
fn place(wanted: &Wanted) -> (Group, Option<String>, Option<Condition>) {
    match wanted {
        Wanted::Call {
            source,
            name,
            guard,
            read,
            data,
        } => {
            let mut group = calls(source.as_deref(), name.is_some(), *read, *data);
            group.guarded_by(guard);
            (group, source.clone(), name.clone())
        }
        Wanted::Caller { path, value } | Wanted::Decoy { path, value } => {
            let (kind, word) = match wanted {
                Wanted::Decoy { .. } => (Kind::Decoy, "decoy"),
                _ => (Kind::Caller, "caller"),
            };
            let mut names = decoy::PATHS.iter();
            let name = names.find(|(known, _)| known == path);
            let name = name.map_or("other", |(_, name)| name);
            let group = Group {
                kind,
                name: format!("{word}-{name}"),
                state: State::AllManagementEvents,
                scope: Scope::Regional,
                path,
            };
            (group, None, Some(value.clone()))
        }
        Wanted::Native {
            source,
            detail_type,
        } => {
            let service = source.as_deref().unwrap_or("aws.other");
            let service = service.strip_prefix("aws.").unwrap_or(service);
            let group = Group {
                kind: Kind::Native,
                name: format!("native-{service}"),
                state: State::Enabled,
                scope: Scope::Regional,
                path: "detail-type",
            };
            (group, source.clone(), detail_type.clone())
        }
        Wanted::Everything => {
            let group = Group {
                kind: Kind::EveryRecord,
                name: "every-record".into(),
                state: State::AllManagementEvents,
                scope: Scope::Regional,
                path: "detail.eventName",
            };
            (group, None, None)
        }
    }
}

fn calls(source: Option<&str>, has_name: bool, read: bool, data: bool) -> Group {
    // Names and whole services never share a pattern: each would bind the other.
    let (kind, word) = match (data, has_name, read) {
        (true, false, _) => (Kind::Data, "data-services"),
        (true, true, false) => (Kind::Data, "data-writes"),
        (true, true, true) => (Kind::Data, "data-reads"),
        (false, false, _) => (Kind::Service, "services"),
        (false, true, true) => (Kind::Read, "reads"),
        (false, true, false) => (Kind::Write, "writes"),
    };
    let by_letter = matches!(kind, Kind::Read | Kind::Write);
    let us_east_1 = source.is_some_and(place::is_us_east_1);
    let name = match source {
        None => format!("{word}-any-service"),
        Some(_) if us_east_1 => format!("us-east-1-{word}"),
        Some(source) if by_letter => format!("{word}-{}", range(source)),
        Some(_) => word.to_owned(),
    };
    Group {
        kind,
        name,
        state: if read {
            State::AllManagementEvents
        } else {
            State::Enabled
        },
        scope: if us_east_1 {
            Scope::UsEast1
        } else {
            Scope::Regional
        },
        path: "detail.eventName",
    }
}

fn range(source: &str) -> &'static str {
    let first = source.chars().next().unwrap_or('z');
    let mut ranges = RANGES.iter();
    let range = ranges.find(|(letters, _)| letters.contains(first));
    range.map_or("other", |(_, name)| name)
}

/// A pattern that is being filled.
#[derive(Debug, Clone, Default)]
struct Chunk {
    sources: BTreeSet<String>,
    values: BTreeSet<Condition>,
    guard: Option<Guard>,
    rules: Rules,
}

impl Chunk {
    fn with(&self, source: Option<&String>, values: &[(&Option<Condition>, &Asked)]) -> Self {
        let mut more = self.clone();
        more.sources.extend(source.cloned());
        for (value, asked) in values {
            more.values.extend((*value).clone());
            let guard = more.guard.get_or_insert_with(|| asked.guard.clone());
            guard.or(&asked.guard);
            more.rules.extend(asked.rules.iter().cloned());
        }
        more
    }

    fn conditions(&self, group: &Group) -> Conditions {
        let values = self.values.iter().cloned();
        if group.kind == Kind::Native {
            let source = self.sources.iter().next().map(String::as_str);
            return native(source).with(group.path, values);
        }
        let sources = self.sources.iter().cloned().map(Condition::Equals);
        let calls = records()
            .with("detail.eventSource", sources)
            .with(group.path, values);
        match &self.guard {
            Some(guard) => guard.add_to(calls),
            None => calls,
        }
    }

    fn fits(&self, group: &Group) -> bool {
        self.conditions(group).to_json().to_string().chars().count() <= MAX_PATTERN
    }
}

impl Group {
    /// Names with guards of one kind have patterns of their own; they are few, and what of other
    /// services slips through is rare, so that all letters share them.
    fn guarded_by(&mut self, guard: &Guard) {
        let suffix = guard.suffix();
        if suffix.is_empty() {
            return;
        }
        if let (Kind::Read | Kind::Write, Scope::Regional) = (self.kind, self.scope)
            && !self.name.ends_with("-any-service")
        {
            let word = match self.kind {
                Kind::Read => "reads",
                _ => "writes",
            };
            word.clone_into(&mut self.name);
        }
        self.name.push_str(&suffix);
    }

    fn patterns(&self, members: Members) -> Result<Vec<Pattern>, PatternsError> {
        let mut chunks: Vec<Chunk> = Vec::new();
        for (source, values) in members {
            // A source with any value has all of them.
            let values = match values.get(&None).cloned() {
                Some(mut any) => {
                    let all = values.values();
                    all.for_each(|asked| any.join(&asked.guard, &asked.rules));
                    vec![(None, any)]
                }
                None => values.into_iter().collect(),
            };
            self.add(&mut chunks, source.as_ref(), &values)?;
        }
        let chunks = chunks.into_iter().zip(1..);
        Ok(chunks.map(|(chunk, n)| self.pattern(&chunk, n)).collect())
    }

    /// Adds a source to the last chunk, or begins one; splits it only if it fills more than one.
    fn add(
        &self,
        chunks: &mut Vec<Chunk>,
        source: Option<&String>,
        values: &[(Option<Condition>, Asked)],
    ) -> Result<(), PatternsError> {
        let all: Vec<_> = values.iter().map(|(value, asked)| (value, asked)).collect();
        let last = chunks.last().filter(|_| self.kind != Kind::Native);
        let joined = last.map(|last| last.with(source, &all));
        if let (Some(joined), Some(last)) = (joined.filter(|it| it.fits(self)), chunks.last_mut()) {
            *last = joined;
            return Ok(());
        }
        chunks.push(Chunk::default());
        for value in all {
            let Some(last) = chunks.last() else { break };
            let mut more = last.with(source, &[value]);
            if !more.fits(self) {
                more = Chunk::default().with(source, &[value]);
                if !more.fits(self) {
                    return Err(PatternsError::TooLong(self.name.clone()));
                }
                chunks.push(Chunk::default());
            }
            if let Some(last) = chunks.last_mut() {
                *last = more;
            }
        }
        Ok(())
    }

    fn pattern(&self, chunk: &Chunk, number: usize) -> Pattern {
        Pattern {
            name: match number {
                1 => self.name.clone(),
                _ => format!("{}-{number}", self.name),
            },
            kind: self.kind,
            state: self.state,
            scope: self.scope,
            pattern: chunk.conditions(self).to_json(),
            rules: chunk.rules.iter().cloned().collect(),
        }
    }
}
