"""A person's alignments to the file that is called from: lanes together, duplicates marked.

    samtools merge | samtools markdup | counts | samtools view

Duplicates are looked for within a library. samtools compares neither read groups nor libraries
by itself: with several libraries each record gets the tag LB (SAM tags), and markdup compares
that as it compares barcodes.
"""

import re
import shutil
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, BinaryIO, Literal

from varhouse.errors import InputError
from varhouse.files import new_file, unfinished_name
from varhouse.reads.align import samtools_tool
from varhouse.reads.alignments import Alignments, look, optical_distance
from varhouse.reads.bamcounts import BamCounts
from varhouse.reads.bamstream import BamStream
from varhouse.reads.pipeline import Function, PipelineError, Samtools, Stage, run_pipeline
from varhouse.reads.readgroups import Groups, library_of, plan_groups, regroup

_LEVEL = 1
"""Of the written BAM's compression: 22 CPU seconds a gigabase, and level 6 62 for 9 % less."""

_LONGEST_BAI = 1 << 29
"""Bases: the greatest position of a BAI index; contigs beyond it need a CSI."""


_LACKS_SCORES = re.compile(r"no (MC|ms score) tag")
"""What markdup ends with at a pair that fixmate has not seen."""


@dataclass
class _Work:
    """What the steps share."""

    folder: Path
    fasta: Path
    threads: int
    sort_mb: int
    log: Path | None

    def sort(self, out: Path) -> Samtools:
        args = ["sort", "--no-PG", "-l", "1", "-m", f"{self.sort_mb}M", "-@", self.extra]
        return Samtools([*args, "-T", str(self.folder / "sort"), "-o", str(out), "-"])

    @property
    def extra(self) -> str:
        """Threads beside the first one."""
        return str(max(self.threads - 1, 0))

    def view(self, path: Path) -> Samtools:
        return Samtools(["view", "--no-PG", "-u", "-T", str(self.fasta), str(path)])


def finish_person(
    inputs: Sequence[Path],
    out: Path,
    *,
    fasta: Path,
    sample: str,
    form: Literal["bam", "cram"] = "bam",
    mark: bool = True,
    groups: Sequence[Mapping[str, str]] | None = None,
    threads: int = 1,
    sort_mb: int = 512,
    longest: int = 300,
    log: Path | None = None,
) -> dict[str, Any]:
    """Join a person's alignments, mark duplicates, and count what there is.

    A single sorted file that stays as it is (`mark=False`) is linked to, not copied.

    Parameters
    ----------
    inputs
        BAM or CRAM files: `align_lane`'s, or others. What is not sorted is sorted; pairs
        without mate scores get them first where duplicates are marked.
    out
        File to write, with an index beside it (`.bai`, `.crai`; `.csi` where a contig has more
        than 2^29 bases). The file appears last.
    fasta
        Reference, uncompressed, with `.fai`.
    mark
        Whether duplicates are marked; else marks stay as they are.
    groups
        Fields of @RG by the sheet, of each input: `plan_groups` says what is taken from them.
    sort_mb
        MiB of each thread's buffer where a file has to be sorted.
    longest
        Bases of the longest read: how far around a position markdup looks.

    Returns
    -------
    dict
        As `BamCounts.as_json`; `optical` duplicates and `library_size` (pairs; null where not
        known); `form`, `linked`, `notes`, and `tools`: JSON of each `Tool`.

    Raises
    ------
    InputError
        If there is no alignment, or a file is of several people.
    PipelineError
        Which step failed, and why.
    """
    if not inputs:
        raise InputError(f"{sample}: no alignments to join")
    folder = unfinished_name(out.with_name(f"{out.name}.work"))
    folder.mkdir(parents=True)
    work = _Work(folder, fasta, threads, sort_mb, log)
    try:
        looked = [look(path, fasta) for path in inputs]
        # A file without read groups gets one, and so is written anew.
        is_one = len(looked) == 1 and looked[0].order == "coordinate" and looked[0].groups
        if is_one and not mark and looked[0].is_cram == (form == "cram"):
            counts = _link(looked[0], out, work)
            return {**counts, "form": form, "linked": True, "notes": [], "tools": []}
        plan = plan_groups([each.groups for each in looked], groups, sample)
        return _join(looked, plan, out, work, form=form, mark=mark, longest=longest)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _join(
    looked: Sequence[Alignments], plan: Sequence[Groups], out: Path, work: _Work, **how: Any
) -> dict[str, Any]:
    """Write the file; with mate scores for all pairs, if some turn out to have none."""
    try:
        return _write(looked, plan, out, work, **how)
    except PipelineError as error:
        if not how["mark"] or _LACKS_SCORES.search(str(error)) is None:
            raise
    # The first records had no pairs, or had scores, and later ones have not.
    looked = [replace(each, has_pairs=True, has_scores=False) for each in looked]
    return _write(looked, plan, out, work, **how)


def _prepare(
    each: Alignments, number: int, groups: Groups | None, work: _Work, *, mark: bool
) -> Path:
    """Give a file that is sorted, and whose pairs have mate scores if they are needed.

    Its records get the names of other read groups, if there are any.
    """
    needs_scores = mark and each.has_pairs and not each.has_scores
    is_sorted = each.order == "coordinate" and not needs_scores
    if is_sorted and groups is None:
        return each.path
    stages: list[Stage] = []
    if needs_scores:
        if each.grouped:
            stages.append(work.view(each.path))
        else:
            collate = ["collate", "--no-PG", "-u", "-O", "--reference", str(work.fasta)]
            collate += ["-T", str(work.folder / "mates"), str(each.path)]
            stages.append(Samtools(collate))
        stages.append(Samtools(["fixmate", "--no-PG", "-m", "-u", "-", "-"]))
    else:
        stages.append(work.view(each.path))
    if groups is not None:
        stages.append(Function(regroup([groups], names=True, libraries=False), "read groups"))
    out = work.folder / f"{number}.bam"
    if is_sorted:
        stages.append(Samtools(["view", "--no-PG", "-1", "-o", str(out), "-"]))
    else:
        stages.append(work.sort(out))
    run_pipeline(stages, log=work.log)
    return out


def _write(
    looked: Sequence[Alignments],
    plan: Sequence[Groups],
    out: Path,
    work: _Work,
    *,
    form: str,
    mark: bool,
    longest: int,
) -> dict[str, Any]:
    # Of one file the records get their groups on the way; of several, before they are mixed.
    one = len(looked) == 1
    files = [
        _prepare(each, i, own if own.changes_records and not one else None, work, mark=mark)
        for i, (each, own) in enumerate(zip(looked, plan, strict=True))
    ]
    several = mark and len({library_of(g) for own in plan for g in own.lines}) > 1
    report = work.folder / "markdup.txt"
    stages = _merged(files, work)
    if several or any(own.is_new for own in plan):
        stages.append(Function(regroup(plan, names=one, libraries=several), "read groups"))
    said: list[str] = []
    if mark:
        if any(each.has_pairs and not each.has_scores for each in looked):
            said.append("fixmate -m")
        options = _mark_options(looked, longest, several=several)
        args = ["markdup", "--no-PG", *options, "-u", "-T", str(work.folder / "markdup")]
        stages.append(Samtools([*args, "-f", str(report), "-", "-"]))
        said.append(" ".join(["markdup", *options]))
    counts: list[BamCounts] = []
    stages.append(Function(_counter(counts), "counts"))
    ending = _index_ending(looked, form)
    index = out.with_name(out.name + ending)
    with new_file(out) as own, new_file(index) as own_index:
        view = ["view", "--no-PG", "-@", work.extra, "-o", f"{own}##idx##{own_index}"]
        view += [
            "--write-index",
            *(("-C", "-T", str(work.fasta)) if form == "cram" else ("-b",)),
        ]
        if form == "bam":
            view += ["--output-fmt-option", f"level={_LEVEL}"]
        run_pipeline([*stages, Samtools([*view, "-"])], log=work.log)
    figures = _mark_figures(report) if mark else {"optical": None, "library_size": None}
    if not any(optical_distance(each.name) for each in looked):
        figures["optical"] = None
    tools = [samtools_tool("duplicates", "; ".join(said)).as_json()] if mark else []
    own_notes = {"form": form, "linked": False, "notes": [], "tools": tools}
    return {**counts[0].as_json(), **figures, **own_notes}


def _merged(files: Sequence[Path], work: _Work) -> list[Stage]:
    """Give the stage that writes all records in order, uncompressed."""
    if len(files) == 1:
        return [work.view(files[0])]
    # -s: programs of one name in several headers get other ones by lot, always the same.
    merge = ["merge", "--no-PG", "-u", "-s", "1", "-@", work.extra]
    merge += ["--reference", str(work.fasta)]
    return [Samtools([*merge, "-o", "-", *(str(path) for path in files)])]


def _mark_options(looked: Sequence[Alignments], longest: int, *, several: bool) -> list[str]:
    # -S: supplementary records of a duplicate are duplicates, too; they are called from.
    options = ["-S", "-l", str(max(300, longest))]
    # Marks of an earlier program go, and its optical distance with them.
    options.append("-c")
    distance = max((optical_distance(each.name) for each in looked), default=0)
    if distance:
        options += ["-d", str(distance)]
    if several:
        options += ["--barcode-tag", "LB"]
    return options


def _mark_figures(report: Path) -> dict[str, Any]:
    """Read what markdup counted."""
    lines = (line.partition(": ") for line in report.read_text(encoding="utf-8").splitlines())
    found = {key: value for key, _, value in lines}
    try:
        optical = sum(
            int(found[key]) for key in ("DUPLICATE PAIR OPTICAL", "DUPLICATE SINGLE OPTICAL")
        )
        return {"optical": optical, "library_size": int(found["ESTIMATED_LIBRARY_SIZE"])}
    except (KeyError, ValueError) as error:
        raise InputError(f"markdup's figures are not the known ones: {error}") from None


def _index_ending(looked: Iterable[Alignments], form: str) -> str:
    if form == "cram":
        return ".crai"
    longest = max(each.longest_contig for each in looked)
    return ".csi" if longest > _LONGEST_BAI else ".bai"


def _link(each: Alignments, out: Path, work: _Work) -> dict[str, Any]:
    """Link to a file that stays as it is, and to its index, or make that."""
    endings = (".crai",) if each.is_cram else (".bai", ".csi")
    counts: list[BamCounts] = []
    count = Function(_counter(counts), "counts")
    run_pipeline([work.view(each.path), count], log=work.log)
    for ending in endings:
        # NAME.bam.bai, or NAME.bai.
        beside = (Path(f"{each.path}{ending}"), each.path.with_suffix(ending))
        found = [p for p in beside if _is_fresh(p, each.path)]
        if found:
            with new_file(out.with_name(out.name + ending)) as own:
                own.symlink_to(found[0].resolve())
            break
    else:
        ending = _index_ending([each], "cram" if each.is_cram else "bam")
        kind = [] if each.is_cram else ["-c" if ending == ".csi" else "-b"]
        with new_file(out.with_name(out.name + ending)) as own:
            index = ["index", *kind, "-@", work.extra, "-o", str(own), str(each.path)]
            run_pipeline([Samtools(index)], log=work.log)
    with new_file(out) as own:
        own.symlink_to(each.path.resolve())
    return {**counts[0].as_json(), "optical": None, "library_size": None}


def _is_fresh(index: Path, path: Path) -> bool:
    try:
        return index.stat().st_mtime >= path.stat().st_mtime
    except FileNotFoundError:
        return False


def _counter(counts: list[BamCounts]) -> Any:
    """Give the function that counts the records of a BAM, and passes its bytes on."""

    def count(source: BinaryIO, sink: BinaryIO) -> None:
        stream = BamStream(source)
        own = BamCounts(stream.names)
        counts.append(own)
        sink.write(stream.header)
        for block in stream.blocks():
            sink.write(block.data)
            own.add(block)

    return count
