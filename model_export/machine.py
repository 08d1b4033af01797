"""What the machine at hand would do with a bundle: processor, providers, threads -> lines."""

from collections.abc import Collection
from dataclasses import dataclass

import onnxruntime as ort

from service.adapters.onnx_session import PROVIDERS
from service.adapters.processor import BF16, INT8, processor_flags
from service.core.cores import core_count
from service.core.manifest import BundleManifest


@dataclass(frozen=True, slots=True)
class Machine:
    """What decides how a bundle runs.

    Attributes:
        flags: Of the processor; none where the system does not tell.
        providers: Those of `service.adapters.onnx_session.PROVIDERS` that are installed.
        threads: Cores that this process may use: what a run takes by default.
    """

    flags: Collection[str]
    providers: tuple[str, ...]
    threads: int


def this_machine() -> Machine:
    """Look at the machine."""
    installed = ort.get_available_providers()
    return Machine(
        flags=processor_flags(),
        providers=tuple(name for name, full in PROVIDERS.items() if full in installed),
        threads=core_count(),
    )


def would_run(manifest: BundleManifest, machine: Machine) -> list[str]:
    """Say how the service would run a bundle here, and what each precision would gain."""
    default = manifest.image.tiers[0]
    precisions = {tier.precision for tier in manifest.image.tiers}
    here = (
        f"here: the service runs tier {default.name or default.file} ({default.precision}) on cpu "
        f"with {machine.threads} threads, unless told otherwise; providers installed: "
        f"{', '.join(machine.providers)}"
    )
    lines = [here]
    if "int8" in precisions:
        lines.append(f"int8: {_int8(machine)}")
    if "fp16" in precisions:
        lines.append(f"fp16: {_fp16(machine)}")
    return [*lines, f"bf16: {_bf16(machine)}"]


def _int8(machine: Machine) -> str:
    if found := [flag for flag in INT8 if flag in machine.flags]:
        return f"this processor multiplies eight bits in hardware ({', '.join(found)})"
    return (
        "this processor is not known to multiply eight bits in hardware: int8 tiers may be slower "
        "here, and their sums may overflow: repeat the gate here with --catalog"
    )


def _fp16(machine: Machine) -> str:
    if "cuda" in machine.providers:
        return "the cuda provider is installed, which they are for"
    return (
        "no cuda provider, so these tiers would run in 32 bits and gain nothing; "
        "on a machine with a GPU: pip install 'vitrine[gpu]'"
    )


def _bf16(machine: Machine) -> str:
    found = [flag for flag in BF16 if flag in machine.flags]
    if not found:
        return "this processor does not multiply it in hardware"
    able = f"this processor multiplies it in hardware ({', '.join(found)})"
    if "openvino" in machine.providers:
        return f"{able}, and the openvino provider computes fp32 tiers in it"
    return (
        f"{able}; the openvino provider would compute fp32 tiers in it: pip install "
        "'vitrine[openvino]' in an environment without the other runtimes"
    )
