# Secrets without values: those come from the operator, never from Terraform.

resource "aws_secretsmanager_secret" "root_key" {
  for_each = toset([for n in var.root_key_numbers : tostring(n)])

  name        = "${var.name}/root-key-${each.key}"
  description = "DIAL: root key ${each.key}; put what `dial keys new` prints"
  kms_key_id  = var.kms_key_arn
  tags        = local.tags
}

resource "aws_secretsmanager_secret" "named" {
  for_each = var.secrets

  name        = "${var.name}/${each.key}"
  description = "DIAL: ${each.key}"
  kms_key_id  = var.kms_key_arn
  tags        = local.tags
}
