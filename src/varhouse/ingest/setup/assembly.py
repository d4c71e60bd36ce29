"""Which assembly an ingest is of: what the configuration says, the FASTA, and the store.

`assembly: GRCh38` is enough where the package has the assembly: contig names and the
pseudo-autosomal regions come from there, if the FASTA is really of it
(`varhouse.genome.shipped`). What the configuration names wins, and so does what a store that
holds data was made with: its names and counts would mean something else otherwise.
"""

import re
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl

from varhouse.errors import ConfigError
from varhouse.files import new_file
from varhouse.genome.assemblies import Claim, build_of_lengths, build_of_words, same_build
from varhouse.genome.contigs import Contigs
from varhouse.genome.reference import Reference, cached_reference
from varhouse.genome.shipped import (
    Shipped,
    aliases_text,
    find_shipped,
    match_contigs,
    tell_assembly,
)
from varhouse.ingest.setup.known_names import with_known_names
from varhouse.ingest.setup.settings import text_digest
from varhouse.store.commit import contigs_frame
from varhouse.store.reader import Store

if TYPE_CHECKING:
    from varhouse.ingest.setup.config import Config


@dataclass(frozen=True)
class Settled:
    """A configuration whose assembly is known, and its reference with the names of it.

    Attributes
    ----------
    compiled
        Folder of the compiled reference.
    notes
        What the user should know, each time.
    news
        What is worth saying when a store is made.
    """

    config: "Config"
    reference: Reference
    compiled: Path
    notes: list[str] = field(default_factory=list)
    news: list[str] = field(default_factory=list)


def compiled_reference(store: Path, fasta: Path) -> Path:
    """Compile the reference into the store's cache, once for each state of the FASTA.

    A folder of a compiled reference is used as it is.
    """
    if (fasta / "reference.json").is_file():
        return fasta
    return cached_reference(fasta, store / "_cache")


def settle_assembly(store: Path, config: "Config", base: Store | None) -> Settled:
    """Find the assembly, the contig names and the PAR of an ingest; only the cache is written.

    Parameters
    ----------
    base
        The store, if it holds data; what it was made with wins over the package.

    Raises
    ------
    ConfigError
        If the FASTA is of another assembly than the configuration says.
    """
    compiled = compiled_reference(store, config.reference)
    own = Reference(compiled)
    name = config.assembly
    news: list[str] = []
    is_named = bool(name)
    if not is_named:
        name, news = _name(own, base)
        config = replace(config, assembly=name)
    if config.aliases is not None or _says(config, "aliases"):
        return Settled(config, Reference(compiled, config.contigs), compiled, [], news)
    known = find_shipped(name)
    match = None if known is None else match_contigs(known, own.contigs.contigs)
    if known is None or match is None:
        notes = [] if known is None else _not_of(known, name, own, is_made=base is not None)
        # After the FASTA it is called, if nobody named it: that says nothing.
        notes = notes if is_named else []
        return _with_usual_names(Settled(config, own, compiled, notes, news), store, base)
    reference = Reference(compiled, match.contigs)
    if base is not None and first_difference(base, reference) is not None:
        note = (
            f"assembly {name}: the store was made without the contig names and PAR of "
            "the package, and goes on so; with them: ingest into another store"
        )
        without = _with_usual_names(Settled(config, own, compiled, [note], news), store, base)
        if first_difference(base, without.reference) is None:
            return without
    table = known.aliases if match.is_table else _write_table(store, match.contigs)
    config = replace(
        config, aliases=table, contigs=match.contigs, par=config.par or _par(config, known)
    )
    news.append(f"assembly {name}: contig names and PAR are those of the package")
    if match.others:
        news.append(
            f"{own.fasta_name}: {', '.join(match.others[:5])} "
            f"{'has' if len(match.others) == 1 else 'have'} the length of {known.name}'s, but "
            "other bases (masked?): VRS ids there are those of this FASTA"
        )
    return Settled(config, reference, compiled, [], news)


def _with_usual_names(settled: Settled, store: Path, base: Store | None) -> Settled:
    """Let contigs of an assembly that the package does not know be found as `chr1` and `1`.

    A store that was made without these names goes on so.
    """
    own = settled.reference
    contigs = with_known_names(own.contigs)
    more = [c for c in contigs.contigs if c.aliases]
    reference = Reference(settled.compiled, contigs)
    if not more or (base is not None and first_difference(base, reference) is not None):
        return settled
    config = replace(settled.config, aliases=_write_table(store, contigs), contigs=contigs)
    first = more[0]
    news = f"{len(more):,} contig(s) are known by their usual names too: {first.name} = "
    return replace(
        settled,
        config=config,
        reference=reference,
        news=[*settled.news, news + " = ".join(first.aliases)],
    )


def _par(config: "Config", known: Shipped) -> Path | None:
    """Give the PAR of the package, unless the configuration says `par: null`."""
    return None if _says(config, "par") else known.par


def _says(config: "Config", key: str) -> bool:
    """Tell whether a key of the assembly is there, be it without a value: then it is meant."""
    said = config.raw.get("assembly")
    return isinstance(said, dict) and key in said


def _write_table(store: Path, contigs: Contigs) -> Path:
    """Write the names of contigs into the store's cache, once for each table."""
    text = aliases_text(contigs)
    path = store / "_cache" / f"names-{text_digest(text)[:16]}.tsv"
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        with new_file(path) as made:
            made.write_text(text, encoding="utf-8")
    return path


def _name(own: Reference, base: Store | None) -> tuple[str, list[str]]:
    """Name an assembly that nobody named, and say how it came by its name."""
    if base is not None:
        return base.assembly, []
    if (found := tell_assembly(own.contigs.contigs)) is not None:
        return found.name, [f"assembly {found.name}, by the contigs of {own.fasta_name}"]
    if (claim := _claim(own)) is not None:
        name = claim.build.split()[0]
        return name, [f"assembly {name}, by the contigs of {own.fasta_name}"]
    name = name_after(own.fasta_name)
    return name, [
        f"assembly {name}, named after {own.fasta_name}: no known assembly has contigs of its "
        "lengths; --assembly NAME names it otherwise"
    ]


def name_after(fasta: str) -> str:
    """Name an assembly after its FASTA."""
    return fit_name(re.sub(r"(?:\.(?:fa|fasta|fna))?(?:\.b?gz)?\Z", "", fasta), "assembly")


def fit_name(text: str, other: str) -> str:
    """Make a name of letters, digits, `.`, `_` and `-` of a text; `other` if none is left."""
    return re.sub(r"[^A-Za-z0-9._-]+", "_", text).strip("._-") or other


def _claim(own: Reference) -> Claim | None:
    return build_of_lengths({c.name: c.length for c in own.contigs.contigs})


def _not_of(known: Shipped, name: str, own: Reference, *, is_made: bool) -> list[str]:
    """Say that a FASTA does not show that it is of an assembly.

    A store that is made goes on as it was.

    Raises
    ------
    ConfigError
        If it shows that it is of another one.
    """
    claim = _claim(own)
    said = build_of_words(name) or known.name
    if not is_made and claim is not None and not same_build(claim.build, said):
        raise ConfigError(
            [
                f"assembly: {name}, but {own.fasta_name} is {claim.build} by its {claim.why}; "
                "fix: name the assembly that the FASTA is of, or the FASTA of that assembly"
            ]
        )
    return [
        f"assembly {name}: the contigs of {own.fasta_name} do not have the lengths of "
        f"{known.name}'s, so contig names and PAR of the package are not used; "
        "assembly.aliases and assembly.par name files"
    ]


def check_reference(config: "Config", reference: Reference) -> None:
    """Check the FASTA against the aliases table.

    Raises
    ------
    ConfigError
        With every contradiction.
    """
    problems = reference.check(config.policy.partial_reference)
    if config.contigs is not None and not any(
        reference.length(c) for c in config.contigs.names
    ):
        problems.append(
            f"{reference.fasta_name}: none of its contigs ({', '.join(reference.unnamed[:3])})"
            " is in the aliases table"
        )
    if problems:
        raise ConfigError(problems)


def check_same_assembly(base: Store, assembly: str, reference: Reference) -> None:
    """Check that assembly, reference and aliases are those the store was made with.

    Names, positions and partitions of what is stored would change their meaning
    otherwise. Further contigs at the end, other aliases and accessions do no harm to
    the rows, but queries would not know them: they are refused too.

    Raises
    ------
    ConfigError
        Naming both assemblies, and the first contig that differs.
    """
    problems = []
    if base.assembly != assembly:
        problems.append(
            f"{base.path}: the store is of assembly {base.assembly}, the configuration of "
            f"{assembly}; fix: one store holds one assembly: use another store"
        )
    if (difference := first_difference(base, reference)) is not None:
        problems.append(
            f"{base.path}: the reference or the aliases table is not the one that the store "
            f"was made with ({difference}); fix: use the same files, or make a new store"
        )
    if problems:
        raise ConfigError(problems)


def first_difference(base: Store, reference: Reference) -> str | None:
    """Say what differs from the reference and the aliases of a store; None: nothing."""
    known = base.scan("contigs").sort("ordinal").collect()
    now = contigs_frame(reference.contigs, reference)
    digest = base.record.meta.get("reference")
    if known.equals(now.select(known.columns)) and digest in (None, reference.digest):
        return None
    both = known.join(now, on="contig", how="full", suffix="_now")
    other = both.filter(
        pl.any_horizontal(
            ~pl.col(c).eq_missing(pl.col(f"{c}_now")) for c in known.columns if c != "contig"
        )
    )
    names = other.select(pl.coalesce("contig", "contig_now")).to_series()
    return f"first difference: contig {names[0]}" if len(names) else "other bases"


def holds_data(base: Store) -> bool:
    """Tell whether cohorts went into a store: until then its assembly may be another one."""
    tables = base.record.tables
    return "reference" in base.record.meta or any(
        tables[n].rows for n in ("cohorts", "variants") if n in tables
    )


def is_made_for(base: Store, settled: Settled) -> bool:
    """Tell whether a store is of this assembly, with these contigs and names."""
    if base.assembly != settled.config.assembly:
        return False
    return first_difference(base, settled.reference) is None
