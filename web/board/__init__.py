"""The board: a page for the pipeline."""
