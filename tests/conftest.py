"""What several test files share."""

import jaxtyping
import pytest
import torch

# Small tensors, and two test processes at once: more threads would only wait for each other.
torch.set_num_threads(1)


@pytest.fixture
def no_shape_hook():
    """Switches the runtime shape checks off, so that the package's own errors are seen."""
    jaxtyping.config.update("jaxtyping_disable", True)
    yield
    jaxtyping.config.update("jaxtyping_disable", False)


@pytest.fixture
def generator():
    """A seeded torch generator."""
    return torch.Generator().manual_seed(0)
