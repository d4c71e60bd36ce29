"""Alleles beside sources, consequences and Hardy-Weinberg, against plain arithmetic."""

import json
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from builders import add_tables, key, make_contigs, make_rows, make_store
from page_reader import PageReader

from varhouse.account import public_row
from varhouse.report import compared, find_ingest, make_page, plots
from varhouse.report.compared import HWE_BINS, HWE_STEP, compare, inflation
from varhouse.store.reader import open_store
from varhouse.tables.schema import TABLES, annotation_table
from varhouse.view import PUBLIC

N = 400
PEOPLE = 50
SIGNIFICANCE = {
    0: "Pathogenic", 1: "Likely_pathogenic", 2: "Pathogenic/Likely_pathogenic|drug_response",
    3: "Conflicting_classifications_of_pathogenicity", 4: "Benign", 5: None,
    6: "drug_response|Pathogenic", 7: "Likely_benign",
}  # fmt: skip


def numbers() -> pl.DataFrame:
    """Alleles with counts of two cohorts and frequencies of a source, from a fixed seed."""
    rng = np.random.default_rng(5)
    p = rng.beta(0.6, 1.2, N)
    return pl.DataFrame(
        {
            "pos": np.arange(1, N + 1) * 10,
            "a": rng.binomial(2 * PEOPLE, p),
            "b": rng.binomial(2 * PEOPLE, 1 - p),
            "f": np.where(np.arange(N) % 9 == 0, np.nan, np.clip(p, 0, 1)),
            "f_far": rng.uniform(0, 1, N),
            "p": rng.uniform(0, 1, N),
        }
    ).with_columns(pl.col("f").fill_nan(None))


def allele(pos: int) -> str:
    return f"chr1-{pos}-A-G"


def frequencies(frame: pl.DataFrame, cohort: str, column: str) -> list[dict]:
    return [
        {**key(allele(pos)), "cohort": cohort, "stratum_by": "all", "stratum": "all", "ac": ac,
         "an": 2 * PEOPLE, "af": ac / (2 * PEOPLE), "n_samples": PEOPLE, "hwe_midp": p,
         "n_hom_alt": ac // 4}
        for pos, ac, p in frame.select("pos", column, "p").rows()
    ]  # fmt: skip


def source(name: str, rows: list[dict], fields: dict) -> pl.DataFrame:
    full = [{"source_version": "1", **r} for r in rows]
    return make_rows(annotation_table(name, fields), full)


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    frame = numbers()
    known = [
        {**key(allele(pos)), "AF": f, "AF_eas": far, "AF_grpmax": 1.0, "faf95": 0.5}
        for pos, f, far in frame.select("pos", "f", "f_far").rows() if f is not None
    ]  # fmt: skip
    # A second record of an allele, and an allele nobody has.
    known.append(known[1] | {"AF": known[1]["AF"]})
    known.append({**key("chr2-5-A-G"), "AF": 0.5})
    counts = [
        {**key(allele(pos)), "AC": round(1000 * f), "AN": 1000 if i else 0}
        for i, (pos, f) in enumerate(frame.drop_nulls().select("pos", "f").rows())
    ]
    clinvar = [
        {**key(allele(pos)), "CLNSIG": SIGNIFICANCE[i], "stars": i % 3}
        for i, pos in enumerate(frame["pos"].to_list()[: len(SIGNIFICANCE)])
    ]
    consequences = [
        {**key(allele(pos)), "transcript_id": f"T{k}", "gene_name": f"G{k}", "impact": impact,
         "consequence": "stop_gained", "pick": k == 1, "most_severe": impact == "HIGH"}
        for pos in frame["pos"].to_list()[:40]
        for k, impact in ((0, "HIGH"), (1, "HIGH" if pos % 20 else "LOW"))
    ]  # fmt: skip
    row = {"ingest_id": "made-1", "release": 2, "operation": "ingest", "config": "{}",
           "started": "2026-11-21T02:00:00Z", "finished": "2026-11-21T04:11:09Z",
           "version": "1", "summary": json.dumps({"ingest_id": "made-1"})}  # fmt: skip
    float_, whole = pl.Float64, pl.Int64
    fields = {"AF": float_, "AF_eas": float_, "AF_grpmax": float_, "faf95": float_}
    return make_store(
        tmp_path_factory.mktemp("alleles") / "s",
        {
            "annotations_known": source("known", known, fields),
            "annotations_counted": source("counted", counts, {"AC": whole, "AN": whole}),
            "annotations_clin": source("clin", clinvar, {"CLNSIG": pl.String, "stars": whole}),
            "cohorts": [
                {"cohort": c, "n_samples": PEOPLE, "n_alleles": N, "ingest_id": "made-1"}
                for c in "ab"
            ],
            "frequencies": frequencies(frame, "a", "a") + frequencies(frame, "b", "b"),
            "consequences": consequences,
            "ingests": [row],
            "accounts": [public_row(row)],
        },
    )


def test_fields_that_are_frequencies(store):
    found = [
        (f.source, f.name, f.is_overall) for f in compared.frequency_fields(open_store(store))
    ]
    assert found == [
        ("counted", "AC/AN", True),
        ("known", "AF", True),
        ("known", "AF_eas", False),
    ]


@pytest.mark.parametrize("rows", [10**9, 37])
def test_agreement_is_that_of_numpy_whatever_the_windows(store, rows, monkeypatch):
    from varhouse.report import measure  # noqa: PLC0415

    monkeypatch.setattr(measure, "WINDOW_ROWS", rows)
    found = compare(open_store(store), ["a", "b"])
    frame = numbers()
    for cohort in "ab":
        for field, column in (("AF", "f"), ("AF_eas", "f_far")):
            own = frame.filter(pl.col("f").is_not_null())
            x, y = own[column].to_numpy(), own[cohort].to_numpy() / (2 * PEOPLE)
            told = found.agreement.filter(cohort=cohort, source="known", field=field)
            assert told["n"].item() == own.height
            assert told["r"].item() == pytest.approx(np.corrcoef(x, y)[0, 1], abs=1e-9)
            common = frame.filter(pl.col(cohort) >= 2 * PEOPLE * 0.05)
            assert told["n_common"].item() == common.height
            assert told["n_absent"].item() == common["f"].null_count()
            cells = found.cells.filter(cohort=cohort, source="known", field=field)
            assert cells["n"].sum() == own.height
            far = np.abs(np.arcsin(np.sqrt(x)) - np.arcsin(np.sqrt(y))) * 2 / np.pi
            apart = found.apart.filter(cohort=cohort, source="known", field=field)
            order = np.argsort(-far, kind="stable")[: compared.WORST]
            assert apart["distance"].to_list() == pytest.approx(far[order].tolist())
            assert apart["allele"].to_list() == [
                allele(int(own["pos"][int(i)])) for i in order
            ]
    # AN is 0 in one record of the counts: that is no frequency.
    counted = found.agreement.filter(cohort="a", source="counted")
    assert counted["n"].item() == frame["f"].count() - 1


def test_hwe_counts_alleles_with_rarer_homozygotes_enough(store):
    found = compare(open_store(store), ["a", "b"])
    frame = numbers()
    for cohort in "ab":
        af = frame[cohort].to_numpy() / (2 * PEOPLE)
        tested = PEOPLE * np.minimum(af, 1 - af) ** 2 >= 5
        p = frame["p"].to_numpy()[tested]
        assert found.hwe[cohort].sum() == tested.sum() > 50
        bins = np.floor(-np.log10(p) / HWE_STEP).astype(int)
        assert np.array_equal(found.hwe[cohort], np.bincount(bins, minlength=HWE_BINS))
        worst = found.worst.filter(cohort=cohort)
        assert worst["p"].to_list() == sorted(p)[: compared.WORST]


def test_lambda_is_one_of_an_even_spread_and_follows_the_median():
    p = (np.arange(100_001) + 0.5) / 100_001
    bins = np.floor(-np.log10(p) / HWE_STEP).astype(int)
    counts = np.bincount(bins, minlength=HWE_BINS)
    assert inflation(counts) == pytest.approx(1, abs=0.004)
    # Median p of 0.1: chi-square 2.7055 (1 degree) over 0.4549.
    one = np.zeros(HWE_BINS, np.int64)
    one[int(1 / HWE_STEP)] = 3
    assert inflation(one) == pytest.approx(2.7055 / 0.4549, rel=0.003)
    assert inflation(np.zeros(5, np.int64)) is None


def test_what_is_high_and_what_is_pathogenic(store):
    found = compare(open_store(store), ["a", "b"])
    frame = numbers()
    for cohort in "ab":
        first = (
            frame.head(40)
            .filter(pl.col(cohort) > 0)
            .with_columns(allele=pl.format("chr1-{}-A-G", "pos"))
        )
        wanted = first.sort(cohort, "allele", descending=[True, False]).head(compared.WORST)
        high = found.high.filter(cohort=cohort)
        assert high["allele"].to_list() == wanted["allele"].to_list()
        # The transcript of `pick` where that is HIGH, else the one that is.
        genes = ["G1" if pos % 20 else "G0" for pos in wanted["pos"]]
        assert high["gene"].to_list() == genes
        told = dict(found.clinvar.filter(cohort=cohort).select("allele", "stars").rows())
        is_so = (
            frame.head(8)
            .with_row_index("i")
            .filter(pl.col("i").is_in([0, 1, 2, 6]), pl.col(cohort) > 0)
        )
        assert told == {allele(pos): i % 3 for i, pos in is_so.select("i", "pos").rows()}


def test_the_page_shows_them_to_anybody(store):
    ingest = find_ingest(store, "made-1", PUBLIC)
    page = PageReader(make_page(ingest))
    page.prefix = "varhouse-made-1-"
    page.check_alone()
    assert "Against known frequencies" in page.text
    rows = page.data("far-from-sources")
    assert {r["source"] for r in rows} == {"known", "counted"}
    assert (
        len(page.data("pathogenic")) == compare(open_store(store), ["a", "b"]).clinvar.height
    )
    if plots.is_installed():
        hwe = page.data("hwe-0")
        assert [r["cohort"] for r in hwe] == ["a"] * compared.WORST


@pytest.mark.skipif(not plots.is_installed(), reason="needs matplotlib")
def test_the_field_of_everybody_and_the_nearest_are_drawn(store):
    text = make_page(find_ingest(store, "made-1"))
    titles = [h for h in PageReader(text).words if " against " in h and ", " in h]
    drawn = [t for t in titles if t.startswith(("a against", "b against"))]
    # In a AF itself is nearest; in b, whose frequencies go the other way, AF_eas is.
    assert {"a against known, AF", "a against counted, AC/AN", "b against known, AF",
            "b against known, AF_eas", "b against counted, AC/AN"} <= set(drawn)  # fmt: skip
    assert "a against known, AF_eas" not in drawn
    assert text == make_page(find_ingest(store, "made-1"))


def test_without_matplotlib_the_tables_stay(store, monkeypatch):
    monkeypatch.setattr(plots, "is_installed", lambda: False)
    page = PageReader(make_page(find_ingest(store, "made-1")))
    assert page.words.count(plots.INSTALL) == 2
    assert "alleles furthest from the sources" in page.text


def test_a_source_that_may_not_be_passed_on_is_in_no_page(store, tmp_path):
    import shutil  # noqa: PLC0415

    own = shutil.copytree(store, tmp_path / "s")
    table = annotation_table("closed", {"AF": pl.Float64, "redistribute": pl.Boolean})
    rows = make_rows(table, [{**key(allele(10)), "AF": 0.5, "redistribute": False}])
    add_tables(own, {"annotations_closed": rows}, make_contigs())
    for opened in (open_store(own), open_store(own, audience=PUBLIC)):
        seen = {f.source for f in compared.frequency_fields(opened)}
        assert seen
        assert "closed" not in seen


def test_a_store_without_any_of_it(tmp_path):
    row = {"ingest_id": "x", "release": 2, "operation": "ingest", "config": "{}",
           "summary": "{}", "started": "", "finished": "", "version": "1"}  # fmt: skip
    path = make_store(
        tmp_path / "s",
        {"cohorts": [{"cohort": "a", "n_samples": 1, "ingest_id": "x"}], "ingests": [row]},
    )
    page = PageReader(make_page(find_ingest(path, "x")))
    for heading in ("Against known frequencies", "Alleles of weight", "Hardy-Weinberg"):
        assert heading not in page.text
    assert set(TABLES) >= {"frequencies"}
