"""What counts as a lack of memory."""

import errno

import torch

from ablate.nn.out_of_memory import is_out_of_memory


def test_out_of_memory_is_known_by_its_class_its_cause_and_its_words():
    assert is_out_of_memory(torch.OutOfMemoryError("made up"))
    assert is_out_of_memory(RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling ..."))
    assert is_out_of_memory(RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory"))
    assert is_out_of_memory(OSError(errno.ENOMEM, "Cannot allocate memory"))
    assert is_out_of_memory(MemoryError())
    assert not is_out_of_memory(RuntimeError("mat1 and mat2 shapes cannot be multiplied"))
    while_capturing = RuntimeError("while capturing")
    while_capturing.__context__ = torch.OutOfMemoryError("made up")
    assert is_out_of_memory(while_capturing)
