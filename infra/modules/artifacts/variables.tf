variable "prefix" {
  description = "Start of the bucket's name, `-<region>` follows. The same in every region, and free in all of S3, such as dial-artifacts-<account>."
  type        = string

  validation {
    condition     = can(regex("^dial-[a-z0-9-]{1,36}$", var.prefix))
    error_message = "Use `dial-` and 1 to 36 of a-z, 0-9 and `-`: the rules on tampering go by this prefix."
  }
}

variable "organization_id" {
  description = "Id of the organisation whose principals may read."
  type        = string

  validation {
    condition     = can(regex("^o-[a-z0-9]{10,32}$", var.organization_id))
    error_message = "An organisation's id is o- and 10 to 32 of a-z and 0-9."
  }
}

variable "package" {
  description = "Path of the worker's zip, made by `cargo xtask package`. Every region must get the same."
  type        = string

  validation {
    condition     = endswith(var.package, ".zip")
    error_message = "Give the path of the worker's zip, such as target/package/dial-worker-x86_64.zip."
  }
}

variable "detect" {
  description = "TOML of [worker.detect] that all workers share: known accounts, suppressions, trusted principals. See docs/guides/tuning.md."
  type        = string
  default     = "[worker.detect]\n"
}

variable "event_patterns" {
  description = "JSON of `dial rules patterns --format json` for the rules that the workers run. The default is that of the built-in pack, which the organization module deploys."
  type        = string
  default     = null

  validation {
    condition     = var.event_patterns == null || can(jsondecode(var.event_patterns).patterns[0].pattern)
    error_message = "Give the output of `dial rules patterns --format json`."
  }
}

variable "tags" {
  description = "Tags of everything that can have some."
  type        = map(string)
  default     = {}
}
