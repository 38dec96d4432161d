//! The several ways in which callers spell one resource's name.

use std::borrow::Cow;

/// The name by which a resource is known, from what a caller wrote.
pub(super) fn canonical<'a>(kind: &str, written: &'a str) -> &'a str {
    match kind {
        "AWS::SQS::Queue" if written.contains("://") => after_last(written, '/'),
        "AWS::Route53::HostedZone" => after_last(written, '/'),
        "AWS::Lambda::Function" => function(written),
        _ => written,
    }
}

/// The name as it stands in the ARN template of its type.
pub(super) fn in_arn<'a>(kind: &str, template: &str, name: &'a str) -> (String, Cow<'a, str>) {
    match kind {
        "AWS::SSM::Parameter" => (template.to_owned(), name.trim_start_matches('/').into()),
        "AWS::KMS::Key" if name.starts_with("alias/") => {
            (template.replace("key/{n}", "{n}"), name.into())
        }
        _ => (template.to_owned(), name.into()),
    }
}

fn after_last(text: &str, separator: char) -> &str {
    text.rsplit(separator).next().unwrap_or(text)
}

/// `name`, `name:alias`, `111122223333:function:name` and `…:name:alias`.
fn function(written: &str) -> &str {
    let name = written
        .split_once(":function:")
        .map_or(written, |(_, name)| name);
    name.split(':').next().unwrap_or(name)
}
