output "role_arn" {
  description = "The role that the service runs as."
  value       = aws_iam_role.this.arn
}
