variable "name" {
  description = "Name of the stack set."
  type        = string
  default     = "dial-workers"

  validation {
    condition     = can(regex("^dial-[a-zA-Z0-9-]{1,100}$", var.name))
    error_message = "Use `dial-` and letters, digits and `-`."
  }
}

variable "organizational_unit_ids" {
  description = "Units whose accounts get workers, now and when they join; the root `r-…` for all. The management account is never among them: deploy the worker module there."
  type        = set(string)

  validation {
    condition     = length(var.organizational_unit_ids) > 0 && alltrue([for id in var.organizational_unit_ids : can(regex("^(ou-[a-z0-9]{4,32}-[a-z0-9]{8,32}|r-[a-z0-9]{4,32})$", id))])
    error_message = "Name at least one unit (ou-…) or the root (r-…)."
  }
}

variable "regions" {
  description = "Regions that get workers: all that are in use, and us-east-1, where global services record their events. Each needs the artifacts module."
  type        = set(string)

  validation {
    condition     = length(var.regions) > 0 && alltrue([for region in var.regions : can(regex("^[a-z]{2}(sc-de|-gov|-iso[a-z]?)?-[a-z]+-[0-9]$", region))])
    error_message = "Name regions, such as eu-west-1."
  }
}

variable "master_url" {
  description = "Base URL of the master, exactly as its `url` output says: it is part of the proof by which workers enrol."
  type        = string

  validation {
    condition     = can(regex("^https://[^/]+", var.master_url))
    error_message = "Use the master's https:// URL."
  }
}

variable "release" {
  description = "`release` of the artifacts module, of any region."
  type = object({
    prefix       = string
    code_key     = string
    config_key   = string
    patterns_key = string
  })

  validation {
    condition     = alltrue([for key in values(var.release) : can(regex("^[^/].*", key))])
    error_message = "Give `release` of the artifacts module."
  }
}

variable "template_bucket" {
  description = "Bucket of this region that the template is put into, such as `bucket` of the artifacts module."
  type        = string

  validation {
    condition     = can(regex("^[a-z0-9][a-z0-9-]{1,61}[a-z0-9]$", var.template_bucket))
    error_message = "Give the name of a bucket, without dots."
  }
}

variable "call_as" {
  description = "DELEGATED_ADMIN from an account that is registered for StackSets, SELF from the management account."
  type        = string
  default     = "DELEGATED_ADMIN"

  validation {
    condition     = contains(["DELEGATED_ADMIN", "SELF"], var.call_as)
    error_message = "Use DELEGATED_ADMIN or SELF."
  }
}

variable "deployer_role" {
  description = "Name of the role in each account that deploys stacks, as IAM there shows it (stacksets-exec-…): without it every rollout raises critical findings. Empty until the first rollout has made it."
  type        = string
  default     = ""

  validation {
    condition     = can(regex("^[A-Za-z0-9+=,.@_-]{0,64}$", var.deployer_role))
    error_message = "Give a role's name, not its ARN."
  }
}

variable "rollout" {
  description = "How many accounts at a time, and how many may fail before a rollout stops, per cent of a region's."
  type = object({
    max_concurrent_percentage    = optional(number, 25)
    failure_tolerance_percentage = optional(number, 10)
  })
  default = {}

  validation {
    condition     = var.rollout.max_concurrent_percentage >= 1 && var.rollout.max_concurrent_percentage <= 100 && var.rollout.failure_tolerance_percentage >= 0 && var.rollout.failure_tolerance_percentage <= 100
    error_message = "Use 1 to 100 and 0 to 100 per cent."
  }
}

variable "architecture" {
  description = "What the package was built for: x86_64 or arm64."
  type        = string
  default     = "x86_64"

  validation {
    condition     = contains(["x86_64", "arm64"], var.architecture)
    error_message = "Use x86_64 or arm64."
  }
}

variable "memory_mb" {
  description = "Memory of the functions, MB."
  type        = number
  default     = 256

  validation {
    condition     = var.memory_mb >= 128 && var.memory_mb <= 10240
    error_message = "Lambda takes 128 to 10240 MB."
  }
}

variable "timeout_seconds" {
  description = "Longest invocation, seconds."
  type        = number
  default     = 60

  validation {
    condition     = var.timeout_seconds >= 10 && var.timeout_seconds <= 900
    error_message = "Use 10 to 900 seconds."
  }
}

variable "reserved_concurrency" {
  description = "Invocations at a time at most in each account and region, -1 for no limit of its own. A limit takes from the account's own, which in a new account is too small to share."
  type        = number
  default     = -1

  validation {
    condition     = var.reserved_concurrency == -1 || var.reserved_concurrency >= 1
    error_message = "Use -1 or at least 1; with 0 the workers would never run."
  }
}

variable "heartbeat_minutes" {
  description = "How often workers tell the master that they live, minutes."
  type        = number
  default     = 5

  validation {
    condition     = var.heartbeat_minutes >= 2 && var.heartbeat_minutes <= 60
    error_message = "Use 2 to 60 minutes."
  }
}

variable "log_retention_days" {
  description = "How long the functions' logs are kept, days."
  type        = number
  default     = 30

  validation {
    condition     = contains([1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653], var.log_retention_days)
    error_message = "CloudWatch Logs takes 1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288 or 3653 days."
  }
}

variable "dead_letter_days" {
  description = "How long dead letters are kept, days."
  type        = number
  default     = 400

  validation {
    condition     = var.dead_letter_days >= 30
    error_message = "Keep dead letters at least 30 days, so that there is time to replay them."
  }
}

variable "tags" {
  description = "Tags of the stack set, which its stacks and their resources inherit."
  type        = map(string)
  default     = {}
}
