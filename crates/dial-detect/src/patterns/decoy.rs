//! What of the calls that touch decoys a pattern can tell: whose credentials, which names.
//!
//! Rules look for decoys everywhere in a record; patterns only where one field says it, so trail
//! files show more.

use super::condition::Condition;
use super::wanted::Wanted;
use crate::engine::{Field, Need};
use crate::settings::{Decoy, DecoyKind};

const ACCESS_KEY: &str = "detail.userIdentity.accessKeyId";
const USER: &str = "detail.userIdentity.userName";
const ISSUER: &str = "detail.userIdentity.sessionContext.sessionIssuer.userName";

/// Names for the patterns on each path.
pub(super) const PATHS: [(&str, &str); 10] = [
    (ACCESS_KEY, "access-key"),
    (USER, "user"),
    (ISSUER, "session"),
    ("detail.userIdentity.type", "type"),
    ("detail.requestParameters.bucketName", "bucket"),
    ("detail.requestParameters.name", "name"),
    ("detail.requestParameters.roleArn", "role-arn"),
    ("detail.requestParameters.roleName", "role"),
    ("detail.requestParameters.secretId", "secret"),
    ("detail.requestParameters.userName", "user"),
];

/// The calls with, or about, the decoys that a rule asks for.
///
/// A need with an event's name or source has its own pattern.
pub(super) fn touching(need: &Need, decoys: &[Decoy]) -> Vec<Wanted> {
    let bound = [Field::EventName, Field::EventSource];
    let Some(kinds) = need.0.get(&Field::Decoy) else {
        return Vec::new();
    };
    if bound.iter().any(|field| need.0.contains_key(field)) {
        return Vec::new();
    }
    let asked = decoys.iter().filter(|decoy| {
        let mut kinds = kinds.iter();
        kinds.any(|kind| kind.raw() == decoy.kind.word())
    });
    asked.flat_map(touches).collect()
}

fn touches(decoy: &Decoy) -> Vec<Wanted> {
    let Some(name) = decoy.bare_name() else {
        return Vec::new();
    };
    let by = |path, value| Wanted::Caller { path, value };
    let named = |path, value| Wanted::Decoy { path, value };
    let is = || Condition::EqualsIgnoreCase(name.to_owned());
    match decoy.kind {
        DecoyKind::AccessKey => vec![by(ACCESS_KEY, Condition::Equals(name.to_owned()))],
        DecoyKind::User => vec![
            by(USER, is()),
            by(ISSUER, is()),
            named("detail.requestParameters.userName", is()),
        ],
        DecoyKind::Role => vec![
            by(ISSUER, is()),
            named("detail.requestParameters.roleName", is()),
            named(
                "detail.requestParameters.roleArn",
                Condition::Suffix(format!("/{name}")),
            ),
        ],
        DecoyKind::Secret => {
            // In an ARN a hyphen and six characters of AWS's follow the name.
            let is_arn = decoy.name.starts_with("arn:");
            let plain = name.rsplit_once('-').filter(|_| is_arn);
            let plain = plain.map_or(name, |(plain, _)| plain);
            let secret = |text: &str| Condition::EqualsIgnoreCase(text.to_owned());
            let texts = [name, plain, decoy.name.as_str()].map(secret);
            texts
                .map(|text| named("detail.requestParameters.secretId", text))
                .to_vec()
        }
        DecoyKind::Bucket => vec![named("detail.requestParameters.bucketName", is())],
        // AWS takes and writes the name with and without its first slash.
        DecoyKind::Parameter => vec![
            named("detail.requestParameters.name", is()),
            named(
                "detail.requestParameters.name",
                Condition::EqualsIgnoreCase(format!("/{name}")),
            ),
            named(
                "detail.requestParameters.name",
                Condition::EqualsIgnoreCase(decoy.name.clone()),
            ),
        ],
    }
}
