"""The page on what each number means says what is counted, with right arithmetic."""

import ast
import math
import operator
import re
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from varhouse.onefile.frequencies import frequencies
from varhouse.tables.formulas import NORMAL_QUANTILE, filtering_frequency, hardy_weinberg
from varhouse.tables.statistics import FREQUENCIES, STATISTICS, made_of, statistics_of

PAGE = (Path(__file__).parents[2] / "docs" / "numbers.md").read_text()
HEADING = re.compile(r"\| column \|.*\| example: (\w+):(\d+) \| value \|")
ROW = re.compile(r"\| `(\w+)` \| .* \| `([^`]+)` \| ([0-9.]+) \|")
OPERATORS = {ast.Add: operator.add, ast.Sub: operator.sub, ast.Mult: operator.mul,
             ast.Div: operator.truediv}  # fmt: skip


def worked(text: str) -> float:
    """Work out a sum of the page."""

    def value(node: ast.AST) -> float:
        if isinstance(node, ast.BinOp):
            return OPERATORS[type(node.op)](value(node.left), value(node.right))
        assert isinstance(node, ast.Constant), text
        return node.value

    return value(ast.parse(text, mode="eval").body)


def examples() -> list[tuple[str, str, int, str, float]]:
    """List (column, contig, pos, sum, value) of the tables of the page."""
    out, place = [], ("", 0)
    for line in PAGE.splitlines():
        if heading := HEADING.fullmatch(line):
            place = (heading[1], int(heading[2]))
        elif row := ROW.fullmatch(line):
            out.append((row[1], *place, row[2], float(row[3])))
    return out


@pytest.fixture(scope="module")
def fx_rows(tmp_path_factory: pytest.TempPathFactory) -> pl.DataFrame:
    folder = tmp_path_factory.mktemp("numbers")
    vcf = re.search(r"```vcf\n(.*?)```", PAGE, re.DOTALL)[1]
    lines = [x if x.startswith("##") else x.replace(" ", "\t") for x in vcf.splitlines()]
    (folder / "page.vcf").write_text("\n".join(lines) + "\n")
    people = [f"page\t{s}{i}\t{sex}" for s, sex in (("w", "female"), ("m", "male"))
              for i in range(1, 6)]  # fmt: skip
    (folder / "samples.tsv").write_text("\n".join(["cohort\tsample\tsex", *people]) + "\n")
    return frequencies(folder / "page.vcf", samples=folder / "samples.tsv").frame


@pytest.mark.parametrize(("column", "contig", "pos", "how", "value"), examples())
def test_an_example(fx_rows, column: str, contig: str, pos: int, how: str, value: float):
    found = fx_rows.filter(contig=contig, pos=pos)[column].item()
    assert found == pytest.approx(value, rel=3e-8)
    assert worked(how) == pytest.approx(value, rel=3e-8)


def test_every_column_has_an_example():
    told = {e[0] for e in examples()}
    assert {s.name for s in statistics_of(FREQUENCIES)} == told
    assert all(f"`{s.name}`" in PAGE for s in STATISTICS)


@pytest.mark.parametrize("level", [0.95, 0.99])
def test_filtering_frequencies_are_quantiles(level: float) -> None:
    """So many copies or more are seen with 5 % or 1 % at that frequency: a sum of Poisson."""
    acs = np.array([2, 3, 5, 10, 37, 170])
    for ac, mean in zip(acs, filtering_frequency(acs, np.ones_like(acs), level), strict=True):
        fewer = sum(
            math.exp(-mean + k * math.log(mean) - math.lgamma(k + 1)) for k in range(ac)
        )
        assert 1 - fewer == pytest.approx(1 - level, rel=1e-9)
    none = filtering_frequency(np.array([0, 1, 2]), np.array([9, 9, 0]), level)
    assert none.tolist() == [0, 0, 0]


@pytest.mark.parametrize("level", [0.95, 0.99])
def test_filtering_frequencies_of_millions_of_copies(level: float) -> None:
    """Against the expansion of Cornish and Fisher, which is the better the more copies."""
    acs = np.unique(np.geomspace(10_000, 2**31 - 1, 200).astype(np.int64))
    z, a = -NORMAL_QUANTILE[level], acs.astype(np.float64)
    wanted = (
        a
        + z * np.sqrt(a)
        + (z**2 - 1) / 3
        + (z**3 - 7 * z) / (36 * np.sqrt(a))
        - (3 * z**4 + 7 * z**2 - 16) / (810 * a)
    )
    # Twice: what is kept of a count is not taken for another one.
    twice = np.concatenate([acs, acs[::-1]])
    found = filtering_frequency(twice, np.full_like(twice, 2**31 - 1), level) * (2**31 - 1)
    assert found[: acs.size].tolist() == found[acs.size :][::-1].tolist()
    assert np.abs(found[: acs.size] / wanted - 1).max() < 1e-9
    assert (np.diff(found[: acs.size]) > 0).all()


@pytest.mark.parametrize("most", [3, 100, 100_000])
def test_every_count_has_a_probability(most: int) -> None:
    """Neither NaN nor below 0 or above 1, and the mid-p no greater than the plain one."""
    rng = np.random.default_rng(most)
    n = rng.integers(1, most + 1, 3_000)
    # Among them nobody, everybody, and nearly everybody heterozygous or homozygous.
    share = rng.choice([0, 1, 0.5, 0.999, 0.001], 3_000) * rng.choice([1, rng.random()], 3_000)
    het = (share * n).astype(np.int64)
    hom = ((n - het) * rng.choice([0, 1, 0.5, 0.25, 0.01], 3_000)).astype(np.int64)
    plain, mid = hardy_weinberg(het, hom, n)
    assert (plain >= 0).all()
    assert (plain <= 1).all()
    assert (mid >= 0).all()
    assert (mid <= plain).all()
    # The other allele's copies have the same test, and where all alleles are equal: 1.
    other = hardy_weinberg(het, n - het - hom, n)
    assert np.allclose(other, (plain, mid), rtol=1e-12, atol=0)
    equal = (het == 0) & ((hom == 0) | (hom == n))
    assert equal.any()
    assert (plain[equal] == 1).all()
    assert (mid[equal] == 0.5).all()


def test_no_coefficient_where_all_alleles_are_equal() -> None:
    counts = {
        "n_het": [0, 0, 0, 4, 1],
        "n_hom_alt": [0, 5, 0, 0, 2],
        "n_samples": [5, 5, 0, 4, 5],
    }
    none = dict.fromkeys(("n_missing", "n_not_diploid"), [0] * 5)
    none |= dict.fromkeys(("n_het_not_diploid", "n_hom_alt_not_diploid"), [0] * 5)
    rows = pl.DataFrame(counts | none, schema=dict.fromkeys({**counts, **none}, pl.Int32))
    found = rows.select(made_of(FREQUENCIES)["inbreeding"]).to_series().to_list()
    assert found == [None, None, None, -1, pytest.approx(1 - 1 / (2 * 0.5 * 0.5 * 5))]


def test_exact_tests_are_sums_over_all_tables() -> None:
    """Every number of heterozygotes, in whole numbers."""
    rng = np.random.default_rng(5)
    for n in (1, 2, 7, 30, 61):
        for _ in range(20):
            copies = int(rng.integers(0, 2 * n + 1))
            het = int(rng.choice(range(copies % 2, min(copies, 2 * n - copies) + 1, 2)))

            def ways(h: int, n: int = n, copies: int = copies) -> int:
                return math.comb(n, h) * math.comb(n - h, (copies - h) // 2) * 2**h

            tables = [ways(h) for h in range(copies % 2, min(copies, 2 * n - copies) + 1, 2)]
            seen = ways(het)
            tail = sum(w for w in tables if w <= seen)
            equal = sum(w for w in tables if w == seen)
            found = hardy_weinberg(*(np.array([x]) for x in (het, (copies - het) // 2, n)))
            assert found[0][0] == pytest.approx(tail / sum(tables), rel=1e-12)
            assert found[1][0] == pytest.approx((tail - equal / 2) / sum(tables), rel=1e-12)


def test_tests_of_a_hundred_thousand_people() -> None:
    """Far from what is likely a p is small, not 0; near it nothing overflows."""
    n = np.array([100_000, 100_000, 100_000])
    plain, mid = hardy_weinberg(
        np.array([50_000, 48_000, 0]), np.array([25_000, 26_000, 1]), n
    )
    assert plain[0] == pytest.approx(1)
    assert 0.99 < mid[0] < 1
    # 12.65 standard deviations of the normal distribution, on both sides.
    assert 1e-37 < plain[1] < 1e-35
    assert plain[2] == pytest.approx(1 / (2 * n[2] - 1), rel=1e-9)
    assert np.isnan(hardy_weinberg(np.array([0, 3]), np.array([0, 0]), np.array([0, 2]))).all()
