from dataclasses import dataclass

@dataclass(frozen=True)
class ModelMetadata:
    producer: str
    graph: str
    domain: str
    description: str
    version: int
    custom: dict[str, str]
