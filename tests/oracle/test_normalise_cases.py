"""Every row of bcftools' own list of norm cases: upstream's file, bcftools 1.24 and ours.

Each row has to be classified here: run against upstream's expected file, or named with the
reason why that file is of another operation. The inputs of all rows are compared with
`bcftools norm -m- -c x -f` 1.24 (in pysam) in any case.
"""

import json
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest
from test_normalise_bcftools import reference_of, run, without_case

pytestmark = pytest.mark.real

EXACT, UNALIGNED, JOINED = "exact", "unaligned", "joined"
"""What upstream's options leave to do: nothing, `-c x -f`, or `-m-`."""

RUN = {
    ("norm.6.vcf", "-c e"): EXACT,
    ("norm.split.5.vcf", "-m - --multi-overlaps ."): UNALIGNED,
    ("norm.symbolic.3.vcf", ""): EXACT,
    ("norm.vcf", "-cx"): JOINED,
    ("norm.split.vcf", "-m-"): UNALIGNED,
    ("norm.split.2.vcf", "-m-"): UNALIGNED,
    ("norm.split.3.vcf", "-m- --force"): UNALIGNED,
    ("norm.split.4.vcf", "-m-"): UNALIGNED,
    ("norm.telomere.vcf", ""): EXACT,
    ("norm.5.vcf", "-m - --multi-overlaps 0"): UNALIGNED,
    ("norm.5.vcf", "-m - --multi-overlaps ."): UNALIGNED,
    ("norm.symbolic.vcf", "--old-rec-tag ORI"): EXACT,
    ("norm.symbolic.2.vcf", "--old-rec-tag ORI"): JOINED,
}

_SET_REF = "-c s writes another REF into the record; we hold such records back"
_JOIN = "-m+ joins records"
_DUPLICATES = "-d leaves records out; nothing is lost here"
_ATOMIZE = "-a cuts alleles into their bases"
_SUM = "--keep-sum makes up new values"

NOT_RUN = {
    ("norm.check-ref.vcf", "-c s"): _SET_REF,
    ("norm.split.4.vcf", "-m- --keep-sum AD"): _SUM,
    ("norm.merge.vcf", "-m+"): _JOIN,
    ("norm.merge.2.vcf", "-m+"): _JOIN,
    ("norm.merge.3.vcf", "-m+"): _JOIN,
    ("norm.merge.vcf", "-m+ -s"): _JOIN,
    ("norm.merge.4.vcf", "-m +any"): _JOIN,
    ("norm.merge.4.vcf", "-m +both"): _JOIN,
    ("norm.4.vcf", "-m +both"): _JOIN,
    ("norm.4.vcf", "-m +any"): _JOIN,
    ("norm.setref.vcf", "-Nc s"): _SET_REF,
    ("norm.2.vcf", "-c s -a --old-rec-tag XX"): _SET_REF,
    ("norm.iupac.vcf", "-c s --old-rec-tag XX"): _SET_REF,
    ("norm.3.vcf", "-c s --old-rec-tag XX"): _SET_REF,
    ("norm.3.vcf", "-c s -i'alt=\"N\"' --old-rec-tag XX"): _SET_REF,
    **{
        ("norm.rmdup.vcf", f"-d {k}"): _DUPLICATES
        for k in ("snps", "indels", "both", "all", "none", "exact")
    },
    **{
        ("norm.rmdup.2.vcf", f"-d {k}"): _DUPLICATES
        for k in ("none", "exact", "indels", "any", "both", "snps")
    },
    **{("norm.rmdup.3.vcf", f"-d {k}"): _DUPLICATES for k in ("exact", "all")},
    **{
        ("atomize.split.1.vcf", options): _ATOMIZE
        for options in (
            "['-a --old-rec-tag OLD_REC','-m -any --force']",
            "['-m -any --old-rec-tag OLD_REC --force','-a']",
            "-m -any --old-rec-tag OLD_REC --force -a",
            "--atomize --atom-overlaps . --old-rec-tag OLD_REC",
            "--atomize --old-rec-tag OLD_REC",
        )
    },
    **{
        ("atomize.split.2.vcf", options): _ATOMIZE
        for options in (
            "--atomize --old-rec-tag OLD_REC",
            "--atomize --atom-overlaps . --old-rec-tag OLD_REC",
        )
    },
}

_UNKNOWN_LENGTH = "1\t{}\t.\tC\t<DEL>\t.\t.\t."
DIFFERENT = {"norm.merge.4.vcf": (_UNKNOWN_LENGTH.format(2), _UNKNOWN_LENGTH.format(1))}
"""bcftools puts a <DEL> of unknown length at the start of its contig: ours, theirs."""

_SPLIT_AND_ALIGNED = ("norm.split.vcf", "norm.fa", "norm.split.and.norm.out", "-m-")

# Calls of one run share a process; each has a fork of it, as pysam keeps what was set.
_BCFTOOLS = """
import json, os, sys
import pysam.bcftools as b
for args in json.load(sys.stdin):
    child = os.fork()
    if not child:
        getattr(b, args[0])(*args[1:], catch_stdout=False)
        os._exit(0)
    if os.waitpid(child, 0)[1]:
        sys.exit(f"failed: {args}")
"""


def rows(folder: Path) -> list[tuple[str, str, str, str]]:
    lines = (folder / "CASES.tsv").read_text().splitlines()[1:]
    cells = [line.split("\t") for line in lines]
    return [(c[0], c[1], c[2], c[3].strip()) for c in cells]


def bcftools(jobs: list[list[str]]) -> None:
    done = subprocess.run(
        [sys.executable, "-c", _BCFTOOLS],
        input=json.dumps(jobs),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]


def records(path: Path) -> Counter[str]:
    """Data lines, letters in one case, without the tag of the original record."""
    lines = [x for x in path.read_text().split("\n") if x and x[0] != "#"]
    out = []
    for line in lines:
        cells = line.split("\t")
        info = [item for item in cells[7].split(";") if not item.startswith("ORI=")]
        cells[7] = ";".join(info) or "."
        out.append("\t".join(cells))
    return without_case(out)


def fasta_of(folder: Path, name: str, reference: str, out: Path) -> None:
    """Copy the case's FASTA, or make one in which every REF fits."""
    if not reference:
        reference_of(folder / name, out)
        return
    # One of the files has a line of digits, which is not FASTA.
    out.write_text((folder / reference).read_text().replace("12345678\n", ""))


def test_every_row_is_run_or_has_a_reason(data_dir: Path) -> None:
    table = rows(data_dir / "normalise" / "bcftools")
    assert len(table) == 50
    known = [(r[0], r[3]) for r in table if r != _SPLIT_AND_ALIGNED]
    assert not set(RUN) & set(NOT_RUN)
    assert Counter(known) == Counter([*RUN, *NOT_RUN])


def test_rows_equal_upstream_and_bcftools(data_dir: Path, tmp_path: Path) -> None:
    folder = data_dir / "normalise" / "bcftools"
    jobs, pairs = [], []
    made: dict[tuple[str, str, str], Path] = {}
    table = rows(folder)
    for name, reference in dict.fromkeys((r[0], r[1]) for r in table):
        here = tmp_path / str(len(made))
        here.mkdir()
        fasta = here / "ref.fa"
        fasta_of(folder, name, reference, fasta)
        for multi in ("0", "."):
            at = made[name, reference, multi] = here / f"multi{multi}"
            at.mkdir()
            run(folder / name, fasta, at / "ours.vcf.gz", "--multi-overlaps", multi)
            jobs += [
                ["view", "-o", str(at / "ours"), str(at / "ours.vcf.gz")],
                [
                    "norm",
                    "-m-",
                    "--multi-overlaps",
                    multi,
                    "--force",
                    "-c",
                    "x",
                    "-f",
                    str(fasta),
                    "-o",
                    str(at / "theirs"),
                    str(folder / name),
                ],
            ]
            pairs.append((at / "ours", at / "theirs", (name, "bcftools 1.24")))
    n_upstream = 0
    for i, row in enumerate(table):
        name, reference, expected, options = row
        kind = EXACT if row == _SPLIT_AND_ALIGNED else RUN.get((name, options))
        if kind is None:
            continue
        n_upstream += 1
        multi = "." if options.endswith("--multi-overlaps .") else "0"
        at = made[name, reference, multi]
        align = ["-c", "x", "-f", str(at.parent / "ref.fa")]
        rest = {
            EXACT: ["view"],
            UNALIGNED: ["norm", *align],
            JOINED: ["norm", "-m-", "--multi-overlaps", multi, *align],
        }
        upstream = at / f"upstream{i}"
        jobs.append([*rest[kind], "-o", str(upstream), str(folder / expected)])
        pairs.append((at / "ours", upstream, row))
    assert n_upstream == len(RUN) + 1 == 14
    bcftools(jobs)
    for given, wanted, what in pairs:
        ours, theirs = records(given), records(wanted)
        if what[0] in DIFFERENT:
            mine, other = DIFFERENT[what[0]]
            assert (ours - theirs, theirs - ours) == (Counter([mine]), Counter([other]))
        else:
            assert ours == theirs, what
