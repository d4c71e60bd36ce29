"""The system calls of a command that change the disk, in their order, with all they write.

A command runs in a process of its own below `strace -f`; what is not known to leave the disk
alone is traced, and a call that nobody has taught this module is an error, not passed over.
Only what lies below one folder counts.
"""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

HARMLESS = (
    # They read, wait, or concern memory, time, processes and sockets: never the disk.
    "read,pread64,readv,preadv,preadv2,readahead,stat,lstat,fstat,newfstatat,statx,statfs,"
    "fstatfs,access,faccessat,faccessat2,readlink,readlinkat,getdents,getdents64,getcwd,"
    "getxattr,lgetxattr,fgetxattr,listxattr,llistxattr,flistxattr,fadvise64,flock,"
    "futex,poll,ppoll,select,pselect6,epoll_create,epoll_create1,epoll_ctl,epoll_wait,"
    "epoll_pwait,eventfd2,pipe,pipe2,inotify_init1,inotify_add_watch,timerfd_create,"
    "timerfd_settime,signalfd4,sched_yield,sched_getaffinity,sched_setaffinity,"
    "sched_getparam,sched_getscheduler,nanosleep,clock_nanosleep,clock_gettime,clock_getres,"
    "gettimeofday,time,times,getitimer,setitimer,brk,mprotect,munmap,mremap,madvise,mbind,"
    "mincore,get_mempolicy,set_mempolicy,mlock,munlock,membarrier,rt_sigaction,"
    "rt_sigprocmask,rt_sigreturn,rt_sigtimedwait,sigaltstack,rseq,arch_prctl,prctl,prlimit64,"
    "getrlimit,setrlimit,getrusage,sysinfo,uname,umask,getpid,gettid,getppid,getpgrp,getpgid,"
    "getsid,setsid,setpgid,getuid,geteuid,getgid,getegid,getgroups,getresuid,getresgid,"
    "set_tid_address,set_robust_list,get_robust_list,getrandom,kill,tgkill,wait4,waitid,exit,"
    "exit_group,getcpu,getpriority,setpriority,ioprio_get,capget,socket,socketpair,connect,"
    "bind,listen,accept4,getsockname,getpeername,getsockopt,setsockopt,sendto,recvfrom,"
    "sendmsg,recvmsg,sendmmsg,shutdown"
)

_LINE = re.compile(r"(\d+) +(.*)\Z", re.DOTALL)
_BEGUN = re.compile(r"(.*) <unfinished \.\.\.>\Z", re.DOTALL)
_RESUMED = re.compile(r"<\.\.\. (\w+) resumed>(.*)\Z", re.DOTALL)
_CALL = re.compile(r"(\w+)\((.*)\) += (-?\d+|0x[0-9a-f]+|\?)(.*)\Z", re.DOTALL)
_FD = re.compile(r"(-?\d+|AT_FDCWD)(?:<((?:\\x[0-9a-f]{2})*)>)?(\(deleted\))?\Z")
_TEXT = re.compile(r'"((?:\\x[0-9a-f]{2})*)"\Z')
_PIECE = re.compile(r'iov_base="((?:\\x[0-9a-f]{2})*)"')


class NotModelledError(Exception):
    """A call changes the disk in a way that nobody has taught this module."""


@dataclass(frozen=True)
class Call:
    """A system call that changed the disk, or made something last.

    Attributes
    ----------
    name
        `create`, `write`, `copy`, `size`, `rename`, `link`, `symlink`, `unlink`, `mkdir`,
        `rmdir`, `mode`, `sync` (a file, or a folder) or `touch` (times).
    path
        What it concerns, relative to the watched folder.
    other
        The new name of `rename` and `link`; what a `symlink` says; the source of a `copy`.
    data, offset
        Of a `write`; a `copy` has the offset, too, and in its source the offset `start`.
    value
        Size in bytes of `size` and `copy`, mode bits of `create`, `mkdir` and `mode`.
    """

    name: str
    path: str
    other: str = ""
    data: bytes = b""
    offset: int = 0
    value: int = 0
    start: int = 0

    def __str__(self) -> str:
        what = f" {len(self.data)} at {self.offset}" if self.name == "write" else ""
        return f"{self.name} {self.path}{what}{' -> ' if self.other else ''}{self.other}"


def needs_strace() -> None:
    """Skip a test where no strace is, or may trace."""
    if shutil.which("strace") is None:
        pytest.skip("needs strace")
    tried = subprocess.run(["strace", "-o", "/dev/null", "true"], capture_output=True)
    if tried.returncode:
        pytest.skip("needs strace that may trace a process")


def record(command: list[str], folder: Path, log: Path) -> list[Call]:
    """Run a command and give its calls that concern what lies below a folder.

    Raises
    ------
    NotModelledError
        If it made a call that may have changed the disk otherwise.
    RuntimeError
        If the command failed.
    """
    words = ["strace", "-f", "-y", "-xx", "-s", "1000000000", "--seccomp-bpf", "-o", str(log)]
    words += ["-e", "trace=!" + HARMLESS, "-e", "signal=none"]
    done = subprocess.run([*words, *command], capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(f"{command}: {done.stdout}{done.stderr}")
    with log.open(encoding="ascii") as lines:
        return list(_Reader(folder.resolve(), Path.cwd()).calls(lines))


def python(code: str, *given: str) -> list[str]:
    """Give the command that runs some Python, which finds what tests import."""
    here = Path(__file__).resolve().parent
    path = [str(here), str(here / "unit"), str(here.parent / "src")]
    return [sys.executable, "-c", f"import sys; sys.path[:0] = {path!r}\n{code}", *given]


@dataclass
class _Open:
    """An open file description: where the next write goes."""

    path: str | None
    offset: int = 0
    appends: bool = False


@dataclass
class _Reader:
    """Reads the lines of strace."""

    root: Path
    cwd: Path
    begun: dict[str, str] = field(default_factory=dict)
    fds: dict[int, _Open] = field(default_factory=dict)
    strangers: set[str] = field(default_factory=set)

    def calls(self, lines: Iterator[str]) -> Iterator[Call]:
        for line in lines:
            match = _LINE.match(line.rstrip("\n"))
            if match is None:
                raise NotModelledError(line[:200])
            pid, text = match.groups()
            if text.startswith(("+++", "---")):
                continue
            if begun := _BEGUN.match(text):
                self.begun[pid] = begun[1]
                continue
            if resumed := _RESUMED.match(text):
                text = self.begun.pop(pid) + resumed[2]
            call = _CALL.match(text)
            if call is None:
                if re.match(r"\w+\(.*\) += \?", text, re.DOTALL):
                    continue
                raise NotModelledError(text[:200])
            name, given, result, rest = call.groups()
            if result == "?":
                raise NotModelledError(f"{name} did not end: {given[:200]}")
            failed = result == "-1"
            yield from self._one(pid, name, _split(given), int(result, 0), failed, rest)

    def _one(
        self, pid: str, name: str, given: list[str], result: int, failed: bool, rest: str
    ) -> Iterator[Call]:
        act = getattr(self, f"_{name}", None)
        if act is None:
            raise NotModelledError(f"{name}({', '.join(g[:80] for g in given)})")
        if not failed:
            for call in act(given, result) or ():
                if pid in self.strangers:
                    raise NotModelledError(f"a second process changes files: {call}")
                yield call

    # --- words ---

    def _inside(self, path: str) -> str | None:
        """Give a path relative to the watched folder; None if it lies elsewhere."""
        if not path.startswith("/"):
            raise NotModelledError(f"relative path {path}")
        clean = os.path.normpath(path)
        root = str(self.root)
        is_inside = clean == root or clean.startswith(f"{root}/")
        return os.path.relpath(clean, root) if is_inside else None

    def _path(self, text: str, folder: str | None = None) -> str | None:
        name = _text(text)
        if not name.startswith("/"):
            match = _FD.match(folder or "AT_FDCWD")
            if match is None:
                raise NotModelledError(f"folder {folder}")
            # Nobody changes the working folder: chdir is not modelled.
            start = os.fsdecode(_hex(match[2])) if match[2] else str(self.cwd)
            name = f"{start}/{name}"
        return self._inside(name)

    def _fd(self, text: str) -> tuple[int, str | None]:
        """Give a descriptor's number and path below the folder; None: it is elsewhere."""
        match = _FD.match(text)
        if match is None:
            return int(text.partition("<")[0]), None
        path = os.fsdecode(_hex(match[2] or ""))
        if match[3] or not path.startswith("/"):
            return int(match[1]), None
        return int(match[1]), self._inside(path)

    # --- files that are opened ---

    def _openat(self, given: list[str], result: int) -> list[Call]:
        return self._opened(self._path(given[1], given[0]), given[2:], result)

    def _open(self, given: list[str], result: int) -> list[Call]:
        return self._opened(self._path(given[0]), given[1:], result)

    def _creat(self, given: list[str], result: int) -> list[Call]:
        flags = "O_WRONLY|O_CREAT|O_TRUNC"
        return self._opened(self._path(given[0]), [flags, given[1]], result)

    def _opened(self, path: str | None, given: list[str], result: int) -> list[Call]:
        flags = given[0].split("|")
        if "O_TMPFILE" in flags and path is not None:
            raise NotModelledError(f"a file without a name in {path}")
        self.fds[result] = _Open(path, appends="O_APPEND" in flags)
        if path is None:
            return []
        made = []
        if "O_CREAT" in flags:
            # The model knows whether it was there.
            made.append(Call("create", path, value=int(given[1], 8)))
        if "O_TRUNC" in flags:
            made.append(Call("size", path))
        return made

    def _close(self, given: list[str], result: int) -> None:
        self.fds.pop(self._fd(given[0])[0], None)

    def _close_range(self, given: list[str], result: int) -> None:
        for fd in [f for f in self.fds if int(given[0]) <= f <= int(given[1])]:
            del self.fds[fd]

    def _dup(self, given: list[str], result: int) -> None:
        old = self._fd(given[0])[0]
        self.fds[result] = self.fds.get(old, _Open(None))

    _dup2 = _dup3 = _dup

    def _fcntl(self, given: list[str], result: int) -> None:
        if given[1] in ("F_DUPFD", "F_DUPFD_CLOEXEC"):
            self._dup(given, result)
        elif given[1] == "F_SETFL" and self._fd(given[0])[1] is not None:
            raise NotModelledError(f"flags of {given[0]} are changed")

    def _lseek(self, given: list[str], result: int) -> None:
        fd, _ = self._fd(given[0])
        if fd in self.fds:
            self.fds[fd].offset = result

    def _mmap(self, given: list[str], result: int) -> None:
        if "PROT_WRITE" in given[2] and "MAP_SHARED" in given[3]:
            path = None if given[4] == "-1" else self._fd(given[4])[1]
            if path is not None:
                raise NotModelledError(f"{path} is written through a map of memory")

    def _ioctl(self, given: list[str], result: int) -> None:
        if "CLONE" in given[1] and self._fd(given[0])[1] is not None:
            raise NotModelledError(f"ioctl {given[1]} of {given[0]}")

    # --- bytes ---

    def _put(self, fd: str, data: bytes, offset: int | None) -> list[Call]:
        number, path = self._fd(fd)
        if path is None:
            return []
        held = self.fds.get(number)
        if offset is None:
            if held is None:
                raise NotModelledError(f"nobody saw {path} being opened")
            if held.appends:
                raise NotModelledError(f"{path} is appended to")
            offset, held.offset = held.offset, held.offset + len(data)
        return [Call("write", path, data=data, offset=offset)] if data else []

    def _write(self, given: list[str], result: int) -> list[Call]:
        if self._fd(given[0])[1] is None:
            return []
        return self._put(given[0], _bytes(given[1])[:result], None)

    def _pwrite64(self, given: list[str], result: int) -> list[Call]:
        if self._fd(given[0])[1] is None:
            return []
        return self._put(given[0], _bytes(given[1])[:result], int(given[3]))

    def _writev(self, given: list[str], result: int) -> list[Call]:
        if self._fd(given[0])[1] is None:
            return []
        data = b"".join(_hex(m[1]) for m in _PIECE.finditer(given[1]))
        return self._put(given[0], data[:result], None)

    def _pwritev(self, given: list[str], result: int) -> list[Call]:
        if self._fd(given[0])[1] is None:
            return []
        data = b"".join(_hex(m[1]) for m in _PIECE.finditer(given[1]))
        return self._put(given[0], data[:result], int(given[3]))

    def _sendfile(self, given: list[str], result: int) -> list[Call]:
        return self._copied(given[0], given[1], given[2], None, result)

    def _copy_file_range(self, given: list[str], result: int) -> list[Call]:
        return self._copied(given[2], given[0], given[1], given[3], result)

    def _copied(
        self, sink: str, source: str, start: str, target: str | None, result: int
    ) -> list[Call]:
        """Give a copy inside the kernel, as a write where its source lies elsewhere."""
        if self._fd(sink)[1] is None:
            return []
        match = _FD.match(source)
        numbers = re.findall(r"\d+", start)
        if match is None or not match[2] or not numbers or target not in (None, "NULL"):
            raise NotModelledError(f"a copy of {source} from {start} to {sink} at {target}")
        name = self._fd(source)[1]
        begin = int(numbers[0])
        if name is None:
            with Path(os.fsdecode(_hex(match[2]))).open("rb") as file:
                file.seek(begin)
                return self._put(sink, file.read(result), None)
        # The source may go later: the model has its bytes.
        written = self._put(sink, bytes(result), None)
        return [replace(w, name="copy", other=name, data=b"", start=begin, value=result)
                for w in written]  # fmt: skip

    def _ftruncate(self, given: list[str], result: int) -> list[Call]:
        path = self._fd(given[0])[1]
        return [] if path is None else [Call("size", path, value=int(given[1]))]

    def _truncate(self, given: list[str], result: int) -> list[Call]:
        path = self._path(given[0])
        return [] if path is None else [Call("size", path, value=int(given[1]))]

    def _fsync(self, given: list[str], result: int) -> list[Call]:
        path = self._fd(given[0])[1]
        return [] if path is None else [Call("sync", path)]

    _fdatasync = _fsync

    # --- names ---

    def _two(self, name: str, old: str | None, new: str | None) -> list[Call]:
        if old is None and new is None:
            return []
        if old is None or new is None:
            raise NotModelledError(f"{name} across the border of the folder: {old}, {new}")
        return [Call(name, old, new)]

    def _rename(self, given: list[str], result: int) -> list[Call]:
        return self._two("rename", self._path(given[0]), self._path(given[1]))

    def _renameat(self, given: list[str], result: int) -> list[Call]:
        old, new = self._path(given[1], given[0]), self._path(given[3], given[2])
        return self._two("rename", old, new)

    def _renameat2(self, given: list[str], result: int) -> list[Call]:
        if given[4] not in ("0", "RENAME_NOREPLACE"):
            raise NotModelledError(f"renameat2 {given[4]}")
        return self._renameat(given, result)

    def _link(self, given: list[str], result: int) -> list[Call]:
        return self._two("link", self._path(given[0]), self._path(given[1]))

    def _linkat(self, given: list[str], result: int) -> list[Call]:
        old, new = self._path(given[1], given[0]), self._path(given[3], given[2])
        return self._two("link", old, new)

    def _symlink(self, given: list[str], result: int) -> list[Call]:
        path = self._path(given[1])
        return [] if path is None else [Call("symlink", path, _text(given[0]))]

    def _symlinkat(self, given: list[str], result: int) -> list[Call]:
        path = self._path(given[2], given[1])
        return [] if path is None else [Call("symlink", path, _text(given[0]))]

    def _unlink(self, given: list[str], result: int) -> list[Call]:
        path = self._path(given[0])
        return [] if path is None else [Call("unlink", path)]

    def _unlinkat(self, given: list[str], result: int) -> list[Call]:
        path = self._path(given[1], given[0])
        name = "rmdir" if "AT_REMOVEDIR" in given[2] else "unlink"
        return [] if path is None else [Call(name, path)]

    def _rmdir(self, given: list[str], result: int) -> list[Call]:
        path = self._path(given[0])
        return [] if path is None else [Call("rmdir", path)]

    def _mkdir(self, given: list[str], result: int) -> list[Call]:
        path = self._path(given[0])
        return [] if path is None else [Call("mkdir", path, value=int(given[1], 8))]

    def _mkdirat(self, given: list[str], result: int) -> list[Call]:
        path = self._path(given[1], given[0])
        return [] if path is None else [Call("mkdir", path, value=int(given[2], 8))]

    def _chmod(self, given: list[str], result: int) -> list[Call]:
        path = self._path(given[0])
        return [] if path is None else [Call("mode", path, value=int(given[1], 8))]

    def _fchmod(self, given: list[str], result: int) -> list[Call]:
        path = self._fd(given[0])[1]
        return [] if path is None else [Call("mode", path, value=int(given[1], 8))]

    def _fchmodat(self, given: list[str], result: int) -> list[Call]:
        path = self._path(given[1], given[0])
        return [] if path is None else [Call("mode", path, value=int(given[2], 8))]

    def _utimensat(self, given: list[str], result: int) -> list[Call]:
        is_fd = given[1] == "NULL"
        path = self._fd(given[0])[1] if is_fd else self._path(given[1], given[0])
        return [] if path is None else [Call("touch", path)]

    # --- processes ---

    def _clone3(self, given: list[str], result: int) -> None:
        if "CLONE_THREAD" not in given[0]:
            self.strangers.add(str(result))

    def _clone(self, given: list[str], result: int) -> None:
        if "CLONE_THREAD" not in " ".join(given):
            self.strangers.add(str(result))

    def _vfork(self, given: list[str], result: int) -> None:
        self.strangers.add(str(result))

    _fork = _vfork

    def _syscall_0x1c3(self, given: list[str], result: int) -> None:
        """cachestat, which only asks; older versions of strace have no name for it."""

    def _execve(self, given: list[str], result: int) -> None:
        pass


def _split(given: str) -> list[str]:
    """Split arguments at the commas that stand in no brackets; text is hexadecimal."""
    if not ("{" in given or "[" in given):
        return given.split(", ")
    parts, depth, start = [], 0, 0
    for match in re.finditer(r"[][{}]|, ", given):
        sign = match[0]
        if sign == ", ":
            if depth == 0:
                parts.append(given[start : match.start()])
                start = match.end()
        else:
            depth += 1 if sign in "[{" else -1
    return [*parts, given[start:]]


def _hex(text: str) -> bytes:
    return bytes.fromhex(text.replace("\\x", ""))


def _bytes(text: str) -> bytes:
    match = _TEXT.match(text)
    if match is None:
        raise NotModelledError(f"no text: {text[:80]}")
    return _hex(match[1])


def _text(text: str) -> str:
    return os.fsdecode(_bytes(text))
