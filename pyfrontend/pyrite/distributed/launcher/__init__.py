"""The launcher's parts: one program as several ranks on this host.

`options` reads the command line into a `Job`, `ranks` starts and ends the processes, `agent`
watches them, restarts and reports; `rendezvous` agrees with the launchers of other hosts; `guard`
ends the ranks where the launcher itself is killed.
"""
