"""Training in several processes, with PyTorch's names.

Ranks find each other in a store (`TCPStore`, `FileStore`), prove to each other that they know the
group's secret, and compute together over sockets. Nothing hangs: a rank that dies, leaves or calls
something else ends every other rank's call with an error that says what happened.
"""

from __future__ import annotations

from pyrite.distributed import ray as ray
from pyrite.distributed.availability import *
from pyrite.distributed.collectives import *
from pyrite.distributed.device_mesh import *
from pyrite.distributed.errors import *
from pyrite.distributed.formation import *
from pyrite.distributed.notebook import *
from pyrite.distributed.objects import *
from pyrite.distributed.point_to_point import *
from pyrite.distributed.process_group import *
from pyrite.distributed.reduce_op import *
from pyrite.distributed.rendezvous import *
from pyrite.distributed.store import *
from pyrite.distributed.work import *
