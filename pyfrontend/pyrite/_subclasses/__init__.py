"""Kinds of tensors that PyTorch traces with: Pyrite has none, shapes alone are `meta` tensors."""
