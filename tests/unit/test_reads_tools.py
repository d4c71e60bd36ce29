"""Programs of a cluster: found in every way that a centre has them, or refused with the fix.

Apptainer, modules, conda, GATK, DeepVariant and bwa-mem2 are stood in for by scripts that
keep what they were called with.
"""

import os
import subprocess
from pathlib import Path

import pytest
import yaml

from varhouse.errors import ConfigError
from varhouse.reads import external, tools
from varhouse.reads.external import Program, is_older, top_folders
from varhouse.reads.tools import ALTERNATIVES, check_said, resolve, resolve_all

ENVS = Path(__file__).parents[2] / "workflow" / "envs"

ANSWERS = {
    "fastp": ("fastp 0.23.2", "0.23.2"),
    "bwa": ("\nProgram: bwa (alignment)\nVersion: 0.7.17-r1188\nContact: x", "0.7.17-r1188"),
    "bwa-mem2": ('Looking to launch executable "/x/bwa-mem2.avx2"\n2.2.1', "2.2.1"),
    "minimap2": ("2.24-r1122", "2.24-r1122"),
    "freebayes": ("version:  v1.3.6", "1.3.6"),
    "gatk": (
        "Using GATK jar /x/gatk-package-4.6.1.0-local.jar\n"
        "The Genome Analysis Toolkit (GATK) v4.6.1.0\nHTSJDK Version: 4.1.3",
        "4.6.1.0",
    ),
    "deepvariant": ("I tensorflow/core 1.2\nDeepVariant version 1.9.0", "1.9.0"),
}
"""What each program prints when it is asked, from its documentation or from the program."""


def script(folder: Path, name: str, says: str, code: int = 0) -> Path:
    """Make a program that prints a text and keeps its arguments in NAME.args."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / name
    (folder / f"{name}.says").write_text(says)
    path.write_text(
        "#!/bin/sh\n"
        f"for a in \"$@\"; do printf '%s\\n' \"$a\"; done > '{folder}/{name}.args'\n"
        f"cat '{folder}/{name}.says'\nexit {code}\n"
    )
    path.chmod(0o755)
    return path


def arguments(folder: Path, name: str) -> list[str]:
    return (folder / f"{name}.args").read_text().splitlines()


@pytest.fixture
def fx_bin(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give a folder that stands first on the PATH."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", f"{folder}{os.pathsep}/usr/bin{os.pathsep}/bin")
    return folder


@pytest.mark.parametrize("name", ANSWERS)
def test_the_version_is_read_from_what_a_program_says(name: str, fx_bin: Path) -> None:
    tool = ALTERNATIVES[name]
    # bwa ends with 1 when it is called without a command.
    script(fx_bin, tool.program, ANSWERS[name][0], code=1 if name == "bwa" else 0)
    found = resolve(name)
    assert found.version == ANSWERS[name][1]
    assert found.argv("x") == [tool.program, "x"]
    assert arguments(fx_bin, tool.program) == list(tool.ask)


def test_all_that_is_missing_is_said_at_once(fx_bin: Path) -> None:
    script(fx_bin, "bwa-mem2", "2.0")
    script(fx_bin, "gatk", "java: command not found", code=127)
    with pytest.raises(ConfigError) as caught:
        resolve_all(["bwa-mem2", "deepvariant", "gatk", "gatk"], {"gakt": {}})
    text = "\n".join(caught.value.problems)
    assert len(caught.value.problems) == 4
    assert "no tool 'gakt'; nearest: gatk" in text
    assert "bwa-mem2: version 2.0 is too old: 2.1 or newer" in text
    assert "deepvariant: no program run_deepvariant on the PATH" in text
    assert "{apptainer: FILE.sif} (of google/deepvariant:1.9.0)" in text
    assert "gatk: it told no version (exit 127): java: command not found" in text
    assert "gatk4=4.6.1.0 of bioconda" in text


def test_a_container_sees_the_folders_and_not_our_python(fx_bin: Path, tmp_path: Path) -> None:
    script(fx_bin, "apptainer", "DeepVariant version 1.9.0")
    image = tmp_path / "deep variant.sif"
    image.touch()
    real = tmp_path / "disk" / "reads"
    real.mkdir(parents=True)
    (tmp_path / "reads").symlink_to(real)
    binds = [tmp_path / "reads", real / "inner"]
    found = resolve("deepvariant", {"apptainer": str(image), "model": "WES"}, binds=binds)
    bound = ",".join(sorted([str(real), str(tmp_path / "reads")]))
    program = "/opt/deepvariant/bin/run_deepvariant"
    want = ["exec", "--cleanenv", "--bind", bound, str(image), program]
    assert found.words == [str(fx_bin / "apptainer"), *want]
    assert arguments(fx_bin, "apptainer") == [*want, "--version"]
    # The lineage names no folder of this machine.
    assert (found.version, found.carrier) == ("1.9.0", "image deep variant.sif")
    assert found.settings == {"model": "WES"}


def test_an_image_of_a_registry_needs_no_file(fx_bin: Path) -> None:
    script(fx_bin, "singularity", "2.28-r1209")
    found = resolve("minimap2", {"apptainer": ALTERNATIVES["minimap2"].image})
    assert found.words[1:] == [
        "exec",
        "--cleanenv",
        "docker://quay.io/biocontainers/minimap2:2.28--h577a1d6_4",
        "minimap2",
    ]


def test_modules_are_loaded_in_a_login_shell(
    fx_bin: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The real bash runs a `module` that a profile defines, as on a cluster."""
    script(tmp_path / "opt", "bwa", ANSWERS["bwa"][0])
    (tmp_path / ".bash_profile").write_text(
        'module() { [ "$2" = gcc/12 ] && [ "$3" = bwa/0.7.17 ] || '
        '{ echo "Lmod has detected: unknown $3" >&2; return 1; }\n'
        f"PATH='{tmp_path}/opt':$PATH; }}\n"
    )
    monkeypatch.setenv("HOME", str(tmp_path))
    found = resolve("bwa", {"module": "gcc/12 bwa/0.7.17"})
    assert (found.version, found.carrier) == ("0.7.17-r1188", "module gcc/12 bwa/0.7.17")
    # An argument with blanks and signs of the shell goes through as it is.
    subprocess.run(found.argv("mem", "-R", "@RG\\tID:a b", "$x;"), check=True)
    assert arguments(tmp_path / "opt", "bwa") == ["mem", "-R", "@RG\\tID:a b", "$x;"]
    with pytest.raises(ConfigError, match="its module was not loaded: Lmod has detected"):
        resolve("bwa", {"module": "gcc/12 bwa/9"})


def test_a_conda_environment_by_folder_and_by_name(fx_bin: Path, tmp_path: Path) -> None:
    env = tmp_path / "env"
    script(env / "bin", "gatk", ANSWERS["gatk"][0])
    found = resolve("gatk", {"conda": str(env)})
    assert (found.version, found.carrier) == ("4.6.1.0", "conda env")
    # java of the environment comes first.
    assert found.words[:1] == ["env"]
    assert found.words[1].startswith(f"PATH={env}/bin{os.pathsep}")
    script(fx_bin, "conda", ANSWERS["gatk"][0])
    resolve("gatk", {"conda": "gatk4"})
    assert arguments(fx_bin, "conda") == (
        ["run", "-n", "gatk4", "--no-capture-output", "gatk", "--version"]
    )
    with pytest.raises(ConfigError, match="has no bin/bwa"):
        resolve("bwa", {"conda": str(env)})


def test_an_environment_that_snakemake_makes_is_asked_in_the_job(fx_bin: Path) -> None:
    found = resolve("bwa", {"conda": True})
    assert (found.version, found.words) == ("", ["bwa"])
    script(fx_bin, "bwa", ANSWERS["bwa"][0])
    again = tools.ask_again(found)
    assert again.version == "0.7.17-r1188"
    assert Program.from_json(again.as_json()) == again


def test_a_command_may_be_several_words(fx_bin: Path) -> None:
    path = script(fx_bin, "my-bwa", ANSWERS["bwa"][0])
    script(fx_bin, "run", "Version: 0.7.18")
    found = resolve("bwa", {"command": str(path)})
    assert (found.words, found.carrier) == ([str(path)], "command my-bwa")
    assert resolve("bwa", {"command": f"run -q '{path}'"}).words == ["run", "-q", str(path)]
    with pytest.raises(ConfigError, match="its command nowhere is not there"):
        resolve("bwa", {"command": "nowhere"})


def test_a_program_that_hangs_is_given_up(
    fx_bin: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (fx_bin / "bwa").write_text("#!/bin/sh\nexec sleep 30\n")
    (fx_bin / "bwa").chmod(0o755)
    monkeypatch.setattr(external, "ASK_SECONDS", 0.2)
    with pytest.raises(ConfigError, match="did not answer"):
        resolve("bwa")


@pytest.mark.parametrize(
    ("said", "problem"),
    [
        ({"bwa": None}, "bwa: give one of command, module, apptainer, conda"),
        ({"bwa": "bwa/1"}, "for example {module: BWA}"),
        ({"bwa": {"modul": "x"}}, "no key 'modul'; nearest: module"),
        ({"bwa": {"module": "x", "conda": "y"}}, "module and conda are given; keep one"),
        ({"bwa": {"module": 7}}, "module is 7; give a text"),
        ({"bwa": {"apptainer": " "}}, "apptainer is ' '; give a text"),
        ({"bwa": {"model": "WGS"}}, "no key 'model'"),
        ({"deepvariant": {"model": "PACBIO"}}, "no model 'PACBIO' for short reads"),
        ({"deepvariant": {"conda": True}}, "no conda package of it is fit"),
        ({"bcftools": {}}, "no tool 'bcftools'"),
    ],
)
def test_what_is_said_wrongly_is_named(said: dict[str, object], problem: str) -> None:
    problems = check_said(said)
    assert any(problem in p for p in problems), problems


def test_what_is_said_rightly_passes() -> None:
    assert check_said(None) == []
    assert check_said({"bwa": {"conda": True, "options": "-k 21"}, "gatk": {}}) == []
    assert check_said({"deepvariant": {"apptainer": "x.sif", "model": "WES"}}) == []


def test_environments_are_pinned_as_the_table_says() -> None:
    for tool in ALTERNATIVES.values():
        path = ENVS / f"reads-{tool.name}.yaml"
        assert path.exists() == bool(tool.conda)
        if tool.conda:
            env = yaml.safe_load(path.read_text())
            assert env == {
                "channels": ["conda-forge", "bioconda"],
                "dependencies": [tool.conda],
            }


def test_versions_are_compared_by_numbers() -> None:
    assert is_older("0.7.9-r1188", "0.7.13")
    assert not is_older("0.7.17-r1188", "0.7.13")
    assert not is_older("4.10.0", "4.2.0.0")
    assert is_older("2.0pre2", "2.1")


def test_folders_inside_of_others_are_not_bound_twice(tmp_path: Path) -> None:
    (tmp_path / "a" / "b").mkdir(parents=True)
    assert top_folders([tmp_path / "a" / "b", tmp_path / "a"]) == [str(tmp_path / "a")]


def test_keys_of_the_configuration_list_their_programs() -> None:
    schema = yaml.safe_load((ENVS.parent / "schemas" / "config.schema.yaml").read_text())
    said = schema["properties"]["calling"]["properties"]
    own = {"pybwa", "bcftools", "cutadapt", "recalibrate", "none"}
    for key in ("trim", "aligner", "base_quality", "caller"):
        there = {name for name, tool in ALTERNATIVES.items() if key in tool.keys}
        assert set(said[key]["enum"]) - own == there
    assert tools.wants_conda({"conda": True})
    assert not tools.wants_conda({"conda": "name"})


def test_the_page_names_what_the_table_says() -> None:
    page = (ENVS.parents[1] / "docs" / "reads-tools.md").read_text()
    rows = [line for line in page.splitlines() if line.startswith("| ")]
    for tool in ALTERNATIVES.values():
        image = tool.image.removeprefix("docker://")
        cells = (", ".join(tool.keys), tool.name, tool.least, tool.conda or "none", image)
        assert f"| {' | '.join(cells)} |" in rows
