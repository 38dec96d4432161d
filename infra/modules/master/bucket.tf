# The master's bucket: dead letters, large records and the archive below master/, its configuration
# below config/.

resource "aws_s3_bucket" "master" {
  bucket = local.bucket
  tags   = local.tags
}

resource "aws_s3_bucket_public_access_block" "master" {
  bucket                  = aws_s3_bucket.master.id
  block_public_acls       = true
  block_public_policy     = true
  ignore_public_acls      = true
  restrict_public_buckets = true
}

resource "aws_s3_bucket_ownership_controls" "master" {
  bucket = aws_s3_bucket.master.id

  rule {
    object_ownership = "BucketOwnerEnforced"
  }
}

resource "aws_s3_bucket_server_side_encryption_configuration" "master" {
  bucket = aws_s3_bucket.master.id

  rule {
    bucket_key_enabled = var.kms_key_arn != null

    apply_server_side_encryption_by_default {
      sse_algorithm     = var.kms_key_arn == null ? "AES256" : "aws:kms"
      kms_master_key_id = var.kms_key_arn
    }
  }
}

# What is overwritten by mistake or malice stays as an earlier version.
resource "aws_s3_bucket_versioning" "master" {
  bucket = aws_s3_bucket.master.id

  versioning_configuration {
    status = "Enabled"
  }
}

resource "aws_s3_bucket_lifecycle_configuration" "master" {
  bucket = aws_s3_bucket.master.id

  rule {
    id     = "dead-letters"
    status = "Enabled"

    filter {
      prefix = "master/dead-letter/"
    }

    expiration {
      days = var.dead_letter_days
    }
  }

  # Large records live as long as the findings that point at them.
  rule {
    id     = "records"
    status = "Enabled"

    filter {
      prefix = "master/records/"
    }

    expiration {
      days = var.retention_days + 30
    }
  }

  # Read rarely, kept for good.
  rule {
    id     = "archive"
    status = "Enabled"

    filter {
      prefix = "master/archive/"
    }

    transition {
      days          = 30
      storage_class = "GLACIER_IR"
    }
  }

  rule {
    id     = "leftovers"
    status = "Enabled"

    filter {}

    noncurrent_version_expiration {
      noncurrent_days = 90
    }

    abort_incomplete_multipart_upload {
      days_after_initiation = 7
    }
  }

  depends_on = [aws_s3_bucket_versioning.master]
}

resource "aws_s3_bucket_policy" "master" {
  bucket = aws_s3_bucket.master.id
  policy = data.aws_iam_policy_document.master.json

  depends_on = [aws_s3_bucket_public_access_block.master]
}

resource "aws_s3_object" "config" {
  bucket       = aws_s3_bucket.master.id
  key          = "config/dial.toml"
  content      = local.config
  content_type = "application/toml"
  tags         = local.tags
}
