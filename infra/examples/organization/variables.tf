variable "organization_id" {
  description = "Id of the organisation."
  type        = string

  validation {
    condition     = can(regex("^o-[a-z0-9]{10,32}$", var.organization_id))
    error_message = "An organisation's id is o- and 10 to 32 of a-z and 0-9."
  }
}

variable "organizational_unit_ids" {
  description = "Units whose accounts get workers; the root r-… for all."
  type        = set(string)

  validation {
    condition     = length(var.organizational_unit_ids) > 0
    error_message = "Name at least one unit."
  }
}

variable "organization_role" {
  description = "Role of the management account that may describe accounts; null where this account is a delegated administrator."
  type        = string
  default     = null
}

variable "deployer_role" {
  description = "Name of the role in each account that deploys stacks (stacksets-exec-…); empty until the first rollout has made it."
  type        = string
  default     = ""
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
