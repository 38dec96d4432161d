variable "name" {
  description = "Name of the function and start of the names of everything else. Keep the prefix that `worker.detect.own` knows, so that tampering is noticed."
  type        = string
  default     = "dial-worker"

  validation {
    condition     = can(regex("^dial-[a-z0-9-]{1,35}$", var.name))
    error_message = "Use `dial-` and 1 to 35 of a-z, 0-9 and `-`: the rules on tampering go by this prefix."
  }
}

variable "package" {
  description = "Path of the worker's zip, made by `cargo xtask package`."
  type        = string

  validation {
    condition     = endswith(var.package, ".zip")
    error_message = "Give the path of the worker's zip, such as target/package/dial-worker-x86_64.zip."
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
  description = "Memory of the function, MB. CPU grows with it; trail objects want 512 or more."
  type        = number
  default     = 256

  validation {
    condition     = var.memory_mb >= 128 && var.memory_mb <= 10240
    error_message = "Lambda takes 128 to 10240 MB."
  }
}

variable "timeout_seconds" {
  description = "Longest invocation, seconds. The worker keeps two of them to put away what it could not send."
  type        = number
  default     = 60

  validation {
    condition     = var.timeout_seconds >= 10 && var.timeout_seconds <= 900
    error_message = "Use 10 to 900 seconds."
  }
}

variable "reserved_concurrency" {
  description = "Invocations at a time at most, -1 for no limit of its own. Bounds what a flood of events can cost."
  type        = number
  default     = 20

  validation {
    condition     = var.reserved_concurrency == -1 || var.reserved_concurrency >= 1
    error_message = "Use -1 or at least 1; with 0 the worker would never run."
  }
}

variable "master_url" {
  description = "Base URL of the master: `url` of the master module."
  type        = string

  validation {
    condition     = can(regex("^https://[^/]+", var.master_url))
    error_message = "Use the master's https:// URL."
  }
}

variable "key" {
  description = "Where the worker's key lies, as `dial keys derive` prints it (whsec_…), and its `id` (<root key number>/<not after>): in a secret of Secrets Manager (`secret_arn`), in a SecureString of Systems Manager (`parameter_arn`), or in one that the module makes of `key_value` (`own_parameter = true`). Without `key` the worker enrols for its key at a master that allows its account. See docs/guides/organization.md."
  type = object({
    secret_arn    = optional(string)
    parameter_arn = optional(string)
    own_parameter = optional(bool, false)
    id            = optional(string, "1/0")
    kms_key_arn   = optional(string)
  })
  default = null

  validation {
    condition     = try(var.key.secret_arn, null) == null || can(regex("^arn:aws[a-z-]*:secretsmanager:", var.key.secret_arn))
    error_message = "secret_arn is the ARN of a secret in Secrets Manager."
  }

  validation {
    condition     = try(var.key.parameter_arn, null) == null || can(regex("^arn:aws[a-z-]*:ssm:[a-z0-9-]+:[0-9]{12}:parameter/", var.key.parameter_arn))
    error_message = "parameter_arn is the ARN of a parameter of Systems Manager."
  }

  validation {
    condition     = var.key == null || can(regex("^[1-9][0-9]*/[0-9]+$", var.key.id))
    error_message = "id is <root key number>/<not after>, such as 1/0."
  }

  validation {
    condition     = try(length(compact([var.key.secret_arn, var.key.parameter_arn, var.key.own_parameter ? "own" : null])) == 1, true)
    error_message = "A key lies in one place: give secret_arn, parameter_arn or own_parameter = true. Without a key leave `key` out, and the worker enrols."
  }
}

variable "key_value" {
  description = "The key itself, for `key = { own_parameter = true }`: the module puts it into a SecureString `<name>-key`. It is ephemeral, so neither plan nor state holds it; it is written again when `key.id` changes, as another key has another id."
  type        = string
  default     = "" # not null, with which `terraform test` cannot apply
  nullable    = false
  sensitive   = true
  ephemeral   = true

  validation {
    condition     = var.key_value == "" || can(regex("^whsec_[A-Za-z0-9+/]{43}=$", var.key_value))
    error_message = "A key is whsec_ and 44 characters of base64, as `dial keys derive` prints it."
  }

  validation {
    condition     = (var.key_value != "") == try(var.key.own_parameter, false)
    error_message = "key_value goes with key = { own_parameter = true }, and that with key_value."
  }
}

variable "worker_in_us_east_1" {
  description = "True once this account has a worker in us-east-1, or will have with this apply. IAM, STS sign-ins of root, Organizations, Route 53 and CloudFront record their events there alone: without that worker nobody sees them. Not asked in us-east-1 itself."
  type        = bool
  default     = false
}

variable "event_patterns" {
  description = "JSON of `dial rules patterns --format json` for the rules that this worker runs. The default is that of the built-in pack; own rules, the audit pack and decoys change it."
  type        = string
  default     = null

  validation {
    condition     = var.event_patterns == null || can(jsondecode(var.event_patterns).patterns[0].pattern)
    error_message = "Give the output of `dial rules patterns --format json`."
  }
}

variable "detect" {
  description = "Further TOML of the configuration, such as [worker.detect] with known accounts, suppressions and trusted principals. See docs/guides/tuning.md."
  type        = string
  default     = ""
}

variable "deployers" {
  description = "ARNs of the roles that may change DIAL's own parts, such as the one that Terraform runs as; everybody else who does raises a critical finding."
  type        = set(string)

  validation {
    condition     = length(var.deployers) > 0 && alltrue([for arn in var.deployers : can(regex("^arn:aws[a-z-]*:(iam|sts)::[0-9]{12}:", arn))])
    error_message = "Name at least one ARN of a role or user of IAM: otherwise every apply would raise critical findings."
  }
}

variable "queue" {
  description = "Put an SQS queue between EventBridge and the function: bursts wait there instead of being throttled."
  type        = bool
  default     = false
}

variable "trail" {
  description = "Bucket of a trail whose objects the worker also reads, for what EventBridge missed: the bucket must be in this account and region, its `prefix` ends in `/`, and nothing else may own its notifications."
  type = object({
    bucket      = string
    prefix      = optional(string, "AWSLogs/")
    kms_key_arn = optional(string)
  })
  default = null

  validation {
    condition     = var.trail == null || try(can(regex("^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$", var.trail.bucket)) && can(regex("^([^/*?].*)?/$", var.trail.prefix)) && !strcontains(var.trail.prefix, "*"), false)
    error_message = "Give the name of a bucket, and a prefix that ends in / and has no wildcard."
  }
}

variable "watched_buckets" {
  description = "Names of buckets whose object calls (data events) are watched: makes a trail of them alone. Data events cost by number."
  type        = set(string)
  default     = []

  validation {
    condition     = alltrue([for name in var.watched_buckets : can(regex("^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$", name))])
    error_message = "Give names of buckets, not ARNs or addresses."
  }
}

variable "heartbeat_minutes" {
  description = "How often the worker tells the master that it lives, minutes."
  type        = number
  default     = 5

  validation {
    condition     = var.heartbeat_minutes >= 2 && var.heartbeat_minutes <= 60
    error_message = "Use 2 to 60 minutes."
  }
}

variable "kms_key_arn" {
  description = "Key for the dead-letter bucket, the queues, the log group and the environment; without it AWS-managed keys encrypt."
  type        = string
  default     = null

  validation {
    condition     = var.kms_key_arn == null || can(regex("^arn:aws[a-z-]*:kms:[a-z0-9-]+:[0-9]{12}:key/[A-Za-z0-9-]+$", var.kms_key_arn))
    error_message = "Give the ARN of a key of KMS, such as arn:aws:kms:eu-west-1:111122223333:key/…; an alias does not fit policies."
  }
}

variable "log_retention_days" {
  description = "How long the function's log is kept, days."
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

variable "alarm_topic_arns" {
  description = "SNS topics that the alarms go to."
  type        = set(string)
  default     = []

  validation {
    condition     = alltrue([for arn in var.alarm_topic_arns : can(regex("^arn:aws[a-z-]*:sns:[a-z0-9-]+:[0-9]{12}:[A-Za-z0-9_-]+$", arn))])
    error_message = "Give ARNs of SNS topics."
  }
}

variable "tags" {
  description = "Tags of everything that can have some."
  type        = map(string)
  default     = {}
}
