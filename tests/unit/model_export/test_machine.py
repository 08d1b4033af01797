import re

import pytest

from model_export.machine import Machine, this_machine, would_run
from service.core.manifest import BundleManifest

PLAIN = Machine(flags=("sse",), providers=("cpu",), threads=4)


def test_this_machine_runs_on_its_cpu() -> None:
    machine = this_machine()
    assert "cpu" in machine.providers
    assert machine.threads >= 1


def test_what_would_run_is_said_of_the_precisions_there_are(
    bundle_manifest: BundleManifest,
) -> None:
    """The manifest's tiers are fp32 and int8."""
    here, int8, bf16 = would_run(bundle_manifest, PLAIN)
    assert here == (
        "here: the service runs tier image.onnx (fp32) on cpu with 4 threads, unless told "
        "otherwise; providers installed: cpu"
    )
    assert int8.startswith("int8: this processor is not known to multiply eight bits in hardware")
    assert bf16 == "bf16: this processor does not multiply it in hardware"


@pytest.mark.parametrize(
    ("machine", "said"),
    [
        (Machine(("avx512_vnni", "amx_int8"), ("cpu",), 2), r"int8: .*\(avx512_vnni, amx_int8\)"),
        (Machine(("amx_bf16",), ("cpu",), 2), r"bf16: .*\(amx_bf16\); .*vitrine\[openvino\]"),
        (Machine(("amx_bf16",), ("cpu", "openvino"), 2), r"bf16: .*, and the openvino provider"),
        (Machine((), ("cpu", "cuda"), 2), "fp16: the cuda provider is installed"),
        (Machine((), ("cpu",), 2), r"fp16: no cuda provider, .*vitrine\[gpu\]"),
    ],
)
def test_a_precision_is_said_to_be_worth_it_where_it_is(
    bundle_manifest: BundleManifest, machine: Machine, said: str
) -> None:
    first, second = bundle_manifest.image.tiers
    half = first.model_copy(update={"precision": "fp16"})
    image = bundle_manifest.image.model_copy(update={"tiers": (first, second, half)})
    lines = would_run(bundle_manifest.model_copy(update={"image": image}), machine)
    assert [line for line in lines if re.fullmatch(f"{said}.*", line)]
