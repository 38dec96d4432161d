//! What a rule wants to be delivered, as single conditions that patterns are put together from.

use super::condition::{Condition, Conditions};
use super::guard::Guard;
use super::spelling::Spelling;
use super::{decoy, place};
use crate::engine::{Delivery, Field, Need, RuleInfo, Sees, Text, Trigger};
use crate::settings::Decoy;
use std::collections::BTreeSet;

/// How a `detail-type` ends whose `detail` is a CloudTrail record. The sign-in's is spelled in two
/// ways, and in other partitions AWS is called otherwise.
const VIA_CLOUDTRAIL: &str = " via CloudTrail";

/// What only AWS may write into `source`; everybody else's events are not for us.
const FROM_AWS: &str = "aws.";

/// One thing that has to arrive.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Wanted {
    /// Calls of one name, one service, or both.
    Call {
        source: Option<String>,
        name: Option<Condition>,
        /// What else it must show.
        guard: Guard,
        /// Whether CloudTrail marks it as reading, as far as anyone knows.
        read: bool,
        /// Whether it is a data event.
        data: bool,
    },
    /// All calls by a caller of a kind, or with decoy credentials.
    Caller {
        path: &'static str,
        value: Condition,
    },
    /// All calls that name a decoy.
    Decoy {
        path: &'static str,
        value: Condition,
    },
    /// Native events of a service.
    Native {
        source: Option<String>,
        detail_type: Option<Condition>,
    },
    /// Every CloudTrail record.
    Everything,
}

impl Wanted {
    /// What the rule wants; nothing if it can never match.
    ///
    /// `Everything` among others says that the others are a part of it.
    pub(super) fn by(
        rule: &RuleInfo,
        trigger: &Trigger,
        spelling: &Spelling,
        decoys: &[Decoy],
    ) -> BTreeSet<Self> {
        let mut wanted = BTreeSet::new();
        for need in &trigger.needs {
            let native = [Field::Source, Field::DetailType];
            let names_envelope = native.iter().any(|field| need.0.contains_key(field));
            match &trigger.sees {
                Sees::Nothing | Sees::Dial => {}
                Sees::Native(source) => wanted.extend(natives(Some(source), need)),
                Sees::Everything if names_envelope => wanted.extend(natives(None, need)),
                Sees::Everything | Sees::Records => {
                    wanted.extend(calls(rule, need, spelling));
                    wanted.extend(decoy::touching(need, decoys));
                }
            }
        }
        wanted
    }

    /// The narrowest pattern that lets it through.
    pub(super) fn conditions(&self) -> Conditions {
        match self {
            Self::Call {
                source,
                name,
                guard,
                ..
            } => {
                let source = source.iter().cloned().map(Condition::Equals);
                let call = records().with("detail.eventSource", source);
                guard.add_to(call.with("detail.eventName", name.clone()))
            }
            Self::Caller { path, value } | Self::Decoy { path, value } => {
                records().with(path, [value.clone()])
            }
            Self::Native {
                source,
                detail_type,
            } => native(source.as_deref()).with("detail-type", detail_type.clone()),
            Self::Everything => records(),
        }
    }
}

/// What every pattern for CloudTrail records begins with.
pub(super) fn records() -> Conditions {
    Conditions::default()
        .with("source", [Condition::Prefix(FROM_AWS.to_owned())])
        .with(
            "detail-type",
            [Condition::Suffix(VIA_CLOUDTRAIL.to_owned())],
        )
}

/// What every pattern for native events begins with.
pub(super) fn native(source: Option<&str>) -> Conditions {
    let any = || Condition::Prefix(FROM_AWS.to_owned());
    let source = source.map_or_else(any, |source| Condition::Equals(source.to_owned()));
    Conditions::default().with("source", [source])
}

fn natives(source: Option<&String>, need: &Need) -> Vec<Wanted> {
    let sources: Vec<Option<String>> = match source {
        Some(source) => vec![Some(source.clone())],
        // Sources of AWS are in lower case.
        None => optional(need.0.get(&Field::Source), |text| Some(lower(text))),
    };
    let types = optional(need.0.get(&Field::DetailType), |text| {
        Some(super::spelling::detail_type(text))
    });
    let pairs = sources
        .iter()
        .flat_map(|source| types.iter().map(move |kind| (source, kind)));
    let wanted = pairs.map(|(source, detail_type)| match (source, detail_type) {
        (None, None) => Wanted::Everything,
        _ => Wanted::Native {
            source: source.clone(),
            detail_type: detail_type.clone(),
        },
    });
    wanted.collect()
}

fn calls(rule: &RuleInfo, need: &Need, spelling: &Spelling) -> Vec<Wanted> {
    let names = need.0.get(&Field::EventName);
    let sources = optional(need.0.get(&Field::EventSource), |text| Some(lower(text)));
    if let (None, Some(kinds)) = (names, need.0.get(&Field::IdentityType)) {
        let kinds = kinds.iter().map(|kind| Wanted::Caller {
            path: "detail.userIdentity.type",
            value: super::spelling::identity_type(kind),
        });
        return kinds.collect();
    }
    if names.is_none() && sources == [None] {
        return vec![Wanted::Everything];
    }
    let mut wanted = Vec::new();
    for guard in Guard::by(need) {
        let call = |source: Option<&String>, name: Option<Condition>, raw: &str| {
            call(rule, source, name, raw, &guard)
        };
        for source in &sources {
            for name in optional(names, Some) {
                let Some(text) = name else {
                    wanted.push(call(source.as_ref(), None, ""));
                    continue;
                };
                for condition in spelling.conditions(rule, source.as_deref(), text) {
                    wanted.push(call(source.as_ref(), condition, text.raw()));
                }
                if source.is_none() {
                    let dated = dated(rule, text, spelling).into_iter();
                    wanted.extend(
                        dated.map(|(source, name)| call(Some(&source), Some(name), text.raw())),
                    );
                }
            }
        }
    }
    wanted
}

/// The same name with a date, at the services that write one.
fn dated(rule: &RuleInfo, text: &Text, spelling: &Spelling) -> Vec<(String, Condition)> {
    let sources = place::DATED.map(str::to_owned).into_iter();
    let dated = sources.flat_map(|source| {
        let names = spelling.dated(rule, &source, text).into_iter();
        names.map(move |name| (source.clone(), name))
    });
    dated.collect()
}

fn call(
    rule: &RuleInfo,
    source: Option<&String>,
    name: Option<Condition>,
    raw: &str,
    guard: &Guard,
) -> Wanted {
    let delivery = rule.dial.delivery;
    // Without a name, reading calls are among them.
    let read = name.is_none() || place::is_read(raw, delivery);
    let data = delivery == Some(Delivery::Data) || is_data(source, raw);
    let guard = if read && !data {
        guard.clone()
    } else {
        guard.clone().for_writes()
    };
    Wanted::Call {
        source: source.cloned(),
        name,
        guard,
        read,
        data,
    }
}

fn is_data(source: Option<&String>, name: &str) -> bool {
    source.is_some_and(|source| place::data_resource(source, name).is_some())
}

/// One value for each text, or one `None` where any text may do.
fn optional<'a, T>(
    texts: Option<&'a BTreeSet<Text>>,
    of: impl Fn(&'a Text) -> Option<T>,
) -> Vec<Option<T>> {
    match texts {
        None => vec![None],
        Some(texts) => texts.iter().map(of).collect(),
    }
}

fn lower(text: &Text) -> String {
    text.raw().to_lowercase()
}
