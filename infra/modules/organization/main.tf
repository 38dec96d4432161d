# Workers in every account of organisational units and in every region: a stack set that deploys
# itself to accounts that join.

data "aws_partition" "this" {}
data "aws_region" "this" {}

locals {
  tags     = merge(var.tags, { "dial:part" = "organization" })
  template = file("${path.module}/worker.template.json")
  key      = "stack-set/${sha256(local.template)}.json"

  # Global services record their events in one region of a partition.
  home_region = lookup({
    aws-cn     = "cn-north-1"
    aws-eusc   = "eusc-de-east-1"
    aws-iso    = "us-iso-east-1"
    aws-iso-b  = "us-isob-east-1"
    aws-iso-e  = "eu-isoe-west-1"
    aws-iso-f  = "us-isof-south-1"
    aws-us-gov = "us-gov-west-1"
  }, data.aws_partition.this.partition, "us-east-1")
}

# Above the 51,200 bytes that a stack set takes directly.
resource "aws_s3_object" "template" {
  bucket       = var.template_bucket
  key          = local.key
  content      = local.template
  content_type = "application/json"
  tags         = local.tags
}

resource "aws_cloudformation_stack_set" "workers" {
  name             = var.name
  description      = "DIAL: a worker in every account and region"
  permission_model = "SERVICE_MANAGED"
  call_as          = var.call_as
  capabilities     = ["CAPABILITY_NAMED_IAM"]
  template_url     = "https://${var.template_bucket}.s3.${data.aws_region.this.name}.${data.aws_partition.this.dns_suffix}/${aws_s3_object.template.key}"
  tags             = local.tags

  parameters = {
    MasterUrl           = var.master_url
    ArtifactsPrefix     = var.release.prefix
    CodeKey             = var.release.code_key
    ConfigKey           = var.release.config_key
    PatternsKey         = var.release.patterns_key
    Architecture        = var.architecture
    MemoryMb            = tostring(var.memory_mb)
    TimeoutSeconds      = tostring(var.timeout_seconds)
    ReservedConcurrency = tostring(var.reserved_concurrency)
    HeartbeatMinutes    = tostring(var.heartbeat_minutes)
    LogRetentionDays    = tostring(var.log_retention_days)
    DeadLetterDays      = tostring(var.dead_letter_days)
    DeployerRole        = var.deployer_role
  }

  auto_deployment {
    enabled                          = true
    retain_stacks_on_account_removal = false
  }

  managed_execution {
    active = true
  }

  operation_preferences {
    failure_tolerance_percentage = var.rollout.failure_tolerance_percentage
    max_concurrent_percentage    = var.rollout.max_concurrent_percentage
    region_concurrency_type      = "PARALLEL"
  }

  lifecycle {
    # A service-managed set has none, and says so differently at every look.
    ignore_changes = [administration_role_arn]

    precondition {
      condition     = contains(var.regions, local.home_region)
      error_message = "Nobody would see IAM, Organizations, Route 53 and CloudFront: they record their events in ${local.home_region} alone. Add it to regions."
    }
  }
}

resource "aws_cloudformation_stack_set_instance" "workers" {
  for_each = var.regions

  stack_set_name = aws_cloudformation_stack_set.workers.name
  region         = each.value
  call_as        = var.call_as

  deployment_targets {
    organizational_unit_ids = var.organizational_unit_ids
  }

  operation_preferences {
    failure_tolerance_percentage = var.rollout.failure_tolerance_percentage
    max_concurrent_percentage    = var.rollout.max_concurrent_percentage
  }

  timeouts {
    create = "60m"
    update = "60m"
    delete = "60m"
  }
}
