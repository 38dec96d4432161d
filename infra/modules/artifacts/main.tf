# What workers of other accounts read in this region: the program, the configuration that they
# share, the event patterns. Lambda takes code from a bucket of its own region only.

data "aws_partition" "this" {}
data "aws_region" "this" {}

locals {
  region = data.aws_region.this.name
  tags   = merge(var.tags, { "dial:part" = "artifacts" })

  patterns_json = coalesce(var.event_patterns, file("${path.module}/../worker/event_patterns.json"))
  config        = var.detect

  # Named by content: another one is another key, so that functions notice.
  code_key     = "worker/${filesha256(var.package)}.zip"
  config_key   = "config/${sha256(local.config)}/dial.toml"
  patterns_key = "config/${sha256(local.patterns_json)}/event_patterns.json"
}

resource "aws_s3_bucket" "artifacts" {
  bucket = "${var.prefix}-${local.region}"
  tags   = local.tags
}

resource "aws_s3_bucket_public_access_block" "artifacts" {
  bucket                  = aws_s3_bucket.artifacts.id
  block_public_acls       = true
  block_public_policy     = true
  ignore_public_acls      = true
  restrict_public_buckets = true
}

resource "aws_s3_bucket_ownership_controls" "artifacts" {
  bucket = aws_s3_bucket.artifacts.id

  rule {
    object_ownership = "BucketOwnerEnforced"
  }
}

resource "aws_s3_bucket_server_side_encryption_configuration" "artifacts" {
  bucket = aws_s3_bucket.artifacts.id

  rule {
    apply_server_side_encryption_by_default {
      sse_algorithm = "AES256" # a key of KMS would have to be opened to every account
    }
  }
}

resource "aws_s3_bucket_versioning" "artifacts" {
  bucket = aws_s3_bucket.artifacts.id

  versioning_configuration {
    status = "Enabled"
  }
}

resource "aws_s3_bucket_policy" "artifacts" {
  bucket = aws_s3_bucket.artifacts.id
  policy = data.aws_iam_policy_document.artifacts.json

  depends_on = [aws_s3_bucket_public_access_block.artifacts]
}

resource "aws_s3_object" "code" {
  bucket      = aws_s3_bucket.artifacts.id
  key         = local.code_key
  source      = var.package
  source_hash = filesha256(var.package)
  tags        = local.tags

  depends_on = [aws_s3_bucket_versioning.artifacts]
}

resource "aws_s3_object" "config" {
  bucket       = aws_s3_bucket.artifacts.id
  key          = local.config_key
  content      = local.config
  content_type = "application/toml"
  tags         = local.tags

  depends_on = [aws_s3_bucket_versioning.artifacts]
}

resource "aws_s3_object" "patterns" {
  bucket       = aws_s3_bucket.artifacts.id
  key          = local.patterns_key
  content      = local.patterns_json
  content_type = "application/json"
  tags         = local.tags

  depends_on = [aws_s3_bucket_versioning.artifacts]
}
