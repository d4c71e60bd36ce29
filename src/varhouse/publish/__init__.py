"""One release as plain Parquet that any pattern reads right, to work on or to hand over."""

from varhouse.publish.parquet import PublishedTable
from varhouse.publish.release import publish_release

__all__ = ["PublishedTable", "publish_release"]
