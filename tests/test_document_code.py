"""What the documents tell people to type exists: commands, options, scripts, names and settings."""

from __future__ import annotations

import ast
import importlib
import inspect
import json
import re
import shlex
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel
from typer.main import get_command

import napari_cellsim
from napari_cellsim.cli import app
from napari_cellsim.training import FitConfig, RunConfig, SlurmConfig
from napari_cellsim.training.recipes import RECIPES
from napari_cellsim.training.recipes.common import DataConfig

ROOT = Path(__file__).resolve().parents[1]
DOCUMENTS = [
    path
    for path in sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")])
    if not {"_build", "api"} & set(path.relative_to(ROOT).parts)
]
NAMES = [str(path.relative_to(ROOT)) for path in DOCUMENTS]
COMMANDS: Any = get_command(app)
BUNDLED = {entry.name for entry in napari_cellsim.list_models() if entry.bundled}


def blocks(text: str, *languages: str) -> list[str]:
    """Return the fenced blocks of a document in these languages."""
    found = re.findall(r"^```(\w*)\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    return [content for language, content in found if language in languages]


def shell_lines(text: str) -> Iterator[str]:
    """Yield what is to be typed into a shell: indented lines, fenced blocks, and words in backticks."""
    text = re.sub(r"\\\n\s*", " ", text)
    yield from re.findall(r"^    (\S.*)$", text, re.MULTILINE)
    for block in blocks(text, "", "sh", "bash"):
        yield from block.splitlines()
    yield from re.findall(r"`([^`\n]+ [^`\n]+)`", text)


def typed(text: str, program: str) -> list[list[str]]:
    """Return the arguments of each call of a program."""
    return [
        shlex.split(line.removeprefix(program), comments=True)
        for line in shell_lines(text)
        if line.startswith(program)
    ]


@pytest.mark.parametrize("document", DOCUMENTS, ids=NAMES)
def test_commands_and_their_options_exist(document: Path) -> None:
    for name, *arguments in typed(document.read_text(encoding="utf-8"), "napari-cellsim "):
        if name.isupper() or name.startswith("-"):  # "napari-cellsim COMMAND --help"
            continue
        assert name in COMMANDS.commands, f"napari-cellsim {name}"
        command = COMMANDS.commands[name]
        # says what is wrong with an option and asks for nothing else, so "[…] evaluate --mode sample" is fine
        context = command.make_context(name, arguments, resilient_parsing=True)
        models = context.params.get("model") or []
        named = [models] if isinstance(models, str) else [str(model) for model in models]
        assert {one for one in named if "." not in one} <= BUNDLED


@pytest.mark.parametrize("document", DOCUMENTS, ids=NAMES)
def test_scripts_and_their_options_exist(document: Path) -> None:
    for path, *arguments in typed(document.read_text(encoding="utf-8"), "python "):
        if not path.endswith(".py"):
            continue
        script = ROOT / path
        assert script.is_file(), path
        source = script.read_text(encoding="utf-8")
        if "docs/gallery" in path:  # its options are those of all examples
            source = (script.parent / "_drawing.py").read_text(encoding="utf-8")
        for option in arguments:
            assert not option.startswith("--") or f'"{option}"' in source, f"{path} {option}"


@pytest.mark.parametrize("document", DOCUMENTS, ids=NAMES)
def test_python_in_documents_names_what_exists(document: Path) -> None:
    for block in blocks(document.read_text(encoding="utf-8"), "python"):
        known: dict[str, Any] = {"cs": napari_cellsim}
        for node in ast.walk(ast.parse(block)):
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("napari_cellsim"):
                module = importlib.import_module(str(node.module))
                for alias in node.names:
                    known[alias.asname or alias.name] = getattr(module, alias.name)
        for chain in chains(block):
            resolve(chain, known)
        for call in ast.walk(ast.parse(block)):
            if isinstance(call, ast.Call) and (found := dotted(call.func)) and found[0] in known:
                check_arguments(resolve(found, known), call)


def dotted(node: ast.expr) -> list[str]:
    """Return the names of `a.b.c`; nothing for other expressions."""
    if isinstance(node, ast.Name):
        return [node.id]
    if isinstance(node, ast.Attribute) and (before := dotted(node.value)):
        return [*before, node.attr]
    return []


def chains(code: str) -> Iterator[list[str]]:
    """Yield all chains of names in some code."""
    for node in ast.walk(ast.parse(code)):
        if isinstance(node, ast.Attribute) and (found := dotted(node)):
            yield found


def resolve(chain: list[str], known: dict[str, Any]) -> Any:
    """Return what a chain of names means if it begins with a name of the package; it must exist."""
    thing = known.get(chain[0])
    for name in chain[1:] if chain[0] in known else ():
        thing = getattr(thing, name)
    return thing


def check_arguments(function: Any, call: ast.Call) -> None:
    """Fail if a function does not take the named arguments of a call."""
    if isinstance(function, type) and issubclass(function, BaseModel):
        taken = set(function.model_fields)
    else:
        parameters = inspect.signature(function).parameters
        if any(one.kind is one.VAR_KEYWORD for one in parameters.values()):
            return
        taken = set(parameters)
    for keyword in call.keywords:
        assert keyword.arg is None or keyword.arg in taken, f"{function.__name__}({keyword.arg}=…)"


@pytest.mark.parametrize("document", DOCUMENTS, ids=NAMES)
def test_run_files_in_documents_are_valid(document: Path) -> None:
    for block in blocks(document.read_text(encoding="utf-8"), "toml"):
        content = tomllib.loads(block)
        if "recipe" in content:
            run = RunConfig.model_validate(content)
            RECIPES[run.recipe][0].model_validate(run.settings)


TRAINING = (ROOT / "docs" / "reference" / "run_toml.md").read_text(encoding="utf-8")
SECTIONS = {part.split("\n")[0]: part for part in re.split(r"^## ", TRAINING, flags=re.MULTILINE)[1:]}
CONFIGS: dict[str, type[BaseModel]] = {
    "[fit]: how long and how": FitConfig,
    "[settings.data]: which sequences": DataConfig,
    "[slurm]: what to ask a cluster for": SlurmConfig,
} | {title: RECIPES[title.split()[-1]][0] for title in SECTIONS if title.startswith("Settings of the recipe")}


@pytest.mark.parametrize("title", CONFIGS)
def test_page_of_the_training_file_names_every_setting_and_its_default(title: str) -> None:
    config, section = CONFIGS[title], SECTIONS[title]
    fields = dict(config.model_fields)
    data = fields.pop("data", None)
    own = data.annotation.model_fields if data and hasattr(data.annotation, "model_fields") else {}
    assert set(fields) - set(re.findall(r"`(\w+)`", section)) == set()
    tables = re.findall(r"^\| option \| default \| meaning \|\n.*\n((?:\|.*\n)+)", section, re.MULTILINE)
    for row in "".join(tables).splitlines():
        option, default, *_ = (part.strip() for part in row.strip("|").split("|"))
        names, default = re.findall(r"`(\w+)`", option), default.strip("`")
        known = [fields.get(name) or own[name] for name in names]
        if len(known) == 1 and default:
            found = known[0].get_default(call_default_factory=True)
            assert tomllib.loads(f"x = {default}")["x"] == json.loads(json.dumps(found)), names[0]


def test_messages_that_have_an_answer_are_given_in_these_words() -> None:
    page = (ROOT / "docs" / "how_to" / "solve_problems.md").read_text(encoding="utf-8")
    messages = re.findall(r"^\*([^*]+)\*.*\n: ", page, re.MULTILINE)
    assert len(messages) >= 3
    source = "\n".join(path.read_text(encoding="utf-8") for path in (ROOT / "src").rglob("*.py"))
    for message in messages:
        for words in filter(None, (part.strip() for part in message.split("…"))):
            assert words in source, words
