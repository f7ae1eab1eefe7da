"""What `--load-only` says at its end, on stderr: the run's result, and what it would cost.

One rule: for a single load its report says everything.
"""

from aqi_service.app.config import Config
from aqi_service.app.logs import say
from aqi_service.core.costs import PRICE_PER_MILLION, PRICE_SINCE, estimate
from aqi_service.core.report import Status
from aqi_service.core.run_summary import RunSummary


def tell_run(config: Config, summary: RunSummary, seconds: float) -> None:
    """Print the result of a run that took this many seconds."""
    if summary.of > 1:
        _tell_loads(config, summary, seconds)
    if summary.changes is not None:
        changes = summary.changes
        told = changes.sentence(dry_run=config.dry_run)
        say(
            "indices_changed",
            told,
            {"changed": changes.total, "up": changes.up, "commonest": changes.commonest},
        )
    if summary.skips:
        told = f"{summary.skips} of {summary.of} snapshots were finished already: --force loads them again"
        say("snapshots_skipped", told, {"count": summary.skips, "of": summary.of})
    if config.dry_run and summary.of > 1:
        _tell_estimate(config, summary)


def _tell_loads(config: Config, summary: RunSummary, seconds: float) -> None:
    statuses = summary.statuses
    say(
        "run_ended",
        summary.sentence(seconds, dry_run=config.dry_run),
        {
            "of": summary.of,
            "complete": statuses[Status.COMPLETE],
            "incomplete": statuses[Status.INCOMPLETE],
            "unchanged": statuses[Status.UNCHANGED],
            "rejected": statuses[Status.REJECTED],
            "failed": statuses[Status.FAILED],
            "records": summary.records,
            "stored": summary.stored,
            "seconds": round(seconds, 3),
        },
    )


def _tell_estimate(config: Config, summary: RunSummary) -> None:
    """Print what it takes to write the records to DynamoDB."""
    price, most = config.price_per_million, config.max_write_units
    found = estimate(summary.stored, price, most)
    dated = f" (the price of {PRICE_SINCE})" if price == PRICE_PER_MILLION else ""
    told = (
        f"estimate for DynamoDB: {found.items:,} items, {found.units:,} write units, "
        f"{found.dollars:,.2f} dollars at {price:g} a million{dated}"
    )
    if found.hours is not None:
        told += f", {found.hours:,.2f} hours at --max-write-units {most}"
    if summary.missing:
        told += f"; {summary.missing:,} of {summary.of:,} snapshots are not in it, or not whole"
    say(
        "estimate",
        told,
        {
            "items": found.items,
            "write_units": found.units,
            "dollars": found.dollars,
            "hours": found.hours,
        },
    )
