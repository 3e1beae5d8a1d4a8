"""Worker tests use closures as datasets, which only forked workers receive.

Python's default start method is fork up to 3.13 and forkserver from 3.14; `test_start_methods`
names each method itself.
"""

import multiprocessing

import pytest


@pytest.fixture(autouse=True)
def fork_by_default():
    before = multiprocessing.get_start_method(allow_none=True)
    multiprocessing.set_start_method("fork", force=True)
    yield
    multiprocessing.set_start_method(before, force=True)
