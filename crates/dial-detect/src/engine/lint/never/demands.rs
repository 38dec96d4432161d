//! What is demanded of one field, and whether that can be.

use super::super::group::{Wanted, wanted};
use crate::normalise::without_date;
use rsigma_parser::{DetectionItem, Modifier, SigmaValue};

/// Fields with one value, so that two demands are about the same.
const SCALARS: [&str; 14] = [
    "awsRegion",
    "detail-type",
    "errorCode",
    "eventCategory",
    "eventName",
    "eventSource",
    "eventType",
    "managementEvent",
    "readOnly",
    "recipientAccountId",
    "source",
    "sourceIPAddress",
    "userIdentity.accountId",
    "userIdentity.type",
];
/// Derived fields that are true or missing, never false.
const ONLY_TRUE: [&str; 13] = [
    "decoy.touched",
    "fact.cloudtrail.stopped",
    "fact.iam.mfa.removed",
    "fact.principal.anonymous",
    "fact.principal.instance",
    "fact.principal.root",
    "fact.s3.acl.unknown",
    "fact.s3.encryption.customer_key",
    "fact.s3.encryption.external_key",
    "fact.signin.console",
    "own.touched",
    "reputation.listed",
    "watched.touched",
];
/// What an alternative says of one field.
#[derive(Default)]
pub(super) struct Demands<'r> {
    /// Each must fit.
    values: Vec<Vec<Wanted>>,
    pub(super) present: bool,
    pub(super) missing: bool,
    /// Booleans that it must be.
    pub(super) truths: Vec<bool>,
    /// As the rule writes it, for the line.
    pub(super) written: &'r str,
}

impl Demands<'_> {
    pub(super) fn add(&mut self, item: &DetectionItem, positive: bool) {
        let only_null = item
            .values
            .iter()
            .all(|value| matches!(value, SigmaValue::Null));
        if item.field.has_modifier(Modifier::Exists) {
            let exists = item
                .values
                .iter()
                .all(|value| matches!(value, SigmaValue::Bool(true)));
            let exists = exists == positive;
            self.present |= exists;
            self.missing |= !exists;
            return;
        }
        if only_null && item.field.modifiers.is_empty() {
            self.missing |= positive;
            self.present |= !positive;
            return;
        }
        let has_null = item
            .values
            .iter()
            .any(|value| matches!(value, SigmaValue::Null));
        if !positive || has_null {
            return;
        }
        self.present |= !item.field.has_modifier(Modifier::Neq);
        self.truths.extend(truth(item));
        self.values.extend(wanted(item));
    }

    pub(super) fn contradiction(&self, field: &str) -> Option<String> {
        if self.present && self.missing {
            return Some(format!("`{field}` must be missing and have a value"));
        }
        if self.truths.contains(&true) && self.truths.contains(&false) {
            return Some(format!("`{field}` must be true and false"));
        }
        if self.truths.contains(&false) && ONLY_TRUE.contains(&field) {
            return Some(format!(
                "`{field}` is true or missing, never false; use `not` with a selection of true"
            ));
        }
        if !SCALARS.contains(&field) || self.values.len() < 2 {
            return None;
        }
        let none = self.one_of().is_some_and(|left| left.is_empty());
        none.then(|| {
            let each = self
                .values
                .iter()
                .filter_map(|values| Some(values.first()?.text()));
            let each: Vec<&str> = each.collect();
            format!("`{field}` cannot be {} at once", each.join(" and "))
        })
    }

    /// Exact values that meet all demands; `None` where no demand lists exact values.
    pub(super) fn one_of(&self) -> Option<Vec<String>> {
        let exact =
            |values: &&Vec<Wanted>| values.iter().all(|value| matches!(value, Wanted::Exact(_)));
        let listed = self.values.iter().find(exact)?;
        let fits = |text: &str| {
            let bare = without_date(text);
            let meets = |one: &Wanted| {
                let same = || without_date(one.text()).eq_ignore_ascii_case(bare);
                let dated = matches!(one, Wanted::Exact(_)) && same();
                dated || one.fits(text) || one.fits(bare)
            };
            self.values.iter().all(|any| any.iter().any(meets))
        };
        let texts = listed.iter().map(|value| value.text().to_owned());
        Some(texts.filter(|text| fits(text)).collect())
    }
}

/// A lone boolean, as such or as text.
fn truth(item: &DetectionItem) -> Option<bool> {
    match item.values.as_slice() {
        [SigmaValue::Bool(value)] if item.field.modifiers.is_empty() => Some(*value),
        [SigmaValue::String(text)] if item.field.modifiers.is_empty() => {
            text.as_plain()?.to_ascii_lowercase().parse().ok()
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

    /// Facts that are set to `true` in one place, and nowhere to anything else.
    #[test]
    fn what_is_only_true_is_nowhere_set_to_false() {
        let mut code = String::new();
        let mut folders = vec![Path::new(env!("CARGO_MANIFEST_DIR")).join("src/facts")];
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    folders.push(path);
                } else {
                    code.push_str(&std::fs::read_to_string(path).unwrap());
                }
            }
        }
        for fact in ONLY_TRUE
            .iter()
            .filter_map(|field| field.strip_prefix("fact."))
        {
            let set = code.matches(&format!("set(\"{fact}\", ")).count();
            let set_true = code.matches(&format!("set(\"{fact}\", true)")).count();
            assert!(set_true > 0 && set == set_true, "{fact}");
        }
    }
}
