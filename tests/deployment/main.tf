# A master and a worker of one account and region, applied to an emulator by the end-to-end test.

terraform {
  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = ">= 5.80, < 7.0"
    }
  }
}

variable "endpoint" {
  description = "URL of the emulator, for every service."
  type        = string
}

variable "packages" {
  description = "Folder that `cargo xtask package` wrote."
  type        = string
}

variable "architecture" {
  description = "What the packages were built for."
  type        = string
}

provider "aws" {
  region                      = "eu-west-1"
  access_key                  = "test"
  secret_key                  = "testtest"
  s3_use_path_style           = true
  skip_credentials_validation = true
  skip_metadata_api_check     = true
  skip_region_validation      = true

  endpoints {
    apigatewayv2   = var.endpoint
    cloudwatch     = var.endpoint
    cloudwatchlogs = var.endpoint
    dynamodb       = var.endpoint
    eventbridge    = var.endpoint
    iam            = var.endpoint
    lambda         = var.endpoint
    s3             = var.endpoint
    secretsmanager = var.endpoint
    sqs            = var.endpoint
    sts            = var.endpoint
  }
}

module "master" {
  source = "../../infra/modules/master"

  package      = "${var.packages}/dial-master-${var.architecture}.zip"
  architecture = var.architecture
  secrets      = ["admin-token", "hook-secret", "slack-webhook"]
  config       = <<-TOML
    [master.archive]
    days_ahead = 1

    [master.sinks.hook]
    type = "webhook"
    url = "https://hook.example.com/dial"
    secret = "secretsmanager:dial/hook-secret"

    [master.sinks.slack]
    type = "slack"
    webhook_url = "secretsmanager:dial/slack-webhook"
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
  deployers           = ["arn:aws:iam::111122223333:role/terraform"]
  worker_in_us_east_1 = true
  trail               = { bucket = "own-trail", prefix = "AWSLogs/111122223333/" }
}

output "master" {
  description = "What the master module says."
  value       = module.master
}

output "worker" {
  description = "What the worker module says."
  value       = module.worker
}
