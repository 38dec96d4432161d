output "url" {
  description = "Base URL of the master."
  value       = module.master.url
}

output "stack_set_id" {
  description = "Id of the stack set."
  value       = module.workers.stack_set_id
}
