//! Secrets of AWS as policies know them: by their ARN, which is asked for where a name is all there is.

use super::needs::Home;
use super::tell::Unknown;
use dial_aws::Survey;
use dial_aws::survey::Wanted;
use dial_core::secret::SecretRef;

/// What a role needs to read secrets.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Readings {
    /// One right for each secret of AWS.
    pub(super) wanted: Vec<Wanted>,
    /// Secrets whose ARN could not be had, each with the reason.
    pub(super) unknown: Vec<Unknown>,
}

/// The rights to read these secrets; each of them once, those that lie elsewhere left out.
pub(super) async fn readings(survey: &Survey, home: Home<'_>, secrets: &[SecretRef]) -> Readings {
    let mut found = Readings::default();
    for (number, secret) in secrets.iter().enumerate() {
        if secrets[..number].contains(secret) {
            continue;
        }
        match arn(survey, home, secret).await {
            Ok(wanted) => found.wanted.extend(wanted),
            Err(said) => found.unknown.push(Unknown {
                said,
                fix: "name secrets that are there, and look with a role that may describe them",
            }),
        }
    }
    found
}

/// `None` for what lies in the environment or in a file.
async fn arn(
    survey: &Survey,
    home: Home<'_>,
    secret: &SecretRef,
) -> Result<Option<Wanted>, String> {
    let (action, resource) = match secret {
        SecretRef::Env(_) | SecretRef::File(_) => return Ok(None),
        SecretRef::Parameter(name) => ("ssm:GetParameter", home.parameter(name)),
        SecretRef::SecretsManager(name) => {
            let arn = if name.starts_with("arn:") {
                name.clone()
            } else {
                let state = survey.secret(name).await;
                let said = |error| format!("secret {name}: {error}");
                state.map_err(said)?.arn
            };
            ("secretsmanager:GetSecretValue", arn)
        }
    };
    Ok(Some(Wanted {
        actions: vec![action],
        resource,
    }))
}
