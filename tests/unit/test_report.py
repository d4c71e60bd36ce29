"""The report page against numbers counted another way, and what an open one must not say."""

import json
import re
from pathlib import Path
from urllib.parse import unquote

import duckdb
import polars as pl
import pytest
from builders import labels_of
from page_reader import PageReader
from store_builders import CONTIGS, fill

from varhouse.account import public_row
from varhouse.cli import main
from varhouse.errors import StoreError
from varhouse.report import find_ingest, make_page
from varhouse.store.commit import commit, init_store
from varhouse.store.drop import drop_cohort
from varhouse.tables.schema import (
    ACCOUNTS,
    COHORTS,
    CONSEQUENCES,
    FILES,
    FREQUENCIES,
    INGESTS,
    REJECTS,
    SAMPLES,
    TOTALS,
)
from varhouse.tables.shards import Manifest, write_shard
from varhouse.view import PUBLIC

EVIL = '<script>alert("x")</script>'
EVIL_SAMPLE = "<img src=http://evil.example/a onerror='x'>&é"
MINE = "000002-aaaa"

# contig, pos, ref, alt; ac of EVIL (an 40), ac of "south" (an 24, null: not assessed)
ALLELES = [
    ("1", 10, "A", "G", 1, 0),
    ("1", 20, "A", "C", 3, 20),
    ("1", 30, "C", "CTTT", 40, 24),
    ("1", 400, "GAA", "G", 0, None),
    ("1", 500, "G", "<DEL>", 20, 12),
    ("1", 900, "T", "C", 10, 6),
    ("HLA-A*01:01", 5, "G", "A", 30, None),
]
PEOPLE = {EVIL: 20, "south": 12}
ACCOUNT = {
    "ingest_id": MINE,
    "cohorts": [
        {"cohort": EVIL, "replaces": False, "n_files": 1, "n_samples": 20, "n_records": 1234,
         "n_alleles": 7, "n_split": 2, "n_moved": 1, "n_rejects": 3,
         "reasons": {"ref_mismatch": 2, "pos_invalid": 1},
         "notes": ["5 x VH-H-006: secret.vcf.gz:17  warning VH-H-006  FORMAT/AD"], "hold": []},
        {"cohort": "late", "n_samples": 5, "hold": ["2 record(s) at fault"]},
    ],
    "held_back": [
        {"cohort": "late", "reasons": ["2 record(s) at fault (gt_invalid 2); policy"]},
        {"cohort": "bad", "reasons": [
            "/data/secret.vcf.gz:7  error VH-B-001    '1\\t7\\tSECRET'  8 columns, not 9 "
            "(and 9,960 more like it); fix: complete the line",
            "3 sample(s) have no row in the sample sheet (S-SECRET, ...); fix: add",
            "something else of S-SECRET",
        ], "notes": []},
    ],
    "unchanged": ["old"],
    "new_alleles": 7,
    "stages": [{"stage": "read", "jobs": 2, "wall_s": 1234.5, "cpu_s": 3.0, "peak_mb": 512.0},
               {"stage": "totals", "jobs": 1, "wall_s": 1.0, "cpu_s": None, "peak_mb": None}],
    "warnings": ["/data/secret.vcf.gz is old"],
    "shared_samples": [{"cohorts": [EVIL, "south"], "n": 4, "first": ["E1", "E2"]}],
    "genes": "secret-genes.gtf", "genes_digest": "feed", "reference_digest": "beef",
    "assembly": "demo1", "sources": [{"name": "clin", "version": "7"}],
}  # fmt: skip


def _key(allele: tuple) -> dict:
    return {
        **dict(zip(("contig", "pos", "ref", "alt"), allele, strict=False)),
        "part": allele[0],
    }


def _frequency(allele: tuple, cohort: str, ac: int) -> dict:
    n = PEOPLE[cohort]
    return _key(allele) | {
        "cohort": cohort,
        "stratum_by": "all",
        "stratum": "all",
        "ac": ac,
        "an": 2 * n,
        "af": ac / (2 * n),
        "n_missing": allele[1] % 3,
        "n_samples": n,
    }


def _people(cohort: str) -> list[dict]:
    names = [EVIL_SAMPLE if i == 3 else f"E{i}" for i in range(20)]
    return [
        {
            "cohort": cohort,
            "sample": names[i],
            "ordinal": i,
            "sex": "female",
            "n_het": 1000 + i,
            "n_hom_alt": 500,
            "n_ti": 500 if i == 7 else 2000 + i,
            "n_tv": 1000,
            "n_missing": i,
        }
        for i in range(20)
    ]


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store of two cohorts; the ingest MINE brought the one with the evil name."""
    path = tmp_path_factory.mktemp("report") / "store"
    init_store(path, "demo1", CONTIGS)
    south = [_frequency(a, "south", a[5]) for a in ALLELES if a[5] is not None]
    _commit(
        path,
        "000001-ffff",
        {},
        [
            (COHORTS, [{"cohort": "south", "n_samples": 12, "ingest_id": "000001-ffff"}]),
            (FREQUENCIES, south),
        ],
    )
    mine = [_frequency(a, EVIL, a[4]) for a in ALLELES]
    totals = [
        _key(a)
        | {
            "stratum_by": "all",
            "stratum": "all",
            "ac": a[4] + (a[5] or 0),
            "an": 40 + (24 if a[5] is not None else 0),
            "n_cohorts": 1 + (a[5] is not None),
        }
        for a in ALLELES
    ]
    worst = [
        ("missense_variant", 12, "MODERATE"),
        ("stop_gained&splice_region_variant", 3, "HIGH"),
        ("stop_gained", 3, "HIGH"),
    ]
    consequences = [
        _key(a)
        | {
            "transcript_id": t,
            "consequence": c,
            "terms": (1 << bit) | (1 << 27),
            "impact": i,
            "most_severe": True,
        }
        for a, (c, bit, i) in zip(ALLELES, worst, strict=False)
        for t in ("T1", "T2")
    ]
    consequences += [
        row
        | {
            "transcript_id": "T0",
            "consequence": "intron_variant",
            "terms": 1 << 27,
            "impact": "MODIFIER",
            "most_severe": False,
        }
        for row in consequences[::2]
    ]
    reject = {
        "cohort": EVIL,
        "part": "1",
        "contig": "1",
        "text": "SECRET LINE",
        "detail": f"SECRET {EVIL}",
    }
    _commit(
        path,
        MINE,
        ACCOUNT,
        [
            (COHORTS, [{"cohort": EVIL, "n_samples": 20, "n_alleles": 7, "ingest_id": MINE}]),
            (FREQUENCIES, mine),
            (TOTALS, totals),
            (CONSEQUENCES, consequences),
            (SAMPLES, _people(EVIL)),
            (
                REJECTS,
                [
                    reject | {"record": i, "line": 70 + i, "reason": r}
                    for i, r in enumerate(["ref_mismatch", "ref_mismatch", "pos_invalid"])
                ],
            ),
            (
                FILES,
                [
                    {
                        "cohort": EVIL,
                        "name": "secret.vcf.gz",
                        "path": "/data/secret.vcf.gz",
                        "n_records": 1234,
                    }
                ],
            ),
        ],
    )
    return path


def _commit(path: Path, ingest_id: str, account: dict, tables: list) -> None:
    work = path / "_staging" / ingest_id
    number = int(ingest_id[:6]) + 1
    row = {
        "ingest_id": ingest_id, "release": number, "operation": "ingest",
        "started": "2026-11-21T02:00:00Z", "finished": "2026-11-21T04:11:09Z", "version": "1",
        "config": json.dumps({"assembly": {"reference": "/data/secret-ref.fa"},
                              "strata": ["sex"], "policy": {"pass_only": True}}),
        "summary": json.dumps(account),
    }  # fmt: skip
    shards = []
    for table, rows in [*tables, (INGESTS, [row]), (ACCOUNTS, [public_row(row)])]:
        frame = fill(table, rows)
        groups = (
            frame.partition_by(table.partition, as_dict=True)
            if table.partition
            else {(): frame}
        )
        for i, (values, group) in enumerate(groups.items()):
            partition = dict(zip(table.partition, values, strict=True))
            labels = labels_of(group, table)
            shards.append(
                write_shard(group, table, work, f"{table.name}-{i}", partition, labels)
            )
    manifest = Manifest([s for s in shards if s])
    commit(
        path,
        [manifest],
        ingest_id=ingest_id,
        operation="ingest",
        base_release=number - 1,
        meta={},
    )


@pytest.fixture(scope="module")
def full(store: Path) -> str:
    return make_page(find_ingest(store, MINE), {"VH-B-001": "columns", "ref_mismatch": "see"})


@pytest.fixture(scope="module")
def opened(store: Path) -> str:
    return make_page(find_ingest(store, MINE, PUBLIC), {"VH-B-001": "columns"})


class Page(PageReader):
    prefix = f"varhouse-{MINE}-"


def _folder(store: Path, table: str) -> str:
    return f"{store}/{table}/**/*.parquet"


def test_page_is_balanced_and_ids_are_unique(full: str, opened: str) -> None:
    for text in (full, opened):
        page = Page(text)
        assert page.open == []
        assert len(page.ids) == len(set(page.ids))
        assert page.tags["svg"] > 5
        assert page.tags["figcaption"] == page.tags["figure"] >= 7


def test_hostile_names_are_text(full: str, opened: str) -> None:
    for text in (full, opened):
        page = Page(text)
        assert page.tags["script"] == page.tags["img"] == 0
        assert not any(k.startswith("on") for _, k, _ in page.attributes)
        assert EVIL in page.text
    assert EVIL_SAMPLE in "\n".join(r["sample"] for r in Page(full).data("samples"))


def test_page_loads_nothing(full: str, opened: str) -> None:
    for text in (full, opened):
        page = Page(text)
        for tag, name, value in page.attributes:
            assert name not in ("src", "srcset", "action", "poster", "data", "style")
            if name in ("href", "xlink:href"):
                assert value.startswith(("#", "data:text/csv;")), (tag, value[:80])
        style = re.search(r"<style>(.*?)</style>", text, re.S)
        assert style is not None
        assert "url(" not in style[1]
        assert "@import" not in style[1]
        assert "default-src 'none'" in text.replace("&#x27;", "'")


def test_links_within_the_page_have_a_target(full: str) -> None:
    page = Page(full)
    targets = {v[1:] for _, k, v in page.attributes if k == "href" and v.startswith("#")}
    assert targets <= set(page.ids)


def test_headline_counts(full: str) -> None:
    assert (
        "1 cohort came in with 20 people: 1,234 records gave 7 alleles, 7 of them new to the "
        "store; 3 were rejected. 2 cohorts were held back. This made release 3."
    ) in full


def test_spectrum_agrees_with_sql(store: Path, full: str) -> None:
    rows = duckdb.sql(
        f"""SELECT count(*), count(*) FILTER (af = 0), count(*) FILTER (af = 1),
                   count(*) FILTER (af > 0.01 AND af <= 0.03),
                   count(*) FILTER (ref || alt IN ('AG', 'GA', 'CT', 'TC')),
                   count(*) FILTER (ref || alt IN ('AC', 'CA', 'AT', 'TA', 'CG', 'GC', 'GT',
                                                   'TG'))
            FROM read_parquet('{_folder(store, "open/frequencies")}', hive_partitioning = true)
            WHERE n_samples = 20"""
    ).fetchall()
    n, zero, one, some, n_ti, n_tv = rows[0]
    found = Page(full).data("spectrum")
    assert {r["cohort"] for r in found} == {EVIL}
    counts = {r["frequency"]: int(r["alleles"]) for r in found}
    assert sum(counts.values()) == n == 7
    assert counts["af = 0"] == zero == 1
    assert counts["af = 1"] == one == 1
    assert counts["0.01 < af <= 0.03"] == some == 1
    assert sum(int(r["transitions"]) for r in found) == n_ti == 3
    assert sum(int(r["transversions"]) for r in found) == n_tv == 1
    assert f'data-label="Ts/Tv">{n_ti / n_tv:.3f}<' in full
    assert 'data-label="seen once">1<' in full


def test_lengths_leave_symbolic_alleles_out(full: str) -> None:
    found = Page(full).data("indels")
    assert {(int(r["length_bases"]), int(r["alleles"])) for r in found} == {(3, 1), (-2, 1)}


def test_missing_genotypes_agree(store: Path, full: str) -> None:
    found = Page(full).data("missing")
    wanted = duckdb.sql(
        f"""SELECT contig, sum(n_missing), sum(n_samples), count(*)
            FROM read_parquet('{_folder(store, "open/frequencies")}')
            WHERE n_samples = 20 GROUP BY contig"""
    ).fetchall()
    for contig, n_missing, n_genotypes, n in wanted:
        mine = [r for r in found if r["contig"] == contig]
        assert sum(int(r["not_called"]) for r in mine) == n_missing
        assert sum(int(r["genotypes"]) for r in mine) == n_genotypes
        assert sum(int(r["alleles"]) for r in mine) == n
        places = [a[1] for a in ALLELES if a[0] == contig]
        for row in mine:
            inside = [p for p in places if int(row["start"]) <= p <= int(row["end"])]
            assert len(inside) == int(row["alleles"])


def test_most_severe_counts_each_allele_once(full: str) -> None:
    found = {
        r["most_severe"]: (r["impact"], int(r["alleles"]))
        for r in Page(full).data("consequences")
    }
    assert found == {
        "missense_variant": ("MODERATE", 1),
        "stop_gained": ("HIGH", 2),
        "no transcript near": ("", 4),
    }


def test_frequencies_against_the_others(full: str) -> None:
    page = Page(full)
    found = page.data("against-others-0")
    both = [(a[4] / 40, a[5] / 24) for a in ALLELES if a[5] is not None]
    assert sum(int(r["alleles"]) for r in found) == len(both) == 5
    for mine, others in both:
        assert any(
            float(r["others_from"]) - 1e-5 <= others <= float(r["others_to"]) + 1e-5
            and float(r["cohort_from"]) - 1e-5 <= mine <= float(r["cohort_to"]) + 1e-5
            for r in found
        )
    frame = pl.DataFrame(both, schema=["x", "y"], orient="row")
    r = frame.select(pl.corr("x", "y")).item()
    assert f"5 alleles are assessed in both; r = {r:.3f}." in page.text


def test_rejects_by_reason(full: str) -> None:
    page = Page(full)
    found = {(r["reason"], r["cohort"]): int(r["n"]) for r in page.data("rejects")}
    assert found == {("ref_mismatch", EVIL): 2, ("pos_invalid", EVIL): 1}
    assert "SECRET LINE" not in full
    assert page.words.count(f"SECRET {EVIL}") == 3


def test_who_stands_out_is_named(full: str) -> None:
    page = Page(full)
    found = page.data("outliers")
    assert [(r["sample"], r["measure"]) for r in found] == [("E7", "Ts/Tv")]
    assert float(found[0]["value"]) == 0.5
    assert "1 of 20 people lie more than 4 spreads" in page.text
    samples = page.data("samples")
    assert [r["sample"] for r in samples] == [p["sample"] for p in _people(EVIL)]
    assert [int(r["n_ti"]) for r in samples] == [p["n_ti"] for p in _people(EVIL)]


def test_time_memory_and_provenance(full: str) -> None:
    page = Page(full)
    assert [(r["stage"], r["wall_s"], r["peak_mb"]) for r in page.data("time")] == [
        ("read", "1234.5", "512.0"),
        ("totals", "1.0", ""),
    ]
    shown = ("1,234.5 s", "512 MB", "not measured", "2 h 11 min", "secret-ref.fa", "beef",
             "feed", "secret-genes.gtf", "clin 7", "pass_only: true", "release 3")  # fmt: skip
    for text in shown:
        assert text in page.text


def test_held_back_reasons_stand_in_full(full: str) -> None:
    text = Page(full).text
    assert "/data/secret.vcf.gz:7  error VH-B-001" in text
    assert "something else of S-SECRET" in text


def test_open_report_holds_nothing_of_single_people(store: Path, opened: str) -> None:
    page = Page(opened)
    everything = unquote(opened)
    samples = duckdb.sql(
        f"SELECT sample FROM read_parquet('{_folder(store, 'controlled/samples')}')"
    ).fetchall()
    assert len(samples) == 20
    for (sample,) in samples:
        found = re.search(rf"(?<![\w#-]){re.escape(sample)}(?![\w-])", everything)
        assert found is None, sample
    for secret in ("SECRET", "secret", "/data", "per sample", "S-SECRET"):
        assert secret not in everything, secret
    assert not any(
        v.endswith(("-samples.csv", "-outliers.csv")) for _, _, v in page.attributes
    )


def test_open_report_says_why_in_its_own_words(opened: str) -> None:
    text = Page(opened).text
    assert "VH-B-001, 9,961 times: columns" in text
    assert "3 sample(s) have no row in the sample sheet" in text
    assert "the reason is in the full report" in text
    assert "2 record(s) at fault" in text
    assert "5 × VH-H-006" in text
    assert "4 in both" in text


def test_windows_do_not_change_the_counts(
    store: Path, full: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("varhouse.report.measure.WINDOW_ROWS", 2)
    words = {"VH-B-001": "columns", "ref_mismatch": "see"}
    assert make_page(find_ingest(store, MINE), words) == full


def test_same_store_same_page(store: Path, full: str) -> None:
    words = {"VH-B-001": "columns", "ref_mismatch": "see"}
    assert make_page(find_ingest(store, MINE), words) == full


def test_ingest_without_known_cohorts_gives_a_short_page(store: Path) -> None:
    page = Page(make_page(find_ingest(store, "000001-ffff")))
    assert "1 cohort came in with 12 people" in page.text


def test_unknown_ingest_names_the_nearest(store: Path) -> None:
    with pytest.raises(StoreError, match="no ingest '000002-aaab'; nearest: 000002-aaaa"):
        find_ingest(store, "000002-aaab")
    with pytest.raises(StoreError, match="the newest is 000002-aaaa"):
        find_ingest(store, "zzz")
    assert find_ingest(store, "latest").id == MINE


def test_store_without_ingest_is_refused(tmp_path: Path) -> None:
    init_store(tmp_path / "s", "demo1", CONTIGS)
    with pytest.raises(StoreError, match="holds no ingest yet"):
        find_ingest(tmp_path / "s", "latest")


def test_command_writes_the_page_and_nothing_else(
    store: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "page.html"
    assert main(["-q", "report", str(store), "--ingest", MINE, "--open", "-o", str(out)]) == 0
    assert [p.name for p in tmp_path.iterdir()] == ["page.html"]
    assert out.read_text(encoding="utf-8").startswith("<!DOCTYPE html>")
    missing = tmp_path / "no" / "page.html"
    assert main(["-q", "report", str(store), "-o", str(missing)]) == 2
    assert "there is no folder" in capsys.readouterr().err


def test_a_drop_has_a_short_page_and_hides_the_cohort(tmp_path: Path) -> None:
    """The page of an older ingest does not bring back what was dropped since."""
    path = tmp_path / "store"
    init_store(path, "demo1", CONTIGS)
    rows = [_frequency(a, "south", a[5]) for a in ALLELES if a[5] is not None]
    other = [r | {"cohort": "north"} for r in rows]
    account = {"cohorts": [{"cohort": c, "n_samples": 12} for c in ("south", "north")]}
    _commit(
        path,
        "000001-ffff",
        account,
        [
            (
                COHORTS,
                [
                    {"cohort": c, "n_samples": 12, "ingest_id": "000001-ffff"}
                    for c in ("south", "north")
                ],
            ),
            (FREQUENCIES, rows + other),
        ],
    )
    assert "south" in make_page(find_ingest(path, "000001-ffff"))
    drop_cohort(path, "south")
    latest = find_ingest(path, "latest")
    page = Page(make_page(latest))
    assert "A cohort was dropped:" in page.text
    assert "This made release 3." in page.text
    assert "figure" not in page.tags
    older = find_ingest(path, "000001-ffff")
    assert not older.own_release
    assert "south" not in make_page(older)
    assert "1 cohort came in with 12 people" in make_page(older)
