"""The commands. Each only reads its arguments and prints; the work is in functions below."""

from __future__ import annotations

import argparse
import contextlib
import os
import sys
import traceback
from pathlib import Path
from typing import TYPE_CHECKING

from omegaconf import DictConfig
from rich.console import Console

from neuroinv.types import InputError

if TYPE_CHECKING:
    from neuroinv.analysis.table import Table
    from neuroinv.config import Config

TRAIN_HELP = """\
neuroinv train [GROUP=CHOICE ...] [KEY=VALUE ...] [-m]

Trains a policy, scores it beside exact optima and heuristics, and keeps everything in a run
directory. Any key can be overridden in Hydra's grammar (+KEY=VALUE where a choice leaves it at its
default); -m sweeps over comma-separated values:

  neuroinv train problem=one_store_backlogged policy=base_stock seed=3 training.steps=500
  neuroinv train -m problem.edges.order.lead_time=1,2,3,4 problem.nodes.store.underage_cost=4,9

The same command again goes on where it was interrupted, and does nothing that is done.
"""


def main() -> None:
    """The command `neuroinv`."""
    commands = {
        "train": (_train, "train a policy and score it; --help lists every key"),
        "evaluate": (_evaluate, "score the best variables of a run directory again"),
        "list": (_list, "what there is to compose: problems, policies, algorithms, experiments"),
        "bench": (_bench, "time gradient steps and evaluations of named cases"),
    }
    usage = "neuroinv COMMAND ...\n\n" + "\n".join(
        f"  {n:<10}{t}" for n, (_, t) in commands.items()
    )
    command, arguments = (sys.argv[1] if len(sys.argv) > 1 else "--help"), sys.argv[2:]
    if command in ("-h", "--help"):
        print(usage)
        return
    try:
        if command not in commands:
            from neuroinv.config import nearest

            raise InputError(f"'{command}' is not a command; {nearest(command, commands)}")
        commands[command][0](arguments)
    except InputError as error:
        _complain(error)
        sys.exit(2)
    except KeyboardInterrupt:
        resumable = "; the same command goes on from the last checkpoint"
        _complain("interrupted" + (resumable if command == "train" else ""))
        sys.exit(130)


def _train(arguments: list[str]) -> None:
    from neuroinv import composition

    if "-h" in arguments or "--help" in arguments:
        print(TRAIN_HELP)
        for group in composition.GROUPS:
            print(f"{group}: {', '.join(composition.choices(group))}")
        print(composition.key_help())
        return

    import hydra

    failures: list[str] = []

    def job(composed: DictConfig) -> None:
        try:
            _train_one(composition.in_one_sentence(lambda: composition.plain(composed)))
        except InputError as error:  # one bad job must not end a sweep
            _complain(error)
            failures.append(str(error))
        except Exception as error:  # nor must our own mistakes, which show where they are
            traceback.print_exc()
            failures.append(str(error))

    # Without it Hydra prints its own account of an error and exits before we can word it.
    os.environ["HYDRA_FULL_ERROR"] = "1"
    sys.argv = ["neuroinv", *arguments]
    folder = str(composition.conf_folder())
    run = hydra.main(config_path=folder, config_name="train", version_base="1.3")(job)
    try:
        composition.in_one_sentence(run, _folder_of(arguments))
    except OSError as error:  # jobs catch their own
        raise InputError(
            f"hydra.sweep.dir: '{error.filename}' cannot be made ({error.strerror}); start from a "
            "folder that can be written, or name another with hydra.sweep.dir=..."
        ) from None
    if failures:
        sys.exit(2)


def _folder_of(arguments: list[str]) -> Path | None:
    """The folder of the user's own configs, as Hydra's command line names it."""
    parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    parser.add_argument("--config-dir", "-cd", type=Path)
    return parser.parse_known_args(arguments)[0].config_dir


def _train_one(mapping: dict) -> None:
    from neuroinv.config import parse

    config = parse(mapping)  # before anything heavy is imported, so that a typo answers at once
    from neuroinv.display import listening
    from neuroinv.experiment import train
    from neuroinv.training.records import lost_seeds, read_facts

    _keep_compiled_programs()
    console = _console()
    with listening(console, config.training.steps, config.logger.progress) as listen:
        finished = train(config, listen)
    _show(console, finished.table)
    facts = read_facts(finished.path) or {}
    trained = "compile_seconds" in facts
    if trained and config.algorithm.kind == "hdpo" and _orders_jump(config):
        console.print(
            "orders of this problem have costs or lead times that jump, where hdpo has no "
            "derivative; policy=hybrid algorithm=hpo learns when to order",
            soft_wrap=True,
            highlight=False,
        )
    if finished.repeated:
        console.print("done before; nothing was run")
    elif trained:
        console.print(
            f"{facts['updates']} updates for each of {len(facts['seeds'])} seeds: compiled in "
            f"{facts['compile_seconds']:.1f} s, ran in {facts['train_seconds']:.1f} s, tested in "
            f"{facts['test_seconds']:.1f} s",
            highlight=False,
        )
    for sentence in lost_seeds(facts):
        console.print(f"{sentence}; lower algorithm.learning_rate", soft_wrap=True, highlight=False)
    console.print(f"run directory  {finished.path}", soft_wrap=True, highlight=False)
    if (finished.path / "curves.svg").exists():
        console.print(f"figure         {finished.path}/curves.svg", soft_wrap=True, highlight=False)


def _orders_jump(config: Config) -> bool:
    edges = config.problem.edges.values() if config.problem.kind == "inventory" else ()
    return any(edge.jumps for edge in edges)


def _evaluate(arguments: list[str]) -> None:
    parser = argparse.ArgumentParser(
        "neuroinv evaluate", description="Score the best variables of a run again; nothing is kept."
    )
    parser.add_argument("run", type=Path, help="a run directory")
    parser.add_argument(
        "overrides",
        nargs="*",
        help="KEY=VALUE, such as training.test.scenarios=512; or problem=CHOICE, for a policy that "
        "fits another problem",
    )
    parser.add_argument(
        "--config-dir", type=Path, metavar="DIR", help="a folder of your own that has CHOICE"
    )
    options = parser.parse_intermixed_args(arguments)
    from neuroinv.composition import override
    from neuroinv.experiment import evaluate

    _keep_compiled_programs()
    given = (options.overrides, options.config_dir)
    table = evaluate(options.run, lambda mapping: override(mapping, *given))
    _show(_console(), table)


def _show(console: Console, table: Table) -> None:
    from neuroinv.analysis.table import render, render_parts

    console.print(render(table))
    parts = render_parts(table)
    if parts is not None:
        console.print(parts)


def _list(arguments: list[str]) -> None:
    parser = argparse.ArgumentParser("neuroinv list", description="What there is to compose.")
    parser.add_argument(
        "--config-dir", type=Path, metavar="DIR", help="a folder of your own that has more"
    )
    folder = parser.parse_args(arguments).config_dir
    from neuroinv.composition import choices

    names = ("problem", "policy", "algorithm", "experiment")
    groups = {group: choices(group, folder) for group in names}
    widest = max(len(name) for of_group in groups.values() for name in of_group)
    lines = []
    for group, of_group in groups.items():
        lines.append(group)
        lines += [f"  {name:<{widest}}  {line}" for name, line in of_group.items()]
    # At once, so that a reader who closes a pipe early breaks nothing.
    print("\n".join(lines))


def _bench(arguments: list[str]) -> None:
    from neuroinv import bench

    parser = argparse.ArgumentParser("neuroinv bench", description=bench.__doc__)
    parser.add_argument("cases", nargs="*", help=f"any of {', '.join(bench.CASES)}; default: all")
    parser.add_argument("--repeats", type=int, default=9, help="timed runs; the median is printed")
    options = parser.parse_args(arguments)
    if options.repeats < 1:
        raise InputError(f"--repeats is {options.repeats}; give 1 or more")
    for line in bench.run(options.cases, options.repeats):
        print(line, flush=True)


def _keep_compiled_programs() -> None:
    """Let JAX keep what it compiles in the user's cache, where the next job of a sweep finds it.

    JAX's own environment variables go first: JAX_COMPILATION_CACHE_DIR names another folder, and
    JAX_ENABLE_COMPILATION_CACHE=0 keeps nothing.
    """
    import jax

    cache = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
    folder = Path(cache) / "neuroinv"
    if "JAX_COMPILATION_CACHE_DIR" not in os.environ:
        with contextlib.suppress(OSError):  # without a home to write to, programs are not kept
            folder.mkdir(parents=True, exist_ok=True)
            jax.config.update("jax_compilation_cache_dir", str(folder))


def _console() -> Console:
    """A console as wide as the terminal, or wide enough for a table where there is none."""
    return Console(width=None if sys.stdout.isatty() else 110)


def _complain(message: object) -> None:
    print(f"neuroinv: {message}", file=sys.stderr)


if __name__ == "__main__":
    main()
