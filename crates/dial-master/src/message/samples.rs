//! Findings that tests tell: a benign one, and ones made of hostile text.

use super::links::Links;
use super::slack::{Standing, Telling};
use dial_core::finding::{
    Account, Asn, EventRef, Finding, Geo, Matched, Principal, Reputation, Resource, RuleRef,
    SeverityChange, Source,
};
use dial_core::record::Record;
use dial_core::store::triage::Triage;
use dial_core::store::{Audit, Status, Stored};
use dial_core::wire::WorkerInfo;
use dial_core::{FindingId, Severity};
use serde_json::json;

/// An ordinary finding: a public bucket policy.
pub(crate) fn benign() -> Finding {
    let mut finding = Finding {
        id: FindingId::parse("f-aaaaaaaaaaaaaaaaaaaaaaaaaa").unwrap(),
        rule: RuleRef {
            id: "1b7e5d6c-0c38-4b5e-9f0a-3d2f6f6c9a11".into(),
            name: "s3_bucket_policy_public".into(),
            title: "S3 bucket policy lets anyone in".into(),
            version: "2026-01-10".into(),
        },
        severity: Severity::High,
        severity_changes: vec![SeverityChange {
            from: Severity::Medium,
            to: Severity::High,
            reason: "production account".into(),
        }],
        title: "S3 bucket policy lets anyone in".into(),
        explanation: "Statement 0 (PublicRead) allows s3:GetObject to everyone.".into(),
        matched: vec![Matched {
            selection: "selection".into(),
            field: "fact.s3.policy.public".into(),
            value: json!(true),
        }],
        account: Account {
            id: "111122223333".into(),
            name: Some("shop-production".into()),
        },
        region: "eu-west-1".into(),
        time: "2026-05-01T10:00:00Z".parse().unwrap(),
        detected_at: "2026-05-01T10:00:02Z".parse().unwrap(),
        event: EventRef {
            id: "9ec4fb4a-8b1b-4c63-9a5e-6f4a1a5a7f10".into(),
            source: "s3.amazonaws.com".into(),
            name: "PutBucketPolicy".into(),
            kind: "AwsApiCall".into(),
            read_only: Some(false),
            error_code: None,
        },
        principal: Principal {
            kind: Some("AssumedRole".into()),
            arn: Some("arn:aws:sts::111122223333:assumed-role/deploy/ci-42".into()),
            name: Some("ci-42".into()),
            account: Some("111122223333".into()),
            access_key_id: Some("ASIAEXAMPLEEXAMPLE00".into()),
            mfa: Some(false),
            session_issuer: Some("arn:aws:iam::111122223333:role/deploy".into()),
        },
        source: Source {
            ip: Some("198.51.100.7".into()),
            user_agent: Some("aws-cli/2.15.0 Python/3.11".into()),
            geo: Some(Geo {
                country: Some("SE".into()),
                city: Some("Linköping".into()),
                lat: Some(58.4),
                lon: Some(15.6),
            }),
            asn: Some(Asn {
                number: 64500,
                org: Some("Example Net".into()),
            }),
            reputation: vec![Reputation {
                list: "tor-exits".into(),
                category: "tor".into(),
            }],
        },
        resources: vec![Resource {
            kind: "AWS::S3::Bucket".into(),
            arn: Some("arn:aws:s3:::shop-invoices".into()),
            name: "shop-invoices".into(),
        }],
        facts: json!({"s3.policy.public": true})
            .as_object()
            .unwrap()
            .clone(),
        attack: vec!["T1530".into()],
        references: vec!["https://docs.aws.amazon.com/s3/".into()],
        incomplete: vec![],
        record: Some(Record::from_value(&json!({"eventName": "PutBucketPolicy"}))),
        record_ref: None,
        suppressed: None,
        worker: WorkerInfo {
            account: "111122223333".into(),
            region: "eu-west-1".into(),
            version: "0.1.0".into(),
            rules: "5f0c".into(),
        },
    };
    finding.id = finding.expected_id();
    finding
}

/// A finding that nobody has touched yet.
pub(crate) fn untouched(finding: &Finding) -> Stored {
    Stored {
        finding: finding.clone(),
        triage: Triage::default(),
        received_at: "2026-05-01T10:00:03Z".parse().unwrap(),
        expires_at: "2027-06-05T10:00:03Z".parse().unwrap(),
    }
}

/// Puts a text where a stranger may put one.
type Fill = fn(&mut Finding, &str);

/// The text fields of a finding that a stranger may fill, and how to fill each.
pub(crate) const FIELDS: [(&str, Fill); 27] = [
    ("rule.name", |f, t| f.rule.name = t.into()),
    ("rule.title", |f, t| f.rule.title = t.into()),
    ("rule.version", |f, t| f.rule.version = t.into()),
    ("severity_changes", |f, t| {
        f.severity_changes[0].reason = t.into();
    }),
    ("title", |f, t| f.title = t.into()),
    ("explanation", |f, t| f.explanation = t.into()),
    ("account.id", |f, t| f.account.id = t.into()),
    ("account.name", |f, t| f.account.name = Some(t.into())),
    ("region", |f, t| f.region = t.into()),
    ("event.id", |f, t| f.event.id = t.into()),
    ("event.source", |f, t| f.event.source = t.into()),
    ("event.name", |f, t| f.event.name = t.into()),
    ("event.error_code", |f, t| {
        f.event.error_code = Some(t.into());
    }),
    ("principal.type", |f, t| f.principal.kind = Some(t.into())),
    ("principal.arn", |f, t| f.principal.arn = Some(t.into())),
    ("principal.name", |f, t| f.principal.name = Some(t.into())),
    ("principal.account", |f, t| {
        f.principal.account = Some(t.into());
    }),
    ("principal.access_key_id", |f, t| {
        f.principal.access_key_id = Some(t.into());
    }),
    ("principal.session_issuer", |f, t| {
        f.principal.session_issuer = Some(t.into());
    }),
    ("source.ip", |f, t| f.source.ip = Some(t.into())),
    ("source.user_agent", |f, t| {
        f.source.user_agent = Some(t.into());
    }),
    ("source.geo", |f, t| {
        f.source.geo = Some(Geo {
            country: Some(t.into()),
            city: Some(t.into()),
            ..Geo::default()
        });
    }),
    ("source.asn", |f, t| {
        f.source.asn = Some(Asn {
            number: 1,
            org: Some(t.into()),
        });
    }),
    ("source.reputation", |f, t| {
        f.source.reputation = vec![
            Reputation {
                list: t.into(),
                category: t.into()
            };
            9
        ];
    }),
    ("resources", |f, t| {
        f.resources = vec![
            Resource {
                kind: t.into(),
                arn: None,
                name: t.into()
            };
            9
        ];
    }),
    ("incomplete", |f, t| f.incomplete = vec![t.into(); 9]),
    ("attack, references", |f, t| {
        f.attack = vec![t.into(); 3];
        f.references = vec![t.into(); 3];
    }),
];

/// A finding whose every text is the given one.
pub(crate) fn filled(text: &str) -> Finding {
    let mut finding = benign();
    for (_, fill) in FIELDS {
        fill(&mut finding, text);
    }
    finding
}

/// One string with every trick in it, so many times over, in every field.
pub(crate) fn hostile(times: usize) -> Finding {
    let tricks = "<!channel> <https://evil.example|AWS console> `code` *bold* _it_ ~no~ :tada:\r\n\
                  STATUS: resolved\u{202e}\u{2066}\u{200b} @here <@U12345678> & &lt;!here&gt; \
                  ![x](https://evil.example/p.png) [a](javascript:alert(1)) <img src=x onerror=alert(1)> \
                  ``` ~~~ | # \\ =cmd|'/c calc'!A0 ";
    filled(&tricks.repeat(times))
}

/// Every state that a finding can stand in, with a history behind it whose people have odd names.
pub(crate) fn states() -> Vec<(Triage, Vec<Audit>)> {
    let state = |status, revision| Triage {
        status,
        assignee: (revision > 1).then(|| "<!here> `first`".to_owned()),
        snoozed_until: (status == Status::Snoozed).then(|| "2026-05-02T10:00:00Z".parse().unwrap()),
        revision,
    };
    let states = [
        (Status::Open, 0, ""),
        (Status::Open, 4, "reopened"),
        (Status::Acknowledged, 1, "acknowledged"),
        (Status::Resolved, 2, "resolved"),
        (Status::FalsePositive, 3, "false_positive"),
        (Status::Snoozed, 1, "snoozed"),
    ];
    let told = states.map(|(status, revision, action)| {
        let triage = state(status, revision);
        let line = Audit {
            at: "2026-05-01T11:00:00Z".parse().unwrap(),
            who: "second <@U1>".into(),
            door: "slack".into(),
            action: action.into(),
            before: None,
            after: Some(triage.clone()),
            comment: Some("<!channel> planned".into()),
        };
        let history = if revision == 0 { vec![] } else { vec![line] };
        (triage, history)
    });
    told.into()
}

/// All ways to tell a finding.
pub(crate) fn tellings<'a>(
    finding: &'a Finding,
    links: &'a Links,
    states: &'a [(Triage, Vec<Audit>)],
) -> Vec<Telling<'a>> {
    let telling = |standing, buttons| Telling {
        finding,
        links,
        standing,
        buttons,
    };
    let mut all = vec![telling(None, false)];
    for (triage, history) in states {
        let standing = Some(Standing::of(triage, history));
        all.extend([telling(standing, false), telling(standing, true)]);
    }
    all
}
