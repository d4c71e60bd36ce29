"""A file is taken in: what is wrong with it, and the shards of its records."""

import shutil
from pathlib import Path

from varhouse.files import write_json
from varhouse.ingest.jobs.chunk import ChunkReader
from varhouse.ingest.jobs.staterows import fields_to_read
from varhouse.ingest.jobs.tasks import CHUNKS, ChunkShards, file_context
from varhouse.ingest.jobs.validate import validate_file
from varhouse.ingest.setup.run import Run
from varhouse.ingest.setup.verdict import VERDICT, Verdict, read_verdict
from varhouse.vcf.check.judged import Judged
from varhouse.vcf.gvcf.recognition import BlockWatch
from varhouse.vcf.header.header import Header
from varhouse.vcf.text.cuts import Chunk
from varhouse.vcf.text.lines import RecordBatch


def take_in(run: Run, cohort: str, number: int, folder: Path) -> None:
    """Check a file and write the shards of its records, in one pass over its text.

    Writes `verdict.json` and what `ChunkShards` writes; no shards of a file that is held back.

    Parameters
    ----------
    number
        0-based number of the file in the cohort.
    folder
        An empty folder, which gets its name when all is written.

    Raises
    ------
    InputError
        If the file changes meanwhile. What is wrong inside it stands in the verdict.
    """
    writer = ShardWriter(run, cohort, number, folder)
    verdict = _pass_over(writer)
    if not verdict.hold and verdict.gvcf != writer.is_gvcf:
        # Its first records looked otherwise than the whole.
        drop_shards(folder)
        writer = ShardWriter(run, cohort, number, folder, gvcf=verdict.gvcf)
        verdict = _pass_over(writer)
    if verdict.hold:
        drop_shards(folder)
        write_json(folder / CHUNKS, [])
        return
    writer.finish(verdict.chunks)


def _pass_over(writer: "ShardWriter") -> Verdict:
    path = writer.folder / VERDICT
    validate_file(writer.run, writer.cohort, writer.number, path, writer)
    return read_verdict(path)


class ShardWriter:
    """Takes the records of a file as they are checked, and writes the shards of its chunks.

    Parameters
    ----------
    gvcf
        Whether the file is a gVCF, of which reference records become no sites. That only
        the whole file shows; None: as its first records look, unless all are held back.
    """

    wants_calls = True

    def __init__(
        self, run: Run, cohort: str, number: int, folder: Path, *, gvcf: bool | None = None
    ) -> None:
        self.run, self.cohort, self.number, self.folder = run, cohort, number, folder
        # Whether it is a gVCF shows when its first records are read.
        may_have_states = run.policy.gvcf == "blocks" and gvcf is not False
        self.wants_fields = fields_to_read(run.genotype_fields, with_states=may_have_states)
        self._gvcf = False if run.policy.gvcf == "refuse" else gvcf
        self._header = Header()
        self._shards: ChunkShards | None = None
        self._reader: ChunkReader | None = None
        self._chunks: list[tuple[str, int]] = []

    @property
    def is_gvcf(self) -> bool:
        """Whether the records were read as those of a gVCF."""
        return bool(self._gvcf)

    def begin(self, header: Header) -> None:
        """Take the header."""
        self._header = header

    def __call__(self, judged: Judged) -> None:
        """Take the next records; a chunk is written when the next one begins."""
        if self._shards is None:
            self._shards = self._open(judged.batch)
        at = 0
        for record, part in judged.opened:
            k = record - judged.batch.record
            self._take(judged, at, k)
            self._close_chunk()
            self._reader = ChunkReader(self._shards.context)
            self._chunks.append((part, 0))
            at = k
        self._take(judged, at, judged.batch.size)

    def _open(self, first: RecordBatch) -> ChunkShards:
        if self._gvcf is None:
            watch = BlockWatch()
            watch.take(first)
            self._gvcf = watch.is_gvcf()
        context = file_context(
            self.run, self.cohort, self.number, self._header, gvcf=self.is_gvcf
        )
        return ChunkShards(context, self.folder)

    def _take(self, judged: Judged, a: int, b: int) -> None:
        if b > a:
            assert self._reader is not None
            self._reader.take(judged.part(a, b))

    def _close_chunk(self) -> None:
        if self._reader is None:
            return
        assert self._shards is not None
        result, self._reader = self._reader.finish(), None
        number = len(self._chunks) - 1
        part = self._chunks[number][0]
        self._chunks[number] = (part, result.n_records)
        self._shards.write(result, number, part)

    def finish(self, chunks: list[Chunk]) -> None:
        """Write the last chunk, and what lists them.

        Parameters
        ----------
        chunks
            Those of the verdict.

        Raises
        ------
        RuntimeError
            If these are others.
        """
        self._close_chunk()
        if self._chunks != [(c.part, c.n_records) for c in chunks]:
            raise RuntimeError(f"{self.folder}: chunks {self._chunks}, not {chunks}")
        if self._shards is None:
            write_json(self.folder / CHUNKS, [])
            return
        self._shards.lay_runs()
        self._shards.finish()


def share_of_chunks(verdict: Path, job: int, jobs: int) -> list[int]:
    """Choose the chunks of a file that one of the jobs that share it reads.

    Each has about as many bytes of the file as the others; how many jobs there are was
    decided before anything was known of the chunks.
    """
    chunks = read_verdict(verdict).chunks
    sizes = [(c.end >> 16) - (c.begin >> 16) + 1 for c in chunks]
    total, before, out = sum(sizes), 0, []
    for k, size in enumerate(sizes):
        if (2 * before + size) * jobs // (2 * total) == job:
            out.append(k)
        before += size
    return out


def drop_shards(folder: Path) -> None:
    """Remove the shards of chunks in a folder, of what is held back; verdicts stay."""
    for chunk in [*folder.rglob("manifest.json")]:
        shutil.rmtree(chunk.parent, ignore_errors=True)
