"""Evaluation of a model on the test packages, and of its quantisation.

Invariant: no other group imports the modules here.
"""
