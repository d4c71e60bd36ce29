"""Runs of homozygosity by the bcftools that pysam brings, of packed calls."""

import subprocess
import sys
from pathlib import Path

import numpy as np

from varhouse.people.panel import PackedCalls


def dosage_of(calls: PackedCalls) -> np.ndarray:
    """Give copies of alt, int8[people, sites]; -1: not called."""
    n = calls.sites.height

    def bits(words: np.ndarray) -> np.ndarray:
        return np.unpackbits(words.view(np.uint8), axis=1, bitorder="little")[:, :n]

    copies = bits(calls.het).astype(np.int8) + 2 * bits(calls.hom)
    return np.where(bits(calls.called), copies, -1)


def bcftools_roh(calls: PackedCalls, folder: Path) -> list[tuple]:
    """List (ordinal, contig, start, end), sorted.

    In a process of its own: what the library prints, and its globals, are the process's.
    """
    texts = np.array(["./.", "0/0", "0/1", "1/1"])[dosage_of(calls).T + 1]
    lines = ["##fileformat=VCFv4.2"]
    lines += [f"##contig=<ID={c}>" for c in calls.sites["contig"].unique(maintain_order=True)]
    lines += ['##INFO=<ID=AF,Number=A,Type=Float,Description="x">']
    lines += ['##FORMAT=<ID=GT,Number=1,Type=String,Description="x">']
    head = ["#CHROM", "POS", "ID", "REF", "ALT", "QUAL", "FILTER", "INFO", "FORMAT"]
    lines.append("\t".join([*head, *map(str, calls.ordinal.tolist())]))
    rows = calls.sites.select("contig", "pos", "ref", "alt", "af").rows()
    lines += [
        "\t".join([c, str(p), ".", r, a, ".", ".", f"AF={af:.9g}", "GT", *gts])
        for (c, p, r, a, af), gts in zip(rows, texts.tolist(), strict=True)
    ]
    vcf, out = folder / "a.vcf", folder / "roh.txt"
    vcf.write_text("\n".join(lines) + "\n")
    program = (
        "import sys, pysam.bcftools as b;"
        "b.roh('-G30', '--AF-tag', 'AF', '-o', sys.argv[2], sys.argv[1], catch_stdout=False)"
    )
    subprocess.run(
        [sys.executable, "-c", program, str(vcf), str(out)], check=True, capture_output=True
    )
    cells = [line.split("\t") for line in out.read_text().splitlines()]
    return sorted((int(r[1]), r[2], int(r[3]), int(r[4])) for r in cells if r[0] == "RG")
