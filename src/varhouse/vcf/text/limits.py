"""How much of anything a file may hold before it is taken for hostile.

A reader must not fill memory or disk because a file says so. Each limit lies well above
what real call sets need and is a key of `limits` in the configuration of an ingest.
"""

from dataclasses import dataclass

from varhouse.errors import InputError


class LimitError(InputError):
    """A file holds more of something than a limit allows."""

    def __init__(self, message: str, key: str) -> None:
        super().__init__(message, f"if the file is right, raise limits.{key}")
        self.key = key


@dataclass(frozen=True)
class Limits:
    """Limits of one file; none of them changes what a file within them gives.

    Attributes
    ----------
    line_bytes
        Bytes of a line. 64 MiB is a record of 670,000 people with 100 bytes each, more
        than the largest joint call sets. A line is held whole, with its parsed values
        beside it: the limit is what keeps memory bounded.
    alleles
        ALT alleles of a record. Repeats and pangenome bubbles have hundreds, seldom
        thousands. At most 32,767: allele numbers are kept in 16 bits.
    contigs
        Contigs of a file: declared ones, and names that CHROM uses.
    header_lines, header_bytes
        Lines and bytes of the header, which is held whole and kept in the store.
    ratio
        Bytes of text for each byte of a compressed file, looked at above `RATIO_FROM`
        bytes of text. Deflate cannot pass 1,032 and long runs of `0|0` come near it, so
        that only streams of other methods (bzip2: over a million) ever meet it.
    text_bytes
        Bytes of text of a whole file.
    """

    line_bytes: int = 64 << 20
    alleles: int = 10_000
    contigs: int = 500_000
    header_lines: int = 1_000_000
    header_bytes: int = 128 << 20
    ratio: int = 1_100
    text_bytes: int = 16 << 40


BOUNDS = {
    "line_bytes": (1 << 20, 2**31 - 1),
    "alleles": (1, 32_767),
    "header_bytes": (1 << 20, None),
    "text_bytes": (1 << 20, None),
}
"""Least and largest values of limits, where they have some besides 1 and none."""

RATIO_FROM = 256 << 20
"""Text from which on the ratio counts: less does no harm, whatever its ratio."""

DEFAULTS = Limits()
