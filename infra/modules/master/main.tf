# The master: HTTP API, three functions of one program, and what they share.

data "aws_caller_identity" "this" {}
data "aws_partition" "this" {}
data "aws_region" "this" {}

locals {
  account   = data.aws_caller_identity.this.account_id
  partition = data.aws_partition.this.partition
  region    = data.aws_region.this.name
  tags      = merge(var.tags, { "dial:part" = "master" })

  bucket   = "${var.name}-master-${local.account}-${local.region}"
  base_url = coalesce(var.base_url, local.url)
  url      = var.domain == null ? aws_apigatewayv2_api.master.api_endpoint : "https://${var.domain.name}"

  config = templatefile("${path.module}/dial.toml.tftpl", {
    base_url       = local.base_url
    table          = local.table
    bucket         = "s3://${local.bucket}/master"
    retention_days = var.retention_days
    root_keys      = { for n in var.root_key_numbers : tostring(n) => aws_secretsmanager_secret.root_key[tostring(n)].arn }
    admin_token    = aws_secretsmanager_secret.named["admin-token"].arn
    audience       = local.url
    enrolment      = var.enrolment
    config         = var.config
  })

  functions = {
    api     = { timeout = 29, concurrency = var.reserved_concurrency.api, description = "verifies, stores and answers" }
    deliver = { timeout = 120, concurrency = var.reserved_concurrency.deliver, description = "tells the sinks at once" }
    sweep   = { timeout = 55, concurrency = var.reserved_concurrency.sweep, description = "tells the sinks what is due" }
  }
}

resource "aws_lambda_function" "master" {
  for_each = local.functions

  function_name = "${var.name}-${each.key}"
  description   = "DIAL: ${each.value.description}"
  role          = aws_iam_role.function[each.key].arn
  filename      = var.package
  # A change of the file is a change of the function.
  source_code_hash               = filebase64sha256(var.package)
  handler                        = "bootstrap"
  runtime                        = "provided.al2023"
  architectures                  = [var.architecture]
  memory_size                    = var.memory_mb
  timeout                        = each.value.timeout
  reserved_concurrent_executions = each.value.concurrency
  kms_key_arn                    = var.kms_key_arn

  environment {
    variables = {
      DIAL_FUNCTION = each.key
      DIAL_CONFIG   = "s3://${local.bucket}/${aws_s3_object.config.key}"
      # The configuration is read at start: another one needs another start.
      DIAL_CONFIG_HASH = sha256(local.config)
      # What the lines of metrics are of: alarms and dashboard go by it.
      DIAL_METRICS = var.name
    }
  }

  logging_config {
    log_format = "Text" # the program writes JSON lines itself
    log_group  = aws_cloudwatch_log_group.function[each.key].name
  }

  tags = local.tags

  depends_on = [aws_iam_role_policy.function]
}

resource "aws_cloudwatch_log_group" "function" {
  for_each = local.functions

  name              = "/aws/lambda/${var.name}-${each.key}"
  retention_in_days = var.log_retention_days
  kms_key_id        = var.kms_key_arn
  tags              = local.tags
}

# New deliveries, as the table's stream shows them.
resource "aws_lambda_event_source_mapping" "stream" {
  event_source_arn               = aws_dynamodb_table.findings.stream_arn
  function_name                  = aws_lambda_function.master["deliver"].arn
  starting_position              = "LATEST" # what was there before is the sweep's
  batch_size                     = 50
  parallelization_factor         = 4
  bisect_batch_on_function_error = true
  maximum_retry_attempts         = 5
  maximum_record_age_in_seconds  = 600 # the sweep has them by then
  function_response_types        = ["ReportBatchItemFailures"]
  tags                           = local.tags

  filter_criteria {
    filter {
      pattern = jsonencode({
        eventName = ["INSERT", "MODIFY"]
        dynamodb = {
          Keys     = { sk = { S = [{ prefix = "OUT#" }] } }
          NewImage = { state = { S = ["pending"] } }
        }
      })
    }
  }

  destination_config {
    on_failure {
      destination_arn = aws_sqs_queue.undelivered.arn
    }
  }

  depends_on = [aws_iam_role_policy.function]
}

# What is due, once a minute.
resource "aws_cloudwatch_event_rule" "sweep" {
  name                = "${var.name}-sweep"
  description         = "DIAL: delivers what is due"
  schedule_expression = "rate(1 minute)"
  tags                = local.tags
}

resource "aws_cloudwatch_event_target" "sweep" {
  rule      = aws_cloudwatch_event_rule.sweep.name
  target_id = "sweep"
  arn       = aws_lambda_function.master["sweep"].arn

  dead_letter_config {
    arn = aws_sqs_queue.undelivered.arn
  }

  # A late sweep is worth nothing: the next one comes.
  retry_policy {
    maximum_event_age_in_seconds = 60
    maximum_retry_attempts       = 0
  }
}

resource "aws_lambda_permission" "sweep" {
  statement_id  = "schedule"
  action        = "lambda:InvokeFunction"
  function_name = aws_lambda_function.master["sweep"].function_name
  principal     = "events.amazonaws.com"
  source_arn    = aws_cloudwatch_event_rule.sweep.arn
}

resource "aws_lambda_function_event_invoke_config" "sweep" {
  function_name                = aws_lambda_function.master["sweep"].function_name
  maximum_event_age_in_seconds = 60
  maximum_retry_attempts       = 0
}

# Stream records and schedules that reached no function.
resource "aws_sqs_queue" "undelivered" {
  name                              = "${var.name}-master-undelivered"
  message_retention_seconds         = 1209600
  sqs_managed_sse_enabled           = var.kms_key_arn == null ? true : null
  kms_master_key_id                 = var.kms_key_arn
  kms_data_key_reuse_period_seconds = var.kms_key_arn == null ? null : 300
  tags                              = local.tags
}

resource "aws_sqs_queue_policy" "undelivered" {
  queue_url = aws_sqs_queue.undelivered.id
  policy    = data.aws_iam_policy_document.undelivered.json
}
