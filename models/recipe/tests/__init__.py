"""Tests of all groups: `python3 -m unittest` in the folder above."""
