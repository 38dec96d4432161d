# What somebody must look at.

locals {
  function_alarms = merge([
    for name in keys(local.functions) : {
      "${name}-errors" = {
        description = "The function ${var.name}-${name} fails: look at its log group."
        namespace   = "AWS/Lambda", metric = "Errors", statistic = "Sum", threshold = 0
        dimensions  = { FunctionName = "${var.name}-${name}" }
      }
      "${name}-throttles" = {
        description = "The function ${var.name}-${name} is throttled: raise reserved_concurrency."
        namespace   = "AWS/Lambda", metric = "Throttles", statistic = "Sum", threshold = name == "sweep" ? 3 : 0
        dimensions  = { FunctionName = "${var.name}-${name}" }
      }
    }
  ]...)

  # Lines that the functions write; see docs/guides/metrics.md.
  own = { Master = var.name }

  alarms = merge(local.function_alarms, {
    oldest-due = {
      description = "A delivery has been due for more than ten minutes: the sweep does not keep up, or a sink hangs. `dial deliveries list --state pending` names it."
      namespace   = "DIAL", metric = "OldestDue", statistic = "Maximum", threshold = 600
      dimensions  = local.own
    }
    sweep-silent = {
      description = "No sweep has looked for what is due: nobody would be told of what the stream missed. Look at the function ${var.name}-sweep and its schedule."
      namespace   = "DIAL", metric = "OldestDue", statistic = "SampleCount", threshold = 1
      dimensions  = local.own, below = true
    }
    deliveries-failed = {
      description = "A sink refused a finding for good: `dial deliveries list --state failed` says which and why; `dial deliveries retry` sends it again."
      namespace   = "DIAL", metric = "DeliveriesFailed", statistic = "Sum", threshold = 0
      dimensions  = local.own
    }
    dead-letters = {
      description = "A worker sent findings that no finding can look like: they lie in the bucket below master/dead-letter/. See docs/guides/dead-letters.md."
      namespace   = "DIAL", metric = "DeadLetters", statistic = "Sum", threshold = 0
      dimensions  = local.own
    }
    destination = {
      description = "What the stream could not deliver reached no queue either: check the role of ${var.name}-deliver."
      namespace   = "AWS/Lambda", metric = "DestinationDeliveryFailures", statistic = "Sum", threshold = 0
      dimensions  = { FunctionName = "${var.name}-deliver" }
    }
    api-5xx = {
      description = "The API answers with errors: workers keep their findings and try again, then put them into their buckets."
      namespace   = "AWS/ApiGateway", metric = "5xx", statistic = "Sum", threshold = 0
      dimensions  = { ApiId = aws_apigatewayv2_api.master.id }
    }
    stream-lag = {
      description = "Deliveries start late: the stream is more than a minute behind; the sweep still delivers."
      namespace   = "AWS/Lambda", metric = "IteratorAge", statistic = "Maximum", threshold = 60000
      dimensions  = { FunctionName = "${var.name}-deliver" }
    }
    undelivered = {
      description = "Stream records or sweeps reached no function: look into ${var.name}-master-undelivered."
      namespace   = "AWS/SQS", metric = "ApproximateNumberOfMessagesVisible", statistic = "Maximum", threshold = 0
      dimensions  = { QueueName = aws_sqs_queue.undelivered.name }
    }
    table-throttles = {
      description = "The table is throttled: accepting slows down; check the account's quota."
      namespace   = "AWS/DynamoDB", metric = "ThrottledRequests", statistic = "Sum", threshold = 10
      dimensions  = { TableName = local.table }
    }
  })
}

resource "aws_cloudwatch_metric_alarm" "master" {
  for_each = local.alarms

  alarm_name          = "${var.name}-${each.key}"
  alarm_description   = each.value.description
  namespace           = each.value.namespace
  metric_name         = each.value.metric
  dimensions          = each.value.dimensions
  statistic           = each.value.statistic
  comparison_operator = can(each.value.below) ? "LessThanThreshold" : "GreaterThanThreshold"
  threshold           = each.value.threshold
  period              = 300
  evaluation_periods  = can(each.value.below) ? 2 : 1
  treat_missing_data  = can(each.value.below) ? "breaching" : "notBreaching"
  alarm_actions       = var.alarm_topic_arns
  ok_actions          = var.alarm_topic_arns
  tags                = local.tags
}
