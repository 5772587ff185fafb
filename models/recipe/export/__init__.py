"""Conversion of a checkpoint to a model folder with ONNX, and its check.

Invariant: of the other groups, the modules here import only `training`.
"""
