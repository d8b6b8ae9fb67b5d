"""One file a version, `version_<number>.py`; a file that was released never changes."""
