"""unknown-step, unknown-field, unknown-input, missing-input, ambiguous-input, no-output: which frame goes where."""

from __future__ import annotations

from collections.abc import Mapping

from flows.check.subject import Piece, Subject
from flows.diagnostics import close_to, nearest
from flows.document import Location
from flows.grammar import Source, Step
from flows.plan import Port
from tasks.declare import TaskSpec


def check(subject: Subject) -> None:
    """Bind the frames of every piece, and note what comes before it."""
    for piece in subject.every():
        if isinstance(piece.keys, Step | Source):
            _inputs(subject, piece, piece.keys.in_)
        if isinstance(piece.keys, Step):
            _order(subject, piece, piece.keys)
            _last(subject, piece, piece.keys.last)
        if isinstance(piece.keys, Source) and piece.keys.begin is not None:
            location = (*piece.location, "begin")
            if port := _port(subject, piece.keys.begin, location):
                piece.upstream.setdefault(port.step, location)
        _missing(subject, piece)
    if subject.file.output is not None:
        port = _port(subject, subject.file.output, ("output",))
        if port is not None and port.step in subject.file.stream:
            hint = "name a step, which is what a run can show for itself"
            subject.say(("output",), "no-output", f"`{port.step}` is a source", hint)


def _inputs(subject: Subject, piece: Piece, written: str | list[str] | Mapping[str, str] | None) -> None:
    location = (*piece.location, "in")
    if isinstance(written, str):
        _bind(subject, piece, _only(subject, piece, location), written, location)
    elif isinstance(written, list):
        for position, text in enumerate(written):
            _bind(subject, piece, _same_name(piece.task, text) if piece.task else None, text, (*location, position))
    else:
        for parameter, text in (written or {}).items():
            _bind(subject, piece, parameter, text, (*location, parameter))


def _only(subject: Subject, piece: Piece, location: Location) -> str | None:
    """The parameter that a lone step binds."""
    if piece.task is None:
        return None
    frames = piece.task.frames
    candidates = (
        [name for name, frame in frames.items() if not frame.optional]
        or [name for name, frame in frames.items() if not frame.has_default]
        or list(frames)
    )
    if len(candidates) > 1:
        example = f"write `in: {{{candidates[0]}: {subject.document.value_at(location)}, …}}`"
        subject.say(location, "ambiguous-input", f"{piece.what} takes several frames: {_listed(candidates)}", example)
        return None
    return candidates[0] if candidates else ""


def _same_name(task: TaskSpec, text: str) -> str:
    """The parameter that an item of a list binds: of the same name as the step, or as its field."""
    step, _, field = text.partition(".")
    return field if field in task.frames else step


def _bind(subject: Subject, piece: Piece, parameter: str | None, text: str, location: Location) -> None:
    port = _port(subject, text, location)
    if port is not None:
        piece.upstream.setdefault(port.step, location)
    if parameter is None:
        return
    if piece.inlined is not None or piece.task is None:
        if piece.inlined is not None:
            subject.say_at_key(location, "unknown-input", f"{piece.what} takes no frames, only its parameters")
        return
    frames = piece.task.frames
    in_list = isinstance(location[-1], int)
    if parameter not in frames:
        if in_list and text.partition(".")[0] not in subject.ids:
            return  # in a list a step's name is also the parameter's: misspelt, it is one mistake
        if not frames:
            message, hint = f"{piece.what} takes no frames", ""
        else:
            message = f"{piece.what} takes no frame `{parameter}`"
            free = [name for name in frames if name not in piece.inputs]
            hint = _hint(parameter, free, text, in_list)
        say = subject.say if location[-1] == "in" else subject.say_at_key
        say(location, "unknown-input", message, hint)
    elif parameter in piece.inputs:
        subject.say(location, "unknown-input", f"`{parameter}` already has a frame, `{piece.inputs[parameter][0]}`")
    elif port is not None:
        piece.inputs[parameter] = port, location


def _hint(parameter: str, free: list[str], text: str, in_list: bool) -> str:
    """What to do about an unknown frame, where the task still lacks the `free` ones."""
    if in_list and free:
        return f"a list binds frames of the steps' names; write `in: {{{free[0]}: {text}, …}}`"
    return close_to(parameter, free)


def _port(subject: Subject, text: str, location: Location) -> Port | None:
    """The frame that a text names; None where there is none."""
    step, _, field = text.partition(".")
    if step not in subject.ids:
        subject.say(location, "unknown-step", f"no step `{step}`", close_to(step, subject.ids))
        return None
    port = Port(step, field or None)
    piece = subject.pieces.get(step)
    fields = piece.fields if piece else None
    if fields is None:
        return port
    if not fields:
        subject.say(location, "no-output", f"step `{step}` yields no frame")
    elif fields == [None] and field:
        subject.say(location, "unknown-field", f"step `{step}` yields one frame", f"write `{step}`")
    elif port.field not in fields:
        names = [str(name) for name in fields]
        if field:
            subject.say(location, "unknown-field", f"step `{step}` yields no `{field}`", close_to(field, names))
        else:
            message = f"step `{step}` yields several frames: {_listed(names)}"
            subject.say(location, "unknown-field", message, f"write `{step}.{names[0]}`")
    else:
        return port
    return None


def _order(subject: Subject, piece: Piece, keys: Step) -> None:
    for position, name in enumerate(keys.after):
        location = (*piece.location, "after", position)
        if name in subject.ids:
            piece.upstream.setdefault(name, location)
        else:
            subject.say(location, "unknown-step", f"no step `{name}`", close_to(name, subject.ids))
    if keys.when is not None:
        location = (*piece.location, "when")
        if port := _port(subject, keys.when.removeprefix("not").strip(), location):
            piece.upstream.setdefault(port.step, location)


def _last(subject: Subject, piece: Piece, written: Mapping[str, str]) -> None:
    for parameter, text in written.items():
        location = (*piece.location, "last", parameter)
        port = _port(subject, text, location)
        if piece.task is None:
            continue
        frame = piece.task.frames.get(parameter)
        if frame is None:
            hint = close_to(parameter, piece.task.frames)
            subject.say_at_key(location, "unknown-input", f"{piece.what} takes no frame `{parameter}`", hint)
        elif parameter in piece.inputs:
            subject.say_at_key(location, "unknown-input", f"`{parameter}` already has a frame, from `in:`")
        elif not frame.optional:
            message = f"{piece.what} can't do without `{parameter}`, and the first run has nothing before it"
            subject.say_at_key(location, "required-last", message, "`last` is for frames that may be None")
        elif port is not None:
            piece.last[parameter] = port, location


def _missing(subject: Subject, piece: Piece) -> None:
    if piece.task is None or subject.lacks((*piece.location, "in")):
        return
    written = getattr(piece.keys, "in_", None)
    if isinstance(written, str):
        return
    named = set(written) if isinstance(written, dict) else set()
    if isinstance(written, list):
        named = {_same_name(piece.task, text) for text in written}
    named |= {*getattr(piece.keys, "last", {}), *piece.keys.with_}  # wrong places for some, and told of there
    frames = piece.task.frames
    misspelt = {nearest(name, set(frames) - named) for name in named - set(frames)}
    missing = [name for name in frames if not frames[name].optional and name not in named | misspelt]
    if not missing:
        return
    told = ", ".join(_with_schema(piece.task, name) for name in missing)
    plural = "frame" if len(missing) == 1 else "frames"
    if piece.location == ("on_failure",):
        message, hint = f"{piece.what} needs the {plural} {told}, and after a failure there are none", ""
    else:
        message, hint = (
            f"{piece.what} needs the {plural} {told}",
            "add to `in:`" if written else f"add `in: {{{missing[0]}: …}}`",
        )
    subject.say_at_key(piece.location, "missing-input", message, hint)


def _with_schema(task: TaskSpec, name: str) -> str:
    schema = task.frames[name].schema
    return f"`{name}` ({schema.__name__})" if schema else f"`{name}`"


def _listed(names: object) -> str:
    return ", ".join(f"`{name}`" for name in names)  # type: ignore[attr-defined] # any iterable of names
