//! What sinks must be allowed to do in AWS, as their settings tell; nobody has to build one to know.

/// Stands in a resource for the account of whoever signs.
pub const ACCOUNT: &str = "{account}";

/// What one sink must be allowed to do in AWS.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rights {
    /// In IAM's words, such as `sns:Publish`.
    pub actions: &'static [&'static str],
    /// ARN, in which [`ACCOUNT`] stands for the account of whoever signs; `None` where the settings
    /// do not tell.
    pub resource: Option<String>,
    /// ARN of the role that is assumed first; [`ACCOUNT`] in it stands for the finding's account.
    pub role: Option<String>,
}
