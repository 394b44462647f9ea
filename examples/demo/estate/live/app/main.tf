module "web" {
  source = "../../modules/service"

  name               = "demo-web"
  log_retention_days = 7
}

output "role_arn" {
  description = "The role that the service runs as."
  value       = module.web.role_arn
}
