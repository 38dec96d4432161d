# One page that says whether findings arrive and people are told.

locals {
  lambda = "AWS/Lambda"

  # Title, statistic, and metrics as CloudWatch writes them.
  graphs = [
    {
      title = "Findings", statistic = "Sum"
      metrics = [for name in ["FindingsReceived", "FindingsAccepted", "FindingsFailed", "DeadLetters"] :
      ["DIAL", name, "Master", var.name]]
    },
    {
      title = "Deliveries", statistic = "Sum"
      metrics = [for name in ["DeliveriesSent", "DeliveriesRetried", "DeliveriesFailed"] :
      ["DIAL", name, "Master", var.name]]
    },
    {
      title   = "Oldest delivery that is due, seconds", statistic = "Maximum"
      metrics = [["DIAL", "OldestDue", "Master", var.name]]
    },
    {
      title   = "From event to judged, from accepted to delivered, p99 seconds", statistic = "p99"
      metrics = [for name in ["TimeToJudge", "TimeToDeliver"] : ["DIAL", name, "Master", var.name]]
    },
    {
      title = "API", statistic = "Sum"
      metrics = concat(
        [for name in ["Count", "4xx", "5xx"] : ["AWS/ApiGateway", name, "ApiId", aws_apigatewayv2_api.master.id]],
        [["DIAL", "RequestsRefused", "Master", var.name]],
      )
    },
    {
      title   = "API latency, p99 milliseconds", statistic = "p99"
      metrics = [["AWS/ApiGateway", "Latency", "ApiId", aws_apigatewayv2_api.master.id]]
    },
    {
      title = "Errors and throttles of the functions", statistic = "Sum"
      metrics = concat([for name in keys(local.functions) : [
        for metric in ["Errors", "Throttles"] : [local.lambda, metric, "FunctionName", "${var.name}-${name}"]
      ]]...)
    },
    {
      title   = "Stream lag, milliseconds", statistic = "Maximum"
      metrics = [[local.lambda, "IteratorAge", "FunctionName", "${var.name}-deliver"]]
    },
    {
      title   = "Undelivered messages", statistic = "Maximum"
      metrics = [["AWS/SQS", "ApproximateNumberOfMessagesVisible", "QueueName", aws_sqs_queue.undelivered.name]]
    },
    {
      title   = "Table: requests that were throttled", statistic = "Sum"
      metrics = [["AWS/DynamoDB", "ThrottledRequests", "TableName", local.table]]
    },
  ]
}

resource "aws_cloudwatch_dashboard" "master" {
  dashboard_name = var.name

  dashboard_body = jsonencode({
    widgets = concat(
      [{
        type = "alarm", x = 0, y = 0, width = 24, height = 3
        properties = {
          title  = "Alarms"
          alarms = sort([for alarm in aws_cloudwatch_metric_alarm.master : alarm.arn])
        }
      }],
      [for n, graph in local.graphs : {
        type = "metric", x = 12 * (n % 2), y = 3 + 6 * floor(n / 2), width = 12, height = 6
        properties = {
          title   = graph.title
          region  = local.region
          stat    = graph.statistic
          period  = 300
          metrics = graph.metrics
        }
      }],
    )
  })
}
