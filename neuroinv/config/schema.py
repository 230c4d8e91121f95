"""The whole config of a run: its checks, its digest, and what is said of a wrong one."""

from __future__ import annotations

import dataclasses
import difflib
import hashlib
import json
from collections.abc import Iterable, Mapping
from typing import Annotated, Any, get_args, get_origin, get_type_hints

from pydantic import Discriminator, Field, Tag, TypeAdapter, ValidationError
from pydantic.dataclasses import dataclass

from neuroinv.config import (
    algorithm,
    demand,
    inventory,
    policy,
    switched_lqr,
    training,
    values,
)
from neuroinv.config.algorithm import AlgorithmConfig
from neuroinv.config.inventory import InventoryConfig
from neuroinv.config.policy import PolicyConfig
from neuroinv.config.switched_lqr import SwitchedLQRConfig
from neuroinv.config.training import LoggerConfig, TrainingConfig
from neuroinv.config.values import SCHEMA, Range
from neuroinv.types import InputError


def kind(problem: Any) -> str:
    """Which kind of problem a value describes; one that does not say is an inventory network."""
    if isinstance(problem, Mapping):
        return problem.get("kind", "inventory")
    return getattr(problem, "kind", "inventory")


ProblemConfig = Annotated[
    Annotated[InventoryConfig, Tag("inventory")]
    | Annotated[SwitchedLQRConfig, Tag("switched_lqr")],
    Discriminator(kind),
]


@dataclass(frozen=True, config=SCHEMA)
class Config:
    """Everything that defines a run."""

    problem: ProblemConfig
    """What is to be optimised."""
    policy: PolicyConfig
    """What decides."""
    algorithm: AlgorithmConfig
    """What trains the policy."""
    training: TrainingConfig
    """How long, on what."""
    logger: LoggerConfig
    """How progress is shown."""
    comparisons: tuple[PolicyConfig, ...] = ()
    """Other policies to train in the same way, each in a run of its own, and list beside this."""
    seed: Annotated[int, Field(ge=0, le=2**31 - 1)] = 0
    """First seed of training; see neuroinv.keys for what hangs on it."""
    results: str = "results/runs"
    """Folder that run directories are made in."""


def parse(mapping: Mapping[str, Any]) -> Config:
    """The checked config of a plain mapping. Raises InputError with one sentence."""
    try:
        return TypeAdapter(Config).validate_python(dict(mapping))
    except ValidationError as error:
        raise InputError(_sentence(error)) from None


def to_mapping(config: Config) -> dict[str, Any]:
    """The plain mapping that `parse` turns back into the same config."""
    return json.loads(json.dumps(dataclasses.asdict(config)))


def digest(config: Config) -> str:
    """Twelve hexadecimal digits that name a run, wherever it is kept and however it is shown."""
    mapping = to_mapping(config)
    del mapping["logger"], mapping["results"], mapping["training"]["checkpoint_seconds"]
    return hashlib.sha256(json.dumps(mapping, sort_keys=True).encode()).hexdigest()[:12]


MOST_LISTED = 12


def nearest(
    name: str, known: Iterable[str], instead: str = "see neuroinv train --help for all keys"
) -> str:
    """A remedy for a name that is not known: the closest one there is, or all of them, or what to
    do `instead` where they are too many."""
    close = difflib.get_close_matches(name, known := sorted(known), n=1)
    if close:
        return f"did you mean '{close[0]}'?"
    listed = f"choose from {', '.join(known)}"
    return listed if len(known) <= MOST_LISTED else instead


def schemas() -> dict[str, Any]:
    """Every dataclass of the schema, by name."""
    parts = (values, demand, inventory, switched_lqr, policy, algorithm, training)
    return {"Config": Config} | {
        name: item
        for part in parts
        for name, item in vars(part).items()
        if dataclasses.is_dataclass(item) and item.__module__ == part.__name__
    }


def _branches() -> set[str]:
    """What Pydantic calls the branches of the schema's unions."""
    hints = [get_type_hints(schema) for schema in schemas().values()]
    named = [get_args(hint.get(key)) for hint in hints for key in ("kind", "distribution")]
    return {"number", "list", "range"} | {names[0] for names in named if len(names) == 1}


def _tags(kind: Any) -> set[str]:
    """What Pydantic calls a schema where it is one of several."""
    hints = get_type_hints(kind) if dataclasses.is_dataclass(kind) else {}
    tags = {tag for key in ("kind", "distribution") for tag in get_args(hints.get(key))}
    return {"range"} if kind is Range else tags


def _keys_at(path: tuple[Any, ...]) -> tuple[list[str], list[str]]:
    """Keys of the schema that a path of Pydantic's leads to, and those of its alternatives."""
    kind: Any = Config
    alternatives: tuple[Any, ...] = ()
    for part in path:
        options = get_args(kind)
        if dataclasses.is_dataclass(kind):
            kind, alternatives = get_type_hints(kind).get(part), ()
        elif chosen := [option for option in options if part in _tags(option)]:
            kind, alternatives = chosen[0], options
        else:  # a member of a mapping or of a tuple
            kind = options[get_origin(kind) is dict] if options else None

    def keys(*schemas: Any) -> list[str]:
        return [
            f.name for s in schemas if dataclasses.is_dataclass(s) for f in dataclasses.fields(s)
        ]

    return keys(kind), keys(*alternatives)


def _sentence(error: ValidationError) -> str:
    first, *others = error.errors(include_url=False)
    # Pydantic names the branch of a union it took after the field; a user never wrote it.
    path, branches = [str(part) for part in first["loc"]], _branches()
    unknown = first["type"] in ("unexpected_keyword_argument", "extra_forbidden")
    *above, last = zip(["", *path], path, strict=False)
    shown = [part for before, part in above if part not in branches or before in ("nodes", "edges")]
    if unknown or last[1] not in branches or last[0] in ("nodes", "edges"):
        shown.append(last[1])  # of a key that is not known, the user wrote the name
    field = ".".join(shown)
    match first["type"]:
        case "unexpected_keyword_argument" | "extra_forbidden":
            known, of_alternatives = _keys_at(first["loc"][:-1])
            if shown[-1] not in of_alternatives:
                return f"{field} is not a key of the config; {nearest(shown[-1], known)}"
            above_it = field.rpartition(".")[0]
            siblings = [other["loc"] for other in others if other["type"] == first["type"]]
            left = [at[-1] for at in siblings if at[:-1] == first["loc"][:-1]]
            surplus = [
                f"{above_it}.{name}" for name in (shown[-1], *left) if name in of_alternatives
            ]
            return (
                f"{field} is not a key of {above_it} where that is {path[-2]}; remove what belongs "
                f"to another choice, with {' '.join(f'~{name}' for name in surplus)}"
            )
        case "tuple_type" if first["input"] in (None, ""):
            return f"{field} is empty; give a list, such as [1] for one value or [] for none"
        case "too_long":
            most, values = first["ctx"]["max_length"], list(first["input"])
            return f"{field} is {values}; give {most} values"
        case "tuple_type":
            return f"{field} is {first['input']!r}; give a list, such as [{first['input']}]"
        case "too_short":
            return f"{field} is empty; give at least one value, or leave it out"
        case "dataclass_type" | "model_attributes_type":
            return f"{field} is {first['input']!r}; give keys with values, such as {{KEY: VALUE}}"
        case "string_type" if shown[-1] == "[key]":
            above_it = ".".join(shown[:-2])
            return f"{above_it} has the name {first['input']!r}; put names in quotes"
        case "missing" | "missing_argument":
            return f"{field} is missing; give it a value"
        case "value_error":
            message = first["msg"].removeprefix("Value error, ")
            return f"{field} {message}" if message.startswith("must") else f"{field}: {message}"
        case "union_tag_not_found":
            tag = first["ctx"]["discriminator"].strip("'()")
            return f"{field}.{tag} is missing; give it a value"
        case "union_tag_invalid":
            tag = first["ctx"]["discriminator"].strip("'()")
            expected = first["ctx"]["expected_tags"].replace("'", "")
            return f"{field}.{tag} is '{first['ctx']['tag']}'; choose from {expected}"
        case _:
            reason = first["msg"][0].lower() + first["msg"][1:]
            return f"{field} is {first['input']!r}; {reason.replace('input should', 'it should')}"
