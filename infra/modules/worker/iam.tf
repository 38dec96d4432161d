# What the worker may do, and who may hand it something. No action and no resource is a wildcard
# but for the ends of object keys and log streams.

resource "aws_iam_role" "worker" {
  name               = "${var.name}-${local.region}"
  description        = "DIAL: the worker of ${local.region}"
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

resource "aws_iam_role_policy" "worker" {
  name   = "worker"
  role   = aws_iam_role.worker.id
  policy = data.aws_iam_policy_document.worker.json
}

data "aws_iam_policy_document" "worker" {
  statement {
    sid       = "Log"
    actions   = ["logs:CreateLogStream", "logs:PutLogEvents"]
    resources = ["${aws_cloudwatch_log_group.worker.arn}:*"] # streams of this group
  }

  # A worker that enrols needs no permission for it: GetCallerIdentity is always allowed.
  dynamic "statement" {
    for_each = compact([try(var.key.secret_arn, null)])

    content {
      sid       = "Key"
      actions   = ["secretsmanager:GetSecretValue"]
      resources = [statement.value]
    }
  }

  dynamic "statement" {
    for_each = var.key == null ? [] : local.parameter_arn[*]

    content {
      sid       = "Parameter"
      actions   = ["ssm:GetParameter"]
      resources = [statement.value]
    }
  }

  statement {
    sid       = "Configuration"
    actions   = ["s3:GetObject"]
    resources = ["${aws_s3_bucket.letters.arn}/config/*"] # objects below it
  }

  statement {
    sid     = "Letters"
    actions = ["s3:PutObject"]
    resources = [
      "${aws_s3_bucket.letters.arn}/letters/*",                      # one object a letter
      "${aws_s3_bucket.letters.arn}/aws/lambda/async/${var.name}/*", # Lambda's on-failure records
    ]
  }

  # Lambda asks for it before it takes a bucket as a destination.
  statement {
    sid       = "Destination"
    actions   = ["s3:ListBucket"]
    resources = [aws_s3_bucket.letters.arn]
  }

  dynamic "statement" {
    for_each = var.queue ? [aws_sqs_queue.events[0].arn] : []

    content {
      sid       = "Queue"
      actions   = ["sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes"]
      resources = [statement.value]
    }
  }

  dynamic "statement" {
    for_each = var.trail == null ? [] : [var.trail]

    content {
      sid       = "Trail"
      actions   = ["s3:GetObject"]
      resources = ["arn:${local.partition}:s3:::${statement.value.bucket}/${statement.value.prefix}*"] # its objects
    }
  }

  dynamic "statement" {
    for_each = length(local.decrypt) > 0 ? [1] : []

    content {
      sid       = "Decrypt"
      actions   = ["kms:Decrypt"]
      resources = local.decrypt
    }
  }

  dynamic "statement" {
    for_each = var.kms_key_arn == null ? [] : [var.kms_key_arn]

    content {
      sid       = "Encrypt"
      actions   = ["kms:GenerateDataKey"]
      resources = [statement.value]
    }
  }
}

locals {
  decrypt = sort(distinct(compact([
    var.kms_key_arn,
    try(var.key.kms_key_arn, null),
    try(var.trail.kms_key_arn, null),
  ])))
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
      values   = concat([for rule in aws_cloudwatch_event_rule.patterns : rule.arn], [aws_cloudwatch_event_rule.heartbeat.arn])
    }
  }
}

data "aws_iam_policy_document" "events" {
  statement {
    sid       = "EventBridge"
    actions   = ["sqs:SendMessage"]
    resources = aws_sqs_queue.events[*].arn

    principals {
      type        = "Service"
      identifiers = ["events.amazonaws.com"]
    }

    condition {
      test     = "ArnEquals"
      variable = "aws:SourceArn"
      values   = [for rule in aws_cloudwatch_event_rule.patterns : rule.arn]
    }
  }
}

data "aws_iam_policy_document" "letters" {
  statement {
    sid       = "EncryptedTransport"
    effect    = "Deny"
    actions   = ["s3:*"] # a denial of everything
    resources = [aws_s3_bucket.letters.arn, "${aws_s3_bucket.letters.arn}/*"]

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

data "aws_iam_policy_document" "data_events" {
  statement {
    sid       = "TrailLooks"
    actions   = ["s3:GetBucketAcl"]
    resources = aws_s3_bucket.data_events[*].arn

    principals {
      type        = "Service"
      identifiers = ["cloudtrail.amazonaws.com"]
    }

    condition {
      test     = "StringEquals"
      variable = "aws:SourceArn"
      values   = ["arn:${local.partition}:cloudtrail:${local.region}:${local.account}:trail/${var.name}-data-events"]
    }
  }

  statement {
    sid       = "TrailWrites"
    actions   = ["s3:PutObject"]
    resources = [for arn in aws_s3_bucket.data_events[*].arn : "${arn}/AWSLogs/${local.account}/*"] # its objects

    principals {
      type        = "Service"
      identifiers = ["cloudtrail.amazonaws.com"]
    }

    condition {
      test     = "StringEquals"
      variable = "aws:SourceArn"
      values   = ["arn:${local.partition}:cloudtrail:${local.region}:${local.account}:trail/${var.name}-data-events"]
    }

    condition {
      test     = "StringEquals"
      variable = "s3:x-amz-acl"
      values   = ["bucket-owner-full-control"]
    }
  }
}
