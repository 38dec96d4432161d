//! Rights of a role, as IAM judges them with its policies, its boundary and the organisation's.

use super::ask::elements;
use super::{Survey, SurveyError};
use crate::service::Service;
use dial_core::{Region, partition};

const IAM: Service = Service {
    name: "iam",
    variable: "IAM",
    target: "",
};
const ACTION: &str = "iam:SimulatePrincipalPolicy";

/// Actions that somebody needs on one resource.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wanted {
    /// In IAM's words, such as `s3:PutObject`.
    pub actions: Vec<&'static str>,
    /// ARN.
    pub resource: String,
}

impl Survey {
    /// Those of the actions that a role, by its ARN, may not do.
    ///
    /// What the policy of the resource itself says is not looked at.
    pub async fn missing_rights(
        &self,
        role: &str,
        wanted: &Wanted,
    ) -> Result<Vec<&'static str>, SurveyError> {
        let region = self.region().await.unwrap_or_default();
        let region = Region::parse(&region)
            .map_err(|_| SurveyError::odd(ACTION, "no region; set AWS_REGION"))?;
        let form = form(role, wanted);
        let answer = self.ask.form(IAM, home(&region), form, ACTION).await?;
        let decisions = decisions(&answer);
        let mut missing = Vec::new();
        for action in &wanted.actions {
            let decision = decisions.iter().find(|(name, _)| name == action);
            let (_, decision) = decision
                .ok_or_else(|| SurveyError::odd(ACTION, format!("no decision on {action}")))?;
            if *decision != "allowed" {
                missing.push(*action);
            }
        }
        Ok(missing)
    }
}

/// Host and region of IAM, of which each partition has one.
fn home(region: &Region) -> (&'static str, Region) {
    let partition = partition::of(region).unwrap_or(&partition::AWS);
    let host = match partition.id {
        "aws-cn" => "iam.cn-north-1.amazonaws.com.cn",
        "aws-eusc" => "iam.eusc-de-east-1.amazonaws.eu",
        "aws-us-gov" => "iam.us-gov.amazonaws.com",
        "aws-iso" => "iam.us-iso-east-1.c2s.ic.gov",
        "aws-iso-b" => "iam.us-isob-east-1.sc2s.sgov.gov",
        "aws-iso-e" => "iam.eu-isoe-west-1.cloud.adc-e.uk",
        "aws-iso-f" => "iam.us-isof-south-1.csp.hci.ic.gov",
        _ => "iam.amazonaws.com",
    };
    let region = Region::parse(partition.home).expect("a constant region");
    (host, region)
}

fn form(role: &str, wanted: &Wanted) -> String {
    let mut url = reqwest::Url::parse("http://form.invalid/").expect("a constant URL");
    let mut form = url.query_pairs_mut();
    form.append_pair("Action", "SimulatePrincipalPolicy")
        .append_pair("Version", "2010-05-08")
        .append_pair("PolicySourceArn", role)
        .append_pair("ResourceArns.member.1", &wanted.resource);
    for (number, action) in (1..).zip(&wanted.actions) {
        form.append_pair(&format!("ActionNames.member.{number}"), action);
    }
    drop(form);
    url.query().unwrap_or_default().to_owned()
}

/// Action and decision of each result. Each result holds one of either, in whatever order; those of
/// single resources below it are called otherwise.
fn decisions(body: &str) -> Vec<(&str, &str)> {
    let (actions, decisions) = (
        elements(body, "EvalActionName"),
        elements(body, "EvalDecision"),
    );
    if actions.len() != decisions.len() {
        return Vec::new();
    }
    actions.into_iter().zip(decisions).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clients::{Clients, Emulators};
    use wiremock::matchers::{body_string, header_regex};
    use wiremock::{Mock, MockServer, ResponseTemplate};

    const ROLE: &str = "arn:aws:iam::111122223333:role/dial-worker-eu-west-1";

    fn result(action: &str, decision: &str) -> String {
        format!(
            "<member>\n<EvalActionName>{action}</EvalActionName>\
             <EvalResourceName>arn:aws:s3:::b/letters/x</EvalResourceName>\
             <MatchedStatements/><EvalDecision>{decision}</EvalDecision></member>"
        )
    }

    /// The order of elements is promised nowhere, and what stands below a result has members, too.
    fn other_order(action: &str, decision: &str) -> String {
        format!(
            "<member><MatchedStatements><member><SourcePolicyId>function</SourcePolicyId></member>\
             </MatchedStatements><ResourceSpecificResults><member>\
             <EvalResourceDecision>allowed</EvalResourceDecision></member></ResourceSpecificResults>\
             <EvalDecision>{decision}</EvalDecision>\n<EvalActionName>{action}</EvalActionName>\
             </member>"
        )
    }

    fn answer(results: &str) -> ResponseTemplate {
        let body = format!(
            "<SimulatePrincipalPolicyResponse xmlns=\"https://iam.amazonaws.com/doc/2010-05-08/\">\
             <SimulatePrincipalPolicyResult><IsTruncated>false</IsTruncated>\
             <EvaluationResults>{results}</EvaluationResults></SimulatePrincipalPolicyResult>\
             </SimulatePrincipalPolicyResponse>"
        );
        ResponseTemplate::new(200).set_body_string(body)
    }

    async fn ask(answer: ResponseTemplate) -> Result<Vec<&'static str>, SurveyError> {
        let server = MockServer::start().await;
        let form = "Action=SimulatePrincipalPolicy&Version=2010-05-08\
                    &PolicySourceArn=arn%3Aaws%3Aiam%3A%3A111122223333%3Arole%2Fdial-worker-eu-west-1\
                    &ResourceArns.member.1=arn%3Aaws%3As3%3A%3A%3Ab%2Fletters%2Fx\
                    &ActionNames.member.1=s3%3AGetObject&ActionNames.member.2=s3%3APutObject";
        Mock::given(header_regex("authorization", "/us-east-1/iam/aws4_request"))
            .and(body_string(form))
            .respond_with(answer)
            .mount(&server)
            .await;
        let clients = Clients::emulated(Emulators {
            services: Some(server.uri()),
            ..Emulators::default()
        });
        let wanted = Wanted {
            actions: vec!["s3:GetObject", "s3:PutObject"],
            resource: "arn:aws:s3:::b/letters/x".to_owned(),
        };
        let survey = Survey::new(clients)?;
        survey.missing_rights(ROLE, &wanted).await
    }

    #[tokio::test]
    async fn decisions_are_read_by_their_action() {
        let (get, put) = ("s3:GetObject", "s3:PutObject");
        let both = |one, other| answer(&format!("{}{}", result(put, one), result(get, other)));
        let cases = [
            (both("allowed", "allowed"), vec![]),
            (both("implicitDeny", "allowed"), vec![put]),
            (both("explicitDeny", "implicitDeny"), vec![get, put]),
            (
                answer(&format!(
                    "{}{}",
                    other_order(put, "implicitDeny"),
                    other_order(get, "allowed")
                )),
                vec![put],
            ),
        ];
        for (given, expected) in cases {
            assert_eq!(ask(given).await, Ok(expected));
        }
    }

    #[tokio::test]
    async fn what_is_not_answered_is_no_right() {
        let denied = ResponseTemplate::new(403).set_body_string(
            "<ErrorResponse><Error><Type>Sender</Type><Code>AccessDenied</Code>\
             <Message>no</Message></Error></ErrorResponse>",
        );
        let silent = ResponseTemplate::new(501);
        let half = answer(&result("s3:PutObject", "allowed"));
        let cases = [
            (
                denied,
                true,
                "AccessDenied: no; allow iam:SimulatePrincipalPolicy on *",
            ),
            (silent, false, "answered 501"),
            (
                half,
                false,
                "iam:SimulatePrincipalPolicy: no decision on s3:GetObject",
            ),
            (
                answer(""),
                false,
                "iam:SimulatePrincipalPolicy: no decision on s3:GetObject",
            ),
        ];
        for (given, is_denied, said) in cases {
            let error = ask(given).await.unwrap_err();
            assert_eq!((error.denied, error.reason.as_str()), (is_denied, said));
        }
    }
}
