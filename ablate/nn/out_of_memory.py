"""Detection of out-of-memory errors, which are of several classes in torch and its libraries."""

import errno

import torch

_WORDS = (
    "CUDA out of memory",
    "CUBLAS_STATUS_ALLOC_FAILED",
    "StreamCaptureInvalidated",
    "DefaultCPUAllocator",
    "not enough memory",
    "Cannot allocate memory",
    "bad_alloc",
    "Storage size calculation overflowed",
)


def is_out_of_memory(error: BaseException) -> bool:
    """Returns whether an error, or the error that led to it, means that the process or a GPU has too little memory."""
    return any(map(_says_so, (error, error.__cause__, error.__context__)))


def _says_so(error: BaseException | None) -> bool:
    return (
        isinstance(error, MemoryError | torch.OutOfMemoryError)
        or (isinstance(error, OSError) and error.errno == errno.ENOMEM)
        or (isinstance(error, RuntimeError) and any(word in str(error) for word in _WORDS))
    )
