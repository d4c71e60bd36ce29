"""Log lines on stderr: plain for people, JSON for machines (`VARHOUSE_LOG=json`)."""

import json
import logging
import os
import sys

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
