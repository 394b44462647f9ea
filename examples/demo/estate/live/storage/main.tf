resource "aws_s3_bucket" "uploads" {
  bucket = "demo-uploads"

  tags = {
    Environment = "prod"
    Owner       = "storage-team"
  }
}

# Its rules are nowhere in the configuration: whoever opens a port here is not undone by an apply.
resource "aws_security_group" "bastion" {
  name        = "demo-bastion"
  description = "Access to the bastion"
}

resource "aws_ssm_parameter" "uploads_bucket" {
  name  = "/demo/uploads/bucket"
  type  = "String"
  value = aws_s3_bucket.uploads.bucket
}
