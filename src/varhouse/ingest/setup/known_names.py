"""Other names of the contigs of a FASTA that comes without an aliases table.

`chr1` = `1` = `NC_000001.10`: the sequence decides. A contig whose refget digest (else
whose length, which names a chromosome of a known assembly as well) stands in one of the
tables that are shipped has the names of that table. Beside that only `chr` before a name
is added or taken away.
"""

from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from varhouse.genome.assemblies import chromosome_of
from varhouse.genome.contigs import Contig, Contigs, read_aliases
from varhouse.genome.reference import OpenedReference, Reference
from varhouse.genome.shipped import shipped

_MITOCHONDRION = ("chrM", "MT", "M", "chrMT")


@contextmanager
def open_reference(fasta: Path, aliases: Path | None) -> Iterator[Reference]:
    """Open a FASTA with the names of the aliases table, or without one with known names."""
    with OpenedReference(fasta, read_aliases(aliases) if aliases else None) as reference:
        if aliases is None:
            reference.contigs = with_known_names(reference.contigs)
        yield reference


def other_names(names: Iterable[str], reference: Reference) -> dict[str, str]:
    """Give the contigs of a file that were found by a known name, and their own name.

    Empty with a table of aliases: its names are those that the user gave.
    """
    if reference.has_aliases:
        return {}
    found = [(n, reference.contigs.canonical(n)) for n in names]
    return {name: own for name, own in found if own is not None and own != name}


def with_known_names(contigs: Contigs) -> Contigs:
    """Give the contigs of a FASTA the names that they have elsewhere.

    A name that would then stand for two contigs is given to none of them.
    """
    wanted = {c.name: [n for n in _other_names(c) if n != c.name] for c in contigs.contigs}
    uses = Counter(n for names in wanted.values() for n in set(names))
    own = set(contigs.names)
    return Contigs(
        Contig(
            c.name,
            [*c.aliases, *(n for n in wanted[c.name] if uses[n] == 1 and n not in own)],
            c.accession,
            c.length,
            c.refget,
        )
        for c in contigs.contigs
    )


def _other_names(contig: Contig) -> list[str]:
    row = _known(contig)
    if row is not None:
        names = [row.name, *row.aliases, *([row.accession] if row.accession else [])]
        return list(dict.fromkeys(names))
    bare = contig.name.removeprefix("chr")
    chromosome = chromosome_of(contig.length) if contig.length is not None else None
    if chromosome is not None and chromosome[1] != bare:
        # By its length another chromosome than its name says: no more names.
        return []
    if contig.name in _MITOCHONDRION:
        return list(_MITOCHONDRION)
    return [bare] if bare != contig.name else [f"chr{contig.name}"]


def _known(contig: Contig) -> Contig | None:
    """Find the row of a shipped table that is this sequence."""
    digest = (contig.refget or "").removeprefix("SQ.")
    rows = [row for assembly in shipped() for row in assembly.contigs.contigs]
    for row in rows:
        if digest and row.refget and row.refget.removeprefix("SQ.") == digest:
            return row
    for row in rows:
        if row.length == contig.length and not row.refget and row.length != 16_569:
            return row
    return None
