"""Other programs for a step: the exact commands, through scripts that keep their arguments."""

import json
from pathlib import Path

import pytest

from varhouse.errors import InputError, VarhouseError
from varhouse.reads import othertools
from varhouse.reads.external import Program
from varhouse.reads.pipeline import Command, run_pipeline

GROUP = {"ID": "s 1.L1", "SM": "s 1", "LB": "lib", "PL": "ILLUMINA"}
LINE = "@RG\\tID:s 1.L1\\tSM:s 1\\tLB:lib\\tPL:ILLUMINA"
FASTA = Path("/index/ref.fa")


def program(name: str, *words: str, **settings: str) -> Program:
    return Program(name, list(words or (name,)), "1.0", "", settings)


@pytest.mark.parametrize(
    ("name", "paired", "want"),
    [
        ("bwa", True, "mem -Y -K 10000000 -p -t 3 -R {} /index/ref.fa -"),
        ("bwa", False, "mem -Y -K 10000000 -t 3 -R {} /index/ref.fa -"),
        ("bwa-mem2", True, "mem -Y -K 10000000 -p -t 3 -R {} /index/ref.fa -"),
        ("minimap2", True, "-a -x sr -F 2000 -Y -K 10000000 -t 3 -R {} /index/ref.fa.mmi -"),
        (
            "minimap2",
            False,
            "-a -x sr -F 2000 -Y -K 10000000 --frag=no -t 3 -R {} /index/ref.fa.mmi -",
        ),
    ],
)
def test_aligners_read_mates_in_turn_from_their_input(
    name: str, paired: bool, want: str
) -> None:
    command = othertools.align_command(program(name), FASTA, GROUP, 3, paired=paired)
    assert command.argv == [name, *(LINE if w == "{}" else w for w in want.split())]


def test_options_of_the_configuration_reach_the_command_and_the_lineage() -> None:
    bwa = program("bwa", "run", "bwa", options="-k 21 -H 'a b'")
    command = othertools.align_command(bwa, FASTA, GROUP, 1)
    assert command.argv[:4] == ["run", "bwa", "mem", "-Y"]
    assert command.argv[7:11] == ["-k", "21", "-H", "a b"]
    tool = othertools.tool_of(bwa, "align", othertools.align_options(bwa, paired=True))
    assert (tool.name, tool.version) == ("bwa", "1.0")
    # Threads and paths change no result.
    assert tool.options == "-Y -K 10000000 -p -k 21 -H a b"


def test_a_read_group_that_would_break_the_header_is_refused() -> None:
    with pytest.raises(InputError, match="no tab or backslash"):
        othertools.align_command(program("bwa"), FASTA, {"ID": "a\\tSM:b"}, 1)


def test_indexes_lie_beside_the_fasta() -> None:
    argv = othertools.index_argv(program("minimap2"), FASTA)
    assert " ".join(argv) == "minimap2 -x sr -I 1000G -d /index/ref.fa.mmi /index/ref.fa"
    assert othertools.index_argv(program("bwa-mem2"), FASTA) == [
        "bwa-mem2",
        "index",
        "/index/ref.fa",
    ]
    assert ".bwt.2bit.64" in othertools.INDEXES["bwa-mem2"].suffixes


@pytest.mark.parametrize(
    ("form", "files", "base", "adapters", "want"),
    [
        ("pairs", ["1.fq", "2.fq"], 33, None, ["--detect_adapter_for_pe"]),
        ("interleaved", ["i.fq"], 33, None, ["--interleaved_in"]),
        ("single", ["1.fq"], 64, None, ["--phred64"]),
        ("single", ["1.fq"], 33, ["AC", "GT"], ["--adapter_sequence", "AC"]),
        (
            "pairs",
            ["1.fq", "2.fq"],
            33,
            ["AC", "GT"],
            ["--adapter_sequence", "AC", "--adapter_sequence_r2", "GT"],
        ),
    ],
)
def test_fastp_cuts_adapters_alone(form, files, base, adapters, want) -> None:
    command = othertools.trim_command(
        program("fastp"),
        files,
        form,
        Path("r.json"),
        quality_base=base,
        adapters=adapters,
    )
    inputs = ["--in1", files[0], *(["--in2", files[1]] if len(files) > 1 else [])]
    rest = "--dont_eval_duplication --thread 1 --json r.json --html /dev/null"
    fixed = "--disable_quality_filtering --length_required 15"
    words = ["fastp", *inputs, "--stdout", fixed, *want, rest]
    assert " ".join(command.argv) == " ".join(words)


def test_what_fastp_counted_is_read(tmp_path: Path) -> None:
    report = tmp_path / "r.json"
    # Of fastp 0.23.2, cut down to what is read.
    whole = {
        "summary": {
            "before_filtering": {"total_reads": 100, "total_bases": 15000, "q20_rate": 0.9},
            "after_filtering": {"total_reads": 96, "total_bases": 14100},
        },
        "filtering_result": {
            "passed_filter_reads": 96,
            "low_quality_reads": 0,
            "too_many_N_reads": 0,
            "too_short_reads": 4,
            "too_long_reads": 0,
        },
        "adapter_cutting": {
            "adapter_trimmed_reads": 9,
            "adapter_trimmed_bases": 700,
            "read1_adapter_sequence": "AGATC",
            "read2_adapter_sequence": "unspecified",
            "read1_adapter_counts": {"A": 3, "AG": 2, "others": 1},
            "read2_adapter_counts": {"C": 3},
        },
    }
    report.write_text(json.dumps(whole))
    figures = othertools.trim_figures(report)
    assert figures["reads_in"] - figures["reads_out"] == figures["reads_dropped"]["short"] == 4
    assert (figures["bases_in"], figures["bases_out"]) == (15000, 14100)
    assert (figures["reads_trimmed"], figures["adapters"]) == (9, {"AGATC": 6})
    # Without adapters found fastp leaves the part out.
    del whole["adapter_cutting"]
    report.write_text(json.dumps(whole))
    assert othertools.trim_figures(report)["reads_trimmed"] == 0
    for text in ("{}", "", '{"summary": 3}', "[]"):
        report.write_text(text)
        with pytest.raises(InputError, match="no report of fastp"):
            othertools.trim_figures(report)


@pytest.fixture
def fx_gatk(tmp_path: Path) -> Program:
    """Give a stand-in that keeps its commands in gatk.log, and copies its input."""
    path = tmp_path / "gatk"
    path.write_text(
        "#!/bin/bash\n"
        f"echo \"$*\" >> '{tmp_path}/gatk.log'\n"
        'while [ $# -gt 0 ]; do case "$1" in --input) in=$2;; --output) out=$2;; esac\n'
        "shift; done\n"
        'case "$in" in *broken*) echo "A USER ERROR has occurred" >&2; exit 2;; esac\n'
        'cp "$in" "$out"\n'
    )
    path.chmod(0o755)
    return program("gatk", str(path))


def test_gatk_recalibrates_in_two_passes(
    tmp_path: Path, fx_gatk: Program, data_dir: Path
) -> None:
    bam = data_dir / "reads/freebayes-tiny/tiny/NA12878.chr22.tiny.bam"
    known, out = tmp_path / "dbsnp.vcf.gz", tmp_path / "out" / "p.bam"
    out.parent.mkdir()
    keywords = {"fasta": FASTA, "known": [known], "memory_mb": 900}
    with pytest.raises(InputError, match="gatk IndexFeatureFile -I"):
        othertools.recalibrate_with(fx_gatk, bam, out, **keywords)
    with pytest.raises(InputError, match="without known variants"):
        othertools.recalibrate_with(fx_gatk, bam, out, **keywords | {"known": []})
    Path(f"{known}.tbi").touch()
    answer = othertools.recalibrate_with(fx_gatk, bam, out, **keywords)
    first, second = (tmp_path / "gatk.log").read_text().splitlines()
    heap = "--java-options -Xmx900m -XX:-UsePerfData"
    table = Path(first.rpartition(" ")[2])
    shared = f"--input {bam} --reference {FASTA} --tmp-dir {table.parent}"
    assert first == (
        f"{heap} BaseRecalibrator {shared} --known-sites {known} --output {table}"
    )
    # GATK tells the form by the ending.
    assert second == (
        f"{heap} ApplyBQSR {shared} --bqsr-recal-file {table}"
        f" --create-output-bam-index false --output {table.parent}/p.bam"
    )
    # Nothing but the result stays.
    assert sorted(p.name for p in out.parent.iterdir()) == ["p.bam", "p.bam.bai"]
    assert answer["tools"][0]["step"] == "base_quality"
    cram = data_dir / "reads/freebayes-tiny/tiny/NA12878.chr22.tiny.cram"
    othertools.recalibrate_with(fx_gatk, cram, out.with_suffix(".cram"), **keywords)
    assert {p.name for p in out.parent.iterdir()} >= {"p.cram", "p.cram.crai"}


def test_what_gatk_refuses_leaves_nothing(tmp_path: Path, fx_gatk: Program) -> None:
    bam, known = tmp_path / "broken.bam", tmp_path / "k.vcf"
    bam.touch()
    Path(f"{known}.idx").touch()
    out = tmp_path / "out" / "p.bam"
    out.parent.mkdir()
    with pytest.raises(VarhouseError, match="BaseRecalibrator failed: A USER ERROR"):
        othertools.recalibrate_with(fx_gatk, bam, out, fasta=FASTA, known=[known])
    assert list(out.parent.iterdir()) == []


def test_a_program_that_is_not_there_is_said(tmp_path: Path) -> None:
    argv = program("bwa", "/nowhere/bwa").argv("mem")
    with pytest.raises(VarhouseError, match="cannot be started"):
        run_pipeline([Command(argv, "bwa")])
