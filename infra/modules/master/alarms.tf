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

  alarms = merge(local.function_alarms, {
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
  comparison_operator = "GreaterThanThreshold"
  threshold           = each.value.threshold
  period              = 300
  evaluation_periods  = 1
  treat_missing_data  = "notBreaching"
  alarm_actions       = var.alarm_topic_arns
  ok_actions          = var.alarm_topic_arns
  tags                = local.tags
}
