"""Running programs written for PyTorch: `torch` and `torch.x.y` mean Pyrite's modules.

`alias` is the import hook, `metadata` what installers would say of `torch`, `program` runs scripts,
modules and test files, `notebook` notebooks; `child` carries the hook into Python processes that a
program starts.
"""
