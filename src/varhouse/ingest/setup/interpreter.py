"""The path of the running Python, as executors of Snakemake can use it.

Snakemake's executors for clusters put `sys.executable` into the command line of each job as
it stands (`snakemake_interface_executor_plugins/executors/real.py`, `format_job_exec`): of
an environment in `/home/my data/varhouse` the job would start `/home/my`. A path through a
symbolic link without such letters leads to the same environment, since Python finds
`pyvenv.cfg` from the path by which it was called.
"""

import hashlib
import os
import re
import sys
from contextlib import suppress
from pathlib import Path

_PLAIN = re.compile(r"[\w@%+:,./-]+", re.ASCII)


def plain_python() -> str:
    """Give a path of this Python that a shell reads as one word.

    The link is made in `$XDG_CACHE_HOME/varhouse` or `~/.cache/varhouse`, which the nodes
    of a cluster see as a rule. Where none can be made it is `sys.executable` as it is.
    """
    if _PLAIN.fullmatch(sys.executable):
        return sys.executable
    prefix = Path(sys.prefix)
    python = Path(sys.executable)
    if not python.is_relative_to(prefix):
        return sys.executable
    said = os.environ.get("XDG_CACHE_HOME")
    with suppress(OSError, RuntimeError):
        cache = (Path(said) if said else Path.home() / ".cache") / "varhouse"
        name = hashlib.sha256(str(prefix).encode()).hexdigest()[:12]
        link = cache / f"environment-{name}"
        if _PLAIN.fullmatch(str(link)):
            _link(link, prefix)
            return str(link / python.relative_to(prefix))
    return sys.executable


def _link(link: Path, target: Path) -> None:
    if link.is_symlink() and link.readlink() == target:
        return
    link.parent.mkdir(parents=True, exist_ok=True)
    new = link.with_name(f"{link.name}.{os.getpid()}")
    new.symlink_to(target)
    new.replace(link)
