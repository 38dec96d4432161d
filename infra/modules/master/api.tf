# The door: an HTTP API with a throttle, and a domain of one's own where one is given.

resource "aws_apigatewayv2_api" "master" {
  name                         = "${var.name}-api"
  description                  = "DIAL: workers, readers and Slack"
  protocol_type                = "HTTP"
  disable_execute_api_endpoint = var.domain != null
  tags                         = local.tags
}

resource "aws_apigatewayv2_integration" "master" {
  api_id                 = aws_apigatewayv2_api.master.id
  integration_type       = "AWS_PROXY"
  integration_uri        = aws_lambda_function.master["api"].invoke_arn
  payload_format_version = "2.0"
  timeout_milliseconds   = 30000
}

resource "aws_apigatewayv2_route" "master" {
  api_id    = aws_apigatewayv2_api.master.id
  route_key = "$default"
  target    = "integrations/${aws_apigatewayv2_integration.master.id}"
}

resource "aws_apigatewayv2_stage" "master" {
  api_id      = aws_apigatewayv2_api.master.id
  name        = "$default"
  auto_deploy = true
  tags        = local.tags

  default_route_settings {
    throttling_rate_limit  = var.throttle.rate
    throttling_burst_limit = var.throttle.burst
  }

  # Neither bodies nor signatures: who came, for what, and what was answered.
  access_log_settings {
    destination_arn = aws_cloudwatch_log_group.access.arn
    format = jsonencode({
      time     = "$context.requestTime"
      request  = "$context.requestId"
      ip       = "$context.identity.sourceIp"
      method   = "$context.httpMethod"
      path     = "$context.path"
      status   = "$context.status"
      length   = "$context.responseLength"
      latency  = "$context.responseLatency"
      upstream = "$context.integrationErrorMessage"
    })
  }
}

resource "aws_cloudwatch_log_group" "access" {
  name              = "/aws/apigateway/${var.name}-api"
  retention_in_days = var.log_retention_days
  kms_key_id        = var.kms_key_arn
  tags              = local.tags
}

resource "aws_lambda_permission" "api" {
  statement_id  = "api"
  action        = "lambda:InvokeFunction"
  function_name = aws_lambda_function.master["api"].function_name
  principal     = "apigateway.amazonaws.com"
  source_arn    = "${aws_apigatewayv2_api.master.execution_arn}/$default/$default"
}

resource "aws_apigatewayv2_domain_name" "master" {
  count = var.domain == null ? 0 : 1

  domain_name = var.domain.name
  tags        = local.tags

  domain_name_configuration {
    certificate_arn = var.domain.certificate_arn
    endpoint_type   = "REGIONAL"
    security_policy = "TLS_1_2"
  }

  dynamic "mutual_tls_authentication" {
    for_each = var.domain.truststore_uri == null ? [] : [var.domain]

    content {
      truststore_uri     = mutual_tls_authentication.value.truststore_uri
      truststore_version = mutual_tls_authentication.value.truststore_version
    }
  }
}

resource "aws_apigatewayv2_api_mapping" "master" {
  count = var.domain == null ? 0 : 1

  api_id      = aws_apigatewayv2_api.master.id
  domain_name = aws_apigatewayv2_domain_name.master[0].id
  stage       = aws_apigatewayv2_stage.master.id
}
