"""The sources room: what others know about an allele, joined allele-exactly.

`read_source` takes a VCF such as ClinVar's or gnomAD's to one typed row per allele and
record; `join_source` gives the rows of the alleles one has, `source_ids` the ids.
`text.py` reads VCF text in blocks of whole lines.
"""

from varhouse.sources.allele import (
    Normalise,
    Source,
    header_version,
    join_source,
    read_source,
    source_ids,
)

__all__ = [
    "Normalise", "Source", "header_version", "join_source", "read_source", "source_ids",
]  # fmt: skip
