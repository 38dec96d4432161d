//! RDS: databases and snapshots that others can reach.

use super::sharing::{self, Shared};
use super::{Extractor, Facts, Known};
use crate::normalise::Call;
use serde_json::Value;

const RDS: &[&str] = &["rds.amazonaws.com"];

pub(super) const EXPOSURE: Extractor = Extractor {
    name: "rds.public",
    summary: "Whether a database gets an address on the internet",
    sources: RDS,
    names: &[
        "CreateDBCluster",
        "CreateDBInstance",
        "CreateDBInstanceReadReplica",
        "ModifyDBCluster",
        "ModifyDBInstance",
        "RestoreDBClusterFromS3",
        "RestoreDBClusterFromSnapshot",
        "RestoreDBClusterToPointInTime",
        "RestoreDBInstanceFromDBSnapshot",
        "RestoreDBInstanceFromS3",
        "RestoreDBInstanceToPointInTime",
    ],
    facts: &["rds.public"],
    run: exposure,
};

pub(super) const KEY: Extractor = Extractor {
    name: "rds.key",
    summary: "Whose key a database, snapshot or export is encrypted with",
    sources: &["rds.amazonaws.com"],
    names: &[
        "CopyDBClusterSnapshot",
        "CopyDBSnapshot",
        "CreateDBCluster",
        "CreateDBInstance",
        "CreateDBInstanceReadReplica",
        "RestoreDBClusterFromS3",
        "RestoreDBClusterFromSnapshot",
        "RestoreDBClusterToPointInTime",
        "RestoreDBInstanceFromDBSnapshot",
        "RestoreDBInstanceFromS3",
        "RestoreDBInstanceToPointInTime",
        "StartDBInstanceAutomatedBackupsReplication",
        "StartExportTask",
    ],
    facts: &["rds.key.public", "rds.key.external", "rds.key.accounts"],
    run: key,
};

pub(super) const SNAPSHOT: Extractor = Extractor {
    name: "rds.snapshot",
    summary: "With whom a database snapshot is shared",
    sources: RDS,
    names: &[
        "ModifyDBClusterSnapshotAttribute",
        "ModifyDBSnapshotAttribute",
    ],
    facts: &[
        "rds.snapshot.public",
        "rds.snapshot.external",
        "rds.snapshot.accounts",
    ],
    run: snapshot,
};

/// The request decides; where it leaves the flag out, a new database's answer does. The answer
/// to a change that leaves it out says how things were before.
fn exposure(call: &Call<'_>, _known: &Known<'_>, facts: &mut Facts) {
    let asked = call.request_flag("publiclyAccessible");
    let is_new = !call.name().starts_with("Modify");
    let answered = || call.response_flag("publiclyAccessible").filter(|_| is_new);
    let nested = || {
        let parts = ["dBInstance", "dBCluster"].into_iter();
        let flags = parts.map(|part| call.response_flag(&format!("{part}.publiclyAccessible")));
        flags.flatten().next().filter(|_| is_new)
    };
    let Some(public) = asked.or_else(answered).or_else(nested) else {
        return;
    };
    facts.set("rds.public", public);
    if public {
        facts.say("makes the database publicly accessible");
    }
}

/// Only an ARN tells the account of a key; a bare id or alias is the caller's own.
fn key(call: &Call<'_>, known: &Known<'_>, facts: &mut Facts) {
    sharing::state_request(
        "rds.key",
        "control of the encryption",
        "kmsKeyId",
        call,
        known,
        facts,
    );
}

fn snapshot(call: &Call<'_>, known: &Known<'_>, facts: &mut Facts) {
    if call
        .request_text("attributeName")
        .is_some_and(|name| name.eq_ignore_ascii_case("restore"))
    {
        let values = call.request_all("valuesToAdd");
        let shared: Vec<_> = values
            .into_iter()
            .filter_map(Value::as_str)
            .map(Shared::of)
            .collect();
        sharing::state(
            "rds.snapshot",
            "the database snapshot",
            &shared,
            known,
            facts,
        );
    }
}

#[cfg(test)]
mod tests {
    use crate::facts::{answered, facts_of, sample};
    use serde_json::{Value, json};

    #[test]
    fn exposure_is_what_the_call_changes() {
        let open = || json!({"publiclyAccessible": true});
        let closed = || json!({"publiclyAccessible": false});
        let cases = [
            ("asked", "ModifyDBInstance", open(), Value::Null, Some(true)),
            (
                "asked, before it takes effect",
                "ModifyDBInstance",
                open(),
                closed(),
                Some(true),
            ),
            ("closed", "ModifyDBInstance", closed(), open(), Some(false)),
            (
                "default of a new one",
                "CreateDBInstance",
                json!({}),
                open(),
                Some(true),
            ),
            (
                "as it was before",
                "ModifyDBInstance",
                json!({}),
                open(),
                None,
            ),
            (
                "default of a new cluster",
                "CreateDBCluster",
                json!({}),
                json!({"dBCluster": open()}),
                Some(true),
            ),
            (
                "default of a replica",
                "CreateDBInstanceReadReplica",
                json!({"sourceDBInstanceIdentifier": "a"}),
                open(),
                Some(true),
            ),
            (
                "restored cluster",
                "RestoreDBClusterFromSnapshot",
                open(),
                Value::Null,
                Some(true),
            ),
            ("unsaid", "CreateDBInstance", json!({}), Value::Null, None),
            ("denied", "CreateDBInstance", Value::Null, Value::Null, None),
        ];
        for (name, call, request, response, expected) in cases {
            let facts = facts_of(&answered("rds.amazonaws.com", call, request, response));
            let expected = expected.map(Value::Bool);
            assert_eq!(facts.get("rds.public"), expected.as_ref(), "{name}");
        }
    }

    #[test]
    fn shared_snapshots_are_seen() {
        let cases = [
            ("everyone", json!(["all"]), "restore", Some((true, false))),
            (
                "stranger",
                json!(["777788889999", "111122223333"]),
                "restore",
                Some((false, true)),
            ),
            (
                "ours",
                json!(["444455556666"]),
                "restore",
                Some((false, false)),
            ),
            ("other attribute", json!(["all"]), "tags", None),
            ("nobody", json!([]), "restore", None),
        ];
        for (name, values, attribute, expected) in cases {
            let request = json!({"attributeName": attribute, "valuesToAdd": values, "dBSnapshotIdentifier": "s"});
            let facts = facts_of(&sample(
                "rds.amazonaws.com",
                "ModifyDBSnapshotAttribute",
                request,
            ));
            let fact = |n: &str| {
                facts
                    .get(&format!("rds.snapshot.{n}"))
                    .and_then(Value::as_bool)
            };
            assert_eq!(fact("public").zip(fact("external")), expected, "{name}");
        }
    }
}
