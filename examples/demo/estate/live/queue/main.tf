resource "aws_sqs_queue" "jobs" {
  name                       = "demo-jobs"
  message_retention_seconds  = 86400
  visibility_timeout_seconds = 60

  tags = {
    Environment = "prod"
    Owner       = "jobs-team"
  }
}

output "jobs_queue_url" {
  description = "Where jobs are sent."
  value       = aws_sqs_queue.jobs.id
}
