"""From the command line to a server that can be started."""
