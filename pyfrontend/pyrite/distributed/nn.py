"""Modules on other processes: a door."""

from __future__ import annotations

from pyrite._doors import door_class

RemoteModule = door_class("distributed.nn.RemoteModule", "remote procedure calls")
