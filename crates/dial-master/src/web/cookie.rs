//! The cookie that holds the secret of a session: read, made and taken back.

use super::Dashboard;
use dial_core::Secret;
use dial_core::api_token::ApiToken;
use http::header::COOKIE;
use http::{HeaderMap, HeaderValue};

/// Longest value that is looked at, bytes; a secret has 84.
const MAX_VALUE: usize = 256;

/// The name; `__Host-` makes browsers refuse it from other hosts and without HTTPS.
fn name(dashboard: &Dashboard) -> &'static str {
    if dashboard.secure {
        "__Host-dial"
    } else {
        "dial_session"
    }
}

/// The secret of a request's session, where it shows exactly one of the right form.
pub(super) fn read(headers: &HeaderMap, dashboard: &Dashboard) -> Option<ApiToken> {
    let name = name(dashboard);
    let lines = headers.get_all(COOKIE).iter();
    let pairs = lines.filter_map(|line| line.to_str().ok());
    let pairs = pairs.flat_map(|line| line.split(';'));
    let mut values = pairs.filter_map(|pair| {
        let (shown, value) = pair.trim().split_once('=')?;
        (shown == name).then_some(value)
    });
    match (values.next(), values.next()) {
        (Some(value), None) if value.len() <= MAX_VALUE => ApiToken::parse(value).ok(),
        _ => None,
    }
}

/// `set-cookie` of a new session.
pub(super) fn set(secret: &Secret, dashboard: &Dashboard) -> HeaderValue {
    line(secret.expose(), dashboard.session.as_secs(), dashboard)
}

/// `set-cookie` that takes it back.
pub(super) fn clear(dashboard: &Dashboard) -> HeaderValue {
    line("", 0, dashboard)
}

/// `Lax`, so that a link from a chat opens the page that it names; changes are `POST`s, which a
/// foreign page cannot make with it.
fn line(value: &str, seconds: i64, dashboard: &Dashboard) -> HeaderValue {
    let name = name(dashboard);
    let secure = if dashboard.secure { "; Secure" } else { "" };
    let text = format!("{name}={value}; Path=/; Max-Age={seconds}; HttpOnly; SameSite=Lax{secure}");
    let mut line = HeaderValue::try_from(text).expect("base-32 digits and our words are ASCII");
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
        ];
        let lines = lines.map(|line| line.to_str().unwrap().to_owned());
        insta::assert_snapshot!(lines.join("\n"), @r"
        __Host-dial=digits; Path=/; Max-Age=43200; HttpOnly; SameSite=Lax; Secure
        dial_session=digits; Path=/; Max-Age=43200; HttpOnly; SameSite=Lax
        __Host-dial=; Path=/; Max-Age=0; HttpOnly; SameSite=Lax; Secure
        ");
    }
}
