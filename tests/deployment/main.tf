# A master and workers of one account, applied to an emulator by the end-to-end test: every sink of
# AWS, the Slack app, enrolment, and each way in that a worker has. Where the emulator is, the
# environment says.

terraform {
  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = ">= 5.90, < 7.0"
    }
  }
}

variable "packages" {
  description = "Folder that `cargo xtask package` wrote."
  type        = string
}

variable "architecture" {
  description = "What the packages were built for."
  type        = string
}

variable "worker_key" {
  description = "Key of the worker in us-east-1."
  type        = string
  sensitive   = true
  ephemeral   = true
}

provider "aws" {
  region = "eu-west-1"
}

provider "aws" {
  alias  = "home"
  region = "us-east-1"
}

locals {
  deployers = ["arn:aws:iam::111122223333:role/terraform"]
}

# What the sinks tell.
resource "aws_sns_topic" "dial" {
  name = "dial"
}

resource "aws_cloudwatch_event_bus" "dial" {
  name = "dial"
}

resource "aws_s3_bucket" "lake" {
  bucket = "soc-lake"
}

# The trails' buckets, which neither module makes.
resource "aws_s3_bucket" "trail" {
  bucket = "own-trail"
}

resource "aws_s3_bucket" "home_trail" {
  provider = aws.home
  bucket   = "home-trail"
}

resource "aws_kms_key" "master" {}

resource "aws_kms_key" "home" {
  provider = aws.home
}

module "master" {
  source = "../../infra/modules/master"

  package      = "${var.packages}/dial-master-${var.architecture}.zip"
  architecture = var.architecture
  secrets      = ["admin-token", "hook-secret", "slack-bot", "slack-signing"]
  kms_key_arn  = aws_kms_key.master.arn
  enrolment    = { organization = true }

  # As docs/guides/aws-sinks.md lists them.
  sink_permissions = [
    { actions = ["sns:Publish"], resources = [aws_sns_topic.dial.arn] },
    { actions = ["events:PutEvents"], resources = [aws_cloudwatch_event_bus.dial.arn] },
    {
      actions   = ["securityhub:BatchImportFindings", "securityhub:BatchUpdateFindings"]
      resources = ["arn:aws:securityhub:eu-west-1:111122223333:product/111122223333/default"]
    },
    { actions = ["s3:PutObject"], resources = ["${aws_s3_bucket.lake.arn}/ext/dial/*"] },
    {
      actions   = ["es:ESHttpPost", "es:ESHttpHead"]
      resources = ["arn:aws:es:eu-west-1:111122223333:domain/dial/*"]
    },
  ]

  config = <<-TOML
    [master.archive]
    days_ahead = 1

    [master.sinks.hook]
    type = "webhook"
    url = "https://hook.example.com/dial"
    secret = "secretsmanager:dial/hook-secret"

    [master.sinks.slack]
    type = "slack"
    bot_token = "secretsmanager:dial/slack-bot"
    channel = "C0123456789"
    buttons = true

    [master.slack]
    signing_secret = "secretsmanager:dial/slack-signing"
    bot_token = "secretsmanager:dial/slack-bot"
    teams = ["T0123456789"]

    [master.slack.users]
    U0123456789 = { name = "analyst-1", scope = "analyst" }

    [master.sinks.topic]
    type = "sns"
    topic_arn = "${aws_sns_topic.dial.arn}"
    format = "json"

    [master.sinks.bus]
    type = "eventbridge"
    bus_arn = "${aws_cloudwatch_event_bus.dial.arn}"

    [master.sinks.hub]
    type = "securityhub"
    region = "eu-west-1"
    file_under = "111122223333"

    [master.sinks.lake]
    type = "ocsf"
    to = "s3://${aws_s3_bucket.lake.id}/ext/dial"
    region = "eu-west-1"

    [master.sinks.search]
    type = "opensearch"
    url = "https://search-dial-abc123.eu-west-1.es.amazonaws.com"
    index = "dial-findings"
    aws = { service = "es", region = "eu-west-1" }
  TOML
}

resource "aws_secretsmanager_secret" "worker" {
  name = "dial/worker"
}

module "worker" {
  source = "../../infra/modules/worker"

  package             = "${var.packages}/dial-worker-${var.architecture}.zip"
  architecture        = var.architecture
  master_url          = module.master.url
  key                 = { secret_arn = aws_secretsmanager_secret.worker.arn, id = "1/0" }
  deployers           = local.deployers
  worker_in_us_east_1 = true
  trail               = { bucket = aws_s3_bucket.trail.id, prefix = "AWSLogs/111122223333/" }
}

# The other ways in: a queue, a key as a parameter, everything encrypted with a key of one's own.
module "worker_home" {
  source    = "../../infra/modules/worker"
  providers = { aws = aws.home }

  package      = "${var.packages}/dial-worker-${var.architecture}.zip"
  architecture = var.architecture
  master_url   = module.master.url
  key          = { own_parameter = true, id = "1/0" }
  key_value    = var.worker_key
  deployers    = local.deployers
  queue        = true
  kms_key_arn  = aws_kms_key.home.arn
  trail        = { bucket = aws_s3_bucket.home_trail.id, kms_key_arn = aws_kms_key.home.arn }
}

output "master" {
  description = "What the master module says."
  value       = module.master
}

output "worker" {
  description = "What the worker module says."
  value       = module.worker
}
