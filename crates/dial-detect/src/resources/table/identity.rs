//! Resources of identities and of what they protect: IAM, Organizations, Identity Center, keys,
//! secrets, parameters, images.

use super::{Field, INSTANCE, field, of};

const ECR: &str = "ecr.amazonaws.com";
const ECR_PUBLIC: &str = "ecr-public.amazonaws.com";
const IAM: &str = "iam.amazonaws.com";
const IDENTITY_STORE: &str = "identitystore.amazonaws.com";
const KMS: &str = "kms.amazonaws.com";
const ORGANIZATIONS: &str = "organizations.amazonaws.com";
const ROLES_ANYWHERE: &str = "rolesanywhere.amazonaws.com";
const SECRETS: &str = "secretsmanager.amazonaws.com";
const SSM: &str = "ssm.amazonaws.com";
const SSO: &str = "sso.amazonaws.com";
const SSO_DIRECTORY: &str = "sso-directory.amazonaws.com";
const STS: &str = "sts.amazonaws.com";

/// By service; within one, what the call is about comes first.
///
/// IAM names may have a path before them, so their ARN is taken from the response or left out.
pub(super) static FIELDS: &[Field] = &[
    field(
        ECR,
        "repositoryName",
        "AWS::ECR::Repository",
        "arn:{p}:ecr:{r}:{a}:repository/{n}",
    ),
    field(
        ECR_PUBLIC,
        "repositoryName",
        "AWS::ECR::PublicRepository",
        "arn:{p}:ecr-public::{a}:repository/{n}",
    ),
    field(IAM, "response.user.arn", "AWS::IAM::User", ""),
    field(IAM, "userName", "AWS::IAM::User", ""),
    field(IAM, "response.accessKey.userName", "AWS::IAM::User", ""),
    field(IAM, "response.role.arn", "AWS::IAM::Role", ""),
    field(IAM, "roleName", "AWS::IAM::Role", ""),
    field(IAM, "response.group.arn", "AWS::IAM::Group", ""),
    field(IAM, "groupName", "AWS::IAM::Group", ""),
    field(IAM, "response.policy.arn", "AWS::IAM::ManagedPolicy", ""),
    field(IAM, "policyArn", "AWS::IAM::ManagedPolicy", ""),
    field(IAM, "instanceProfileName", "AWS::IAM::InstanceProfile", ""),
    field(IAM, "serialNumber", "AWS::IAM::VirtualMFADevice", ""),
    field(
        IAM,
        "response.accessKey.accessKeyId",
        "AWS::IAM::AccessKey",
        "",
    ),
    field(IAM, "accessKeyId", "AWS::IAM::AccessKey", ""),
    of(
        &["CreateSAMLProvider"],
        field(
            IAM,
            "name",
            "AWS::IAM::SAMLProvider",
            "arn:{p}:iam::{a}:saml-provider/{n}",
        ),
    ),
    field(IAM, "sAMLProviderArn", "AWS::IAM::SAMLProvider", ""),
    field(
        IAM,
        "response.openIDConnectProviderArn",
        "AWS::IAM::OIDCProvider",
        "",
    ),
    field(
        IAM,
        "openIDConnectProviderArn",
        "AWS::IAM::OIDCProvider",
        "",
    ),
    field(
        IDENTITY_STORE,
        "groupId",
        "AWS::IdentityStore::Group",
        GROUP,
    ),
    field(IDENTITY_STORE, "userId", "AWS::IdentityStore::User", USER),
    field(
        IDENTITY_STORE,
        "response.userId",
        "AWS::IdentityStore::User",
        USER,
    ),
    field(KMS, "response.keyMetadata.arn", "AWS::KMS::Key", ""),
    field(KMS, "keyId", "AWS::KMS::Key", "arn:{p}:kms:{r}:{a}:key/{n}"),
    field(
        ORGANIZATIONS,
        "response.policy.policySummary.arn",
        "AWS::Organizations::Policy",
        "",
    ),
    field(ORGANIZATIONS, "policyId", "AWS::Organizations::Policy", ""),
    field(
        ORGANIZATIONS,
        "accountId",
        "AWS::Organizations::Account",
        "",
    ),
    field(
        ROLES_ANYWHERE,
        "response.trustAnchor.trustAnchorArn",
        "AWS::RolesAnywhere::TrustAnchor",
        "",
    ),
    field(
        ROLES_ANYWHERE,
        "trustAnchorId",
        "AWS::RolesAnywhere::TrustAnchor",
        "arn:{p}:rolesanywhere:{r}:{a}:trust-anchor/{n}",
    ),
    field(
        ROLES_ANYWHERE,
        "response.profile.profileArn",
        "AWS::RolesAnywhere::Profile",
        "",
    ),
    field(
        ROLES_ANYWHERE,
        "profileId",
        "AWS::RolesAnywhere::Profile",
        "arn:{p}:rolesanywhere:{r}:{a}:profile/{n}",
    ),
    field(SECRETS, "response.aRN", "AWS::SecretsManager::Secret", ""),
    field(SECRETS, "secretId", "AWS::SecretsManager::Secret", ""),
    field(SECRETS, "secretIdList", "AWS::SecretsManager::Secret", ""),
    of(
        &[
            "DeleteParameter",
            "GetParameter",
            "GetParameterHistory",
            "PutParameter",
        ],
        field(SSM, "name", "AWS::SSM::Parameter", PARAMETER),
    ),
    of(
        &["DeleteParameters", "GetParameters"],
        field(SSM, "names", "AWS::SSM::Parameter", PARAMETER),
    ),
    of(
        &["PutResourcePolicy"],
        field(SSM, "resourceArn", "AWS::SSM::Parameter", ""),
    ),
    of(
        &[
            "CreateDocument",
            "DeleteDocument",
            "ModifyDocumentPermission",
            "UpdateDocument",
            "UpdateDocumentDefaultVersion",
        ],
        field(SSM, "name", "AWS::SSM::Document", ""),
    ),
    field(SSM, "documentName", "AWS::SSM::Document", ""),
    field(SSM, "instanceIds", "AWS::EC2::Instance", INSTANCE),
    field(
        SSM,
        "baselineId",
        "AWS::SSM::PatchBaseline",
        "arn:{p}:ssm:{r}:{a}:patchbaseline/{n}",
    ),
    of(
        &["StartSession"],
        field(SSM, "target", "AWS::EC2::Instance", ""),
    ),
    field(SSO, "permissionSetArn", "AWS::SSO::PermissionSet", ""),
    of(
        &["CreateAccountAssignment", "DeleteAccountAssignment"],
        field(SSO, "targetId", "AWS::Organizations::Account", ""),
    ),
    field(SSO, "instanceArn", "AWS::SSO::Instance", ""),
    field(SSO_DIRECTORY, "groupId", "AWS::IdentityStore::Group", GROUP),
    field(SSO_DIRECTORY, "userId", "AWS::IdentityStore::User", USER),
    field(
        SSO_DIRECTORY,
        "response.user.userId",
        "AWS::IdentityStore::User",
        USER,
    ),
    field(STS, "roleArn", "AWS::IAM::Role", ""),
    field(STS, "targetPrincipal", "AWS::Organizations::Account", ""),
];

const GROUP: &str = "arn:{p}:identitystore:::group/{n}";
const PARAMETER: &str = "arn:{p}:ssm:{r}:{a}:parameter/{n}";
const USER: &str = "arn:{p}:identitystore:::user/{n}";
