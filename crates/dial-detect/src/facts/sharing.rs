//! Facts about things shared by a list of accounts, the same for every service that does so.

use super::policy::account_of;
use super::{Facts, Known, list};
use crate::normalise::Call;
use crate::text::{is_account, shown};
use serde_json::Value;
use std::collections::BTreeSet;

/// One entry of such a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Shared<'a> {
    /// Everyone: `all`, `*` or `arn:aws:iam::…` of any account.
    Everyone,
    /// An account, by its number or by an ARN of it.
    Account(&'a str),
    /// Something else, such as an AWS service.
    Other,
}

impl<'a> Shared<'a> {
    /// Reads an entry.
    pub(super) fn of(text: &'a str) -> Self {
        let text = text.trim();
        let account = account_of(text).unwrap_or(text);
        if text == "*" || text.eq_ignore_ascii_case("all") {
            Self::Everyone
        } else if is_account(account) {
            Self::Account(account)
        } else {
            Self::Other
        }
    }
}

/// As [`state`], for the texts at a path of the request.
pub(super) fn state_request(
    prefix: &str,
    what: &str,
    path: &str,
    call: &Call<'_>,
    known: &Known<'_>,
    facts: &mut Facts,
) {
    let texts = call.request_all(path).into_iter().filter_map(Value::as_str);
    let shared: Vec<_> = texts.map(Shared::of).collect();
    state(prefix, what, &shared, known, facts);
}

/// States with whom something is shared, below `prefix`; an empty list states nothing.
pub(super) fn state(
    prefix: &str,
    what: &str,
    shared: &[Shared<'_>],
    known: &Known<'_>,
    facts: &mut Facts,
) {
    if shared.is_empty() {
        return;
    }
    let public = shared.contains(&Shared::Everyone);
    let outside: BTreeSet<&str> = shared.iter().filter_map(|s| outsider(*s, known)).collect();
    facts.set(&format!("{prefix}.public"), public);
    facts.set(&format!("{prefix}.external"), !outside.is_empty());
    facts.set(&format!("{prefix}.accounts"), list(&outside));
    if public {
        facts.say(format!("shares {what} with everyone"));
    }
    for account in outside {
        facts.say(format!(
            "shares {what} with outside account {}",
            shown(account)
        ));
    }
}

fn outsider<'a>(shared: Shared<'a>, known: &Known<'_>) -> Option<&'a str> {
    match shared {
        Shared::Account(account) if !known.has(account) => Some(account),
        _ => None,
    }
}

/// Accounts, by number or in ARNs, that are not ours.
pub(super) fn outsiders<'a>(
    values: impl IntoIterator<Item = &'a Value>,
    known: &Known<'_>,
) -> BTreeSet<&'a str> {
    let texts = values.into_iter().filter_map(Value::as_str);
    texts
        .filter_map(|text| outsider(Shared::of(text), known))
        .collect()
}

#[cfg(test)]
mod tests {
    use crate::facts::{facts_of, sample};
    use serde_json::{Map, Value, json};

    /// (service, call, path of the request, prefix of the facts)
    const CALLS: [(&str, &str, &str, &str); 15] = [
        (
            "backup",
            "StartCopyJob",
            "destinationBackupVaultArn",
            "backup.copy",
        ),
        (
            "config",
            "PutAggregationAuthorization",
            "authorizedAccountId",
            "config.aggregation",
        ),
        (
            "dynamodb",
            "ExportTableToPointInTime",
            "s3BucketOwner",
            "dynamodb.export",
        ),
        ("eks", "CreateAccessEntry", "principalArn", "eks.access"),
        (
            "es",
            "AuthorizeVpcEndpointAccess",
            "account",
            "opensearch.access",
        ),
        ("events", "PutTargets", "targets.arn", "events.target"),
        (
            "lakeformation",
            "BatchGrantPermissions",
            "entries.principal.dataLakePrincipalIdentifier",
            "lakeformation.grant",
        ),
        (
            "lakeformation",
            "GrantPermissions",
            "principal.dataLakePrincipalIdentifier",
            "lakeformation.grant",
        ),
        (
            "logs",
            "PutSubscriptionFilter",
            "destinationArn",
            "logs.subscription",
        ),
        ("ram", "AssociateResourceShare", "principals", "ram.share"),
        ("ram", "CreateResourceShare", "principals", "ram.share"),
        ("rds", "StartExportTask", "kmsKeyId", "rds.key"),
        (
            "redshift",
            "AuthorizeDataShare",
            "consumerIdentifier",
            "redshift.share",
        ),
        (
            "redshift",
            "AuthorizeEndpointAccess",
            "account",
            "redshift.share",
        ),
        (
            "redshift",
            "AuthorizeSnapshotAccess",
            "accountWithRestoreAccess",
            "redshift.share",
        ),
    ];

    fn at(path: &str, value: Value) -> Value {
        path.rsplit('.').fold(value, |below, name| {
            Value::Object(Map::from_iter([(name.to_owned(), below)]))
        })
    }

    #[test]
    fn every_service_states_with_whom_it_shares() {
        let whom = [
            ("777788889999", Some(true)),
            ("444455556666", Some(false)),
            ("111122223333", Some(false)),
        ];
        for (service, name, path, prefix) in CALLS {
            let external = |text: &str| {
                let request = at(path, json!(text));
                let facts = facts_of(&sample(&format!("{service}.amazonaws.com"), name, request));
                let fact = facts.get(&format!("{prefix}.external"));
                fact.and_then(Value::as_bool)
            };
            for (account, expected) in whom {
                assert_eq!(external(account), expected, "{service} {name} {account}");
                let arn = format!("arn:aws:{service}:eu-west-1:{account}:thing/x");
                assert_eq!(external(&arn), expected, "{service} {name} {arn}");
            }
        }
    }
}
