"""Who is called at the sites of a cohort: by gVCFs, and by lists of variants."""

from bisect import bisect_right

import pytest
from gvcf_people import CONTIGS, People
from slow_states import People as Sexes
from slow_states import slow_states

from varhouse.people.qc import sample_qc
from varhouse.store.reader import open_store

PEOPLE = range(1, 8)
PLAIN = (3, 4)
"""Whose file lists variants alone, beside some bases without."""


@pytest.fixture(scope="module")
def fx_gvcfs(tmp_path_factory):
    people = People(tmp_path_factory.mktemp("gvcf"), PLAIN)
    files = [people.write(n) for n in PEOPLE]
    account = people.ingest(people.folder / "store", files)
    assert not account.get("held_back"), account
    texts = {
        f"P{n}": (people.folder / f).read_text() for n, f in zip(PEOPLE, files, strict=True)
    }
    return open_store(people.folder / "store"), texts


def data_lines(text: str) -> list[list[str]]:
    return [ln.split("\t") for ln in text.splitlines() if not ln.startswith("#")]


def sites_of(texts: dict[str, str]) -> dict[str, set[int]]:
    """Positions of records with an allele, by contig.

    An ALT of a gVCF that nobody is called with is not stored; one of a list of variants is.
    """
    out: dict[str, set[int]] = {c: set() for c in CONTIGS}
    for name, text in texts.items():
        for contig, pos, _, _, alt, *_, cell in data_lines(text):
            alleles = set(cell.split(":")[0].replace("|", "/").split("/"))
            for number, one in enumerate(alt.split(","), 1):
                is_held = str(number) in alleles or int(name[1:]) in PLAIN
                if one not in (".", "<NON_REF>") and is_held:
                    out[contig].add(int(pos))
    return out


def called_at(text: str, name: str, contig: str, sites: set[int], *, male: bool) -> int:
    """Count the sites at which a slow reader of a gVCF finds the person fully called."""
    sexes = Sexes({name} if male else (), lambda c, _: c in "XY")
    states = slow_states(text, CONTIGS, sexes)
    bases = sorted(b for s, c, b in states if c == contig)
    n = 0
    for pos in sites:
        # States change nowhere between the bases that are told of.
        k = bisect_right(bases, pos) - 1
        state = states[name, contig, bases[k]] if k >= 0 else None
        n += state is not None and state.level >= 3 and state.alleles >= state.ploidy
    return n


def test_a_gvcf_is_asked_at_the_sites_of_the_cohort(fx_gvcfs) -> None:
    store, texts = fx_gvcfs
    sites = sites_of(texts)
    qc = sample_qc(store, "c")
    names = dict(qc.samples.select("ordinal", "sample").rows())
    found = {
        (names[o], c): (n, k)
        for o, c, n, k in qc.contigs.select(
            "ordinal", "contig", "n_genotypes", "n_called"
        ).rows()
    }
    for name, text in texts.items():
        if int(name[1:]) in PLAIN:
            continue
        for contig in CONTIGS:
            male = int(name[1:]) % 2 == 1
            want = called_at(text, name, contig, sites[contig], male=male)
            assert found[name, contig] == (len(sites[contig]), want)
            assert 0 < want < len(sites[contig])
    plain = [f"P{n}" for n in PLAIN]
    own = qc.samples.filter(~qc.samples["sample"].is_in(plain))
    assert (own["call_rate"] * own["n_genotypes"] - own["n_called"]).abs().max() < 1e-9
    assert own["n_genotypes"].unique().to_list() == [len(sites["c1"])]


def test_a_list_of_variants_has_no_call_rate(tmp_path) -> None:
    people = People(tmp_path, PEOPLE)
    files = [people.write(n) for n in (1, 2)]
    for name in files:
        path = tmp_path / name
        no = ("\t.\t50", "\t0/0:", "\t0:")
        kept = [ln for ln in path.read_text().splitlines() if not any(x in ln for x in no)]
        path.write_text("\n".join(kept) + "\n")
    people.ingest(tmp_path / "store", files)
    qc = sample_qc(open_store(tmp_path / "store"), "c").samples
    assert qc["call_rate"].to_list() == [None, None]
    assert (qc["n_genotypes"] > 0).all()


def test_a_file_with_reference_genotypes_has_one(fx_gvcfs) -> None:
    store, texts = fx_gvcfs
    qc = sample_qc(store, "c").samples
    rows = {s: (n, k, rate) for s, n, k, rate in qc.select(
        "sample", "n_genotypes", "n_called", "call_rate").rows()}  # fmt: skip
    for n in PLAIN:
        lines = [ln for ln in data_lines(texts[f"P{n}"]) if ln[0] == "c1"]
        gts = [ln[9].split(":")[0] for ln in lines]
        full = sum("." not in gt for gt in gts)
        assert rows[f"P{n}"] == (len(gts), full, full / len(gts))
