import pytest
from parsing import only, read, shown

from dumptriage.sources.log import evaluate, pool

BLOCK = "*8904a160 size:  280 previous size:   e0  (Allocated) *Thre (Protected)\n"


def test_the_difference_gives_the_sampled_block_its_object() -> None:
    text = f"{BLOCK}kd> ?8904a180-8904a160\nEvaluate expression: 32 = 00000020\n"
    log = read(text, pool.PARSERS, evaluate.PARSERS)
    sample = only(log, "sample")
    assert shown(sample, "block", "address", "body_offset") == ("8904a160", "8904a180", 0x20)
    assert sample.id == "sample:8904a180"
    assert len(log.facts) == 1


@pytest.mark.parametrize(
    "text",
    [
        "kd> ? 8904a180 - 8904a160\nEvaluate expression: 33 = 00000021\n",
        "kd> ?8904a180-8904a100\nEvaluate expression: 128 = 00000080\n",
        "kd> ?89050000-8904a160\nEvaluate expression: 24224 = 00005ea0\n",
        "kd> ? 1 + 1\nEvaluate expression: 2 = 00000002\n",
        "Evaluate expression: 32 = 00000020\n",
    ],
)
def test_other_results_are_understood_in_silence(text: str) -> None:
    log = read(BLOCK + text, pool.PARSERS, evaluate.PARSERS)
    assert only(log, "sample").get("address") is None
    assert len(log.facts) == 1
