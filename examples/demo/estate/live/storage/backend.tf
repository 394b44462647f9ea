# Where the API is comes from the environment (AWS_ENDPOINT_URL_S3); the flags are for an emulator.
terraform {
  backend "s3" {
    bucket       = "demo-state"
    key          = "live/storage.tfstate"
    region       = "us-east-1"
    use_lockfile = true

    use_path_style              = true
    skip_credentials_validation = true
    skip_requesting_account_id  = true
    skip_metadata_api_check     = true
    skip_region_validation      = true
  }
}
