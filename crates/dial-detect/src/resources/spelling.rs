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

/// An ARN without what callers and services may add behind the resource: the version or alias of
/// a function, the image in a repository, the subscription of a topic.
pub(super) fn canonical_arn(arn: &str) -> &str {
    if arn.contains(":sns:") {
        let subscription = arn.match_indices(':').nth(5);
        return subscription.map_or(arn, |(end, _)| arn.get(..end).unwrap_or(arn));
    }
    if arn.contains(":ecr:") {
        return arn
            .split_once("/sha256:")
            .map_or(arn, |(repository, _)| repository);
    }
    let Some((_, name)) = arn.split_once(":function:") else {
        return arn;
    };
    let qualifier = name.split_once(':').map_or("", |(_, qualifier)| qualifier);
    let bare = arn.strip_suffix(qualifier).unwrap_or(arn);
    bare.strip_suffix(':').unwrap_or(bare)
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arns_lose_what_stands_behind_the_resource() {
        let function = "arn:aws:lambda:eu-west-1:111122223333:function:f";
        let repository = "arn:aws:ecr:eu-west-1:111122223333:repository/shop/web";
        let cases = [
            (function.to_owned(), function),
            (format!("{function}:prod"), function),
            (format!("{function}:7"), function),
            (format!("{function}:"), function),
            (repository.to_owned(), repository),
            (format!("{repository}/sha256:0a1b"), repository),
            ("arn:aws:s3:::b".to_owned(), "arn:aws:s3:::b"),
            ("arn:::".to_owned(), "arn:::"),
        ];
        for (arn, expected) in cases {
            assert_eq!(canonical_arn(&arn), expected, "{arn}");
        }
    }
}
