//! CloudFront: what a distribution lets through, and where it takes its content from.

use super::{Extractor, Facts, Known};
use crate::normalise::{Call, lookup};
use crate::text::shown;
use serde_json::Value;

/// Oldest protocols that a distribution should still speak come after these.
const OLD: [&str; 5] = ["SSLv3", "TLSv1", "TLSv1_2016", "TLSv1.1", "TLSv1.1_2016"];

pub(super) const DISTRIBUTION: Extractor = Extractor {
    name: "cloudfront.distribution",
    summary: "Whether a distribution allows plain HTTP or old TLS, or needs an open bucket",
    sources: &["cloudfront.amazonaws.com"],
    names: &[
        "CreateDistribution",
        "CreateDistributionWithTags",
        "UpdateDistribution",
    ],
    facts: &[
        "cloudfront.distribution.plain_http",
        "cloudfront.distribution.old_tls",
        "cloudfront.distribution.open_origin",
        "cloudfront.distribution.firewall",
    ],
    run: distribution,
};

fn distribution(call: &Call<'_>, _known: &Known<'_>, facts: &mut Facts) {
    let paths = [
        "distributionConfig",
        "distributionConfigWithTags.distributionConfig",
    ];
    let found = paths.into_iter().find_map(|path| call.request(path));
    let Some(config) = found.filter(|config| config.is_object()) else {
        return;
    };
    facts.set("cloudfront.distribution.plain_http", plain_http(config));
    facts.set("cloudfront.distribution.old_tls", old_tls(config));
    let firewall = lookup::text(config, "webACLId").is_some_and(|id| !id.is_empty());
    facts.set("cloudfront.distribution.firewall", firewall);
    let mut open = lookup::all(config, "origins.items");
    open.retain(|origin| is_open(origin));
    facts.set("cloudfront.distribution.open_origin", !open.is_empty());
    for origin in open {
        let name = shown(lookup::text(origin, "domainName").unwrap_or("of the distribution"));
        facts.say(format!("reads the bucket {name} without signing"));
    }
}

fn plain_http(config: &Value) -> bool {
    let paths = [
        "defaultCacheBehavior.viewerProtocolPolicy",
        "cacheBehaviors.items.viewerProtocolPolicy",
    ];
    let mut found = paths.iter().flat_map(|path| lookup::all(config, path));
    found.any(|policy| policy == "allow-all")
}

fn old_tls(config: &Value) -> bool {
    let version = lookup::text(config, "viewerCertificate.minimumProtocolVersion");
    // CloudFront's own certificate always says TLSv1, whatever it speaks.
    let own = lookup::flag(config, "viewerCertificate.cloudFrontDefaultCertificate");
    own != Some(true) && version.is_some_and(|version| OLD.contains(&version))
}

/// An S3 origin that is read without an identity: only an open bucket answers.
fn is_open(origin: &Value) -> bool {
    let is_set = |path| lookup::text(origin, path).is_some_and(|id| !id.is_empty());
    let s3 = lookup::one(origin, "s3OriginConfig").is_some();
    s3 && !is_set("s3OriginConfig.originAccessIdentity") && !is_set("originAccessControlId")
}

#[cfg(test)]
mod tests {
    use crate::facts::{facts_of, sample};
    use serde_json::{Value, json};

    #[test]
    fn weak_distributions_are_seen() {
        let config = |viewers: &str, tls: Value, origin: Value| {
            json!({"webACLId": "", "viewerCertificate": tls, "origins": {"quantity": 1, "items": [origin]},
                "defaultCacheBehavior": {"viewerProtocolPolicy": viewers}})
        };
        let bucket = |identity: &str, control: &str| {
            json!({"domainName": "b.s3.amazonaws.com", "originAccessControlId": control,
                "s3OriginConfig": {"originAccessIdentity": identity}})
        };
        let server =
            json!({"domainName": "www.example.com", "customOriginConfig": {"hTTPPort": 80}});
        let own = json!({"cloudFrontDefaultCertificate": true, "minimumProtocolVersion": "TLSv1"});
        let tls = |version: &str| json!({"minimumProtocolVersion": version});
        let cases = [
            (
                "good",
                config("https-only", tls("TLSv1.2_2021"), bucket("", "E1")),
                "",
            ),
            (
                "plain",
                config("allow-all", own.clone(), server.clone()),
                "plain_http",
            ),
            (
                "old",
                config("redirect-to-https", tls("TLSv1"), server),
                "old_tls",
            ),
            (
                "open bucket",
                config("https-only", own.clone(), bucket("", "")),
                "open_origin",
            ),
            (
                "identity",
                config(
                    "https-only",
                    own,
                    bucket("origin-access-identity/cloudfront/E1", ""),
                ),
                "",
            ),
        ];
        for (name, config, expected) in cases {
            let both = [
                (
                    "UpdateDistribution2020_05_31",
                    json!({"distributionConfig": config}),
                ),
                (
                    "CreateDistributionWithTags2020_05_31",
                    json!({"distributionConfigWithTags": {"distributionConfig": config}}),
                ),
            ];
            for (call, request) in both {
                let facts = facts_of(&sample("cloudfront.amazonaws.com", call, request));
                let is_true = |fact: &&str| {
                    facts.get(&format!("cloudfront.distribution.{fact}")) == Some(&json!(true))
                };
                let names = ["plain_http", "old_tls", "open_origin", "firewall"];
                let found: Vec<_> = names.into_iter().filter(is_true).collect();
                assert_eq!(found.join(","), expected, "{name}");
            }
        }
    }
}
