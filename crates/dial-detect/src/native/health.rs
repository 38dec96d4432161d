//! AWS Health: exposed credentials and reports of abuse.

use super::{Found, Reporter, nobody};
use crate::resources;
use dial_core::finding::Resource;

pub(super) const REPORTER: Reporter = Reporter {
    source: "aws.health",
    name: "AWS Health",
    kind: "eventTypeCode",
    message: "eventDescription.latestDescription",
    resources: about,
    principal: nobody,
    addresses: &[],
};

/// Entities are ARNs, access keys, instances, or anything else by name.
fn about(found: Found<'_>) -> Vec<Resource> {
    let entities = found.texts("affectedEntities.entityValue");
    entities.map(|entity| resource(found, entity)).collect()
}

fn resource(found: Found<'_>, entity: &str) -> Resource {
    if entity.starts_with("arn:") {
        return resources::by_arn(entity, None);
    }
    let kind = if entity.starts_with("AKIA") || entity.starts_with("ASIA") {
        "AWS::IAM::AccessKey"
    } else if entity.starts_with("i-") {
        "AWS::EC2::Instance"
    } else {
        "AWS::Health::Entity"
    };
    found.named(kind, entity)
}
