# Master and worker in one account: the smallest whole system, in us-east-1 and one more region.

provider "aws" {
  region = var.region
}

provider "aws" {
  alias  = "global"
  region = "us-east-1" # IAM, Organizations, Route 53 and CloudFront record their events here
}

data "aws_caller_identity" "this" {}

locals {
  tags = merge(var.tags, { application = "dial" })
}

module "master" {
  source = "../../modules/master"

  package          = var.master_package
  secrets          = ["admin-token", "slack-webhook"]
  enrolment        = { accounts = [data.aws_caller_identity.this.account_id] }
  alarm_topic_arns = var.alarm_topic_arns
  tags             = local.tags

  config = <<-TOML
    [master.sinks.alerts]
    type = "slack"
    webhook_url = "secretsmanager:dial/slack-webhook"
  TOML
}

module "worker" {
  source = "../../modules/worker"

  package             = var.worker_package
  master_url          = module.master.url
  deployers           = var.deployers
  worker_in_us_east_1 = true
  alarm_topic_arns    = var.alarm_topic_arns
  tags                = local.tags
}

module "worker_global" {
  source    = "../../modules/worker"
  providers = { aws = aws.global }

  package    = var.worker_package
  master_url = module.master.url
  deployers  = var.deployers
  tags       = local.tags
}
