"""The list of sites that all centres sketch people by.

Sketches compare only if they are of the same sites. One centre makes the list from what its
cohorts hold and call well, and gives it to the others: alleles with frequencies, and weights
on axes of ancestry, which are sums over the people of a cohort. It tells nothing of one.

A list has tiers: the sites of whole genomes are not those of exomes or arrays, and two people
can be compared at sites that both have. A tier is made of one cohort, and a person has a
sketch of each tier of whose sites enough are called.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import numpy.typing as npt
import polars as pl

from varhouse.errors import InputError, UsageError, VarhouseError
from varhouse.files import new_file
from varhouse.people.panel import PackedCalls, autosomes, choose_sites, read_packed
from varhouse.people.settings import SiteSettings
from varhouse.store.reader import Store
from varhouse.tables.schema import KEY, KEY_SCHEMA

Floats = npt.NDArray[np.float32]

FORMAT = "varhouse-panel-1"
SITES = SiteSettings(least_af=0.05)
"""Common SNVs: those of other ancestries are the same, mostly, and an error counts little."""

MOST_BITS = 4096
"""Bits of a sketch of a tier: a stranger's similarity is 0 with a deviation of 0.025."""

SITES_PER_BIT = 8
"""Sites for each bit. It bounds what can be learned of a genome even with the secret: of a
site an eighth of a bit, on average, where common SNVs have more than one
(`docs/same-person.md`)."""

LEAST_SITES = 1_024
"""Sites of a tier: fewer tell first-degree relatives from strangers too badly."""

LEAST_PEOPLE = 50
"""People of whom axes of ancestry are made: fewer span axes of their own."""

_WINDOWS = 200
LEAST_COVERED = 0.5
"""Share of 200 windows of the autosomes that have sites: strangers share whole stretches of
one chromosome, and would look like parents and children by it."""

_ALONE = 0.1
"""An axis that fewer people make than this share of the cohort is about them: left out."""

SCHEMA = {"tier": pl.String, **KEY_SCHEMA, "af": pl.Float64, "axes": pl.List(pl.Float32)}


@dataclass(frozen=True)
class Tier:
    """Sites at which people are compared.

    Attributes
    ----------
    name
        As the centre called it.
    sites
        A row a site: the columns KEY and `af`, in genome order.
    axes
        float32[sites, axes]: orthonormal directions of ancestry, of standardised dosages.
    """

    name: str
    sites: pl.DataFrame
    axes: Floats

    @property
    def bits(self) -> int:
        """Bits of its sketches, a multiple of 64."""
        return min(MOST_BITS, self.sites.height // SITES_PER_BIT // 64 * 64)


@dataclass(frozen=True)
class Panel:
    """The sites of a federation: the assembly, and tiers in their order."""

    assembly: str
    tiers: tuple[Tier, ...]

    @cached_property
    def digest(self) -> str:
        """Tell two lists apart: 16 hex digits of what they hold."""
        found = hashlib.sha256(f"{FORMAT} {self.assembly}\n".encode())
        for tier in self.tiers:
            found.update(f"{tier.name} {tier.axes.shape}\n".encode())
            found.update("\n".join(site_texts(tier.sites)).encode())
            found.update(tier.sites["af"].to_numpy().astype("<f8").tobytes())
            found.update(tier.axes.astype("<f4").tobytes())
        return found.hexdigest()[:16]


def site_texts(sites: pl.DataFrame) -> list[str]:
    """Write the key of each site as a text, its parts joined by tabs."""
    return sites.select(pl.concat_str(KEY, separator="\t")).to_series().to_list()


def standardise(dosage: npt.NDArray[np.int8], af: npt.NDArray[np.float64]) -> Floats:
    """Give dosages in deviations from the mean by Hardy and Weinberg; 0 where not called.

    Parameters
    ----------
    dosage
        int8[people, sites], -1 where not called.
    af
        float64[sites], of the panel.
    """
    mean = (2 * af).astype(np.float32)
    scale = (1 / np.sqrt(2 * af * (1 - af))).astype(np.float32)
    values = (dosage - mean) * scale
    values[dosage < 0] = 0
    return np.asarray(values, np.float32)


def dosages(packed: PackedCalls, people: slice) -> npt.NDArray[np.int8]:
    """Unpack copies of alt of some people: int8[people, sites], -1 where not called."""
    size = packed.sites.height

    def bits(words: npt.NDArray[np.uint64]) -> npt.NDArray[np.int8]:
        rows = np.ascontiguousarray(words[people]).astype("<u8", copy=False)
        unpacked = np.unpackbits(rows.view(np.uint8), axis=1, bitorder="little", count=size)
        return unpacked.astype(np.int8)

    out = bits(packed.het) + 2 * bits(packed.hom)
    out[bits(packed.called) == 0] = -1
    return out


def make_panel(
    store: Store, tiers: Mapping[str, str], axes: int = 10, settings: SiteSettings = SITES
) -> Panel:
    """Make a list of sites.

    Parameters
    ----------
    tiers
        Name of each tier, and the cohort whose sites it has.
    axes
        Axes of ancestry at most that sketches leave out.

    Raises
    ------
    VarhouseError
        If a cohort has too few common SNVs, or on too little of the genome.
    """
    made = []
    for name, cohort in tiers.items():
        sites = choose_sites(store, cohort, settings).select(*KEY, "af")
        # Arrays report some alleles by the other strand, which of these nobody can see.
        pair = pl.concat_str("ref", "alt")
        sites = sites.filter(~pair.is_in(["AT", "TA", "CG", "GC"]))
        if sites.height < LEAST_SITES:
            raise VarhouseError(
                f"cohort {cohort} has {sites.height:,} common SNVs of autosomes, too few to "
                f"tell people apart by; {LEAST_SITES:,} are enough",
                "another cohort, or one whose files cover more of the genome",
            )
        if (share := covered(store, sites)) < LEAST_COVERED:
            raise VarhouseError(
                f"the common SNVs of cohort {cohort} lie on {share:.0%} of the autosomes, and "
                "strangers would look like kin by them",
                "a cohort whose files cover the genome, exome or not",
            )
        found = find_axes(read_packed(store, cohort, sites), axes)
        made.append(Tier(name, sites, found))
    return Panel(str(store.meta["assembly"]), tuple(made))


def covered(store: Store, sites: pl.DataFrame) -> float:
    """Give the share of windows of the autosomes that have a site, 200 in all or so."""
    known = {c.name: c.length for c in store.assembly_contigs.contigs}
    lengths = {c: known[c] for c in autosomes(store) if known[c]}
    size = max(1, sum(n or 0 for n in lengths.values()) // _WINDOWS)
    windows = sum(-(-(n or 0) // size) for n in lengths.values())
    place = sites.select("contig", (pl.col("pos") - 1) // size)
    return place.unique().height / windows if windows else 1.0


def find_axes(packed: PackedCalls, most: int, people: int = 2_000) -> Floats:
    """Find axes of ancestry: leading singular vectors of the standardised dosages.

    Strangers of one ancestry resemble each other along them. Of more than `people` people some
    are taken, evenly. An axis on which few people lie far out is about these (a family), and
    no ancestry.

    Returns
    -------
    float32[sites, axes]
        Orthonormal; no axes where there are too few people.
    """
    n = packed.ordinal.size
    none = np.zeros((packed.sites.height, 0), np.float32)
    if n < LEAST_PEOPLE or most == 0:
        return none
    step = -(-n // people)
    z = standardise(dosages(packed, slice(0, n, step)), packed.sites["af"].to_numpy())
    z -= z.mean(axis=0)
    values, vectors = np.linalg.eigh((z @ z.T).astype(np.float64))
    # Descending; the last is 0, of the mean.
    vectors = vectors[:, ::-1][:, : min(most, len(values) - 1)]
    makers = 1 / (vectors**4).sum(axis=0) / len(values)
    vectors = vectors[:, makers >= _ALONE]
    if not vectors.shape[1]:
        return none
    basis, _ = np.linalg.qr(z.T.astype(np.float64) @ vectors)
    return basis.astype(np.float32)


def write_panel(panel: Panel, path: Path) -> None:
    """Write a list of sites as Parquet."""
    frames = [
        t.sites.select(
            pl.lit(t.name).alias("tier"),
            *KEY,
            "af",
            axes=pl.Series(t.axes.tolist(), dtype=pl.List(pl.Float32)),
        )
        for t in panel.tiers
    ]
    told = {"assembly": panel.assembly, "digest": panel.digest}
    with new_file(path) as own:
        pl.concat(frames).write_parquet(own, metadata={FORMAT: json.dumps(told)})


def read_panel(path: Path) -> Panel:
    """Read a list of sites.

    Raises
    ------
    InputError
        If the file is none, or was changed since it was made.
    """
    told = read_told(path, FORMAT, "a list of sites", "varhouse people panel makes one")
    frame = pl.read_parquet(path)
    if dict(frame.schema) != SCHEMA:
        raise InputError(f"{path}: no list of sites that this version knows")
    tiers = []
    for (name,), rows in frame.group_by("tier", maintain_order=True):
        axes = np.array(rows["axes"].to_list(), np.float32).reshape(rows.height, -1)
        tiers.append(Tier(str(name), rows.select(*KEY, "af"), axes))
    panel = Panel(str(told["assembly"]), tuple(tiers))
    if panel.digest != told["digest"]:
        raise InputError(f"{path}: the list was changed since it was made", "get it anew")
    return panel


def read_told(path: Path, form: str, what: str, fix: str) -> dict[str, object]:
    """Read what a Parquet file says of itself under the name of a format.

    Raises
    ------
    InputError
        If it is no Parquet, or says nothing there.
    """
    if not path.is_file():
        raise UsageError(f"no such file: {path}")
    try:
        metadata = pl.read_parquet_metadata(path)
    except pl.exceptions.PolarsError as error:
        raise InputError(f"{path}: not {what}, no Parquet", fix) from error
    if form not in metadata:
        raise InputError(f"{path}: not {what} of this version ({form})", fix)
    told: dict[str, object] = json.loads(metadata[form])
    return told
