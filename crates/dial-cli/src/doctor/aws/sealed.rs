//! What a function reads and writes that may be encrypted with a key of KMS; pure.

use dial_aws::Location;
use dial_aws::survey::Source;
use dial_core::secret::SecretRef;
use dial_master::config::{Master, StoreRef};
use dial_master::lambda::Function;
use dial_master::sinks::Rights;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

const READ: &[&str] = &["kms:Decrypt"];
const WRITE: &[&str] = &["kms:GenerateDataKey"];
/// A queue or topic with a key wants both of whoever writes, and so does a table.
const BOTH: &[&str] = &["kms:Decrypt", "kms:GenerateDataKey"];

/// Something that has a key, as the survey asks for it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Thing {
    /// By its name.
    Table(String),
    /// By its name.
    Bucket(String),
    /// By its ARN or name.
    Secret(String),
    /// By its ARN or name.
    Parameter(String),
    /// By its ARN.
    Queue(String),
    /// By its ARN.
    Topic(String),
}

/// What is done with each thing, in KMS's words.
pub(super) type Uses = BTreeMap<Thing, BTreeSet<&'static str>>;

/// What one of the master's functions uses; a sink that assumes a role is that role's affair.
pub(super) fn of_master(
    function: Function,
    config: &Master,
    file: Option<&str>,
    sources: &[Source],
) -> Uses {
    let mut uses = Uses::new();
    if let StoreRef::Dynamodb(name) = &config.store {
        add(&mut uses, Thing::Table(name.clone()), BOTH);
    }
    let objects = match function {
        Function::Api => BOTH,
        Function::Sweep => WRITE,
        Function::Deliver => &[],
    };
    add_bucket(&mut uses, Some(&config.bucket), objects);
    add_bucket(&mut uses, file, READ);
    add_secrets(&mut uses, &config.secrets_of(function));
    for queue in sources
        .iter()
        .filter_map(|source| source.on_failure.as_ref())
    {
        add_queue(&mut uses, queue, BOTH);
    }
    let sinks = config.sink_rights_of(function);
    for (_, rights) in sinks.iter().filter(|(_, rights)| rights.role.is_none()) {
        add_sink(&mut uses, rights);
    }
    uses
}

/// What a worker uses, whose letters lie in the bucket of this ARN.
pub(super) fn of_worker(
    file: Option<&str>,
    letters: Option<&str>,
    key: Option<&SecretRef>,
    sources: &[Source],
) -> Uses {
    let mut uses = Uses::new();
    add_bucket(&mut uses, file, READ);
    if let Some(bucket) = letters.and_then(|arn| arn.split(":::").nth(1)) {
        add(&mut uses, Thing::Bucket(bucket.to_owned()), WRITE);
    }
    add_secrets(&mut uses, key.cloned().as_slice());
    for source in sources {
        add_queue(&mut uses, &source.arn, READ);
    }
    uses
}

fn add(uses: &mut Uses, thing: Thing, actions: &[&'static str]) {
    if !actions.is_empty() {
        uses.entry(thing).or_default().extend(actions);
    }
}

fn add_bucket(uses: &mut Uses, place: Option<&str>, actions: &[&'static str]) {
    if let Some(Ok(Location::S3 { bucket, .. })) = place.map(str::parse) {
        add(uses, Thing::Bucket(bucket), actions);
    }
}

fn add_secrets(uses: &mut Uses, secrets: &[SecretRef]) {
    for secret in secrets {
        let thing = match secret {
            SecretRef::Env(_) | SecretRef::File(_) => continue,
            SecretRef::Parameter(name) => Thing::Parameter(name.clone()),
            SecretRef::SecretsManager(name) => Thing::Secret(name.clone()),
        };
        add(uses, thing, READ);
    }
}

fn add_queue(uses: &mut Uses, arn: &str, actions: &[&'static str]) {
    if arn.split(':').nth(2) == Some("sqs") {
        add(uses, Thing::Queue(arn.to_owned()), actions);
    }
}

fn add_sink(uses: &mut Uses, rights: &Rights) {
    let arn = rights.resource.clone().unwrap_or_default();
    match arn.split(':').nth(2) {
        Some("sns") => add(uses, Thing::Topic(arn), BOTH),
        Some("s3") => {
            let bucket = arn.rsplit(':').next().and_then(|it| it.split('/').next());
            let bucket = bucket.unwrap_or_default().to_owned();
            add(uses, Thing::Bucket(bucket), WRITE);
        }
        _ => {}
    }
}

impl fmt::Display for Thing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Table(name) => write!(f, "table {name}"),
            Self::Bucket(name) => write!(f, "bucket {name}"),
            Self::Secret(name) => write!(f, "secret {name}"),
            Self::Parameter(name) => write!(f, "parameter {name}"),
            Self::Queue(arn) => write!(f, "queue {arn}"),
            Self::Topic(arn) => write!(f, "topic {arn}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CONFIG: &str = "base_url = \"https://dial.example.org\"\nstore = \"dynamodb:dial-findings\"\n\
         bucket = \"s3://dial-master/master\"\n\
         root_keys = { 1 = \"secretsmanager:dial/root-key-1\" }\n\
         [sinks.topic]\ntype = \"sns\"\ntopic_arn = \"arn:aws:sns:eu-west-1:111122223333:dial\"\n\
         [sinks.other]\ntype = \"sns\"\ntopic_arn = \"arn:aws:sns:eu-west-1:444455556666:dial\"\n\
         role = \"arn:aws:iam::444455556666:role/tell\"\n\
         [sinks.lake]\ntype = \"ocsf\"\nto = \"s3://soc-lake/ext\"\nregion = \"eu-west-1\"\n\
         [sinks.bus]\ntype = \"eventbridge\"\n\
         bus_arn = \"arn:aws:events:eu-west-1:111122223333:event-bus/dial\"\n\
         [sinks.slack]\ntype = \"slack\"\nwebhook_url = \"ssm:/dial/slack\"\n";

    fn lines(uses: &Uses) -> Vec<String> {
        let line = |(thing, actions): (&Thing, &BTreeSet<&str>)| {
            let actions: Vec<&str> = actions.iter().copied().collect();
            format!("{thing}: {}", actions.join(", "))
        };
        uses.iter().map(line).collect()
    }

    #[test]
    fn each_function_uses_what_it_reads_and_writes() {
        let config: Master = toml::from_str(CONFIG).unwrap();
        let stream = Source {
            arn: "arn:aws:dynamodb:eu-west-1:111122223333:table/dial-findings/stream/1".into(),
            on_failure: Some("arn:aws:sqs:eu-west-1:111122223333:dial-undelivered".into()),
        };
        let queue = Source {
            arn: "arn:aws:sqs:eu-west-1:111122223333:dial-worker-events".into(),
            on_failure: None,
        };
        let file = Some("s3://dial-config/dial.toml");
        let of = |function, sources: &[Source]| lines(&of_master(function, &config, file, sources));
        let key = SecretRef::try_from("ssm:/dial/key".to_owned()).unwrap();
        let letters = Some("arn:aws:s3:::dial-worker-111122223333-eu-west-1");
        insta::assert_debug_snapshot!([
            ("api", of(Function::Api, &[])),
            ("deliver", of(Function::Deliver, &[stream])),
            ("sweep", of(Function::Sweep, &[])),
            (
                "worker",
                lines(&of_worker(file, letters, Some(&key), &[queue]))
            ),
        ]);
    }
}
