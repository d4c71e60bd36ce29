"""Log lines on stderr: plain for people, JSON for machines (`VARHOUSE_LOG=json`)."""

import json
import logging
import os
import sys
from collections.abc import Mapping

from varhouse.masking import mask_text


class _Json(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        return json.dumps(
            {
                "time": self.formatTime(record, "%Y-%m-%dT%H:%M:%S"),
                "level": record.levelname.lower(),
                "stage": record.name,
                "message": record.getMessage(),
            },
            ensure_ascii=False,
        )


class _Plain(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        return mask_text(super().format(record), keep="\n\t")


def set_up_log(*, verbose: bool = False, quiet: bool = False) -> None:
    """Send the log of varhouse to stderr."""
    handler = logging.StreamHandler(sys.stderr)
    if os.environ.get("VARHOUSE_LOG") == "json":
        handler.setFormatter(_Json())
    else:
        handler.setFormatter(_Plain("%(message)s"))
    log = logging.getLogger("varhouse")
    log.handlers[:] = [handler]
    log.setLevel(logging.DEBUG if verbose else logging.WARNING if quiet else logging.INFO)
    log.propagate = False


def tell_known_names(names: Mapping[str, str], log: logging.Logger) -> None:
    """Say in one line which contigs of a file were found by well-known names."""
    others = [f"{name} = {known}" for name, known in names.items()]
    if others:
        more = f" and {len(others) - 3:,} more" if len(others) > 3 else ""
        log.info(
            "contigs by their known names, as there is no --aliases: %s%s",
            ", ".join(others[:3]),
            more,
        )
