"""From strings to ragged token ids, and which rows run together."""
