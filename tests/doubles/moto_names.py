"""Where a moto server is, and names in it: what a test needs to use one that runs already."""

import os
import uuid
from dataclasses import dataclass, field
from typing import Any

import boto3  # type: ignore[import-untyped] # its stubs are for aioboto3


@dataclass(frozen=True)
class Moto:
    """A moto server, and names in it that no other test uses (its state is the process's)."""

    endpoint: str
    bucket: str = field(default_factory=lambda: f"bucket-{uuid.uuid4().hex[:12]}")
    table: str = field(default_factory=lambda: f"table-{uuid.uuid4().hex[:12]}")

    @property
    def environment(self) -> dict[str, str]:
        """The AWS variables that lead a program to it."""
        return {
            "AWS_ENDPOINT_URL": self.endpoint,
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
            "AWS_REGION": "us-east-1",
            "AWS_EC2_METADATA_DISABLED": "true",
            "AWS_CONFIG_FILE": os.devnull,
            "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        }

    def client(self, service: str) -> Any:
        """Make a client of a service past the program, with this process's credentials."""
        make: Any = boto3.client  # its stubs know every service by name, and there are many
        return make(service, endpoint_url=self.endpoint, region_name="us-east-1")
