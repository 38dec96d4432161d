variable "region" {
  description = "Region of the master and of a worker; another worker watches us-east-1."
  type        = string
  default     = "eu-west-1"

  validation {
    condition     = can(regex("^[a-z]{2}-[a-z]+-[0-9]$", var.region)) && var.region != "us-east-1"
    error_message = "Use a region such as eu-west-1. For us-east-1 alone, drop the worker_global module."
  }
}

variable "master_package" {
  description = "Path of the master's zip, made by `cargo xtask package`."
  type        = string
  default     = "../../../target/package/dial-master-x86_64.zip"

  validation {
    condition     = endswith(var.master_package, ".zip")
    error_message = "Give the path of a zip."
  }
}

variable "worker_package" {
  description = "Path of the worker's zip, made by `cargo xtask package`."
  type        = string
  default     = "../../../target/package/dial-worker-x86_64.zip"

  validation {
    condition     = endswith(var.worker_package, ".zip")
    error_message = "Give the path of a zip."
  }
}

variable "deployers" {
  description = "ARNs of the roles that may change DIAL, such as the one that Terraform runs as."
  type        = set(string)

  validation {
    condition     = length(var.deployers) > 0
    error_message = "Name at least one ARN: otherwise every apply would raise critical findings."
  }
}

variable "alarm_topic_arns" {
  description = "SNS topics of the region that alarms go to."
  type        = set(string)
  default     = []
}

variable "tags" {
  description = "Tags of everything that can have some."
  type        = map(string)
  default     = {}
}
