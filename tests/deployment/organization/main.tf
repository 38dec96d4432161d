# The workers of an organisation, applied to an emulator by the end-to-end test: it deploys the stack
# set's template to the accounts of the unit, resource by resource. Where it is, the environment says.

terraform {
  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = ">= 5.80, < 6.0"
    }
  }
}

variable "package" {
  description = "Path of the worker's zip, made by `cargo xtask package`."
  type        = string
}

variable "architecture" {
  description = "What the package was built for."
  type        = string
}

variable "organizational_unit" {
  description = "Unit whose accounts get workers."
  type        = string
}

provider "aws" {
  region = "eu-west-1"
}

provider "aws" {
  alias  = "home"
  region = "us-east-1"
}

module "artifacts" {
  source = "../../../infra/modules/artifacts"

  prefix          = "dial-artifacts-test"
  organization_id = "o-exampleorg1"
  package         = var.package
}

module "artifacts_home" {
  source    = "../../../infra/modules/artifacts"
  providers = { aws = aws.home }

  prefix          = "dial-artifacts-test"
  organization_id = "o-exampleorg1"
  package         = var.package
}

module "workers" {
  source = "../../../infra/modules/organization"

  organizational_unit_ids = [var.organizational_unit]
  regions                 = ["eu-west-1", "us-east-1"]
  master_url              = "https://dial.example.com"
  release                 = module.artifacts.release
  template_bucket         = module.artifacts.bucket
  architecture            = var.architecture

  # Functions cannot be made before their program is there.
  depends_on = [module.artifacts_home]
}
