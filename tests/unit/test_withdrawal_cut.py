"""A file without some people, beside a slow reader in plain Python."""

import gzip
import random
import subprocess
import sys
from collections.abc import Callable, Collection, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from cut_files import NAMES, make_file
from slow_without import without

from varhouse.bgzf import BgzfStream
from varhouse.errors import InputError, UsageError
from varhouse.vcf.blocks import TextBlock
from varhouse.vcf.text.otherformats import vcf_kind
from varhouse.withdrawal import cut
from varhouse.withdrawal.cut import CutFacts, cut_file

HEADER = """\
##fileformat=VCFv4.2
##SAMPLE=<ID=B>
##caller=--bam /data/B.bam
##INFO=<ID=AC,Number=A,Type=Integer,Description="Copies, also of B">
##INFO=<ID=CSQ,Number=.,Type=String,Description="Format: Allele|Consequence|Gene">
##FORMAT=<ID=GT,Number=1,Type=String,Description="Genotype">
##FORMAT=<ID=AD,Number=R,Type=Integer,Description="Depth">
##FORMAT=<ID=PL,Number=G,Type=Integer,Description="Likelihoods">
"""
FIXED = "#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\tFORMAT"
RECORDS = """\
1 10 . A C,G . . AC=1,1;AF=0.2,0.2;AN=6;CSQ=C|x|y,G|a|b GT:AD:PL \
0/1:1,2,3:1,2,3,4,5,6 0/2:1,2,3:1,2,3,4,5,6 0/0:1,2,3:1,2,3,4,5,6
1 11 . A C,G . . AC=1,1;AN=6 GT:AD:PL \
0/2:1,2,3:1,2,3,4,5,6 0/1:1,2,3:1,2,3,4,5,6 2:1,2,3:1,2,3
1 12 . A C . . AC=1 GT 0/0 0/1 0/0
"""


def text_without(text: str, goes: Collection[str], folder: Path) -> str:
    """Cut people from the text of a file."""
    source, out = folder / "in.vcf", folder / "out.vcf"
    source.write_bytes(text.encode())
    cut_file(source, out, goes)
    return out.read_bytes().decode()


def names_of(text: str) -> list[str]:
    line = next(ln for ln in text.splitlines() if ln.startswith("#CHROM"))
    return line.split("\t")[9:]


def some_of(text: str, seed: int) -> list[str]:
    """Choose who goes: not everybody."""
    names = names_of(text)
    return random.Random(seed).sample(names, random.Random(seed).randrange(len(names)))


def test_a_person_leaves_with_what_only_they_have(tmp_path: Path) -> None:
    source, out = tmp_path / "a.vcf", tmp_path / "b.vcf"
    source.write_text(f"{HEADER}{FIXED}\tA\tB\tC\n{RECORDS.replace(' ', chr(9))}")
    facts = cut_file(source, out, ["B", "nobody"])
    assert facts == CutFacts(2, 1, 3, 1, 2, 2, 0)
    lines = out.read_text().replace("\t", " ").splitlines()
    assert lines[1].endswith('Description="Copies, also of removed">')
    assert lines[-3:] == [
        f"{FIXED} A C".replace("\t", " "),
        "1 10 . A C . . AC=1;AF=0.25;AN=4;CSQ=C|x|y GT:AD:PL 0/1:1,2:1,2,3 0/0:1,2:1,2,3",
        "1 11 . A G . . AC=2;AN=3 GT:AD:PL 0/1:1,3:1,4,6 1:1,3:1,3",
    ]


@pytest.mark.parametrize("first", range(0, 400, 50))
def test_made_files_are_cut_as_the_slow_reader_does(first: int, tmp_path: Path) -> None:
    for seed in range(first, first + 50):
        text = make_file(seed)
        goes = some_of(text, seed)
        assert text_without(text, goes, tmp_path) == without(text, set(goes)), seed


def is_even(text: str) -> bool:
    """Tell whether all lines have the columns of the header: else nothing is stored of it."""
    lines = [ln for ln in text.splitlines() if not ln.startswith("##")]
    return len({ln.count("\t") for ln in lines}) == 1


def test_one_after_the_other_is_all_at_once(tmp_path: Path) -> None:
    n = 0
    for seed in range(150):
        text = make_file(seed)
        goes = some_of(text, seed)
        if not is_even(text) or len(goes) < 2:
            continue
        n += 1
        at_once = text_without(text, goes, tmp_path)
        for name in goes:
            text = text_without(text, [name], tmp_path)
        assert text == at_once, seed
    assert n > 20


def test_batches_do_not_matter(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def lines(source: Path, *_: Any) -> Iterator[TextBlock]:
        data, at = source.read_bytes(), 0
        while at < len(data):
            end = at
            for _ in range(random.Random(at).choice([1, 1, 2, 7])):
                end = data.find(b"\n", end) + 1 or len(data)
                if end == len(data):
                    break
            ended = data[at:end].endswith(b"\n")
            yield TextBlock(data[at:end] if ended else data[at:end] + b"\n", at, ended)
            at = end

    for seed in range(60):
        text = make_file(seed)
        whole = text_without(text, some_of(text, seed), tmp_path)
        with monkeypatch.context() as patch:
            patch.setattr(cut, "iter_text", lines)
            assert text_without(text, some_of(text, seed), tmp_path) == whole, seed


def test_nobody_who_goes_leaves_all_bytes(tmp_path: Path) -> None:
    for seed in range(20):
        assert text_without(make_file(seed), [], tmp_path) == make_file(seed)


def test_columns_may_be_chosen_by_a_function(tmp_path: Path) -> None:
    source, out = tmp_path / "a.vcf", tmp_path / "b.vcf"
    source.write_text(f"{HEADER}{FIXED}\tA\tB\tC\n{RECORDS.replace(' ', chr(9))}")
    cut_file(source, out, lambda names: np.array([n == "A" for n in names]))
    assert names_of(out.read_text()) == ["B", "C"]


def wide_file(people: int = 300, records: int = 200) -> str:
    """Make a file of many people, most of whom have the same genotype."""
    rng = random.Random(1)
    names = [f"P{k}" for k in range(people)]
    lines = [HEADER + "\t".join([FIXED, *names])]
    for pos in range(1, records + 1):
        mark, form = rng.choice("/|"), rng.choice(["GT", "GT", "GT:DP", "DP:GT"])
        rate = rng.choice([0.002, 0.05, 0.5])
        cells = []
        for _ in names:
            gt = mark.join(rng.choice("12.") if rng.random() < rate else "0" for _ in "ab")
            cells.append(":".join({"GT": gt, "DP": "30"}[k] for k in form.split(":")))
        lines.append(
            "\t".join(["1", str(pos), ".", "A", "C,G", ".", ".", "AC=1,2;AN=9", form, *cells])
        )
    return "\n".join(lines) + "\n"


@pytest.mark.parametrize("ending", ["vcf", "vcf.gz"])
def test_many_people_and_packed_files(ending: str, tmp_path: Path) -> None:
    text, goes = wide_file(), [f"P{k}" for k in (0, 1, 17, 64, 65, 66, 298, 299)]
    source, out = tmp_path / f"in.{ending}", tmp_path / f"out.{ending}"
    with source.open("wb") as file:
        packed = BgzfStream(file)
        packed.write(text.encode())
        packed.finish()
    if ending == "vcf":
        source.write_text(text)
    cut_file(source, out, goes)
    read: Callable[..., Any] = gzip.open if ending == "vcf.gz" else open
    with read(out, "rt") as made:
        assert made.read() == without(text, set(goes))


def test_of_a_bcf_the_text_is_cut_that_htslib_makes(tmp_path: Path) -> None:
    text = wide_file(20, 30).replace("##INFO=<ID=AC", "##contig=<ID=1>\n##INFO=<ID=AC")
    text = text.replace(
        "##INFO=<ID=CSQ",
        '##INFO=<ID=AN,Number=1,Type=Integer,Description="x">\n##INFO=<ID=CSQ',
    )
    text = text.replace(
        "##FORMAT=<ID=AD",
        '##FORMAT=<ID=DP,Number=1,Type=Integer,Description="x">\n##FORMAT=<ID=AD',
    )
    (tmp_path / "in.vcf").write_text(text)
    view = "import sys, pysam.bcftools as b; b.view(*sys.argv[1:], catch_stdout=False)"
    for kind, source, out in (("-Ob", "in.vcf", "in.bcf"), ("-Ov", "in.bcf", "back.vcf")):
        words = ["--no-version", kind, "-o", str(tmp_path / out), str(tmp_path / source)]
        subprocess.run([sys.executable, "-c", view, *words], check=True)
    cut_file(tmp_path / "in.bcf", tmp_path / "out.vcf", ["P3", "P4"])
    back = (tmp_path / "back.vcf").read_text()
    assert (tmp_path / "out.vcf").read_text() == without(back, {"P3", "P4"})


@pytest.mark.parametrize("name", ["b", "b.gvcf.gz", "b.bcf"])
def test_a_file_of_another_name_is_bgzf(tmp_path: Path, name: str) -> None:
    source = tmp_path / "a.vcf"
    source.write_text(f"{HEADER}{FIXED}\tA\tB\n")
    cut_file(source, tmp_path / name, ["A"])
    data = (tmp_path / name).read_bytes()
    assert vcf_kind(tmp_path / name) == "bgzf"
    assert gzip.decompress(data).decode() == without(source.read_text(), {"A"})


def test_nobody_left_is_no_file(tmp_path: Path) -> None:
    source = tmp_path / "a.vcf"
    source.write_text(f"{HEADER}{FIXED}\tA\tB\n")
    with pytest.raises(UsageError, match="nobody"):
        cut_file(source, tmp_path / "b.vcf", ["A", "B"])
    source.write_text("##fileformat=VCFv4.2\n1\t2\n")
    with pytest.raises(InputError, match="#CHROM"):
        cut_file(source, tmp_path / "b.vcf", ["A"])
    assert [p.name for p in tmp_path.iterdir()] == ["a.vcf"]


def test_names_of_the_made_files_are_words_of_their_headers() -> None:
    headers = make_file(0).split("#CHROM")[0]
    assert sum(name in headers for name in NAMES) > 4
