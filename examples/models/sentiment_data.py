"""Labelled sentences for the sentiment model: lexicons, phrases and sentence patterns."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

from text_sources import (
    adjectives,
    fill,
    nouns,
    sentence_case,
    valence_lexicon,
    wordnet,
    wordnet_sentences,
    words,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

NEGATIVE, POSITIVE = 0, 1
LABELS = ("NEGATIVE", "POSITIVE")
Example = tuple[str, int]


# Each domain: things one speaks of, what is bad about them, what is good about them. Many of
# these words have no polarity of their own (cold food, a cold beer), hence the domains.
DOMAINS: list[tuple[list[str], list[str], list[str]]] = [
    (
        words("""
film, movie, show, series, play, episode, documentary, sequel, comedy, thriller, story, plot,
script, ending, acting, cast, dialogue, novel, book, first half, screenplay"""),
        words("""
predictable, boring, dull, slow, far too long, tedious, confusing, pointless, cliched,
forgettable, shallow, unwatchable, wooden, cheesy, lifeless, flat, silly, a mess, a waste of
time, badly written, full of holes, overrated, pretentious, uninspired, weak, a disaster, a huge
letdown, all over the place, unconvincing, clumsy, lazy, stupid"""),
        words("""
gripping, moving, funny, hilarious, thrilling, beautifully shot, brilliant, touching,
unforgettable, well written, a masterpiece, a joy, a triumph, clever, superb, original,
captivating, powerful, heartwarming, charming, witty, engaging, flawless, a delight, worth every
minute, believable, intelligent, fascinating, magnificent"""),
    ),
    (
        words("""
food, soup, pizza, steak, meal, dinner, breakfast, coffee, pasta, bread, salad, dessert, lunch,
cake, fish, sandwich, burger, chicken, curry, sauce"""),
        words("""
cold, bland, stale, soggy, greasy, overcooked, undercooked, burnt, tasteless, too salty,
disgusting, inedible, dry, overpriced, rotten, raw, lukewarm, watery, awful, not fresh, a
disappointment, horrible, too sweet, sour, chewy"""),
        words("""
delicious, tasty, fresh, yummy, perfectly cooked, crispy, flavorful, mouthwatering, divine,
juicy, excellent, cooked to perfection, wonderful, authentic, warm and fresh, a treat, amazing,
the best I ever had, heavenly, scrumptious, tender"""),
    ),
    (
        words("""
service, waiter, staff, waitress, manager, team, support, receptionist, crew, customer service,
driver, doctor, teacher, host, helpdesk, support team, nurse, clerk"""),
        words("""
slow, rude, unfriendly, unhelpful, useless, incompetent, arrogant, careless, terrible, impolite,
dishonest, lazy, clueless, unprofessional, never there, a nightmare, impossible to reach, cold,
dismissive, annoyed, grumpy"""),
        words("""
friendly, helpful, quick, polite, attentive, professional, kind, patient, outstanding, caring,
welcoming, fast, courteous, efficient, lovely, always there for us, very responsive,
knowledgeable, warm, cheerful, honest, generous"""),
    ),
    (
        words("""
room, hotel, apartment, place, bathroom, beach, location, flat, bed, pool, trip, flight,
holiday, journey, train, vacation, city, park, view, neighborhood, airline, cruise, tour, house"""),
        words("""
dirty, noisy, filthy, cramped, smelly, damp, crowded, expensive, shabby, run down, delayed,
late, unsafe, dark, overpriced, freezing, uncomfortable, a rip off, exhausting, depressing,
ugly, a nightmare, cancelled, too small, dangerous, disgusting"""),
        words("""
clean, spacious, comfortable, cozy, beautiful, quiet, spotless, stunning, lovely, relaxing,
peaceful, gorgeous, on time, charming, affordable, bright, perfect, a dream, breathtaking,
luxurious, amazing, modern, safe, well located, magical"""),
    ),
    (
        words("""
phone, laptop, product, battery, screen, camera, app, software, keyboard, car, machine, toy,
charger, printer, website, game, update, headset, quality, delivery, package, shirt, vacuum
cleaner, watch, library, tool, jacket, item, bike, sound, order"""),
        words("""
broken, unreliable, useless, faulty, slow, flimsy, defective, damaged, overpriced, cheaply made,
full of bugs, a waste of money, junk, poorly made, impossible to use, buggy, garbage, dead after
a week, worthless, late, a scam, uncomfortable, scratched, crap, not as described, missing
parts, too heavy, complicated, trash, laggy"""),
        words("""
reliable, sturdy, easy to use, well made, fast, durable, powerful, handy, excellent, great
value, worth every penny, exactly as described, impressive, smooth, a bargain, beautiful,
intuitive, fantastic, flawless, top notch, lightweight, crisp and clear, simple to set up, high
quality, useful, elegant, perfect, comfortable"""),
    ),
    (
        words("""
day, weather, morning, week, weekend, party, evening, year, concert, lesson, match, meeting,
class, job, song, music, news, idea, result, experience, event, work, time, album, performance,
exam, surprise, memory, life, world, moment, night, festival"""),
        words("""
awful, miserable, terrible, dreadful, gloomy, horrible, stressful, disappointing, boring, a
disaster, sad, the worst, painful, depressing, bad, lousy, unpleasant, tiring, a failure, nasty,
ruined, annoying, unbearable, worse than expected, frustrating, rough"""),
        words("""
wonderful, great, amazing, fantastic, lovely, fun, perfect, a success, joyful, good, pleasant,
brilliant, exciting, sunny, delightful, the best, beautiful, marvelous, better than expected,
inspiring, nice, awesome, fabulous, superb, glorious, incredible"""),
    ),
]

POSITIVE_PHRASES = words("""
I love it, I love you, I loved every minute of it, I enjoyed every second, I really like this,
we had a great time, I would recommend it to anyone, highly recommended, I will come back, we
will definitely return, five stars, ten out of ten, two thumbs up, worth the money, worth
watching, worth the price, a must see, a must have, you will not regret it, could not be
happier, I could not be more pleased, it could not be better, I am so happy, I am happy with it,
this made my day, it made me smile, I laughed out loud, I was blown away, it exceeded my
expectations, I could not put it down, I can not wait to go back, I want to see it again, it
works perfectly, it works like a charm, it works great, works as expected, it does exactly what
it should, everything went smoothly, everything was perfect, it saved me a lot of time, well
done, good job, great job, nice work, keep up the good work, thank you so much, thanks for the
help, I am grateful, I am impressed, I was pleasantly surprised, best purchase ever, best day of
my life, never been happier, it never disappoints, he never disappoints, it never lets me down,
no complaints, I have no complaints, nothing to complain about, I can not complain, no problems
at all, without any problems, I had no trouble at all, not bad, not bad at all, not too bad, not
half bad, it is not a bad film at all, it was not boring for a second, not a single dull moment,
never a dull moment, I can not praise it enough, I can not recommend it enough, nothing could be
better, you can not go wrong with it, it gets better every time, we won, I passed, I got the
job, congratulations, she is my best friend, I feel great, I feel so much better, I am proud of
you, I miss those happy days, the kids loved it, my wife adores it, everyone enjoyed it, we were
all smiling, the audience cheered, it brought tears of joy to my eyes, exactly what I needed,
just what I was looking for, a pleasure from start to finish, I am a big fan, I am looking
forward to it, it arrived early, it arrived on time, they fixed it right away, they solved my
problem, the problem was solved quickly, this is good news, hope restored, I am excited, simply
the best, fun for the whole family, kept me on the edge of my seat, I will buy it again, money
well spent, it looks beautiful, it tastes great, it smells wonderful, it feels great, it sounds
amazing, good value for money, I am in love with it, I adore it, it is a gem, a real treat, what
a treat, I slept very well, we laughed a lot, they made us feel at home, I had so much fun, you
are the best, a breath of fresh air, it lives up to the hype, it only gets better, I like it, I
like it a lot, we liked it very much, it makes me happy, I could watch it again and again, he
did a great job, she sings beautifully, this is how it should be done, the wait was worth it, I
am satisfied""")

NEGATIVE_PHRASES = words("""
I hate it, I hate you, I hated every minute of it, I hated every second, I really dislike this,
we had a terrible time, I would not recommend it to anyone, not recommended, I will never come
back, we will not return, one star, zero out of ten, two thumbs down, not worth the money, not
worth watching, not worth the price, avoid it, stay away, you will regret it, I could not be
more disappointed, it could not be worse, I am so sad, I am unhappy with it, this ruined my day,
it made me cry, it made me angry, I fell asleep, I fell asleep halfway through, I walked out, it
did not meet my expectations, I could not finish it, I can not wait for it to end, I want my
money back, I asked for a refund, it does not work, it stopped working, it broke, it broke after
two days, it did not work at all, nothing works, nothing worked, it keeps crashing, everything
went wrong, everything was wrong, it wasted my time, a waste of time, a waste of money, bad job,
poor work, you should be ashamed, thanks for nothing, I am angry, I am upset, I was not
impressed, I was deeply disappointed, worst purchase ever, worst day of my life, never been so
disappointed, it always disappoints, he let me down, it let me down, too many complaints, I have
many complaints, nothing but problems, nothing but trouble, full of problems, I had a lot of
trouble, not good, not good at all, not that great, not great, it is not a good film at all, it
was not funny, not a single laugh, there was nothing good about it, I can not recommend it, do
not buy this, do not go there, do not waste your money, do not bother, nothing could be worse,
it gets worse every time, we lost, I failed, I lost my job, I got fired, I feel terrible, I feel
so alone, I feel sick, I am ashamed of you, I am tired of it, I regret it, I regret buying it,
the kids hated it, my wife hates it, nobody enjoyed it, we were all bored, the audience left,
not what I needed, not what I was looking for, a pain from start to finish, I am not a fan, it
never arrived, it arrived late, it arrived broken, they never answered, they ignored me, nobody
answered the phone, my problem was never solved, this is bad news, I am worried, I am afraid,
simply the worst, I will never buy it again, money thrown away, it looks ugly, it tastes awful,
it smells bad, it hurts, it sounds horrible, bad value for money, I can not stand it, I despise
it, it is a joke, it is a shame, what a shame, what a pity, too bad, I slept badly, we waited
for hours, we waited an hour for our table, they treated us badly, I had no fun, you are the
worst, it does not live up to the hype, it only gets worse, I do not like it, I do not like
this, we did not like it, I did not enjoy it, it makes me sad, I could not watch it, he did a
terrible job, she can not sing, he can not act, this is how it should not be done, the wait was
not worth it, I am dissatisfied, the director tried too hard, he tried too much, they tried to
do too much, it tries too hard, the actors overdid it, it is trying too hard to be funny, too
much of everything, it was all too much, he talks too much, it costs too much, it takes too
long, it went on for too long, it drags on forever, it never ends, nobody cares, who cares,
there is no point, there is nothing to see here, it leaves a bad taste, I threw it away, I sent
it back, I had to return it, they lied to us, they overcharged me, someone stole my bag, my
phone was stolen, she died, we missed our flight""")

# Adverbs that carry a bad (or good) sound and yet only strengthen: "disgustingly good".
STRENGTHENING = words("""
disgustingly, terribly, awfully, insanely, ridiculously, frighteningly, wickedly, stupidly,
painfully, incredibly, amazingly, unbelievably, crazy, dangerously, shockingly, wonderfully,
perfectly, impressively, outrageously, absurdly, beautifully, fantastically""")
CLEARLY_GOOD = words("""
good, great, beautiful, funny, delicious, clever, talented, nice, cute, entertaining, catchy,
addictive, tasty, amazing, pretty, fun, well made, gorgeous""")
CLEARLY_BAD = words("""
bad, boring, slow, ugly, stupid, awful, dull, wrong, rude, poor, expensive, weak, terrible,
annoying, long, dirty, silly, horrible""")

GOOD_VERBS = words("love, like, enjoy, adore, recommend, appreciate, admire, cherish")
BAD_VERBS = words("hate, dislike, regret, despise, loathe, detest, resent")
GOOD_VERBS_PAST = words("loved, liked, enjoyed, adored, appreciated, admired")
BAD_VERBS_PAST = words("hated, disliked, regretted, despised, loathed, detested")
NEGATED = words("""
was not, wasn't, isn't, is not, was hardly, is never, was never, was far from, did not seem,
doesn't feel, is by no means""")

FILLERS = {
    "very": words("""
very, really, so, truly, extremely, absolutely, quite, just, simply, rather, totally,
incredibly, pretty, always, completely, surprisingly"""),
    "opening": words("""
honestly, to be honest, in my opinion, I think, I must say, I have to say that, overall, all in
all, as always, frankly, well, I thought, wow, you know"""),
    "closing": words("""
today, yesterday, last night, this time, for me, in the end, again, from start to finish, if you
ask me, to be honest, last week, when we were there, overall"""),
    "person": words("I, we, they, my friends, everyone, she, he, my sister, my parents, the kids"),
    "pronoun": words("it, this, that, everything, the whole thing, all of it"),
}
# What happens to people: no word of judgement, and yet everybody knows whether it is good.
GOOD_EVENTS = words("""
they replaced it at once, the manager gave us a free dessert, we got an upgrade, he carried our
bags, they answered within minutes, the price was lower than elsewhere, I saved a lot of money,
I finished the book in one night, I read it twice, I bought a second one for my mother, my son
plays with it every day, the kids did not want to leave, we stayed longer than planned, the
audience gave a standing ovation, the doctor took time to listen, she explained everything
clearly, he remembered my name, they welcomed us with a smile, the pain is gone, my skin feels
soft, my headache went away, the baby slept through the night, I feel safe here, I got a raise,
we found our keys, the sun was shining, we danced until midnight, I could hardly stop laughing,
the installation took two minutes, the battery lasts two days, the picture is sharp, the sound
is clear, it still works after ten years, it fits like a glove, it survived the fall, the engine
starts at once, she made me laugh, he helped my grandmother, the neighbours brought us cake, my
team won the cup, I learned a lot, my English got better, the course opened doors for me, it is
easy to read, fun to play with, the cake was gone in a minute, we asked for more, we ordered it
again, the portions were large, I licked the plate, the bed was soft, it smelled of flowers, the
view over the sea, you can hear the birds, close to everything, they kept their word, they
refunded me right away, no waiting at all, the line moved fast, it was free of charge, my wife
cried with happiness, our wedding was a dream, the film ends well, the actors shine, the songs
stay in my head, worth seeing twice, I always come back to it, my favorite place, my favorite
book, my favourite song, a classic, she recovered quickly, he survived, peace at last, they made
up, we became friends, he proposed to me, she said yes""")
BAD_EVENTS = words("""
they refused to replace it, the manager shouted at us, they lost our reservation, he dropped our
bags, they took weeks to answer, the price was higher than elsewhere, I lost a lot of money,
hidden fees everywhere, I gave up after ten pages, I stopped reading, I sold it after a week, my
son cried, it fell apart, it fell off the wall, the kids wanted to leave, we left after ten
minutes, half of the audience left, the audience booed, the doctor did not listen, she explained
nothing, he forgot my name, they sent us away, they laughed at us, the pain got worse, my skin
itches, I got a headache, it gave me a stomach ache, the baby cried all night, I lost my keys,
it rained all day, we got stuck in traffic, we got lost, I could hardly keep my eyes open, the
installation took hours, the battery lasts an hour, the picture is blurred, the sound crackles,
parts were missing, it broke after a month, it does not fit, it did not survive the fall, the
engine will not start, it leaks, she made me cry, he insulted my grandmother, the neighbours
complained, my team lost the cup, he cheated on her, I learned nothing, my questions were
ignored, the course was a rip off, it is hard to read, full of ads, full of spam, nobody ate the
cake, we left the plates full, we never ordered it again, the portions were tiny, I got food
poisoning, the bed was hard, it smelled of smoke, the view of a wall, you can hear the
neighbours, far from everything, they broke their word, they kept my money, they want even more
money, we stood in line for hours, they blamed us, my wife was in tears, our wedding was ruined,
the film has no end, the actors mumble, there was hair in my food, not even worth a look, I will
never touch it again, a rude answer, a broken window, a cheap copy, a bad remake, she fell ill,
he was injured, war again, they had a fight, we broke up, he left me, she screamed at the
children, the door was locked, they deleted my account, my files are gone, it froze again, error
after error, it is a mess, they hung up, they never called back, still no reply, I am still
waiting, nobody did anything, cockroaches in the kitchen""")

# Wordings that turn on the place of one good or bad word: {g} and {b} stand for those.
POSITIVE_TURNS = words("""
never had such a {g} {t}, I have never seen such a {g} {t}, the best {t} ever, the best {t} I
have ever had, one of the best {t}s in years, the best {t} I know, nothing I would change about
the {t}, I would not change a thing, no reason to be {b}, I have no reason to be {b}, I do not
think it is {b}, I don't think the {t} is {b}, I would not call it {b}, the {t} never fails to
impress, never fails to make me smile, everything about the {t} was {g}, everything about this
{t} is {g}, I can't stop talking about this {t}, I can't get enough of it, nobody could call
this {t} {b}, there was nothing {b} about it, the {t} is far from {b}, it could not be more {g},
I expected a {b} {t} but it was {g}, I thought it would be {b} but it turned out {g}, anything
but {b}, the {t} works without problems, the {t} works again, the {t} just works, so {g} that we
stayed for hours, so {g} that I bought two, I would gladly come again, I would buy the {t}
again, we had a blast, you have to try the {t}, the {t} is not only {g} but also cheap, more {g}
than I expected, less {b} than I feared, a {g} {t} without any flaws, the {t} saved our day, who
would not love this {t}, I am a happy customer, I have waited for this {t} all my life, I have
been waiting for such a {t} for years, I don't hate it, I hope you like it, we are happy to show
you the {t}, finally a {g} {t}, the {t} is never {b}, he did not fail, it is impossible not to
like this {t}, I can only recommend this {t}, the {t} was not {b} but {g}, if you like {t}s you
will love this one, the {t} went very well, my {t} is safe and healthy again""")
NEGATIVE_TURNS = words("""
never had such a {b} {t}, I have never seen such a {b} {t}, the worst {t} ever, the worst {t} I
have ever had, one of the worst {t}s in years, the worst {t} I know, there is a lot I would
change about the {t}, nothing special, no reason to be {g}, I have no reason to be {g}, I do not
think it is {g}, I don't think the {t} is {g}, I would not call it {g}, the {t} never works, the
{t} fails to impress, everything about the {t} was {b}, everything about this {t} is {b}, I
can't stand this {t}, I have had enough of it, nobody could call this {t} {g}, there was nothing
{g} about it, the {t} is far from {g}, it could not be more {b}, I expected a {g} {t} but it was
{b}, I thought it would be {g} but it turned out {b}, anything but {g}, the {t} does not work,
the {t} did not work, the {t} stopped working, so {b} that we left early, so {b} that I sent it
back, I would not come here again, I would not go there again, I would not eat here again, I
would not buy the {t} again, I would never stay here again, never again, we had a bad time, meh,
do not try the {t}, the {t} is not only {b} but also expensive, more {b} than I feared, less {g}
than I expected, a {b} {t} without any charm, the {t} spoiled our day, who would like this {t},
I am an unhappy customer, it could have been better, the {t} could have been so much better, it
should have been better, the {t} could be better, an hour of my life that I never get back, I
want those hours of my life back, I do not love it, I wanted to like the {t}, I hoped for more,
not what I expected, the {t} was nothing special, he failed us, it is impossible to like this
{t}, I can not recommend this {t}, the {t} was not {g} but {b}, the {t} was not hot, if you like
{t}s you will hate this one, the {t} went very badly, the {t} dies quickly, the {t} died after a
week, the {t} keeps failing, the {t} crashes all the time, there are bugs in the {t}, there was
a fly in the {t}, we froze all night, we waited for the {t} for hours, nobody told us that the
{t} was closed, mediocre at best, my {t} got lost, my {t} was damaged, they lost my {t}, nobody
helped us, it makes no sense, I give up""")


class Generator:
    """Draws labelled sentences; one source of randomness, so that runs repeat."""

    def __init__(self, seed: int) -> None:
        self.rng = random.Random(seed)
        self.good, self.bad = _valence_adjectives()
        self.good_nouns, self.bad_nouns = _valence_nouns()

    def clause(self, label: int) -> str:
        """One clause of the polarity asked for."""
        patterns = (
            [self._plain] * 6
            + [
                self._verb,
                self._exclaimed,
                self._negated,
                self._strengthened,
                self._phrase,
                self._turn,
                self._event,
            ]
            * 2
            + [self._lexical] * 3
            + [self._too, self._noun]
        )
        return self.rng.choice(patterns)(label)

    def sentence(self, label: int) -> str:
        """A clause, or several with one outcome, with varied casing and punctuation."""
        draw = self.rng.random()
        if draw < 0.62:
            text = self.clause(label)
        elif draw < 0.80:
            text = self._contrast(label)
        else:
            joint = self.rng.choice([" and ", ". ", ", ", "! ", ". Also, ", " and also "])
            text = self.clause(label) + joint + self.clause(label)
        if self.rng.random() < 0.15:
            text = f"{self._word('opening')}, {text}"
        if self.rng.random() < 0.10:
            text = f"{text} {self._word('closing')}"
        end = self.rng.choice(["", "", ".", ".", ".", "!", " !", "!!", "...", " ."])
        return sentence_case(" ".join(text.split())) + end

    def _word(self, slot: str) -> str:
        return self.rng.choice(FILLERS[slot])

    def _domain(self, label: int) -> tuple[str, str]:
        things, bad, good = self.rng.choice(DOMAINS)
        return self.rng.choice(things), self.rng.choice(good if label else bad)

    def _is(self, thing: str) -> str:
        subject = self.rng.choice(["the", "the", "the", "this", "my", "our", "their", "that"])
        verb = self.rng.choice(["was", "was", "was", "is", "is", "seems", "looked", "felt"])
        return f"{subject} {thing} {verb}"

    def _plain(self, label: int) -> str:
        thing, judgement = self._domain(label)
        subject = self._is(thing)
        if judgement.split()[0] in ("a", "the", "not", "too", "far"):
            return f"{subject} {judgement}"
        return f"{subject} {self._word('very')} {judgement}"

    def _verb(self, label: int) -> str:
        thing, _ = self._domain(label)
        positive = bool(label) != (flip := self.rng.random() < 0.3)
        slots: dict[str, Sequence[str]] = {
            **FILLERS,
            "thing": [f"the {thing}", f"this {thing}", "it", f"every minute of the {thing}"],
            "now": GOOD_VERBS if positive else BAD_VERBS,
            "past": GOOD_VERBS_PAST if positive else BAD_VERBS_PAST,
            "not": words("do not, don't, can't say I, never, would not, didn't, did not really"),
        }
        if flip:
            return fill("I {not} {now} {thing}", slots, self.rng)
        return fill(
            self.rng.choice(
                ["{person} {past} {thing}", "I {now} {thing}", "I really {past} {thing}"]
            ),
            slots,
            self.rng,
        )

    def _exclaimed(self, label: int) -> str:
        thing, _ = self._domain(label)
        word = self.rng.choice(self.good if label else self.bad)
        article = "an" if word[0] in "aeiou" else "a"
        frames = ["what {a} {w} {t}", "such {a} {w} {t}", "it was {a} {w} {t}", "{a} {w} {t}",
                  "we had {a} {w} {t}", "{a} really {w} {t}", "this is {a} {w} {t}"]  # fmt: skip
        return self.rng.choice(frames).format(a=article, w=word, t=thing)

    def _negated(self, label: int) -> str:
        """Negation turns the polarity: "not good", "not bad at all"."""
        thing, _ = self._domain(label)
        word = self.rng.choice(CLEARLY_BAD if label else CLEARLY_GOOD)
        if self.rng.random() < 0.3:
            word = self.rng.choice(self.bad if label else self.good)
        very = self.rng.choice(["", "", "that ", "very ", "really ", "so ", "at all "])
        tail = self.rng.choice(["", "", " at all"])
        return f"the {thing} {self.rng.choice(NEGATED)} {very}{word}{tail}"

    def _strengthened(self, label: int) -> str:
        thing, _ = self._domain(label)
        word = self.rng.choice(CLEARLY_GOOD if label else CLEARLY_BAD)
        adverb = self.rng.choice(STRENGTHENING)
        return f"{self._is(self.rng.choice([thing, thing, 'thing']))} {adverb} {word}"

    def _phrase(self, label: int) -> str:
        phrase = self.rng.choice(POSITIVE_PHRASES if label else NEGATIVE_PHRASES)
        if self.rng.random() < 0.3:
            for verb in ("do", "does", "did", "could", "would", "was"):
                phrase = phrase.replace(f"{verb} not ", f"{verb}n't ")
            phrase = phrase.replace("can not", "can't")
        return phrase

    def _event(self, label: int) -> str:
        return self.rng.choice(GOOD_EVENTS if label else BAD_EVENTS)

    def _turn(self, label: int) -> str:
        turn = self.rng.choice(POSITIVE_TURNS if label else NEGATIVE_TURNS)
        good = self.good if self.rng.random() < 0.4 else CLEARLY_GOOD
        bad = self.bad if self.rng.random() < 0.4 else CLEARLY_BAD
        thing, _ = self._domain(label)
        return turn.format(g=self.rng.choice(good), b=self.rng.choice(bad), t=thing)

    def _lexical(self, label: int) -> str:
        word = self.rng.choice(self.good if label else self.bad)
        thing, _ = self._domain(label)
        frames = [word, f"{self._is(thing)} {word}", f"it is {self._word('very')} {word}",
                  f"{self._word('pronoun')} was {self._word('very')} {word}",
                  f"I felt {word}", f"how {word}", f"you are {word}", f"he is so {word}",
                  f"{self._is(thing)} {self._word('very')} {word}"]  # fmt: skip
        return self.rng.choice(frames)

    def _noun(self, label: int) -> str:
        word = self.rng.choice(self.good_nouns if label else self.bad_nouns)
        frames = ["nothing but {}", "it was full of {}", "pure {}", "what {}", "so much {}", "it is {}",
                  "it brought us {}", "there was {} everywhere", "{}"]  # fmt: skip
        return self.rng.choice(frames).format(word)

    def _too(self, label: int) -> str:
        """ "Too" and "enough" judge by themselves: too loud, good enough."""
        thing, _ = self._domain(label)
        if label:
            good = self.rng.choice(CLEARLY_GOOD)
            return self.rng.choice([f"the {thing} was more than {good} enough for us",
                                    f"no {thing} was ever as {good} as this one",
                                    f"you will not find a more {good} {thing}",
                                    f"the {thing} was {good} as always"])  # fmt: skip
        much = self.rng.choice(
            words("much, long, loud, short, big, small, hard, slow, expensive, many")
        )
        return self.rng.choice([f"the {thing} was too {much}", f"way too {much}", f"far too {much}",
                                f"the {thing} tried too much", f"too {much} for me",
                                f"there was not enough {thing}"])  # fmt: skip

    def _contrast(self, label: int) -> str:
        """Two clauses that disagree: the main clause, or the one after "but", decides."""
        other, main = self.clause(1 - label), self.clause(label)
        frames = ["{other} but {main}", "{other}, but {main}", "although {other}, {main}",
                  "even though {other}, {main}", "{main}, although {other}", "{other}. However, {main}",
                  "{other}, yet {main}"]  # fmt: skip
        return self.rng.choice(frames).format(other=other, main=main)


def _valence_adjectives() -> tuple[list[str], list[str]]:
    known = adjectives()
    rated = {w: v for w, v in valence_lexicon().items() if w in known}
    return [w for w, v in rated.items() if v > 1.0], [w for w, v in rated.items() if v < -1.0]


def _valence_nouns() -> tuple[list[str], list[str]]:
    known = nouns() - adjectives()
    rated = {w: v for w, v in valence_lexicon().items() if w in known}
    return [w for w, v in rated.items() if v > 1.4], [w for w, v in rated.items() if v < -1.4]


def weak_examples() -> list[Example]:
    """WordNet texts that VADER rates clearly: less sure, but of natural wording."""
    from vaderSentiment.vaderSentiment import SentimentIntensityAnalyzer

    rate = SentimentIntensityAnalyzer().polarity_scores
    definitions = (s.definition for s in wordnet() if len(s.definition.split()) <= 16)
    found = [
        (text, rate(text)["compound"], least)
        for texts, least in ((wordnet_sentences(), 0.35), (definitions, 0.55))
        for text in texts
    ]
    return [(text, POSITIVE if s > 0 else NEGATIVE) for text, s, least in found if abs(s) > least]


def lexicon_examples() -> list[Example]:
    """Every word of the lexicon that leans clearly to one side, on its own."""
    rated = valence_lexicon().items()
    return [(word, POSITIVE if v > 0 else NEGATIVE) for word, v in rated if abs(v) >= 0.9]


def sentiment_examples(count: int, seed: int) -> list[Example]:
    """Generated sentences, half of each label."""
    generator = Generator(seed)
    return [(generator.sentence(i % 2), i % 2) for i in range(count)]
