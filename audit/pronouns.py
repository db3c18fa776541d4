"""English pronouns with two readings, told apart by context: "her" (saw her, her car) and "his" (his car, is his)."""

from __future__ import annotations

from audit.english import Words, words
from audit.moments import OBJECT, OWNED, OWNER, Guess, read_her_and_time

DETERMINERS = frozenset({"his", "her", "my", "our", "your", "their"})


_COMPARED = frozenset({("more", "than"), ("less", "than"), ("next", "to"), ("better", "than")})


def read_her(text: Words, i: int) -> Guess:
    """What the "her" at word i is: object or possessive determiner."""
    following = text.after(i)
    if not following:
        return _before_a_break(text, i)
    if text.low[i + 1] in ("and", "or"):
        return _joined(text, i)
    if text.is_compound(i + 1) and not text.low[i + 2][0].isdigit() and text.low[i + 2] != "time":
        doubtful = text.before(i) in words("complements") | words("two_objects")
        return Guess(
            form=OWNER,
            reason=f"'{text.before(i)} her {following}-' can be read in two ways" if doubtful else "",
        )
    if following == "own":
        return Guess(form=OWNER)
    timed = read_her_and_time(text, i)
    if timed is not None:
        return timed
    if following in words("either_way") or following[0].isdigit():
        return _before_either(text, i)
    if following in words("never_noun"):
        return Guess(form=OBJECT)
    if following.endswith("ly") and following not in words("ly_nouns"):
        return _before_adverb(text, i)
    return _before_content(text, i)


def _shares_a_noun(text: Words, i: int) -> bool:
    """Whether a comma and another determiner follow: her, his and my parents."""
    return text.gap(i).strip() == "," and i + 1 < len(text.low) and text.low[i + 1] in DETERMINERS


def read_his(text: Words, i: int) -> Guess:
    """What the "his" at word i is: possessive determiner or pronoun."""
    following = text.after(i)
    if not following:
        if text.opens(i):
            return Guess(
                form=OWNER, reason="" if '"' in text.gap(i) or "“" in text.gap(i) else "before a bracket"
            )
        return (
            Guess(form=OWNED)
            if text.closes(i)
            else Guess(form=OWNER, reason=f"before {text.gap(i).strip()!r}")
        )
    if text.is_compound(i + 1):
        return Guess(form=OWNER)
    if following in ("and", "or") and text.after(i, 2) in DETERMINERS and _is_content(text.after(i, 3)):
        return Guess(form=OWNER)
    if following in words("either_way"):
        sure = _is_content(text.after(i, 2)) and following not in words("modals")
        return Guess(
            form=OWNER, reason="" if sure or following in ("own", "best") else f"before '{following}'"
        )
    if following in words("never_noun"):
        return Guess(form=OWNED)
    if text.before(i) == "of" and text.before(i, 2) in words("owned"):
        return Guess(form=OWNER, reason=f"'{text.before(i, 2)} of his {following}' can be read in two ways")
    return Guess(form=OWNER)


def _before_a_break(text: Words, i: int) -> Guess:
    if _shares_a_noun(text, i):
        return Guess(form=OBJECT, reason=f"before ', {text.low[i + 1]}'")
    if text.closes(i):
        return Guess(form=OBJECT)
    if text.opens(i):
        before = text.before(i)
        sure = before in words("prepositions") or before in words("openers")
        return Guess(form=OWNER, reason="" if sure else "before a quotation or a bracket")
    return Guess(form=OWNER, reason=f"before {text.gap(i).strip()[:3]!r}")


def _joined(text: Words, i: int) -> Guess:
    """her and …: an object, unless two determiners share a noun (her and his parents)."""
    other, noun = text.after(i, 2), text.after(i, 3)
    if other in DETERMINERS - {"her"} and _is_content(noun):
        return Guess(form=OBJECT, reason=f"'her {text.low[i + 1]} {other} {noun}' can be read in two ways")
    return Guess(form=OBJECT)


def _before_either(text: Words, i: int) -> Guess:
    """her back, her home, her first: a noun phrase, or an object with an adverb or a second object after it."""
    before, word, rest = text.before(i), text.low[i + 1], text.after(i, 2)
    opens = before in words("prepositions") or before in words("openers") or not before
    if (word, rest) in _COMPARED or (word == "like" and not opens):
        return Guess(form=OBJECT)
    if word in words("with_adverbs"):
        return _with_adverb(before, word, rest, text.closes(i + 1))
    if opens and _is_content(rest) and word not in words("modals") | words("rarely_owned"):
        return Guess(form=OWNER)
    if word in words("ranks") and _is_content(rest):
        doubtful = before in words("two_objects")
        return Guess(form=OWNER, reason=f"'{before} her {word} {rest}'" if doubtful else "")
    if text.closes(i + 1) and word in words("closing_adverbs"):
        return Guess(form=OBJECT)
    if word == "every" and rest in words("times"):
        return Guess(form=OBJECT)
    owned = _is_content(rest) and before not in words("mostly_given")
    return Guess(form=OWNER if owned else OBJECT, reason=f"before '{word}'")


def _with_adverb(before: str, word: str, rest: str, closes: bool) -> Guess:
    ends = closes or rest in words("never_noun")
    if before in words("with_adverb") and ends:
        return Guess(form=OBJECT)
    if not before or before in words("prepositions") or before in words("openers"):
        return Guess(form=OWNER, reason="" if word in ("back", "home") or not ends else f"before '{word}'")
    guess = OBJECT if ends or before in words("with_adverb") else OWNER
    return Guess(form=guess, reason=f"'{before} her {word}' can be read in two ways")


def _before_adverb(text: Words, i: int) -> Guess:
    """treated her badly, her badly damaged car."""
    rest, last = text.after(i, 2), text.after(i, 3)
    if text.closes(i + 1) or rest in words("never_noun"):
        return Guess(form=OBJECT)
    if rest.endswith("ed") and _is_content(last):
        return Guess(form=OWNER)
    return Guess(form=OWNER, reason=f"before '{text.low[i + 1]} {rest}'")


def _before_content(text: Words, i: int) -> Guess:
    """A word that can be a noun follows: possessive, unless the verb before takes two objects or a complement."""
    before, word, rest = text.before(i), text.low[i + 1], text.after(i, 2)
    if (before.startswith("call") and word == "names") or _may_be_an_office(text, i):
        return Guess(form=OBJECT, reason=f"'{before} her {word}' can be read in two ways")
    if word in words("owned") and before not in words("only_bare") | words("two_objects"):
        return Guess(form=OWNER)
    if word in words("owned"):
        sure = not word.endswith("s") and word not in words("bare_verbs")
        return Guess(form=OWNER, reason="" if sure else f"'{before} her {word}' can be read in two ways")
    if before in words("naming") and word not in words("complement_adjectives"):
        return Guess(form=OWNER, reason=f"'{before} her {word}' can be read in two ways")
    if before in words("complements"):
        return _after_complement_verb(text, i)
    if before in words("two_objects"):
        return Guess(form=_with_two_objects(before), reason=f"'{before} her {word}' can be read in two ways")
    if _may_be_subject(text, i):
        return Guess(form=OBJECT, reason=f"'{before} her {word}' can be read in two ways")
    if _may_be_gerund(text, i):
        return Guess(form=OWNER, reason=f"'{before} her {word}' can be read in two ways")
    if _may_be_complement(before, word, rest, text.closes(i + 1)):
        return Guess(form=OBJECT, reason=f"'{word}' may describe her")
    return Guess(form=OWNER)


def _with_two_objects(verb: str) -> str:
    return OBJECT if verb in words("mostly_given") else OWNER


def _may_be_subject(text: Words, i: int) -> bool:
    """Whether the word after her may be the verb of what stands before: everything about her changed."""
    before, word = text.before(i), text.low[i + 1]
    if before in ("about", "but", "except") and text.before(i, 2) in words("indefinite"):
        return True
    if text.before(i, 2) in words("watching") and word in words("bare_verbs"):
        return True
    ends = text.closes(i + 1) or text.after(i, 2) in words("never_noun")
    is_verb = word.endswith("ed") or word in words("past_verbs")
    if before in ("with", "without", "despite") and ends:
        is_verb = is_verb or word in words("participles") | words("complement_adjectives")
    is_gerund = word.endswith("ing") and not text.closes(i + 1)
    return before in words("prepositions") and (is_verb or is_gerund) and (ends or is_gerund)


def _may_be_an_office(text: Words, i: int) -> bool:
    """made her partner: what she became, or whom somebody made what follows."""
    made = text.before(i) in ("make", "makes", "made", "making")
    return made and text.low[i + 1] in words("offices") and text.closes(i + 1)


def _may_be_gerund(text: Words, i: int) -> bool:
    """Whether a word in -ing after a verb and her may say what she does: filmed her dancing."""
    before, word = text.before(i), text.low[i + 1]
    if not word.endswith("ing") or word in words("ing_nouns") or not before:
        return False
    opens = before in words("openers") or before in words("prepositions")
    return not opens and (text.closes(i + 1) or text.after(i, 2) in words("never_noun"))


def _may_be_complement(before: str, word: str, rest: str, closes: bool) -> bool:
    """An adjective or a bare verb right after her, and no noun after it."""
    if not before or before in words("openers") or before in words("prepositions"):
        return False
    if word in words("bare_verbs") - words("bare_or_noun"):
        return True
    return word in words("complement_adjectives") and (closes or not _is_content(rest))


def _after_complement_verb(text: Words, i: int) -> Guess:
    """saw her leave, made her happy; but saw her car."""
    before, word, rest = text.before(i), text.low[i + 1], text.after(i, 2)
    told = f"'{before} her {word}' can be read in two ways"
    if text.raw(i + 1)[0].isupper() and not text.raw(i).isupper():
        return Guess(form=OBJECT, reason=told)
    if word in words("bare_verbs") and word not in words("bare_or_noun"):
        return Guess(form=OBJECT)
    if word in words("bare_or_noun") or word.endswith("ing"):
        return Guess(form=OBJECT, reason=told)
    if word in words("complement_adjectives"):
        if text.closes(i + 1) or rest in words("never_noun") or rest in words("prepositions"):
            return Guess(form=OBJECT)
        return Guess(form=OWNER, reason="" if _is_content(rest) else told)
    if before in words("only_bare"):
        return _after_help(word, rest, told)
    if before in words("two_objects"):
        return Guess(form=_with_two_objects(before), reason=told)
    if _is_content(rest) and not word.endswith("ed"):
        return Guess(form=OWNER)
    looks_like_noun = word.endswith(("s", "tion", "ness", "ment", "ity", "er", "or", "ship", "ance", "ence"))
    return Guess(form=OWNER, reason="" if looks_like_noun and not word.endswith("ss") else told)


def _after_help(word: str, rest: str, told: str) -> Guess:
    """helped her mother, helped her cope: a verb takes an article after it, a plural is a noun."""
    if rest in ("the", "a", "an", "this", "that", "these", "those") or rest in DETERMINERS:
        return Guess(form=OBJECT)
    if word.endswith("s") and not word.endswith(("ss", "us", "is")):
        return Guess(form=OWNER)
    return Guess(form=OBJECT, reason=told)


def _is_content(word: str) -> bool:
    """Whether a word can be part of a noun phrase."""
    return bool(word) and word not in words("never_noun") and word not in words("modals")
