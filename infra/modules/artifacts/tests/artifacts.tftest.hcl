# What the bucket of one region is, planned without an account.

mock_provider "aws" {
  mock_data "aws_region" {
    defaults = { name = "eu-west-1" }
  }
  mock_data "aws_partition" {
    defaults = { partition = "aws" }
  }
  mock_data "aws_iam_policy_document" {
    defaults = { json = "{\"Version\":\"2012-10-17\",\"Statement\":[]}" }
  }
  mock_resource "aws_s3_bucket" {
    defaults = { arn = "arn:aws:s3:::dial-artifacts-111122223333-eu-west-1" }
  }
}

variables {
  prefix          = "dial-artifacts-111122223333"
  organization_id = "o-exampleorg1"
  package         = "./tests/package.zip"
}

run "only_the_organisation_reads" {
  assert {
    condition     = aws_s3_bucket.artifacts.bucket == "dial-artifacts-111122223333-eu-west-1"
    error_message = "the name ends in the region"
  }
  assert {
    condition = alltrue([
      for statement in data.aws_iam_policy_document.artifacts.statement :
      statement.effect == "Deny" || anytrue([for c in statement.condition : c.variable == "aws:PrincipalOrgID" && tolist(c.values) == tolist(["o-exampleorg1"])])
    ])
    error_message = "whatever is allowed is for the organisation alone"
  }
  assert {
    condition = alltrue(flatten([
      for statement in data.aws_iam_policy_document.artifacts.statement :
      [for action in statement.actions : action == "s3:GetObject"] if statement.effect != "Deny"
    ]))
    error_message = "reading is all that is allowed"
  }
  assert {
    condition = alltrue([
      aws_s3_bucket_public_access_block.artifacts.block_public_acls,
      aws_s3_bucket_public_access_block.artifacts.block_public_policy,
      aws_s3_bucket_public_access_block.artifacts.ignore_public_acls,
      aws_s3_bucket_public_access_block.artifacts.restrict_public_buckets,
    ])
    error_message = "the bucket is closed"
  }
  assert {
    condition     = one(one(aws_s3_bucket_server_side_encryption_configuration.artifacts.rule).apply_server_side_encryption_by_default).sse_algorithm == "AES256"
    error_message = "the bucket is encrypted"
  }
}

run "other_content_is_another_key" {
  variables {
    detect = "[worker.detect]\nknown_accounts = [\"444455556666\"]\n"
  }
  assert {
    condition     = output.release.config_key != run.only_the_organisation_reads.release.config_key
    error_message = "functions notice a new configuration"
  }
  assert {
    condition     = output.release.code_key == run.only_the_organisation_reads.release.code_key
    error_message = "and are not replaced without need"
  }
}

run "wrong_variables_are_refused" {
  command = plan
  variables {
    prefix          = "artifacts"
    organization_id = "111122223333"
    package         = "bootstrap"
    event_patterns  = "{}"
  }
  expect_failures = [var.prefix, var.organization_id, var.package, var.event_patterns]
}
