//! Trusted Advisor: access keys that AWS found in public.

use super::{Found, Reporter};
use dial_core::finding::{Principal, Resource};

pub(super) const REPORTER: Reporter = Reporter {
    source: "aws.trustedadvisor",
    name: "Trusted Advisor",
    kind: "check-name",
    message: "check-item-detail.Location",
    resources: about,
    principal: who,
    addresses: &[],
};

const USER: &str = "check-item-detail.User Name (IAM or Root)";
const KEY: &str = "check-item-detail.Access Key ID";

fn about(found: Found<'_>) -> Vec<Resource> {
    let user = found
        .text(USER)
        .map(|name| found.named("AWS::IAM::User", name));
    let key = found
        .text(KEY)
        .map(|id| found.named("AWS::IAM::AccessKey", id));
    user.into_iter().chain(key).collect()
}

fn who(found: Found<'_>) -> Principal {
    Principal {
        name: found.owned(USER),
        access_key_id: found.owned(KEY),
        ..Principal::default()
    }
}
