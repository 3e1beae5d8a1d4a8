"""Remote procedure calls between processes: a door."""

from __future__ import annotations

from pyrite._doors import door_class, door_function

_MISSING = "remote procedure calls"

RRef = door_class("distributed.rpc.RRef", _MISSING)
RpcBackendOptions = door_class("distributed.rpc.RpcBackendOptions", _MISSING)
TensorPipeRpcBackendOptions = door_class("distributed.rpc.TensorPipeRpcBackendOptions", _MISSING)
WorkerInfo = door_class("distributed.rpc.WorkerInfo", _MISSING)
get_worker_info = door_function("distributed.rpc.get_worker_info", _MISSING)
init_rpc = door_function("distributed.rpc.init_rpc", _MISSING)
remote = door_function("distributed.rpc.remote", _MISSING)
rpc_async = door_function("distributed.rpc.rpc_async", _MISSING)
rpc_sync = door_function("distributed.rpc.rpc_sync", _MISSING)
shutdown = door_function("distributed.rpc.shutdown", _MISSING)


def is_available() -> bool:
    """Whether this build has remote procedure calls: False."""
    return False
