"""Normalise alleles: check REF against the reference, trim, left-align."""

from typing import TYPE_CHECKING, Any

from varhouse.normalise.kernel import normalise_packed
from varhouse.normalise.status import Status

if TYPE_CHECKING:
    from varhouse.normalise.frame import move_symbolic, normalise_alleles

__all__ = [
    "Status",
    "move_symbolic",
    "normalise_alleles",
    "normalise_packed",
]


def __getattr__(name: str) -> Any:
    # `varhouse normalise` of a file to a file makes no table: polars would be a tenth of
    # the start of it.
    if name in __all__:
        from varhouse.normalise import frame  # noqa: PLC0415

        return getattr(frame, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
