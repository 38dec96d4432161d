//! The rights that the functions need, by what the configuration names; pure.

use dial_aws::Location;
use dial_aws::survey::{Source, Wanted};
use dial_master::config::{Master, StoreRef};
use dial_master::lambda::Function;

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

    /// The account of the role.
    pub(super) fn account(self) -> &'h str {
        self.account
    }

    /// Whether a role, by its ARN, is one of this account.
    pub(super) fn holds(self, role: &str) -> bool {
        role.split(':').nth(4) == Some(self.account)
    }

    fn object(self, bucket: &str, key: &str) -> String {
        format!("arn:{}:s3:::{bucket}/{key}", self.partition)
    }

    /// A parameter by its name, with or without a slash in front; an ARN is what it is.
    pub(super) fn parameter(self, name: &str) -> String {
        let Self {
            partition,
            account,
            region,
        } = self;
        if name.starts_with("arn:") {
            return name.to_owned();
        }
        let name = name.trim_start_matches('/');
        format!("arn:{partition}:ssm:{region}:{account}:parameter/{name}")
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
pub(super) const FUNCTIONS: [(&str, Function); 3] = [
    ("api", Function::Api),
    ("deliver", Function::Deliver),
    ("sweep", Function::Sweep),
];

/// What one of the master's functions needs beside its secrets.
pub(super) fn of_master(
    function: Function,
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
        if function != Function::Deliver {
            actions.push("dynamodb:DeleteItem");
        }
        let table = home.table(name);
        needs.push(wanted(&["dynamodb:Query"], format!("{table}/index/by_due")));
        needs.push(wanted(&actions, table));
    }
    let objects: &[&'static str] = match function {
        Function::Api => &["s3:GetObject", "s3:PutObject"],
        Function::Sweep => &["s3:PutObject"],
        Function::Deliver => &[],
    };
    if let (false, Ok(Location::S3 { bucket, key })) = (objects.is_empty(), config.bucket.parse()) {
        let below = [key.trim_end_matches('/'), "doctor"];
        let key = below.join("/");
        needs.push(wanted(
            objects,
            home.object(&bucket, key.trim_start_matches('/')),
        ));
    }
    let enrolment = config.enrolment.as_ref();
    let role = enrolment.and_then(|settings| settings.organization_role.clone());
    let role = role.filter(|_| function == Function::Api);
    needs.extend(role.map(|role| wanted(&["sts:AssumeRole"], role)));
    needs
}

/// What a worker needs beside its key, whose letters lie where its failed invocations do.
pub(super) fn of_worker(
    name: &str,
    home: Home<'_>,
    file: Option<&str>,
    letters: Option<&str>,
) -> Vec<Wanted> {
    let mut needs: Vec<Wanted> = configuration(home, file).into_iter().collect();
    if let Some(bucket) = letters.and_then(|arn| arn.split(":::").nth(1)) {
        for key in ["letters/doctor", &format!("aws/lambda/async/{name}/doctor")] {
            needs.push(wanted(&["s3:PutObject"], home.object(bucket, key)));
        }
        let arn = format!("arn:{}:s3:::{bucket}", home.partition);
        needs.push(wanted(&["s3:ListBucket"], arn));
    }
    needs
}

/// What Lambda does in the name of a function to read for it.
pub(super) fn of_sources(sources: &[Source]) -> Vec<Wanted> {
    let each = sources.iter().flat_map(|source| {
        let actions: &[&'static str] = match source.arn.split(':').nth(2) {
            Some("sqs") => &[
                "sqs:ReceiveMessage",
                "sqs:DeleteMessage",
                "sqs:GetQueueAttributes",
            ],
            Some("dynamodb") => &[
                "dynamodb:DescribeStream",
                "dynamodb:GetRecords",
                "dynamodb:GetShardIterator",
            ],
            _ => &[],
        };
        let read = (!actions.is_empty()).then(|| wanted(actions, source.arn.clone()));
        let queue = source.on_failure.clone();
        read.into_iter()
            .chain(queue.map(|arn| wanted(&["sqs:SendMessage"], arn)))
    });
    each.collect()
}

fn configuration(home: Home<'_>, file: Option<&str>) -> Option<Wanted> {
    match file?.parse() {
        Ok(Location::S3 { bucket, key }) => {
            Some(wanted(&["s3:GetObject"], home.object(&bucket, &key)))
        }
        _ => None,
    }
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
            ("arn:aws:iam::111122223333:user/clerk", false),
            ("arn:aws:sts::111122223333:assumed-role/dial/x", false),
            ("", false),
        ];
        for (arn, expected) in cases {
            assert_eq!(Home::of(arn, "eu-west-1").is_some(), expected, "{arn}");
        }
    }

    #[test]
    fn a_parameter_is_known_by_its_name() {
        let arn = "arn:aws:ssm:eu-west-1:111122223333:parameter/dial/key";
        let home = Home::of(ROLE, "eu-west-1").unwrap();
        for name in ["/dial/key", "dial/key", arn] {
            assert_eq!(home.parameter(name), arn, "{name}");
        }
    }

    #[test]
    fn the_master_s_functions_need_what_the_configuration_names() {
        let config = "base_url = \"https://dial.example.org\"\nstore = \"dynamodb:dial-findings\"\n\
             bucket = \"s3://dial-master-111122223333-eu-west-1/master\"\n\
             [enrolment]\norganization = true\n\
             organization_role = \"arn:aws:iam::444455556666:role/dial-accounts\"\n";
        let config: Master = toml::from_str(config).unwrap();
        let home = Home::of(ROLE, "eu-west-1").unwrap();
        let file = Some("s3://dial-master-111122223333-eu-west-1/config/dial.toml");
        let needs =
            FUNCTIONS.map(|(name, part)| (name, lines(&of_master(part, home, &config, file))));
        insta::assert_debug_snapshot!(needs);
    }

    #[test]
    fn lambda_reads_in_the_name_of_a_function() {
        let stream = "arn:aws:dynamodb:eu-west-1:111122223333:table/dial-findings/stream/1";
        let queue = "arn:aws:sqs:eu-west-1:111122223333:dial-worker-events";
        let sources = [
            (stream, Some(queue)),
            (queue, None),
            ("arn:aws:kafka:x", None),
        ];
        let sources = sources.map(|(arn, on_failure)| Source {
            arn: arn.to_owned(),
            on_failure: on_failure.map(str::to_owned),
        });
        let expected = [
            format!(
                "dynamodb:DescribeStream, dynamodb:GetRecords, dynamodb:GetShardIterator on {stream}"
            ),
            format!("sqs:SendMessage on {queue}"),
            format!("sqs:ReceiveMessage, sqs:DeleteMessage, sqs:GetQueueAttributes on {queue}"),
        ];
        assert_eq!(lines(&of_sources(&sources)), expected);
    }

    #[test]
    fn a_worker_needs_a_place_for_letters() {
        let home = Home::of(ROLE, "eu-west-1").unwrap();
        let of = |file, letters| lines(&of_worker("dial-worker", home, file, letters));
        let bucket = "arn:aws:s3:::dial-worker-111122223333-eu-west-1";
        insta::assert_debug_snapshot!(of(Some("s3://dial-shared/config/dial.toml"), Some(bucket)));
        assert!(of(Some("dial.toml"), None).is_empty());
    }
}
