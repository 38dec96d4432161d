//! Keys of KMS: which of them something is encrypted with, where it is one of the customer's own.

use super::ask::elements;
use super::{Survey, SurveyError};
use crate::fault::Fault;
use crate::service::Service;
use dial_core::{Region, partition};
use serde_json::json;

const KMS: Service = Service {
    name: "kms",
    variable: "KMS",
    target: "TrentService",
};
const SSM: Service = Service {
    name: "ssm",
    variable: "SSM",
    target: "AmazonSSM",
};
const SNS: Service = Service {
    name: "sns",
    variable: "SNS",
    target: "",
};
const SQS: Service = Service {
    name: "sqs",
    variable: "SQS",
    target: "",
};
/// How SNS and SQS name the key.
const ATTRIBUTE: &str = "KmsMasterKeyId";

/// A form's action, its IAM name, and what it says of the resource.
type Question<'q> = (&'static str, &'static str, &'q [(&'q str, &'q str)]);

impl Survey {
    /// The customer's key of a table.
    pub async fn table_key(&self, name: &str) -> Result<Option<String>, SurveyError> {
        let client = self.clients.dynamodb().await;
        let answer = client.describe_table().table_name(name).send().await;
        let answer = answer.map_err(|e| {
            let resource = format!("table/{name}");
            SurveyError::of(&Fault::of(&e), "dynamodb:DescribeTable", &resource)
        })?;
        let table = answer.table();
        let sealed = table.and_then(|table| table.sse_description());
        self.own(sealed.and_then(|it| it.kms_master_key_arn()))
            .await
    }

    /// The customer's key of a bucket.
    pub async fn bucket_key(&self, name: &str) -> Result<Option<String>, SurveyError> {
        let client = self.clients.s3().await;
        let answer = client.get_bucket_encryption().bucket(name).send().await;
        let answer = match answer.map_err(|e| Fault::of(&e)) {
            Ok(answer) => answer,
            // What is not set is answered with an error of its own.
            Err(fault) if fault.code == "ServerSideEncryptionConfigurationNotFoundError" => {
                return Ok(None);
            }
            Err(fault) => {
                let resource = format!("s3://{name}");
                let action = "s3:GetEncryptionConfiguration";
                return Err(SurveyError::of(&fault, action, &resource));
            }
        };
        let rules = answer.server_side_encryption_configuration();
        let rules = rules.iter().flat_map(|it| it.rules());
        let mut defaults = rules.filter_map(|rule| rule.apply_server_side_encryption_by_default());
        self.own(defaults.find_map(|it| it.kms_master_key_id()))
            .await
    }

    /// The customer's key of a secret, by its ARN or name.
    pub async fn secret_key(&self, name: &str) -> Result<Option<String>, SurveyError> {
        self.own(self.secret(name).await?.key.as_deref()).await
    }

    /// The customer's key of a parameter, by its ARN or name.
    pub async fn parameter_key(&self, name: &str) -> Result<Option<String>, SurveyError> {
        let name = parameter_name(name);
        let wanted = json!({
            "ParameterFilters": [{"Key": "Name", "Option": "Equals", "Values": [name]}],
        });
        let answer = self.ask.call(SSM, "DescribeParameters", &wanted).await?;
        match answer["Parameters"]
            .as_array()
            .and_then(|list| list.first())
        {
            Some(found) => self.own(found["KeyId"].as_str()).await,
            None => Err(SurveyError::odd(
                "ssm:DescribeParameters",
                format!("no parameter {name}"),
            )),
        }
    }

    /// The customer's key of a topic of SNS, by its ARN.
    pub async fn topic_key(&self, arn: &str) -> Result<Option<String>, SurveyError> {
        let fields = [("TopicArn", arn)];
        let question = ("GetTopicAttributes", "2010-03-31", &fields[..]);
        let answer = self.attributes(SNS, arn, question).await?;
        let mut entries = elements(&answer, "entry").into_iter();
        let entry = entries.find(|entry| elements(entry, "key").contains(&ATTRIBUTE));
        let values = entry.map(|entry| elements(entry, "value"));
        self.own(values.and_then(|it| it.first().copied())).await
    }

    /// The customer's key of a queue of SQS, by its ARN.
    pub async fn queue_key(&self, arn: &str) -> Result<Option<String>, SurveyError> {
        let parts: Vec<&str> = arn.split(':').collect();
        let [_, _, _, region, account, name] = parts[..] else {
            let said = format!("`{arn}` is no ARN of a queue");
            return Err(SurveyError::odd("sqs:GetQueueAttributes", said));
        };
        let url = format!("https://{}/{account}/{name}", host("sqs", region));
        let fields = [("QueueUrl", url.as_str()), ("AttributeName.1", ATTRIBUTE)];
        let question = ("GetQueueAttributes", "2012-11-05", &fields[..]);
        let answer = self.attributes(SQS, arn, question).await?;
        self.own(elements(&answer, "Value").first().copied()).await
    }

    /// ARN of the key that an id, an ARN or an alias names; `None` for one that AWS keeps in the
    /// account, which lets everyone in whom the service lets in.
    async fn own(&self, named: Option<&str>) -> Result<Option<String>, SurveyError> {
        let Some(named) = named.filter(|named| !named.contains("alias/aws/")) else {
            return Ok(None);
        };
        let wanted = json!({ "KeyId": named });
        let answer = self.ask.call(KMS, "DescribeKey", &wanted).await?;
        let key = &answer["KeyMetadata"];
        match key["Arn"].as_str() {
            Some(_) if key["KeyManager"] == "AWS" => Ok(None),
            Some(arn) => Ok(Some(arn.to_owned())),
            None => Err(SurveyError::odd("kms:DescribeKey", "no ARN in the answer")),
        }
    }

    /// Asks a service that takes forms, in the region that an ARN names.
    async fn attributes(
        &self,
        service: Service,
        arn: &str,
        (operation, version, fields): Question<'_>,
    ) -> Result<String, SurveyError> {
        let action = format!("{}:{operation}", service.name);
        let named = arn.split(':').nth(3).unwrap_or_default();
        let region = Region::parse(named)
            .map_err(|_| SurveyError::odd(&action, format!("`{arn}` names no region")))?;
        let mut url = reqwest::Url::parse("http://form.invalid/").expect("a constant URL");
        url.query_pairs_mut()
            .append_pair("Action", operation)
            .append_pair("Version", version)
            .extend_pairs(fields);
        let form = url.query().unwrap_or_default().to_owned();
        let host = host(service.name, named);
        self.ask.form(service, (&host, region), form, &action).await
    }
}

fn host(service: &str, region: &str) -> String {
    let partition = Region::parse(region).ok();
    let partition = partition.as_ref().and_then(partition::of);
    let suffix = partition.unwrap_or(&partition::AWS).suffix;
    format!("{service}.{region}.{suffix}")
}

/// A parameter's name, with a slash in front where it has levels.
fn parameter_name(given: &str) -> String {
    match given.split_once(":parameter/") {
        Some((_, path)) if path.contains('/') => format!("/{path}"),
        Some((_, name)) => name.to_owned(),
        None => given.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clients::{Clients, Emulators};
    use wiremock::matchers::{body_string, header, header_regex};
    use wiremock::{Mock, MockBuilder, MockServer, ResponseTemplate};

    const OWN: &str = "arn:aws:kms:eu-west-1:111122223333:key/own";
    const QUEUE: &str = "arn:aws:sqs:eu-west-1:111122223333:dial-worker-events";
    const TOPIC: &str = "arn:aws:sns:eu-west-1:111122223333:dial";

    async fn survey(mocks: Vec<(MockBuilder, String)>) -> (MockServer, Survey) {
        let server = MockServer::start().await;
        for (key, manager) in [("own", "CUSTOMER"), ("aws", "AWS")] {
            let arn = OWN.replace("own", key);
            let said = json!({"KeyMetadata": {"Arn": arn, "KeyManager": manager}});
            Mock::given(header("x-amz-target", "TrentService.DescribeKey"))
                .and(body_string(format!("{{\"KeyId\":\"{key}\"}}")))
                .respond_with(ResponseTemplate::new(200).set_body_json(said))
                .mount(&server)
                .await;
        }
        for (asked, body) in mocks {
            let answer = ResponseTemplate::new(200).set_body_string(body);
            asked.respond_with(answer).mount(&server).await;
        }
        let clients = Clients::emulated(Emulators {
            services: Some(server.uri()),
            ..Emulators::default()
        });
        (server, Survey::new(clients).unwrap())
    }

    #[tokio::test]
    async fn only_keys_of_the_customer_need_a_right() {
        let (_server, survey) = survey(Vec::new()).await;
        let cases = [
            (None, Ok(None)),
            (Some("alias/aws/sqs"), Ok(None)),
            (
                Some("arn:aws:kms:eu-west-1:111122223333:alias/aws/s3"),
                Ok(None),
            ),
            (Some("aws"), Ok(None)),
            (Some("own"), Ok(Some(OWN.to_owned()))),
        ];
        for (named, expected) in cases {
            assert_eq!(survey.own(named).await, expected, "{named:?}");
        }
        assert!(survey.own(Some("gone")).await.is_err(), "is no key of none");
    }

    #[tokio::test]
    async fn queues_topics_and_parameters_say_their_key() {
        let queue = "Action=GetQueueAttributes&Version=2012-11-05\
            &QueueUrl=https%3A%2F%2Fsqs.eu-west-1.amazonaws.com%2F111122223333%2Fdial-worker-events\
            &AttributeName.1=KmsMasterKeyId";
        let topic = "Action=GetTopicAttributes&Version=2010-03-31\
            &TopicArn=arn%3Aaws%3Asns%3Aeu-west-1%3A111122223333%3Adial";
        let entry = |key, value| format!("<entry><key>{key}</key><value>{value}</value></entry>");
        let topic_says = format!("{}{}", entry("Owner", "1"), entry("KmsMasterKeyId", "own"));
        let said = json!({"Parameters": [{"Name": "/dial/key", "KeyId": "own"}]}).to_string();
        let filter = "{\"ParameterFilters\":[{\"Key\":\"Name\",\"Option\":\"Equals\",\
                      \"Values\":[\"/dial/key\"]}]}";
        let (_server, survey) = survey(vec![
            (
                Mock::given(header_regex("authorization", "/eu-west-1/sqs/"))
                    .and(body_string(queue)),
                "<Attribute><Name>KmsMasterKeyId</Name><Value>own</Value></Attribute>".into(),
            ),
            (
                Mock::given(header_regex("authorization", "/eu-west-1/sns/"))
                    .and(body_string(topic)),
                topic_says,
            ),
            (
                Mock::given(header("x-amz-target", "AmazonSSM.DescribeParameters"))
                    .and(body_string(filter)),
                said,
            ),
        ])
        .await;
        let own = Ok(Some(OWN.to_owned()));
        assert_eq!(survey.queue_key(QUEUE).await, own);
        assert_eq!(survey.topic_key(TOPIC).await, own);
        assert_eq!(survey.parameter_key("/dial/key").await, own);
        assert!(survey.queue_key("dial-worker-events").await.is_err());
    }

    #[test]
    fn a_parameter_s_arn_tells_its_name() {
        let arn = |path| format!("arn:aws:ssm:eu-west-1:111122223333:parameter/{path}");
        let cases = [
            (arn("dial/key"), "/dial/key"),
            (arn("key"), "key"),
            ("/dial/key".to_owned(), "/dial/key"),
            ("key".to_owned(), "key"),
        ];
        for (given, expected) in cases {
            assert_eq!(parameter_name(&given), expected, "{given}");
        }
    }
}
