"""Where a model can run on this machine, and in which number formats its processor computes."""

from __future__ import annotations

import platform
from importlib.metadata import version
from pathlib import Path

INSTRUCTIONS = {
    "bfloat16": ("avx512_bf16", "amx_bf16", "bf16", "svebf16"),
    "float16": ("avx512_fp16", "amx_fp16", "asimdhp"),
}
"""What processors of Intel's kind, and then of ARM's, call instructions for short numbers."""


def has_instructions(dtype: str, listing: Path = Path("/proc/cpuinfo")) -> bool:
    """Whether the processor computes in `dtype` itself; also true where the system keeps no such listing."""
    if dtype not in INSTRUCTIONS or not listing.exists():
        return True
    words = set(listing.read_text(encoding="utf-8").split())
    return not words.isdisjoint(INSTRUCTIONS[dtype])


def best_device() -> str:
    """`cuda` or `mps` where torch finds one; torch is imported only where the machine could have one at all."""
    apple = platform.system() == "Darwin" and platform.machine() == "arm64"
    drivers = any(Path(place).exists() for place in ("/proc/driver/nvidia", "/dev/kfd", "/dev/dxg"))
    if "+cpu" in version("torch") or not (apple or drivers or platform.system() == "Windows"):
        return "cpu"
    import torch

    if torch.cuda.is_available():
        return "cuda"
    return "mps" if torch.backends.mps.is_available() else "cpu"


def is_there(device: str) -> bool:
    """Whether torch can run a model on `cpu`, `cuda` or `mps` here."""
    import torch

    if device == "cuda":
        return torch.cuda.is_available()
    return device != "mps" or torch.backends.mps.is_available()
