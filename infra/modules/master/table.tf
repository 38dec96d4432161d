# The one table: findings, their history, their deliveries, and the rest of what the master keeps.

locals {
  table  = coalesce(var.table_name, "${var.name}-findings")
  layout = jsondecode(file("${path.module}/table.json"))
  key_attributes = distinct(concat(
    local.layout.keys,
    flatten([for index in local.layout.indexes : [index.partition, index.sort]]),
  ))
}

resource "aws_dynamodb_table" "findings" {
  name                        = local.table
  billing_mode                = "PAY_PER_REQUEST"
  hash_key                    = local.layout.keys[0]
  range_key                   = local.layout.keys[1]
  stream_enabled              = true
  stream_view_type            = "NEW_IMAGE"
  deletion_protection_enabled = var.deletion_protection
  tags                        = local.tags

  dynamic "attribute" {
    for_each = local.key_attributes

    content {
      name = attribute.value
      type = "S"
    }
  }

  dynamic "global_secondary_index" {
    for_each = local.layout.indexes

    content {
      name               = global_secondary_index.value.name
      hash_key           = global_secondary_index.value.partition
      range_key          = global_secondary_index.value.sort
      projection_type    = length(global_secondary_index.value.projects) == 0 ? "ALL" : "INCLUDE"
      non_key_attributes = length(global_secondary_index.value.projects) == 0 ? null : global_secondary_index.value.projects
    }
  }

  ttl {
    attribute_name = local.layout.ttl
    enabled        = true
  }

  point_in_time_recovery {
    enabled = true
  }

  server_side_encryption {
    enabled     = var.kms_key_arn != null
    kms_key_arn = var.kms_key_arn
  }
}
