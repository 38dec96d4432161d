//! Why nobody is signed in: all of it for the log, and for the person what they can do.

use super::claims::ClaimError;
use super::token::TokenError;
use crate::limit::TooFast;
use http::StatusCode;

/// Why nobody is signed in.
#[derive(Debug, thiserror::Error)]
pub enum SignInError {
    /// More sign-ins than anybody makes; seconds after which to come again.
    #[error("too many sign-ins; wait {0} s")]
    TooFast(u64),
    /// The browser shows no sign-in that was begun, or an old one.
    #[error("no sign-in was begun in this browser within ten minutes")]
    NotBegun,
    /// What came back belongs to another sign-in.
    #[error("state is not that of the sign-in which was begun")]
    State,
    /// The sign-in has opened a session already.
    #[error("the sign-in was used already")]
    Used,
    /// The provider refused.
    #[error("the provider refused: {0}")]
    Denied(String),
    /// The provider does not know the code, or not any more.
    #[error("the provider does not take the code: {0}")]
    Code(String),
    /// Another provider answered.
    #[error("the answer is of issuer {0}")]
    Issuer(String),
    /// The provider cannot be asked, or answers what cannot be read.
    #[error("{0}")]
    Unavailable(String),
    /// The signature of the ID token does not hold.
    #[error("ID token: {0}")]
    Token(#[from] TokenError),
    /// The ID token is not for this sign-in.
    #[error("ID token: {0}")]
    Claim(#[from] ClaimError),
    /// Known, but in no group with a role.
    #[error("{name} ({subject}) has no role: {reason}")]
    NoRole {
        /// Who it is.
        name: String,
        /// `sub`.
        subject: String,
        /// What was looked at.
        reason: String,
    },
}

impl SignInError {
    /// Status of the page.
    pub(crate) fn status(&self) -> StatusCode {
        match self {
            Self::TooFast(_) => StatusCode::TOO_MANY_REQUESTS,
            Self::NotBegun | Self::State | Self::Used | Self::Code(_) => StatusCode::BAD_REQUEST,
            Self::Unavailable(_) => StatusCode::BAD_GATEWAY,
            Self::Denied(_)
            | Self::Issuer(_)
            | Self::Token(_)
            | Self::Claim(_)
            | Self::NoRole { .. } => StatusCode::FORBIDDEN,
        }
    }

    /// What the person reads; never what the provider said in words of its own.
    pub(crate) fn advice(&self) -> String {
        match self {
            Self::TooFast(seconds) => format!("Too many sign-ins at once. Wait {seconds} s."),
            Self::NotBegun | Self::State | Self::Used | Self::Code(_) => {
                "This sign-in was not begun in this browser, was used already, or took more than \
                 ten minutes. Begin anew."
                    .to_owned()
            }
            Self::Denied(_) => "The provider did not sign you in.".to_owned(),
            Self::Unavailable(_) => {
                "The provider cannot be asked now. Try again in a minute; the log of the master \
                 says why."
                    .to_owned()
            }
            Self::Issuer(_) | Self::Token(_) | Self::Claim(_) => {
                "What the provider says does not hold. The log of the master says why.".to_owned()
            }
            Self::NoRole { name, .. } => format!(
                "You are {name}, and none of your groups has a role here. Whoever runs this master \
                 can give it one."
            ),
        }
    }
}

impl From<TooFast> for SignInError {
    fn from(TooFast(seconds): TooFast) -> Self {
        Self::TooFast(seconds)
    }
}
