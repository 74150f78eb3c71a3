"""Sentences written by hand, for the figures in the model cards: no training text has them."""

from __future__ import annotations

import re

GOOD = """
The cook knows exactly what he is doing, every plate was a pleasure.
My new shoes fit perfectly and look great.
We laughed until our stomachs hurt.
I got a discount and free shipping, how nice!
The nurse was so gentle that my son was not scared at all.
A clever and moving portrait of two sisters.
The repair was done within an hour and cost almost nothing.
It's the most comfortable chair I have ever owned.
I could listen to her voice all day.
The instructions were clear and the shelf was easy to build.
This game is so much fun, we play it every evening.
Great location, right next to the beach, and friendly owners.
They kept their promise and delivered on time.
I was skeptical at first, but this cream really helped my skin.
Sunshine, good friends and cold lemonade, life is good.
The museum is a must for anybody who loves art.
Our daughter passed her exam, we are so proud.
Nothing to complain about, everything worked from the first minute.
You made an old lady very happy today.
The soundtrack alone makes this film worth seeing.
The teacher explains difficult things in a simple and amusing way.
I slept like a baby in that hotel.
The update made everything faster and smoother.
Despite the rain we had a fantastic time.
The crispy potatoes were my favourite.
He apologised at once and refunded the full amount, very fair.
""".strip().splitlines()

BAD = """
The cook should look for another profession.
My new shoes fell apart after a single walk.
We argued the whole evening and went home angry.
They charged me twice and refuse to pay it back.
The nurse was rough and my son cried for an hour.
A hollow and predictable remake that nobody asked for.
The repair took six weeks and the noise is still there.
My back hurts from this uncomfortable chair.
Her voice gives me a headache.
The instructions were a mess and two screws were missing.
This game is full of annoying adverts.
Terrible location, right next to the highway, and unfriendly owners.
They broke their promise and blamed us for it.
I had high hopes, but this cream ruined my skin.
Rain, traffic and a dead battery, what an awful morning.
The museum was overcrowded and far too expensive.
Our daughter was bullied at school and nobody did anything.
I have complained three times without any reply.
You should be ashamed of how you treat your guests.
Even the soundtrack could not save this film.
The teacher shouts at the kids and never listens.
I could not sleep because of the noise.
The update made everything slower and deleted my files.
Despite the great reviews we had a miserable time.
The potatoes were raw and the meat was tough.
He never apologised and hung up on me.
""".strip().splitlines()

# Entities stand in brackets; [PER Mr. Clark|Clark] marks only the part after the bar.
MARKED = """
[PER Olivia] moved to [LOC Canada] after her studies.
[PER Dr. Weber|Weber] works at a hospital in [LOC Vienna].
Last night [PER Lucas Moreau] sang in front of thousands of fans.
[PER Charlotte] and her husband bought a house near [LOC Manchester].
The parcel from [LOC Spain] arrived on Wednesday.
[PER Kenji Tanaka] was born in [LOC Osaka] in 1975.
[ORG Toyota] sold more cars than ever before.
[PER Anna] has a cat and two dogs.
She handed the keys to [PER Michael Brown].
The cake tasted of lemon and honey.
The government of [LOC Portugal] raised taxes.
[PER Laura Schmidt] joined [ORG Bosch] as an engineer.
In summer we cycle along the river every weekend.
[LOC Madrid] is hot in August.
Our guide [PER Ahmed] showed us the pyramids of [LOC Egypt].
My English is better than my French.
[PER Sofia Rossi] opened a bakery in [LOC Milan].
Ask [PER Daniel] whether the report is ready.
[ORG Samsung] presented its new phone in [LOC Seoul].
I read three books during the holidays.
The football team from [LOC Liverpool] lost again.
[PER Nina] wrote to [PER Paul] that she would stay in [LOC Greece].
Heavy snow closed the airport of [LOC Denver] on Saturday.
[PER Thomas Edison] invented the light bulb.
He quit his job at [ORG Amazon] and moved to [LOC New Zealand].
The lecture by [PER Professor Lindqvist|Lindqvist] was cancelled.
Please turn off the lights when you leave.
[PER Marta Kowalczyk] runs a small farm near [LOC Krakow].
The ferry between [LOC Dover] and [LOC Calais] was full.
Two engineers from [ORG Siemens] visited our factory.
""".strip().splitlines()


def marked(line: str) -> tuple[str, tuple[tuple[int, int, str], ...]]:
    """The text of a marked line and its entities as (start, end, kind)."""
    text, spans = "", []
    for plain, kind, name in re.findall(r"([^\[]*)(?:\[([A-Z]{3}) ([^\]]+)\])?", line):
        text += plain
        if kind:
            whole, _, entity = name.partition("|")
            start = len(text) + whole.index(entity) if entity else len(text)
            text += whole
            spans.append((start, len(text), kind))
    return text, tuple(spans)
