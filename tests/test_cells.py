"""Cells of prompts."""

from __future__ import annotations

import pandas as pd
from filled_prompts import PERSONS, filled, prompt_row

from audit.cells import cell_of, prompt_of
from audit.records import PROMPTS, Span

TEXT = "{name} works as {a_occupation} here. {They} need{s} a desk."


def rows(**texts: str) -> pd.DataFrame:
    return PROMPTS.frame(
        prompt_row(prompt, template="t", name="0", group=group, repeats=3)
        for group, words in PERSONS.items()
        for prompt in [filled(texts.get(group.replace("-", "_"), TEXT), **words, a_occupation="a nurse")]
    )


def test_a_cell_has_one_set_of_players_for_all_its_prompts() -> None:
    table = rows()
    cell = cell_of(table, limit=12, fixed="")
    assert not cell.problem
    assert [player.slot for player in cell.removal] == ["group", "", "occupation", "", "", ""]
    assert cell.context == tuple(player for player in cell.removal if player.kind != "group")
    assert {len(pieces) for pieces in cell.pieces.values()} == {10}
    assert (cell.place["template"], cell.place["repeats"]) == ("t", 3)
    prompt, pieces = cell.marked(str(table["prompt_id"][0]))
    assert prompt.messages[0].text[: pieces[0].end] == "Greg Hall"


def test_the_limit_holds_for_all_players_and_the_context_is_what_is_around_the_group() -> None:
    cell = cell_of(rows(), limit=4, fixed="")
    assert len(cell.removal) == 4
    assert cell.context == tuple(player for player in cell.removal if player.kind != "group")


def test_the_question_is_no_player() -> None:
    asked = {group: TEXT + "\n\nIs {name} good?" for group in ("men", "non_binary", "women")}
    cell = cell_of(rows(**asked), limit=12, fixed="Is $name good?")
    assert len(cell.removal) == 6
    assert len(cell.removal[0].members) == 4


def test_prompts_that_differ_outside_their_slots_are_a_problem_and_no_error() -> None:
    cell = cell_of(rows(women=TEXT.replace("here", "there")), limit=12, fixed="")
    assert (
        cell.problem
        == "the prompts differ outside their slots, so their words cannot be set against each other"
    )
    assert cell.removal == cell.context == ()


def test_a_prompt_is_read_from_its_columns_with_its_slots_in_order() -> None:
    prompt = prompt_of('[["system", "Hi"], ["user", "Ann is ä"]]', '[[1, 7, 8, "x"], [1, 0, 3, "name"]]')
    assert [message.role for message in prompt.messages] == ["system", "user"]
    assert prompt.spans == (Span(part=1, start=0, end=3, slot="name"), Span(part=1, start=7, end=8, slot="x"))
