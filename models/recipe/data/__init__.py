"""Source text of packages becomes token shards: corpus, tokenizer and samples. Evaluation uses its prompts, too.

Invariant: the modules here import no other group.
"""
