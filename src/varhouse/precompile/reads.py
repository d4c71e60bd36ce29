"""What is done once with reads so that their code is compiled: two people are called."""

import random
from importlib.util import find_spec
from pathlib import Path

from varhouse.calling.check import check_lanes
from varhouse.calling.costs import CallCosts
from varhouse.calling.places import WORK
from varhouse.calling.prepare import begin_run, prepare, settle, write_panel
from varhouse.calling.settings import check_call_config
from varhouse.calling.steps import CallJob
from varhouse.precompile.inputs import CONTIG

N_PAIRS, READ, FRAGMENT = 1_200, 100, 260
ADAPTERS = "AGATCGGAAGAGCACACGTCTGAACTCC", "AGATCGGAAGAGCGTCGTGTAGGGAAAG"


def can_call() -> bool:
    """Tell whether the packages of the extra `reads` are here."""
    return all(find_spec(name) is not None for name in ("pybwa", "cutadapt", "dnaio"))


def call_reads(folder: Path) -> None:
    """Call two people from FASTQ (mates in two files, and in turn), without the workflow."""
    bases = "".join((folder / "ref.fa").read_text().split("\n")[1:])
    # An SNV, a deletion and an insertion, of one copy and of both.
    other = "ACGT".replace(bases[1_499], "")[0]
    changed = bases[:1_499] + other + bases[1_500:2_500] + bases[2_504:3_800] + "GATTACA"
    copies = changed + bases[3_800:], changed[:2_000] + bases[2_000:]
    _write_reads(folder, copies)
    (folder / "reads.tsv").write_text(
        "cohort\tsample\tsex\tfastq_1\tfastq_2\n"
        "reads\tr1\tfemale\tr_1.fastq\tr_2.fastq\n"
        "reads\tr2\tmale\tturns.fastq\t\n"
    )
    (folder / "panel.tsv").write_text(
        f"contig\tpos\tref\talt\taf\n{CONTIG}\t1500\t{bases[1_499]}\t{other}\t0.4\n"
    )
    said = {
        "assembly": {"name": "toy", "reference": "ref.fa"},
        "reads": "reads.tsv",
        "calling": {"folder": "calls", "contamination": {"sites": "panel.tsv"}},
    }
    config = check_call_config(said, folder)
    work = config.folder / WORK
    work.mkdir(parents=True)
    run = begin_run(config, settle(work, config), work, 1)
    write_panel(run)
    places = [(0, 0), (1, 0)]
    lanes = [run.people[p].person.lanes[k] for p, k in places]
    found = check_lanes(lanes, work / "checked", dict(run.lengths), run.digests)
    run = prepare(run, dict(zip(places, found, strict=True)), 1)
    run.save()
    job = CallJob(run, "precompile", 1, CallCosts())
    for person in run.todo:
        job.person(person)


def _write_reads(folder: Path, copies: tuple[str, ...]) -> None:
    rng = random.Random(7)
    turned = str.maketrans("ACGT", "TGCA")
    first: list[str] = []
    second: list[str] = []
    turns: list[str] = []
    for k in range(N_PAIRS):
        copy = copies[k % len(copies)]
        size = READ - 20 if k % 50 == 0 else FRAGMENT + k % 40
        at = rng.randrange(len(copy) - size)
        piece = copy[at : at + size]
        back = piece[::-1].translate(turned)
        name = f"@M1:1:FC1:1:1101:{1_000 + k}:{2_000 + k}"
        for mate, (out, text) in enumerate(((first, piece), (second, back)), 1):
            read = (text + ADAPTERS[mate - 1])[:READ]
            record = f"{name} {mate}:N:0:ACGT\n{read}\n+\n{'F' * len(read)}\n"
            out.append(record)
            turns.append(record)
    # The other person is not read as the same file again.
    for file, records in (("r_1", first), ("r_2", second), ("turns", turns[20:])):
        (folder / f"{file}.fastq").write_text("".join(records))
