"""The launcher's parts: one program as several ranks on this host.

`options` reads the command line into a `Job`, `ranks` starts and ends the processes, `agent`
watches them, restarts and reports; `guard` ends them where the launcher itself is killed.
"""
