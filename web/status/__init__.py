"""The status page: how the server and its sources stand, for people."""
