"""How a program of the machine or of a cluster is started, and whether it is fit to be used.

The default way from reads to calls needs Python packages alone. A centre that has other
programs names them in its configuration (`calling: tools:`), each in the way it has them: on
the PATH, as a command of its own, as an environment module, in an image for Apptainer, in a
conda environment. All of them become words before the program's arguments, so that a step
starts `Program.argv(...)` and need not know which it is.
"""

import os
import re
import shlex
import shutil
import subprocess
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Self

WAYS = ("command", "module", "apptainer", "conda")
"""Keys of a tool in the configuration that say where it is; one at most."""

ASK_SECONDS = 300
"""For a program to tell its version: an image on a shared disk may take minutes to start."""

_NO_MODULE = 97
"""Exit status where a module was not loaded; no program here uses it."""


@dataclass(frozen=True)
class Program:
    """A program that was found, and how it is started.

    Attributes
    ----------
    name
        As the configuration has it (`bwa-mem2`).
    words
        What stands before the arguments: the program, and what starts it.
    version
        As the program gives it; "" if it can only be asked in the job.
    carrier
        Where it comes from (`module bwa/0.7.17`), for the lineage; "" for the PATH.
    settings
        What else the configuration says of it (`options`, `model`).
    """

    name: str
    words: list[str]
    version: str
    carrier: str
    settings: dict[str, str]

    def argv(self, *arguments: str) -> list[str]:
        """Give the command that runs it with these arguments."""
        return [*self.words, *arguments]

    @property
    def options(self) -> list[str]:
        """Give the arguments that the configuration adds."""
        return shlex.split(self.settings.get("options", ""))

    def as_json(self) -> dict[str, Any]:
        """Give the fields as `json` takes them."""
        return asdict(self)

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        """Read what `as_json` gave."""
        return cls(**data)


def words_before(
    program: str,
    said: Mapping[str, Any],
    *,
    inside: str = "",
    binds: Iterable[Path] = (),
) -> tuple[list[str], str]:
    """Give the words that start a program, and where it comes from.

    Parameters
    ----------
    program
        Its name on the PATH.
    said
        What the configuration says of it: at most one of `WAYS`.
    inside
        Its place in the images that are published, if that is not on their PATH.
    binds
        Folders that it has to see in a container.

    Raises
    ------
    ValueError
        With what is missing and the fix in one line.
    """
    if "module" in said:
        names = str(said["module"]).split()
        # A login shell, as only that knows `module`; exec, so that signals reach the program.
        load = f'module load {shlex.join(names)} || exit {_NO_MODULE}; exec "$@"'
        carrier = "module " + " ".join(names)
        return ["bash", "-lc", load, "bash", program], carrier
    if "apptainer" in said:
        return _in_container(str(said["apptainer"]), inside or program, binds)
    if "conda" in said and said["conda"] is not True:
        return _in_conda(str(said["conda"]), program)
    if "command" in said:
        words = said["command"]
        words = shlex.split(words) if isinstance(words, str) else [str(w) for w in words]
        if not words:
            raise ValueError("its `command` is empty; give the program's path")
        if shutil.which(words[0]) is None:
            raise ValueError(f"its command {words[0]} is not there or no program")
        return words, "command " + " ".join(Path(word).name for word in words)
    return [program], ""


def _in_container(image: str, program: str, binds: Iterable[Path]) -> tuple[list[str], str]:
    runner = shutil.which("apptainer") or shutil.which("singularity")
    if runner is None:
        raise ValueError(
            f"neither apptainer nor singularity is there to run {image}; load its"
            " module before, or name the tool in another way"
        )
    if "://" not in image:
        if not Path(image).exists():
            raise ValueError(f"there is no image {image}; copy it there")
        image = str(Path(image).absolute())
    # PYTHONPATH and the like of this environment would confuse the Python in the image.
    words = [runner, "exec", "--cleanenv"]
    folders = top_folders(binds)
    if folders:
        words += ["--bind", ",".join(folders)]
    # Lineage goes to others; where an image lies is nobody's business there.
    name = image if "://" in image else Path(image).name
    return [*words, image, program], f"image {name}"


def top_folders(paths: Iterable[Path]) -> list[str]:
    """List the folders, and where their links lead, without those inside of others."""
    # What is read as a link lies somewhere else for the container, too.
    found = {Path(p).absolute() for p in paths}
    found |= {p.resolve() for p in found}
    return sorted(str(p) for p in found if not any(q in found for q in p.parents))


def _in_conda(where: str, program: str) -> tuple[list[str], str]:
    if "/" in where:
        folder = Path(where).absolute() / "bin"
        if not (folder / program).exists():
            raise ValueError(f"the conda environment {where} has no bin/{program}")
        # Wrappers (gatk) look for java and python on the PATH.
        path = f"{folder}{os.pathsep}{os.environ.get('PATH', os.defpath)}"
        words = ["env", f"PATH={path}", str(folder / program)]
        return words, f"conda {folder.parent.name}"
    runner = next((w for w in ("conda", "mamba", "micromamba") if shutil.which(w)), None)
    if runner is None:
        raise ValueError(f"no conda is there for the environment {where}; give its path")
    live = [] if runner == "micromamba" else ["--no-capture-output"]
    return [runner, "run", "-n", where, *live, program], f"conda {where}"


def ask_version(words: Sequence[str], arguments: Sequence[str], pattern: str) -> str:
    """Run a program to see that it starts, and give the version it tells.

    Raises
    ------
    ValueError
        With what went wrong in one line.
    """
    try:
        answer = subprocess.run(
            [*words, *arguments],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=ASK_SECONDS,
            check=False,
        )
    except FileNotFoundError:
        raise ValueError(f"no program {words[0]} on the PATH") from None
    except PermissionError:
        raise ValueError(f"{words[0]} may not be run") from None
    except subprocess.TimeoutExpired:
        raise ValueError(f"it did not answer in {ASK_SECONDS} s") from None
    text = answer.stdout.decode(errors="replace")
    # bwa ends with 1 when it is asked; a version that is told is what counts.
    match = re.search(pattern, text)
    if match is not None:
        return match[1]
    last = next((line for line in reversed(text.splitlines()) if line.strip()), "")
    if answer.returncode == _NO_MODULE:
        raise ValueError(f"its module was not loaded: {last.strip()}")
    raise ValueError(f"it told no version (exit {answer.returncode}): {last.strip()}")


def is_older(version: str, least: str) -> bool:
    """Tell whether a version comes before another, number by number."""

    def numbers(text: str) -> list[int]:
        return [int(n) for n in re.findall(r"\d+", text.split("-")[0])]

    return numbers(version) < numbers(least)
