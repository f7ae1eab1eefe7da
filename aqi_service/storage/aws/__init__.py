"""The ports on AWS: snapshots in S3, items and the lease in DynamoDB."""
