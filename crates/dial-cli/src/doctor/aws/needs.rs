//! The rights that the functions need, by what the configuration names; pure.

use dial_aws::Location;
use dial_aws::survey::Wanted;
use dial_core::secret::SecretRef;
use dial_master::config::{Master, StoreRef};

/// Where a role is, as its ARN and the region say: other ARNs are made of it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Home<'h> {
    partition: &'h str,
    account: &'h str,
    region: &'h str,
}

impl<'h> Home<'h> {
    /// `None` for what is no ARN of a role.
    pub(super) fn of(role: &'h str, region: &'h str) -> Option<Self> {
        let parts: Vec<&str> = role.splitn(6, ':').collect();
        match parts[..] {
            ["arn", partition, "iam", "", account, name] if name.starts_with("role/") => {
                Some(Self {
                    partition,
                    account,
                    region,
                })
            }
            _ => None,
        }
    }

    fn object(self, bucket: &str, key: &str) -> String {
        format!("arn:{}:s3:::{bucket}/{key}", self.partition)
    }

    fn table(self, name: &str) -> String {
        let Self {
            partition,
            account,
            region,
        } = self;
        format!("arn:{partition}:dynamodb:{region}:{account}:table/{name}")
    }
}

/// The master's functions, as the module names them.
pub(super) const FUNCTIONS: [&str; 3] = ["api", "deliver", "sweep"];

/// What one of the master's functions needs.
pub(super) fn of_master(
    function: &str,
    home: Home<'_>,
    config: &Master,
    file: Option<&str>,
) -> Vec<Wanted> {
    let mut needs: Vec<Wanted> = configuration(home, file).into_iter().collect();
    if let StoreRef::Dynamodb(name) = &config.store {
        let mut actions = vec![
            "dynamodb:GetItem",
            "dynamodb:PutItem",
            "dynamodb:Query",
            "dynamodb:UpdateItem",
        ];
        if function != "deliver" {
            actions.push("dynamodb:DeleteItem");
        }
        let table = home.table(name);
        needs.push(wanted(&["dynamodb:Query"], format!("{table}/index/by_due")));
        needs.push(wanted(&actions, table));
    }
    let objects: &[&'static str] = match function {
        "api" => &["s3:GetObject", "s3:PutObject"],
        "sweep" => &["s3:PutObject"],
        _ => &[],
    };
    if let (false, Ok(Location::S3 { bucket, key })) = (objects.is_empty(), config.bucket.parse()) {
        let below = [key.trim_end_matches('/'), "doctor"];
        let key = below.join("/");
        needs.push(wanted(
            objects,
            home.object(&bucket, key.trim_start_matches('/')),
        ));
    }
    if function == "api" {
        let tokens = config.tokens.iter().map(|token| &token.secret);
        needs.extend(config.root_keys.values().chain(tokens).filter_map(secret));
    }
    needs
}

/// What a worker needs, whose letters lie where its failed invocations do.
pub(super) fn of_worker(
    name: &str,
    home: Home<'_>,
    file: Option<&str>,
    letters: Option<&str>,
    key: Option<&SecretRef>,
) -> Vec<Wanted> {
    let mut needs: Vec<Wanted> = configuration(home, file).into_iter().collect();
    if let Some(bucket) = letters.and_then(|arn| arn.split(":::").nth(1)) {
        for key in ["letters/doctor", &format!("aws/lambda/async/{name}/doctor")] {
            needs.push(wanted(&["s3:PutObject"], home.object(bucket, key)));
        }
        let arn = format!("arn:{}:s3:::{bucket}", home.partition);
        needs.push(wanted(&["s3:ListBucket"], arn));
    }
    needs.extend(key.and_then(secret));
    needs
}

fn configuration(home: Home<'_>, file: Option<&str>) -> Option<Wanted> {
    match file?.parse() {
        Ok(Location::S3 { bucket, key }) => {
            Some(wanted(&["s3:GetObject"], home.object(&bucket, &key)))
        }
        _ => None,
    }
}

/// A secret that is named by its ARN: the ARN of one that is named otherwise ends in signs that
/// nobody knows.
fn secret(reference: &SecretRef) -> Option<Wanted> {
    let (action, arn) = match reference {
        SecretRef::SecretsManager(name) => ("secretsmanager:GetSecretValue", name),
        SecretRef::Parameter(name) => ("ssm:GetParameter", name),
        SecretRef::Env(_) | SecretRef::File(_) => return None,
    };
    let is_arn = arn.starts_with("arn:");
    is_arn.then(|| wanted(&[action], arn.clone()))
}

fn wanted(actions: &[&'static str], resource: String) -> Wanted {
    Wanted {
        actions: actions.to_vec(),
        resource,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROLE: &str = "arn:aws:iam::111122223333:role/dial-api-eu-west-1";

    fn lines(needs: &[Wanted]) -> Vec<String> {
        let line = |need: &Wanted| format!("{} on {}", need.actions.join(", "), need.resource);
        needs.iter().map(line).collect()
    }

    #[test]
    fn only_roles_have_a_home() {
        let cases = [
            (ROLE, true),
            ("arn:aws-cn:iam::111122223333:role/path/dial", true),
            ("arn:aws:iam::111122223333:user/alice", false),
            ("arn:aws:sts::111122223333:assumed-role/dial/x", false),
            ("", false),
        ];
        for (arn, expected) in cases {
            assert_eq!(Home::of(arn, "eu-west-1").is_some(), expected, "{arn}");
        }
    }

    #[test]
    fn the_master_s_functions_need_what_the_configuration_names() {
        let config = "base_url = \"https://dial.example.org\"\nstore = \"dynamodb:dial-findings\"\n\
             bucket = \"s3://dial-master-111122223333-eu-west-1/master\"\n\
             root_keys = { 1 = \"secretsmanager:arn:aws:secretsmanager:eu-west-1:111122223333:secret:dial/root-key-1-AbCdEf\", 2 = \"ssm:/dial/root-2\" }\n\
             [[tokens]]\nname = \"admin\"\nsecret = \"ssm:arn:aws:ssm:eu-west-1:111122223333:parameter/dial/admin\"\n";
        let config: Master = toml::from_str(config).unwrap();
        let home = Home::of(ROLE, "eu-west-1").unwrap();
        let file = Some("s3://dial-master-111122223333-eu-west-1/config/dial.toml");
        let needs = FUNCTIONS.map(|name| (name, lines(&of_master(name, home, &config, file))));
        insta::assert_debug_snapshot!(needs);
    }

    #[test]
    fn a_worker_needs_its_key_and_a_place_for_letters() {
        let home = Home::of(ROLE, "eu-west-1").unwrap();
        let key = |text: &str| SecretRef::try_from(text.to_owned()).unwrap();
        let parameter = key("ssm:arn:aws:ssm:eu-west-1:111122223333:parameter/dial-worker-key");
        let of = |file, letters, key: Option<&SecretRef>| {
            lines(&of_worker("dial-worker", home, file, letters, key))
        };
        let bucket = "arn:aws:s3:::dial-worker-111122223333-eu-west-1";
        insta::assert_debug_snapshot!(of(
            Some("s3://dial-shared/config/dial.toml"),
            Some(bucket),
            Some(&parameter)
        ));
        for key in [None, Some(key("env:KEY")), Some(key("ssm:dial-worker-key"))] {
            assert!(of(Some("dial.toml"), None, key.as_ref()).is_empty());
        }
    }
}
