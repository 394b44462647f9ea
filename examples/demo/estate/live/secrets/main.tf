variable "database_password" {
  description = "Password of the application's database user."
  type        = string
  sensitive   = true
}

resource "aws_ssm_parameter" "database_password" {
  name  = "/demo/database/password"
  type  = "SecureString"
  value = var.database_password

  tags = {
    Environment = "prod"
  }
}
