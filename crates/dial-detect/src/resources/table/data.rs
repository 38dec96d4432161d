//! Where databases, file systems, backups and streams are named.

use super::{Field, field, of};

const AOSS: &str = "aoss.amazonaws.com";
const APPSYNC: &str = "appsync.amazonaws.com";
const BACKUP: &str = "backup.amazonaws.com";
const COGNITO: &str = "cognito-identity.amazonaws.com";
const COGNITO_USERS: &str = "cognito-idp.amazonaws.com";
const DMS: &str = "dms.amazonaws.com";
const DYNAMODB: &str = "dynamodb.amazonaws.com";
const EFS: &str = "elasticfilesystem.amazonaws.com";
const GLUE: &str = "glue.amazonaws.com";
const KAFKA: &str = "kafka.amazonaws.com";
const LAKE_FORMATION: &str = "lakeformation.amazonaws.com";
const LIGHTSAIL: &str = "lightsail.amazonaws.com";
const MQ: &str = "mq.amazonaws.com";
const NEPTUNE: &str = "neptune-graph.amazonaws.com";
const RDS: &str = "rds.amazonaws.com";
const REDSHIFT: &str = "redshift.amazonaws.com";
const REDSHIFT_SERVERLESS: &str = "redshift-serverless.amazonaws.com";
const TRANSFER: &str = "transfer.amazonaws.com";

/// By service; within one, what the call is about comes first.
pub(super) static FIELDS: &[Field] = &[
    of(
        &[
            "CreateSecurityPolicy",
            "DeleteSecurityPolicy",
            "UpdateSecurityPolicy",
        ],
        field(
            AOSS,
            "name",
            "AWS::OpenSearchServerless::SecurityPolicy",
            "",
        ),
    ),
    field(
        APPSYNC,
        "apiId",
        "AWS::AppSync::GraphQLApi",
        "arn:{p}:appsync:{r}:{a}:apis/{n}",
    ),
    field(
        BACKUP,
        "backupVaultName",
        "AWS::Backup::BackupVault",
        "arn:{p}:backup:{r}:{a}:backup-vault:{n}",
    ),
    field(
        BACKUP,
        "sourceBackupVaultName",
        "AWS::Backup::BackupVault",
        "arn:{p}:backup:{r}:{a}:backup-vault:{n}",
    ),
    field(
        BACKUP,
        "backupPlanId",
        "AWS::Backup::BackupPlan",
        "arn:{p}:backup:{r}:{a}:backup-plan:{n}",
    ),
    field(BACKUP, "recoveryPointArn", "AWS::Backup::RecoveryPoint", ""),
    field(
        COGNITO,
        "identityPoolId",
        "AWS::Cognito::IdentityPool",
        "arn:{p}:cognito-identity:{r}:{a}:identitypool/{n}",
    ),
    field(
        COGNITO_USERS,
        "userPoolId",
        "AWS::Cognito::UserPool",
        "arn:{p}:cognito-idp:{r}:{a}:userpool/{n}",
    ),
    field(
        DMS,
        "replicationInstanceIdentifier",
        "AWS::DMS::ReplicationInstance",
        "",
    ),
    field(
        DYNAMODB,
        "tableName",
        "AWS::DynamoDB::Table",
        "arn:{p}:dynamodb:{r}:{a}:table/{n}",
    ),
    field(DYNAMODB, "tableArn", "AWS::DynamoDB::Table", ""),
    field(DYNAMODB, "resourceArn", "AWS::DynamoDB::Table", ""),
    field(DYNAMODB, "backupArn", "AWS::DynamoDB::Backup", ""),
    field(
        EFS,
        "fileSystemId",
        "AWS::EFS::FileSystem",
        "arn:{p}:elasticfilesystem:{r}:{a}:file-system/{n}",
    ),
    field(
        EFS,
        "response.fileSystemId",
        "AWS::EFS::FileSystem",
        "arn:{p}:elasticfilesystem:{r}:{a}:file-system/{n}",
    ),
    field(EFS, "mountTargetId", "AWS::EFS::MountTarget", ""),
    field(
        GLUE,
        "endpointName",
        "AWS::Glue::DevEndpoint",
        "arn:{p}:glue:{r}:{a}:devEndpoint/{n}",
    ),
    field(KAFKA, "clusterArn", "AWS::MSK::Cluster", ""),
    field(KAFKA, "response.clusterArn", "AWS::MSK::Cluster", ""),
    field(
        LAKE_FORMATION,
        "resource.table.name",
        "AWS::Glue::Table",
        "",
    ),
    field(
        LAKE_FORMATION,
        "resource.tableWithColumns.name",
        "AWS::Glue::Table",
        "",
    ),
    field(
        LAKE_FORMATION,
        "resource.database.name",
        "AWS::Glue::Database",
        "",
    ),
    field(
        LIGHTSAIL,
        "relationalDatabaseName",
        "AWS::Lightsail::Database",
        "",
    ),
    field(MQ, "response.brokerArn", "AWS::AmazonMQ::Broker", ""),
    field(MQ, "brokerName", "AWS::AmazonMQ::Broker", ""),
    field(NEPTUNE, "graphName", "AWS::NeptuneGraph::Graph", ""),
    field(
        RDS,
        "dBInstanceIdentifier",
        "AWS::RDS::DBInstance",
        "arn:{p}:rds:{r}:{a}:db:{n}",
    ),
    field(
        RDS,
        "dBClusterIdentifier",
        "AWS::RDS::DBCluster",
        "arn:{p}:rds:{r}:{a}:cluster:{n}",
    ),
    field(
        RDS,
        "dBSnapshotIdentifier",
        "AWS::RDS::DBSnapshot",
        "arn:{p}:rds:{r}:{a}:snapshot:{n}",
    ),
    field(
        RDS,
        "dBClusterSnapshotIdentifier",
        "AWS::RDS::DBClusterSnapshot",
        "arn:{p}:rds:{r}:{a}:cluster-snapshot:{n}",
    ),
    of(
        &["StartExportTask"],
        field(RDS, "sourceArn", "AWS::RDS::DBSnapshot", ""),
    ),
    field(
        RDS,
        "globalClusterIdentifier",
        "AWS::RDS::GlobalCluster",
        "arn:{p}:rds::{a}:global-cluster:{n}",
    ),
    of(
        &[
            "EnableHttpEndpoint",
            "ModifyActivityStream",
            "StartActivityStream",
            "StopActivityStream",
        ],
        field(RDS, "resourceArn", "AWS::RDS::DBCluster", ""),
    ),
    field(
        RDS,
        "targetDBSnapshotIdentifier",
        "AWS::RDS::DBSnapshot",
        "arn:{p}:rds:{r}:{a}:snapshot:{n}",
    ),
    field(
        RDS,
        "targetDBClusterSnapshotIdentifier",
        "AWS::RDS::DBClusterSnapshot",
        "arn:{p}:rds:{r}:{a}:cluster-snapshot:{n}",
    ),
    of(
        &["DeleteDBInstanceAutomatedBackup"],
        field(
            RDS,
            "response.dBInstanceIdentifier",
            "AWS::RDS::DBInstance",
            "arn:{p}:rds:{r}:{a}:db:{n}",
        ),
    ),
    of(
        &["DeleteDBClusterAutomatedBackup"],
        field(
            RDS,
            "response.dBClusterIdentifier",
            "AWS::RDS::DBCluster",
            "arn:{p}:rds:{r}:{a}:cluster:{n}",
        ),
    ),
    of(
        &["ModifyDBParameterGroup", "ResetDBParameterGroup"],
        field(
            RDS,
            "dBParameterGroupName",
            "AWS::RDS::DBParameterGroup",
            "arn:{p}:rds:{r}:{a}:pg:{n}",
        ),
    ),
    of(
        &[
            "ModifyDBClusterParameterGroup",
            "ResetDBClusterParameterGroup",
        ],
        field(
            RDS,
            "dBClusterParameterGroupName",
            "AWS::RDS::DBClusterParameterGroup",
            "arn:{p}:rds:{r}:{a}:cluster-pg:{n}",
        ),
    ),
    field(
        RDS,
        "dBSecurityGroupName",
        "AWS::RDS::DBSecurityGroup",
        "arn:{p}:rds:{r}:{a}:secgrp:{n}",
    ),
    field(
        REDSHIFT,
        "clusterIdentifier",
        "AWS::Redshift::Cluster",
        "arn:{p}:redshift:{r}:{a}:cluster:{n}",
    ),
    field(
        REDSHIFT,
        "snapshotIdentifier",
        "AWS::Redshift::Snapshot",
        "",
    ),
    field(REDSHIFT, "snapshotArn", "AWS::Redshift::Snapshot", ""),
    field(REDSHIFT, "dataShareArn", "AWS::Redshift::DataShare", ""),
    field(REDSHIFT, "resourceArn", "AWS::Resource", ""),
    field(
        REDSHIFT_SERVERLESS,
        "workgroupName",
        "AWS::RedshiftServerless::Workgroup",
        "",
    ),
    field(REDSHIFT_SERVERLESS, "resourceArn", "AWS::Resource", ""),
    field(
        TRANSFER,
        "serverId",
        "AWS::Transfer::Server",
        "arn:{p}:transfer:{r}:{a}:server/{n}",
    ),
    field(
        TRANSFER,
        "response.serverId",
        "AWS::Transfer::Server",
        "arn:{p}:transfer:{r}:{a}:server/{n}",
    ),
];
