"""The assemblies that come with the package: contig names, PAR, and which FASTA is of one.

The tables lie in the package (`data/assemblies`, which is `resources/` of the repository);
`SOURCES.md` beside them says where they are from. They name the main contigs alone.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from varhouse.genome.assemblies import build_of_words
from varhouse.genome.contigs import Contig, Contigs, read_aliases

FOLDER = Path(__file__).resolve().parents[1] / "data" / "assemblies"


@dataclass(frozen=True)
class Shipped:
    """An assembly of the package: its name, and the files that it has there.

    Attributes
    ----------
    aliases
        Table of contig names.
    par
        BED of the pseudo-autosomal regions.
    """

    name: str
    aliases: Path
    par: Path

    @property
    def contigs(self) -> Contigs:
        """The main contigs with all their names, lengths and digests."""
        return _read(self.aliases)


@dataclass(frozen=True)
class Match:
    """The contigs of a FASTA with the names that an assembly of the package gives them.

    Attributes
    ----------
    contigs
        Those of the table, then those that only the FASTA has, under their own names.
    others
        Contigs of the FASTA that have the length of the assembly's but other bases (masked,
        say): their own digest holds.
    is_table
        Whether this is just what stands in the table of the package.
    """

    contigs: Contigs
    others: list[str]
    is_table: bool


@cache
def _read(table: Path) -> Contigs:
    return read_aliases(table)


@cache
def shipped() -> tuple[Shipped, ...]:
    """List the assemblies of the package, by name."""
    tables = sorted(FOLDER.glob("*.tsv"))
    return tuple(Shipped(t.stem, t, t.with_name(f"{t.stem}.par.bed")) for t in tables)


def find_shipped(name: str) -> Shipped | None:
    """Find an assembly of the package by any of its names: GRCh38, hg38, b38, GRCh38.p14."""
    build = build_of_words(name)
    wanted = {name, build.split()[0]} if build else {name}
    return next((s for s in shipped() if s.name in wanted), None)


def match_contigs(known: Shipped, own: Sequence[Contig]) -> Match | None:
    """Name the contigs of a FASTA as an assembly does; None: the FASTA is not of it.

    It is if one of its chromosomes has the length of the assembly's, and none that is called
    as one of the assembly's has another length. The mitochondrion proves nothing: several
    assemblies have the same, and UCSC's first hg19 has another one than GRCh37.

    Parameters
    ----------
    own
        The contigs of the FASTA: name, length in bases and refget digest of each.
    """
    rows = {c.name: c for c in known.contigs.contigs}
    found: dict[str, Contig] = {}
    extra: list[Contig] = []
    for contig in own:
        name = known.contigs.canonical(contig.name)
        row = rows.get(name or "")
        if row is None or row.name in found:
            extra.append(contig)
        elif row.length == contig.length:
            found[row.name] = contig
        elif _is_mitochondrion(row):
            extra.append(contig)
            del rows[row.name]
        else:
            return None
    if all(_is_mitochondrion(rows[name]) for name in found):
        return None
    others = [n for n, c in found.items() if _is_other(rows[n], c)]
    table = [_row(c, own_digest=c.name in others) for c in rows.values()]
    contigs = Contigs([*table, *_bare(extra, table)])
    is_table = not extra and not others and len(rows) == len(known.contigs.names)
    return Match(contigs, others, is_table)


def tell_assembly(own: Sequence[Contig]) -> Shipped | None:
    """Name the assembly of the package that a FASTA with these contigs is of, if it is one."""
    return next((s for s in shipped() if match_contigs(s, own) is not None), None)


def _is_mitochondrion(row: Contig) -> bool:
    return bool({"M", "MT"} & {row.name, *row.aliases})


def _is_other(row: Contig, contig: Contig) -> bool:
    """Tell whether two contigs of one length are known to be of other bases."""
    digests = [(c.refget or "").removeprefix("SQ.") for c in (row, contig)]
    return all(digests) and digests[0] != digests[1]


def _row(row: Contig, *, own_digest: bool) -> Contig:
    refget = None if own_digest else row.refget
    return Contig(row.name, list(row.aliases), row.accession, row.length, refget)


def _bare(extra: Iterable[Contig], table: Sequence[Contig]) -> list[Contig]:
    """Give contigs of the FASTA alone their own names, where no contig of the table has it."""
    taken = {n for c in table for n in (c.name, *c.aliases, c.accession)}
    return [Contig(c.name, [], None, c.length) for c in extra if c.name not in taken]


def aliases_text(contigs: Contigs) -> str:
    """Write a table of aliases, as `varhouse.genome.contigs.read_aliases` reads it."""
    lines = ["contig\talias\taccession\tlength\trefget"]
    lines += [
        "\t".join(
            (
                c.name,
                ",".join(c.aliases),
                c.accession or "",
                str(c.length or ""),
                c.refget or "",
            )
        )
        for c in contigs.contigs
    ]
    return "".join(f"{line}\n" for line in lines)
