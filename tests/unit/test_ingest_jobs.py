"""How an ingest is shared out to jobs, and that the store does not depend on it."""

import bz2
import gzip
import json
import struct
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import pytest
from builders import make_small_inputs
from inprocess import ingest_here
from kills import run_steps
from verifying import verify

import varhouse
from varhouse.ingest import driver
from varhouse.ingest.jobs import joinfiles, steps
from varhouse.ingest.setup import sizing, textsize
from varhouse.ingest.setup.run import load_run
from varhouse.ingest.setup.sizing import FileSize, Jobs, share_jobs
from varhouse.ingest.setup.textsize import text_bytes
from varhouse.vcf.text.bgzf import BgzfWriter

GIB = 1 << 30


def shared(files: list[FileSize], cores: int, **sources: int) -> Jobs:
    """Share files out and check what holds for any: each is read once, no job is small."""
    jobs = share_jobs(files, sources, 0, cores)
    read = [tuple(f) for some in jobs.intake for f in some]
    read += [(c, n) for c, n, _ in jobs.split]
    assert sorted(read) == sorted((f.cohort, f.number) for f in files)
    seconds = {(f.cohort, f.number): f.seconds for f in files}
    work = [sum(seconds[tuple(f)] for f in some) for some in jobs.intake]
    if len(work) > 1:
        assert min(work) >= sizing.JOB_SECONDS
    assert [c for some in jobs.cohorts for c in some] == list(
        dict.fromkeys(f.cohort for f in files)
    )
    return jobs


def n_jobs(jobs: Jobs, bundles: int) -> int:
    """Count the jobs that Snakemake sees."""
    if jobs.whole:
        return 1
    n = len(jobs.sources) + jobs.genes + len(jobs.intake) + 1
    n += sum(1 + shares for _, _, shares in jobs.split)
    return n + (1 + len(jobs.cohorts) + bundles if jobs.bundled else 0)


def test_small_ingests_are_one_job() -> None:
    tiny = [FileSize("a", 0, 300, 2)]
    assert n_jobs(shared(tiny, 2), 1) == 1
    cohorts = [FileSize(f"c{k}", 0, 2_000 * 550, 100) for k in range(30)]
    assert n_jobs(shared(cohorts, 2), 1) == 1
    # One large file: nothing could be done beside it.
    f3 = [FileSize("f3", 0, 1_996_435_831, 2504)]
    assert n_jobs(shared(f3, 2), 1) == 1


def test_a_source_is_compiled_beside_the_files() -> None:
    jobs = shared([FileSize("f1", 0, 268_711_054, 0)], 2, frequencies=1_079_354_121)
    assert (jobs.whole, jobs.sources, len(jobs.intake)) == (False, ["frequencies"], 1)
    assert n_jobs(jobs, 1) == 3


@pytest.mark.parametrize("cores", [2, 64])
def test_a_genome_of_2504_people_has_some_hundreds_of_jobs(cores: int) -> None:
    # 80 million records, 10 kB each, in 23 files of the sizes of the chromosomes.
    share = [8, 8, 6.5, 6, 6, 5.5, 5, 5, 4.5, 4.5, 4.5, 4.3, 3.7, 3.4, 3.3, 2.9, 2.7, 2.6, 1.9,
             2.1, 1.5, 1.6, 5]  # fmt: skip
    files = [FileSize("g", k, int(8e9 * s), 2504) for k, s in enumerate(share)]
    jobs = shared(files, cores)
    assert jobs.bundled
    assert n_jobs(jobs, 24) <= 400
    assert sum(n for _, _, n in jobs.split) >= (cores if cores > len(files) else 0)


def test_two_thousand_files_of_one_person_share_jobs() -> None:
    files = [FileSize("wgs", k, 800 << 20, 1) for k in range(2000)]
    assert len(shared(files, 16).intake) <= 200


@pytest.mark.parametrize("people", [2_504, 50_000, 500_000])
def test_files_of_a_partition_stay_in_the_tens(people: int) -> None:
    # A chromosome of a million records in chunks of 64 MiB of text, 50,000 people or more.
    # Of a record some 1,000 carriers are encoded, whoever else there is.
    records = max(1, (64 << 20) // (4 * people))
    sizes = [records * 1_000 * 3] * (1_000_000 // records)
    groups = joinfiles.share_bytes(sizes)
    assert [k for some in groups for k in some] == list(range(len(sizes)))
    assert len(groups) < 100
    assert all(sum(sizes[k] for k in some) <= joinfiles.JOINED_BYTES for some in groups)


def test_memory_follows_the_inputs() -> None:
    small = shared([FileSize("a", 0, 300, 2)], 2).mem_mb
    large = shared([FileSize("a", 0, 2 * GIB, 2504)], 2, known=GIB).mem_mb
    assert small["intake"] < large["intake"]
    assert large["commit"] >= max(large["settle"], large["source known"])


def test_text_is_told_from_blocks_without_reading_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = "".join(f"1\t{k}\t.\tA\tC\t.\tPASS\tDP={k % 97}\n" for k in range(200_000)).encode()
    plain, packed, blocks = (tmp_path / f"a.vcf{end}" for end in ("", ".gz", ".bgz"))
    plain.write_bytes(text)
    packed.write_bytes(gzip.compress(text))
    writer = BgzfWriter(blocks)
    writer.write(text)
    writer.close()
    assert text_bytes(plain) == len(text)
    assert text_bytes(blocks) == len(text)
    assert text_bytes(packed) == pytest.approx(len(text), rel=0.05)
    # A file too long to look at every block: some stretches tell it nearly as well.
    monkeypatch.setattr(textsize, "WALKED_BYTES", 0)
    monkeypatch.setattr(textsize, "SAMPLED_BYTES", 64 << 10)
    assert text_bytes(blocks) == pytest.approx(len(text), rel=0.05)
    assert text_bytes(tmp_path / "nowhere") == 0


@pytest.mark.parametrize("pack", [gzip.compress, bz2.compress])
def test_a_bomb_is_not_unpacked_to_tell_its_size(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, pack: Callable[[bytes], bytes]
) -> None:
    bomb = tmp_path / "bomb.vcf.gz"
    bomb.write_bytes(pack(bytes(32 << 20)))
    monkeypatch.setattr(textsize, "UNPACKED_BYTES", 1 << 20)
    tracemalloc.start()
    try:
        assert text_bytes(bomb) >= 1 << 20
        assert tracemalloc.get_traced_memory()[1] < 8 << 20
    finally:
        tracemalloc.stop()


def test_a_block_cannot_claim_more_text_than_it_may_have(tmp_path: Path) -> None:
    path = tmp_path / "a.vcf.gz"
    writer = BgzfWriter(path)
    writer.write(b"1\t1\t.\tA\tC\t.\t.\t.\n" * 10_000)
    writer.close()
    data = bytearray(path.read_bytes())
    second = struct.unpack_from("<H", data, 16)[0] + 1
    third = second + struct.unpack_from("<H", data, second + 16)[0] + 1
    struct.pack_into("<I", data, third - 4, 0xFFFFFFFF)
    path.write_bytes(data)
    # Jobs and their memory go by it.
    assert text_bytes(path) < 1 << 20


# --- the same store ---


@pytest.fixture
def fx_inputs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Inputs for two cohorts; the jobs run in this process."""
    make_small_inputs(tmp_path)
    monkeypatch.setattr(driver, "run_snakemake", run_steps)
    return tmp_path


def ingest(folder: Path, store: str, cores: int) -> tuple[str, list[str]]:
    """Ingest in the jobs that the sizes ask for; gives digest and steps."""
    _, account = driver.ingest(
        folder / store, folder / "config.json", driver.Options(cores=cores, keep_work=True)
    )
    (work,) = (folder / store / "_staging").iterdir()
    names = sorted(
        p.relative_to(work / "jobs").parts[0] for p in (work / "jobs").rglob("*.json")
    )
    digest: str = varhouse.open(folder / store).digest()
    assert account["digest"] == digest
    return digest, [n.removesuffix(".json") for n in names]


def test_the_store_does_not_depend_on_jobs(
    fx_inputs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    digest, steps_of_whole = ingest(fx_inputs, "whole", 2)
    assert steps_of_whole == ["whole"]
    monkeypatch.setattr(sizing, "WHOLE_BYTES", 0)
    monkeypatch.setattr(sizing, "JOB_SECONDS", 0.0)
    again, names = ingest(fx_inputs, "one commit", 2)
    assert (again, set(names)) == (digest, {"commit", "genes", "intake", "source"})
    monkeypatch.setattr(sizing, "BUNDLED_RECORDS", 0)
    monkeypatch.setattr(sizing, "SPLIT_BYTES", 0)
    again, names = ingest(fx_inputs, "all apart", 64)
    assert again == digest
    assert set(names) == {
        "cohort",
        "commit",
        "genes",
        "plan",
        "read",
        "settle",
        "source",
        "validate",
    }


def test_joined_files_hold_the_rows_of_the_chunks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_small_inputs(tmp_path)
    apart = ingest_here(tmp_path / "apart", tmp_path / "config.json", chunk_records=3)
    monkeypatch.setattr(joinfiles, "FILES", 2)
    joined = ingest_here(tmp_path / "joined", tmp_path / "config.json", chunk_records=3)
    assert joined["digest"] == apart["digest"]
    stores = [varhouse.open(tmp_path / name) for name in ("apart", "joined")]
    for table in ("frequencies", "sites", "genotypes"):
        many, few = (len(s.paths(table, part="c1")) for s in stores)
        assert few <= 8 < many
    assert not verify(stores[1])


def test_work_of_another_version_is_done_anew(
    fx_inputs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And work of this version is not."""
    made: list[str] = []
    real = steps.take_in

    def take_in(run, cohort, number, folder):
        made.append(cohort)
        real(run, cohort, number, folder)

    monkeypatch.setattr(steps, "take_in", take_in)
    with monkeypatch.context() as patch:
        patch.setattr(steps.Job, "plan", lambda _: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            ingest(fx_inputs, "store", 1)
        assert made == ["a", "b"]
        with pytest.raises(ZeroDivisionError):
            ingest(fx_inputs, "store", 1)
        assert made == ["a", "b"]
    (work,) = (fx_inputs / "store" / "_staging").iterdir()
    run = json.loads((work / "run.json").read_text())
    (work / "run.json").write_text(json.dumps({**run, "version": "0.0.0"}))
    ingest(fx_inputs, "store", 1)
    assert made == ["a", "b", "a", "b"]
    assert load_run(work / "run.json").version == varhouse.__version__


def test_thousands_of_small_files_are_shared_out() -> None:
    """Their text is little, and each costs a tenth of a second all the same."""
    files = [FileSize("c", k, 40_000, 1) for k in range(3_800)]
    jobs = share_jobs(files, {}, 0, 4)
    assert not jobs.whole
    assert 4 < len(jobs.intake) <= 9
    assert sorted(f for job in jobs.intake for f in job) == [("c", k) for k in range(3_800)]
    assert share_jobs(files[:380], {}, 0, 4).whole


@pytest.mark.parametrize("n", range(1, 12))
def test_every_file_is_in_one_job(n: int) -> None:
    """Also where the last files are too little work for a job of their own."""
    for seconds in (0.3, 0.7, 1.0, 1.6):
        shared = sizing._share([seconds] * n, 2.0)
        assert [k for some in shared for k in some] == list(range(n))
        assert all(seconds * len(some) >= 2.0 for some in shared[1:])
