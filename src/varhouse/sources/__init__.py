"""The sources room: what others know about an allele, an interval or a gene.

A configuration's entry (`spec.py`, `presets.py`) says what a VCF, BCF, BED, TSV or
Parquet file is; `compile_source` makes sorted Parquet of it, once, and refuses a file of
another assembly (`origin.py`); `CompiledSource` joins alleles with what was compiled.
`plain.py`, `vcf.py`, `entries.py` and `tables.py` read, `inorder.py` and `spill.py` sort,
`keys.py` encodes alleles, `files.py` writes.
"""

from varhouse.sources.check import source_faults
from varhouse.sources.compile import COMPILER, Normalise, compile_source, source_files
from varhouse.sources.compiled import CompiledSource
from varhouse.sources.fields import header_version
from varhouse.sources.lines import ReadLines
from varhouse.sources.origin import Target
from varhouse.sources.spec import FieldSpec, SourceSpec, read_spec

__all__ = [
    "COMPILER", "CompiledSource", "FieldSpec", "Normalise", "ReadLines", "SourceSpec",
    "Target",
    "compile_source", "header_version", "read_spec", "source_faults",
    "source_files",
]  # fmt: skip
