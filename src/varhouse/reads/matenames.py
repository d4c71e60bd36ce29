"""Starts an aligner, and hands it FASTQ with one name for both mates.

Aligners take neighbours of one name for mates; /1 and /2 they leave out themselves, but not
the .1 and .2 of `fastq-dump -I`, and what trimmers write keeps such names. With them all reads
would be aligned as single ones, without a word. Where the first pair needs no change the text
goes through as it is. It is a script of the standard library, as `tool.py`: its arguments are
the aligner's command.
"""

import os
import shutil
import signal
import subprocess
import sys
from contextlib import suppress
from typing import IO

_BUFFER = 1 << 20


def hand_on(source: IO[bytes], sink: IO[bytes]) -> None:
    """Copy FASTQ, mates in turn, and take .1 and .2 off names where mates differ by them.

    Raises
    ------
    ValueError
        If names of mates differ in another way, or one of them is missing.
    """
    pair = _read_pair(source)
    if _stem(pair) is None:
        sink.writelines(pair)
        shutil.copyfileobj(source, sink, _BUFFER)
        return
    n = 1
    while pair[0]:
        stem = _stem(pair)
        if stem is None:
            names = [_name(pair[i]).decode(errors="replace") for i in (0, 4)]
            raise ValueError(
                f"pair {n:,} of the reads: mates are called {names[0]}, {names[1]}"
            )
        pair[0] = pair[4] = stem + b"\n"
        sink.writelines(pair)
        pair = _read_pair(source)
        n += 1


def _read_pair(source: IO[bytes]) -> list[bytes]:
    return [source.readline() for _ in range(8)]


def _name(line: bytes) -> bytes:
    return line.split(None, 1)[0] if line.strip() else b""


def _stem(pair: list[bytes]) -> bytes | None:
    """Give what the names of mates share if one ends in .1 and the other in .2."""
    first, second = _name(pair[0]), _name(pair[4])
    alike = first[:-2] == second[:-2]
    return first[:-2] if alike and (first[-2:], second[-2:]) == (b".1", b".2") else None


def main(argv: list[str]) -> int:
    """Run the aligner; its output and messages are ours, and so is its exit status."""
    aligner = subprocess.Popen(argv, stdin=subprocess.PIPE)
    signal.signal(signal.SIGTERM, lambda *_: aligner.terminate())
    assert aligner.stdin is not None
    fault = ""
    try:
        with aligner.stdin as sink:
            hand_on(sys.stdin.buffer, sink)
    except BrokenPipeError:
        # It ended before it had read everything, and says itself why.
        pass
    except ValueError as error:
        fault = str(error)
        aligner.terminate()
    code = aligner.wait()
    if fault:
        sys.stderr.write(f"{fault}\n")
        return 1
    if code < 0:
        # As if it had been started without us.
        with suppress(OSError):
            signal.signal(-code, signal.SIG_DFL)
        os.kill(os.getpid(), -code)
    return code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
