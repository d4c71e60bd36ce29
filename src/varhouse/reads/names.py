"""Names of reads: which sequencer or archive gave them, and how a pair is known by them.

A name is the line of a FASTQ after its `@`. Its first word, up to a blank or tab, names the
fragment; what follows is a description. Sources of the grammars: Illumina's FASTQ pages
(CASAVA 1.8, bcl2fastq, BCL Convert; before that `#INDEX/MATE`), Element's Bases2Fastq pages,
MGI's basecall format as in the CNGB archive (flow cell, L, lane, C and R: column and row of
the field of view, running number), the read names of SRA, ENA, DDBJ and GSA.

Mates have the same first word but for the mark of the mate, which has one of three forms:

- `/1` and `/2` (`/3` where an index was read in between) at its end, or nothing;
- `_1:N:0:...` and `_2:N:0:...`: a description that was joined by `_`;
- a last character 1 and 2 after `.`, `_`, `-`, `:` or `R`: `SRR1.7.1` of `fastq-dump -I`.

The kernel `fastqscan.mark_of` has the same rule for each read of a lane.
"""

import re
from dataclasses import dataclass


@dataclass(frozen=True)
class NameKind:
    """A kind of read names.

    Attributes
    ----------
    key
        Its name in `LaneFacts.names`.
    title
        What messages call it.
    platform
        What SAM's @RG PL calls the sequencer; "" if the names do not tell.
    is_short
        Whether the sequencer makes short reads, which is all that is aligned here.
    """

    key: str
    title: str
    platform: str = ""
    is_short: bool = True


UNKNOWN = NameKind("", "unknown")
_ILLUMINA = NameKind("illumina", "Illumina", "ILLUMINA")
_OLD = NameKind("illumina-old", "Illumina before CASAVA 1.8", "ILLUMINA")
_MGI = NameKind("mgi", "MGI/BGI", "DNBSEQ")
_ELEMENT = NameKind("element", "Element AVITI", "ELEMENT")
_SINGULAR = NameKind("singular", "Singular G4", "SINGULAR")
_ULTIMA = NameKind("ultima", "Ultima", "ULTIMA")
_ION = NameKind("ion", "Ion Torrent", "IONTORRENT")
_PACBIO = NameKind("pacbio", "PacBio", "PACBIO", is_short=False)
_ONT = NameKind("ont", "Oxford Nanopore", "ONT", is_short=False)
_ARCHIVE = NameKind("archive", "an archive's (SRA, ENA, DDBJ, GSA)")

KINDS = {
    kind.key: kind
    for kind in (
        UNKNOWN, _ILLUMINA, _OLD, _MGI, _ELEMENT, _SINGULAR, _ULTIMA, _ION, _PACBIO, _ONT,
        _ARCHIVE,
    )
}  # fmt: skip
"""Kinds by key."""

_MATE = rb"(?:/[123])?"
_UMI = rb"(?:[:_][ACGTN+]+)?"
_JOINED = rb"(?:_[123]:[YN]:.*)?"
_GRAMMARS = (
    (_ARCHIVE, rb"(?P<unit>[SED]RR\d+|CRR\d+)\.\d+(?:\.[123])?" + _MATE),
    (_PACBIO, rb"m\d+[A-Za-z]*_\d{6}_\d{6}[^/]*/\d+(?:/.*)?"),
    (_ONT, rb"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}.*"),
    (_MGI, rb"(?P<unit>[\w.-]*?L\d+)C\d{3}R\d{3}_?\d+[^/]*" + _MATE),
    # Element pads coordinates with zeros, Illumina does not; AV and PLT are its instruments.
    (_ELEMENT, rb"(?P<unit>(?:AV|PLT-?)\d[\w-]*:[\w-]*:\w*:\d+):\d+:\d+:\d+.*"),
    (_ELEMENT, rb"(?P<unit>[\w-]+:[\w-]*:\w*:[12]):\d{5}:(?:0\d{3}:\d{4}|\d{4}:0\d{3})\b.*"),
    (_SINGULAR, rb"(?P<unit>\w+:\d{3}:FC\d+:\d):\d+:\d+:\d+.*"),
    # Flow cells of MGI under names in Illumina's form, as its converters write them.
    (_MGI, rb"(?P<unit>[^:\s]+:\d+:[VEFGDC]L?\d{9,}:\d+):[^:\s]+:-?\d+:-?\d+.*"),
    (_ILLUMINA, rb"(?P<unit>[^:\s]+:\d+:[^:\s]*:\d+):\d+:-?\d+:-?\d+"
     + _UMI + rb"(?:[#;][^/]*)?" + _JOINED + _MATE),
    (_OLD, rb"(?P<unit>[^:\s]+:\d+):\d+:-?\d+:-?\d+(?:#[^/]*)?" + _MATE),
    (_ULTIMA, rb"\d{6}_\d+-[^-]+(?:-\d+)?-\d{10}.*"),
    (_ULTIMA, rb"V\d+:\d+:::\d+:\d+:.*"),
    (_ION, rb"[A-Z0-9]{5}:\d{1,5}:\d{1,5}" + _MATE),
)  # fmt: skip
_PATTERNS = tuple((kind, re.compile(pattern)) for kind, pattern in _GRAMMARS)
_WORD = re.compile(rb"[^ \t]*")
_DESCRIPTION = re.compile(rb"[ \t]+(?P<mate>[123]):[YN]:\d+(?::|[ \t]|\Z)")
_END = re.compile(rb"(?P<key>.+?)/(?P<mate>[123])")
_ARCHIVE_MATE = re.compile(rb"(?:[SED]RR|CRR)\d+\.\d+\.[123]")
_MIDDLE = re.compile(rb"(?P<key>.+?)_(?P<mate>[123]):[YN]:.*")


def recognise(name: bytes) -> NameKind:
    """Tell the kind of a read's name.

    Parameters
    ----------
    name
        The name line without its `@`, with or without a description.

    Returns
    -------
    NameKind
        `UNKNOWN` where no grammar fits.
    """
    word = first_word(name)
    for kind, pattern in _PATTERNS:
        if pattern.fullmatch(word):
            return kind
    return UNKNOWN


def platform_of(name: bytes) -> str:
    """Give the sequencer of a read as SAM's @RG PL calls it; "" if the name does not tell.

    An archive's name has the sequencer's own behind it, unless the archive left it out.
    """
    kind = recognise(name)
    if kind.key == "archive":
        return recognise(name[len(first_word(name)) :].strip()).platform
    return kind.platform


def long_reads_of(name: bytes) -> NameKind | None:
    """Give the kind of a read of a sequencer of long reads, also behind an archive's name."""
    kind = recognise(name)
    if kind.key == "archive":
        kind = recognise(name[len(first_word(name)) :].strip())
    return None if kind.is_short else kind


def first_word(name: bytes) -> bytes:
    """Give what names the fragment: the name up to a blank or a tab."""
    match = _WORD.match(name)
    return match[0] if match else b""


def unit_of(name: bytes) -> bytes:
    """Give how the names of all reads of a flow cell's lane begin; empty if unknown.

    Of an archive's names: of all reads of a run.
    """
    word = first_word(name)
    for _, pattern in _PATTERNS:
        if match := pattern.fullmatch(word):
            return match["unit"] if "unit" in pattern.groupindex else b""
    return b""


def described_mate(name: bytes) -> int:
    """Give the number of the mate as the description has it (`2:N:0:ACGT`); 0: it says none.

    Archives repeat one description for both mates: theirs are not heard.
    """
    word = first_word(name)
    if recognise(word).key == "archive":
        return 0
    match = _DESCRIPTION.match(name, len(word))
    return int(match["mate"]) if match else 0


def pair_key(name: bytes) -> bytes:
    """Give what both mates of a pair are called: the first word without the mate's mark.

    A mark that is a last digit alone (`SRR1.7.1`) is only taken off from names of archives;
    of other names a single one does not show that it is a mark.
    """
    word = first_word(name)
    for pattern in (_END, _MIDDLE):
        if match := pattern.fullmatch(word):
            return match["key"]
    return word[:-2] if archive_mate(word) else word


def archive_mate(word: bytes) -> int:
    """Give the number of the mate that ends an archive's name (SRR1.7.1); 0: it has none."""
    return int(word[-1:]) if _ARCHIVE_MATE.fullmatch(word) else 0
