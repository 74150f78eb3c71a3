"""Tokenizing texts to rows of tokens, and planning which rows run together."""
