output "stack_set_id" {
  description = "Id of the stack set."
  value       = aws_cloudformation_stack_set.workers.stack_set_id
}

output "role_pattern" {
  description = "Names of the workers' roles, as `enrolment.roles` of the master writes them."
  value       = "dial-worker-{region}"
}
