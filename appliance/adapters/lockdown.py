"""A process shuts itself in before it opens a stranger's file: memory, processor time, no network, no new program.

Linux's own means, without a privilege: `setrlimit(2)` and a `seccomp(2)` filter. The filter names the calls of x86-64
and AArch64; on another processor the limits hold and the filter is left out.
"""

from __future__ import annotations

import ctypes
import errno
import os
import platform
import resource
import struct
from contextlib import suppress
from pathlib import Path

PR_SET_PDEATHSIG, PR_SET_NO_NEW_PRIVS, PR_SET_SECCOMP = 1, 38, 22
SECCOMP_MODE_FILTER = 2
SIGKILL = 9

_LOAD, _JUMP_EQUAL, _RETURN = 0x20, 0x15, 0x06
"""BPF_LD|BPF_W|BPF_ABS, BPF_JMP|BPF_JEQ|BPF_K, BPF_RET|BPF_K (linux/bpf_common.h)."""
_ALLOW, _ERRNO = 0x7FFF0000, 0x00050000
_NUMBER_AT, _ARCHITECTURE_AT = 0, 4
"""Offsets in `struct seccomp_data`."""

_CALLS: dict[str, tuple[int, dict[str, int]]] = {
    "x86_64": (
        0xC000003E,
        {"socket": 41, "connect": 42, "sendto": 44, "bind": 49, "socketpair": 53, "fork": 57, "vfork": 58,
         "execve": 59, "kill": 62, "ptrace": 101, "execveat": 322, "io_uring_setup": 425},
    ),
    "aarch64": (
        0xC00000B7,
        {"socket": 198, "socketpair": 199, "bind": 200, "connect": 203, "sendto": 206, "execve": 221, "kill": 129,
         "ptrace": 117, "execveat": 281, "io_uring_setup": 425},
    ),
}  # fmt: skip
"""Architecture word and numbers of what reading a picture never needs (asm/unistd_64.h, asm-generic/unistd.h)."""

X32_CALLS = 0x40000000


def lock_down(memory_bytes: int) -> bool:
    """For the rest of this process. Whether the network is shut too: False where the kernel has no such filter."""
    with suppress(OSError):  # should memory run out all the same, this process is the one to go
        Path("/proc/self/oom_score_adj").write_text("1000")
    resource.setrlimit(resource.RLIMIT_AS, (memory_bytes, memory_bytes))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    libc = ctypes.CDLL(None, use_errno=True)
    libc.prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0)
    if os.getppid() == 1:
        os._exit(1)  # the box died before it could be told to end us
    known = _CALLS.get(platform.machine())
    if known is None or libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0:
        return False
    program = _filter(*known)
    code = ctypes.create_string_buffer(program, len(program))
    described = ctypes.create_string_buffer(struct.pack("@HP", len(program) // 8, ctypes.addressof(code)))
    return bool(libc.prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, described, 0, 0) == 0)


def _filter(architecture: int, calls: dict[str, int]) -> bytes:
    """Refuse these calls with EPERM, and everything asked for in another architecture's words."""
    refuse = _RETURN, 0, 0, _ERRNO | errno.EPERM
    lines = [
        (_LOAD, 0, 0, _ARCHITECTURE_AT),
        (_JUMP_EQUAL, 1, 0, architecture),
        refuse,
        (_LOAD, 0, 0, _NUMBER_AT),
    ]
    for number in calls.values():
        lines += [(_JUMP_EQUAL, 0, 1, number), refuse]
    lines += [(0x35, 0, 1, X32_CALLS), refuse, (_RETURN, 0, 0, _ALLOW)]  # 0x35: BPF_JMP|BPF_JGE|BPF_K
    return b"".join(struct.pack("=HBBI", *line) for line in lines)
