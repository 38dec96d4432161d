output "release" {
  description = "What the organization module needs to know of it; the same in every region."
  value = {
    prefix       = var.prefix
    code_key     = aws_s3_object.code.key
    config_key   = aws_s3_object.config.key
    patterns_key = aws_s3_object.patterns.key
  }
}

output "bucket" {
  description = "Name of this region's bucket."
  value       = aws_s3_bucket.artifacts.id
}
