"""What the ledger says, as JSON: for programs, receipts and packs."""

from dataclasses import fields, is_dataclass
from datetime import date
from enum import Enum
from typing import Any

from varhouse.governance.model import Paper


def as_json(value: Any, on: date | None = None) -> Any:
    """Give a record of the model as JSON holds it: dates as ISO 8601, codes as texts.

    Parameters
    ----------
    on
        A day; then each paper also says whether it `is_valid`.
    """
    if is_dataclass(value) and not isinstance(value, type):
        told = {f.name: as_json(getattr(value, f.name), on) for f in fields(value)}
        if isinstance(value, Paper) and on is not None:
            told["is_valid"] = value.is_valid(on)
        return told
    if isinstance(value, dict):
        return {str(as_json(k)): as_json(v, on) for k, v in value.items()}
    if isinstance(value, tuple | list):
        return [as_json(v, on) for v in value]
    if isinstance(value, Enum):
        return value.value
    return value.isoformat() if isinstance(value, date) else value
