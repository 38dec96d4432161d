output "function_arn" {
  description = "ARN of the worker."
  value       = aws_lambda_function.worker.arn
}

output "function_name" {
  description = "Name of the worker."
  value       = aws_lambda_function.worker.function_name
}

output "role_arn" {
  description = "ARN of the worker's role, for policies of the key that encrypts its secret or a trail."
  value       = aws_iam_role.worker.arn
}

output "letters_bucket" {
  description = "Bucket with dead letters: `dial replay s3://<bucket>/letters` sends them again."
  value       = aws_s3_bucket.letters.id
}

output "undelivered_queue_url" {
  description = "Queue of what EventBridge could not hand over."
  value       = aws_sqs_queue.undelivered.url
}

output "event_patterns_hash" {
  description = "Hash of the event patterns that are deployed; `dial rules patterns` prints the one of a pack."
  value       = jsondecode(local.patterns_json).hash
}

output "covers_global_services" {
  description = "Whether this worker sees IAM, Organizations, Route 53 and CloudFront."
  value       = local.is_home
}

output "environment" {
  description = "Environment of the function, for trying the package outside Lambda."
  value       = aws_lambda_function.worker.environment[0].variables
}
