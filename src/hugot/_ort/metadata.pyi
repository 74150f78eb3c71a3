from typing import NamedTuple

class ModelMetadata(NamedTuple):
    producer: str
    graph: str
    domain: str
    description: str
    version: int
    custom: dict[str, str]
