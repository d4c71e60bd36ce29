"""The draft of a configuration, from the headers of files: `varhouse init`.

What headers say is written down (who is in which file, which assembly), what only people know
(sex, population, permits) is left open. What is written goes in as it is, once the reference
is named.
"""

import os
import re
import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from glob import escape, glob
from pathlib import Path
from urllib.parse import unquote

import yaml

from varhouse.errors import ConfigError, InputError, UsageError
from varhouse.files import new_file
from varhouse.genome.assemblies import build_of_header, build_of_lengths, build_of_words
from varhouse.genome.shipped import find_shipped
from varhouse.ingest.setup.assembly import name_after
from varhouse.ingest.setup.filelists import LIST
from varhouse.ingest.setup.fromfiles import ENDING, name_of_files, named_files
from varhouse.ingest.setup.growing import looks_like_gvcf
from varhouse.sheetfile import fits_cell, tab_cell
from varhouse.sheettable import is_missing
from varhouse.vcf.account.problems import Account
from varhouse.vcf.header.header import read_header
from varhouse.vcf.peek import peek_header
from varhouse.vcf.text.limits import DEFAULTS

ASSEMBLY_NAME = r"[A-Za-z0-9][A-Za-z0-9._-]*"
"""Form of the names of assemblies, as the schema of the configuration has it."""

_MOST_IN_A_CELL = 5
"""Files that a cell of the sheet names one by one."""


@dataclass(frozen=True)
class Seen:
    """What the header of a file says; nothing of one that cannot be read."""

    file: str
    samples: tuple[str, ...] = ()
    assembly: str | None = None
    why: str = ""
    reference: Path | None = None


@dataclass
class DraftCohort:
    """A cohort of the draft: its files, and who is in them by first appearance."""

    name: str
    seen: list[Seen]
    is_gvcf: bool = False

    @property
    def files(self) -> list[str]:
        """Absolute paths, in order."""
        return [s.file for s in self.seen]

    @property
    def samples(self) -> list[str]:
        """Everybody who is in a file."""
        return list(dict.fromkeys(n for s in self.seen for n in s.samples))

    @property
    def assembly(self) -> str | None:
        """What the headers say, if they say one."""
        said = {s.assembly for s in self.seen if s.assembly}
        return said.pop() if len(said) == 1 else None


@dataclass
class Draft:
    """A drafted configuration: texts of its files by name, and what is left to a person.

    `people` are those of a reads sheet, with how many rows each has.
    """

    folder: Path
    texts: dict[str, str]
    cohorts: list[DraftCohort]
    assembly: str | None = None
    reference: Path | None = None
    notes: list[str] = field(default_factory=list)
    people: dict[str, int] = field(default_factory=dict)

    def write(self) -> list[Path]:
        """Write the files; none is if one of them is there.

        Raises
        ------
        UsageError
            Naming those that are there.
        """
        paths = [self.folder / name for name in self.texts]
        if there := [str(p) for p in paths if p.exists()]:
            raise UsageError(
                f"{', '.join(there)}: there already, and init overwrites nothing",
                "name another folder, or move them away",
            )
        self.folder.mkdir(parents=True, exist_ok=True)
        for path, text in zip(paths, self.texts.values(), strict=True):
            with new_file(path) as made:
                made.write_text(text, encoding="utf-8")
        return paths


def draft_of_files(
    folder: Path,
    files: Sequence[str],
    *,
    reference: Path | None = None,
    genes: Path | None = None,
    assembly: str | None = None,
) -> Draft:
    """Draft a configuration; without files its sheets are empty. Nothing is written.

    Parameters
    ----------
    folder
        Where it is to lie: paths are written relative to it.
    files
        VCF, BCF or gVCF: paths, globs, lists `@PATH`.

    Raises
    ------
    ConfigError
        With every file that is none, or no VCF.
    UsageError
        If the folder is a file.
    """
    paths, problems = named_files(files) if files else ([], [])
    check_arguments(folder, paths, problems, reference, genes, assembly)
    cohorts = group_files([_look(path) for path in paths])
    seen = [s for c in cohorts for s in c.seen]
    notes = [
        f"{s.file}: no sample in its header, or it cannot be read: varhouse validate tells why"
        for s in seen
        if not s.samples
    ]
    found = next((s.reference for s in seen if s.reference), None)
    reference = reference or found
    name, why = (assembly, "") if assembly else assembly_of_files(seen, reference)
    draft = Draft(folder, {}, cohorts, name, reference, notes)
    draft.texts["config.yaml"] = _config_text(draft, why, genes)
    draft.texts["cohorts.tsv"] = _cohorts_text(draft)
    draft.texts["samples.tsv"] = _samples_text(draft)
    return draft


def check_arguments(
    folder: Path,
    paths: Sequence[str],
    problems: list[str],
    reference: Path | None,
    genes: Path | None,
    assembly: str | None,
) -> None:
    """Check what a draft is asked for; `problems` are those of the files, found before.

    Raises
    ------
    ConfigError, UsageError
        As `draft_of_files`.
    """
    if folder.exists() and not folder.is_dir():
        raise UsageError(f"{folder} is a file", "name a folder; it is made if need be")
    for option, path in (("--reference", reference), ("--genes", genes)):
        if path is not None and not path.is_file():
            problems.append(f"{option} {path}: no such file; fix: give the file")
    problems += [
        f"{f!a}: a path with tabs, line ends, blanks around it or bytes that are no UTF-8 "
        "cannot stand in a sheet; fix: rename it, or link to it by another name"
        for f in paths
        if not fits_cell(f)
    ]
    if assembly and not re.fullmatch(ASSEMBLY_NAME, assembly):
        problems.append(
            f"--assembly {assembly!r} is not of letters, digits, . _ -; fix: --assembly GRCh38"
        )
    if problems:
        raise ConfigError(problems, "on the command line")


def group_files(seen: Sequence[Seen]) -> list[DraftCohort]:
    """Put files into cohorts.

    Those with the same samples are one (split by contig), those of one person each in a
    folder are one; any other is a cohort of its own.
    """
    groups: dict[tuple[str, ...], list[Seen]] = {}
    for one in seen:
        folder = str(Path(one.file).parent)
        if len(one.samples) == 1:
            key: tuple[str, ...] = ("folder", folder)
        else:
            key = ("people", *sorted(one.samples)) if one.samples else ("file", one.file)
        groups.setdefault(key, []).append(one)
    cohorts: list[DraftCohort] = []
    taken: set[str] = set()
    for group in groups.values():
        name = stem = name_of_files([s.file for s in group])
        number = 1
        while name in taken:
            number += 1
            name = f"{stem}_{number}"
        taken.add(name)
        first = next((s.file for s in group if s.samples), None)
        is_gvcf = first is not None and looks_like_gvcf(first, DEFAULTS, without=False)
        cohorts.append(DraftCohort(name, group, is_gvcf))
    return cohorts


def _look(file: str) -> Seen:
    """Read the header of a file."""
    try:
        lines = peek_header(Path(file))
        header = read_header(lines, Account(Path(file).name))
    except (InputError, OSError):
        return Seen(file)
    claim = build_of_header("\n".join(lines), header.contigs)
    return Seen(
        file,
        tuple(header.samples),
        claim.build.split()[0] if claim else None,
        claim.why if claim else "",
        _reference(lines),
    )


def _reference(lines: Sequence[str]) -> Path | None:
    """Find the FASTA that a header names, if it is there."""
    for line in lines:
        if line.startswith("##reference="):
            path = Path(unquote(line.removeprefix("##reference=").removeprefix("file://")))
            if path.is_absolute() and path.is_file():
                return path
    return None


def assembly_of_files(seen: Sequence[Seen], reference: Path | None) -> tuple[str | None, str]:
    """Name the assembly, and say what tells it: headers, the FASTA's index, or its name."""
    said = [s for s in seen if s.assembly]
    if said:
        times = Counter(s.assembly for s in said)
        one = max(said, key=lambda s: times[s.assembly])
        return one.assembly, f"by {Path(one.file).name}: {one.why}"
    if reference is None:
        return None, ""
    index = reference.with_name(f"{reference.name}.fai")
    if index.is_file():
        claim = build_of_lengths(_lengths(index))
        if claim:
            return claim.build.split()[0], f"by {index.name}: {claim.why}"
    build = build_of_words(reference.name)
    return build.split()[0] if build else name_after(reference.name), f"after {reference.name}"


def _lengths(index: Path) -> dict[str, int]:
    """Read the contig lengths of a FASTA's index; nothing of lines that say none."""
    try:
        text = index.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return {}
    rows = [line.split("\t") for line in text.splitlines()]
    return {r[0]: int(r[1]) for r in rows if len(r) > 1 and re.fullmatch("[0-9]{1,18}", r[1])}


# --- texts ---


def _path(path: Path | str, folder: Path) -> str:
    """Give a path as the configuration in a folder names it."""
    return os.path.relpath(path, folder.absolute())


def _quoted(text: str) -> str:
    """Write a text as a scalar of YAML that is read back as this text."""
    if re.fullmatch(r"[A-Za-z0-9./][\w./-]*", text, re.ASCII) and _is_text(text):
        return text
    if not text.isprintable():
        # In single quotes line ends become blanks, and control characters cannot stand.
        return yaml.safe_dump(text, default_style='"', width=sys.maxsize).strip()
    return "'" + text.replace("'", "''") + "'"


def _is_text(plain: str) -> bool:
    """Tell whether YAML takes a text without quotes for a text: not 38, 1e3, no, a date."""
    # The second: texts that YAML 1.1 leaves alone, and 1.2 (and people) take for numbers.
    return isinstance(_resolved(plain), str) and not re.match(r"[\d.]+(?:e\d+)?\Z", plain)


def _resolved(plain: str) -> object:
    try:
        return yaml.safe_load(plain)
    except (yaml.YAMLError, ValueError):
        # A date such as 2026-13-45.
        return None


def _config_text(draft: Draft, why: str, genes: Path | None) -> str:
    lines = [
        "# Drafted by varhouse init; config/README.md explains every key. Paths are relative",
        "# to this file. Where a line begins with #, fill it in and take the # away. Then:",
        "#   varhouse ingest STORE --config config.yaml",
        *reference_lines(draft, why, genes),
        _key("cohorts", "cohorts.tsv", "", "a row a cohort"),
        _key("samples", "samples.tsv", "", "a row a person"),
        "# strata: [sex, population]              # frequencies by columns of samples.tsv",
        "# sources:                               # annotations by allele, interval or gene",
        "#   - {name: clinvar, path: clinvar.vcf.gz, preset: clinvar}",
        "# policy:",
        "#   unlisted_samples: unknown            # people without a row go in, too",
        "#   sample_flags: note                   # quality, sex, kin of each sample",
    ]
    return "\n".join(lines) + "\n"


def reference_lines(draft: Draft, why: str, genes: Path | None) -> list[str]:
    """Write what a configuration says of the assembly: its name, its FASTA, its genes."""
    name, reference = draft.assembly, draft.reference
    known = find_shipped(name) if name else None
    names = "contig names and PAR come with varhouse" if known else (
        "other contig names, PAR: config/README.md"
    )  # fmt: skip
    return [
        *([f"# assembly: {' '.join(why.split())}"] if why else []),
        _key("assembly", name, "GRCh38", names),
        _key(
            "reference",
            _path(reference, draft.folder) if reference else None,
            "GRCh38.fa",
            "FASTA: plain, gzip or BGZF",
        ),
        _key(
            "genes",
            _path(genes, draft.folder) if genes else None,
            "genes.gff3.gz",
            "GFF3 or GTF; without it no consequences",
        ),
    ]


def _key(key: str, value: str | None, example: str, note: str) -> str:
    text = f"{key}: {_quoted(value)}" if value else f"# {key}: {example}"
    return f"{text:<40} # {note}"


def _cohorts_text(draft: Draft) -> str:
    """Write the sheet of cohorts; one whose header says another assembly needs a chain."""
    others = [c for c in draft.cohorts if _is_other(c, draft)]
    columns = ["cohort", "files", *(["assembly", "chain"] if others else [])]
    lines = [
        "## A row a cohort; cells are separated by tabs. More columns (project, province,",
        "## permit, ...): config/README.md. Lines that begin with ## are comments.",
    ]
    if others:
        lines.append("## Fill in chain: the file from the cohort's assembly to the store's.")
    if not draft.cohorts:
        lines.append("## hebei\tgvcfs/*.g.vcf.gz")
    rows = []
    for cohort in draft.cohorts:
        lines += [f"## {cohort.name}: gVCFs"] if cohort.is_gvcf else []
        row = [cohort.name, _cell(cohort, draft)]
        if others:
            row += [cohort.assembly if cohort in others and cohort.assembly else "", ""]
        rows.append("\t".join(map(tab_cell, row)))
    return "\n".join([*lines, "\t".join(columns), *rows]) + "\n"


def _is_other(cohort: DraftCohort, draft: Draft) -> bool:
    said, own = cohort.assembly, draft.assembly
    if said is None or own is None:
        return False
    build = build_of_words(own)
    return said != own and (build is None or build.split()[0] != said)


def _cell(cohort: DraftCohort, draft: Draft) -> str:
    """Name the files of a cohort: one by one, by a pattern that gives just them, by a list."""
    files, folder = cohort.files, Path(cohort.files[0]).parent
    endings = {_ending(f) for f in files}
    if len(files) > 1 and len(endings) == 1 and {Path(f).parent for f in files} == {folder}:
        last = f"*{escape(endings.pop())}"
        if sorted(glob(str(Path(escape(str(folder))) / last))) == sorted(files):  # noqa: PTH207
            return _item(f"{escape(_path(folder, draft.folder))}/{last}")
    own = [_item(_path(f, draft.folder)) for f in files]
    if len(own) <= _MOST_IN_A_CELL and not any("," in f for f in own):
        return ",".join(own)
    name = f"{cohort.name}.files.txt"
    draft.texts[name] = "".join(f"{_listed(_path(f, draft.folder))}\n" for f in files)
    return f"{LIST}{name}"


def _ending(file: str) -> str:
    match = ENDING.search(Path(file).name)
    return match[0] if match else Path(file).suffix


def _item(text: str) -> str:
    return f"./{text}" if text.startswith(LIST) else text


def _listed(text: str) -> str:
    """Give the line of a list of files: one that begins with # would be a comment line."""
    return f"./{text}" if text.startswith("#") else text


def _samples_text(draft: Draft) -> str:
    lines = [
        "## A row a person: fill in sex (male, female; decides how X and Y count) and",
        "## population, or leave them. Any other column is kept, and may be one of strata.",
    ]
    if not draft.cohorts:
        lines.append("## hebei\tHB001\tfemale\tnorth")
    lines.append("cohort\tsample\tsex\tpopulation")
    for cohort in draft.cohorts:
        for sample in cohort.samples:
            if is_missing(sample) or not fits_cell(sample):
                why = "that means missing" if is_missing(sample) else "it is not read as it is"
                draft.notes.append(
                    f"cohort {cohort.name}: sample {sample!r} cannot stand in a sheet, where "
                    f"{why}; fix: policy: {{unlisted_samples: unknown}}"
                )
                continue
            lines.append(f"{cohort.name}\t{tab_cell(sample)}\tunknown\t")
    return "\n".join(lines) + "\n"
