//! IAM's simulation of what a role may do, judged by the policies that Terraform applied.

use crate::policy::{Call, Grant};
use axum::Router;
use axum::extract::State;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::Arc;

/// What each role allows, by its name.
pub type Roles = BTreeMap<String, Vec<Grant>>;

/// Answers `SimulatePrincipalPolicy`, which the emulator of AWS does not know.
pub struct Iam {
    url: String,
}

impl Iam {
    /// Judges by these grants.
    pub async fn of(roles: Roles) -> Self {
        let routes = Router::new().fallback(simulate).with_state(Arc::new(roles));
        let address = crate::listen::serve(routes).await;
        Self {
            url: format!("http://{address}"),
        }
    }

    /// Base URL, for `AWS_ENDPOINT_URL_IAM`.
    pub fn url(&self) -> &str {
        &self.url
    }
}

async fn simulate(State(roles): State<Arc<Roles>>, form: String) -> String {
    let url = format!("http://form.invalid/?{form}").parse::<reqwest::Url>();
    let fields: BTreeMap<String, String> = url
        .expect("a form fits an address")
        .query_pairs()
        .into_owned()
        .collect();
    assert_eq!(fields["Action"], "SimulatePrincipalPolicy", "{form}");
    let (_, role) = fields["PolicySourceArn"]
        .rsplit_once('/')
        .expect("a role's ARN ends in its name");
    let grants = &roles[role];
    let resource = &fields["ResourceArns.member.1"];
    let actions = (1..).map_while(|n| fields.get(&format!("ActionNames.member.{n}")));
    let mut results = String::new();
    for action in actions {
        let call = Call {
            action: action.clone(),
            resource: resource.clone(),
        };
        let allowed = grants.iter().any(|grant| grant.allows(&call));
        let decision = if allowed { "allowed" } else { "implicitDeny" };
        write!(
            results,
            "<member><MatchedStatements/><MissingContextValues/>\
             <EvalResourceName>{resource}</EvalResourceName>\
             <EvalDecision>{decision}</EvalDecision>\
             <EvalActionName>{action}</EvalActionName></member>"
        )
        .expect("a text takes more text");
    }
    format!(
        "<SimulatePrincipalPolicyResponse xmlns=\"https://iam.amazonaws.com/doc/2010-05-08/\">\
         <SimulatePrincipalPolicyResult><IsTruncated>false</IsTruncated>\
         <EvaluationResults>{results}</EvaluationResults></SimulatePrincipalPolicyResult>\
         </SimulatePrincipalPolicyResponse>"
    )
}
