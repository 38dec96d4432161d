//! Identity policies: whether they make an administrator, or a way to become one.

use super::glob::covers;
use super::statement::{Flag, Statement, allowing};
use serde_json::{Map, Value};

/// Who may do all of these on every resource may give itself anything.
const ADMIN: [&str; 6] = [
    "iam:AttachUserPolicy",
    "iam:CreatePolicyVersion",
    "iam:PassRole",
    "iam:PutRolePolicy",
    "iam:UpdateAssumeRolePolicy",
    "iam:CreateAccessKey",
];

/// One of these on every resource is a way to more rights.
const ESCALATION: [&str; 14] = [
    "iam:AddUserToGroup",
    "iam:AttachGroupPolicy",
    "iam:AttachRolePolicy",
    "iam:AttachUserPolicy",
    "iam:CreateAccessKey",
    "iam:CreateLoginProfile",
    "iam:CreatePolicyVersion",
    "iam:PutGroupPolicy",
    "iam:PutRolePolicy",
    "iam:PutUserPolicy",
    "iam:SetDefaultPolicyVersion",
    "iam:UpdateAssumeRolePolicy",
    "iam:UpdateLoginProfile",
    "sts:AssumeRole",
];

/// With `iam:PassRole`, one of these runs code under the role that was passed.
const RUNS_AS: [&str; 10] = [
    "cloudformation:CreateStack",
    "codebuild:CreateProject",
    "datapipeline:CreatePipeline",
    "ec2:RunInstances",
    "ecs:RunTask",
    "glue:CreateDevEndpoint",
    "glue:CreateJob",
    "lambda:CreateFunction",
    "sagemaker:CreateNotebookInstance",
    "states:CreateStateMachine",
];

/// Examples of what a resource pattern must cover to mean every resource.
const EVERYTHING: [&str; 3] = [
    "arn:aws:iam::111122223333:role/example",
    "arn:aws:iam::444455556666:user/example",
    "arn:aws:iam::777788889999:policy/example",
];

/// What an identity policy gives its holder.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Grants {
    /// Everything, or enough of IAM to take everything.
    pub admin: bool,
    /// Single ways to more rights, sorted.
    pub escalation: Vec<&'static str>,
    /// The statements behind all that.
    pub statements: Vec<Flag>,
}

/// Judges the statements that reach every resource; `None` for a policy without any.
///
/// Conditions are not weighed: they narrow when a right is used, not what it is worth.
pub fn grants(policy: &Map<String, Value>) -> Option<Grants> {
    let statements = allowing(policy)?;
    let wide: Vec<Statement> = statements.into_iter().filter(reaches_all).collect();
    let granted = |action: &str| wide.iter().any(|s| s.grants(action));
    let by_negation = |s: &Statement| s.field("NotAction").is_some() && s.grants("s3:DeleteBucket");
    let admin = ADMIN.iter().all(|action| granted(action)) || wide.iter().any(by_negation);
    let mut escalation: Vec<_> = ESCALATION.into_iter().filter(|a| granted(a)).collect();
    if granted("iam:PassRole") {
        escalation.extend(RUNS_AS.into_iter().filter(|a| granted(a)));
    }
    escalation.sort_unstable();
    let guilty = |s: &&Statement| escalation.iter().any(|a| s.grants(a)) || by_negation(s);
    let statements = wide.iter().filter(guilty).map(explain).collect();
    Some(Grants {
        admin,
        escalation,
        statements,
    })
}

fn explain(statement: &Statement<'_>) -> Flag {
    let condition = match statement.field("Condition") {
        Some(_) => ", under a condition",
        None => "",
    };
    let actions = statement.actions_in_words();
    statement.flag(format!("grants {actions} on every resource{condition}"))
}

fn reaches_all(statement: &Statement<'_>) -> bool {
    let patterns = statement.texts("Resource");
    let covered = |arn: &str| patterns.iter().any(|p| covers(p, arn));
    let excluded = statement.texts("NotResource");
    let spared = |arn: &str| !excluded.iter().any(|p| covers(p, arn));
    match statement.field("NotResource") {
        Some(_) => EVERYTHING.iter().any(|arn| spared(arn)),
        None => EVERYTHING.iter().all(|arn| covered(arn)),
    }
}
