import pytest

from service.adapters.processor import cpu_flags

X86 = "processor\t: 0\nflags\t\t: fpu sse avx512_vnni amx_bf16\n\nprocessor\t: 1\nflags\t\t: fpu\n"
ARM = "processor\t: 0\nFeatures\t: fp asimd i8mm bf16\n"


@pytest.mark.parametrize(
    ("text", "flags"),
    [
        (X86, {"fpu", "sse", "avx512_vnni", "amx_bf16"}),
        (ARM, {"fp", "asimd", "i8mm", "bf16"}),
        ("", set()),
    ],
)
def test_flags_are_those_of_the_first_processor(text: str, flags: set[str]) -> None:
    assert cpu_flags(text) == flags
