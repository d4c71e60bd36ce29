"""A night's second reading: a few stretches of the store, compared with its sources.

`nightly: {verify: N}` asks for it. `store verify --source --sample N` does the same.
"""

import logging
import random
import shlex
from dataclasses import dataclass, field
from pathlib import Path

from varhouse.errors import VarhouseError
from varhouse.nightly.delivery import Reason

LOG = logging.getLogger("varhouse.nightly")

_TOLD = 10
"""Differences that a fault tells; their number is told besides."""


@dataclass
class SecondReading:
    """What a second reading says.

    Attributes
    ----------
    reasons
        What is wrong; empty: nothing.
    notes
        Lines that name no sample.
    """

    reasons: list[Reason] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def read_again(store: Path, release: int, number: int) -> SecondReading:
    """Compare some stretches of a release with the files that it was made of.

    The release is there by then: whatever happens is told, and raises nothing.

    Parameters
    ----------
    number
        Of stretches, drawn by a seed that a note has.
    """
    seed = random.SystemRandom().randrange(10**9)
    again = f"varhouse store verify {shlex.quote(str(store))} --release {release} --source"
    # cyvcf2 and what compares take a second to import, of nights that do not ask for it too.
    from varhouse.verify.source import compare_sources  # noqa: PLC0415
    from varhouse.verify.whole import verify  # noqa: PLC0415

    out, problems, lacking = SecondReading(), [], 0
    try:
        found = verify(store, release, quick=True)
        if all(p.is_note for p in found):
            told = compare_sources(store, release, sample=number, seed=seed)
            found += told.problems
            out.notes.append(
                f"verify: {number} stretches of release {release}, seed {seed}: "
                f"{told.records:,} records, {told.calls:,} calls and counts of "
                f"{told.alleles:,} alleles compared with {told.files:,} file(s)"
            )
        problems = [str(p) for p in found if not p.is_note]
        lacking = sum(p.is_note for p in found)
    except (VarhouseError, OSError, ValueError) as error:
        LOG.warning("release %d is not verified: %s", release, error)
        problems = [f"not verified: {' '.join(str(error).split())}"]
    if lacking:
        out.notes.append(
            f"verify: {lacking} thing(s) could not be compared: {again} says which"
        )
    if problems:
        public = f"a second reading of release {release} found {len(problems):,} problem(s)"
        fix = f"; fix: {again} --sample {number} --seed {seed} tells all of them"
        out.reasons = [Reason(text + fix, public) for text in problems[:_TOLD]]
    return out
