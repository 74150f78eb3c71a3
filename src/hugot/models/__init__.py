"""A model on disk and on the hub: what its files say."""
