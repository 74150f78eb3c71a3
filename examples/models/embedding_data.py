"""Texts from which the embedding model learns its teacher's sense of likeness."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

import ner_data
import sentiment_data
from text_sources import common_words, fill, wordnet, words

if TYPE_CHECKING:
    from collections.abc import Iterator

GROUP = 4  # texts on one matter stand together, so that every batch holds near and far pairs

SUBJECTS = words("""
a man, a woman, a boy, a girl, two men, the children, a dog, a cat, a group of people, my
friend, the teacher, a musician, an old man, a chef, the scientist, a student, the team, a
nurse, a bird, a horse, the company, the government, the police, a tourist, the engineer""")
ACTIONS = words("""
is playing {instrument}, is eating {food}, is riding {vehicle}, is reading {text}, is cooking
{food}, is running in {place}, is walking through {place}, is talking about {topic}, is learning
{topic}, wrote a book about {topic}, bought {vehicle}, is buying {food}, is selling {vehicle},
is watching {show}, is sleeping in {place}, is repairing {vehicle}, is writing {text}, is
driving to {place}, wants to know more about {topic}, teaches {topic}, is playing {sport}, won
the {sport} match, is dancing to {show}, is cleaning {place}, is worried about {topic},
published {text} on {topic}""")
QUESTIONS = words("""
how do I cook {food}?, what is the best way to learn {topic}?, where can I buy {vehicle}?, how
much does {vehicle} cost?, why is {topic} important?, who invented {instrument}?, when does
{show} start?, can you explain {topic}?, how do I get to {place}?, what are the rules of
{sport}?, how can I reset my {account}?, I forgot my {account}, my {account} does not work,
please delete my {account}, how do I change my {account}?, the {account} was rejected, what is
{topic}?, is {food} healthy?, recipe for {food}, introduction to {topic}, a guide to {sport},
cheap {vehicle} for sale, history of {instrument}, weather in {place}, {place} is closed today,
the {sport} season starts soon""")
SLOTS = {
    "instrument": words("""
the guitar, the piano, the violin, the drums, a flute, a trumpet, the harp, the organ"""),
    "food": words("""
pasta, rice, an apple, bread, a pizza, soup, chicken, fish, chocolate cake, vegetables, cheese,
salad, potatoes, eggs, a steak, ice cream, beans, strawberries, coffee, tea"""),
    "vehicle": words("""
a bicycle, a car, a motorcycle, a boat, a truck, a bus, an airplane, a computer, a house, a
phone, a laptop, a camera, a tractor, a new kitchen, a washing machine"""),
    "text": words("""
a newspaper, a letter, a novel, a poem, an email, a report, a scientific paper, a magazine, a
shopping list, an article"""),
    "place": words("""
the park, the city, the forest, the kitchen, the mountains, the office, the hospital, the beach,
the school, the airport, the museum, the library, the garden, the station, the desert, the
church, the supermarket, Paris, Berlin, London, New York, China, Africa"""),
    "topic": words("""
mathematics, physics, history, music, politics, the economy, climate change, football, cooking,
programming, Python, machine learning, databases, medicine, biology, religion, philosophy, law,
art, space, the stock market, taxes, health, children, animals, psychology, energy, education,
computer science, neural networks, the internet, security, chemistry, agriculture, the war, the
election, artificial intelligence, software, statistics, geography"""),
    "show": words("""
a film, a football match, the news, a concert, a play, television, a documentary, classical
music, a comedy, a video"""),
    "sport": words("""
tennis, football, basketball, chess, golf, volleyball, cricket, hockey, rugby"""),
    "account": words("""
password, account, email address, credit card, payment, order, user name, subscription, invoice,
phone number"""),
}


def wordnet_groups(count: int, rng: random.Random) -> Iterator[list[str]]:
    """Words, definition and examples of meanings, the more usual words first."""
    rank = {word: i for i, word in enumerate(common_words())}
    entries = [
        s for s in wordnet() if len(s.definition) <= 160 and "a genus" not in s.definition[:7]
    ]

    def usualness(i: int) -> float:
        known = [rank[w] for w in entries[i].words if w in rank]
        place = min(known) if known else 12_000 + 24_000 * rng.random()
        return place - 900 * len(entries[i].examples)

    for i in sorted(range(len(entries)), key=usualness)[:count]:
        synset = entries[i]
        texts = [*synset.examples, synset.definition, ", ".join(synset.words[:3])]
        yield texts[:GROUP]


def everyday_groups(count: int, rng: random.Random) -> Iterator[list[str]]:
    """Small scenes, questions and requests; a group shares its things or its wording."""
    for i in range(count):
        fixed = {slot: [rng.choice(values)] for slot, values in SLOTS.items()}
        if i % 2:
            yield [_everyday(fixed, rng) for _ in range(GROUP)]
        else:
            pattern = rng.choice([*QUESTIONS, *(f"{rng.choice(SUBJECTS)} {a}" for a in ACTIONS)])
            yield [fill(pattern, SLOTS, rng) for _ in range(GROUP)]


def _everyday(slots: dict[str, list[str]], rng: random.Random) -> str:
    if rng.random() < 0.5:
        return fill(rng.choice(QUESTIONS), slots, rng)
    return fill(f"{rng.choice(SUBJECTS)} {rng.choice(ACTIONS)}", slots, rng)


def other_groups(count: int, seed: int) -> Iterator[list[str]]:
    """Opinions and sentences with names, as the two other models see them."""
    opinions = sentiment_data.Generator(seed)
    named = ner_data.Generator(ner_data.load_names().part(False), seed)
    for i in range(count):
        if i % 2:
            yield [opinions.sentence(k % 2) for k in range(GROUP)]
        else:
            yield [named.example().text for _ in range(GROUP)]


def embedding_groups(seed: int, wordnet_count: int, generated_count: int) -> list[list[str]]:
    """All groups in random order, no text twice."""
    rng = random.Random(seed)
    found = [
        *wordnet_groups(wordnet_count, rng),
        *everyday_groups(generated_count, rng),
        *other_groups(generated_count, seed),
    ]
    seen: set[str] = set()
    groups = []
    for texts in found:
        fresh = [t for t in dict.fromkeys(texts) if t not in seen]
        seen.update(fresh)
        if fresh:
            groups.append(fresh)
    rng.shuffle(groups)
    return groups
