"""What jobs know of the configuration, without what it takes to read one."""

import hashlib
from dataclasses import asdict, dataclass, field
from typing import Any

from varhouse.sources.spec import SourceSpec
from varhouse.tables.statistics import Adjust

LEAVE_OUT = "leave_out"
"""`policy.withdrawn`: an ingest takes a file in without people who were withdrawn."""

NOTE, HOLD = "note", "hold"
"""`policy.sample_flags`: samples with flags are told, or hold their cohort back."""


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
    gvcf: str = "blocks"
    adj: Adjust = field(default_factory=Adjust)
    withdrawn: str = "refuse"
    rules: str | None = None
    """Rules about what may come in: an absolute path, or `builtin`.

    None: those that the ledger of permits names, if any; empty: none are asked.
    """
    same_person: str = "count_each"
    """Whether totals count a person who stands in several cohorts `once`."""
    small_counts: str | dict[str, Any] | None = None
    """How small counts are protected in what others see (`varhouse.disclosure`)."""
    sample_flags: str | None = None
    """`note`: tables of people are made of a cohort that comes in; `hold`: and it is held back
    if a sample is flagged. None: they are not made."""

    def __post_init__(self) -> None:
        """Take thresholds as a configuration or a JSON file says them."""
        if isinstance(self.adj, dict):
            self.adj = Adjust(**self.adj)

    def of_rows(self) -> dict[str, Any]:
        """Give what of it decides rows: whether people are left out shows in who is in.

        Rules and flags decide whether a cohort goes in, and small counts what is shown of it.
        """
        others = ("withdrawn", "rules", "small_counts", "sample_flags", "same_person")
        return {k: v for k, v in asdict(self).items() if k not in others}

    def has_runs(self, *, gvcf: bool) -> bool:
        """Tell whether a file says of every base what it is called: a gVCF that goes in whole.

        The BED of a capture kit knows no better than its blocks.
        """
        return gvcf and self.gvcf == "blocks"


@dataclass
class CallableConfig:
    """How finely the runs of a gVCF tell quality.

    Attributes
    ----------
    gq, dp
        Lower bounds of the bands of GQ (Phred) and DP (reads) that are kept apart in the table
        `runs`, rising, at most seven each; empty: only the levels by `policy.adj`.
    """

    gq: list[int] = field(default_factory=list)
    dp: list[int] = field(default_factory=list)


SourceConfig = SourceSpec
"""A source of annotations, as the configuration describes it."""


def text_digest(*parts: object) -> str:
    """Give the SHA-256 of some values, told apart."""
    h = hashlib.sha256()
    for p in parts:
        data = str(p).encode()
        h.update(f"{len(data)}:".encode() + data)
    return h.hexdigest()
