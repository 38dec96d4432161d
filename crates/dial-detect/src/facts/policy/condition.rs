//! Whether a condition narrows a grant to callers of known whereabouts.
//!
//! Only positive operators with fixed values count. `…IfExists` and `ForAllValues:` are true
//! for a request without the key, and an anonymous request has almost none.

use super::glob::is_open;
use super::principal::account_of;
use super::statement::texts;
use crate::normalise::lookup;
use crate::normalise::permission::parse_cidr;
use crate::text::is_account;
use ipnet::IpNet;
use serde_json::Value;
use std::collections::BTreeSet;

/// Widest address ranges that still narrow, prefix bits; S3 calls wider ones public as well.
const MIN_PREFIX: (u8, u8) = (8, 32);

/// How far one condition narrows a statement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Limit {
    /// To these accounts.
    Accounts(BTreeSet<String>),
    /// To something fixed that tells no account: an organization, a VPC, addresses, a bucket.
    Fixed,
}

#[derive(Clone, Copy)]
enum Operator {
    Text,
    Arn,
    Address,
}

/// Every limit that a statement's `Condition` sets; all hold together.
pub(super) fn limits(condition: Option<&Value>) -> Vec<Limit> {
    let Some(Value::Object(operators)) = condition else {
        return Vec::new();
    };
    let mut found = Vec::new();
    for (operator, keys) in operators {
        let Value::Object(keys) = keys else { continue };
        if operator.trim().eq_ignore_ascii_case("bool") {
            let mounts = keys.iter().filter(|(key, value)| is_mount(key, value));
            found.extend(mounts.map(|_| Limit::Fixed));
        }
        let Some(operator) = positive(operator) else {
            continue;
        };
        found.extend(
            keys.iter()
                .filter_map(|(key, value)| limit(operator, key, value)),
        );
    }
    found
}

/// What comes through a mount target of EFS comes from its VPC.
fn is_mount(key: &str, value: &Value) -> bool {
    key.trim()
        .eq_ignore_ascii_case("elasticfilesystem:AccessedViaMountTarget")
        && lookup::as_flag(value) == Some(true)
}

fn positive(operator: &str) -> Option<Operator> {
    let lower = operator.trim().to_ascii_lowercase();
    match lower.strip_prefix("foranyvalue:").unwrap_or(&lower) {
        "stringequals" | "stringequalsignorecase" | "stringlike" => Some(Operator::Text),
        "arnequals" | "arnlike" => Some(Operator::Arn),
        "ipaddress" => Some(Operator::Address),
        _ => None,
    }
}

/// The limit of one key; the values are alternatives, so one open value opens all.
fn limit(operator: Operator, key: &str, value: &Value) -> Option<Limit> {
    let values = all_texts(value)?;
    let key = key.trim().to_ascii_lowercase();
    match key.as_str() {
        "aws:principalaccount"
        | "aws:sourceaccount"
        | "aws:sourceowner"
        | "kms:calleraccount"
        | "aws:vpceaccount"
        | "s3:dataaccesspointaccount" => accounts(&values, |v| is_account(v).then_some(v)),
        "aws:principalarn" | "aws:sourcearn" | "s3:dataaccesspointarn" => arns(operator, &values),
        "aws:principalorgid" | "aws:sourceorgid" | "aws:vpceorgid" => fixed(&values, organization),
        "aws:principalorgpaths" | "aws:sourceorgpaths" | "aws:vpceorgpaths" => {
            fixed(&values, |v| organization(v.split('/').next().unwrap_or("")))
        }
        "aws:sourcevpc" => fixed(&values, |v| v.starts_with("vpc-") && !is_open(v)),
        "aws:sourcevpce" => fixed(&values, |v| v.starts_with("vpce-") && !is_open(v)),
        // Not `aws:VpcSourceIp`: anyone's VPC may use the same private addresses.
        "aws:sourceip" => fixed(&values, narrow),
        "aws:userid" => fixed(&values, |v| {
            !is_open(v.split(':').next().unwrap_or("")) && v.len() > 12
        }),
        _ => None,
    }
}

/// Texts of a condition value; `None` where there is none or one is no text.
fn all_texts(value: &Value) -> Option<Vec<&str>> {
    let found = texts(value);
    let expected = value.as_array().map_or(1, Vec::len);
    (!found.is_empty() && found.len() == expected).then_some(found)
}

fn fixed(values: &[&str], is_fixed: impl Fn(&str) -> bool) -> Option<Limit> {
    values
        .iter()
        .all(|v| is_fixed(v.trim()))
        .then_some(Limit::Fixed)
}

fn accounts<'v>(values: &[&'v str], account: impl Fn(&'v str) -> Option<&'v str>) -> Option<Limit> {
    let found = values.iter().map(|v| account(v.trim()).map(str::to_owned));
    found.collect::<Option<BTreeSet<_>>>().map(Limit::Accounts)
}

/// ARNs fix the account, or, where they have none, must be without wildcard.
fn arns(operator: Operator, values: &[&str]) -> Option<Limit> {
    let by_account = accounts(values, |v| {
        let account = account_of(v).filter(|a| is_account(a))?;
        // `StringLike` lets a wildcard run across colons, so nothing before may be open.
        let (before, _) = v.split_once(account)?;
        let anchored = matches!(operator, Operator::Arn) || !is_open(before);
        anchored.then_some(account)
    });
    by_account.or_else(|| fixed(values, |v| v.starts_with("arn:") && !is_open(v)))
}

fn organization(value: &str) -> bool {
    value.starts_with("o-") && value.len() > 2 && !is_open(value)
}

fn narrow(value: &str) -> bool {
    parse_cidr(value).is_some_and(|cidr| match cidr {
        IpNet::V4(net) => net.prefix_len() >= MIN_PREFIX.0,
        IpNet::V6(net) => net.prefix_len() >= MIN_PREFIX.1,
    })
}
