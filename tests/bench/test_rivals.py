import pytest

from ablate.bench.rivals import RIVALS, rivals_for
from ablate.errors import SpecError


def test_the_rivals_are_those_named_or_all_there_are_on_the_device():
    assert rivals_for(None, "cpu", "mlp") == ["loop", "stock", "dataloader", "vmap"]
    assert rivals_for(None, "cuda", "mlp") == list(RIVALS)
    assert rivals_for("vmap,loop", "cpu", "mlp") == ["vmap", "loop"]
    assert rivals_for(None, "cpu", "cnn") == ["loop", "stock", "dataloader"]
    with pytest.raises(SpecError, match="--rivals: 'vmap' trains no cnn3d"):
        rivals_for("vmap", "cpu", "cnn3d")


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ("lop", "--rivals: 'lop' is not one of loop, stock, dataloader, vmap, graph; did you mean 'loop'"),
        ("loop,loop", "--rivals: 'loop' stands there twice"),
        ("", "--rivals: an empty level"),
        ("graph", "--rivals: 'graph' needs a CUDA device"),
    ],
)
def test_a_wrong_rival_is_explained(given, says):
    with pytest.raises(SpecError, match=says):
        rivals_for(given, "cpu", "mlp")
