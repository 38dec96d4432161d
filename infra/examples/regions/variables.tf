variable "accounts" {
  description = "Numbers of the watched accounts."
  type = object({
    shop = string
    data = string
  })

  validation {
    condition     = alltrue([for account in values(var.accounts) : can(regex("^[0-9]{12}$", account))])
    error_message = "An account is twelve digits."
  }
}

variable "deployer_role" {
  description = "Name of the role in each account that Terraform deploys with."
  type        = string
  default     = "terraform"

  validation {
    condition     = can(regex("^[A-Za-z0-9+=,.@_-]{1,64}$", var.deployer_role))
    error_message = "Give a role's name, not its ARN."
  }
}

variable "watched_buckets" {
  description = "Buckets of the data account whose object calls are watched."
  type        = set(string)
  default     = []
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

variable "tags" {
  description = "Tags of everything that can have some."
  type        = map(string)
  default     = {}
}
