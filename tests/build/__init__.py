"""Builds the package in all its ways."""
