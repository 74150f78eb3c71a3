"""Models on disk and on the hub: finding, downloading, checking and reading their files."""
