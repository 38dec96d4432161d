output "url" {
  description = "Base URL of the master, for workers and readers."
  value       = local.url
}

output "table_name" {
  description = "Name of the table."
  value       = aws_dynamodb_table.findings.name
}

output "bucket" {
  description = "Bucket with dead letters, large records, archive and configuration."
  value       = aws_s3_bucket.master.id
}

output "root_key_secret_arns" {
  description = "Secrets that wait for root keys, by number: `aws secretsmanager put-secret-value`."
  value       = { for number, secret in aws_secretsmanager_secret.root_key : number => secret.arn }
}

output "secret_references" {
  description = "What the configuration writes for each of the named secrets."
  value       = { for name, secret in aws_secretsmanager_secret.named : name => "secretsmanager:${secret.arn}" }
}

output "role_arns" {
  description = "Roles of the functions, by name: for `worker.detect.own.readers`, and for policies of keys."
  value       = { for name, role in aws_iam_role.function : name => role.arn }
}

output "environment" {
  description = "Environment of each function, for trying the package outside Lambda."
  value       = { for name, function in aws_lambda_function.master : name => function.environment[0].variables }
}
