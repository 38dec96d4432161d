//! Matchers as in Alertmanager: `severity>=high`, `rule=~"iam_.*"`; all of a list must fit.

use super::label::{Label, Labelled, UnknownLabel};
use dial_core::Severity;
use dial_core::severity::UnknownSeverity;
use regex::{Regex, RegexBuilder};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// Longest matcher, bytes.
pub const MAX_TEXT: usize = 512;
/// Most matchers of one list.
pub const MAX_COUNT: usize = 20;
/// Largest compiled expression, bytes.
const MAX_COMPILED: usize = 256 * 1024;

/// Operators, so that none comes after its own beginning.
const OPERATORS: [&str; 6] = ["=~", "!~", "!=", ">=", "<=", "="];

/// Asks one thing of a finding.
#[derive(Clone, Deserialize, Serialize, JsonSchema)]
#[serde(try_from = "String", into = "String")]
#[schemars(description = "Such as `rule=s3_bucket_policy_public` or `severity>=high`.")]
pub struct Matcher {
    label: Label,
    operator: Operator,
    value: String,
    test: Test,
}

/// An operator as it is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Operator(&'static str);

#[derive(Clone)]
enum Test {
    Equal,
    NotEqual,
    Fits(Regex),
    FitsNot(Regex),
    AtLeast(Severity),
    AtMost(Severity),
}

/// Why a text is no matcher.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MatcherError {
    /// No operator in it.
    #[error(
        "`{0}` is no matcher; write a label, one of = != =~ !~ >= <=, and a value, such as severity>=high"
    )]
    Shape(String),
    /// Too long.
    #[error("matcher is {0} bytes long, {MAX_TEXT} are allowed")]
    TooLong(usize),
    /// The label does not exist.
    #[error(transparent)]
    Label(#[from] UnknownLabel),
    /// A severity was asked for that does not exist.
    #[error("{0}")]
    Severity(String),
    /// Only severities have an order.
    #[error("`{0}` has no order; >= and <= are for severity")]
    Order(String),
    /// The value is quoted only half, or empty without quotes.
    #[error("value of `{0}` is not complete; write it like {0}=\"value\"")]
    Value(String),
    /// The expression cannot be read or is too large.
    #[error("`{0}` is no regular expression of a moderate size: {1}")]
    Expression(String, String),
}

impl Matcher {
    /// What it asks about.
    pub fn label(&self) -> &Label {
        &self.label
    }

    /// Whether it names what it wants, rather than what it does not want.
    pub fn is_positive(&self) -> bool {
        !matches!(self.test, Test::NotEqual | Test::FitsNot(_))
    }

    /// Whether something fits; what a view cannot tell does not fit.
    ///
    /// A label without a value has the empty one. Of several values one must fit `=` and `=~`, and
    /// none `!=` and `!~`.
    pub fn fits(&self, subject: &impl Labelled) -> bool {
        match &self.test {
            Test::AtLeast(severity) => return subject.severity() >= *severity,
            Test::AtMost(severity) => return subject.severity() <= *severity,
            _ => {}
        }
        let Some(mut values) = subject.values(&self.label) else {
            return false;
        };
        if values.is_empty() {
            values.push("".into());
        }
        let any = values.iter().any(|value| self.accepts(value));
        any == self.is_positive()
    }

    /// Whether its word or expression is satisfied by a value, negated or not.
    pub(super) fn accepts(&self, value: &str) -> bool {
        match &self.test {
            Test::Equal | Test::NotEqual => value == self.value,
            Test::Fits(expression) | Test::FitsNot(expression) => expression.is_match(value),
            Test::AtLeast(_) | Test::AtMost(_) => false,
        }
    }
}

/// The first of the matchers that something does not fit; `None` where it fits them all.
pub fn first_misfit<'m>(matchers: &'m [Matcher], subject: &impl Labelled) -> Option<&'m Matcher> {
    matchers.iter().find(|matcher| !matcher.fits(subject))
}

impl FromStr for Matcher {
    type Err = MatcherError;

    fn from_str(text: &str) -> Result<Self, MatcherError> {
        if text.len() > MAX_TEXT {
            return Err(MatcherError::TooLong(text.len()));
        }
        let shape = || MatcherError::Shape(text.to_owned());
        let at = text.find(['=', '!', '>', '<']).ok_or_else(shape)?;
        let (name, rest) = text.split_at(at);
        let operator = OPERATORS.into_iter().find(|o| rest.starts_with(o));
        let operator = operator.ok_or_else(shape)?;
        let label: Label = name.trim().parse()?;
        let value = unquoted(rest[operator.len()..].trim())
            .ok_or_else(|| MatcherError::Value(label.to_string()))?;
        let asked = Test::new(&label, operator, &value)?;
        Ok(Self {
            label,
            operator: Operator(operator),
            value,
            test: asked,
        })
    }
}

impl Test {
    fn new(label: &Label, operator: &str, value: &str) -> Result<Self, MatcherError> {
        let severity = |value: &str| {
            let unknown = |e: UnknownSeverity| MatcherError::Severity(e.to_string());
            value.parse::<Severity>().map_err(unknown)
        };
        if *label == Label::Severity && !operator.ends_with('~') {
            severity(value)?;
        }
        Ok(match operator {
            "=" => Self::Equal,
            "!=" => Self::NotEqual,
            "=~" => Self::Fits(expression(value)?),
            "!~" => Self::FitsNot(expression(value)?),
            _ if *label != Label::Severity => return Err(MatcherError::Order(label.to_string())),
            ">=" => Self::AtLeast(severity(value)?),
            _ => Self::AtMost(severity(value)?),
        })
    }
}

/// Anchored at both ends; the time that a match takes is linear in the value.
fn expression(value: &str) -> Result<Regex, MatcherError> {
    RegexBuilder::new(&format!("^(?:{value})$"))
        .size_limit(MAX_COMPILED)
        .dfa_size_limit(MAX_COMPILED)
        .build()
        .map_err(|error| {
            let said = error.to_string();
            let line = said.lines().last().unwrap_or_default();
            let line = line.trim_start_matches("error: ").trim();
            MatcherError::Expression(value.to_owned(), line.to_owned())
        })
}

/// The value without its quotes; only a quoted one may be empty or have blanks at its ends.
fn unquoted(text: &str) -> Option<String> {
    let Some(rest) = text.strip_prefix('"') else {
        return (!text.is_empty() && !text.contains('"')).then(|| text.to_owned());
    };
    let mut value = String::new();
    let mut characters = rest.chars();
    loop {
        match characters.next()? {
            '"' => return characters.next().is_none().then_some(value),
            '\\' => match characters.next()? {
                escaped @ ('"' | '\\') => value.push(escaped),
                // An expression keeps its own escapes.
                other => value.extend(['\\', other]),
            },
            character => value.push(character),
        }
    }
}

impl TryFrom<String> for Matcher {
    type Error = MatcherError;

    fn try_from(text: String) -> Result<Self, MatcherError> {
        text.parse()
    }
}

impl From<Matcher> for String {
    fn from(matcher: Matcher) -> Self {
        matcher.to_string()
    }
}

impl fmt::Display for Matcher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let plain = |c: char| c.is_ascii_alphanumeric() || "._:/-*@".contains(c);
        write!(f, "{}{}", self.label, self.operator.0)?;
        if !self.value.is_empty() && self.value.chars().all(plain) {
            return f.write_str(&self.value);
        }
        let value = self.value.replace('\\', "\\\\").replace('"', "\\\"");
        write!(f, "\"{value}\"")
    }
}

impl fmt::Debug for Matcher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

impl PartialEq for Matcher {
    fn eq(&self, other: &Self) -> bool {
        (&self.label, self.operator, &self.value) == (&other.label, other.operator, &other.value)
    }
}

impl Eq for Matcher {}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::routing::samples;
    use dial_core::store::Summary;
    use dial_core::store::triage::Triage;
    use proptest::prelude::*;

    #[test]
    fn matchers_fit_as_in_alertmanager() {
        let finding = samples::finding(1);
        let cases = [
            ("severity>=high", true),
            ("severity>=critical", false),
            ("severity<=high", true),
            ("severity<=medium", false),
            ("severity=high", true),
            ("severity!=high", false),
            ("severity=~\"high|critical\"", true),
            ("account=111122223333", true),
            ("account=payments", true),
            ("account!=payments", false),
            ("account=~\"1111.*\"", true),
            ("account=~1111", false),
            ("region = eu-west-1", true),
            ("rule=s3_bucket_policy_public", true),
            ("rule=1b7e5d6c-0c38-4b5e-9f0a-3d2f6f6c9a11", true),
            ("rule=~\"s3_.*\"", true),
            ("rule!~\"s3_.*\"", false),
            ("attack=T1530", true),
            ("attack=T1098", true),
            ("attack=T1098.001", true),
            ("attack=T1098.002", false),
            ("attack!=T1110", true),
            ("principal=arn:aws:iam::111122223333:user/deploy", true),
            ("principal_type=IAMUser", true),
            ("principal_account=111122223333", true),
            ("role=\"\"", true),
            ("role!=\"\"", false),
            ("resource=~\"arn:aws:s3:::.*\"", true),
            ("resource_type=AWS::S3::Bucket", true),
            ("event=PutBucketPolicy", true),
            ("service=s3.amazonaws.com", true),
            ("error_code=\"\"", true),
            ("source_ip=198.51.100.7", true),
            ("country=NL", false),
            ("fact.s3.policy.public=true", true),
            ("fact.s3.ports=443", true),
            ("fact.s3.ports!=443", false),
            ("fact.none=\"\"", true),
        ];
        for (text, expected) in cases {
            let matcher: Matcher = text.parse().unwrap();
            assert_eq!(matcher.fits(&finding), expected, "{text}");
        }
    }

    #[test]
    fn what_is_no_matcher_is_refused_with_the_fix() {
        let texts = [
            "",
            "severity",
            "severity>high",
            "severity>=hihg",
            "severity=bad",
            "severty=high",
            "weather=fine",
            "fact.=1",
            "account>=1",
            "rule=",
            "rule=\"half",
            "rule=half\"",
            "rule=\"a\"b",
            "rule=~\"(\"",
            "rule=~\"(a{1000}){1000}\"",
        ];
        let refusals: Vec<String> = texts
            .iter()
            .map(|text| format!("{text}\n    {}", text.parse::<Matcher>().unwrap_err()))
            .collect();
        insta::assert_snapshot!(refusals.join("\n"));
        let long = format!("rule={}", "a".repeat(MAX_TEXT));
        assert_eq!(long.parse::<Matcher>(), Err(MatcherError::TooLong(517)));
    }

    #[test]
    fn a_line_of_a_list_says_the_same_where_it_can_tell() {
        let finding = samples::finding(1);
        let summary = Summary::of(&finding, &Triage::default());
        let texts = [
            "severity>=high",
            "account=payments",
            "rule=~s3_.*",
            "event=PutBucketPolicy",
        ];
        let fits = texts.map(|text| text.parse::<Matcher>().unwrap().fits(&summary));
        assert_eq!(fits, [true, true, true, false], "no line holds the event");
    }

    proptest! {
        #[test]
        fn any_text_is_read_or_refused_and_what_is_read_is_written_the_same(
            text in "(severity|rule|account|fact\\.x)(=|!=|=~|!~|>=)?\\PC{0,20}"
        ) {
            if let Ok(matcher) = text.parse::<Matcher>() {
                let again: Matcher = matcher.to_string().parse().unwrap();
                prop_assert_eq!(&again, &matcher);
                let finding = samples::finding(1);
                prop_assert_eq!(again.fits(&finding), matcher.fits(&finding));
            }
        }
    }
}
