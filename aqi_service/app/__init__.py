"""What an operator runs: the daemon, --load-only, settings, metrics, logs.

Begin with `daemon.py` and `load_only.py`.
"""
