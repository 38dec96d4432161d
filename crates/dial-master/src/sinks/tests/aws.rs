//! The sinks of AWS services: what they send, what they make of answers, what is wrong with
//! their settings.

use super::{Known, built, job, links, sent, settings, shown, untouched};
use crate::message::samples;
use crate::sinks::guard::Guard;
use crate::sinks::{Call, Job, Probe, Reply, Sink, Sinks, Step, Via};
use dial_core::Finding;
use dial_core::store::triage::Triage;
use dial_core::store::{Audit, Status, Stored};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::time::Duration;

pub(super) const SNS: &str = "type = 'sns'\ntopic_arn = 'arn:aws:sns:eu-west-1:111122223333:dial'";
pub(super) const FIFO: &str = "type = 'sns'\ntopic_arn = 'arn:aws:sns:eu-west-1:111122223333:dial.fifo'\n\
                    format = 'json'";
pub(super) const BUS: &str =
    "type = 'eventbridge'\nbus_arn = 'arn:aws:events:eu-west-1:111122223333:event-bus/dial'";
pub(super) const HUB: &str = "type = 'securityhub'\nregion = 'eu-west-1'\nexternal_id = 'dial'\n\
                   role = 'arn:aws:iam::{account}:role/dial-securityhub'";
const HUB_OF_ONE: &str =
    "type = 'securityhub'\nregion = 'us-gov-west-1'\nfile_under = '444455556666'";
pub(super) const LAKE: &str = "type = 'ocsf'\nto = 's3://lake/ext/dial/1.0'\nregion = 'eu-west-1'\n\
                    role = 'arn:aws:iam::444455556666:role/lake'";
pub(super) const FILE: &str = "type = 'ocsf'\nto = '/var/log/dial/findings.jsonl'";

const ALL: [(&str, &str); 7] = [
    ("sns", SNS),
    ("sns_fifo", FIFO),
    ("eventbridge", BUS),
    ("securityhub", HUB),
    ("securityhub_of_one", HUB_OF_ONE),
    ("ocsf_s3", LAKE),
    ("ocsf_file", FILE),
];

/// The request, its forms and nested JSON spelt out, and the port it leaves by.
fn told(call: &Call) -> String {
    let mut text = shown(call);
    if call.headers["content-type"]
        .as_bytes()
        .starts_with(b"application/x-www-form")
    {
        let (head, _) = text.split_once("\n\n").unwrap_or((&text, ""));
        let start = head.find("Action=").unwrap_or(head.len());
        let mut spelt = head[..start].to_owned();
        for (name, value) in form(call) {
            let _ = write!(spelt, "\n{name} = {value}");
        }
        text = spelt;
    }
    if let Some(detail) = json_of(call)["Entries"][0]["Detail"].as_str() {
        let detail: Value = serde_json::from_str(detail).unwrap();
        let _ = write!(
            text,
            "\ndetail: {}",
            serde_json::to_string_pretty(&detail).unwrap()
        );
    }
    let _ = write!(text, "\n\n{:#?}", call.via);
    text
}

pub(super) fn form(call: &Call) -> Vec<(String, String)> {
    let query = std::str::from_utf8(&call.body).unwrap();
    let url = reqwest::Url::parse(&format!("https://x/?{query}")).unwrap();
    url.query_pairs().into_owned().collect()
}

fn json_of(call: &Call) -> Value {
    serde_json::from_slice(&call.body).unwrap_or_default()
}

/// Hostile in all that a signed batch may say: its account and region are checked at the door.
fn accepted(mut finding: Finding) -> Finding {
    finding.account.id = "111122223333".into();
    finding.region = "eu-west-1".into();
    finding
}

async fn started(settings: &str, finding: &Finding) -> Call {
    let sinks = built(settings).await;
    let links = links();
    sent(sinks.get("it").unwrap().sink.start(&job(finding, &links)))
}

#[tokio::test]
async fn the_requests_are_these() {
    for (name, settings) in ALL {
        for (kind, finding) in [
            ("benign", samples::benign()),
            ("hostile", accepted(samples::hostile(1))),
        ] {
            let call = started(settings, &finding).await;
            insta::assert_snapshot!(format!("{name}_{kind}"), told(&call));
        }
    }
}

#[tokio::test]
async fn every_request_stays_below_the_limit_of_its_service() {
    let limits = [
        (SNS, 262_144),
        (FIFO, 262_144),
        (BUS, 1_000_000),
        (HUB, 240_000),
        (HUB_OF_ONE, 240_000),
    ];
    let mut large = samples::benign();
    let record = json!({"eventName": "x".repeat(299_000)}).to_string();
    large.record = serde_json::from_str(&record).ok();
    assert!(large.record.is_some());
    for finding in [
        accepted(samples::hostile(1)),
        accepted(samples::filled("\u{1f4a5}\"\\")),
        large,
    ] {
        for (settings, limit) in limits {
            let call = started(settings, &finding).await;
            let message = form(&call).into_iter().find(|(name, _)| name == "Message");
            let length = message.map_or(call.body.len(), |(_, message)| message.len());
            assert!(length < limit, "{settings}: {length}");
        }
    }
}

#[tokio::test]
async fn a_record_too_large_for_the_service_is_left_out_and_that_is_said() {
    let mut finding = samples::benign();
    let record = json!({"eventName": "x".repeat(290_000)}).to_string();
    finding.record = serde_json::from_str(&record).ok();
    let call = started(BUS, &finding).await;
    let detail = json_of(&call)["Entries"][0]["Detail"]
        .as_str()
        .unwrap()
        .to_owned();
    let detail: Value = serde_json::from_str(&detail).unwrap();
    assert_eq!(detail["record_omitted"], true);
    assert!(detail.get("record").is_none());
    assert_eq!(detail["id"], finding.id.as_str());
}

#[tokio::test]
async fn a_topic_in_order_knows_a_repeat_by_the_findings_id() {
    let finding = samples::benign();
    let fields: BTreeMap<String, String> =
        form(&started(FIFO, &finding).await).into_iter().collect();
    assert_eq!(fields["MessageDeduplicationId"], finding.id.as_str());
    assert_eq!(fields["MessageGroupId"], "111122223333");
    let message: Finding = serde_json::from_str(&fields["Message"]).unwrap();
    assert_eq!(message, finding);
}

#[tokio::test]
async fn a_file_is_searched_before_a_repeat() {
    let sinks = built(FILE).await;
    let (finding, links) = (samples::benign(), links());
    for (attempt, look) in [(1, false), (2, true)] {
        let job = Job {
            attempt,
            ..job(&finding, &links)
        };
        let call = sent(sinks.get("it").unwrap().sink.start(&job));
        let Via::File(line) = &call.via else {
            panic!("{:?}", call.via);
        };
        assert_eq!((line.look, line.uid.as_str()), (look, finding.id.as_str()));
        assert!(!call.body.contains(&b'\n'));
        assert_eq!(json_of(&call)["metadata"]["uid"], line.uid);
    }
}

#[tokio::test]
async fn buckets_regions_and_odd_findings_make_safe_addresses() {
    type Change = fn(&mut Finding);
    let s3 = |to: &str, region: &str| format!("type = 'ocsf'\nto = '{to}'\nregion = '{region}'");
    let cases: [(&str, String, Change, &str); 4] = [
        (
            "dots",
            s3("s3://my.lake/", "eu-west-1"),
            |_| {},
            "https://s3.eu-west-1.amazonaws.com/my.lake/region%3Deu-west-1/accountId%3D111122223333/eventDay%3D20260501/f-klqro6ilv5g5uifvfe7t52e45a.jsonl",
        ),
        (
            "china",
            s3("s3://lake", "cn-north-1"),
            |_| {},
            "https://lake.s3.cn-north-1.amazonaws.com.cn/region%3Deu-west-1/accountId%3D111122223333/eventDay%3D20260501/f-klqro6ilv5g5uifvfe7t52e45a.jsonl",
        ),
        (
            "hostile region and account",
            s3("s3://lake/a=b/", "eu-west-1"),
            |f| {
                f.region = "../../x?y#z".into();
                f.account.id = "../".into();
            },
            "https://lake.s3.eu-west-1.amazonaws.com/a%3Db/region%3Dunknown/accountId%3Dunknown/eventDay%3D20260501/f-klqro6ilv5g5uifvfe7t52e45a.jsonl",
        ),
        (
            "before our time",
            s3("s3://lake", "eu-west-1"),
            |f| {
                f.time = jiff::Timestamp::MIN;
            },
            "https://lake.s3.eu-west-1.amazonaws.com/region%3Deu-west-1/accountId%3D111122223333/eventDay%3D-99990102/f-klqro6ilv5g5uifvfe7t52e45a.jsonl",
        ),
    ];
    for (name, settings, change, expected) in cases {
        let mut finding = samples::benign();
        change(&mut finding);
        let call = started(&settings, &finding).await;
        assert_eq!(call.url.as_str(), expected, "{name}");
    }
}

#[tokio::test]
async fn security_hub_gets_a_finding_only_as_the_account_that_it_names() {
    let cases = [
        (
            HUB,
            "111122223333",
            Some("arn:aws:iam::111122223333:role/dial-securityhub"),
            "arn:aws:securityhub:eu-west-1:111122223333:product/111122223333/default",
        ),
        (
            HUB_OF_ONE,
            "444455556666",
            None,
            "arn:aws-us-gov:securityhub:us-gov-west-1:444455556666:product/444455556666/default",
        ),
    ];
    for (settings, account, role, product) in cases {
        let call = started(settings, &samples::benign()).await;
        let asff = &json_of(&call)["Findings"][0];
        assert_eq!(asff["AwsAccountId"], account);
        assert_eq!(asff["ProductArn"], product);
        assert_eq!(asff["ProductFields"]["dial/account"], "111122223333");
        let Via::Signed(signing) = call.via else {
            panic!("{:?}", call.via);
        };
        assert_eq!(signing.role.as_ref().map(|r| r.arn.as_str()), role);
    }
    let mut finding = samples::benign();
    finding.account.id = "1/../2".into();
    let sinks = built(HUB).await;
    let links = links();
    let step = sinks.get("it").unwrap().sink.start(&job(&finding, &links));
    assert!(matches!(step, Step::Fail(_)), "{step:?}");
}

/// A finding that somebody acknowledged, then closed.
fn closed(finding: &Finding, comment: &str) -> (Stored, Vec<Audit>) {
    let triage = Triage {
        status: Status::FalsePositive,
        assignee: Some("night shift".into()),
        snoozed_until: None,
        revision: 2,
    };
    let line = Audit {
        at: "2026-05-01T11:00:00Z".parse().unwrap(),
        who: "analyst".into(),
        door: "slack".into(),
        action: "false_positive".into(),
        before: None,
        after: Some(triage.clone()),
        comment: Some(comment.into()),
    };
    let stored = Stored {
        triage,
        ..untouched(finding)
    };
    (stored, vec![line])
}

#[tokio::test]
async fn changes_are_shown() {
    let finding = samples::benign();
    let links = links();
    let (stored, history) = closed(&finding, "backup job <!channel>\n\u{202e}");
    let product = "arn:aws:securityhub:eu-west-1:444455556666:product/444455556666/default";
    let receipt = json!({"id": finding.id, "product": product});
    let job = Job {
        stored: &stored,
        history: &history,
        receipt: Some(&receipt),
        ..job(&finding, &links)
    };
    for (name, settings) in [
        ("eventbridge", BUS),
        ("securityhub", HUB),
        ("ocsf_s3", LAKE),
        ("ocsf_file", FILE),
    ] {
        let sinks = built(settings).await;
        let sink = &sinks.get("it").unwrap().sink;
        assert!(sink.updates(), "{name}");
        let call = sent(sink.start(&job));
        insta::assert_snapshot!(format!("{name}_changed"), told(&call));
    }
    assert!(!built(SNS).await.get("it").unwrap().sink.updates());
}

#[tokio::test]
async fn security_hub_is_told_what_people_did_after_it_has_the_finding() {
    let finding = samples::benign();
    let links = links();
    let sinks = built(HUB).await;
    let sink = &sinks.get("it").unwrap().sink;
    let receipt = json!({"id": finding.id, "product": "arn:aws:securityhub:eu-west-1:111122223333:product/111122223333/default"});
    let (stored, history) = closed(&finding, "");
    let new = job(&finding, &links);
    let late = Job {
        stored: &stored,
        history: &history,
        ..new
    };
    let change = Job {
        receipt: Some(&receipt),
        ..late
    };
    let imported = json!({"SuccessCount": 1, "FailedCount": 0}).to_string();
    let updated = json!({"ProcessedFindings": [{"Id": finding.id}]}).to_string();
    let unprocessed = |code: &str| {
        json!({"ProcessedFindings": [], "UnprocessedFindings": [{"ErrorCode": code, "ErrorMessage": "m"}]}).to_string()
    };
    let done = format!("done {receipt}");
    let cases: [(&str, &Job<'_>, &'static str, String, &str); 10] = [
        ("new", &new, "import", imported.clone(), &done),
        (
            "changed before it arrived",
            &late,
            "import",
            imported.clone(),
            "send note",
        ),
        ("its note", &late, "note", updated.clone(), &done),
        (
            "its note too early",
            &late,
            "note",
            unprocessed("FindingNotFound"),
            "retry after 0s: the finding just imported is not there yet",
        ),
        ("changed", &change, "update", updated, &done),
        (
            "forgotten",
            &change,
            "update",
            unprocessed("FindingNotFound"),
            "send import",
        ),
        ("anew", &change, "import", imported, "send note"),
        (
            "busy",
            &change,
            "update",
            unprocessed("ConcurrentUpdateError"),
            "retry after 0s: refused: ConcurrentUpdateError: m",
        ),
        (
            "wrong",
            &change,
            "update",
            unprocessed("InvalidInput"),
            "fail: refused: InvalidInput: m",
        ),
        (
            "nothing said",
            &change,
            "update",
            "{}".into(),
            "retry after 0s: unreadable answer: answered 200: {}",
        ),
    ];
    for (name, job, step, body, expected) in cases {
        let reply = Reply {
            step,
            status: 200,
            retry_after: None,
            body: body.into_bytes(),
        };
        assert_eq!(word(&sink.resume(job, &reply)), expected, "{name}");
    }
}

#[tokio::test]
async fn a_domain_of_aws_gets_signed_requests() {
    let open = "type = 'opensearch'\nurl = 'https://search.example.org'\nindex = 'dial'\n";
    let cases = [
        ("aws = { service = 'es', region = 'eu-west-1' }", "es"),
        (
            "aws = { service = 'aoss', region = 'eu-west-1', role = 'arn:aws:iam::444455556666:role/x' }",
            "aoss",
        ),
    ];
    for (aws, expected) in cases {
        let call = started(&format!("{open}{aws}"), &samples::benign()).await;
        let Via::Signed(signing) = call.via else {
            panic!("{:?}", call.via);
        };
        assert_eq!(signing.service, expected);
        assert_eq!(signing.role.is_some(), expected == "aoss");
    }
}

#[tokio::test]
async fn a_look_asks_only_whose_credentials_these_are() {
    let identity = "<GetCallerIdentityResponse><GetCallerIdentityResult><Arn>arn:aws:sts::\
                    111122223333:assumed-role/dial/dial</Arn></GetCallerIdentityResult>\
                    </GetCallerIdentityResponse>";
    let denied = "<ErrorResponse><Error><Code>InvalidClientTokenId</Code></Error></ErrorResponse>";
    let mut text = String::new();
    for (name, settings) in ALL {
        let sinks = built(settings).await;
        let sink = &sinks.get("it").unwrap().sink;
        let _ = writeln!(text, "== {name}");
        match sink.probe() {
            Probe::Known(health) => {
                let _ = writeln!(text, "{health:?}");
                continue;
            }
            Probe::Ask(call) => {
                let _ = writeln!(text, "{}", told(&call));
            }
        }
        for (status, body) in [(200, identity), (403, denied), (503, ""), (200, "<html>")] {
            let reply = Reply {
                step: "who",
                status,
                retry_after: None,
                body: body.as_bytes().to_vec(),
            };
            let _ = writeln!(text, "{status} → {:?}", sink.probed(&reply));
        }
    }
    insta::assert_snapshot!(text);
}

fn answered(sink: &dyn Sink, step: &'static str, status: u16, body: &str) -> String {
    let (finding, links) = (samples::benign(), links());
    let reply = Reply {
        step,
        status,
        retry_after: (status == 429).then(|| Duration::from_secs(30)),
        body: body.as_bytes().to_vec(),
    };
    word(&sink.resume(&job(&finding, &links), &reply))
}

fn word(step: &Step) -> String {
    match step {
        Step::Send(call) => format!("send {}", call.step),
        Step::Done(receipt) => format!("done {}", receipt.clone().unwrap_or_default()),
        Step::Retry { after, reason } => {
            format!(
                "retry after {}s: {reason}",
                after.unwrap_or_default().as_secs()
            )
        }
        Step::Fail(reason) => format!("fail: {reason}"),
    }
}

/// Answers that every one of these services gives, in XML and in both spellings of JSON.
fn refusals() -> Vec<(u16, String)> {
    let xml = |code: &str| {
        format!(
            "<ErrorResponse><Error><Type>Sender</Type><Code>{code}</Code>\
             <Message>m of {code}</Message></Error><RequestId>r</RequestId></ErrorResponse>"
        )
    };
    let json = |code: &str| json!({"__type": format!("com.amazonaws#{code}"), "message": "m"});
    vec![
        (400, xml("Throttling")),
        (400, json("ThrottlingException").to_string()),
        (
            429,
            json!({"Code": "LimitExceededException", "Message": "m"}).to_string(),
        ),
        (500, xml("InternalFailure")),
        (503, xml("SlowDown")),
        (403, xml("AuthorizationError")),
        (400, json("AccessDeniedException").to_string()),
        (403, json("ExpiredTokenException").to_string()),
        (403, xml("RequestTimeTooSkewed")),
        (403, xml("SignatureDoesNotMatch")),
        (403, json("UnrecognizedClientException").to_string()),
        (400, xml("InvalidParameter")),
        (400, json("ValidationException").to_string()),
        (404, xml("NotFound")),
        (413, String::new()),
        (502, "<html><b>Bad gateway</b></html>".into()),
        (301, xml("PermanentRedirect")),
        (400, xml("<!channel>\n\u{202e}")),
        (200, "<html>".into()),
        (204, String::new()),
    ]
}

#[tokio::test]
async fn answers_are_understood() {
    let put = |code: Option<&str>| match code {
        None => json!({"FailedEntryCount": 0, "Entries": [{"EventId": "e-1"}]}),
        Some(code) => {
            json!({"FailedEntryCount": 1, "Entries": [{"ErrorCode": code, "ErrorMessage": "m"}]})
        }
    };
    let import = |code: Option<&str>| match code {
        None => json!({"FailedCount": 0, "SuccessCount": 1, "FailedFindings": []}),
        Some(code) => json!({"FailedCount": 1, "SuccessCount": 0,
            "FailedFindings": [{"Id": "f", "ErrorCode": code, "ErrorMessage": "m"}]}),
    };
    let published = "<PublishResponse><PublishResult><MessageId>m-1</MessageId></PublishResult>\
                     </PublishResponse>";
    let own = [
        ("sns", SNS, "publish", vec![published.to_owned()]),
        (
            "eventbridge",
            BUS,
            "put",
            vec![
                put(None).to_string(),
                put(Some("ThrottlingException")).to_string(),
                put(Some("InternalFailure")).to_string(),
                put(Some("MalformedDetail")).to_string(),
                json!({"Entries": []}).to_string(),
            ],
        ),
        (
            "securityhub",
            HUB,
            "import",
            vec![
                import(None).to_string(),
                import(Some("InvalidInput")).to_string(),
                import(Some("InternalException")).to_string(),
                json!({"SuccessCount": 0}).to_string(),
            ],
        ),
        ("ocsf_s3", LAKE, "put", vec![String::new()]),
    ];
    for (name, settings, step, good) in own {
        let sinks = built(settings).await;
        let sink = &sinks.get("it").unwrap().sink;
        let mut text = String::new();
        let good = good.into_iter().map(|body| (200, body));
        for (status, body) in good.chain(refusals()) {
            let end = answered(sink.as_ref(), step, status, &body);
            let _ = writeln!(text, "{status} {body:?}\n  → {end}");
        }
        insta::assert_snapshot!(format!("answers_{name}"), text);
    }
}

/// (case, settings).
const PROBLEMS: [(&str, &str); 25] = [
    ("no topic", "type = 'sns'"),
    ("no ARN", "type = 'sns'\ntopic_arn = 'dial'"),
    (
        "ARN of a bus",
        "type = 'sns'\ntopic_arn = 'arn:aws:events:eu-west-1:111122223333:event-bus/dial'",
    ),
    (
        "ARN without account",
        "type = 'sns'\ntopic_arn = 'arn:aws:sns:eu-west-1::dial'",
    ),
    (
        "format",
        "type = 'sns'\ntopic_arn = 'arn:aws:sns:eu-west-1:111122223333:dial'\nformat = 'xml'",
    ),
    (
        "misspelt",
        "type = 'sns'\ntopic_arm = 'arn:aws:sns:eu-west-1:111122223333:dial'",
    ),
    (
        "role of SNS for each account",
        "type = 'sns'\ntopic_arn = 'arn:aws:sns:eu-west-1:111122223333:dial'\nrole = 'arn:aws:iam::{account}:role/x'",
    ),
    (
        "odd role",
        "type = 'sns'\ntopic_arn = 'arn:aws:sns:eu-west-1:111122223333:dial'\nrole = 'dial'",
    ),
    (
        "external id without role",
        "type = 'sns'\ntopic_arn = 'arn:aws:sns:eu-west-1:111122223333:dial'\nexternal_id = 'dial'",
    ),
    (
        "odd external id",
        "type = 'securityhub'\nregion = 'eu-west-1'\nrole = 'arn:aws:iam::{account}:role/x'\nexternal_id = ' '",
    ),
    (
        "endpoint inside",
        "type = 'sns'\ntopic_arn = 'arn:aws:sns:eu-west-1:111122223333:dial'\nendpoint = 'http://127.0.0.1:5555'",
    ),
    (
        "rule instead of bus",
        "type = 'eventbridge'\nbus_arn = 'arn:aws:events:eu-west-1:111122223333:rule/dial'",
    ),
    (
        "source of AWS",
        "type = 'eventbridge'\nbus_arn = 'arn:aws:events:eu-west-1:111122223333:event-bus/dial'\nsource = 'aws.dial'",
    ),
    ("nobody's hub", "type = 'securityhub'\nregion = 'eu-west-1'"),
    (
        "two hubs",
        "type = 'securityhub'\nregion = 'eu-west-1'\nrole = 'arn:aws:iam::{account}:role/x'\nfile_under = '444455556666'",
    ),
    (
        "one role for all hubs",
        "type = 'securityhub'\nregion = 'eu-west-1'\nrole = 'arn:aws:iam::444455556666:role/x'",
    ),
    (
        "odd account",
        "type = 'securityhub'\nregion = 'eu-west-1'\nfile_under = 'master'",
    ),
    (
        "odd region",
        "type = 'securityhub'\nregion = 'eu.west'\nfile_under = '444455556666'",
    ),
    ("bucket without region", "type = 'ocsf'\nto = 's3://lake'"),
    (
        "odd prefix",
        "type = 'ocsf'\nto = 's3://lake/a b//c'\nregion = 'eu-west-1'",
    ),
    ("folder", "type = 'ocsf'\nto = '/var/log/'"),
    (
        "file with a region",
        "type = 'ocsf'\nto = 'findings.jsonl'\nregion = 'eu-west-1'",
    ),
    (
        "signed and with a password",
        "type = 'opensearch'\nurl = 'https://s.example.org'\nindex = 'dial'\nuser = 'dial'\npassword = 'env:TOKEN'\naws = { service = 'es', region = 'eu-west-1' }",
    ),
    (
        "odd service",
        "type = 'opensearch'\nurl = 'https://s.example.org'\nindex = 'dial'\naws = { service = 'opensearch', region = 'eu-west-1' }",
    ),
    (
        "odd role of a domain",
        "type = 'opensearch'\nurl = 'https://s.example.org'\nindex = 'dial'\naws = { service = 'es', region = 'eu-west-1', role = 'arn:aws:iam::{account}:role/x' }",
    ),
];

#[tokio::test]
async fn every_problem_is_named_with_its_key_and_fix() {
    let mut text = String::new();
    for (case, toml) in PROBLEMS {
        let settings = settings("it", toml);
        let problems = Sinks::build(&settings, &Known, Guard::Public).await;
        let _ = writeln!(text, "{case}");
        for (path, message) in problems.unwrap_err() {
            let _ = writeln!(text, "  {path}: {message}");
        }
    }
    insta::assert_snapshot!(text);
}
