"""A person's figures from what the steps have left, against numpy and values by hand."""

import json
import statistics
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from varhouse.errors import InputError
from varhouse.genome.contigs import Contig, Contigs
from varhouse.genome.haploid import HaploidRegions
from varhouse.reads.figures import BY_NAME, FIGURES, LIMITS, Limit, find_flags
from varhouse.reads.metrics import CORE, person_metrics
from varhouse.reads.model import Lane, Person
from varhouse.reads.sexcheck import SexByReads

CONTIGS = Contigs([Contig("chr1"), Contig("chr2"), Contig("chrX"), Contig("chrM")])
HAPLOID = HaploidRegions(CONTIGS, None)
LANE = Lane("c", "p", "1", "lib", "ILLUMINA", "pairs", ["a", "b"])
MALE = SexByReads("male", "XY", 0.51, 0.42, 800.0, "X 0.51, Y 0.42 of autosomes: XY")


def finished(**changes: Any) -> dict[str, Any]:
    return {
        "reads": 20_000,
        "mapped": 19_800,
        "paired": 20_000,
        "proper": 19_000,
        "duplicates": 1980,
        "optical": 198,
        "library_size": 123_456,
        "insert_sizes": {"300": 5, "301": 5, "310": 1, "9000": 1},
        "contigs": {"chr1": 15_000, "chrX": 4800},
        "bases": 3_000_000,
        "mapped_bases": 2_900_000,
        "mismatches": 5800,
        "quality_sum": 3_000_000 * 35,
        "tools": [{"step": "duplicates"}],
    } | changes


def region(contig: str, depths: Any, **changes: Any) -> dict[str, Any]:
    calls = {"snvs": 10, "indels": 2, "ti": 6, "tv": 4, "het": 8, "hom_alt": 4}
    return {"contig": contig, "depths": depths, "calls": 15, "filtered": 3} | calls | changes


def metrics(
    data: dict[str, Any] | None = None,
    regions: list[dict[str, Any]] | None = None,
    panel: pl.DataFrame | None = None,
    *,
    sex: SexByReads | None = MALE,
    lanes: list[dict[str, Any]] | None = None,
    autosomes: list[str] | None = None,
) -> dict[str, Any]:
    regions = [region("chr1", [1, 2, 3])] if regions is None else regions
    found = person_metrics(
        Person("c", "p", "male", [LANE]),
        lanes or [],
        finished() if data is None else data,
        regions,
        panel,
        haploid=HAPLOID,
        sex=sex,
        autosomes=autosomes,
    )
    assert list(found["figures"]) == [f.name for f in FIGURES]
    assert json.loads(json.dumps(found, allow_nan=False)) == found
    return found


def test_figures_of_reads() -> None:
    own = metrics()["figures"]
    assert own["reads"] == 20_000
    assert own["bases"] == 3_000_000
    assert own["mapped"] == pytest.approx(0.99)
    assert own["proper"] == pytest.approx(0.95)
    assert own["duplicates"] == pytest.approx(0.1)
    assert own["optical"] == pytest.approx(0.01)
    assert own["library_size"] == 123_456
    assert own["error_rate"] == pytest.approx(0.002)
    assert own["mean_quality"] == pytest.approx(35)
    assert own["reads_trimmed"] is None


def test_reads_trimmed_are_of_the_lanes_that_were_read_here() -> None:
    lanes: list[dict[str, Any]] = [
        {"lane": "1", "reads_in": 100, "reads_trimmed": 5, "facts": {"n_reads": 100}},
        {"lane": "2", "reads_in": 300, "reads_trimmed": 15},
        {"lane": "3", "reads_in": 500},
    ]
    found = metrics(lanes=lanes)
    assert found["figures"]["reads_trimmed"] == pytest.approx(0.05)
    assert [lane["lane"] for lane in found["lanes"]] == ["1", "2", "3"]
    assert found["lanes"][0]["reads"] == 100


def test_insert_sizes_as_numpy_has_them() -> None:
    rng = np.random.default_rng(1)
    core = rng.normal(350, 60, 4001).round().astype(int)
    sizes = np.concatenate([core, rng.integers(5000, 900_000, 99)])
    values, n = np.unique(sizes, return_counts=True)
    shuffled = rng.permutation(len(values))
    counts = {str(values[i]): int(n[i]) for i in shuffled}
    own = metrics(finished(insert_sizes=counts))["figures"]
    median = statistics.median(sizes.tolist())
    mad = statistics.median(np.abs(sizes - median).tolist())
    inside = sizes[np.abs(sizes - median) <= CORE * mad]
    assert own["insert_median"] == median
    assert own["insert_mad"] == mad
    assert own["insert_mean"] == pytest.approx(inside.mean())
    assert own["insert_sd"] == pytest.approx(inside.std())
    even = metrics(finished(insert_sizes={"100": 1, "201": 1}))["figures"]
    assert even["insert_median"] == 150.5


def test_coverage_is_of_autosomes_and_adds_up_over_regions() -> None:
    rng = np.random.default_rng(2)
    one, two = rng.poisson(25, 5000), rng.poisson(12, 3000)
    every = np.concatenate([one, two])
    regions = [
        region("chr1", np.bincount(one).tolist()),
        region("chr2", {str(d): int(n) for d, n in enumerate(np.bincount(two)) if n}),
        region("chrX", {"3": 1000}),
        region("chrM", {"5000": 16_569}),
    ]
    found = metrics(regions=regions)
    own = found["figures"]
    assert own["mean_coverage"] == pytest.approx(every.mean())
    assert own["median_coverage"] == statistics.median(every.tolist())
    off = np.abs(every - own["median_coverage"]).tolist()
    assert own["mad_coverage"] == statistics.median(off)
    for depth in (1, 10, 15, 20, 30):
        assert own[f"at_{depth}x"] == pytest.approx((every >= depth).mean())
    assert found["coverage"][:2] == [1.0, pytest.approx((every >= 1).mean(), abs=1e-6)]
    assert len(found["coverage"]) == every.max() + 1
    contigs = {c["contig"]: c for c in found["contigs"]}
    assert contigs["chrM"] == {
        "contig": "chrM", "bases": 16_569, "reads": None, "coverage": 5000.0,
    }  # fmt: skip
    assert contigs["chr1"]["reads"] == 15_000
    only = metrics(regions=regions, autosomes=["chr2"])["figures"]
    assert only["mean_coverage"] == pytest.approx(two.mean())


def test_figures_of_calls() -> None:
    charr = {"sites": 60, "ref_reads": 20, "reads": 3000}
    regions = [
        region("chr1", [1], charr=charr),
        region("chr2", [1], charr=charr, ti=14, tv=6, het=2, hom_alt=0),
        region("chrX", [1], charr=charr | {"ref_reads": 3000}, snvs=0, indels=0, ti=0, tv=0,
               het=0, hom_alt=0, calls=0, filtered=0),
    ]  # fmt: skip
    own = metrics(regions=regions)["figures"]
    assert (own["snvs"], own["indels"]) == (20, 4)
    assert own["ti_tv"] == pytest.approx(2.0)
    assert own["het_hom"] == pytest.approx(2.5)
    assert own["filtered"] == pytest.approx(0.2)
    # 40 of 6,000 reads at sites where a third of other people's alleles is REF.
    assert own["charr"] == pytest.approx(0.02)


def test_what_cannot_be_known_is_null() -> None:
    bare = {"reads": 0, "mapped": 0, "duplicates": None, "contigs": {}}
    found = metrics(bare, [], sex=None)
    values = {k: v for k, v in found["figures"].items() if v is not None}
    assert values == {"reads": 0, "sex": "male"}
    assert found["reasons"]["contamination"]
    assert [f["code"] for f in found["flags"]] == ["few_reads"]
    few = [
        region(
            "chr1",
            [9],
            tv=0,
            hom_alt=0,
            calls=0,
            charr={"sites": 3, "ref_reads": 1, "reads": 9},
        )
    ]
    own = metrics(regions=few)["figures"]
    assert (own["ti_tv"], own["het_hom"], own["filtered"], own["charr"]) == (None,) * 4
    assert own["mean_coverage"] == 0
    lacking = [region("chr1", [9]), {"contig": "chr2", "depths": [1]}]
    assert metrics(regions=lacking)["figures"]["snvs"] is None
    kept = metrics(finished(duplicates=0, tools=[]))["figures"]
    assert kept["duplicates"] is None
    assert metrics(finished(duplicates=0))["figures"]["duplicates"] == 0
    single = person_metrics(
        Person("c", "p", "male", [Lane("c", "p", "1", "l", "ILLUMINA", "single", ["a"])]),
        [], finished(paired=None, proper=0), [], None, haploid=HAPLOID, sex=None,
    )  # fmt: skip
    assert single["figures"]["proper"] is None


@pytest.mark.parametrize("key", ["reads", "mapped", "duplicates"])
def test_a_needed_key_that_is_missing_is_an_error(key: str) -> None:
    data = finished()
    del data[key]
    with pytest.raises(InputError, match=f"`{key}` is missing.* of p left"):
        metrics(data)
    with pytest.raises(InputError, match="`depths` is missing"):
        metrics(regions=[{"contig": "chr1"}])


def test_the_panel_counts_on_autosomes_alone() -> None:
    rng = np.random.default_rng(3)
    n = 800
    af = rng.uniform(0.1, 0.9, n)
    own = rng.binomial(2, af)
    alt = rng.binomial(30, 0.95 * own / 2 + 0.05 * rng.binomial(2, af) / 2)
    panel = pl.DataFrame(
        {
            "contig": ["chr1"] * n, "pos": range(n), "ref": ["A"] * n, "alt": ["C"] * n,
            "af": af, "n_ref": 30 - alt, "n_alt": alt, "n_other": [0] * n,
            "quality": [30.0] * n,
        }
    )  # fmt: skip
    odd = panel.with_columns(contig=pl.lit("chrX"), n_alt=pl.lit(3, pl.Int64))
    found = metrics(panel=pl.concat([panel, odd]))
    figures = found["figures"]
    assert figures["contamination_sites"] == n
    assert figures["contamination"] == pytest.approx(0.05, abs=0.012)
    assert (
        figures["contamination_low"] < figures["contamination"] < figures["contamination_high"]
    )
    flags = {f["code"]: f["words"] for f in found["flags"]}
    assert "leave the person out" in flags["contaminated"]
    few = metrics(panel=panel[:10])
    assert few["figures"]["contamination"] is None
    assert "10 of 10 sites" in few["reasons"]["contamination"]


def test_sex_stands_beside_the_sheet() -> None:
    own = metrics()["figures"]
    assert (own["sex"], own["sex_by_reads"], own["karyotype"]) == ("male", "male", "XY")
    assert (own["x_ratio"], own["y_ratio"], own["mt_ratio"]) == (0.51, 0.42, 800.0)
    female = SexByReads("female", "XX", 1.0, 0.01, None, "X 1.00, Y 0.01 of autosomes: XX")
    assert metrics(sex=female)["flags"][0]["code"] == "sex_disagrees"
    none = SexByReads(None, None, None, None, None, "no contig X with bases")
    assert metrics(sex=none)["reasons"]["sex_by_reads"] == "no contig X with bases"


GOOD = {
    "reads": 10**8, "mapped": 0.999, "proper": 0.98, "duplicates": 0.08, "insert_median": 400,
    "error_rate": 0.003, "mean_coverage": 32.0, "snvs": 3_800_000, "ti_tv": 2.05,
    "het_hom": 1.6, "contamination": 0.001, "charr": 0.002,
}  # fmt: skip


@pytest.mark.parametrize(
    ("code", "odd"),
    [
        ("few_reads", {"reads": 500}),
        ("low_mapping", {"mapped": 0.6}),
        ("few_proper", {"proper": 0.5}),
        ("high_duplicates", {"duplicates": 0.5}),
        ("short_fragments", {"insert_median": 180}),
        ("many_errors", {"error_rate": 0.05}),
        ("low_coverage", {"mean_coverage": 8.0}),
        ("odd_ti_tv", {"ti_tv": 1.2}),
        ("odd_ti_tv", {"ti_tv": 4.0}),
        ("odd_het_hom", {"het_hom": 0.5}),
        ("odd_het_hom", {"het_hom": 4.0}),
        ("contaminated", {"contamination": 0.04}),
        ("charr_high", {"charr": 0.04}),
    ],
)
def test_flags(code: str, odd: dict[str, float]) -> None:
    assert find_flags(GOOD) == []
    found = find_flags(GOOD | odd)
    assert [f["code"] for f in found if f["code"] != "few_proper" or code == "few_proper"] == [
        code
    ]
    ((name, value),) = odd.items()
    assert BY_NAME[name].text(value) in found[-1]["words"]
    assert find_flags(GOOD | {name: None}) == []


def test_few_calls_are_not_judged() -> None:
    assert find_flags(GOOD | {"ti_tv": 0.5, "het_hom": 9.0, "snvs": 300}) == []
    assert find_flags(GOOD | {"ti_tv": 0.5, "snvs": None}) == []


def test_the_tables_are_sound() -> None:
    names = [f.name for f in FIGURES]
    assert len(set(names)) == len(names)
    assert all(f.meaning.endswith(".") and f.label for f in FIGURES)
    for limit in LIMITS:
        assert limit.figure in names
        assert limit.needs in ("", *names)
        assert limit.source
        assert (limit.least, limit.most) != (None, None)
    assert BY_NAME["mapped"].text(0.98765) == "98.77 %"
    assert BY_NAME["mean_coverage"].text(31.4159) == "31.42x"
    assert BY_NAME["reads"].text(1234567) == "1,234,567"
    assert BY_NAME["charr"].text(None) == "-"
    assert BY_NAME["sex"].text("male") == "male"


DOCUMENT = Path(__file__).parents[2] / "docs" / "reads-qc.md"


def cut(limit: Limit) -> str:
    shown = BY_NAME[limit.figure]
    ends = (("below", limit.least), ("above", limit.most))
    return " or ".join(f"{word} {shown.text(end)}" for word, end in ends if end is not None)


def test_the_document_has_the_rows_of_both_tables() -> None:
    lines = DOCUMENT.read_text().splitlines()
    rows = [f"| `{f.name}` | {f.label} | {f.unit} | {f.meaning} |" for f in FIGURES]
    at = lines.index(rows[0])
    assert lines[at : at + len(rows) + 1] == [*rows, ""]
    rows = [
        f"| `{n.code}` | {BY_NAME[n.figure].label} {cut(n)} | {n.source} | {n.fix} |"
        for n in LIMITS
    ]
    at = lines.index(rows[0])
    assert lines[at : at + len(rows) + 1] == [*rows, ""]
