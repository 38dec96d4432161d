# What a master is made of, planned without an account.

mock_provider "aws" {
  mock_data "aws_caller_identity" {
    defaults = { account_id = "111122223333" }
  }
  mock_data "aws_region" {
    defaults = { name = "eu-west-1" }
  }
  mock_data "aws_partition" {
    defaults = { partition = "aws" }
  }
  mock_data "aws_iam_policy_document" {
    defaults = { json = "{\"Version\":\"2012-10-17\",\"Statement\":[]}" }
  }
  mock_resource "aws_lambda_function" {
    defaults = {
      arn        = "arn:aws:lambda:eu-west-1:111122223333:function:dial-api"
      invoke_arn = "arn:aws:apigateway:eu-west-1:lambda:path/2015-03-31/functions/arn:aws:lambda:eu-west-1:111122223333:function:dial-api/invocations"
    }
  }
  mock_resource "aws_sqs_queue" {
    defaults = { arn = "arn:aws:sqs:eu-west-1:111122223333:dial-master-undelivered" }
  }
  mock_resource "aws_s3_bucket" {
    defaults = { arn = "arn:aws:s3:::dial-master-111122223333-eu-west-1" }
  }
  mock_resource "aws_iam_role" {
    defaults = { arn = "arn:aws:iam::111122223333:role/dial-api-eu-west-1" }
  }
  mock_resource "aws_cloudwatch_event_rule" {
    defaults = { arn = "arn:aws:events:eu-west-1:111122223333:rule/dial-sweep" }
  }
  mock_resource "aws_cloudwatch_log_group" {
    defaults = { arn = "arn:aws:logs:eu-west-1:111122223333:log-group:/aws/lambda/dial-api" }
  }
  mock_resource "aws_dynamodb_table" {
    defaults = {
      arn        = "arn:aws:dynamodb:eu-west-1:111122223333:table/dial-findings"
      stream_arn = "arn:aws:dynamodb:eu-west-1:111122223333:table/dial-findings/stream/2026-01-01T00:00:00.000"
    }
  }
  mock_resource "aws_secretsmanager_secret" {
    defaults = { arn = "arn:aws:secretsmanager:eu-west-1:111122223333:secret:dial/x-AbCdEf" }
  }
  mock_resource "aws_apigatewayv2_api" {
    defaults = {
      api_endpoint  = "https://abc123.execute-api.eu-west-1.amazonaws.com"
      execution_arn = "arn:aws:execute-api:eu-west-1:111122223333:abc123"
    }
  }
}

variables {
  package = "./tests/package.zip"
}

run "the_table_keeps_what_was_accepted" {
  assert {
    condition = alltrue([
      aws_dynamodb_table.findings.billing_mode == "PAY_PER_REQUEST",
      aws_dynamodb_table.findings.deletion_protection_enabled,
      one(aws_dynamodb_table.findings.point_in_time_recovery).enabled,
      aws_dynamodb_table.findings.stream_view_type == "NEW_IMAGE",
      one(aws_dynamodb_table.findings.ttl).attribute_name == "expires",
    ])
    error_message = "on demand, protected, recoverable, with stream and TTL"
  }
  assert {
    condition     = length(aws_dynamodb_table.findings.global_secondary_index) == length(local.layout.indexes)
    error_message = "every index of the layout"
  }
}

run "the_stream_delivers_what_waits_and_keeps_what_fails" {
  assert {
    condition     = aws_lambda_event_source_mapping.stream.function_response_types == toset(["ReportBatchItemFailures"])
    error_message = "one bad record does not fail the batch"
  }
  assert {
    condition     = one(one(aws_lambda_event_source_mapping.stream.destination_config).on_failure).destination_arn == aws_sqs_queue.undelivered.arn
    error_message = "what fails for good is kept"
  }
  assert {
    condition     = aws_lambda_event_source_mapping.stream.maximum_record_age_in_seconds <= 3600
    error_message = "a bad record does not hold up its shard for a day"
  }
}

run "each_function_has_a_role_that_names_its_actions" {
  assert {
    condition = alltrue(flatten([
      for document in data.aws_iam_policy_document.function :
      [for statement in document.statement : [for action in statement.actions : !strcontains(action, "*")]]
    ]))
    error_message = "every action is spelled out"
  }
  assert {
    condition = alltrue(flatten([
      for document in data.aws_iam_policy_document.function :
      [for statement in document.statement : [for resource in statement.resources : resource != "*" || statement.sid == "Streams"]]
    ]))
    error_message = "every resource is named; only ListStreams knows none"
  }
}

run "everything_is_encrypted_and_closed" {
  variables {
    kms_key_arn = "arn:aws:kms:eu-west-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab"
  }
  assert {
    condition = alltrue([
      one(aws_dynamodb_table.findings.server_side_encryption).kms_key_arn == var.kms_key_arn,
      aws_sqs_queue.undelivered.kms_master_key_id == var.kms_key_arn,
      aws_cloudwatch_log_group.access.kms_key_id == var.kms_key_arn,
      alltrue([for group in aws_cloudwatch_log_group.function : group.kms_key_id == var.kms_key_arn]),
      alltrue([for secret in aws_secretsmanager_secret.root_key : secret.kms_key_id == var.kms_key_arn]),
      alltrue([for secret in aws_secretsmanager_secret.named : secret.kms_key_id == var.kms_key_arn]),
      one(one(aws_s3_bucket_server_side_encryption_configuration.master.rule).apply_server_side_encryption_by_default).kms_master_key_id == var.kms_key_arn,
    ])
    error_message = "table, queue, bucket, logs and secrets use the key"
  }
  assert {
    condition = alltrue([
      aws_s3_bucket_public_access_block.master.block_public_acls,
      aws_s3_bucket_public_access_block.master.block_public_policy,
      aws_s3_bucket_public_access_block.master.ignore_public_acls,
      aws_s3_bucket_public_access_block.master.restrict_public_buckets,
    ])
    error_message = "the bucket is closed"
  }
  assert {
    condition = anytrue([
      for statement in data.aws_iam_policy_document.master.statement :
      statement.effect == "Deny" && contains(statement.actions, "s3:*") && anytrue([
        for condition in statement.condition : condition.variable == "aws:SecureTransport" && condition.values == tolist(["false"])
      ])
    ])
    error_message = "nothing goes in or out of the bucket in the clear"
  }
  assert {
    condition     = one(aws_s3_bucket_versioning.master.versioning_configuration).status == "Enabled"
    error_message = "what is overwritten stays"
  }
  assert {
    condition = alltrue([
      for rule in aws_s3_bucket_lifecycle_configuration.master.rule : rule.status == "Enabled"
      ]) && contains([
      for rule in aws_s3_bucket_lifecycle_configuration.master.rule : one(rule.expiration[*].days) if rule.id == "dead-letters"
    ], var.dead_letter_days)
    error_message = "letters are forgotten after their time"
  }
}

run "what_fails_is_kept_and_encrypted" {
  assert {
    condition     = one(aws_cloudwatch_event_target.sweep.dead_letter_config).arn == aws_sqs_queue.undelivered.arn
    error_message = "a sweep that could not be started is kept"
  }
  assert {
    condition     = aws_sqs_queue.undelivered.sqs_managed_sse_enabled == true
    error_message = "the queue is encrypted without a key of one's own, too"
  }
  assert {
    condition     = one(one(aws_s3_bucket_server_side_encryption_configuration.master.rule).apply_server_side_encryption_by_default).sse_algorithm == "AES256"
    error_message = "and so is the bucket"
  }
}

run "what_a_function_writes_is_what_alarms_and_dashboard_read" {
  variables {
    name             = "dial-two"
    alarm_topic_arns = ["arn:aws:sns:eu-west-1:111122223333:security"]
  }
  assert {
    condition     = alltrue([for function in aws_lambda_function.master : function.environment[0].variables.DIAL_METRICS == "dial-two"])
    error_message = "every function names its master"
  }
  assert {
    condition = alltrue([
      for key in ["oldest-due", "sweep-silent", "deliveries-failed", "dead-letters"] :
      aws_cloudwatch_metric_alarm.master[key].namespace == "DIAL" && aws_cloudwatch_metric_alarm.master[key].dimensions.Master == "dial-two"
    ])
    error_message = "the alarms go by that name"
  }
  assert {
    condition = alltrue([
      aws_cloudwatch_metric_alarm.master["sweep-silent"].treat_missing_data == "breaching",
      aws_cloudwatch_metric_alarm.master["sweep-silent"].comparison_operator == "LessThanThreshold",
    ])
    error_message = "silence is an alarm"
  }
  assert {
    condition = alltrue([
      for alarm in aws_cloudwatch_metric_alarm.master :
      alarm.alarm_actions == toset(["arn:aws:sns:eu-west-1:111122223333:security"])
    ])
    error_message = "every alarm has the topic"
  }
  assert {
    condition = alltrue([
      for key in ["api-5xx", "stream-lag", "destination", "undelivered", "table-throttles", "api-errors", "deliver-throttles"] :
      contains(keys(aws_cloudwatch_metric_alarm.master), key)
    ])
    error_message = "nothing that fails is silent"
  }
  assert {
    condition = alltrue([
      for widget in jsondecode(aws_cloudwatch_dashboard.master.dashboard_body).widgets :
      widget.type == "alarm" ? length(widget.properties.alarms) == length(aws_cloudwatch_metric_alarm.master) : length(widget.properties.metrics) > 0
    ])
    error_message = "the dashboard has every alarm, and no empty graph"
  }
}

run "the_throttle_is_that_of_the_variable" {
  variables {
    throttle             = { rate = 20, burst = 40 }
    reserved_concurrency = { api = 30 }
  }
  assert {
    condition = alltrue([
      one(aws_apigatewayv2_stage.master.default_route_settings).throttling_rate_limit == 20,
      one(aws_apigatewayv2_stage.master.default_route_settings).throttling_burst_limit == 40,
      aws_lambda_function.master["api"].reserved_concurrent_executions == 30,
      aws_lambda_function.master["sweep"].reserved_concurrent_executions == 1,
    ])
    error_message = "rate, burst and concurrency are bounded"
  }
}

run "rotation_has_two_root_keys" {
  variables {
    root_key_numbers = [1, 2]
  }
  assert {
    condition     = length(aws_secretsmanager_secret.root_key) == 2
    error_message = "a secret for each"
  }
  assert {
    condition     = strcontains(aws_s3_object.config.content, "\n2 = \"secretsmanager:")
    error_message = "the configuration knows both"
  }
}

run "a_domain_of_ones_own_closes_the_api_s_url" {
  variables {
    domain = {
      name            = "dial.example.com"
      certificate_arn = "arn:aws:acm:eu-west-1:111122223333:certificate/1234abcd-12ab-34cd-56ef-1234567890ab"
      truststore_uri  = "s3://dial-truststore/workers.pem"
    }
  }
  assert {
    condition     = aws_apigatewayv2_api.master.disable_execute_api_endpoint
    error_message = "there is no way around mutual TLS"
  }
  assert {
    condition     = output.url == "https://dial.example.com"
    error_message = "workers use the domain"
  }
}

run "a_restored_table_has_a_name_of_its_own" {
  variables {
    table_name = "dial-findings-2"
  }
  assert {
    condition     = aws_dynamodb_table.findings.name == "dial-findings-2" && strcontains(aws_s3_object.config.content, "store = \"dynamodb:dial-findings-2\"\n")
    error_message = "the table is made under that name, and the functions use it"
  }
  assert {
    condition     = aws_cloudwatch_metric_alarm.master["table-throttles"].dimensions.TableName == "dial-findings-2"
    error_message = "the alarm looks at it"
  }
}

run "wrong_variables_are_refused" {
  command = plan
  variables {
    name                 = "alerts"
    package              = "bootstrap"
    architecture         = "riscv"
    root_key_numbers     = [0]
    secrets              = ["slack"]
    base_url             = "http://dial"
    table_name           = "alerts"
    retention_days       = 0
    log_retention_days   = 31
    dead_letter_days     = 1
    sink_permissions     = [{ actions = ["sns:*"], resources = ["*"] }]
    throttle             = { rate = 0 }
    reserved_concurrency = { deliver = 0 }
    domain               = { name = "https://dial.example.com", certificate_arn = "own" }
    kms_key_arn          = "alias/dial"
    alarm_topic_arns     = ["security"]
  }
  expect_failures = [
    var.name, var.package, var.architecture, var.root_key_numbers, var.secrets, var.base_url, var.table_name,
    var.retention_days, var.log_retention_days, var.dead_letter_days, var.sink_permissions, var.throttle,
    var.reserved_concurrency, var.domain, var.kms_key_arn, var.alarm_topic_arns,
  ]
}

run "accounts_of_the_organisation_may_enrol" {
  variables {
    enrolment = { organization = true, accounts = ["444455556666"] }
  }
  assert {
    condition     = strcontains(aws_s3_object.config.content, "[master.enrolment]\naudience = \"https://abc123.execute-api.eu-west-1.amazonaws.com\"\naccounts = [\"444455556666\"]\norganization = true\nroles = [\"dial-worker-{region}\"]\nkey_hours = 24\n")
    error_message = "the configuration says who may"
  }
  assert {
    condition     = length([for s in data.aws_iam_policy_document.function["api"].statement : s if s.sid == "Organization" && contains(s.actions, "organizations:DescribeAccount")]) == 1
    error_message = "the API may ask whether an account is a member"
  }
  assert {
    condition     = !contains([for s in data.aws_iam_policy_document.function["deliver"].statement : s.sid], "Organization")
    error_message = "nobody else may"
  }
}

run "a_role_of_the_management_account_may_ask_instead" {
  command = plan
  variables {
    enrolment = { organization = true, organization_role = "arn:aws:iam::444455556666:role/dial-accounts" }
  }
  assert {
    condition     = length([for s in data.aws_iam_policy_document.function["api"].statement : s if s.sid == "Organization" && contains(s.actions, "sts:AssumeRole") && contains(s.resources, "arn:aws:iam::444455556666:role/dial-accounts")]) == 1
    error_message = "the API may assume that role and nothing of Organizations"
  }
}

run "an_enrolment_that_allows_nobody_is_refused" {
  command = plan
  variables {
    enrolment = { key_hours = 200, organization_role = "role/x" }
  }
  expect_failures = [var.enrolment]
}
