"""A Config as the command line would decide it, for tests of what runs it."""

from typing import Any

from aqi_service.app.config import Config


def config(**changes: Any) -> Config:
    """Give the daemon's default settings, with changes."""
    usual: dict[str, Any] = {
        "load_only": False, "serve_only": False, "feed_url": "http://localhost/feed.json",
        "contact": None, "bucket": "bucket", "bucket_owner": None, "table": "table", "local": None,
        "create": False, "host": "127.0.0.1", "port": 0, "tls_cert": None, "tls_key": None,
        "tls_client_ca": None, "http_host": "127.0.0.1", "http_port": 0,
        "no_http": False, "tiles": None, "tiles_attribution": None,
        "max_connections": None, "max_per_address": None, "read_units": 200,
        "max_write_units": None, "price_per_million": 0.625,
        "interval": 3600, "sources": (),
        "snapshot_time": None, "since": None, "until": None, "shard": None, "export": None,
        "exclude_sensors": None, "delete_excluded": False, "force": False,
        "scale_name": "daqi", "rescore": False, "ttl_days": None, "keep_days": None,
        "max_bytes": 2**31, "max_records": 10**6, "load_deadline": None, "cloudwatch": None, "dry_run": False,
        "log_format": "text", "log_level": "info",
    }  # fmt: skip
    return Config(**usual | changes)
