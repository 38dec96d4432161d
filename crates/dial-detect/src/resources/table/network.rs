//! Resources of EC2 and of what stands between it and the world.

use super::{Field, INSTANCE, field, of};

const APIGATEWAY: &str = "apigateway.amazonaws.com";
const AUTOSCALING: &str = "autoscaling.amazonaws.com";
const CLOUDFRONT: &str = "cloudfront.amazonaws.com";
const EBS: &str = "ebs.amazonaws.com";
const EC2: &str = "ec2.amazonaws.com";
const EC2_CONNECT: &str = "ec2-instance-connect.amazonaws.com";
const ELB: &str = "elasticloadbalancing.amazonaws.com";
const RAM: &str = "ram.amazonaws.com";

/// By service; within one, what the call is about comes first.
pub(super) static FIELDS: &[Field] = &[
    field(
        APIGATEWAY,
        "restApiId",
        "AWS::ApiGateway::RestApi",
        "arn:{p}:apigateway:{r}::/restapis/{n}",
    ),
    of(
        &["CreateRestApi"],
        field(
            APIGATEWAY,
            "response.id",
            "AWS::ApiGateway::RestApi",
            "arn:{p}:apigateway:{r}::/restapis/{n}",
        ),
    ),
    field(APIGATEWAY, "apiId", "AWS::ApiGatewayV2::Api", API),
    field(APIGATEWAY, "response.apiId", "AWS::ApiGatewayV2::Api", API),
    field(
        AUTOSCALING,
        "autoScalingGroupName",
        "AWS::AutoScaling::AutoScalingGroup",
        "",
    ),
    of(
        &[
            "CreateFunction",
            "DeleteFunction",
            "PublishFunction",
            "UpdateFunction",
        ],
        field(
            CLOUDFRONT,
            "name",
            "AWS::CloudFront::Function",
            "arn:{p}:cloudfront::{a}:function/{n}",
        ),
    ),
    of(
        &[
            "DeleteDistribution",
            "DisassociateDistributionWebACL",
            "UpdateDistribution",
        ],
        field(
            CLOUDFRONT,
            "id",
            "AWS::CloudFront::Distribution",
            "arn:{p}:cloudfront::{a}:distribution/{n}",
        ),
    ),
    field(
        CLOUDFRONT,
        "response.distribution.id",
        "AWS::CloudFront::Distribution",
        "arn:{p}:cloudfront::{a}:distribution/{n}",
    ),
    field(
        EBS,
        "snapshotId",
        "AWS::EC2::Snapshot",
        "arn:{p}:ec2:{r}::snapshot/{n}",
    ),
    field(EC2, "groupId", "AWS::EC2::SecurityGroup", GROUP),
    field(EC2, "response.groupId", "AWS::EC2::SecurityGroup", GROUP),
    field(
        EC2,
        "response.securityGroupRuleSet.items.groupId",
        "AWS::EC2::SecurityGroup",
        GROUP,
    ),
    field(
        EC2,
        "snapshotId",
        "AWS::EC2::Snapshot",
        "arn:{p}:ec2:{r}::snapshot/{n}",
    ),
    field(
        EC2,
        "imageId",
        "AWS::EC2::Image",
        "arn:{p}:ec2:{r}::image/{n}",
    ),
    field(
        EC2,
        "response.imageId",
        "AWS::EC2::Image",
        "arn:{p}:ec2:{r}::image/{n}",
    ),
    field(
        EC2,
        "networkAclId",
        "AWS::EC2::NetworkAcl",
        "arn:{p}:ec2:{r}:{a}:network-acl/{n}",
    ),
    field(
        EC2,
        "routeTableId",
        "AWS::EC2::RouteTable",
        "arn:{p}:ec2:{r}:{a}:route-table/{n}",
    ),
    field(
        EC2,
        "FlowLogId",
        "AWS::EC2::FlowLog",
        "arn:{p}:ec2:{r}:{a}:vpc-flow-log/{n}",
    ),
    field(EC2, "instanceId", "AWS::EC2::Instance", INSTANCE),
    field(
        EC2,
        "instancesSet.items.instanceId",
        "AWS::EC2::Instance",
        INSTANCE,
    ),
    field(
        EC2,
        "response.instancesSet.items.instanceId",
        "AWS::EC2::Instance",
        INSTANCE,
    ),
    field(EC2, "volumeId", "AWS::EC2::Volume", VOLUME),
    field(EC2, "vpcId", "AWS::EC2::VPC", VPC),
    field(
        EC2,
        "internetGatewayId",
        "AWS::EC2::InternetGateway",
        "arn:{p}:ec2:{r}:{a}:internet-gateway/{n}",
    ),
    of(
        &["CreateKeyPair", "DeleteKeyPair", "ImportKeyPair"],
        field(EC2, "response.keyPairId", "AWS::EC2::KeyPair", KEY_PAIR),
    ),
    field(
        EC2,
        "details.snapshotId",
        "AWS::EC2::Snapshot",
        "arn:{p}:ec2:{r}::snapshot/{n}",
    ),
    field(EC2, "response.volumeId", "AWS::EC2::Volume", VOLUME),
    field(
        EC2,
        "networkInterfaceId",
        "AWS::EC2::NetworkInterface",
        "arn:{p}:ec2:{r}:{a}:network-interface/{n}",
    ),
    field(EC2, "response.vpc.vpcId", "AWS::EC2::VPC", VPC),
    field(
        EC2,
        "subnetId",
        "AWS::EC2::Subnet",
        "arn:{p}:ec2:{r}:{a}:subnet/{n}",
    ),
    field(
        EC2,
        "response.vpcPeeringConnection.vpcPeeringConnectionId",
        "AWS::EC2::VPCPeeringConnection",
        "arn:{p}:ec2:{r}:{a}:vpc-peering-connection/{n}",
    ),
    field(
        EC2,
        "vpcEndpointId",
        "AWS::EC2::VPCEndpoint",
        "arn:{p}:ec2:{r}:{a}:vpc-endpoint/{n}",
    ),
    of(
        &["ModifyVpcEndpointServicePermissions"],
        field(
            EC2,
            "serviceId",
            "AWS::EC2::VPCEndpointService",
            "arn:{p}:ec2:{r}:{a}:vpc-endpoint-service/{n}",
        ),
    ),
    field(
        EC2,
        "transitGatewayId",
        "AWS::EC2::TransitGateway",
        "arn:{p}:ec2:{r}:{a}:transit-gateway/{n}",
    ),
    field(EC2_CONNECT, "instanceId", "AWS::EC2::Instance", INSTANCE),
    field(
        ELB,
        "response.loadBalancers.loadBalancerArn",
        "AWS::ElasticLoadBalancingV2::LoadBalancer",
        "",
    ),
    field(
        ELB,
        "loadBalancerArn",
        "AWS::ElasticLoadBalancingV2::LoadBalancer",
        "",
    ),
    field(
        ELB,
        "loadBalancerName",
        "AWS::ElasticLoadBalancing::LoadBalancer",
        "arn:{p}:elasticloadbalancing:{r}:{a}:loadbalancer/{n}",
    ),
    field(RAM, "resourceShareArn", "AWS::RAM::ResourceShare", ""),
    field(
        RAM,
        "response.resourceShare.resourceShareArn",
        "AWS::RAM::ResourceShare",
        "",
    ),
];

const API: &str = "arn:{p}:apigateway:{r}::/apis/{n}";
const GROUP: &str = "arn:{p}:ec2:{r}:{a}:security-group/{n}";
const KEY_PAIR: &str = "arn:{p}:ec2:{r}:{a}:key-pair/{n}";
const VOLUME: &str = "arn:{p}:ec2:{r}:{a}:volume/{n}";
const VPC: &str = "arn:{p}:ec2:{r}:{a}:vpc/{n}";
