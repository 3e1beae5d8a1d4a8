"""Communication hooks: other ways to average a bucket of gradients."""

from . import default_hooks, powerSGD_hook

__all__ = ["default_hooks", "powerSGD_hook"]
