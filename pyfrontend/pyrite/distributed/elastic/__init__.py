"""PyTorch's names for what a launched rank may ask of its launcher."""
