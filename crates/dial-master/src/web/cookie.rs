//! The cookies: the secret of a session, and a sign-in at a provider that was begun. Read, made and
//! taken back.

use super::Dashboard;
use crate::sign_in::oidc;
use dial_core::Secret;
use dial_core::api_token::ApiToken;
use http::header::COOKIE;
use http::{HeaderMap, HeaderValue};

/// Longest value that is looked at, bytes; browsers keep no longer ones.
const MAX_VALUE: usize = 4_096;
/// Names of the session's: with HTTPS, and without. `__Host-` makes browsers refuse it from other
/// hosts and without HTTPS.
const SESSION: [&str; 2] = ["__Host-dial", "dial_session"];
/// Names of that of a sign-in that was begun.
const PENDING: [&str; 2] = ["__Host-dial-pending", "dial_pending"];

/// The secret of a request's session, where it shows exactly one of the right form.
pub(super) fn read(headers: &HeaderMap, dashboard: &Dashboard) -> Option<ApiToken> {
    ApiToken::parse(value(headers, name(SESSION, dashboard))?).ok()
}

/// The sealed text of the sign-in that a browser has begun.
pub(super) fn pending<'h>(headers: &'h HeaderMap, dashboard: &Dashboard) -> Option<&'h str> {
    value(headers, name(PENDING, dashboard))
}

fn name([secure, plain]: [&'static str; 2], dashboard: &Dashboard) -> &'static str {
    if dashboard.secure { secure } else { plain }
}

/// The value of a cookie that is there exactly once.
fn value<'h>(headers: &'h HeaderMap, name: &str) -> Option<&'h str> {
    let lines = headers.get_all(COOKIE).iter();
    let pairs = lines.filter_map(|line| line.to_str().ok());
    let pairs = pairs.flat_map(|line| line.split(';'));
    let mut values = pairs.filter_map(|pair| {
        let (shown, value) = pair.trim().split_once('=')?;
        (shown == name).then_some(value)
    });
    match (values.next(), values.next()) {
        (Some(value), None) if value.len() <= MAX_VALUE => Some(value),
        _ => None,
    }
}

/// `set-cookie` of a new session.
pub(super) fn set(secret: &Secret, dashboard: &Dashboard) -> HeaderValue {
    let seconds = dashboard.session.as_secs();
    line(SESSION, secret.expose(), seconds, dashboard)
}

/// `set-cookie` that takes it back.
pub(super) fn clear(dashboard: &Dashboard) -> HeaderValue {
    line(SESSION, "", 0, dashboard)
}

/// `set-cookie` of a sign-in that begins.
pub(super) fn set_pending(sealed: &Secret, dashboard: &Dashboard) -> HeaderValue {
    line(PENDING, sealed.expose(), oidc::LIFE.as_secs(), dashboard)
}

/// `set-cookie` that takes it back.
pub(super) fn clear_pending(dashboard: &Dashboard) -> HeaderValue {
    line(PENDING, "", 0, dashboard)
}

/// `Lax`, so that a link from a chat opens the page that it names, and a provider sends people
/// back; changes are `POST`s, which a foreign page cannot make with it.
fn line(names: [&'static str; 2], value: &str, seconds: i64, dashboard: &Dashboard) -> HeaderValue {
    let name = name(names, dashboard);
    let secure = if dashboard.secure { "; Secure" } else { "" };
    let text = format!("{name}={value}; Path=/; Max-Age={seconds}; HttpOnly; SameSite=Lax{secure}");
    let mut line =
        HeaderValue::try_from(text).expect("base-32 and base-64 digits and our words are ASCII");
    line.set_sensitive(true);
    line
}

#[cfg(test)]
mod tests {
    use super::*;
    use dial_core::key::{RootKey, RootKeys};

    fn secret() -> ApiToken {
        let roots = RootKeys::default().with(1, RootKey::from_bytes([1; 32]));
        ApiToken::mint([7; 32], &roots).unwrap()
    }

    #[test]
    fn exactly_one_secret_is_read() {
        let good = secret().secret().expose().to_owned();
        let dashboard = Dashboard::default();
        let cases: [(&str, Vec<String>, bool); 7] = [
            ("alone", vec![format!("__Host-dial={good}")], true),
            (
                "among others",
                vec![format!("a=b; __Host-dial={good}; c")],
                true,
            ),
            ("none", vec!["a=b".into()], false),
            (
                "twice",
                vec![format!("__Host-dial={good}; __Host-dial={good}")],
                false,
            ),
            (
                "in two lines",
                vec![format!("__Host-dial={good}"), "__Host-dial=x".into()],
                false,
            ),
            ("changed", vec![format!("__Host-dial={good}a")], false),
            (
                "name for plain HTTP",
                vec![format!("dial_session={good}")],
                false,
            ),
        ];
        for (name, lines, expected) in cases {
            let mut headers = HeaderMap::new();
            for line in lines {
                headers.append(COOKIE, line.parse().unwrap());
            }
            assert_eq!(read(&headers, &dashboard).is_some(), expected, "{name}");
        }
    }

    #[test]
    fn the_cookie_is_locked_down() {
        let secret = Secret::new("digits");
        let dashboard = Dashboard::default().under(Some("https://dial.example.org"));
        let plain = Dashboard::default().under(Some("http://127.0.0.1:8600"));
        let lines = [
            set(&secret, &dashboard),
            set(&secret, &plain),
            clear(&dashboard),
            set_pending(&secret, &dashboard),
            set_pending(&secret, &plain),
            clear_pending(&dashboard),
        ];
        let lines = lines.map(|line| line.to_str().unwrap().to_owned());
        insta::assert_snapshot!(lines.join("\n"), @r"
        __Host-dial=digits; Path=/; Max-Age=43200; HttpOnly; SameSite=Lax; Secure
        dial_session=digits; Path=/; Max-Age=43200; HttpOnly; SameSite=Lax
        __Host-dial=; Path=/; Max-Age=0; HttpOnly; SameSite=Lax; Secure
        __Host-dial-pending=digits; Path=/; Max-Age=600; HttpOnly; SameSite=Lax; Secure
        dial_pending=digits; Path=/; Max-Age=600; HttpOnly; SameSite=Lax
        __Host-dial-pending=; Path=/; Max-Age=0; HttpOnly; SameSite=Lax; Secure
        ");
    }
}
