"""Functions that spread a module over processes, one call a module: doors."""
