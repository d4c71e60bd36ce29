"""What jobs know of the configuration, without what it takes to read one."""

import hashlib
from dataclasses import dataclass, field


@dataclass
class Policy:
    """What an ingest does with doubtful data (config/README.md)."""

    max_ref_mismatch_rate: float = 0.001
    partial_reference: bool = False
    unchecked_ref: str = "reject"
    unlisted_samples: str = "refuse"
    duplicate_alleles: str = "reject"
    record_fault: str = "reject"
    pass_only: bool = False


@dataclass
class SourceConfig:
    """A source of annotations."""

    name: str
    path: str
    kind: str
    fields: list[str] = field(default_factory=list)
    version: str | None = None
    licence: str | None = None
    merged: str | None = None


def text_digest(*parts: object) -> str:
    """Give the SHA-256 of some values, told apart."""
    h = hashlib.sha256()
    for p in parts:
        data = str(p).encode()
        h.update(f"{len(data)}:".encode() + data)
    return h.hexdigest()
