# A whole organisation, from the security account, which is a delegated administrator of StackSets:
# the master, the program in every region, workers in every account.

provider "aws" {
  region = "eu-west-1"
}

provider "aws" {
  alias  = "us_east_1"
  region = "us-east-1"
}

data "aws_caller_identity" "this" {}

locals {
  tags   = merge(var.tags, { application = "dial" })
  prefix = "dial-artifacts-${data.aws_caller_identity.this.account_id}"
  detect = <<-TOML
    [worker.detect]
    allowed_regions = ["eu-west-1", "us-east-1"]
  TOML
}

module "master" {
  source = "../../modules/master"

  package   = var.master_package
  enrolment = { organization = true, organization_role = var.organization_role }
  tags      = local.tags
}

module "artifacts_eu_west_1" {
  source = "../../modules/artifacts"

  prefix          = local.prefix
  organization_id = var.organization_id
  package         = var.worker_package
  detect          = local.detect
  tags            = local.tags
}

module "artifacts_us_east_1" {
  source    = "../../modules/artifacts"
  providers = { aws = aws.us_east_1 }

  prefix          = local.prefix
  organization_id = var.organization_id
  package         = var.worker_package
  detect          = local.detect
  tags            = local.tags
}

module "workers" {
  source = "../../modules/organization"

  organizational_unit_ids = var.organizational_unit_ids
  regions                 = ["eu-west-1", "us-east-1"]
  master_url              = module.master.url
  release                 = module.artifacts_eu_west_1.release
  template_bucket         = module.artifacts_eu_west_1.bucket
  deployer_role           = var.deployer_role
  tags                    = local.tags

  # Functions cannot be made before their program is there.
  depends_on = [module.artifacts_us_east_1]
}
