"""Record PyTorch's index orders and worker seeds: writes data_loading.json beside this file.

Needs PyTorch 2.13 and NumPy; run by hand when a case is added. `CASES` are Python expressions of
`P` (the package) and `data` (its utils.data), each evaluated after `P.manual_seed(7)`; the last
value recorded is the next draw of the default generator, which shows how many were made before.
"""

import json
import pathlib
import random

import numpy
import torch
import torch.utils.data

CASES = [
    "list(data.RandomSampler(range(10)))",
    "list(data.RandomSampler(range(5), num_samples=13))",
    "list(data.RandomSampler(range(50), replacement=True, num_samples=40))",
    "list(data.SubsetRandomSampler([3, 1, 4, 15, 9]))",
    "list(data.WeightedRandomSampler([0.1, 0.9, 0.4, 0.7], 6))",
    "list(data.WeightedRandomSampler([0.1, 0.9, 0.4, 0.7], 3, replacement=False))",
    "[list(part.indices) for part in data.random_split(range(10), [3, 7])]",
    "[list(part.indices) for part in data.random_split(range(11), [0.3, 0.3, 0.4])]",
    "list(data.DistributedSampler(range(11), num_replicas=3, rank=1, seed=5))",
    "list(data.DistributedSampler(range(11), num_replicas=3, rank=2, drop_last=True))",
    "list(data.DistributedSampler(range(2), num_replicas=5, rank=4, shuffle=False))",
    "[b.tolist() for b in data.DataLoader(range(7), batch_size=3, shuffle=True)]",
    "[b.tolist() for b in data.DataLoader(range(7), batch_size=3, shuffle=True, num_workers=2)]",
    "[b.tolist() for b in data.DataLoader(range(7), batch_size=3, drop_last=True, "
    "generator=P.Generator().manual_seed(3), shuffle=True)]",
    "list(data.DataLoader(range(6), batch_size=None, shuffle=True))",
]


def draws(index):
    """One draw from each generator a worker seeds."""
    return [
        int(torch.randint(0, 2**31 - 1, ()).item()),
        random.getrandbits(31),
        int(numpy.random.randint(0, 2**31 - 1)),
    ]


class Draws(torch.utils.data.Dataset):
    """Samples that show the state of the generators."""

    def __len__(self):
        return 6

    def __getitem__(self, index):
        return draws(index)


def record(expression: str) -> list:
    """Value of a case, and the draw that follows it."""
    torch.manual_seed(7)
    value = eval(expression, {"P": torch, "data": torch.utils.data})
    return [expression, value, int(torch.randint(0, 2**31 - 1, ()).item())]


def record_worker_draws(num_workers: int) -> list:
    """What the samples of `Draws` hold when worker processes fetch them."""
    torch.manual_seed(7)
    loader = torch.utils.data.DataLoader(
        Draws(), batch_size=2, num_workers=num_workers, collate_fn=list
    )
    return [num_workers, [sample for batch in loader for sample in batch]]


if __name__ == "__main__":
    book = {
        "cases": [record(expression) for expression in CASES],
        "worker_draws": [record_worker_draws(count) for count in (1, 2)],
    }
    path = pathlib.Path(__file__).with_name("data_loading.json")
    tables = ",\n".join(
        f"{json.dumps(name)}: [\n" + ",\n".join(map(json.dumps, rows)) + "\n]"
        for name, rows in book.items()
    )
    path.write_text("{\n" + tables + "\n}\n")
