# The worker's bucket: dead letters below letters/, failed invocations below aws/lambda/, its
# configuration below config/.

resource "aws_s3_bucket" "letters" {
  bucket = local.bucket
  tags   = local.tags
}

resource "aws_s3_bucket_public_access_block" "letters" {
  bucket                  = aws_s3_bucket.letters.id
  block_public_acls       = true
  block_public_policy     = true
  ignore_public_acls      = true
  restrict_public_buckets = true
}

resource "aws_s3_bucket_ownership_controls" "letters" {
  bucket = aws_s3_bucket.letters.id

  rule {
    object_ownership = "BucketOwnerEnforced"
  }
}

resource "aws_s3_bucket_server_side_encryption_configuration" "letters" {
  bucket = aws_s3_bucket.letters.id

  rule {
    bucket_key_enabled = var.kms_key_arn != null

    apply_server_side_encryption_by_default {
      sse_algorithm     = var.kms_key_arn == null ? "AES256" : "aws:kms"
      kms_master_key_id = var.kms_key_arn
    }
  }
}

# Who takes the key of the worker could overwrite letters: earlier versions stay.
resource "aws_s3_bucket_versioning" "letters" {
  bucket = aws_s3_bucket.letters.id

  versioning_configuration {
    status = "Enabled"
  }
}

resource "aws_s3_bucket_lifecycle_configuration" "letters" {
  bucket = aws_s3_bucket.letters.id

  rule {
    id     = "letters"
    status = "Enabled"

    filter {
      prefix = "letters/"
    }

    expiration {
      days = var.dead_letter_days
    }
  }

  rule {
    id     = "failed-invocations"
    status = "Enabled"

    filter {
      prefix = "aws/lambda/"
    }

    expiration {
      days = var.dead_letter_days
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

  depends_on = [aws_s3_bucket_versioning.letters]
}

resource "aws_s3_bucket_policy" "letters" {
  bucket = aws_s3_bucket.letters.id
  policy = data.aws_iam_policy_document.letters.json

  depends_on = [aws_s3_bucket_public_access_block.letters]
}
