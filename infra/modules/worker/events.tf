# What reaches the worker: one EventBridge rule for each derived pattern, and a schedule.

locals {
  # Straight to the function, or through the queue.
  target_arn = var.queue ? aws_sqs_queue.events[0].arn : aws_lambda_function.worker.arn
}

resource "aws_cloudwatch_event_rule" "patterns" {
  for_each = local.patterns

  name          = "${var.name}-${each.key}"
  description   = "DIAL: derived from the rules that the worker runs"
  event_pattern = jsonencode(each.value.pattern)
  # Reading calls pass only where the state says so.
  state = each.value.state
  tags  = local.tags

  lifecycle {
    precondition {
      condition     = length(jsonencode(each.value.pattern)) <= 2048
      error_message = "EventBridge takes patterns of 2,048 characters; this one is longer."
    }
  }
}

resource "aws_cloudwatch_event_target" "patterns" {
  for_each = aws_cloudwatch_event_rule.patterns

  rule      = each.value.name
  target_id = "worker"
  arn       = local.target_arn

  dead_letter_config {
    arn = aws_sqs_queue.undelivered.arn
  }

  retry_policy {
    maximum_event_age_in_seconds = 86400
    maximum_retry_attempts       = 185
  }
}

resource "aws_lambda_permission" "patterns" {
  for_each = var.queue ? {} : aws_cloudwatch_event_rule.patterns

  statement_id  = "events-${each.key}"
  action        = "lambda:InvokeFunction"
  function_name = aws_lambda_function.worker.function_name
  principal     = "events.amazonaws.com"
  source_arn    = each.value.arn
}

# A worker that says nothing is told apart from a quiet account by its heartbeat.
resource "aws_cloudwatch_event_rule" "heartbeat" {
  name                = "${var.name}-heartbeat"
  description         = "DIAL: lets the worker tell the master that it lives"
  schedule_expression = "rate(${var.heartbeat_minutes} minutes)"
  tags                = local.tags
}

resource "aws_cloudwatch_event_target" "heartbeat" {
  rule      = aws_cloudwatch_event_rule.heartbeat.name
  target_id = "worker"
  arn       = aws_lambda_function.worker.arn

  dead_letter_config {
    arn = aws_sqs_queue.undelivered.arn
  }

  # A late heartbeat is worth nothing: the next one comes.
  retry_policy {
    maximum_event_age_in_seconds = 60
    maximum_retry_attempts       = 1
  }
}

resource "aws_lambda_permission" "heartbeat" {
  statement_id  = "heartbeat"
  action        = "lambda:InvokeFunction"
  function_name = aws_lambda_function.worker.function_name
  principal     = "events.amazonaws.com"
  source_arn    = aws_cloudwatch_event_rule.heartbeat.arn
}

# Events that EventBridge could not hand over.
resource "aws_sqs_queue" "undelivered" {
  name                              = "${var.name}-undelivered"
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

resource "aws_sqs_queue" "events" {
  count = var.queue ? 1 : 0

  name                              = "${var.name}-events"
  message_retention_seconds         = 1209600
  visibility_timeout_seconds        = var.timeout_seconds * 6
  sqs_managed_sse_enabled           = var.kms_key_arn == null ? true : null
  kms_master_key_id                 = var.kms_key_arn
  kms_data_key_reuse_period_seconds = var.kms_key_arn == null ? null : 300
  tags                              = local.tags

  redrive_policy = jsonencode({
    deadLetterTargetArn = aws_sqs_queue.undelivered.arn
    maxReceiveCount     = 5
  })
}

resource "aws_sqs_queue_policy" "events" {
  count = var.queue ? 1 : 0

  queue_url = aws_sqs_queue.events[0].id
  policy    = data.aws_iam_policy_document.events.json
}

resource "aws_lambda_event_source_mapping" "events" {
  count = var.queue ? 1 : 0

  event_source_arn                   = aws_sqs_queue.events[0].arn
  function_name                      = aws_lambda_function.worker.arn
  batch_size                         = 25
  maximum_batching_window_in_seconds = 0
  function_response_types            = ["ReportBatchItemFailures"]
  tags                               = local.tags

  dynamic "scaling_config" {
    for_each = var.reserved_concurrency > 1 ? [var.reserved_concurrency] : []

    content {
      maximum_concurrency = scaling_config.value
    }
  }
}
