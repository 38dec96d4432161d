# What is rolled out, planned without an organisation.

mock_provider "aws" {
  mock_data "aws_region" {
    defaults = { name = "eu-west-1" }
  }
  mock_data "aws_partition" {
    defaults = { partition = "aws", dns_suffix = "amazonaws.com" }
  }
}

variables {
  organizational_unit_ids = ["ou-exam-12345678"]
  regions                 = ["eu-west-1", "us-east-1"]
  master_url              = "https://abc123.execute-api.eu-west-1.amazonaws.com"
  template_bucket         = "dial-artifacts-111122223333-eu-west-1"
  release = {
    prefix       = "dial-artifacts-111122223333"
    code_key     = "worker/a.zip"
    config_key   = "config/a/dial.toml"
    patterns_key = "config/a/event_patterns.json"
  }
}

run "accounts_that_join_get_workers" {
  assert {
    condition     = one(aws_cloudformation_stack_set.workers.auto_deployment).enabled && aws_cloudformation_stack_set.workers.permission_model == "SERVICE_MANAGED"
    error_message = "by themselves"
  }
  assert {
    condition     = toset(keys(aws_cloudformation_stack_set_instance.workers)) == toset(["eu-west-1", "us-east-1"])
    error_message = "in every region"
  }
  assert {
    condition     = startswith(aws_cloudformation_stack_set.workers.template_url, "https://dial-artifacts-111122223333-eu-west-1.s3.eu-west-1.amazonaws.com/stack-set/")
    error_message = "from the bucket"
  }
}

run "the_template_holds_no_secret_and_knows_its_parameters" {
  command = plan
  assert {
    condition     = !strcontains(local.template, "whsec_") && !strcontains(local.template, "secretsmanager:GetSecretValue")
    error_message = "workers enrol"
  }
  assert {
    condition     = toset(keys(jsondecode(local.template).Parameters)) == toset(keys(aws_cloudformation_stack_set.workers.parameters))
    error_message = "every parameter is given, and no other"
  }
  assert {
    condition = alltrue([
      for resource in values(jsondecode(local.template).Resources) :
      alltrue([for target in resource.Properties.Targets : can(target.DeadLetterConfig.Arn)])
      if resource.Type == "AWS::Events::Rule"
    ])
    error_message = "every target keeps what it cannot deliver"
  }
}

run "global_services_are_not_forgotten" {
  command = plan
  variables {
    regions = ["eu-west-1"]
  }
  expect_failures = [aws_cloudformation_stack_set.workers]
}

run "wrong_variables_are_refused" {
  command = plan
  variables {
    name                    = "workers"
    organizational_unit_ids = ["111122223333"]
    regions                 = ["Ireland"]
    master_url              = "http://master"
    template_bucket         = "a.b"
    call_as                 = "ME"
    deployer_role           = "arn:aws:iam::111122223333:role/x"
    rollout                 = { max_concurrent_percentage = 0 }
    reserved_concurrency    = 0
    release                 = { prefix = "", code_key = "", config_key = "", patterns_key = "" }
  }
  expect_failures = [
    var.name, var.organizational_unit_ids, var.regions, var.master_url, var.template_bucket,
    var.call_as, var.deployer_role, var.rollout, var.reserved_concurrency, var.release,
  ]
}
