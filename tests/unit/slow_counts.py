"""What a person in a state adds to the counts of a base, in plain words."""

from collections.abc import Mapping

COUNTS = (
    "an", "n_missing", "n_samples", "n_not_diploid", "an_written", "n_samples_adj", "an_adj",
    "n_missing_adj",
)  # fmt: skip


def slow_adds(
    level: int, called: int, ploidy: int, *, unknown: bool, span: bool, sex: str,
    one_copy: bool, on_y: bool,
) -> Mapping[str, int]:  # fmt: skip
    """Say what a person adds; `one_copy`: males have one there."""
    man = sex == "male" and one_copy
    if man and ploidy == 2 and called == 1:
        ploidy = 1
    out = dict.fromkeys(COUNTS, 0)
    out["n_samples"] = 1
    is_full = level >= 3 and ploidy > 0 and called == ploidy
    out["n_missing"] = 0 if is_full else 1
    out["n_not_diploid"] = 1 if is_full and (ploidy != 2 or man) else 0
    out["an"] = called if level >= 3 else 0
    out["an_written"] = called if level >= 2 and not span else 0
    if span or unknown or (on_y and sex == "female"):
        return out
    out["n_samples_adj"] = 1
    if level == 4:
        out["an_adj"] = min(called, 1) if man else called
    else:
        out["n_missing_adj"] = 1
    return out
