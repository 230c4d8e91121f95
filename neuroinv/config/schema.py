"""The whole config of a run: its checks, its digest, and what is said of a wrong one."""

from __future__ import annotations

import dataclasses
import difflib
import hashlib
import json
from collections.abc import Iterable, Mapping
from typing import Annotated, Any, get_args, get_type_hints

from pydantic import Discriminator, Field, Tag, TypeAdapter, ValidationError
from pydantic.dataclasses import dataclass

from neuroinv.config import (
    algorithm,
    demand,
    policy,
    problem,
    switched_lqr,
    training,
    values,
)
from neuroinv.config.algorithm import AlgorithmConfig
from neuroinv.config.policy import PolicyConfig
from neuroinv.config.problem import ProblemConfig
from neuroinv.config.switched_lqr import SwitchedLQRConfig
from neuroinv.config.training import LoggerConfig, TrainingConfig
from neuroinv.config.values import SCHEMA
from neuroinv.types import InputError


def kind(problem: Any) -> str:
    """Which kind of problem a value describes; one that does not say is an inventory network."""
    if isinstance(problem, Mapping):
        return problem.get("kind", "inventory")
    return getattr(problem, "kind", "inventory")


AnyProblem = Annotated[
    Annotated[ProblemConfig, Tag("inventory")] | Annotated[SwitchedLQRConfig, Tag("switched_lqr")],
    Discriminator(kind),
]


@dataclass(frozen=True, config=SCHEMA)
class Config:
    """Everything that defines a run."""

    problem: AnyProblem
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


def nearest(name: str, known: Iterable[str]) -> str:
    """A remedy for a name that is not known: the closest one there is, or all of them."""
    close = difflib.get_close_matches(name, known := sorted(known), n=1)
    if close:
        return f"did you mean '{close[0]}'?"
    listed = f"choose from {', '.join(known)}"
    return listed if len(known) <= MOST_LISTED else "see neuroinv train --help for all keys"


def schemas() -> dict[str, Any]:
    """Every dataclass of the schema, by name."""
    parts = (values, demand, problem, switched_lqr, policy, algorithm, training)
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


def _sentence(error: ValidationError) -> str:
    first = error.errors(include_url=False)[0]
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
            known = {f.name for schema in schemas().values() for f in dataclasses.fields(schema)}
            return f"{field} is not a key of the config; {nearest(shown[-1], known)}"
        case "missing" | "missing_argument":
            return f"{field} is missing; give it a value"
        case "value_error":
            message = first["msg"].removeprefix("Value error, ")
            return f"{field} {message}" if message.startswith("must") else f"{field}: {message}"
        case "union_tag_not_found":
            tag = first["ctx"]["discriminator"].strip("'")
            return f"{field}.{tag} is missing; give it a value"
        case "union_tag_invalid":
            tag = first["ctx"]["discriminator"].strip("'()")
            expected = first["ctx"]["expected_tags"].replace("'", "")
            return f"{field}.{tag} is '{first['ctx']['tag']}'; choose from {expected}"
        case _:
            reason = first["msg"][0].lower() + first["msg"][1:]
            return f"{field} is {first['input']!r}; {reason.replace('input should', 'it should')}"
