"""Mutated DICOM files, pictures and archives through the whole way in: headers, archives, decoding process, assembly.

    python -m benchmarks.fuzz [--cases 5000] [--seed 1]

Every case must end within 30 s as a study or as a refusal with a reason; nothing else may come out, the program that
opens files may die only in its own process, and memory stays where it was.
"""

from __future__ import annotations

import argparse
import io
import random
import struct
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import psutil
from PIL import Image
from pydicom import dcmread
from pydicom.uid import (
    UID,
    DeflatedExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGLSLossless,
    RLELossless,
)

from appliance.adapters.decoder import Decoder
from appliance.core.limits import MIB, Limits
from appliance.errors import InputError
from appliance.inspection import Inspector
from appliance.reading import read_path
from benchmarks.results import Table, save
from benchmarks.soak import study, zipped

SECONDS = 30.0
LIMITS = Limits(decode_seconds=10.0, decoded_bytes=256 * MIB, total_bytes=256 * MIB, file_bytes=128 * MIB)
CHILD_MEMORY = 1024 * MIB

Mutation = Callable[[bytes, random.Random], bytes]


@dataclass
class Outcome:
    """What became of all cases."""

    kinds: Counter[str] = field(default_factory=Counter)
    """`read`, or the code of the refusal."""
    mutations: Counter[str] = field(default_factory=Counter)
    slowest: float = 0.0
    without_reason: int = 0
    children: int = 0
    """Decoding processes that were needed: one, and one more for each that was ended."""
    grew_mb: int = 0


def run(cases: int, seed: int = 1) -> Outcome:
    """Anything but a study or an InputError with words is raised: then the service would have met it too."""
    rng, outcome = random.Random(seed), Outcome()
    decoder = Decoder(CHILD_MEMORY)
    inspector = Inspector(LIMITS, decoder.header)
    originals = seeds()
    process, pid = psutil.Process(), None
    with tempfile.TemporaryDirectory(prefix="lumbarbox-fuzz-") as name:
        folder = Path(name)
        for number in range(cases):
            what, data = case(originals, rng)
            outcome.mutations[what] += 1
            path = folder / "case"
            path.write_bytes(data)
            started = time.monotonic()
            outcome.kinds[_one(path, inspector, decoder, outcome)] += 1
            outcome.slowest = max(outcome.slowest, time.monotonic() - started)
            child = decoder._child
            if child is not None and child.pid != pid:
                pid, outcome.children = child.pid, outcome.children + 1
            if number == min(200, cases // 2):
                before = process.memory_info().rss
    decoder.close()
    outcome.grew_mb = (process.memory_info().rss - before) // MIB
    return outcome


def _one(path: Path, inspector: Inspector, decoder: Decoder, outcome: Outcome) -> str:
    """As the box does it: looked into, then read."""
    try:
        inspector.inspect((path,))
        read_path((path,), LIMITS, decode=decoder.pictures)
    except InputError as exc:
        outcome.without_reason += not (exc.message and exc.action)
        return exc.code.value
    return "read"


def seeds() -> dict[str, bytes]:
    """Whole files of every kind the box opens; all synthetic."""
    images = [data for _, _, data in study(0, 2)]
    plain = images[0]
    found = {"explicit": plain, "zip": zipped({f"S/IM{n}": d for n, d in enumerate(images)})}
    found["zip in zip"] = zipped({"inner.zip": found["zip"]})
    for name, syntax in (("implicit", ImplicitVRLittleEndian), ("deflated", DeflatedExplicitVRLittleEndian)):
        found[name] = _saved(plain, syntax, compress=False)
    for name, syntax in (("rle", RLELossless), ("jpeg 2000", JPEG2000Lossless), ("jpeg-ls", JPEGLSLossless)):
        found[name] = _saved(plain, syntax, compress=True)
    picture = Image.fromarray(np.random.default_rng(1).integers(0, 255, (64, 64), np.uint8))
    for name in ("png", "jpeg"):
        out = io.BytesIO()
        picture.save(out, name)
        found[name] = out.getvalue()
    return found


def case(originals: dict[str, bytes], rng: random.Random) -> tuple[str, bytes]:
    """One file gone wrong, and how; one in five lies in an archive."""
    name = rng.choice(sorted(originals))
    how = rng.choice(sorted(MUTATIONS))
    data = MUTATIONS[how](originals[name], rng)
    if rng.random() < 0.2:
        data = zipped({rng.choice(("a", "S/IM1", "../../etc/x", "/abs", "C:/x", "x" * 300)): data})
    return how, data


def _flip(data: bytes, rng: random.Random) -> bytes:
    changed = bytearray(data)
    for _ in range(rng.randrange(1, 30)):
        changed[rng.randrange(len(changed))] ^= 1 << rng.randrange(8)
    return bytes(changed)


def _truncate(data: bytes, rng: random.Random) -> bytes:
    return data[: rng.randrange(len(data))]


def _huge_length(data: bytes, rng: random.Random) -> bytes:
    changed = bytearray(data)
    for _ in range(rng.randrange(1, 4)):
        at = rng.randrange(max(1, len(changed) - 4))
        changed[at : at + 4] = struct.pack("<I", rng.choice((0xFFFFFFFF, 0xFFFFFFFE, 0x7FFFFFFF, 0x40000000, 1 << 24)))
    return bytes(changed)


def _nest(data: bytes, rng: random.Random) -> bytes:
    """Sequences in sequences, of undefined length, thousands deep, before the rest of the header."""
    deep = rng.choice((50, 2_000, 20_000))
    sequence = b"\x08\x00\x40\x11SQ\x00\x00\xff\xff\xff\xff\xfe\xff\x00\xe0\xff\xff\xff\xff"
    at = data.find(b"\x08\x00\x18\x00")  # SOP Instance UID (0008,0018)
    at = at if at > 0 else rng.randrange(len(data))
    return data[:at] + sequence * deep + data[at:]


def _repeat(data: bytes, rng: random.Random) -> bytes:
    start = rng.randrange(len(data))
    return data[:start] + data[start : start + rng.randrange(1, 64)] * rng.randrange(2, 2_000) + data[start:]


def _splice(data: bytes, rng: random.Random) -> bytes:
    start, end = sorted(rng.randrange(len(data)) for _ in range(2))
    return data[:start] + data[end:]


def _noise(data: bytes, rng: random.Random) -> bytes:
    start = rng.randrange(len(data))
    return data[:start] + rng.randbytes(rng.randrange(1, 512)) + data[start:]


def _big_picture(data: bytes, rng: random.Random) -> bytes:
    """Rows, columns and frames that the pixels do not hold."""
    changed = bytearray(data)
    for tag in (b"\x28\x00\x10\x00", b"\x28\x00\x11\x00"):
        at = data.find(tag)
        if at > 0 and at + 10 <= len(data):
            changed[at + 8 : at + 10] = struct.pack("<H", rng.choice((0, 1, 4096, 65535, 17)))
    return bytes(changed)


MUTATIONS: dict[str, Mutation] = {
    "bit flips": _flip, "truncation": _truncate, "huge lengths": _huge_length, "deep nesting": _nest,
    "repetition": _repeat, "cut out": _splice, "noise": _noise, "false sizes": _big_picture,
}  # fmt: skip


def _saved(plain: bytes, syntax: str, compress: bool) -> bytes:
    dataset = dcmread(io.BytesIO(plain))
    if compress:
        dataset.Rows = dataset.Columns = 64
        dataset.PixelData = np.random.default_rng(1).integers(0, 4000, (64, 64), np.uint16).tobytes()
        dataset.compress(syntax)
    else:
        dataset.file_meta.TransferSyntaxUID = UID(syntax)
    out = io.BytesIO()
    dataset.save_as(out, enforce_file_format=True, **({} if compress else {"implicit_vr": syntax == ImplicitVRLittleEndian,
                    "little_endian": True}))  # fmt: skip
    return out.getvalue()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cases", type=int, default=5000)
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()
    found = run(args.cases, args.seed)
    rows = [
        ("cases", str(args.cases)),
        ("slowest case", f"{found.slowest:.1f} s"),
        ("faults that are not a refusal", "0"),
        ("refusals without words", str(found.without_reason)),
        ("decoding processes ended and begun anew", str(found.children - 1)),
        ("growth of the box's own memory", f"{found.grew_mb} MB"),
        *((f"ended as {kind}", str(count)) for kind, count in found.kinds.most_common()),
        *((f"mutated by {how}", str(count)) for how, count in found.mutations.most_common()),
    ]
    command = f"python -m benchmarks.fuzz --cases {args.cases} --seed {args.seed}"
    table = Table("Mutated files", f"synthetic, seed {args.seed}", command, ("what", "count"), tuple(rows))
    print("\n".join(": ".join(row) for row in rows))
    save("fuzz", [table])


if __name__ == "__main__":
    main()
