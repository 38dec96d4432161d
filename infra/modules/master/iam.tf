# What each function may do. No action and no resource is a wildcard but for the ends of object
# keys, log streams and indexes of the one table.

resource "aws_iam_role" "function" {
  for_each = local.functions

  name               = "${var.name}-${each.key}-${local.region}"
  description        = "DIAL: ${each.value.description}"
  assume_role_policy = data.aws_iam_policy_document.assume.json
  tags               = local.tags
}

data "aws_iam_policy_document" "assume" {
  statement {
    actions = ["sts:AssumeRole"]

    principals {
      type        = "Service"
      identifiers = ["lambda.amazonaws.com"]
    }
  }
}

resource "aws_iam_role_policy" "function" {
  for_each = local.functions

  name   = each.key
  role   = aws_iam_role.function[each.key].id
  policy = data.aws_iam_policy_document.function[each.key].json
}

locals {
  # The API needs keys and tokens; only what delivers needs the sinks' secrets.
  root_key_arns = [for secret in aws_secretsmanager_secret.root_key : secret.arn]
  named_arns    = [for secret in aws_secretsmanager_secret.named : secret.arn]
  secret_arns = {
    api     = concat(local.root_key_arns, local.named_arns)
    deliver = local.named_arns
    sweep   = local.named_arns
  }
  # The API keeps dead letters and large records, and shows those in Slack; the sweep archives.
  object_actions = {
    api     = ["s3:GetObject", "s3:PutObject"]
    deliver = []
    sweep   = ["s3:PutObject"]
  }
}

data "aws_iam_policy_document" "function" {
  for_each = local.functions

  statement {
    sid       = "Log"
    actions   = ["logs:CreateLogStream", "logs:PutLogEvents"]
    resources = ["${aws_cloudwatch_log_group.function[each.key].arn}:*"] # streams of this group
  }

  statement {
    sid       = "Configuration"
    actions   = ["s3:GetObject"]
    resources = ["${aws_s3_bucket.master.arn}/config/*"] # objects below it
  }

  statement {
    sid       = "Secrets"
    actions   = ["secretsmanager:GetSecretValue"]
    resources = local.secret_arns[each.key]
  }

  statement {
    sid = "Table"
    actions = concat(
      ["dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:Query", "dynamodb:UpdateItem"],
      # The API and the sweep take away what wakes a snoozed finding, and counters that are added up.
      each.key == "deliver" ? [] : ["dynamodb:DeleteItem"],
    )
    resources = [aws_dynamodb_table.findings.arn]
  }

  statement {
    sid       = "Indexes"
    actions   = ["dynamodb:Query"]
    resources = ["${aws_dynamodb_table.findings.arn}/index/*"] # every index of the table
  }

  dynamic "statement" {
    for_each = length(local.object_actions[each.key]) > 0 ? [local.object_actions[each.key]] : []

    content {
      sid       = "Objects"
      actions   = statement.value
      resources = ["${aws_s3_bucket.master.arn}/master/*"] # objects below it
    }
  }

  dynamic "statement" {
    for_each = each.key == "deliver" ? [aws_dynamodb_table.findings.stream_arn] : []

    content {
      sid       = "Stream"
      actions   = ["dynamodb:DescribeStream", "dynamodb:GetRecords", "dynamodb:GetShardIterator"]
      resources = [statement.value]
    }
  }

  # Lambda finds the stream by listing, which knows no narrower resource.
  dynamic "statement" {
    for_each = each.key == "deliver" ? [1] : []

    content {
      sid       = "Streams"
      actions   = ["dynamodb:ListStreams"]
      resources = ["*"]
    }
  }

  dynamic "statement" {
    for_each = each.key == "deliver" ? [aws_sqs_queue.undelivered.arn] : []

    content {
      sid       = "Undelivered"
      actions   = ["sqs:SendMessage"]
      resources = [statement.value]
    }
  }

  # Whether an account that enrols is a member; or the role that may ask.
  dynamic "statement" {
    for_each = each.key == "api" && try(var.enrolment.organization, false) ? [var.enrolment.organization_role] : []

    content {
      sid       = "Organization"
      actions   = [statement.value == null ? "organizations:DescribeAccount" : "sts:AssumeRole"]
      resources = [coalesce(statement.value, "arn:${local.partition}:organizations::*:account/o-*/*")] # accounts of the own organisation
    }
  }

  dynamic "statement" {
    for_each = each.key == "api" ? [] : var.sink_permissions

    content {
      actions   = statement.value.actions
      resources = statement.value.resources
    }
  }

  dynamic "statement" {
    for_each = var.kms_key_arn == null ? [] : [var.kms_key_arn]

    content {
      sid       = "Key"
      actions   = ["kms:Decrypt", "kms:GenerateDataKey"]
      resources = [statement.value]
    }
  }
}

data "aws_iam_policy_document" "undelivered" {
  statement {
    sid       = "EventBridge"
    actions   = ["sqs:SendMessage"]
    resources = [aws_sqs_queue.undelivered.arn]

    principals {
      type        = "Service"
      identifiers = ["events.amazonaws.com"]
    }

    condition {
      test     = "ArnEquals"
      variable = "aws:SourceArn"
      values   = [aws_cloudwatch_event_rule.sweep.arn]
    }
  }
}

data "aws_iam_policy_document" "master" {
  statement {
    sid       = "EncryptedTransport"
    effect    = "Deny"
    actions   = ["s3:*"] # a denial of everything
    resources = [aws_s3_bucket.master.arn, "${aws_s3_bucket.master.arn}/*"]

    principals {
      type        = "*"
      identifiers = ["*"]
    }

    condition {
      test     = "Bool"
      variable = "aws:SecureTransport"
      values   = ["false"]
    }
  }
}
