//! Inspector: vulnerabilities of machines, images and functions.

use super::{Found, Reporter, nobody};
use crate::normalise::lookup;
use crate::resources;
use dial_core::finding::Resource;
use serde_json::Value;

pub(super) const REPORTER: Reporter = Reporter {
    source: "aws.inspector2",
    name: "Inspector",
    kind: "type",
    message: "description",
    resources: about,
    principal: nobody,
    addresses: &[],
};

fn about(found: Found<'_>) -> Vec<Resource> {
    let listed = lookup::all(&found.event.record, "resources").into_iter();
    listed.filter_map(|it| resource(found, it)).collect()
}

/// Instances by id, images and functions by ARN.
fn resource(found: Found<'_>, listed: &Value) -> Option<Resource> {
    let id = lookup::text(listed, "id").filter(|id| !id.is_empty())?;
    if id.starts_with("arn:") {
        return Some(resources::by_arn(id, None));
    }
    let kind = match lookup::text(listed, "type") {
        Some("AWS_EC2_INSTANCE") => "AWS::EC2::Instance",
        _ => "AWS::Resource",
    };
    Some(found.named(kind, id))
}
