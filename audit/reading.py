"""Reading: a prompt's messages as the one text that a model is given."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from audit.records import Answer, Prompt


def plain_text(prompt: Prompt) -> str:
    """The messages one below the other, for models that know no conversation."""
    return "\n\n".join(message.text for message in prompt.messages)


@dataclass(frozen=True, kw_only=True, slots=True)
class Reading:
    """How a causal language model reads: through its chat template or plainly, after a system prompt or none."""

    chat: bool
    system: str = ""

    def text(self, prompt: Prompt, tokenizer: Any) -> str | Answer:
        """The prompt as one text; a failed record where the chat template refuses it or leaves out a part.

        A bare text is what a user says. The system prompt goes before the prompt's own, in one message with it. A
        conversation that ends with the assistant is continued there; every other one ends where the assistant begins.
        """
        if not self.chat:
            return "\n\n".join(part for part in (self.system, plain_text(prompt)) if part)
        turns = self._turns(prompt)
        goes_on = turns[-1]["role"] == "assistant"
        try:
            found: str = tokenizer.apply_chat_template(
                turns, tokenize=False, add_generation_prompt=not goes_on, continue_final_message=goes_on
            )
        except Exception as error:
            reason = (str(error).strip() or type(error).__name__).splitlines()[0]
            return Answer(error=f"the chat template refuses the prompt: {reason}")
        lost = [turn["role"] for turn in turns if _is_given(turn) and turn["content"].strip() not in found]
        return Answer(error=f"the chat template leaves out the {lost[0]} message") if lost else found

    def _turns(self, prompt: Prompt) -> list[dict[str, str]]:
        turns = [{"role": "user" if m.role == "text" else m.role, "content": m.text} for m in prompt.messages]
        if not self.system:
            return turns
        if turns[0]["role"] == "system":
            joined = f"{self.system}\n\n{turns[0]['content']}"
            return [{"role": "system", "content": joined}, *turns[1:]]
        return [{"role": "system", "content": self.system}, *turns]


def _is_given(turn: dict[str, str]) -> bool:
    """Whether a template has to show the message as it is; of earlier answers some leave out the thoughts."""
    return turn["role"] in ("system", "user")


def followed(text: str, option: str) -> str:
    """The option after the text, with no second space between them."""
    return text + (option.lstrip(" ") if text[-1:].isspace() else option)
