"""An exception on its way from a worker to the parent.

Python layer. The traceback travels as text, the type by name. Invariant: `reraise` raises the
original type whenever that can be found and built from one message, else RuntimeError.
"""

from __future__ import annotations

import pickle
import traceback
from dataclasses import dataclass
from typing import NoReturn

__all__ = ["RemoteError"]


@dataclass(frozen=True)
class RemoteError:
    """Type, formatted traceback, and the process the exception comes from."""

    kind: type[BaseException]
    text: str
    where: str

    @classmethod
    def of(cls, error: BaseException, where: str) -> RemoteError:
        """Describe an exception; `where` reads "in DataLoader worker process 0"."""
        text = "".join(traceback.format_exception(error))
        return cls(_importable(type(error)), text, where)

    def reraise(self) -> NoReturn:
        """Raise the exception here, with the remote traceback in its message."""
        message = f"Caught {self.kind.__name__} {self.where}.\nOriginal {self.text}"
        if self.kind is KeyError:
            raise KeyError(_Verbatim(message))
        try:
            error = self.kind(message)
        except Exception:  # its constructor takes other arguments
            raise RuntimeError(message) from None
        raise error


class _Verbatim(str):
    """Text that prints as it is where Python shows a repr, as KeyError does with its key."""

    __slots__ = ()

    def __repr__(self) -> str:
        return str(self)


def _importable(kind: type[BaseException]) -> type[BaseException]:
    """The type itself if another process can find it by name, else RuntimeError."""
    try:
        pickle.dumps(kind)
    except Exception:
        return RuntimeError
    return kind
