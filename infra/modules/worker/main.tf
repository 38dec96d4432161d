# One worker: events of one account and region in, signed findings to the master out.

data "aws_caller_identity" "this" {}
data "aws_partition" "this" {}
data "aws_region" "this" {}

locals {
  account   = data.aws_caller_identity.this.account_id
  partition = data.aws_partition.this.partition
  region    = data.aws_region.this.name
  suffix    = "${local.account}-${local.region}"

  # Global services record their events in one region of a partition.
  home_region = lookup({
    aws-cn     = "cn-north-1"
    aws-eusc   = "eusc-de-east-1"
    aws-iso    = "us-iso-east-1"
    aws-iso-b  = "us-isob-east-1"
    aws-iso-e  = "eu-isoe-west-1"
    aws-iso-f  = "us-isof-south-1"
    aws-us-gov = "us-gov-west-1"
  }, local.partition, "us-east-1")
  is_home = local.region == local.home_region

  patterns_json = coalesce(var.event_patterns, file("${path.module}/event_patterns.json"))
  patterns = {
    for pattern in jsondecode(local.patterns_json).patterns : pattern.name => pattern
    if pattern.scope == "regional" || local.is_home
  }

  # Where the key lies; a worker without one enrols.
  owns_parameter = try(var.key.own_parameter, false)
  parameter_arn  = local.owns_parameter ? aws_ssm_parameter.key[0].arn : try(var.key.parameter_arn, null)
  key = var.key == null ? null : {
    id = var.key.id
    reference = coalesce(
      one([for parameter in aws_ssm_parameter.key : "ssm:${parameter.name}"]),
      try("ssm:${var.key.parameter_arn}", null),
      try("secretsmanager:${var.key.secret_arn}", null),
    )
  }

  bucket    = "${var.name}-${local.suffix}"
  own_lines = join(", ", [for arn in sort(tolist(var.deployers)) : jsonencode(arn)])
  config = templatefile("${path.module}/dial.toml.tftpl", {
    master_url = var.master_url
    key        = local.key
    account    = local.account
    region     = local.region
    bucket     = "s3://${local.bucket}/letters"
    patterns   = "s3://${local.bucket}/config/event_patterns.json"
    deployers  = local.own_lines
    detect     = var.detect
  })
  tags = merge(var.tags, { "dial:part" = "worker" })
}

# The key as a parameter of its own, written and never read back.
resource "aws_ssm_parameter" "key" {
  count = local.owns_parameter ? 1 : 0

  name             = "${var.name}-key"
  description      = "DIAL: the worker's key"
  type             = "SecureString"
  key_id           = var.kms_key_arn
  value_wo         = var.key_value
  value_wo_version = parseint(substr(sha256(var.key.id), 0, 7), 16) # another key has another id
  tags             = local.tags
}

resource "aws_lambda_function" "worker" {
  function_name = var.name
  description   = "DIAL: judges CloudTrail events and tells the master"
  role          = aws_iam_role.worker.arn
  filename      = var.package
  # A change of the file is a change of the function.
  source_code_hash               = filebase64sha256(var.package)
  handler                        = "bootstrap"
  runtime                        = "provided.al2023"
  architectures                  = [var.architecture]
  memory_size                    = var.memory_mb
  timeout                        = var.timeout_seconds
  reserved_concurrent_executions = var.reserved_concurrency
  kms_key_arn                    = var.kms_key_arn

  environment {
    variables = {
      DIAL_CONFIG = "s3://${local.bucket}/${aws_s3_object.config.key}"
      # The configuration is read at start: another one needs another start.
      DIAL_CONFIG_HASH = sha256("${local.config}${local.patterns_json}")
      # What the lines of metrics are of: the alarm on dead letters goes by it.
      DIAL_METRICS = var.name
    }
  }

  logging_config {
    log_format = "Text" # the worker writes JSON lines itself
    log_group  = aws_cloudwatch_log_group.worker.name
  }

  tags = local.tags

  lifecycle {
    precondition {
      condition     = local.is_home || var.worker_in_us_east_1
      error_message = "Nobody would see IAM, Organizations, Route 53 and CloudFront: they record their events in ${local.home_region} alone. Deploy a worker there too, then set worker_in_us_east_1 = true."
    }
  }

  depends_on = [aws_iam_role_policy.worker, aws_s3_object.patterns]
}

resource "aws_cloudwatch_log_group" "worker" {
  name              = "/aws/lambda/${var.name}"
  retention_in_days = var.log_retention_days
  kms_key_id        = var.kms_key_arn
  tags              = local.tags
}

# What could not be handled after Lambda's own retries lies in the bucket, with the event.
resource "aws_lambda_function_event_invoke_config" "worker" {
  function_name                = aws_lambda_function.worker.function_name
  maximum_event_age_in_seconds = 21600
  maximum_retry_attempts       = 2

  destination_config {
    on_failure {
      destination = aws_s3_bucket.letters.arn
    }
  }
}

resource "aws_s3_object" "config" {
  bucket       = aws_s3_bucket.letters.id
  key          = "config/dial.toml"
  content      = local.config
  content_type = "application/toml"
  tags         = local.tags
}

resource "aws_s3_object" "patterns" {
  bucket       = aws_s3_bucket.letters.id
  key          = "config/event_patterns.json"
  content      = local.patterns_json
  content_type = "application/json"
  tags         = local.tags
}
