"""Training of the model, and the model folder with its weights.

Invariant: the modules here import no other group; they read the shards of `data` as files.
"""
