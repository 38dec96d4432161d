//! Names and places that hold secrets, as AWS spells them.

use serde_json::Value;

/// What stands under a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    /// Nothing secret by its name.
    Keep,
    /// A secret, if it is a text or a number.
    Leaf,
    /// Everything below is secret.
    Tree,
}

/// Whether everything below a name is secret.
///
/// Each name of a record is asked: as a `match`, the compiler compares those of one length only.
fn is_tree(name: &str) -> bool {
    matches!(
        name,
        "base32stringseed"
            | "challengeresponses"
            | "customergatewayconfiguration"
            | "keymaterial"
            | "masteruserpassword"
            | "oldpassword"
            | "newpassword"
            | "password"
            | "passworddata"
            | "plaintext"
            | "privatekey"
            | "qrcodepng"
            | "randompassword"
            | "secretbinary"
            | "secretstring"
            | "secretaccesskey"
            | "sessiontoken"
            | "userdata"
    )
}

/// Whether a text of this name is secret.
fn is_leaf(name: &str) -> bool {
    matches!(
        name,
        "accesskey"
            | "apikeyvalue"
            | "authcode"
            | "authenticationcode1"
            | "authenticationcode2"
            | "authorization"
            | "connectionstring"
            | "cookie"
            | "mfacode"
            | "otp"
            | "passcode"
            | "pwd"
            | "samlassertion"
            | "secrethash"
            | "secrettoauthenticateinitiator"
            | "secrettoauthenticatetarget"
            | "signingkey"
            | "tokencode"
            | "tokenvalue"
            | "xamzsignature"
            | "xapikey"
            | "xamzcredentialsecret"
    )
}

/// Whether a text whose name ends so is secret.
fn ends_as_leaf(name: &str) -> bool {
    name.ends_with("encryptionkey")
        || name.ends_with("passphrase")
        || name.ends_with("passwd")
        || name.ends_with("password")
        || name.ends_with("privatekeybase64")
        || name.ends_with("privatekeypem")
        || name.ends_with("secret")
        || name.ends_with("secretaccesskey")
        || name.ends_with("secretkey")
        || name.ends_with("secretvalue")
        || name.ends_with("sharedkey")
        || name.ends_with("token")
        || name.ends_with("webhookurl")
}

/// Whether a token of this name only pages, repeats or locks.
fn is_harmless_token(name: &str) -> bool {
    matches!(
        name,
        "changetoken"
            | "clientrequesttoken"
            | "clienttoken"
            | "concurrencytoken"
            | "continuationtoken"
            | "creationtoken"
            | "idempotencytoken"
            | "listtoken"
            | "locktoken"
            | "nextbackwardtoken"
            | "nextforwardtoken"
            | "nextsequencetoken"
            | "nexttoken"
            | "pagetoken"
            | "paginationtoken"
            | "requesttoken"
            | "revisiontoken"
            | "sequencetoken"
            | "startingtoken"
            | "nextpagetoken"
    )
}

/// Places where a harmless name holds a secret, as (event name's start, end of the path).
const PLACES: [(&str, &[&str], Verdict); 8] = [
    (
        "PutParameter",
        &["requestparameters", "value"],
        Verdict::Tree,
    ),
    (
        "SendCommand",
        &["requestparameters", "parameters"],
        Verdict::Tree,
    ),
    ("CreateApiKey", &["value"], Verdict::Leaf),
    ("UpdateApiKey", &["value"], Verdict::Leaf),
    ("InitiateAuth", &["authparameters"], Verdict::Tree),
    ("AdminInitiateAuth", &["authparameters"], Verdict::Tree),
    ("", &["environment", "variables"], Verdict::Tree),
    ("", &["optionsettings", "value"], Verdict::Leaf),
];

/// Names by which an object says what its `value` is.
const NAMES_OF_VALUES: [&str; 5] = ["name", "key", "parameterkey", "parametername", "optionname"];
/// Names of such a value.
const VALUES: [&str; 3] = ["value", "parametervalue", "stringvalue"];
/// What a variable's or parameter's name contains when its value is secret.
const TELLTALES: [&str; 10] = [
    "apikey",
    "authorization",
    "connectionstring",
    "credential",
    "passphrase",
    "passwd",
    "password",
    "privatekey",
    "secret",
    "token",
];

/// Lower case without `-`, `_` and list indexes: `X-Amz_Key[0]` → `xamzkey`.
pub(super) fn normalise(key: &str) -> String {
    if key.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
        return key.to_ascii_lowercase();
    }
    let name = key.split('[').next().unwrap_or_default();
    let kept = name.chars().filter(|c| !matches!(c, '-' | '_' | ' '));
    if name.is_ascii() {
        return kept.map(|c| c.to_ascii_lowercase()).collect();
    }
    kept.flat_map(char::to_lowercase).collect()
}

/// What stands at a path of normalised names.
pub(super) fn judge(event_name: Option<&str>, path: &[String]) -> Verdict {
    let Some(name) = path.last().map(String::as_str) else {
        return Verdict::Keep;
    };
    if is_tree(name) || name.ends_with("environmentvariables") {
        return Verdict::Tree;
    }
    if let Some(verdict) = place(event_name, path) {
        return verdict;
    }
    let parent = path.iter().rev().nth(1).map_or("", String::as_str);
    let is_variable = parent.starts_with("environment") && name == "value";
    let is_secret = is_leaf(name) || (ends_as_leaf(name) && !is_harmless_token(name));
    if is_variable || is_secret {
        return Verdict::Leaf;
    }
    Verdict::Keep
}

fn place(event_name: Option<&str>, path: &[String]) -> Option<Verdict> {
    let name = path.last().map(String::as_str);
    let mut named = PLACES
        .iter()
        .filter(|(_, end, _)| end.last().copied() == name);
    let fits = |(event, end, _): &&(&str, &[&str], Verdict)| {
        let tail = path.len().checked_sub(end.len()).map(|from| &path[from..]);
        let is_event = event_name.map_or(end.len() > 1, |name| name.starts_with(event));
        is_event && tail.is_some_and(|tail| tail.iter().eq(end.iter()))
    };
    named.find(fits).map(|(_, _, verdict)| *verdict)
}

/// Whether a normalised name is that of a value in a pair of name and value.
pub(super) fn is_value(name: &str) -> bool {
    VALUES.contains(&name)
}

/// Whether an object, with normalised names, says itself that its value is secret:
/// `{"name":"DB_PASSWORD","value":…}`.
pub(super) fn names_secret<'a>(mut members: impl Iterator<Item = (&'a String, &'a Value)>) -> bool {
    members.any(|(name, value)| {
        let says = NAMES_OF_VALUES.contains(&name.as_str());
        let said = says.then(|| value.as_str().map(normalise)).flatten();
        said.is_some_and(|said| {
            let tells = TELLTALES.iter().any(|part| said.contains(part));
            tells || said.ends_with("pass") || said.ends_with("pwd")
        })
    })
}

/// Whether a text is the id of an access key, which is no secret.
pub(super) fn is_key_id(text: &str) -> bool {
    let is_named = text.starts_with("AKIA") || text.starts_with("ASIA");
    let fits = |b: u8| b.is_ascii_uppercase() || b.is_ascii_digit();
    is_named && (16..=32).contains(&text.len()) && text.bytes().all(fits)
}
