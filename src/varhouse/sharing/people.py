"""Which persons data is about: one keyed hash a person, whatever cohorts call him.

A person is told by the BioSample accession of the sample sheet, where it is there and is that
of one sample of the cohort alone: one that several have says nothing, whatever was meant (a
study's, `unknown`, a copy error). Otherwise by the sample's name together with what he
carries: how many copies of what kind of allele (`samples.PERSON_COUNTS`), and of somebody with
few copies which alleles. So a cohort under
another name, a part of it, or two cohorts that overlap have the same persons, while two people
who are both called S1 are two. Who cannot be told so (no calls, or nothing but reference) is
one person for each cohort. Where cohorts are linked in the ledger (`same_people_as`), one name
is one person in all of them.

This counts too many rather than too few: a person whose calls were made anew, or who has
another name in another cohort, counts again unless an accession or the ledger says who he is.
Two people count once only if accession, or name and all they carry, are equal.
"""

import hashlib
import json
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl

from varhouse.errors import UsageError, nearest
from varhouse.governance.codes import as_archived, find_accession
from varhouse.governance.fields import clean
from varhouse.store.reader import Store
from varhouse.tables.statistics import PERSON_COUNTS

PERSON_BYTES = 16
"""Of a keyed hash: 2^-64 that any two of 4 billion people share one."""

PEOPLE_SCHEMA: dict[str, Any] = {
    "person": pl.Binary, "cohort": pl.String, "assay": pl.String,
}  # fmt: skip
"""A row a sample: `assay` is null where nobody said how it was read."""

ACCESSIONS = ("accession", "sample_accession", "biosample")
"""Columns of the sample sheet (as ingest.setup.sheets has them) with a BioSample accession."""

TELLING = tuple(c.name for c in PERSON_COUNTS if c.name != "n_missing")
"""What a person carries. What is missing depends on the records of the file, too."""

FEW_COPIES = 500
"""Copies of alleles below which their numbers alone may be those of somebody else of the name.

Numbers of copies spread by their square root at least: with 500 of them seven numbers are
equal for two people of one name about once in a million pairs."""

MOST_RECORDS = 500_000
"""Records of a cohort up to which its calls are read for the alleles of who carries few: of a
larger one such a person counts once more for each cohort."""

Hasher = Callable[[str], bytes]
"""Gives the keyed hash of a text, at least PERSON_BYTES long."""


@dataclass(frozen=True)
class Persons:
    """Who stands in some cohorts.

    Attributes
    ----------
    frame
        `PEOPLE_SCHEMA` and `sample`; a row a sample.
    unnamed
        Cohorts without samples in the store: people by cohort as the ledger says; None: not
        known.
    """

    frame: pl.DataFrame
    unnamed: Mapping[str, int | None]


def find_people(
    store: Store,
    hasher: Hasher,
    cohorts: Sequence[str],
    links: Mapping[str, Iterable[str]],
    assays: Mapping[str, str | None],
) -> pl.DataFrame:
    """Tell who stands in cohorts of a store.

    Parameters
    ----------
    hasher
        Keyed hash of a text.
    links
        Of a cohort those that the ledger says are the same people.
    assays
        Of a cohort the one assay of all its people, as the ledger says; None: it does not.

    Returns
    -------
    pl.DataFrame
        `PEOPLE_SCHEMA` and `sample`; a row a sample.
    """
    schema = {**PEOPLE_SCHEMA, "sample": pl.String}
    told = tell(store, cohorts, links)
    if told.rows.is_empty():
        return pl.DataFrame(schema=schema)
    own = store.scan("cohorts").select("cohort", "assay").collect()
    by_cohort = dict(own.rows())
    made: dict[str, list[Any]] = {"person": [], "assay": []}
    for cohort, cells, names in zip(
        told.rows["cohort"], told.sheet, told.identities, strict=True
    ):
        made["person"].append(hasher(names[0])[:PERSON_BYTES])
        said = cells.get("assay") or assays.get(cohort) or by_cohort.get(cohort)
        made["assay"].append(said or None)
    return told.rows.select("cohort", "sample").with_columns(
        pl.Series("person", made["person"], pl.Binary),
        pl.Series("assay", made["assay"], pl.String),
    ).select(list(schema))  # fmt: skip


@dataclass(frozen=True)
class Told:
    """What tells the people of some cohorts; an entry a sample.

    Attributes
    ----------
    rows
        Of the table samples, by cohort and ordinal.
    sheet
        Further columns of the sample sheet.
    identities
        What tells the person, the best first: see the page above.
    """

    rows: pl.DataFrame
    sheet: list[dict[str, str]]
    identities: list[list[str]]


def tell(store: Store, cohorts: Sequence[str], links: Mapping[str, Iterable[str]]) -> Told:
    """List all that tells the people of cohorts, in clear: it is not to be kept.

    Parameters
    ----------
    links
        Of a cohort those that the ledger says are the same people.
    """
    rows = store.scan("samples", cohort=list(cohorts)).collect().sort("cohort", "ordinal")
    if not cohorts or rows.is_empty():
        return Told(rows.clear(), [], [])
    sheet = [_sheet(text) for text in rows["attributes"].to_list()]
    groups = _groups(links)
    carried = _carried(store, rows)
    accessions = _accessions(rows["cohort"].to_list(), sheet)
    identities = [
        list(_identities(row, accession, groups, carried))
        for row, accession in zip(rows.iter_rows(named=True), accessions, strict=True)
    ]
    return Told(rows, sheet, identities)


def _sheet(text: str) -> dict[str, str]:
    """Read the further columns of a sample's row, names in lower case."""
    try:
        return {str(k).strip().lower(): str(v).strip() for k, v in json.loads(text).items()}
    except (ValueError, AttributeError):
        return {}


def _accessions(
    cohorts: Sequence[str], sheet: Sequence[Mapping[str, str]]
) -> list[str | None]:
    """Give what tells each sample: its own accession, not one of a study or of several."""
    said = [next(_words_of(cells), None) for cells in sheet]
    often = Counter(zip(cohorts, said, strict=True))
    return [w if often[c, w] == 1 else None for c, w in zip(cohorts, said, strict=True)]


def _words_of(cells: Mapping[str, str]) -> Iterator[str]:
    """Give the words of a row of the sheet that may be the accession of its sample."""
    words = (clean(cells[n]).upper() for n in ACCESSIONS if cells.get(n))
    return (w for w in words if _is_of_a_sample(w))


def has_accession(attributes: str, word: str) -> bool:
    """Tell whether the further columns of a sample's row call it by an accession."""
    return clean(word).upper() in _words_of(_sheet(attributes))


def _is_of_a_sample(word: str) -> bool:
    """Tell whether a word may be the accession of one sample.

    It has a digit, and an archive that has words of its form calls a sample or a person so.
    """
    known = find_accession(as_archived(word) or word)
    kinds = known["kind"].lower() if known else "sample"
    is_one = "sample" in kinds or "individual" in kinds
    return is_one and any(c.isdigit() for c in word)


def _identities(
    row: Mapping[str, Any],
    accession: str | None,
    groups: Mapping[str, str],
    carried: Mapping[tuple[str, int], int],
) -> Iterator[str]:
    """Write what tells a person, the best first, see the page above."""
    cohort, sample = row["cohort"], row["sample"]
    if accession is not None:
        yield f"accession\0{accession}"
    if cohort in groups:
        yield f"linked\0{groups[cohort]}\0{sample}"
    counts = [int(row[n] or 0) for n in TELLING]
    alleles = carried.get((cohort, row["ordinal"]))
    if any(counts) and (copies_of(row) >= FEW_COPIES or alleles is not None):
        yield f"sample\0{sample}\0{counts}\0{alleles}"
    yield f"cohort\0{cohort}\0{sample}"


def copies_of(row: Mapping[str, Any]) -> int:
    """Count the copies of alleles that a person carries."""
    return int(row["n_snv"] or 0) + int(row["n_indel"] or 0)


def _carried(store: Store, rows: pl.DataFrame) -> dict[tuple[str, int], int]:
    """Give a digest of the alleles of who carries few, whatever their order."""
    copies = pl.col("n_snv").fill_null(0) + pl.col("n_indel").fill_null(0)
    return digests_of_alleles(store, rows.filter((copies < FEW_COPIES) & (copies > 0)))


def digests_of_alleles(store: Store, rows: pl.DataFrame) -> dict[tuple[str, int], int]:
    """Read what samples carry: by cohort and ordinal a digest of their alleles.

    Samples of cohorts of more than MOST_RECORDS records, or without calls, are not in it.

    Parameters
    ----------
    rows
        Of the table samples.
    """
    small = store.scan("cohorts").filter(pl.col("n_records") <= MOST_RECORDS)
    files = store.file_frame("files")
    called = set(files["partition.cohort"]) if files.height else set()
    read = sorted(called & set(small.collect()["cohort"]))
    few = rows.filter(pl.col("cohort").is_in(read))
    found: dict[tuple[str, int], int] = {}
    for (cohort,), mine in few.group_by("cohort", maintain_order=True):
        sums = _sums_of(store, str(cohort), mine["sample"].to_list())
        ordinals = dict(mine.select("sample", "ordinal").rows())
        found |= {(str(cohort), ordinals[s]): n for s, n in sums.items() if s in ordinals}
    return found


_known: dict[tuple[object, ...], dict[str, int]] = {}
"""Digests of cohorts that were read: a view asks of each cohort, and of all together."""

_MOST_KNOWN = 1_000_000
"""People in it, of all cohorts together: some hundred MB."""


def _sums_of(store: Store, cohort: str, samples: Sequence[str]) -> dict[str, int]:
    """Give the digest of the alleles of some people of a cohort, by name."""
    key = (str(store.path), store.release, store.digest(), store.view, cohort, tuple(samples))
    if key in _known:
        return _known[key]
    # Of the room query, which a store that is opened so has: calls are read by it.
    from varhouse.query.callrows import iter_carriers  # noqa: PLC0415
    from varhouse.query.opened import OpenStore  # noqa: PLC0415

    asking = OpenStore(store.path, store.meta, store._whole, store.view)
    sums: dict[str, int] = {}
    for frame in iter_carriers(
        asking, asking.asked(None, None, None, [cohort], samples, None)
    ):
        _add_up(frame, sums)
    if sum(map(len, _known.values())) + len(sums) > _MOST_KNOWN:
        _known.clear()
    _known[key] = sums
    return sums


def _add_up(frame: pl.DataFrame, sums: dict[str, int]) -> None:
    """Add the digests of carried alleles up by sample, modulo 2^64."""
    names = [n for n in ("contig", "pos", "ref", "alt", "extent", "copies") if n in frame]
    text = pl.concat_str(
        [pl.col(n).cast(pl.String).fill_null("") for n in names], separator="\t"
    )
    keys = frame.select(text.alias("key"), "sample")
    whole = keys["key"].unique()
    digests = np.array(
        [int.from_bytes(hashlib.blake2b(k.encode(), digest_size=8).digest()) for k in whole],
        np.uint64,
    )
    told = pl.DataFrame({"key": whole, "digest": digests})
    added = keys.join(told, on="key").group_by("sample").agg(pl.col("digest"))
    for sample, parts in added.rows():
        total = sums.get(sample, 0) + sum(parts)
        sums[sample] = total % (1 << 64)


def _groups(links: Mapping[str, Iterable[str]]) -> dict[str, str]:
    """Name the group of each cohort that the ledger links to another: its first cohort."""
    group: dict[str, str] = {}

    def root(name: str) -> str:
        while group.get(name, name) != name:
            name = group[name]
        return name

    for cohort, others in links.items():
        for other in others:
            one, two = sorted((root(cohort), root(other)))
            group[one], group[two] = one, one
            group.setdefault(cohort, one)
            group.setdefault(other, one)
    return {name: root(name) for name in group}


def choose(
    people: pl.DataFrame, samples: Sequence[str] | None, chosen: pl.DataFrame | None
) -> pl.DataFrame:
    """Keep the people of a list of names, and those of a frame of cohort and sample.

    Raises
    ------
    UsageError
        If nobody has one of the names.
    """
    if samples is not None:
        known = set(people["sample"].to_list())
        for name in samples:
            if name not in known:
                raise UsageError(
                    f"no sample {name!r} in the cohorts that are asked for"
                    f"{nearest(name, known)}"
                )
        people = people.filter(pl.col("sample").is_in(list(samples)))
    if chosen is not None:
        people = people.join(
            chosen.select("cohort", "sample"), on=["cohort", "sample"], how="semi"
        )
    return people


def stand_ins(hasher: Hasher, cohort: str, n: int, assay: str | None) -> pl.DataFrame:
    """Make persons of a cohort of which the store knows a number alone."""
    return pl.DataFrame(
        {
            "person": [hasher(f"number\0{cohort}\0{k}")[:PERSON_BYTES] for k in range(n)],
            "cohort": [cohort] * n,
            "assay": [assay] * n,
            "sample": [""] * n,
        },
        schema={**PEOPLE_SCHEMA, "sample": pl.String},
    )
