"""A folder of model weights, read without loading any: its files' digests, its configuration, its tokenizer's facts."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from math import prod
from pathlib import Path
from typing import Any

from audit.catalogue import unknown
from audit.errors import InputError

REFERENCE = Path(__file__).parent / "reference"
"""Where the models that ship with the package lie, one folder each."""
WEIGHTS = "*.safetensors"
DIGESTED = (
    WEIGHTS,
    "*.safetensors.index.json",
    "config.json",
    "generation_config.json",
    "tokenizer.json",
    "tokenizer_config.json",
    "special_tokens_map.json",
    "added_tokens.json",
    "vocab.json",
    "vocab.txt",
    "merges.txt",
    "*.model",
    "chat_template.*",
)
"""Files that decide what a model answers."""
VOCABULARIES = ("tokenizer.json", "tokenizer_config.json", "vocab.*", "*.model")
"""Files of which every tokenizer has at least one."""
UNSAFE = ("pytorch_model*.bin", "*.pt", "*.pth", "*.ckpt", "*.h5", "*.msgpack")
HUB_NAME = re.compile(r"[\w.-]+(/[\w.-]+)?")


@dataclass(frozen=True, kw_only=True, slots=True)
class WeightFolder:
    """What a folder says about its model before a weight is loaded."""

    path: Path
    config: Mapping[str, Any]
    tokenizer: Mapping[str, Any]
    digests: Mapping[str, str] = field(repr=False)
    parameters: int
    mask_text: str
    """The mask token; empty if the tokenizer has none."""
    chat_template: bool
    chat_date: bool = False
    """Whether the chat template asks for the date, so that prompts read differently from day to day."""
    adapter: Path | None = None
    """Folder of an adapter that is put on the weights; its digests are among `digests`."""
    random_seed: int | None = None
    """Of random weights in place of those of the folder (and its adapter); None: the folder's own."""

    @property
    def architecture(self) -> str:
        """The class that the weights were saved from, such as `BertForSequenceClassification`; empty if unknown."""
        named = self.config.get("architectures")
        return str(next(iter(named), "")) if isinstance(named, list) else ""


def read_folder(path: Path) -> WeightFolder:
    """What lies in `path`; InputError where it is no model folder, or its weights are not safetensors."""
    config = read_json(path / "config.json", "is a model folder only with a config.json")
    weights = sorted(path.glob(WEIGHTS))
    if not weights:
        raise InputError(_no_weights(path))
    vocabulary = read_json(path / "tokenizer.json", "") if (path / "tokenizer.json").is_file() else {}
    settings_file = path / "tokenizer_config.json"
    tokenizer = read_json(settings_file, "") if settings_file.is_file() else {}
    special_file = path / "special_tokens_map.json"
    special = read_json(special_file, "") if special_file.is_file() else {}
    if (path / "generation_config.json").is_file():
        read_json(path / "generation_config.json", "")  # the library would go on without a damaged one
    if not any(file for pattern in VOCABULARIES for file in path.glob(pattern)):
        raise InputError(
            f"{path} holds no tokenizer: save it there with the save_pretrained of the tokenizer"
        )
    return WeightFolder(
        path=path,
        config=config,
        tokenizer=tokenizer,
        digests={file.name: digest(file) for file in _digested(path)},
        parameters=sum(parameters(file) for file in weights),
        mask_text=_mask(tokenizer, special, vocabulary),
        chat_template=bool(tokenizer.get("chat_template")) or any(path.glob("chat_template.*")),
        chat_date=_asks_for_date(path, tokenizer),
    )


def is_quantised(weights: WeightFolder) -> bool:
    """Whether the numbers of the folder are packed, and not the weights themselves."""
    return bool(weights.config.get("quantization_config"))


def locate(
    name: str, *, revision: str = "", beside: Path = Path(), files: tuple[str, ...] = DIGESTED
) -> tuple[Path, str]:
    """The folder of a model and its revision: a folder on this machine, else a download from the hub (or its cache)."""
    try:
        folder = (beside / Path(name).expanduser()).resolve()
    except RuntimeError as error:
        raise InputError(f"{name}: there is no such folder ({error})") from None
    if folder.is_dir():
        if revision:
            raise InputError(
                f"{name} is a folder on this machine and has no revision '{revision}'; leave the revision out"
            )
        return folder, ""
    if not HUB_NAME.fullmatch(name) or name.startswith("."):
        raise InputError(f"{name}: no such folder, and no name of a model on the hub (owner/name)")
    return _download(name, revision, files)


def shipped_models() -> list[str]:
    """Names of the models that ship with the package."""
    return sorted(file.parent.name for file in REFERENCE.glob("*/config.json"))


def reference_folder(name: str) -> Path:
    """Folder of the shipped model `name`; InputError lists the shipped ones."""
    if name not in shipped_models():
        raise InputError(unknown(name, shipped_models(), what="reference model"))
    return REFERENCE / name


def _download(name: str, revision: str, files: tuple[str, ...]) -> tuple[Path, str]:
    """The `files` (patterns) of a hub model and nothing else; the revision is the commit."""
    from huggingface_hub import snapshot_download

    try:
        found = snapshot_download(
            name, revision=revision or None, allow_patterns=list(files), ignore_patterns=["*/*"]
        )
    except Exception as error:
        reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise InputError(
            f"{name}: no such folder here, and the hub gave no model of this name: {reason}"
        ) from error
    folder = Path(found)
    return folder, folder.name


def _asks_for_date(path: Path, tokenizer: Mapping[str, Any]) -> bool:
    """Whether a chat template calls the function that gives the date."""
    files = [
        file.read_text(encoding="utf-8", errors="replace") for file in sorted(path.glob("chat_template.*"))
    ]
    return any("strftime_now" in text for text in (json.dumps(tokenizer.get("chat_template")), *files))


def _no_weights(path: Path) -> str:
    """Why a folder without safetensors is not loaded."""
    unsafe = sorted(file.name for pattern in UNSAFE for file in path.glob(pattern))
    if unsafe:
        return (
            f"{path} holds {unsafe[0]} but no .safetensors file; only safetensors are loaded, because other formats "
            "can run code. Save the model again with save_pretrained of a recent transformers"
        )
    return f"{path} holds no weights: no .safetensors file"


def _digested(path: Path) -> list[Path]:
    """The files that decide an answer, in order of their names."""
    return sorted({file for pattern in DIGESTED for file in path.glob(pattern) if file.is_file()})


def digest(file: Path) -> str:
    """SHA-256 of a file."""
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def parameters(file: Path) -> int:
    """How many numbers a safetensors file holds, from its header alone; InputError where it is none, or cut off."""
    try:
        with file.open("rb") as stream:
            length = int.from_bytes(stream.read(8), "little")
            header = json.loads(stream.read(length))
        tensors = [tensor for key, tensor in header.items() if key != "__metadata__"]
        if file.stat().st_size < 8 + length + max(
            (tensor["data_offsets"][1] for tensor in tensors), default=0
        ):
            raise ValueError("cut off")
        return sum(prod(tensor["shape"]) for tensor in tensors)
    except (ValueError, LookupError, TypeError, AttributeError, OverflowError, MemoryError) as error:
        raise InputError(
            f"{file}: no readable safetensors file (an interrupted download or a Git LFS pointer?)"
        ) from error


def read_json(file: Path, otherwise: str) -> Mapping[str, Any]:
    """The JSON object in `file`."""
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise InputError(f"{file.parent}: {otherwise}") from None
    except ValueError as error:
        raise InputError(f"{file}: no readable JSON: {error}") from error
    if not isinstance(content, dict):
        raise InputError(f"{file}: a JSON object is expected")
    return content


def _mask(tokenizer: Mapping[str, Any], special: Mapping[str, Any], vocabulary: Mapping[str, Any]) -> str:
    """The mask token as the tokenizer names it, or where old files name no special token at all, a usual one."""
    for source in (tokenizer, special):
        token = source.get("mask_token")
        text = token.get("content") if isinstance(token, dict) else token
        if text:
            return str(text)
    if any(
        key.endswith("_token") and value for source in (tokenizer, special) for key, value in source.items()
    ):
        return ""
    added = {
        str(token.get("content")) for token in vocabulary.get("added_tokens", ()) if token.get("special")
    }
    return next((text for text in ("[MASK]", "<mask>") if text in added), "")
