variable "name" {
  description = "Name of the service; its role and log group are called after it."
  type        = string
}

variable "log_retention_days" {
  description = "How long logs are kept, in days."
  type        = number
  default     = 30
}
