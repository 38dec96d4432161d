# Further ways in: objects of a trail, and data events of watched buckets.

resource "aws_lambda_permission" "trail" {
  count = var.trail == null ? 0 : 1

  statement_id   = "trail"
  action         = "lambda:InvokeFunction"
  function_name  = aws_lambda_function.worker.function_name
  principal      = "s3.amazonaws.com"
  source_arn     = "arn:${local.partition}:s3:::${var.trail.bucket}"
  source_account = local.account
}

resource "aws_s3_bucket_notification" "trail" {
  count = var.trail == null ? 0 : 1

  bucket = var.trail.bucket

  lambda_function {
    lambda_function_arn = aws_lambda_function.worker.arn
    events              = ["s3:ObjectCreated:*"]
    filter_prefix       = var.trail.prefix
    filter_suffix       = ".json.gz"
  }

  depends_on = [aws_lambda_permission.trail]
}

# EventBridge sees data events only where a trail selects them; its files serve nobody else.
resource "aws_cloudtrail" "data_events" {
  count = length(var.watched_buckets) > 0 ? 1 : 0

  name                          = "${var.name}-data-events"
  s3_bucket_name                = aws_s3_bucket.data_events[0].id
  include_global_service_events = false
  is_multi_region_trail         = false
  enable_log_file_validation    = true
  tags                          = local.tags

  advanced_event_selector {
    name = "Object calls on watched buckets"

    field_selector {
      field  = "eventCategory"
      equals = ["Data"]
    }

    field_selector {
      field  = "resources.type"
      equals = ["AWS::S3::Object"]
    }

    field_selector {
      field       = "resources.ARN"
      starts_with = [for name in sort(tolist(var.watched_buckets)) : "arn:${local.partition}:s3:::${name}/"]
    }
  }

  depends_on = [aws_s3_bucket_policy.data_events]
}

resource "aws_s3_bucket" "data_events" {
  count = length(var.watched_buckets) > 0 ? 1 : 0

  bucket        = "${var.name}-data-${local.suffix}"
  force_destroy = true
  tags          = local.tags
}

resource "aws_s3_bucket_public_access_block" "data_events" {
  count = length(var.watched_buckets) > 0 ? 1 : 0

  bucket                  = aws_s3_bucket.data_events[0].id
  block_public_acls       = true
  block_public_policy     = true
  ignore_public_acls      = true
  restrict_public_buckets = true
}

resource "aws_s3_bucket_server_side_encryption_configuration" "data_events" {
  count = length(var.watched_buckets) > 0 ? 1 : 0

  bucket = aws_s3_bucket.data_events[0].id

  rule {
    apply_server_side_encryption_by_default {
      sse_algorithm = "AES256"
    }
  }
}

resource "aws_s3_bucket_lifecycle_configuration" "data_events" {
  count = length(var.watched_buckets) > 0 ? 1 : 0

  bucket = aws_s3_bucket.data_events[0].id

  rule {
    id     = "short"
    status = "Enabled"

    filter {}

    expiration {
      days = 7
    }
  }
}

resource "aws_s3_bucket_policy" "data_events" {
  count = length(var.watched_buckets) > 0 ? 1 : 0

  bucket = aws_s3_bucket.data_events[0].id
  policy = data.aws_iam_policy_document.data_events.json

  depends_on = [aws_s3_bucket_public_access_block.data_events]
}
