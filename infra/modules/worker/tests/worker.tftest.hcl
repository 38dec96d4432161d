# What a worker is made of, planned without an account.

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
    defaults = { arn = "arn:aws:lambda:eu-west-1:111122223333:function:dial-worker" }
  }
  mock_resource "aws_sqs_queue" {
    defaults = { arn = "arn:aws:sqs:eu-west-1:111122223333:dial-worker-undelivered" }
  }
  mock_resource "aws_s3_bucket" {
    defaults = { arn = "arn:aws:s3:::dial-worker-111122223333-eu-west-1" }
  }
  mock_resource "aws_iam_role" {
    defaults = { arn = "arn:aws:iam::111122223333:role/dial-worker-eu-west-1" }
  }
  mock_resource "aws_cloudwatch_event_rule" {
    defaults = { arn = "arn:aws:events:eu-west-1:111122223333:rule/dial-worker-writes" }
  }
  mock_resource "aws_ssm_parameter" {
    defaults = { arn = "arn:aws:ssm:eu-west-1:111122223333:parameter/dial-worker-key" }
  }
  mock_resource "aws_cloudwatch_log_group" {
    defaults = { arn = "arn:aws:logs:eu-west-1:111122223333:log-group:/aws/lambda/dial-worker" }
  }
}

variables {
  package             = "./tests/package.zip"
  master_url          = "https://abc123.execute-api.eu-west-1.amazonaws.com"
  worker_in_us_east_1 = true
  deployers           = ["arn:aws:iam::111122223333:role/terraform"]
  key_value           = ""
  key = {
    secret_arn = "arn:aws:secretsmanager:eu-west-1:111122223333:secret:dial/worker-AbCdEf"
    id         = "1/0"
  }
}

run "every_target_keeps_what_it_cannot_deliver" {
  assert {
    condition     = alltrue([for target in aws_cloudwatch_event_target.patterns : one(target.dead_letter_config).arn == aws_sqs_queue.undelivered.arn])
    error_message = "every target has the queue of undelivered events"
  }
  assert {
    condition     = alltrue([for target in aws_cloudwatch_event_target.patterns : one(target.retry_policy).maximum_retry_attempts == 185])
    error_message = "EventBridge tries for a day"
  }
  assert {
    condition     = one(one(aws_lambda_function_event_invoke_config.worker.destination_config).on_failure).destination == aws_s3_bucket.letters.arn
    error_message = "what fails for good lies in the bucket"
  }
}

run "patterns_are_those_of_the_region" {
  assert {
    condition     = length(aws_cloudwatch_event_rule.patterns) > 20
    error_message = "the pack needs more patterns than these"
  }
  assert {
    condition     = !anytrue([for name in keys(aws_cloudwatch_event_rule.patterns) : startswith(name, "us-east-1")])
    error_message = "global services record nothing here"
  }
  assert {
    condition     = alltrue([for rule in aws_cloudwatch_event_rule.patterns : length(rule.event_pattern) <= 2048])
    error_message = "EventBridge takes 2,048 characters"
  }
  assert {
    condition = alltrue([
      for name, rule in aws_cloudwatch_event_rule.patterns :
      rule.state == (startswith(name, "reads") ? "ENABLED_WITH_ALL_CLOUDTRAIL_MANAGEMENT_EVENTS" : "ENABLED")
      if startswith(name, "reads") || startswith(name, "writes")
    ])
    error_message = "reading calls pass only in a state of their own"
  }
}

run "everything_is_encrypted_and_closed" {
  assert {
    condition     = aws_sqs_queue.undelivered.sqs_managed_sse_enabled == true
    error_message = "the queue is encrypted"
  }
  assert {
    condition     = one(one(aws_s3_bucket_server_side_encryption_configuration.letters.rule).apply_server_side_encryption_by_default).sse_algorithm == "AES256"
    error_message = "the bucket is encrypted"
  }
  assert {
    condition = alltrue([
      aws_s3_bucket_public_access_block.letters.block_public_acls,
      aws_s3_bucket_public_access_block.letters.block_public_policy,
      aws_s3_bucket_public_access_block.letters.ignore_public_acls,
      aws_s3_bucket_public_access_block.letters.restrict_public_buckets,
    ])
    error_message = "the bucket is closed"
  }
  assert {
    condition = anytrue([
      for statement in data.aws_iam_policy_document.letters.statement :
      statement.effect == "Deny" && contains(statement.actions, "s3:*") && anytrue([
        for condition in statement.condition : condition.variable == "aws:SecureTransport" && condition.values == tolist(["false"])
      ])
    ])
    error_message = "nothing goes in or out of the bucket in the clear"
  }
  assert {
    condition     = one(aws_s3_bucket_versioning.letters.versioning_configuration).status == "Enabled"
    error_message = "what is overwritten stays"
  }
  assert {
    condition = alltrue([
      for rule in aws_s3_bucket_lifecycle_configuration.letters.rule : rule.status == "Enabled"
      ]) && contains([
      for rule in aws_s3_bucket_lifecycle_configuration.letters.rule : one(rule.expiration[*].days) if rule.id == "letters"
    ], var.dead_letter_days)
    error_message = "letters are forgotten after their time"
  }
  assert {
    condition = alltrue([
      aws_cloudwatch_log_group.worker.retention_in_days == var.log_retention_days,
      aws_lambda_function.worker.reserved_concurrent_executions == var.reserved_concurrency,
    ])
    error_message = "logs end and a flood has its bound"
  }
}

run "a_key_of_ones_own_encrypts_everything" {
  variables {
    kms_key_arn = "arn:aws:kms:eu-west-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab"
    queue       = true
  }
  assert {
    condition = alltrue([
      aws_sqs_queue.undelivered.kms_master_key_id == var.kms_key_arn,
      aws_sqs_queue.events[0].kms_master_key_id == var.kms_key_arn,
      aws_cloudwatch_log_group.worker.kms_key_id == var.kms_key_arn,
      aws_lambda_function.worker.kms_key_arn == var.kms_key_arn,
      one(one(aws_s3_bucket_server_side_encryption_configuration.letters.rule).apply_server_side_encryption_by_default).kms_master_key_id == var.kms_key_arn,
    ])
    error_message = "queues, log, environment and bucket use the key"
  }
}

run "the_policy_has_no_wildcard_action" {
  assert {
    condition = alltrue(flatten([
      for statement in data.aws_iam_policy_document.worker.statement :
      [for action in statement.actions : !strcontains(action, "*")]
    ]))
    error_message = "every action is spelled out"
  }
  assert {
    condition = alltrue(flatten([
      for statement in data.aws_iam_policy_document.worker.statement :
      [for resource in statement.resources : resource != "*" && startswith(resource, "arn:")]
    ]))
    error_message = "every resource is named"
  }
}

run "a_queue_takes_the_bursts" {
  variables {
    queue = true
  }
  assert {
    condition     = alltrue([for target in aws_cloudwatch_event_target.patterns : target.arn == aws_sqs_queue.events[0].arn])
    error_message = "events go to the queue"
  }
  assert {
    condition     = aws_sqs_queue.events[0].visibility_timeout_seconds == 6 * var.timeout_seconds
    error_message = "six times the function's timeout"
  }
  assert {
    condition     = aws_lambda_event_source_mapping.events[0].function_response_types == toset(["ReportBatchItemFailures"])
    error_message = "one bad message does not fail the batch"
  }
  assert {
    condition     = length(aws_lambda_permission.patterns) == 0
    error_message = "EventBridge does not call the function itself"
  }
}

run "the_configuration_is_what_the_worker_reads" {
  variables {
    detect = "[worker.detect]\nknown_accounts = [\"444455556666\"]\n"
  }
  assert {
    condition     = strcontains(aws_s3_object.config.content, "known_accounts = [\"444455556666\"]")
    error_message = "further settings are in the file"
  }
  assert {
    condition     = strcontains(aws_s3_object.config.content, "deployers = [\"arn:aws:iam::111122223333:role/terraform\"]")
    error_message = "deployers may change DIAL"
  }
  assert {
    condition     = aws_lambda_function.worker.environment[0].variables.DIAL_CONFIG == "s3://dial-worker-111122223333-eu-west-1/config/dial.toml"
    error_message = "the function knows where it lies"
  }
}

run "every_alarm_tells_somebody_and_dead_letters_are_one" {
  variables {
    alarm_topic_arns = ["arn:aws:sns:eu-west-1:111122223333:security"]
    queue            = true
  }
  assert {
    condition = alltrue([
      for alarm in aws_cloudwatch_metric_alarm.worker :
      alarm.alarm_actions == toset(["arn:aws:sns:eu-west-1:111122223333:security"])
    ])
    error_message = "every alarm has the topic"
  }
  assert {
    condition = toset(keys(aws_cloudwatch_metric_alarm.worker)) == toset([
      "errors", "throttles", "unkept", "dropped", "dead-letters", "undelivered", "queue-age",
    ])
    error_message = "nothing that fails is silent"
  }
  assert {
    condition = alltrue([
      aws_cloudwatch_metric_alarm.worker["dead-letters"].namespace == "DIAL",
      aws_cloudwatch_metric_alarm.worker["dead-letters"].dimensions.Worker == aws_lambda_function.worker.environment[0].variables.DIAL_METRICS,
    ])
    error_message = "the alarm goes by what the function writes"
  }
}

run "a_trail_s_objects_come_in" {
  variables {
    trail = { bucket = "own-trail", prefix = "AWSLogs/111122223333/" }
  }
  assert {
    condition     = one(aws_s3_bucket_notification.trail[0].lambda_function).filter_suffix == ".json.gz"
    error_message = "digest files are not read"
  }
  assert {
    condition = contains(flatten([
      for statement in data.aws_iam_policy_document.worker.statement : statement.resources if statement.sid == "Trail"
    ]), "arn:aws:s3:::own-trail/AWSLogs/111122223333/*")
    error_message = "the role may read them, and nothing else of the bucket"
  }
}

run "without_a_key_the_worker_enrols" {
  variables {
    key = null
  }
  assert {
    condition     = strcontains(aws_s3_object.config.content, "enrol = true\n") && !strcontains(aws_s3_object.config.content, "key")
    error_message = "the configuration says so, and names no key"
  }
  assert {
    condition     = !contains([for statement in data.aws_iam_policy_document.worker.statement : statement.sid], "Key")
    error_message = "there is no secret to read"
  }
  assert {
    condition     = aws_iam_role.worker.name == "dial-worker-eu-west-1"
    error_message = "the role is called as the master expects"
  }
}

run "a_secret_is_all_that_the_role_may_read" {
  assert {
    condition     = strcontains(aws_s3_object.config.content, "key = \"secretsmanager:arn:aws:secretsmanager:eu-west-1:111122223333:secret:dial/worker-AbCdEf\"\nkey_id = \"1/0\"\n")
    error_message = "the configuration names the secret"
  }
  assert {
    condition     = !contains([for statement in data.aws_iam_policy_document.worker.statement : statement.sid], "Parameter") && length(aws_ssm_parameter.key) == 0
    error_message = "there is no parameter"
  }
}

run "a_parameter_of_ones_own_is_read_instead_of_a_secret" {
  variables {
    key = { parameter_arn = "arn:aws:ssm:eu-west-1:111122223333:parameter/security/dial", id = "2/0" }
  }
  assert {
    condition     = strcontains(aws_s3_object.config.content, "key = \"ssm:arn:aws:ssm:eu-west-1:111122223333:parameter/security/dial\"\nkey_id = \"2/0\"\n")
    error_message = "the configuration names the parameter"
  }
  assert {
    condition = flatten([
      for statement in data.aws_iam_policy_document.worker.statement : [statement.actions, statement.resources] if statement.sid == "Parameter"
    ]) == ["ssm:GetParameter", "arn:aws:ssm:eu-west-1:111122223333:parameter/security/dial"]
    error_message = "the role may read that parameter alone"
  }
  assert {
    condition     = !contains([for statement in data.aws_iam_policy_document.worker.statement : statement.sid], "Key") && length(aws_ssm_parameter.key) == 0
    error_message = "there is no secret, and no second parameter"
  }
}

run "a_key_that_is_given_becomes_a_parameter" {
  variables {
    key       = { own_parameter = true, id = "1/0" }
    key_value = "whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="
  }
  assert {
    condition     = aws_ssm_parameter.key[0].name == "dial-worker-key" && aws_ssm_parameter.key[0].type == "SecureString" && aws_ssm_parameter.key[0].value_wo == null
    error_message = "it is encrypted, under a name that the rules on tampering know, and not in the state"
  }
  assert {
    condition     = strcontains(aws_s3_object.config.content, "key = \"ssm:dial-worker-key\"\n") && !strcontains(aws_s3_object.config.content, "whsec_")
    error_message = "the configuration names the parameter, not the key"
  }
}

run "another_id_writes_the_key_again" {
  variables {
    key       = { own_parameter = true, id = "2/1900000000" }
    key_value = "whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="
  }
  assert {
    condition     = aws_ssm_parameter.key[0].value_wo_version != 26045980 # that of 1/0
    error_message = "Terraform writes the value only where its version changes"
  }
}

run "a_key_has_one_place" {
  command = plan
  variables {
    key = {
      secret_arn    = "arn:aws:secretsmanager:eu-west-1:111122223333:secret:dial/worker-AbCdEf"
      parameter_arn = "arn:aws:ssm:eu-west-1:111122223333:parameter/security/dial"
    }
  }
  expect_failures = [var.key]
}

run "a_key_has_some_place" {
  command = plan
  variables {
    key = { id = "1/0" }
  }
  expect_failures = [var.key]
}

run "a_parameter_of_the_module_wants_a_value" {
  command = plan
  variables {
    key = { own_parameter = true, id = "1/0" }
  }
  expect_failures = [var.key_value]
}

run "a_key_is_not_given_twice" {
  command = plan
  variables {
    key_value = "whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="
  }
  expect_failures = [var.key_value]
}

run "what_is_no_key_is_not_written" {
  command = plan
  variables {
    key       = { own_parameter = true, id = "1/0" }
    key_value = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="
  }
  expect_failures = [var.key_value]
}

run "outside_us_east_1_somebody_must_watch_global_services" {
  command = plan
  variables {
    worker_in_us_east_1 = false
  }
  expect_failures = [aws_lambda_function.worker]
}

run "wrong_variables_are_refused" {
  command = plan
  variables {
    name                 = "worker"
    package              = "bootstrap"
    architecture         = "riscv"
    master_url           = "http://master"
    deployers            = []
    reserved_concurrency = 0
    log_retention_days   = 31
    heartbeat_minutes    = 1
    event_patterns       = "{}"
    key                  = { secret_arn = "whsec_literal", id = "one" }
    trail                = { bucket = "arn:aws:s3:::own-trail", prefix = "AWSLogs" }
    watched_buckets      = ["s3://payroll"]
    kms_key_arn          = "alias/dial"
    alarm_topic_arns     = ["security"]
  }
  expect_failures = [
    var.name, var.package, var.architecture, var.master_url, var.deployers,
    var.reserved_concurrency, var.log_retention_days, var.heartbeat_minutes, var.event_patterns, var.key,
    var.trail, var.watched_buckets, var.kms_key_arn, var.alarm_topic_arns,
  ]
}
