//! What is refused before anybody is asked, and that nobody but an STS of AWS is.

use super::*;
use jiff::Timestamp;
use proptest::prelude::*;
use serde_json::{Value, json};

fn now() -> Timestamp {
    "2026-05-01T10:00:00Z".parse().unwrap()
}

fn good() -> Value {
    json!({
        "worker": "111122223333/eu-west-1",
        "access_key": "ASIAEXAMPLEEXAMPLE00",
        "date": "20260501T095900Z",
        "token": "FQoGZXIvYXdzEBYaDexample",
        "signature": "0123456789abcdef".repeat(4),
    })
}

fn read(body: &Value) -> Result<Enrolment, EnrolmentError> {
    Enrolment::read(body.to_string().as_bytes(), now())
}

fn audience() -> Audience {
    Audience::parse("https://dial.example.com/prod/").unwrap()
}

#[test]
fn what_is_no_enrolment_is_refused_before_anybody_is_asked() {
    use EnrolmentError::{Part, Shape, Stale, Worker};
    let region = |name: &str| EnrolmentError::Region(name.to_owned());
    let cases = [
        ("worker", json!("111122223333"), Worker),
        ("worker", json!("11112222333/eu-west-1"), Worker),
        ("worker", json!("111122223333/EU"), Worker),
        (
            "worker",
            json!("111122223333/eu-west-1.evil.example/"),
            Worker,
        ),
        (
            "worker",
            json!("111122223333/s3-eu-west-1"),
            region("s3-eu-west-1"),
        ),
        ("worker", json!("111122223333/evil"), region("evil")),
        ("worker", json!(7), Shape),
        (
            "access_key",
            json!("AKIAEXAMPLEEXAMPLE00"),
            Part("access_key"),
        ),
        ("access_key", json!("ASIA"), Part("access_key")),
        (
            "access_key",
            json!("ASIAEXAMPLEEXAMPLE/0"),
            Part("access_key"),
        ),
        ("access_key", json!("ASIA".repeat(33)), Part("access_key")),
        ("token", json!(""), Part("token")),
        ("token", json!("FQoGZXIvYXdz\r\nhost: evil"), Part("token")),
        ("token", json!("a".repeat(6_145)), Part("token")),
        ("token", json!("a".repeat(9_000)), Shape),
        ("signature", json!("0".repeat(63)), Part("signature")),
        ("signature", json!("A".repeat(64)), Part("signature")),
        ("date", json!("20260501T0959000"), Part("date")),
        ("date", json!("20261301T095900Z"), Part("date")),
        ("date", json!("+0260501T095900Z"), Part("date")),
        ("date", json!("2026050\u{e9}T09590Z"), Part("date")),
        ("date", json!("20260501T095459Z"), Stale(301)),
        ("date", json!("20260501T100501Z"), Stale(301)),
        ("date", json!("00010101T000000Z"), Stale(63_913_312_800)),
        ("url", json!("https://evil.example/"), Shape),
    ];
    for (field, value, expected) in cases {
        let mut body = good();
        body[field] = value.clone();
        let got = read(&body);
        // How long ago the year 1 was is not the point.
        match (&got, &expected) {
            (Err(Stale(a)), Stale(b)) if *a > 1_000 && *b > 1_000 => {}
            _ => assert_eq!(got, Err(expected), "{field}: {value}"),
        }
    }
    for field in ["worker", "access_key", "date", "token", "signature"] {
        let mut body = good();
        body.as_object_mut().unwrap().remove(field);
        assert_eq!(read(&body), Err(Shape), "{field}");
    }
    for body in ["", "{", "null", "[]"] {
        assert_eq!(
            Enrolment::read(body.as_bytes(), now()),
            Err(Shape),
            "{body}"
        );
    }
}

#[test]
fn the_edges_of_time_are_taken() {
    for date in ["20260501T095500Z", "20260501T100500Z"] {
        let mut body = good();
        body["date"] = date.into();
        assert!(read(&body).is_ok(), "{date}");
    }
}

#[test]
fn the_question_is_the_masters_own() {
    let question = read(&good()).unwrap().question(&audience()).unwrap();
    insta::assert_debug_snapshot!((question.url(), question.headers()));
    assert!(!format!("{question:?}").contains("FQoG"));
}

#[test]
fn what_is_sent_reads_as_what_was_signed() {
    let enrolment = read(&good()).unwrap();
    let added: Vec<(String, String)> = enrolment
        .question(&audience())
        .unwrap()
        .headers()
        .iter()
        .map(|(name, value)| ((*name).to_owned(), value.clone()))
        .collect();
    let worker = enrolment.worker.clone();
    let again = Enrolment::of(worker.clone(), &added).unwrap();
    assert_eq!(again, enrolment);
    assert_eq!(Enrolment::read(&again.to_json(), now()), Ok(enrolment));
    let without = added.iter().filter(|(n, _)| n != "x-amz-security-token");
    let without: Vec<_> = without.cloned().collect();
    assert_eq!(Enrolment::of(worker, &without), None);
}

#[test]
fn only_regions_have_an_sts() {
    let cases = [
        ("eu-west-1", Some("sts.eu-west-1.amazonaws.com")),
        ("ap-southeast-5", Some("sts.ap-southeast-5.amazonaws.com")),
        ("mx-central-1", Some("sts.mx-central-1.amazonaws.com")),
        ("us-gov-west-1", Some("sts.us-gov-west-1.amazonaws.com")),
        ("cn-north-1", Some("sts.cn-north-1.amazonaws.com.cn")),
        ("eusc-de-east-1", Some("sts.eusc-de-east-1.amazonaws.eu")),
        ("us-iso-east-1", Some("sts.us-iso-east-1.c2s.ic.gov")),
        ("us-isob-east-1", Some("sts.us-isob-east-1.sc2s.sgov.gov")),
        ("eu-isoe-west-1", Some("sts.eu-isoe-west-1.cloud.adc-e.uk")),
        (
            "us-isof-south-1",
            Some("sts.us-isof-south-1.csp.hci.ic.gov"),
        ),
        ("s3-eu-west-1", None),
        ("s3-website-eu-west-1", None),
        ("eu-gov-west-1", None),
        ("eu-west", None),
        ("eu-west-", None),
        ("eu-west-10", None),
        ("eu-up-1", None),
        ("-eu-west-1", None),
        ("eu--1", None),
        ("us-east-1-a", None),
        ("x", None),
    ];
    for (region, expected) in cases {
        let host = sts_host(&Region::parse(region).unwrap());
        assert_eq!(host.as_deref(), expected, "{region}");
    }
}

#[test]
fn a_master_has_one_name() {
    let name = |url: &str| Audience::parse(url).map(|audience| audience.to_string());
    assert_eq!(name("https://a.example/"), name("https://a.example"));
    for bad in ["", "a.example", "ftp://a", "https://a\nb", "https://é"] {
        assert_eq!(name(bad), Err(AudienceError), "{bad}");
    }
    assert!(name(&format!("https://{}", "a".repeat(300))).is_err());
}

#[test]
fn only_roles_of_the_account_have_a_name() {
    let role = "arn:aws:sts::111122223333:assumed-role/dial-worker-eu-west-1/dial-worker";
    let cases = [
        (role, Some("dial-worker-eu-west-1")),
        ("arn:aws-cn:sts::111122223333:assumed-role/r/s", Some("r")),
        ("arn:aws-eusc:sts::111122223333:assumed-role/r/s", Some("r")),
        ("arn:aws:sts::444455556666:assumed-role/dial-worker/s", None),
        ("arn:aws:iam::111122223333:user/dial-worker", None),
        ("arn:aws:iam::111122223333:root", None),
        ("arn:aws:sts::111122223333:federated-user/dial-worker", None),
        ("arn:aws:sts::111122223333:assumed-role/dial-worker", None),
        ("arn:aws:sts::111122223333:assumed-role//s", None),
        ("arn:aws:sts::111122223333:assumed-role/a/b/c", None),
        ("arn:evil:sts::111122223333:assumed-role/r/s", None),
        ("arn:aws:sts:eu-west-1:111122223333:assumed-role/r/s", None),
        ("", None),
    ];
    for (arn, expected) in cases {
        let identity = Identity {
            arn: arn.to_owned(),
            account: "111122223333".to_owned(),
        };
        assert_eq!(identity.role(), expected, "{arn}");
    }
}

proptest! {
    /// Whatever is sent, and whatever region is named: nobody is asked but an STS of AWS.
    #[test]
    fn no_enrolment_goes_anywhere_but_to_sts(
        region in "[a-z0-9-]{1,32}|[a-z]{2}(sc-de|-gov|-iso[a-z]?)?-[a-z]{4,9}-[0-9]|.{0,40}",
        token in "[A-Za-z0-9+/=]{16,80}|.{0,40}",
        key in "ASIA[A-Z0-9]{16}|.{0,30}",
    ) {
        let mut body = good();
        body["worker"] = format!("111122223333/{region}").into();
        body["token"] = token.into();
        body["access_key"] = key.into();
        if let Ok(enrolment) = read(&body) {
            let question = enrolment.question(&audience()).unwrap();
            let asked = question.url();
            let rest = asked.strip_prefix(&format!("https://sts.{}.", enrolment.worker.region));
            let suffixes = [
                "amazonaws.com/", "amazonaws.com.cn/", "amazonaws.eu/", "c2s.ic.gov/",
                "sc2s.sgov.gov/", "cloud.adc-e.uk/", "csp.hci.ic.gov/",
            ];
            prop_assert!(rest.is_some_and(|rest| suffixes.contains(&rest)), "{}", asked);
            for (name, value) in question.headers() {
                prop_assert!(value.bytes().all(|b| (b' '..=b'~').contains(&b)), "{}: {}", name, value);
            }
        }
    }
}
