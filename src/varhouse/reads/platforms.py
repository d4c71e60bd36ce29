"""Names of sequencers, as people write them and as SAM's @RG PL has them."""

import re
from collections.abc import Mapping

PLATFORMS: Mapping[str, tuple[str, ...]] = {
    "ILLUMINA": ("illumina", "solexa", "novaseq", "hiseq", "miseq", "nextseq", "iseq"),
    "DNBSEQ": ("dnbseq", "mgi", "bgi", "completegenomics", "华大"),
    "ELEMENT": ("element", "aviti"),
    "ULTIMA": ("ultima", "ug100"),
    "SINGULAR": ("singular",),
    "IONTORRENT": ("iontorrent", "ionproton", "ions5", "iongenestudio"),
}
"""Sequencers of short reads, and how what people call them begins, without what stands between
the words."""

_LONG = ("pacbio", "ont", "nanopore", "oxfordnanopore", "promethion", "minion", "gridion")
_OLD = ("solid", "absolid", "ls454", "454", "helicos", "capillary")


def platform_named(text: str) -> tuple[str, str]:
    """Read the name of a sequencer.

    Returns
    -------
    tuple
        As SAM's @RG PL has it, and why it cannot be taken, with the fix; one of them is "".
    """
    bare = re.sub(r"[\W_]+", "", text).casefold()
    for name, starts in PLATFORMS.items():
        if bare.startswith(starts):
            return name, ""
    if bare.startswith(_LONG):
        return "", f"platform {text!r}: long reads are not aligned here; fix: name short reads"
    if bare.startswith(_OLD):
        return "", f"platform {text!r} is not known to work here; fix: leave the row out"
    return "", f"unknown platform {text!r}; fix: one of {', '.join(PLATFORMS)}"
