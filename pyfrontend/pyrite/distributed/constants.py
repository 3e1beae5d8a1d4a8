"""How long a collective may take unless told otherwise."""

from __future__ import annotations

from datetime import timedelta

from pyrite.distributed.process_group import default_pg_timeout as default_pg_timeout

default_pg_nccl_timeout = timedelta(minutes=10)
