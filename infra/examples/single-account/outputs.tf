output "url" {
  description = "Base URL of the master."
  value       = module.master.url
}

output "root_key_secret_arns" {
  description = "Secrets that wait for root keys."
  value       = module.master.root_key_secret_arns
}
