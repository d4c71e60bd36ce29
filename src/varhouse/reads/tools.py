"""Programs that may stand in for a step of the default way: what is known of each.

The table is the one place that knows a program's name, how its version is asked, the least
version of which the options here are true, and where it is published. `resolve` finds one as
the configuration says, before any job; `othertools` and `othercallers` say what is run.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from varhouse.errors import ConfigError, nearest, one_of
from varhouse.reads.external import (
    WAYS,
    Program,
    ask_version,
    is_older,
    words_before,
)


@dataclass(frozen=True)
class Alternative:
    """A program of others, as published.

    Attributes
    ----------
    name
        Value of the configuration's key.
    keys
        Keys under `calling` whose value it may be.
    program
        On the PATH.
    ask, pattern
        Arguments by which it tells its version, and where in its answer that stands.
    least
        Oldest version that has what is asked of it.
    why
        What older ones lack.
    conda
        Package of the channel bioconda, with the version of `workflow/envs`; "": none is fit.
    image
        Where its makers, or BioContainers, publish an image; a local file may be named.
    module
        How clusters usually call its module.
    inside
        Its place in that image, if not on the PATH there.
    settings
        Further keys of the tool in the configuration.
    """

    name: str
    keys: tuple[str, ...]
    program: str
    ask: tuple[str, ...]
    pattern: str
    least: str
    why: str
    conda: str
    image: str
    module: str
    inside: str = ""
    settings: tuple[str, ...] = ("options",)


_QUAY = "docker://quay.io/biocontainers"

ALTERNATIVES = {
    tool.name: tool
    for tool in (
        Alternative(
            name="fastp",
            keys=("trim",),
            program="fastp",
            ask=("--version",),
            pattern=r"fastp v?(\d[\w.]*)",
            least="0.22.0",
            why="the option --dont_eval_duplication",
            conda="fastp=0.23.4",
            image=f"{_QUAY}/fastp:0.23.4--hadf994f_2",
            module="fastp",
        ),
        Alternative(
            name="bwa",
            keys=("aligner",),
            program="bwa",
            ask=(),
            pattern=r"Version: (\d[\w.-]*)",
            least="0.7.13",
            why="batches that do not depend on the number of threads (-K)",
            conda="bwa=0.7.18",
            image=f"{_QUAY}/bwa:0.7.18--he4a0461_1",
            module="BWA",
        ),
        Alternative(
            name="bwa-mem2",
            keys=("aligner",),
            program="bwa-mem2",
            ask=("version",),
            pattern=r"(?m)^v?(\d+\.\d[\w.-]*)\s*$",
            least="2.1",
            why="the present form of its index",
            conda="bwa-mem2=2.2.1",
            image=f"{_QUAY}/bwa-mem2:2.2.1--he70b90d_8",
            module="bwa-mem2",
        ),
        Alternative(
            name="minimap2",
            keys=("aligner",),
            program="minimap2",
            ask=("--version",),
            pattern=r"(?m)^v?(\d+\.\d[\w.-]*)\s*$",
            least="2.17",
            why="the preset sr as it is now",
            conda="minimap2=2.28",
            image=f"{_QUAY}/minimap2:2.28--h577a1d6_4",
            module="minimap2",
        ),
        Alternative(
            name="freebayes",
            keys=("caller",),
            program="freebayes",
            ask=("--version",),
            pattern=r"version:\s+v?(\d[\w.-]*)",
            least="1.2.0",
            why="reads of each allele (AD)",
            conda="freebayes=1.3.6",
            image=f"{_QUAY}/freebayes:1.3.6--hb089aa1_0",
            module="freebayes",
        ),
        Alternative(
            name="gatk",
            keys=("base_quality", "caller"),
            program="gatk",
            ask=("--version",),
            pattern=r"\(GATK\) v(\d[\w.-]*)",
            least="4.2.0.0",
            why="the options of HaplotypeCaller as they are used here",
            conda="gatk4=4.6.1.0",
            image="docker://broadinstitute/gatk:4.6.1.0",
            module="GATK",
        ),
        Alternative(
            name="deepvariant",
            keys=("caller",),
            program="run_deepvariant",
            ask=("--version",),
            pattern=r"DeepVariant version v?(\d[\w.-]*)",
            least="1.6.0",
            why="one copy of X and Y (--haploid_contigs)",
            # Its makers publish images alone; sarek refuses the package of bioconda, too.
            conda="",
            image="docker://google/deepvariant:1.9.0",
            module="deepvariant",
            inside="/opt/deepvariant/bin/run_deepvariant",
            settings=("options", "model"),
        ),
    )
}

MODELS = ("WGS", "WES")
"""Models of DeepVariant for short reads."""


def wants_conda(said: Mapping[str, Any] | None) -> bool:
    """Tell whether Snakemake is to make the environment (`conda: true`, `--sdm conda`)."""
    return (said or {}).get("conda") is True


def check_said(tools: Mapping[str, Any] | None) -> list[str]:
    """List what is wrong in the key `tools` of a configuration, each with the fix."""
    problems = []
    for name, said in (tools or {}).items():
        tool = ALTERNATIVES.get(name)
        if tool is None:
            close = nearest(str(name), ALTERNATIVES)
            problems.append(f"tools: no tool {name!r}{close}; {one_of(ALTERNATIVES)}")
        elif not isinstance(said, Mapping):
            problems.append(
                f"tools: {name}: give one of {', '.join(WAYS)} with a value, for"
                f" example {{module: {tool.module}}}"
            )
        else:
            problems += [f"tools: {name}: {p}" for p in _check_one(tool, said)]
    return problems


def _check_one(tool: Alternative, said: Mapping[str, Any]) -> list[str]:
    known = (*WAYS, *tool.settings)
    problems = [
        f"no key {key!r}{nearest(str(key), known)}; {one_of(known)}"
        for key in said
        if key not in known
    ]
    ways = [way for way in WAYS if way in said]
    if len(ways) > 1:
        problems.append(f"{' and '.join(ways)} are given; keep one")
    for key, value in said.items():
        if key == "conda" and value is True:
            if not tool.conda:
                problems.append(f"no conda package of it is fit; use apptainer ({tool.image})")
        elif key == "command" and isinstance(value, list):
            continue
        elif not isinstance(value, str) or not value.strip():
            problems.append(f"{key} is {value!r}; give a text")
    model = said.get("model")
    if isinstance(model, str) and "model" in tool.settings and model not in MODELS:
        problems.append(f"no model {model!r} for short reads; {one_of(MODELS)}")
    return problems


def resolve(
    name: str, said: Mapping[str, Any] | None = None, *, binds: Iterable[Path] = ()
) -> Program:
    """Find a program as the configuration says, run it, and see that it is new enough.

    Parameters
    ----------
    said
        The entry of the key `tools`; None: the program of the PATH.
    binds
        Folders of inputs and results, which a container has to see.

    Raises
    ------
    ConfigError
        If it is not there, does not start, or is too old: with the ways to have it.
    """
    found, problem = _find(name, said or {}, list(binds))
    if found is None:
        raise ConfigError([problem], "in the tools of the cluster")
    return found


def resolve_all(
    names: Iterable[str],
    tools: Mapping[str, Any] | None = None,
    *,
    binds: Iterable[Path] = (),
) -> dict[str, Program]:
    """Find all programs that a configuration wants.

    Raises
    ------
    ConfigError
        With every one that cannot be used, before any job.
    """
    folders = list(binds)
    problems = check_said(tools)
    found = {}
    for name in dict.fromkeys(names):
        said = (tools or {}).get(name)
        if said is not None and not isinstance(said, Mapping):
            continue
        program, problem = _find(name, said or {}, folders)
        if program is None:
            problems.append(problem)
        else:
            found[name] = program
    if problems:
        raise ConfigError(problems, "in the tools of the cluster")
    return found


def _find(name: str, said: Mapping[str, Any], binds: list[Path]) -> tuple[Program | None, str]:
    tool = ALTERNATIVES[name]
    settings = {k: str(v) for k, v in said.items() if k in tool.settings}
    try:
        words, carrier = words_before(tool.program, said, inside=tool.inside, binds=binds)
        if wants_conda(said):
            # The environment is there in the jobs only.
            return Program(name, words, "", f"conda {tool.conda}", settings), ""
        version = ask_version(words, tool.ask, tool.pattern)
    except ValueError as error:
        return None, f"{name}: {error}; {_ways_out(tool)}"
    if is_older(version, tool.least):
        problem = (
            f"{name}: version {version} is too old: {tool.least} or newer has {tool.why};"
            f" {_ways_out(tool)}"
        )
        return None, problem
    return Program(name, words, version, carrier, settings), ""


def ask_again(program: Program) -> Program:
    """Ask a program of which the version is open (in the job that has its environment)."""
    if program.version:
        return program
    tool = ALTERNATIVES[program.name]
    try:
        version = ask_version(program.words, tool.ask, tool.pattern)
    except ValueError as error:
        raise ConfigError(
            [f"{program.name}: {error}; {_ways_out(tool)}"], "in the tools of the cluster"
        ) from None
    return Program(program.name, program.words, version, program.carrier, program.settings)


def _ways_out(tool: Alternative) -> str:
    """Say how the program can be had, as a fix."""
    short = re.sub(r"^docker://", "", tool.image)
    ways = [f"{{module: {tool.module}/VERSION}}", f"{{apptainer: FILE.sif}} (of {short})"]
    if tool.conda:
        ways.append(f"{{conda: ENVIRONMENT}} ({tool.conda} of bioconda)")
    ways.append("{command: PATH}")
    return f"put it on the PATH, or under tools: {tool.name}: " + " or ".join(ways)
