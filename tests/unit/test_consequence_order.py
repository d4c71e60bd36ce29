"""The result depends on the alleles only: not on their order, nor on the chunks."""

import random

import numpy as np
import polars as pl
import pytest
from gene_builders import alleles, build, gff3_text
from gene_builders import transcript_rows as rows
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from varhouse.consequence import consequences, mask_of, terms_of
from varhouse.consequence.alleles import pack_alleles
from varhouse.consequence.interval import annotate_intervals
from varhouse.consequence.render import OUTPUT, render, sorted_pairs
from varhouse.tables.schema import CONSEQUENCES, PART, check_table
from varhouse.transcripts.genemodel import GeneModel

_RANDOM = random.Random(7)
SEQUENCE = "".join(_RANDOM.choice("ACGT") for _ in range(900))
EXONS, CDS = [(101, 200), (301, 360), (501, 620)], [(151, 200), (301, 360), (501, 560)]


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> GeneModel:
    first = rows(EXONS, CDS) + rows(EXONS[1:], CDS[1:], name="B", gene="H", strand="-")
    second = rows(EXONS, biotype="lncRNA", name="A", gene="K")
    text = gff3_text(second, "d") + gff3_text(first, "c")
    return build(tmp_path_factory.mktemp("m") / "m", {"d": SEQUENCE, "c": SEQUENCE}, text)


@pytest.fixture(scope="module")
def some() -> pl.DataFrame:
    frames = []
    for contig in ("c", "d"):
        made = []
        for _ in range(150):
            pos = _RANDOM.randint(80, 640)
            ref = SEQUENCE[pos - 1 : pos - 1 + _RANDOM.choice([1, 1, 1, 2, 3, 9, 150])]
            alt = "".join(_RANDOM.choice("ACGT") for _ in range(_RANDOM.choice([1, 1, 2, 4])))
            made.append((pos, ref, alt))
        frames.append(alleles(*made, contig=contig))
    return pl.concat(frames).unique(maintain_order=True)


@pytest.mark.parametrize("chunk", [1, 7, 100_000])
def test_order_and_chunks_change_nothing(
    model: GeneModel, some: pl.DataFrame, chunk: int
) -> None:
    expected = consequences(model, some)
    shuffled = some.sample(fraction=1.0, shuffle=True, seed=chunk)
    assert expected.height > 300
    assert consequences(model, shuffled, chunk=chunk).equals(expected)


def test_repeated_alleles_count_once(model: GeneModel, some: pl.DataFrame) -> None:
    twice = pl.concat([some, some])
    assert consequences(model, twice).equals(consequences(model, some))


def test_rows_fit_the_table_and_are_sorted(model: GeneModel, some: pl.DataFrame) -> None:
    found = consequences(model, some)
    assert dict(found.schema) == OUTPUT
    check_table(found.with_columns(pl.lit("c").alias(PART.name)), CONSEQUENCES)
    order = {"d": 0, "c": 1}
    by = pl.col("contig").replace_strict(order)
    assert found.equals(found.sort(by, "pos", "ref", "alt", "transcript_id"))
    assert found["contig"].unique(maintain_order=True).to_list() == ["d", "c"]


def test_nothing_in_nothing_out(model: GeneModel) -> None:
    assert dict(consequences(model, alleles()).schema) == OUTPUT
    assert consequences(model, alleles((5, "A", "C"), contig="unknown")).is_empty()
    far = alleles((2_000_000_000, "A", "C"), (2_000_000_000, "A", "AC"))
    assert consequences(model, far).is_empty()


@settings(
    derandomize=True,
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(
    pos=st.integers(60, 660),
    size=st.integers(1, 60),
    alt=st.text("ACGT", min_size=1, max_size=30),
    front=st.integers(0, 5),
)
def test_shared_bases_change_nothing(
    model: GeneModel, pos: int, size: int, alt: str, front: int
) -> None:
    """More bases in front of REF and ALT are the same allele."""
    ref = SEQUENCE[pos - 1 : pos - 1 + size]
    before = SEQUENCE[pos - 1 - front : pos - 1]
    drop = ["pos", "ref", "alt"]
    plain = consequences(model, alleles((pos, ref, alt))).drop(drop)
    longer = consequences(model, alleles((pos - front, before + ref, before + alt)))
    assert longer.drop(drop).equals(plain)


def test_masks_and_terms_are_inverse() -> None:
    mask = mask_of("intron_variant", "missense_variant")
    assert terms_of(int(mask)) == "missense_variant&intron_variant"
    assert int(mask_of("transcript_ablation")) == 1


def test_snv_path_agrees_with_interval_path(model: GeneModel) -> None:
    """An MNV of one changed base is an SNV; forced through the other path it agrees."""
    snvs = alleles(
        *(
            (p, SEQUENCE[p - 1], "ACGT"[("ACGT".index(SEQUENCE[p - 1]) + 1) % 4])
            for p in range(80, 640)
        )
    )
    packed = pack_alleles(snvs, model)
    pairs = annotate_intervals(model, packed, np.arange(len(packed)))
    other = render(model, snvs, sorted_pairs(model, [pairs], packed.row))
    assert other.equals(consequences(model, snvs))
