//! Snapshots and images that are handed to other accounts.

use super::EC2;
use crate::facts::sharing::{Shared, state};
use crate::facts::{Extractor, Facts, Known};
use crate::normalise::Call;
use serde_json::Value;

pub(in crate::facts) const IMAGE: Extractor = Extractor {
    name: "ec2.image",
    summary: "With whom a machine image is shared",
    sources: EC2,
    names: &["ModifyImageAttribute"],
    facts: &[
        "ec2.image.public",
        "ec2.image.external",
        "ec2.image.accounts",
    ],
    run: image,
};

pub(in crate::facts) const SNAPSHOT: Extractor = Extractor {
    name: "ec2.snapshot",
    summary: "With whom a disk snapshot is shared",
    sources: EC2,
    names: &["ModifySnapshotAttribute"],
    facts: &[
        "ec2.snapshot.public",
        "ec2.snapshot.external",
        "ec2.snapshot.accounts",
    ],
    run: snapshot,
};

fn image(call: &Call<'_>, known: &Known<'_>, facts: &mut Facts) {
    state(
        "ec2.image",
        "the image",
        &added(call, "launchPermission"),
        known,
        facts,
    );
}

fn snapshot(call: &Call<'_>, known: &Known<'_>, facts: &mut Facts) {
    state(
        "ec2.snapshot",
        "the snapshot",
        &added(call, "createVolumePermission"),
        known,
        facts,
    );
}

/// Groups, accounts and organizations that are added: below the permission, or, with the
/// older parameters, beside `operationType`.
fn added<'a>(call: &Call<'a>, permission: &str) -> Vec<Shared<'a>> {
    let texts = |path: String| {
        let values = call.request_all(&path).into_iter();
        values.filter_map(Value::as_str).map(Shared::of)
    };
    let members = [
        "group",
        "userId",
        "organizationArn",
        "organizationalUnitArn",
    ];
    let nested = members
        .iter()
        .flat_map(|member| texts(format!("{permission}.add.{member}")));
    let adds = call
        .request_text("operationType")
        .is_some_and(|o| o.eq_ignore_ascii_case("add"));
    let flat: &[&str] = if adds {
        &[
            "userIdSet.userId",
            "userIds",
            "userId",
            "groupSet.group",
            "groupNames",
            "userGroup",
        ]
    } else {
        &[]
    };
    nested
        .chain(flat.iter().flat_map(|path| texts((*path).to_owned())))
        .collect()
}

#[cfg(test)]
mod tests {
    use crate::facts::{facts_of, sample};
    use serde_json::json;

    #[test]
    fn what_is_added_counts_and_what_is_removed_does_not() {
        let cases = [
            (
                "everyone",
                json!({"add": {"items": [{"group": "all"}]}}),
                (true, false),
            ),
            (
                "stranger",
                json!({"add": {"items": [{"userId": "777788889999"}]}}),
                (false, true),
            ),
            (
                "both",
                json!({"add": {"items": [{"userId": "777788889999"}, {"group": "all"}]}}),
                (true, true),
            ),
            (
                "ours",
                json!({"add": {"items": [{"userId": "444455556666"}]}}),
                (false, false),
            ),
            (
                "removed",
                json!({"remove": {"items": [{"group": "all"}]}}),
                (false, false),
            ),
            (
                "foreign organization",
                json!({"add": {"items": [{"organizationArn": "arn:aws:organizations::777788889999:organization/o-1"}]}}),
                (false, true),
            ),
        ];
        for (name, change, (public, external)) in cases {
            for (call, service, key) in [
                (
                    "ModifySnapshotAttribute",
                    "snapshot",
                    "createVolumePermission",
                ),
                ("ModifyImageAttribute", "image", "launchPermission"),
            ] {
                let facts = facts_of(&sample("ec2.amazonaws.com", call, json!({ key: change })));
                let fact = |name: &str| facts.get(&format!("ec2.{service}.{name}")).cloned();
                assert_eq!(
                    fact("public").unwrap_or(json!(false)),
                    json!(public),
                    "{name}"
                );
                assert_eq!(
                    fact("external").unwrap_or(json!(false)),
                    json!(external),
                    "{name}"
                );
            }
        }
    }

    #[test]
    fn older_parameters_are_understood() {
        let request = json!({"snapshotId": "snap-1", "operationType": "add", "userIdSet": {"items": [{"userId": "777788889999"}]}});
        let facts = facts_of(&sample(
            "ec2.amazonaws.com",
            "ModifySnapshotAttribute",
            request,
        ));
        assert_eq!(
            facts.get("ec2.snapshot.accounts"),
            Some(&json!(["777788889999"]))
        );
        assert_eq!(
            facts.sentences,
            ["Shares the snapshot with outside account 777788889999"]
        );
    }
}
