import pytest
from parsing import of, only, read, shown

from dumptriage.sources.log.obtrace import PARSERS

TRACE = """\
Object: 8a226130
 Image: cmd.exe
Sequence   (+/-)   Tag    Stack
--------   -----   ----   --------------------------------------------
      36    +1     Dflt      nt!ObCreateObject+1c4
                             nt!NtCreateUserProcess+12a

      37    -1     Dflt      nt!ObfDereferenceObjectWithTag+22
                             other!Free+2ba

      38    +1     WgPr      nt!ObReferenceObjectByPointerWithTag+254
                             wardgate!WgProcessNotify+63
                             nt!PspInsertThread+6aa

--------   -----   ----   --------------------------------------------
References: 2, Dereferences 1
Tag: WgPr References: 1 Dereferences: 0 Over reference by: 1
"""


def test_the_module_that_took_references_it_did_not_drop() -> None:
    stack = only(read(TRACE, PARSERS), "stack")
    assert shown(stack, "purpose", "module", "symbol", "frame", "tag") == (
        "reference",
        "wardgate",
        "wardgate!WgProcessNotify+63",
        1,
        "WgPr",
    )


@pytest.mark.parametrize("text", [TRACE.replace("38    +1", "38    -1"), TRACE.split("Sequence")[0], ""])
def test_without_references_left_there_is_none(text: str) -> None:
    assert of(read(text, PARSERS), "stack") == []
