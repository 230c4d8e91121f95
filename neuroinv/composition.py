"""Hydra's side of a run: where `conf/` is, what it offers, and its errors in one sentence."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

import yaml
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import (
    ConfigAttributeError,
    ConfigKeyError,
    ConfigTypeError,
    InterpolationKeyError,
    OmegaConfBaseException,
)

from neuroinv.config import nearest, schemas
from neuroinv.types import InputError

Result = TypeVar("Result")
GROUPS = ("problem", "policy", "algorithm", "training", "experiment", "logger")

OF_LEARNING = ("algorithm", "comparisons", "logger", "results", "seed")
OF_TRAINING = ("steps", "steps_between_dev", "patience", "start_from", "checkpoint_seconds")
"""Keys that scoring a run again does not read."""


def conf_folder() -> Path:
    """The folder of configs: inside an installed package, or beside it in a checkout."""
    package = Path(__file__).parent
    return next(folder for folder in (package / "conf", package.parent / "conf") if folder.is_dir())


def choices(group: str, folder: Path | None = None) -> dict[str, str]:
    """Every config of a group with its first line of comment, those of a folder of the user's own
    included. Raises InputError where that is no folder."""
    found = {}
    _check_folder(folder)
    folders = [conf_folder(), *([] if folder is None else [folder])]
    for file in sorted(file for one in folders for file in (one / group).glob("*.yaml")):
        comments = [
            line[2:]
            for line in file.read_text("utf-8", "replace").splitlines()
            if line.startswith("# ")
        ]
        lines = [line for line in comments if not line.startswith("@package")]
        found[file.stem] = lines[0] if lines else ""
    return found


def _check_folder(folder: Path | None) -> None:
    if folder is not None and not folder.is_dir():
        raise InputError(f"'{folder}' is no folder; name one that holds problem/ or another group")


def plain(composed: DictConfig) -> dict[str, Any]:
    """The mapping that Hydra composed. Raises InputError for values still marked as missing."""
    missing = OmegaConf.missing_keys(composed)
    if missing:
        field = sorted(missing)[0]
        raise InputError(f"{field} is missing; give it with {field}=...")
    mapping = OmegaConf.to_container(composed, resolve=True)
    assert isinstance(mapping, dict)
    return {str(key): value for key, value in mapping.items()}


def compose(overrides: list[str], folder: Path | None = None) -> dict[str, Any]:
    """The mapping of `train` with overrides, as the command line composes it; `folder` is one of
    the user's own that holds further choices.

    Raises InputError for an override that does not fit.
    """
    from hydra import compose, initialize_config_dir

    _check_folder(folder)
    searched = [] if folder is None else [f"hydra.searchpath=['file://{folder.resolve()}']"]

    def composed() -> dict[str, Any]:
        with initialize_config_dir(str(conf_folder()), version_base="1.3"):
            return plain(compose("train", overrides=[*searched, *overrides]))

    return in_one_sentence(composed, folder)


def override(
    mapping: Mapping[str, Any], overrides: list[str], folder: Path | None = None
) -> dict[str, Any]:
    """`mapping` with values replaced by `key=value` overrides of keys that it has.

    Another problem (`problem=serial_3`), which `folder` may hold too, takes the place of the one in
    `mapping`; what else is given of the problem is then read as in training.
    """
    from hydra.core.override_parser.overrides_parser import OverridesParser

    def overridden() -> dict[str, Any]:
        config = OmegaConf.create(dict(mapping))
        given = OverridesParser.create().parse_overrides(overrides)
        single = [one for one in given if not one.is_sweep_override()]
        if any(one.key_or_group == "problem" and isinstance(one.value(), str) for one in single):
            of_problem = [one for one in single if one.key_or_group.split(".")[0] == "problem"]
            given = [one for one in given if one not in of_problem]
            lines = [str(one.input_line) for one in of_problem]
            config["problem"] = compose(lines, folder)["problem"]
        OmegaConf.set_struct(config, True)
        for one in given:
            if one not in single or one.is_delete() or one.key_or_group in GROUPS:
                raise InputError(
                    f"'{one.input_line}' cannot be evaluated; give KEY=VALUE with one value"
                )
            root, _, key = one.key_or_group.partition(".")
            if root in OF_LEARNING or (root == "training" and key in OF_TRAINING):
                raise InputError(
                    f"'{one.input_line}' changes nothing of what a run has learned, nor how it is "
                    "scored (test paths hang on problem.seed and training.test); leave it out"
                )
            value = one.value()
            # Keys go into what has keys; a list takes the place of a range, and a range of a list.
            merge = isinstance(value, dict) and OmegaConf.is_dict(
                OmegaConf.select(config, one.key_or_group)
            )
            OmegaConf.update(config, one.key_or_group, value, merge=merge)
        return plain(config)

    return in_one_sentence(overridden, folder)


def in_one_sentence(function: Callable[[], Result], folder: Path | None = None) -> Result:
    """Call `function`; what Hydra, OmegaConf and YAML raise becomes an InputError of one sentence,
    which knows the choices in a `folder` of the user's own."""
    from hydra.errors import HydraException

    try:
        return function()
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        assert mark is not None
        raise InputError(
            f"{mark.name}, line {mark.line + 1}: {error.problem}; correct it"
        ) from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        reason = " ".join(str(error).split())
        raise InputError(f"a config is not text in UTF-8 ({reason}); save it as such") from None
    except (HydraException, OmegaConfBaseException) as error:
        raise InputError(_sentence(error, folder)) from None
    except ValueError as error:
        if isinstance(error, InputError) or "Config group override" not in str(error):
            raise
        raise InputError(
            "a group is given null; name one of the choices that neuroinv list shows"
        ) from None


def key_help() -> str:
    """Every key of the config with what it means, from where it is declared."""
    from pydantic import TypeAdapter

    lines = []
    for name, schema in schemas().items():
        described = TypeAdapter(schema).json_schema()
        properties = described.get("properties", {})
        purpose = (schema.__doc__ or "").split("\n\n")[0].replace("\n", " ")
        lines.append(f"\n{name}: {purpose}")
        for field in fields(schema):
            text = " ".join(properties[field]["description"].split())
            lines.append(f"  {field:<26} {text}")
    return "\n".join(lines)


def fields(schema: Any) -> list[str]:
    """Names of the keys of a schema."""
    return [field.name for field in dataclasses.fields(schema)]


def _sentence(error: BaseException, folder: Path | None) -> str:
    from hydra.errors import OverrideParseException

    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, ConfigAttributeError | ConfigKeyError) and isinstance(
            cause.parent_node, DictConfig
        ):
            known = [str(key) for key in cause.parent_node if key != "hydra"]
            if str(cause.key) not in known:
                name = str(cause.full_key or cause.key)
                if any(
                    {str(cause.key), *known} <= set(fields(schema)) for schema in schemas().values()
                ):
                    return f"{name} is not set by this choice; add it with +{name}=..."
                elsewhere = _paths_to(str(cause.key), cause.parent_node._get_root())
                remedy = f"did you mean {elsewhere[0]}?" if elsewhere else ""
                remedy = remedy or nearest(str(cause.key), known)
                return f"{name} is not a key of the config; {remedy}"
        cause = cause.__cause__ or cause.__context__
    if isinstance(error, InterpolationKeyError):
        unknown = str(error).splitlines()[0]
        return f"{error.full_key}: {unknown}; write the value itself"
    message = str(error)
    absent = re.search(r"Could not (?:find|load) '([\w/]+)/([^'/]+)'", message)
    if absent and absent.group(1) not in GROUPS:
        return f"{absent.group(1)}/{absent.group(2)} is not installed; remove it, or install it"
    if absent:
        group, name = absent.group(1), absent.group(2)
        instead = (
            f"see neuroinv list, or put {group}/{name}.yaml into a folder of your own and name it "
            "with --config-dir"
        )
        remedy = nearest(name.lower(), choices(group, folder), instead)
        return f"{group} is '{name}', which there is not; {remedy}"
    clash = re.fullmatch(r"Error merging override \+*([\w.]+)=(.*)", message)
    cause = error.__cause__
    if clash and isinstance(cause, ConfigTypeError) and cause.full_key == clash.group(1):
        key, value = clash.groups()
        kept, given = (
            ("a list", "keys") if OmegaConf.is_list(cause.parent_node) else ("keys", "a list")
        )
        if kept == "keys" and "low" in cause.parent_node:
            kept = "a range"
        return (
            f"{key} is {kept} in this choice, where {given} cannot be merged in; remove it first, "
            f"with '~{key}' '+{key}={value}'"
        )
    group = re.search(r"Could not override '(\w+)'", message)
    if group:
        return f"{group.group(1)} is not a key of the config; {nearest(group.group(1), GROUPS)}"
    if isinstance(error, OverrideParseException):
        return (
            f"'{error.override}' cannot be read; quote a value with other characters than letters "
            "and digits twice, as in 'problem.demand.path=\"~/sales.parquet\"', and put no spaces "
            "around commas unless the whole is quoted"
        )
    return " ".join(message.split())


def _paths_to(key: str, node: Any, above: str = "") -> list[str]:
    """Where keys of this name are in a config."""
    found = []
    if isinstance(node, DictConfig):
        for name in node:
            path = f"{above}{name!s}"
            found += [path] if name == key else []
            inner = node._get_node(name)
            found += _paths_to(key, inner, f"{path}.") if name != "hydra" else []
    return found
