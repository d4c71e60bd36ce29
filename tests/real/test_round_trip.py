"""Nothing lost: every readable VCF of the shared folders comes back as it went in.

Files are found by their content or their name. VARHOUSE_ROUND_TRIP=all takes the files of
the validators' corpora too that are wrong on purpose (folders `failed`); most go in.

A file that is held back for its version 4.0, its order or its last line goes in as a copy
that is mended in nothing else.
"""

import bz2
import gzip
import json
import os
import re
import subprocess
import sys
from collections import Counter, defaultdict
from pathlib import Path

import pytest
from inprocess import ingest_here

import varhouse
from varhouse.export import export_cohort

pytestmark = pytest.mark.real

_BCF_TEXT = "import sys, pysam.bcftools as b; b.view('--no-version', sys.argv[1], '-o', sys.argv[2], catch_stdout=False)"  # noqa: E501
ENDINGS = (".vcf", ".vcf.gz", ".vcf.bgz", ".bcf", ".vcf.bz2")
HELD = {
    "data": {
        "VH-B-001": 4, "VH-F-011": 2, "VH-F-032": 12, "VH-H-001": 4, "VH-H-002": 3,
        "VH-H-004": 1,
    },
    "oracles": {
        "VH-F-031": 8, "VH-F-032": 16, "VH-F-033": 1, "VH-H-001": 14, "VH-H-002": 10,
        "GT of more than": 1,
    },
}  # fmt: skip
"""Files that are held back, by the code of their first reason: columns that are not those of
the header, empty, a gVCF without genotypes, with those of variants taken away, with an END
before POS or a GT of eight alleles, no ##fileformat, no #CHROM line as it should be, a
sample twice."""
MENDED = {"data": 60, "oracles": 34}
"""Files that are mended; four of them are held back all the same."""


def is_vcf(path: Path) -> bool:
    """Whether a file is VCF or BCF by its first bytes."""
    try:
        with path.open("rb") as f:
            head = f.read(64)
        if head[:2] == b"\x1f\x8b":
            with gzip.open(path) as f:
                head = f.read(64)
    except (OSError, EOFError):
        return False
    return head.removeprefix(b"\xef\xbb\xbf").startswith((b"##fileformat=VCF", b"BCF\x02"))


def find_files(data_dir: Path) -> list[Path]:
    whole = os.environ.get("VARHOUSE_ROUND_TRIP") == "all"
    return [
        p
        for p in sorted(data_dir.rglob("*"))
        if p.is_file()
        and (whole or "/failed/" not in p.as_posix())
        and (p.name.endswith(ENDINGS) or is_vcf(p))
    ]


def read_text(path: Path, tmp: Path) -> str | None:
    """The text of a file by the plainest means; None where it has none."""
    try:
        if path.name.endswith((".bcf", ".bcf.gz", ".bcf.bgzf")):
            out = tmp / "bcf.vcf"
            subprocess.run(
                [sys.executable, "-c", _BCF_TEXT, str(path), str(out)],
                check=True,
                capture_output=True,
            )
            return out.read_bytes().decode("utf-8", "replace")
        with path.open("rb") as f:
            head = f.read(3)
        if head == b"BZh":
            return bz2.decompress(path.read_bytes()).decode("utf-8", "replace")
        if head[:2] == b"\x1f\x8b":
            return gzip.decompress(path.read_bytes()).decode("utf-8", "replace")
        return path.read_bytes().decode("utf-8", "replace")
    except (OSError, EOFError, subprocess.CalledProcessError):
        return None


def cells_of(line: str) -> tuple[str, ...]:
    """What must come back of a record: its columns, QUAL as a number, and every cell."""
    cells = line.rstrip("\r").split("\t", 9)
    fixed = cells[:8] + ["."] * (8 - len(cells))
    if fixed[5] != ".":
        fixed[5] = repr(float(fixed[5]))
    if len(cells) < 10:
        return tuple(fixed)
    keys, calls = cells[8].split(":"), cells[9].split("\t")
    # An empty sample column (VH-M-011) says no more than a missing genotype, and neither does
    # a GT that was dropped behind other fields.
    place = keys.index("GT") if "GT" in keys else 0
    if place:
        calls = [c + ":." if c.count(":") == place - 1 else c for c in calls]
    return (*fixed, cells[8], "\t".join(c or "." for c in calls))


def records(text: str) -> list[tuple[int, str]]:
    """1-based line number and text of each record."""
    lines = text.removeprefix("\ufeff").split("\n")
    return [(i, ln) for i, ln in enumerate(lines, 1) if ln.strip() and not ln.startswith("#")]


def mended(text: str) -> str:
    """Mend version 4.0, the order of records and the end of the last line."""
    text = text.replace("##fileformat=VCFv4.0", "##fileformat=VCFv4.1", 1)
    text += "" if text.endswith("\n") else "\n"
    found = records(text)
    ranks: dict[str, int] = {}
    keys = []
    for _, line in found:
        contig, pos, *_ = [*line.split("\t", 2), ""]
        keys.append((ranks.setdefault(contig, len(ranks)), int(pos) if pos.isdigit() else -1))
    if keys == sorted(keys) or -1 in {pos for _, pos in keys}:
        return text
    lines = text.split("\n")
    order = sorted(range(len(keys)), key=keys.__getitem__)
    for (number, _), k in zip(found, order, strict=True):
        lines[number - 1] = found[k][1]
    return "\n".join(lines)


@pytest.fixture(scope="module", params=["data", "oracles"])
def fx_everything(request, tmp_path_factory):
    """A store of every file, each a cohort of its own; the assembly names all contigs.

    The reference holds one N of each contig, so that no REF can be checked: whether REF
    fits is not what is tested here.
    """
    data_dir = request.getfixturevalue(f"{request.param}_dir")
    folder = tmp_path_factory.mktemp("everything")
    texts: dict[str, str] = {}
    paths: dict[str, Path] = {}
    contigs: dict[str, None] = {}
    for path in find_files(data_dir):
        text = read_text(path, folder)
        if text is None:
            continue
        name = f"c{len(texts):04d}"
        texts[name], paths[name] = mended(text), path
        if texts[name] != text and text:
            paths[name] = folder / f"{name}.{path.name.split('.')[0]}.vcf"
            paths[name].write_text(texts[name], encoding="utf-8", newline="")
        for _, line in records(text):
            contigs.setdefault(line.split("\t", 1)[0].strip())
    names = [c for c in contigs if c and not any(x.isspace() or x in ">," for x in c)]
    (folder / "n.fa").write_text("".join(f">{c}\nN\n" for c in names))
    (folder / "aliases.tsv").write_text(
        "contig\talias\taccession\tlength\trefget\n"
        + "".join(f"{c}\t\t\t2000000000\t\n" for c in names)
    )
    (folder / "cohorts.tsv").write_text(
        "cohort\tfiles\n" + "".join(f"{c}\t{p}\n" for c, p in paths.items())
    )
    config = {
        "assembly": {"name": "any", "reference": "n.fa", "aliases": "aliases.tsv"},
        "cohorts": "cohorts.tsv",
        "policy": {
            "partial_reference": True,
            "unchecked_ref": "store",
            "max_ref_mismatch_rate": 1.0,
            "unlisted_samples": "unknown",
        },
    }
    (folder / "config.yaml").write_text(json.dumps(config))
    account = ingest_here(folder / "store", folder / "config.yaml")
    return varhouse.open(folder / "store"), texts, paths, account, folder, request.param


def header_lines(text: str) -> set[str]:
    """Give the header lines, without blanks before a closing quote: htslib drops those."""
    lines = (ln.rstrip("\r") for ln in text.split("\n") if ln.startswith("##"))
    return {re.sub(r"\s+\">$", '">', ln) for ln in lines}


def reason_of(text: str) -> str:
    """Give the code of a reason, or its words without names and numbers."""
    code = re.search(r"VH-[A-Z]-\d+", text)
    return code[0] if code else re.split(r"[;:(0-9]", text)[0].strip()


def test_every_file_comes_back(fx_everything):
    store, texts, paths, account, folder, name = fx_everything
    inside = store.scan("cohorts").select("cohort").collect()["cohort"].to_list()
    held = {h["cohort"] for h in account["held_back"]}
    assert held | set(inside) == set(texts)
    reasons = Counter(reason_of(h["reasons"][0]) for h in account["held_back"])
    if os.environ.get("VARHOUSE_ROUND_TRIP") != "all":
        assert reasons == HELD[name]
        assert sum(p.parent == folder for p in paths.values()) == MENDED[name]
    rejected: dict[str, set[int]] = defaultdict(set)
    whole = store.scan("rejects").select("cohort", "line", "alt_index").collect()
    for cohort, line, alt in whole.rows():
        if alt is None:
            rejected[cohort].add(line)
    wrong = {}
    n_records = 0
    for cohort in inside:
        out = folder / f"{cohort}.vcf"
        export_cohort(store, cohort, out)
        got_text = out.read_bytes().decode()
        out.unlink()
        lines = records(texts[cohort])
        asked = [cells_of(ln) for i, ln in lines if i not in rejected[cohort]]
        got = [cells_of(ln) for _, ln in records(got_text)]
        n_records += len(asked)
        lost = Counter(asked) - Counter(got)
        more = Counter(got) - Counter(asked)
        if lost or more:
            wrong[paths[cohort].as_posix()] = (list(lost)[:1], list(more)[:1])
        gone = header_lines(texts[cohort]) - header_lines(got_text)
        if gone:
            wrong[paths[cohort].as_posix() + " header"] = list(gone)[:2]
    assert not wrong, f"{len(wrong)} of {len(inside)}: " + json.dumps(wrong, indent=1)[:6000]
    assert n_records > {"data": 250_000, "oracles": 100_000}[name]
