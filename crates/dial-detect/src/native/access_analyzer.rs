//! IAM Access Analyzer: external, internal and unused access.

use super::{Found, Reporter};
use crate::normalise::lookup;
use crate::resources;
use dial_core::finding::{Principal, Resource};

pub(super) const REPORTER: Reporter = Reporter {
    source: "aws.access-analyzer",
    name: "Access Analyzer",
    kind: "findingType",
    message: "error",
    resources: about,
    principal: who,
    addresses: &[],
};

/// One resource, with its CloudFormation type beside.
fn about(found: Found<'_>) -> Vec<Resource> {
    let resource = found.text("resource");
    let resource = resource.map(|arn| resources::by_arn(arn, found.text("resourceType")));
    resource.into_iter().collect()
}

/// Who is let in: `{"AWS": "444455556666"}` or `{"Federated": "…"}`.
fn who(found: Found<'_>) -> Principal {
    let principal = lookup::one(&found.event.record, "principal");
    let Some((kind, name)) = principal
        .and_then(|it| it.as_object()?.iter().next())
        .and_then(|(kind, name)| Some((kind, name.as_str()?)))
    else {
        return Principal::default();
    };
    Principal {
        kind: Some(kind.clone()),
        arn: name.starts_with("arn:").then(|| name.to_owned()),
        name: Some(name.to_owned()),
        account: found.owned("principalOwnerAccount"),
        ..Principal::default()
    }
}
