# In us-east-1 the worker also sees what global services record.

mock_provider "aws" {
  mock_data "aws_caller_identity" {
    defaults = { account_id = "111122223333" }
  }
  mock_data "aws_region" {
    defaults = { name = "us-east-1" }
  }
  mock_data "aws_partition" {
    defaults = { partition = "aws" }
  }
  mock_data "aws_iam_policy_document" {
    defaults = { json = "{\"Version\":\"2012-10-17\",\"Statement\":[]}" }
  }
}

variables {
  package    = "./tests/package.zip"
  master_url = "https://abc123.execute-api.eu-west-1.amazonaws.com"
  deployers  = ["arn:aws:iam::111122223333:role/terraform"]
  key        = { secret_arn = "arn:aws:secretsmanager:us-east-1:111122223333:secret:dial/worker-AbCdEf" }
}

run "global_services_are_covered_without_being_asked" {
  command = plan

  assert {
    condition     = contains(keys(aws_cloudwatch_event_rule.patterns), "us-east-1-writes")
    error_message = "IAM is recorded here alone"
  }
  assert {
    condition     = output.covers_global_services
    error_message = "the output says so"
  }
}

run "watched_buckets_get_a_trail_of_their_own" {
  command = plan
  variables {
    watched_buckets = ["payroll", "backups"]
  }

  assert {
    condition     = length(aws_cloudtrail.data_events) == 1
    error_message = "there is a trail"
  }
  assert {
    condition = contains(flatten([
      for selector in aws_cloudtrail.data_events[0].advanced_event_selector :
      [for field in selector.field_selector : coalesce(field.starts_with, [])]
    ]), "arn:aws:s3:::payroll/")
    error_message = "it selects their objects"
  }
}
