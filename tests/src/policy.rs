//! Policies of IAM as far as our roles use them: does a role allow a call, and is a grant used?

use serde_json::Value;

/// One call of an AWS API, in IAM's words.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Call {
    /// Such as `dynamodb:Query`.
    pub action: String,
    /// ARN of what it was made on.
    pub resource: String,
}

/// One action that one statement allows.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Grant {
    /// `Sid` of the statement.
    pub sid: String,
    /// The action.
    pub action: String,
    /// ARNs, with `*` for any characters.
    pub resources: Vec<String>,
}

impl Grant {
    /// Every grant of a policy document.
    ///
    /// # Panics
    /// On a denial, a condition or a `Not…` key, which none of our roles has.
    pub fn of(document: &str) -> Vec<Self> {
        let document: Value = serde_json::from_str(document).expect("a policy is JSON");
        let statements = document["Statement"].as_array().expect("statements");
        statements.iter().flat_map(of_statement).collect()
    }

    /// Whether it allows a call.
    pub fn allows(&self, call: &Call) -> bool {
        let fits = |pattern: &String| fits(pattern, &call.resource);
        self.action == call.action && self.resources.iter().any(fits)
    }
}

fn of_statement(statement: &Value) -> Vec<Grant> {
    let keys = statement.as_object().expect("a statement is an object");
    for key in keys.keys() {
        let known = ["Sid", "Effect", "Action", "Resource"].contains(&key.as_str());
        assert!(known, "{key} is not understood: {statement}");
    }
    assert_eq!(statement["Effect"], "Allow", "{statement}");
    let resources = texts(&statement["Resource"]);
    let grant = |action| Grant {
        sid: statement["Sid"].as_str().unwrap_or_default().to_owned(),
        action,
        resources: resources.clone(),
    };
    texts(&statement["Action"]).into_iter().map(grant).collect()
}

/// One text or a list of them.
fn texts(value: &Value) -> Vec<String> {
    let list = value.as_array().cloned().unwrap_or(vec![value.clone()]);
    let texts = list.iter().filter_map(Value::as_str);
    texts.map(str::to_owned).collect()
}

/// Whether a text is what a pattern says, `*` standing for any characters.
fn fits(pattern: &str, text: &str) -> bool {
    match pattern.split_once('*') {
        None => pattern == text,
        Some((start, rest)) => text.strip_prefix(start).is_some_and(|left| {
            let ends = left.char_indices().map(|(at, _)| at);
            ends.chain([left.len()]).any(|at| fits(rest, &left[at..]))
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_stands_for_any_characters() {
        let cases = [
            ("arn:aws:s3:::b/k", "arn:aws:s3:::b/k", true),
            ("arn:aws:s3:::b/*", "arn:aws:s3:::b/k/l", true),
            ("arn:aws:s3:::b/*", "arn:aws:s3:::b", false),
            ("arn:aws:s3:::b/*", "arn:aws:s3:::bb/k", false),
            ("*", "", true),
            ("a*c*e", "abcde", true),
            ("a*c*e", "abde", false),
        ];
        for (pattern, text, expected) in cases {
            assert_eq!(fits(pattern, text), expected, "{pattern} {text}");
        }
    }

    #[test]
    fn a_grant_allows_its_action_on_its_resources() {
        let document = r#"{"Version": "2012-10-17", "Statement": [{
            "Sid": "Objects", "Effect": "Allow",
            "Action": ["s3:GetObject", "s3:PutObject"], "Resource": "arn:aws:s3:::b/master/*"
        }]}"#;
        let grants = Grant::of(document);
        assert_eq!(grants.len(), 2);
        let allowed = |action: &str, resource: &str| {
            let call = Call {
                action: action.into(),
                resource: resource.into(),
            };
            grants.iter().any(|grant| grant.allows(&call))
        };
        assert!(allowed("s3:PutObject", "arn:aws:s3:::b/master/x"));
        assert!(!allowed("s3:PutObject", "arn:aws:s3:::b/config/x"));
        assert!(!allowed("s3:DeleteObject", "arn:aws:s3:::b/master/x"));
    }

    #[test]
    #[should_panic(expected = "Condition is not understood")]
    fn what_is_not_understood_is_no_grant() {
        Grant::of(
            r#"{"Statement": [{"Effect": "Allow", "Action": "a:B", "Resource": "*", "Condition": {}}]}"#,
        );
    }
}
