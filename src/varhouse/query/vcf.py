"""Answers as a sites-only VCF 4.3 that bcftools reads.

INFO holds AC, AN and AF over all cohorts and of each cohort, and CSQ of the most severe
transcript in the layout of VEP, for `bcftools +split-vep`. An allele that was not
assessed has no AN; one that nobody was called for has AN=0 and no AF.
"""

import re

import polars as pl

from varhouse import __version__
from varhouse.query.output import Sink
from varhouse.query.overview import Overview

CSQ = {
    "Allele": "alt", "Consequence": "consequence", "IMPACT": "impact", "SYMBOL": "gene_name",
    "Gene": "gene_id", "Feature": "transcript_id", "BIOTYPE": "biotype", "EXON": "exon",
    "INTRON": "intron", "cDNA_position": "cdna_start", "CDS_position": "cds_start",
    "Protein_position": "protein_start", "Amino_acids": "amino_acids", "Codons": "codons",
    "DISTANCE": "distance", "STRAND": "strand", "CANONICAL": "canonical",
}  # fmt: skip
"""Fields of CSQ, and the columns of the overview they are."""

_ENCODED = (("%", "%25"), (";", "%3B"), ("=", "%3D"), (",", "%2C"), ("|", "%7C"), (" ", "%20"),
            ("\t", "%09"))  # fmt: skip


class VcfWriter:
    """Writes the overview as VCF; `columns` are what it must be given."""

    def __init__(self, stream: Sink, overview: Overview) -> None:
        self._stream = stream
        self._infos: list[tuple[str, str]] = []
        keys = _info_keys(overview.cohorts)
        lines = [
            "##fileformat=VCFv4.3",
            f"##source=varhouse {__version__} release {overview.store.release}",
        ]
        for c in overview.store.contigs.contigs:
            length = f",length={c.length}" if c.length else ""
            assembly = f',assembly="{overview.store.assembly}"'
            lines.append(f"##contig=<ID={c.name}{length}{assembly}>")
        self._declare("", "", "all cohorts", lines)
        for cohort in overview.cohorts:
            self._declare(f"_{keys[cohort]}", f"_{cohort}", f"cohort {cohort}", lines)
        lines.append(
            '##INFO=<ID=CSQ,Number=.,Type=String,Description="Consequence on the most severe '
            f'transcript of each allele. Format: {"|".join(CSQ)}">'
        )
        lines.append("#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO")
        stream.write(("\n".join(lines) + "\n").encode())
        self.columns = list(
            dict.fromkeys(
                [
                    "contig",
                    "pos",
                    "id",
                    "ref",
                    "alt",
                    *(n for _, n in self._infos),
                    *CSQ.values(),
                ]
            )
        )

    def _declare(self, key: str, column: str, what: str, lines: list[str]) -> None:
        for name, number, kind, meaning in (
            ("AC", "A", "Integer", "Called copies of the allele"),
            ("AN", "1", "Integer", "Called alleles"),
            ("AF", "A", "Float", "AC / AN"),
        ):
            text = _quoted(f"{meaning}, {what}")
            lines.append(
                f"##INFO=<ID={name}{key},Number={number},Type={kind},Description={text}>"
            )
            self._infos.append((name + key, name.lower() + column))

    def write(self, frame: pl.DataFrame) -> None:
        """Write rows."""
        if not frame.height:
            return
        infos = [
            pl.when(pl.col(n).is_not_null()).then(pl.format(f"{k}={{}}", pl.col(n)))
            for k, n in self._infos
        ]
        cells = [_csq_cell(name, frame.schema[name]) for name in CSQ.values()]
        csq = pl.when(pl.col("consequence").is_not_null()).then(
            pl.format("CSQ={}", pl.concat_str(cells, separator="|"))
        )
        info = pl.concat_str([*infos, csq], separator=";", ignore_nulls=True)
        lines = frame.select(
            "contig", "pos", pl.col("id").fill_null("."), "ref", "alt",
            pl.lit(".").alias("qual"), pl.lit(".").alias("filter"),
            pl.when(info == "").then(pl.lit(".")).otherwise(info).alias("info"),
        )  # fmt: skip
        text = lines.write_csv(include_header=False, separator="\t", quote_style="never")
        self._stream.write(text.encode())

    def close(self) -> None:
        """Do nothing: there is no end mark."""


def _info_keys(cohorts: list[str]) -> dict[str, str]:
    """Make a VCF key of each cohort's name: letters, digits, `_` and `.` only."""
    keys: dict[str, str] = {}
    for cohort in cohorts:
        plain = re.sub(r"[^0-9A-Za-z_.]", "_", cohort)
        key, n = plain, 1
        while key in keys.values():
            n += 1
            key = f"{plain}_{n}"
        keys[cohort] = key
    return keys


def _quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _csq_cell(name: str, dtype: pl.DataType) -> pl.Expr:
    if dtype == pl.Boolean:
        return pl.when(pl.col(name)).then(pl.lit("YES")).otherwise(pl.lit("")).alias(name)
    cell = pl.col(name).cast(pl.String).fill_null("")
    if dtype == pl.String:
        for letter, code in _ENCODED:
            cell = cell.str.replace_all(letter, code, literal=True)
    return cell.alias(name)
