//! Lets every call through once: what one pattern delivers, no other has to.

use super::condition::{Condition, Conditions};
use super::wanted::Wanted;
use std::collections::{BTreeMap, BTreeSet};

type Rules = BTreeSet<String>;

/// What is wanted of calls, by name, with the conditions that let it through.
type Calls<'w> = BTreeMap<Option<&'w Condition>, Vec<(&'w Wanted, Conditions)>>;

/// Leaves out what something else lets through anyway, and hands its rules on.
///
/// A call that one rule takes for reading and another for writing counts as reading: the rule
/// state for reading calls delivers the others too.
pub(super) fn once(wanted: BTreeMap<Wanted, Rules>) -> BTreeMap<Wanted, Rules> {
    let wanted = read_once(wanted);
    let mut calls: Calls<'_> = BTreeMap::new();
    for one in wanted.keys() {
        if let Wanted::Call { name, .. } = one {
            let named = calls.entry(name.as_ref()).or_default();
            named.push((one, one.conditions()));
        }
    }
    let mut kept: BTreeMap<Wanted, Rules> = BTreeMap::new();
    for (one, rules) in &wanted {
        let mut key = one;
        while let Some(wide) = wider(key, &calls) {
            key = wide;
        }
        let kept = kept.entry(key.clone()).or_default();
        kept.extend(rules.iter().cloned());
    }
    kept
}

/// Something else that lets through all that this does; of two that let the same through, the
/// first stays.
fn wider<'w>(one: &Wanted, calls: &Calls<'w>) -> Option<&'w Wanted> {
    let Wanted::Call { name, .. } = one else {
        return None;
    };
    let narrow = one.conditions();
    let named = calls.get(&name.as_ref())?;
    let wider = named.iter().find(|(wide, conditions)| {
        *wide != one
            && delivers(wide, one)
            && conditions.includes(&narrow)
            && (*wide < one || !narrow.includes(conditions))
    });
    wider.map(|(wide, _)| *wide)
}

/// Whether the state of a pattern for the one delivers the other, as far as that goes.
fn delivers(wide: &Wanted, narrow: &Wanted) -> bool {
    match (wide, narrow) {
        (
            Wanted::Call {
                read: wide,
                data: a,
                ..
            },
            Wanted::Call {
                read: narrow,
                data: b,
                ..
            },
        ) => (*wide || !narrow) && a == b,
        _ => false,
    }
}

/// Calls that some rule takes for reading, as such for all.
fn read_once(wanted: BTreeMap<Wanted, Rules>) -> BTreeMap<Wanted, Rules> {
    let call = |wanted: &Wanted| match wanted {
        Wanted::Call {
            source, name, data, ..
        } => Some((source.clone(), name.clone(), *data)),
        _ => None,
    };
    let reads: BTreeSet<_> = wanted
        .keys()
        .filter(|one| matches!(one, Wanted::Call { read: true, .. }))
        .filter_map(call)
        .collect();
    let mut merged: BTreeMap<Wanted, Rules> = BTreeMap::new();
    for (mut want, rules) in wanted {
        let is_read = call(&want).is_some_and(|call| reads.contains(&call));
        if let Wanted::Call { read, .. } = &mut want {
            *read |= is_read;
        }
        merged.entry(want).or_default().extend(rules);
    }
    merged
}
