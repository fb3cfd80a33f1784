"""In which words is a person asked, so that they know what they sign?

The words are made from the fields and stand in the statement itself: whoever signs has signed these words, and a
statement whose words say something else than its fields is refused.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Literal

from handstyle.collection.holders import BASES, IDENTITIES, ROLES, Holder
from handstyle.collection.scope import ANY_BASE, EVERYWHERE, Scope
from handstyle.records import Record


class Answer(Record):
    use: str
    answer: Literal["Yes", "No"]
    more: str = ""


class Passage(Record):
    heading: str
    lines: tuple[str, ...] = ()
    answers: tuple[Answer, ...] = ()


def words_of(
    *,
    works: Sequence[tuple[str, str]],
    keeper: str,
    contact: str,
    author: str,
    also_named: Sequence[str],
    holders: Sequence[Holder],
    scope: Scope,
    documents: Sequence[tuple[str, str]],
    decoder: tuple[str, str],
    drafted: date,
    nonce: str | None = None,
) -> tuple[Passage, ...]:
    number = "1 work" if len(works) == 1 else f"{len(works)} works"
    return (
        Passage(
            heading=f"Permission to train a drawing model on {number} by {author}",
            lines=(
                f"{keeper} asks to teach a computer model to draw, using {number} by {author}. A model taught with "
                "them can make new pictures in a hand that resembles theirs. To teach it is also to let it make some, "
                "so as to see what it learnt and to look for copies.",
                "Those who sign permit what is answered with Yes below, and nothing else. What is not named is not "
                "permitted. Nobody has to agree, and every answer can still be changed before it is signed.",
                *([f"{author} is also known as {_and(also_named)}."] if also_named else []),
                f"{keeper} answers for what is done, at: {contact}. Written on {_day(drafted)}.",
            ),
        ),
        _who_agrees(holders),
        Passage(
            heading="What may be done",
            answers=(*_training(scope), *_giving(scope), *_naming(scope, author, also_named), _despite(scope)),
        ),
        Passage(heading="Where and how long", lines=(_where(scope), _when(scope), _taken_back(len(holders)))),
        _limits(),
        *_documents(documents),
        _public(author),
        _works(works, decoder),
        *_chance(nonce),
    )


def _who_agrees(holders: Sequence[Holder]) -> Passage:
    lines = []
    for holder in holders:
        roles = ", and ".join(ROLES[role] for role in holder.roles)
        key = f"signs with the key {holder.fingerprint}" if holder.key else "has not named a key yet"
        lines.append(f"{holder.name} {roles}: {BASES[holder.basis]}. Identified {IDENTITIES[holder.identity]}; {key}.")
        lines += [f"Where a file names {name} as the owner of its copyright, {holder.name} is meant."
                  for name in holder.also_named]  # fmt: skip
    everybody = "All of them must sign. While one signature is missing, nothing is permitted."
    return Passage(heading="Who has to agree", lines=(*lines, everybody) if len(holders) > 1 else tuple(lines))


def _training(scope: Scope) -> tuple[Answer, ...]:
    return (
        _answer(
            "Train a small addition to an existing drawing model (called LoRA)", "lora" in scope.methods, _on(scope)
        ),
        _answer("Train an existing drawing model as a whole (full finetuning)", "full" in scope.methods, _on(scope)),
    )


def _on(scope: Scope) -> str:
    if not scope.bases:
        return ""
    if scope.bases == (ANY_BASE,):
        return "On any existing model."
    return f"Only on: {', '.join(_base(base) for base in scope.bases)}."


def _base(base: str) -> str:
    return f"the model with the digest {base}" if base.startswith("sha256:") else f"models of the family {base}"


def _giving(scope: Scope) -> tuple[Answer, ...]:
    named = scope.distribution == "named"
    return (
        _answer(
            "Give the trained model to particular people",
            scope.distribution != "private",
            f"Only to: {', '.join(scope.recipients)}." if named else "",
        ),
        _answer("Publish the trained model, so that anybody can use it", scope.distribution == "public"),
        _answer("Earn money with the model or with pictures made with it", scope.commercial),
        _answer("Show the works themselves beside the model, in its report and on its page", scope.show_works),
        _answer("Make further models from the trained one", scope.derivatives),
    )


def _naming(scope: Scope, author: str, also_named: Sequence[str]) -> tuple[Answer, ...]:
    name = f"the name {author}" + (" or another of these names" if also_named else "")
    return (
        _answer(f"Use {name} in the title of the model", scope.name.in_title),
        _answer(f"Use {name} as the word that makes the model draw in this hand", scope.name.as_trigger),
        _answer(f"Use {name} to advertise the model", scope.name.in_marketing),
    )


def _and(names: Sequence[str]) -> str:
    return " and ".join(names)


def _despite(scope: Scope) -> Answer:
    return _answer(
        "Use the works although their files, or notes beside them, say that they may not be used to train (metadata, "
        "content credentials, noai notes, a style cloak)",
        scope.despite_reservations,
        "This yes counts before what stands there.",
    )


def _where(scope: Scope) -> str:
    if scope.territory == (EVERYWHERE,):
        return "This holds in every country."
    if not scope.territory:
        return "No country is named in which this would hold."
    return f"This holds only in these countries, by their two letters: {', '.join(scope.territory)}."


def _when(scope: Scope) -> str:
    if scope.valid_until is None:
        return f"It begins on {_day(scope.valid_from)} and has no last day."
    return f"It begins on {_day(scope.valid_from)} and ends with {_day(scope.valid_until)}. After that, it is a no."


def _taken_back(number: int) -> str:
    who = "Whoever signs this" if number == 1 else "Each of those who sign this"
    return (
        f"{who} can take it back at any time and without a reason, for all of the works or for some. From then on "
        "nothing more is trained, drawn or published with them. What others hold already cannot be called back."
    )


def _public(author: str) -> Passage:
    return Passage(
        heading="What others will see",
        lines=(
            "Whoever receives a model trained under this also receives this text as it was signed: the names of all "
            "who had to agree, their keys, the contact above and every answer. Where a model is published, all of it "
            "is public, and cannot be called back.",
            f"Beside the model it is said that the works are by {author} and on what permission it stands. That is no "
            "advertisement, and it is said whatever is answered about the use of the name.",
        ),
    )


def _limits() -> Passage:
    return Passage(
        heading="What no program can know",
        lines=(
            "Who really held the key, or the pen, when this was signed.",
            "Who truly owns a right. This only says what the people above say.",
            "Whether something else was also trained on these works, by anybody.",
            "Whether every copy of a model is gone, once one has left the house.",
            "In which country, or for whose profit, somebody uses a model in the end.",
            "That a model never draws something very close to one of the works. This is tested before a model is given "
            "away, and a test finds only what it looks at.",
        ),
    )


def _documents(documents: Sequence[tuple[str, str]]) -> tuple[Passage, ...]:
    if not documents:
        return ()
    return (
        Passage(
            heading="Documents this refers to",
            lines=tuple(f"{says}; its digest is {sha256}" for says, sha256 in documents),
        ),
    )


def _works(works: Sequence[tuple[str, str]], decoder: tuple[str, str]) -> Passage:
    pillow, colour = decoder
    page = "white" if colour == "#ffffff" else f"the colour {colour}"
    return Passage(
        heading="The works",
        lines=(
            "Each work is named by two long numbers: one computed from its file, one from its picture. The same file "
            "is meant, and so is the same picture stored in another file without any loss. A copy that was resized, "
            "retouched or saved with loss is another picture, and not permitted by this.",
            *(f"Work {place}: file {file}, picture {pixels}" for place, (file, pixels) in enumerate(works, 1)),
            f"The numbers of the pictures were computed with Pillow {pillow}, what is transparent on {page}.",
        ),
    )


def _chance(nonce: str | None) -> tuple[Passage, ...]:
    if nonce is None:
        return ()
    return (
        Passage(
            heading="A number drawn by chance",
            lines=(
                "When a model is tested for copies, some of the works are left out of a training to compare with. This "
                "number, which was drawn by chance before anybody signed, has its part in choosing them, so that "
                f"whoever trains cannot: {nonce}.",
            ),
        ),
    )


def _answer(use: str, yes: bool, more: str = "") -> Answer:
    return Answer(use=use, answer="Yes" if yes else "No", more=more if yes else "")


def _day(day: date) -> str:
    months = "January February March April May June July August September October November December".split()
    return f"{day.day} {months[day.month - 1]} {day.year}"
