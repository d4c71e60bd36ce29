"""Groups of people with gVCFs: as a build with that stratum, at alleles and at every base."""

import json
import random
from collections.abc import Iterator

import polars as pl
import pytest
from builders import make_fasta
from inprocess import ingest_here
from test_callability import by_base
from test_states import some_genome, some_gvcf

import varhouse
from varhouse.callability.codes import LOW
from varhouse.callability.runs import absolute
from varhouse.cli import main
from varhouse.errors import UsageError
from varhouse.query.groups import statistics_of_groups
from varhouse.query.opened import OpenStore
from varhouse.tables.schema import KEY
from varhouse.tables.statistics import FREQUENCIES, TOTALS, site_counts, statistics_of

STRATA = ["population", "population+sex"]
COHORTS = {
    "g": [["g0"], ["g1"], ["g2", "g3"], ["g4"]],
    "h": [["h0", "h1"]],
    "s": [["s0"], ["s1"], ["s2"]],
    "v": [["v0", "v1", "v2"], ["v3"]],
    "m": [["m0"], ["m1", "m2"]],
    "p": [["p0"], ["p1"], ["p2"]],
    "q": [["q0"], ["q1"]],
}
"""People of the files of each cohort; v and p have no gVCF, m and q one that is none."""

PLAIN = {("v", 0), ("v", 1), ("m", 1), ("p", 0), ("p", 1), ("p", 2), ("q", 1)}
CALLS = ["0/0", "0/1", "1/1", "./.", "0|1", "0/.", "1"]


def plain_vcf(rng: random.Random, genome: dict[str, str], samples: list[str]) -> str:
    """Make a VCF of some variants, at places where gVCFs have some too."""
    lines = ["##fileformat=VCFv4.2", '##FORMAT=<ID=GT,Number=1,Type=String,Description="x">']
    lines += [f"##contig=<ID={c},length={len(b)}>" for c, b in genome.items()]
    columns = "#CHROM POS ID REF ALT QUAL FILTER INFO FORMAT"
    lines.append("\t".join([*columns.split(), *samples]))
    for contig, bases in genome.items():
        for pos in sorted(rng.sample(range(1, len(bases)), 40)):
            ref = bases[pos - 1]
            alt = rng.choice([b for b in "ACGT" if b != ref])
            row = [contig, str(pos), ".", ref, alt, ".", ".", ".", "GT"]
            lines.append("\t".join([*row, *rng.choices(CALLS, k=len(samples))]))
    return "\n".join(lines) + "\n"


@pytest.fixture(scope="module", params=range(2))
def store(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> OpenStore:
    folder = tmp_path_factory.mktemp("grouped")
    rng = random.Random(request.param)
    genome = some_genome(rng)
    make_fasta(folder / "ref.fa", genome)
    cohorts, people = ["cohort\tfiles"], ["cohort\tsample\tsex\tpopulation"]
    for cohort, files in COHORTS.items():
        for k, samples in enumerate(files):
            make = plain_vcf if (cohort, k) in PLAIN else some_gvcf
            (folder / f"{cohort}{k}.vcf").write_text(make(rng, genome, samples))
            for s in samples:
                sex, population = rng.choice(["male", "female", "unknown"]), rng.choice("PQ")
                people.append(f"{cohort}\t{s}\t{sex}\t{population}")
        cohorts.append(f"{cohort}\t{','.join(f'{cohort}{k}.vcf' for k in range(len(files)))}")
    (folder / "cohorts.tsv").write_text("\n".join(cohorts) + "\n")
    (folder / "samples.tsv").write_text("\n".join(people) + "\n")
    config = {
        "assembly": {"name": "toy", "reference": "ref.fa"},
        "cohorts": "cohorts.tsv", "samples": "samples.tsv", "strata": STRATA,
    }  # fmt: skip
    (folder / "config.json").write_text(json.dumps(config))
    told = ingest_here(folder / "store", folder / "config.json")
    assert not told["held_back"]
    return varhouse.open(folder / "store")


def groups(store: OpenStore) -> Iterator[tuple[str, pl.Expr]]:
    """Give conditions on people, each with the stratum that they are."""
    strata = store.scan("totals").select("stratum_by", "stratum").unique().collect()
    for by, value in strata.filter(pl.col("stratum_by") != "all").sort(pl.all()).rows():
        pairs = zip(by.split("+"), value.split("+"), strict=True)
        condition = " and ".join(f'{c} == "{v}"' for c, v in pairs)
        yield condition, (pl.col("stratum_by") == by) & (pl.col("stratum") == value)


def same(found: pl.DataFrame, right: pl.DataFrame, names: list[str], *more: str) -> None:
    order = [*KEY, *more]
    a, b = (f.select(*order, *names).sort(order) for f in (found, right))
    assert a.height > 0
    for name in names:
        off = a.filter(a[name].ne_missing(b[name])) if a.height == b.height else a
        assert a[name].equals(b[name]), (name, off, b.join(a, on=order, how="anti"))
    assert a.equals(b)


def test_a_group_is_as_the_stratum_of_a_build(store: OpenStore) -> None:
    checked = 0
    for condition, stratum in groups(store):
        for by_cohort, table in ((True, FREQUENCIES), (False, TOTALS)):
            mine = {s.name for s in statistics_of(table)}
            names = [n for n in statistics_of_groups(by_cohort=by_cohort) if n in mine]
            found = store.group_frequencies(condition, columns=names, by_cohort=by_cohort)
            right = store.scan(table).filter(stratum, pl.col("n_samples") > 0).collect()
            same(found, right, names, *(["cohort"] if by_cohort else []))
            checked += right.height
    assert checked > 1000


def test_high_quality_is_known_of_people_with_gvcfs(store: OpenStore) -> None:
    of_base = [n for n in site_counts() if n.endswith("_adj")]
    every = [s.name for s in statistics_of(FREQUENCIES) if s.name.endswith("_adj")]
    assert {"ac_adj", "n_het_adj", "af_adj", "faf95_adj", "call_rate_adj"} <= set(every)
    # Who holds an allele is known of files of one person alone.
    for cohort, names in (("g", of_base), ("s", every)):
        compared = 0
        for condition, stratum in groups(store):
            rows = store.frequencies(cohort=cohort).filter(stratum, pl.col("n_samples") > 0)
            right = rows.collect()
            if right.height:
                only = f'{condition} and cohort == "{cohort}"'
                found = store.group_frequencies(only, columns=names, by_cohort=True)
                same(found, right, names, "cohort")
                compared += right["n_samples_adj"].fill_null(0).sum()
        assert compared > 0
    for cohort, name in (("v", "an_adj"), ("h", "ac_adj")):
        with pytest.raises(UsageError, match=f"no column '{name}' of a group"):
            store.group_frequencies(f'cohort == "{cohort}"', columns=[name])


def test_a_group_at_every_base_is_as_its_stratum(store: OpenStore) -> None:
    whole = [c.name for c in store.assembly_contigs.contigs]
    every = store.callability(whole)
    alike = [n for n in site_counts() if not n.endswith("_adj")]
    for condition, stratum in groups(store):
        right = by_base(every.filter(stratum))
        (by_value,) = {k[2][1:] for k in right}
        found = by_base(store.callability(whole, people=condition))
        assert len(found) > 500
        for (contig, base, (cohort, *_)), row in found.items():
            other = right[contig, base, (cohort, *by_value)]
            # Without FORMAT fields of files without runs high quality is not known there.
            names = site_counts() if cohort in ("g", "h", "s") else alike
            for name in (*names, "n_people", "n_not_assessed"):
                assert row[name] == other[name], (contig, base, cohort, name)


def test_at_an_allele_a_base_says_what_frequencies_say(store: OpenStore) -> None:
    rows = store.frequencies().filter(pl.col("n_samples") > 0).collect()
    every = by_base(store.callability([c.name for c in store.assembly_contigs.contigs]))
    of_gvcfs = rows.filter(pl.col("cohort").is_in(["g", "h", "s"]))
    assert of_gvcfs.height > 100
    for row in of_gvcfs.iter_rows(named=True):
        group = (row["cohort"], row["stratum_by"], row["stratum"])
        base = every[row["contig"], row["pos"], group]
        assert {n: base[n] for n in site_counts()} == {n: row[n] for n in site_counts()}
    # Of all cohorts together as in totals, wherever every cohort's site is one of an allele.
    for row in store.totals().collect().iter_rows(named=True):
        group = ("all", row["stratum_by"], row["stratum"])
        base = every[row["contig"], row["pos"], group]
        assert (base["n_samples"], base["an"]) == (row["n_samples"], row["an"])


def test_the_command_counts_people(
    store: OpenStore, capsys: pytest.CaptureFixture[str]
) -> None:
    ask = ["query", str(store.path), "--callable", "--region", "c1:20-40", "--format", "json"]
    some = 'sample in ("g0", "g2", "v1")'
    assert main([*ask, "--people", some, "--cohort", "g"]) == 0
    told = json.loads(capsys.readouterr().out)
    right = store.callability("c1:20-40", cohort="g", people=some)
    assert told == right.to_dicts()
    assert {row["n_people"] for row in told} == {2}
    for wrong, said in (
        (["--stratum-by", "all"], "people are one group"),
        (["--cohort", "h"], "nobody of cohort 'h' is chosen"),
        (["--cohort", "x"], "no cohort 'x'"),
    ):
        assert main([*ask, "--people", some, *wrong]) == 2
        assert said in capsys.readouterr().err


def test_who_has_no_record_has_no_copy_where_called(store: OpenStore) -> None:
    full = (pl.col("level") >= LOW) & (pl.col("alleles") == pl.col("ploidy"))
    runs = absolute(store.scan("runs").collect()).filter(full)
    called = {
        (row["cohort"], row["sample"], row["contig"], base)
        for row in runs.iter_rows(named=True)
        for base in range(row["start"], row["end"] + 1)
    }
    spelt = ["allele_pos", "allele_ref", "allele_alt", "allele_extent"]
    zeros = 0
    for cohort in COHORTS:
        sites = store.sites(cohort=cohort).select("file", "contig", *spelt).collect()
        held = set(sites.explode(spelt, empty_as_null=True).rows())
        file_of = {
            ordinal: file
            for file, ordinals in store.files(cohort=cohort)
            .select("file", "samples")
            .collect()
            .rows()
            for ordinal in ordinals
        }
        copies = {
            (row["sample"], *(row[k] for k in KEY)): row["copies"]
            for row in store.carriers(cohort=cohort).iter_rows(named=True)
        }
        people = store.samples(cohort=cohort).select("ordinal", "sample").collect()
        matrix = store.dosage(cohort=cohort)
        assert matrix.samples == people.sort("ordinal")["sample"].to_list()
        for j, key in enumerate(matrix.alleles.select(KEY).rows()):
            for i, (ordinal, sample) in enumerate(people.sort("ordinal").rows()):
                found = int(matrix.dosage[i, j])
                if (file_of[ordinal], *key) in held:
                    assert found == -1 or found == copies.get((sample, *key), 0)
                else:
                    wanted = 0 if (cohort, ordinal, *key[:2]) in called else -1
                    assert found == wanted, (cohort, sample, key)
                    zeros += wanted == 0
    assert zeros > 50
