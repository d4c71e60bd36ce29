"""A person's alignments to the file that is called from: lanes together, duplicates marked.

    samtools merge | samtools markdup | counts | samtools view

Duplicates are looked for within a library. samtools compares neither read groups nor libraries
by itself: with several libraries each record gets the tag LB (SAM tags), and markdup compares
that as it compares barcodes.
"""

import shutil
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO, Literal

import numpy as np
from numba import njit

from varhouse.errors import InputError
from varhouse.files import new_file, unfinished_name
from varhouse.reads.align import samtools_tool
from varhouse.reads.alignments import Alignments, look, optical_distance
from varhouse.reads.bamcounts import BamCounts, find_tag, tags_of
from varhouse.reads.bamstream import BamStream, Block
from varhouse.reads.pipeline import Function, Samtools, Stage, run_pipeline

_LEVEL = 1
"""Of the written BAM's compression: 22 CPU seconds a gigabase, and level 6 62 for 9 % less."""

_LONGEST_BAI = 1 << 29
"""Bases: the greatest position of a BAI index; contigs beyond it need a CSI."""


@dataclass
class _Work:
    """What the steps share."""

    folder: Path
    fasta: Path
    threads: int
    sort_mb: int
    log: Path | None
    said: list[str] = field(default_factory=list)

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
        is_one = len(looked) == 1 and looked[0].order == "coordinate"
        if is_one and not mark and looked[0].is_cram == (form == "cram"):
            counts = _link(looked[0], out, work)
            return {**counts, "form": form, "linked": True, "notes": [], "tools": []}
        sorted_ = [_prepare(each, i, work, mark=mark) for i, each in enumerate(looked)]
        return _write(sorted_, looked, out, work, form=form, mark=mark, longest=longest)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _prepare(each: Alignments, number: int, work: _Work, *, mark: bool) -> Path:
    """Give a file that is sorted, and whose pairs have mate scores if they are needed."""
    needs_scores = mark and each.has_pairs and not each.has_scores
    if each.order == "coordinate" and not needs_scores:
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
        work.said.append("fixmate -m")
    else:
        stages.append(work.view(each.path))
    out = work.folder / f"{number}.bam"
    run_pipeline([*stages, work.sort(out)], log=work.log)
    return out


def _write(
    files: Sequence[Path],
    looked: Sequence[Alignments],
    out: Path,
    work: _Work,
    *,
    form: str,
    mark: bool,
    longest: int,
) -> dict[str, Any]:
    libraries = {k: v for each in looked for k, v in each.libraries.items()}
    report = work.folder / "markdup.txt"
    stages = _merged(files, work)
    if mark:
        several = len(set(libraries.values())) > 1
        if several:
            stages.append(Function(_library_writer(), "libraries"))
        options = _mark_options(looked, longest, several=several)
        args = ["markdup", "--no-PG", *options, "-u", "-T", str(work.folder / "markdup")]
        stages.append(Samtools([*args, "-f", str(report), "-", "-"]))
        work.said.append(" ".join(["markdup", *options]))
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
    tools = [samtools_tool("duplicates", "; ".join(work.said)).as_json()] if mark else []
    own_notes = {"form": form, "linked": False, "notes": [], "tools": tools}
    return {**counts[0].as_json(), **figures, **own_notes}


def _merged(files: Sequence[Path], work: _Work) -> list[Stage]:
    """Give the stage that writes all records in order, uncompressed."""
    if len(files) == 1:
        return [work.view(files[0])]
    merge = ["merge", "--no-PG", "-u", "-@", work.extra, "--reference", str(work.fasta)]
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


@njit(cache=True, nogil=True)
def _add_library(block, groups, group_ends, tags, tag_ends, out):  # type: ignore[no-untyped-def]  # pragma: no cover - compiled
    """Copy records, each with the tag LB of its read group; gives the bytes written."""
    at, n = 0, 0
    while at < block.size:
        size = 0
        for k in range(4):
            size |= block[at + k] << (8 * k)
        end = at + 4 + size
        start = n
        for k in range(at, end):
            out[n] = block[k]
            n += 1
        first = tags_of(block, at)
        group = find_tag(block, first, end, 82, 71)
        if group >= 0 and find_tag(block, first, end, 76, 66) < 0:
            for g in range(group_ends.size):
                low = group_ends[g - 1] if g else 0
                length = group_ends[g] - low
                same = True
                for k in range(length):
                    if block[group + 1 + k] != groups[low + k]:
                        same = False
                        break
                if same:
                    low = tag_ends[g - 1] if g else 0
                    for k in range(low, tag_ends[g]):
                        out[n] = tags[k]
                        n += 1
                    break
        size = n - start - 4
        for k in range(4):
            out[start + k] = (size >> (8 * k)) & 255
        at = end
    return n


def _library_writer() -> Any:
    """Give the function that adds the tag LB to each record, by its read group."""

    def write(source: BinaryIO, sink: BinaryIO) -> None:
        stream = BamStream(source)
        fields = [line.split("\t") for line in stream.text.splitlines() if line[:3] == "@RG"]
        groups = [dict(f.split(":", 1) for f in line[1:]) for line in fields]
        names = [g["ID"].encode() + b"\0" for g in groups]
        tags = [b"LBZ" + (g.get("LB") or g.get("SM") or "").encode() + b"\0" for g in groups]
        joined = [np.frombuffer(b"".join(parts), np.uint8) for parts in (names, tags)]
        ends = [np.cumsum([len(p) for p in parts]).astype(np.int64) for parts in (names, tags)]
        longest = max(map(len, tags))
        sink.write(stream.header)
        for block in stream.blocks():
            # A record has 36 bytes at least.
            out: Block = np.empty(block.size + (block.size // 36 + 1) * longest, np.uint8)
            n = _add_library(block, joined[0], ends[0], joined[1], ends[1], out)
            sink.write(out[:n].data)

    return write
