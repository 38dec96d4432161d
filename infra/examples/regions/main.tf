# Several accounts and regions without an organisation: a provider for each pair, one worker each.
# The master is in the security account; the workers enrol, so no key is carried anywhere.

provider "aws" {
  region = "eu-west-1"
}

provider "aws" {
  alias  = "shop_eu_west_1"
  region = "eu-west-1"

  assume_role {
    role_arn = "arn:aws:iam::${var.accounts.shop}:role/${var.deployer_role}"
  }
}

provider "aws" {
  alias  = "shop_us_east_1"
  region = "us-east-1"

  assume_role {
    role_arn = "arn:aws:iam::${var.accounts.shop}:role/${var.deployer_role}"
  }
}

provider "aws" {
  alias  = "data_eu_west_1"
  region = "eu-west-1"

  assume_role {
    role_arn = "arn:aws:iam::${var.accounts.data}:role/${var.deployer_role}"
  }
}

provider "aws" {
  alias  = "data_us_east_1"
  region = "us-east-1"

  assume_role {
    role_arn = "arn:aws:iam::${var.accounts.data}:role/${var.deployer_role}"
  }
}

locals {
  tags      = merge(var.tags, { application = "dial" })
  deployers = { for name, account in var.accounts : name => ["arn:aws:iam::${account}:role/${var.deployer_role}"] }
  known     = join(", ", [for account in values(var.accounts) : jsonencode(account)])
}

module "master" {
  source = "../../modules/master"

  package   = var.master_package
  enrolment = { accounts = values(var.accounts) }
  tags      = local.tags
}

module "shop_eu_west_1" {
  source    = "../../modules/worker"
  providers = { aws = aws.shop_eu_west_1 }

  package             = var.worker_package
  master_url          = module.master.url
  deployers           = local.deployers.shop
  detect              = "[worker.detect]\nknown_accounts = [${local.known}]\n"
  worker_in_us_east_1 = true
  tags                = local.tags
}

module "shop_us_east_1" {
  source    = "../../modules/worker"
  providers = { aws = aws.shop_us_east_1 }

  package    = var.worker_package
  master_url = module.master.url
  deployers  = local.deployers.shop
  detect     = "[worker.detect]\nknown_accounts = [${local.known}]\n"
  tags       = local.tags
}

module "data_eu_west_1" {
  source    = "../../modules/worker"
  providers = { aws = aws.data_eu_west_1 }

  package             = var.worker_package
  master_url          = module.master.url
  deployers           = local.deployers.data
  detect              = "[worker.detect]\nknown_accounts = [${local.known}]\n"
  worker_in_us_east_1 = true
  watched_buckets     = var.watched_buckets
  tags                = local.tags
}

module "data_us_east_1" {
  source    = "../../modules/worker"
  providers = { aws = aws.data_us_east_1 }

  package    = var.worker_package
  master_url = module.master.url
  deployers  = local.deployers.data
  detect     = "[worker.detect]\nknown_accounts = [${local.known}]\n"
  tags       = local.tags
}
