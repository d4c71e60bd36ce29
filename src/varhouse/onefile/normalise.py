"""Split, trim and left-align the alleles of a VCF, a BCF or a frame.

polars is imported only where a table is made: from VCF to VCF it would be a tenth of the
start.
"""

import tempfile
from collections.abc import Iterable
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from varhouse import __version__
from varhouse.files import put
from varhouse.ingest.setup.known_names import open_reference, other_names
from varhouse.normalise.order import sort_keys
from varhouse.normalise.text import Bytes, gather
from varhouse.onefile.normalise_run import (
    FAULTS,
    REJECT_COLUMNS,
    FieldLoss,
    Normalised,
    Piece,
    Work,
    open_run,
)
from varhouse.onefile.out import as_path, check_choice, is_frame, tells_paths
from varhouse.onefile.paths import keep_inputs, output_ending
from varhouse.vcf.blocks import iter_text
from varhouse.vcf.header.header import Header
from varhouse.vcf.text.bgzf import BgzfWriter
from varhouse.vcf.text.lines import read_batch
from varhouse.vcf.text.otherformats import vcf_kind

if TYPE_CHECKING:
    import polars as pl

    from varhouse.onefile.out import Alleles, Out

ENDINGS = (".vcf.gz", ".vcf.bgz", ".bcf", ".vcf", ".parquet")


@tells_paths
def normalise(
    alleles: "Alleles",
    out: "Out" = None,
    *,
    reference: str | Path,
    aliases: str | Path | None = None,
    rejects: str | Path | None = None,
    region: str | None = None,
    multi_overlaps: str = "0",
    unchecked_ref: str = "reject",
) -> Normalised:
    """Split, trim and left-align alleles, and check REF, as `bcftools norm -m- -c x`.

    Parameters
    ----------
    alleles
        A VCF (plain, gzip, BGZF) or BCF, or a polars frame with the columns contig, pos
        (1-based), ref, alt (one ALT a row), extent for symbolic alleles, and any others.
    out
        A file to write, by its ending .vcf.gz, .vcf, .bcf or .parquet; a function that is
        called with each frame, so that memory does not grow with the file; or None: the
        result holds one frame. A frame cannot become VCF or BCF.
    reference
        FASTA of the assembly, plain or gzip.
    aliases
        Table of contig names (TSV); without it well-known names are found (1 = chr1).
    rejects
        TSV to write, of what was rejected.
    region
        `contig` or `contig:start-end` (1-based, closed): only records whose REF overlaps it.
    multi_overlaps
        What another ALT becomes in a split GT: `0` or `.`.
    unchecked_ref
        Whether alleles outside of what the FASTA holds are kept: `reject` or `keep`.

    Returns
    -------
    Normalised
        Counts, and the frame if there is no `out`.

    Raises
    ------
    varhouse.errors.UsageError
        For an ending that says no format, a file that would be overwritten, a value that
        a parameter does not have.
    varhouse.errors.InputError
        If a file cannot be read: nothing is written.
    """
    check_choice("multi_overlaps", multi_overlaps, ("0", "."))
    check_choice("unchecked_ref", unchecked_ref, ("reject", "keep"))
    fasta, table, listed = Path(reference), as_path(aliases), as_path(rejects)
    if is_frame(alleles):
        from varhouse.onefile.normalise_frames import normalise_frame  # noqa: PLC0415

        return normalise_frame(
            alleles,
            out,
            fasta,
            table,
            listed,
            region,
            keep=unchecked_ref == "keep",
        )
    assert isinstance(alleles, (str, Path))
    return _normalise_file(
        Path(alleles), out, fasta, table, listed, region, multi_overlaps, unchecked_ref
    )


def _normalise_file(
    given: Path,
    out: "Out",
    fasta: Path,
    table: Path | None,
    listed: Path | None,
    region: str | None,
    multi_overlaps: str,
    unchecked_ref: str,
) -> Normalised:
    output = Path(out) if isinstance(out, (str, Path)) else None
    ending = output_ending(output, ENDINGS) if output is not None else ""
    keep_inputs([output, listed], [given, fasta, table])
    with ExitStack() as stack:
        opened = stack.enter_context(open_reference(fasta, table))
        beside = output.parent if output else listed.parent if listed else None
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(dir=beside)))
        work = open_run(given, opened, folder, region, ending, multi_overlaps, unchecked_ref)
        work.normaliser.lists_rejects = listed is not None or out is None
        made, listed_made = folder / f"out{ending}", folder / "rejects.tsv"
        if listed is not None:
            work.rejects = stack.enter_context(listed_made.open("w", encoding="utf-8"))
            work.rejects.write("\t".join(REJECT_COLUMNS) + "\n")
        frame = _write(work, made, ending, out)
        if listed is not None and work.rejects is not None:
            work.rejects.close()
            put(listed_made, listed)
        if output is not None:
            put(made, output)
        return _result(work, output, frame, unchecked_ref)


def _write(work: Work, made: Path, ending: str, out: "Out") -> "pl.DataFrame | None":
    """Write the file, or give the frame."""
    header = _header_text(work.header, work.normaliser.reference.fasta_name)
    if ending == ".bcf":
        _write_bcf(made, header, work)
    elif ending and ending != ".parquet":
        _write_text(made, header, work)
    else:
        from varhouse.onefile import normalise_frames as frames  # noqa: PLC0415

        if ending:
            frames.write_parquet(made, work)
        elif callable(out):
            frames.hand_out(out, work)
        else:
            return frames.collect(work)
    return None


def _result(
    work: Work, output: Path | None, frame: "pl.DataFrame | None", unchecked_ref: str
) -> Normalised:
    """Sum up what was done."""
    counts, wanted = work.normaliser.counts, set(FAULTS)
    if unchecked_ref == "reject":
        wanted.add("ref_unchecked")
    done = Normalised(
        output,
        dict(counts),
        {code: n for code, n in sorted(counts.items()) if code in wanted},
        tuple(
            FieldLoss(name, loss.says, lost.records, lost.first)
            for (name, loss), lost in sorted(work.normaliser.splitter.losses.items())
        ),
        other_names(work.normaliser.contigs, work.normaliser.reference),
        frame,
        in_order=output is not None or frame is not None or not work.window.late,
        not_by_index=work.not_by_index,
    )
    if frame is None or work.rejects is not None:
        return done
    from varhouse.onefile.normalise_frames import rejects_frame  # noqa: PLC0415

    return replace(done, rejects=rejects_frame(work.listed, numbered=not work.by_index))


def _header_text(header: Header, fasta: str) -> bytes:
    lines = header.text.split("\n")
    added = f"##varhouse_normalise=<Version={__version__},Reference={fasta}>"
    return "\n".join([*lines[:-1], added, lines[-1], ""]).encode()


def _sorted(body: bytes, ranks: dict[str, int]) -> bytes:
    """Sort data lines by contig (as they first came) and position."""
    batch = read_batch(body, 0, 0)
    rank = batch.column("chrom").replace_strict(ranks).cast(int).to_numpy()
    order = np.argsort(sort_keys(rank, batch.pos), kind="stable")
    at = np.append(batch.start[:, 0], batch.text.size)
    text: Bytes = gather(batch.text, at, order)[1]
    return text.tobytes()


def _write_text(out: Path, header: bytes, work: Work) -> None:
    def write(pieces: Iterable[Piece]) -> None:
        sink = out.open("wb") if out.suffix == ".vcf" else BgzfWriter(out)
        sink.write(header)
        for piece in pieces:
            sink.write(piece)
        sink.close()

    write(work.pieces())
    if work.window.late:
        write([_sorted(_read_body(out, header), work.normaliser.contigs)])


def _read_body(path: Path, header: bytes) -> bytes:
    text = b"".join(b.data for b in iter_text(path, vcf_kind(path)))
    return text[len(header) :]


def _write_bcf(out: Path, header: bytes, work: Work) -> None:
    """Write BCF by htslib, which wants every contig in the header."""
    from varhouse.onefile.bcf_output import write_bcf  # noqa: PLC0415

    text = out.with_name("body.vcf")
    _write_text(text, header, work)
    known = work.header.contigs
    extra = "".join(f"##contig=<ID={c}>\n" for c in work.normaliser.contigs if c not in known)
    write_bcf(text, out, work.source, extra.encode())
