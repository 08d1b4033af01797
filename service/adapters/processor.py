"""What the processor multiplies in hardware: /proc/cpuinfo -> flags."""

from pathlib import Path

INT8 = ("avx512_vnni", "avx_vnni", "amx_int8", "asimddp", "i8mm")
BF16 = ("avx512_bf16", "amx_bf16", "bf16")
_CPUINFO = Path("/proc/cpuinfo")


def processor_flags() -> frozenset[str]:
    """Return the flags of this machine's processor; none where the system does not tell."""
    return cpu_flags(_CPUINFO.read_text()) if _CPUINFO.exists() else frozenset()


def cpu_flags(cpuinfo: str) -> frozenset[str]:
    """Return the flags of the first processor that `/proc/cpuinfo` lists."""
    for line in cpuinfo.splitlines():
        key, _, value = line.partition(":")
        if key.strip() in ("flags", "Features"):
            return frozenset(value.split())
    return frozenset()
