use super::*;
use proptest::prelude::*;
use serde_json::json;

const BASE64: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
/// A key as AWS makes them, written by us.
const SECRET_KEY: &str = "q7Zr+M2xkV9tHc4LwYb1NfGs8EaPd/JuXo3RiTmQ";
const JWT: &str = "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJkZW1vLXVzZXIifQ.c2lnbmF0dXJlLW9mLWRlbW8";
const SESSION: &str = "IQoJb3JpZ2luX2VjEBwaCWV1LXdlc3QtMSJGMEQCIHdlLXdyb3RlLXRoaXM";

/// Events in real shapes with `@` where the secret stands, one a line.
const EVENTS: &str = include_str!("secrets.jsonl");

/// Puts a text in place of every `@`.
fn plant(value: &Value, secret: &str) -> Value {
    serde_json::from_str(&value.to_string().replace('@', secret)).unwrap()
}

#[test]
fn secrets_are_found_where_they_stand() {
    for line in EVENTS.lines() {
        let case: Value = serde_json::from_str(line).unwrap();
        let (name, shape) = (&case["name"], &case["event"]);
        let planted = shape.to_string().matches('@').count();
        let mut event = plant(shape, "hunter2hunter2");
        let count = redact(&mut event);
        assert!(!event.to_string().contains("hunter2"), "{name}: {event}");
        assert_eq!(count, planted, "{name}: {event}");
        assert_eq!(redact(&mut event), 0, "{name}: again: {event}");
    }
}

#[test]
fn everything_else_stays_as_it_is() {
    let kept = [
        (
            "ids",
            json!({"userIdentity": {"accessKeyId": "AKIAIOSFODNN7EXAMPLE", "principalId": "AROAEXAMPLEEXAMPLE123:session", "sessionContext": {"attributes": {"mfaAuthenticated": "true"}}}}),
        ),
        (
            "key created",
            json!({"responseElements": {"accessKey": {"accessKeyId": "AKIAIOSFODNN7EXAMPLE", "status": "Active"}}}),
        ),
        (
            "masked",
            json!({"requestParameters": {"masterUserPassword": "****", "userData": "<sensitiveDataRemoved>", "password": "HIDDEN_DUE_TO_SECURITY_REASONS", "tokenValue": "Value hidden due to security reasons"}}),
        ),
        (
            "password policy",
            json!({"requestParameters": {"minimumPasswordLength": 8, "passwordResetRequired": true, "maxPasswordAge": 90, "requireNumbers": false}}),
        ),
        (
            "names of secrets",
            json!({"requestParameters": {"secretId": "prod/db", "masterUserSecret": {"secretArn": "arn:aws:secretsmanager:eu-west-1:111122223333:secret:prod-AbCdEf"}, "secret": "arn:aws:secretsmanager:eu-west-1:111122223333:secret:prod-AbCdEf"}}),
        ),
        (
            "paging",
            json!({"requestParameters": {"nextToken": "AAAA", "clientToken": "c0ffee", "clientRequestToken": "x", "creationToken": "y"}}),
        ),
        (
            "hashes and ids",
            json!({"requestID": "c0ffee00-1234-4abc-8def-001122334455", "sha1": "da39a3ee5e6b4b0d3255bfef95601890afd80709", "x": "AWSReservedSSO/PowerUserAccess/SomeLongPath1"}),
        ),
        (
            "error text",
            json!({"errorMessage": "User: arn:aws:iam::111122223333:user/a is not authorized to perform: secretsmanager:GetSecretValue on resource: arn:aws:secretsmanager:eu-west-1:111122223333:secret:prod/db-AbCdEf"}),
        ),
        (
            "policy",
            json!({"requestParameters": {"policyDocument": "{\"Statement\": [ {\"Effect\": \"Allow\", \"Action\": \"secretsmanager:*\", \"Resource\": \"*\"} ]}"}}),
        ),
        (
            "build image",
            json!({"requestParameters": {"environment": {"image": "aws/codebuild/standard:7.0", "type": "LINUX_CONTAINER"}}}),
        ),
        (
            "tags",
            json!({"requestParameters": {"tags": [{"key": "team", "value": "payments"}]}}),
        ),
    ];
    for (name, value) in kept {
        let mut event = value.clone();
        assert_eq!((redact(&mut event), &event), (0, &value), "{name}");
    }
}

#[test]
fn secrets_are_known_by_their_shape_anywhere() {
    let pem =
        "-----BEGIN RSA PRIVATE KEY-----\nMIIBOgIBAAJBAKj34GkxFhD9\n-----END RSA PRIVATE KEY-----";
    let secrets = [
        SECRET_KEY,
        JWT,
        SESSION,
        pem,
        "-----BEGIN PRIVATE KEY-----\nMIIBOgIBAAJBAKj34GkxFhD9 and then cut",
        "ghp_wewrotethistokenourselves1234567890",
        "github_pat_11AAAAAAA0wewrotethis_ourselves",
        "glpat-wewrotethis-ourselves",
        "xoxb-111122223333-wewrotethis",
        "whsec_d2Ugd3JvdGUgdGhpcyBvdXJzZWx2ZXM=",
        "sk_live_wewrotethisourselves",
        "npm_wewrotethistokenourselves1234567890",
        "SG.wewrotethisourselves1.wewrotethisourselves2",
        "AIzaSyWeWroteThisKeyOurselves0123456789",
    ];
    let places = |secret: &str| {
        [
            json!({"userAgent": format!("tool {secret} x")}),
            json!({"userAgent": format!("clé{secret}")}),
            json!({"requestParameters": {"description": secret, "list": [[{"a": secret}]]}}),
            json!({"requestParameters": {"text": json!({"anything": secret}).to_string()}}),
            json!({"requestParameters": {"tags": {secret: "x"}}}),
        ]
    };
    for secret in secrets {
        for mut event in places(secret) {
            let before = event.to_string();
            assert!(redact(&mut event) > 0, "{before}");
            let (after, part) = (event.to_string(), &secret[secret.len() / 2..]);
            let escaped = json!(part).to_string();
            assert!(
                !after.contains(escaped.trim_matches('"')),
                "{before} → {after}"
            );
        }
    }
}

#[test]
fn secrets_in_texts_leave_the_rest_readable() {
    let cases = [
        (
            "mysql --password hunter22 -h db",
            "mysql --password [redacted] -h db",
        ),
        (
            "export DB_PASSWORD=hunter22; run",
            "export DB_PASSWORD=[redacted]; run",
        ),
        (
            "postgres://app:hunter22@db/x",
            "postgres://app:[redacted]@db/x",
        ),
        (
            "https://h/?a=1&X-Amz-Signature=00112233aabb&b=2",
            "https://h/?a=1&X-Amz-Signature=[redacted]&b=2",
        ),
        (
            "https://hooks.slack.com/services/T0/B0/abc",
            "https://hooks.slack.com/services/[redacted]",
        ),
        (
            "{\"password\": \"hunter22\", \"cut",
            "{\"password\": \"[redacted]\", \"cut",
        ),
        ("Password: hunter22", "Password: [redacted]"),
        (
            "aws secretsmanager get-secret-value --secret-id prod/db",
            "aws secretsmanager get-secret-value --secret-id prod/db",
        ),
    ];
    for (text, expected) in cases {
        let mut redacted = text.to_owned();
        let count = redact_text(&mut redacted);
        assert_eq!(redacted, expected);
        assert_eq!(count, usize::from(text != expected), "{text}");
        assert_eq!(redact_text(&mut redacted), 0, "again: {text}");
    }
}

#[test]
fn a_matched_value_is_judged_by_its_path() {
    let cases = [
        ("requestParameters.masterUserPassword", true),
        ("requestParameters.environment.variables.STAGE", true),
        ("responseElements.credentials.sessionToken", true),
        ("requestParameters.users[0].password", true),
        ("requestParameters.value", true),
        ("requestParameters.userName", false),
        ("fact.s3.policy.public", false),
        ("", false),
    ];
    for (field, is_secret) in cases {
        let mut value = json!("hunter22");
        assert_eq!(
            redact_field(field, &mut value),
            usize::from(is_secret),
            "{field}"
        );
        assert_eq!(value == json!(REDACTED), is_secret, "{field}");
    }
}

fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<String>().prop_map(Value::from),
        "[a-z/+=A-Z0-9{}\":%\\\\-]{0,60}".prop_map(Value::from),
    ];
    leaf.prop_recursive(5, 40, 6, |inner| {
        let key = prop_oneof![
            any::<String>(),
            "(password|environment|variables|value|name|token|userData)"
        ];
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
            prop::collection::vec((key, inner), 0..6)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

proptest! {
    #[test]
    fn any_json_is_redacted_once_and_stays_so(mut value in any_json()) {
        redact(&mut value);
        let once = value.clone();
        prop_assert_eq!(redact(&mut value), 0, "{}", once);
        prop_assert_eq!(value, once);
    }

    #[test]
    fn random_secret_keys_are_found(bytes in any::<[u8; 40]>()) {
        let key: String = bytes
            .iter()
            .map(|byte| char::from(BASE64[usize::from(byte % 64)]))
            .collect();
        let classes: [fn(char) -> bool; 3] = [
            |c| c.is_ascii_digit(),
            |c| c.is_ascii_lowercase(),
            |c| c.is_ascii_uppercase(),
        ];
        prop_assume!(classes.iter().all(|class| key.contains(class)));
        let mut text = format!("before {key} after");
        prop_assert_eq!(redact_text(&mut text), 1);
        prop_assert_eq!(text, "before [redacted] after");
    }
}
