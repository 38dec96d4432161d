variable "name" {
  description = "Start of the names of everything. Keep the prefix that `worker.detect.own` knows, so that tampering is noticed."
  type        = string
  default     = "dial"

  validation {
    condition     = can(regex("^dial[a-z0-9-]{0,28}$", var.name))
    error_message = "Use `dial` and up to 28 of a-z, 0-9 and `-`: the rules on tampering go by this prefix."
  }
}

variable "package" {
  description = "Path of the master's zip, made by `cargo xtask package`."
  type        = string

  validation {
    condition     = endswith(var.package, ".zip")
    error_message = "Give the path of the master's zip, such as target/package/dial-master-x86_64.zip."
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

variable "root_key_numbers" {
  description = "Numbers of the root keys that are live: one, or two during a rotation. A secret <name>/root-key-<n> is made for each; put its value there with the AWS CLI, so that it never passes through Terraform's state."
  type        = set(number)
  default     = [1]

  validation {
    condition     = length(var.root_key_numbers) >= 1 && length(var.root_key_numbers) <= 8 && alltrue([for n in var.root_key_numbers : n >= 1 && n == floor(n)])
    error_message = "Name one to eight numbers from 1 on."
  }
}

variable "secrets" {
  description = "Names of the secrets of sinks, readers and Slack: <name>/<this> is made for each, and `secret_references` has what the configuration writes for it."
  type        = set(string)
  default     = ["admin-token"]

  validation {
    condition     = contains(var.secrets, "admin-token") && alltrue([for s in var.secrets : can(regex("^[a-z0-9-]{1,64}$", s))])
    error_message = "Keep admin-token, the first token of the API, and use a-z, 0-9 and `-`."
  }
}

variable "config" {
  description = "Further TOML of the configuration below [master]: sinks, route, slack and so on. See docs/guides/run-the-master.md."
  type        = string
  default     = ""
}

variable "enrolment" {
  description = "Which workers may fetch their keys by proof of their account: those of `accounts`, and with `organization` those of every active account of the organisation. For the latter the master's account is the management account or a delegated administrator, or `organization_role` is a role of the management account that may describe accounts. Without this no worker can enrol. See docs/guides/organization.md."
  type = object({
    accounts          = optional(set(string), [])
    organization      = optional(bool, false)
    organization_role = optional(string)
    roles             = optional(set(string), ["dial-worker-{region}"])
    key_hours         = optional(number, 24)
  })
  default = null

  validation {
    condition     = try(length(var.enrolment.accounts) > 0 || var.enrolment.organization, true)
    error_message = "Name accounts, or set organization = true: otherwise nobody could enrol."
  }

  validation {
    condition     = alltrue([for account in try(var.enrolment.accounts, []) : can(regex("^[0-9]{12}$", account))])
    error_message = "An account is twelve digits."
  }

  validation {
    condition     = can(regex("^arn:aws[a-z-]*:iam::[0-9]{12}:role/", var.enrolment.organization_role)) || try(var.enrolment.organization_role, null) == null
    error_message = "organization_role is the ARN of a role."
  }

  validation {
    condition     = try(var.enrolment.key_hours >= 1 && var.enrolment.key_hours <= 168, true)
    error_message = "Keys hold 1 to 168 hours."
  }
}

variable "base_url" {
  description = "Where people reach the master, for links in messages; without it the URL of the API, or of the custom domain."
  type        = string
  default     = null

  validation {
    condition     = var.base_url == null || can(regex("^https://", var.base_url))
    error_message = "Use an https:// URL."
  }
}

variable "sink_permissions" {
  description = "What sinks of AWS services need, such as sns:Publish on a topic: statements for the delivering functions. See docs/guides/aws-sinks.md."
  type = list(object({
    actions   = list(string)
    resources = list(string)
  }))
  default = []

  validation {
    condition     = alltrue(flatten([for s in var.sink_permissions : [for action in s.actions : !strcontains(action, "*")]]))
    error_message = "Spell every action out."
  }
}

variable "table_name" {
  description = "Name of the table; without it <name>-findings. A restored table has another one: see docs/guides/restore-the-table.md."
  type        = string
  default     = null

  validation {
    condition     = var.table_name == null || can(regex("^dial[A-Za-z0-9_.-]{0,200}$", var.table_name))
    error_message = "Start with `dial`: the rules on tampering go by this prefix."
  }
}

variable "retention_days" {
  description = "How long findings are kept in the table, days."
  type        = number
  default     = 400

  validation {
    condition     = var.retention_days >= 1 && var.retention_days <= 3650
    error_message = "Use 1 to 3650 days."
  }
}

variable "throttle" {
  description = "Requests a second that the API takes, and above that at once; all workers and readers together."
  type = object({
    rate  = optional(number, 200)
    burst = optional(number, 500)
  })
  default = {}

  validation {
    condition     = var.throttle.rate >= 1 && var.throttle.burst >= 1 && floor(var.throttle.burst) == var.throttle.burst
    error_message = "The API must take at least one request; 0 would refuse every worker."
  }
}

variable "reserved_concurrency" {
  description = "Invocations at a time at most, by function; -1 for no limit of its own. One sweep at a time is enough."
  type = object({
    api     = optional(number, -1)
    deliver = optional(number, 10)
    sweep   = optional(number, 1)
  })
  default = {}

  validation {
    condition     = alltrue([for n in values(var.reserved_concurrency) : n == -1 || n >= 1 && floor(n) == n])
    error_message = "Use -1 or at least 1; 0 would stop the function."
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

variable "domain" {
  description = "A domain of one's own: its `name`, the `certificate_arn` (ACM, this region), and for mutual TLS the `truststore_uri` (s3://…) of the certificates that workers may have. The API's own URL is closed then."
  type = object({
    name               = string
    certificate_arn    = string
    truststore_uri     = optional(string)
    truststore_version = optional(string)
  })
  default = null

  validation {
    condition     = var.domain == null || try(can(regex("^([a-z0-9]([a-z0-9-]*[a-z0-9])?\\.)+[a-z]{2,}$", var.domain.name)) && can(regex("^arn:aws[a-z-]*:acm:", var.domain.certificate_arn)) && (var.domain.truststore_uri == null || can(regex("^s3://[^/]+/.+", var.domain.truststore_uri))), false)
    error_message = "Give a name such as dial.example.com, the ARN of a certificate of ACM, and for mutual TLS an s3:// address."
  }
}

variable "kms_key_arn" {
  description = "Key for table, bucket, secrets, queue and logs; without it AWS-managed keys encrypt."
  type        = string
  default     = null

  validation {
    condition     = var.kms_key_arn == null || can(regex("^arn:aws[a-z-]*:kms:[a-z0-9-]+:[0-9]{12}:key/[A-Za-z0-9-]+$", var.kms_key_arn))
    error_message = "Give the ARN of a key of KMS, such as arn:aws:kms:eu-west-1:111122223333:key/…; an alias does not fit policies."
  }
}

variable "deletion_protection" {
  description = "Whether the table refuses to be deleted."
  type        = bool
  default     = true
}

variable "log_retention_days" {
  description = "How long logs are kept, days."
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
    error_message = "Keep dead letters at least 30 days, so that there is time to look at them."
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
