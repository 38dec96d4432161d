# What somebody must look at: each alarm names its runbook.

locals {
  function = { FunctionName = aws_lambda_function.worker.function_name }
  queue    = { QueueName = aws_sqs_queue.undelivered.name }

  alarms = {
    errors = {
      description = "The worker fails invocations: events wait for Lambda's retries. See docs/guides/dead-letters.md."
      namespace   = "AWS/Lambda"
      metric      = "Errors"
      dimensions  = local.function
    }
    throttles = {
      description = "The worker is throttled: raise reserved_concurrency or switch the queue on."
      namespace   = "AWS/Lambda"
      metric      = "Throttles"
      dimensions  = local.function
    }
    unkept = {
      description = "Lambda could not put a failed event into the bucket: check the worker's role and the bucket."
      namespace   = "AWS/Lambda"
      metric      = "DestinationDeliveryFailures"
      dimensions  = local.function
    }
    dropped = {
      description = "Lambda gave up on events: they lie in the bucket below aws/lambda/. See docs/guides/dead-letters.md."
      namespace   = "AWS/Lambda"
      metric      = "AsyncEventsDropped"
      dimensions  = local.function
    }
    dead-letters = {
      description = "Events or findings could not be handled and lie in the bucket below letters/. See docs/guides/dead-letters.md."
      namespace   = "DIAL"
      metric      = "DeadLetters"
      dimensions  = { Worker = var.name }
    }
    undelivered = {
      description = "EventBridge could not hand events over: they wait in the queue ${var.name}-undelivered."
      namespace   = "AWS/SQS"
      metric      = "ApproximateNumberOfMessagesVisible"
      dimensions  = local.queue
    }
  }

  # Behind a queue an event waits where no function fails.
  queue_alarms = var.queue ? {
    queue-age = {
      description = "Events wait in the queue ${var.name}-events for more than five minutes: raise reserved_concurrency, or see errors and throttles."
      namespace   = "AWS/SQS"
      metric      = "ApproximateAgeOfOldestMessage"
      dimensions  = { QueueName = aws_sqs_queue.events[0].name }
    }
  } : {}
}

resource "aws_cloudwatch_metric_alarm" "worker" {
  for_each = merge(local.alarms, local.queue_alarms)

  alarm_name          = "${var.name}-${each.key}"
  alarm_description   = each.value.description
  namespace           = each.value.namespace
  metric_name         = each.value.metric
  dimensions          = each.value.dimensions
  statistic           = each.value.namespace == "AWS/SQS" ? "Maximum" : "Sum"
  comparison_operator = "GreaterThanThreshold"
  threshold           = each.key == "queue-age" ? 300 : 0
  period              = 300
  evaluation_periods  = 1
  treat_missing_data  = "notBreaching"
  alarm_actions       = var.alarm_topic_arns
  ok_actions          = var.alarm_topic_arns
  tags                = local.tags
}
