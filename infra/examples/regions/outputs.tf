output "url" {
  description = "Base URL of the master."
  value       = module.master.url
}

output "workers" {
  description = "Functions of the workers."
  value = [
    module.shop_eu_west_1.function_arn,
    module.shop_us_east_1.function_arn,
    module.data_eu_west_1.function_arn,
    module.data_us_east_1.function_arn,
  ]
}
