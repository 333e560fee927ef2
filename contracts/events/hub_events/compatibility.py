"""Tương thích: what a change of a published shape breaks, for whom, and what to do instead; pure, over JSON Schema.

A reader ignores fields it doesn't know; nothing else about a shape may surprise it. What it may not see is compared
in the direction in which data travels: whoever reads must take everything that whoever writes may write.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal

Schema = Mapping[str, Any]
Way = Literal["heard", "said"]

AT_LEAST = ("minimum", "exclusiveMinimum", "minLength", "minItems", "minProperties")
AT_MOST = ("maximum", "exclusiveMaximum", "maxLength", "maxItems", "maxProperties")
EXACTLY = ("pattern", "format", "multipleOf", "uniqueItems", "contentMediaType", "contentEncoding")
PAIRWISE = ("allOf", "prefixItems")
STRUCTURE = frozenset({"type", "enum", "const", "properties", "required", "items", "additionalProperties", "default"})
REMARKS = frozenset({"title", "description", "examples", "example", "deprecated", "discriminator", "$comment"})
OF_A_DOCUMENT = frozenset({"$id", "$schema", "$defs"})
UNDERSTOOD = frozenset({*AT_LEAST, *AT_MOST, *EXACTLY}) | STRUCTURE | REMARKS | OF_A_DOCUMENT


@dataclass(frozen=True, slots=True)
class Break:
    """One promise that a change breaks."""

    place: str
    what: str
    harm: str
    instead: str

    def __str__(self) -> str:
        return f"{self.place}: {self.what}, so {self.harm}; {self.instead}."


@dataclass(frozen=True, slots=True)
class Flow:
    """Which ways data of a shape travels: `heard` from holders of the published shape, `said` to them, or both.

    Each is the harm done when it breaks, None where data doesn't travel that way. `instead`: the way out.
    """

    heard: str | None
    said: str | None
    instead: str


def shape_breaks(
    place: str, published: Schema, current: Schema, flow: Flow, roots: tuple[Schema, Schema] | None = None
) -> list[Break]:
    """What breaks when `published` becomes `current`. `roots`: the documents that `$ref`s point into, if not these."""
    found: dict[tuple[str, str], Break] = {}
    ways: tuple[tuple[Way, str | None], ...] = (("heard", flow.heard), ("said", flow.said))
    for way, harm in ways:
        if harm is not None:
            comparison = _Comparison(way, harm, flow.instead, roots or (published, current))
            for one in comparison.values(place, published, current):
                found.setdefault((one.place, one.what), one)
    return list(found.values())


class _Comparison:
    """One shape, one way. Pairs are always (published, current)."""

    def __init__(self, way: Way, harm: str, instead: str, roots: tuple[Schema, Schema]) -> None:
        self._way = way
        self._instead = instead
        self._breaks = partial(Break, harm=harm)
        self._roots = roots
        self._under_way: set[tuple[int, int]] = set()
        """Pairs that a shape which contains itself leads back to."""

    def values(self, place: str, old: Schema, new: Schema) -> Iterator[Break]:
        """Every form in which the writer may write has a form in which the reader takes it."""
        olds, news = list(_forms(old, self._roots[0])), list(_forms(new, self._roots[1]))
        writers, readers = (olds, news) if self._way == "heard" else (news, olds)
        for writer in writers:
            fitting = [reader for reader in readers if _fits(_kind(writer), _kind(reader))]
            if not fitting:
                yield self._break(place, f"the type was {_kinds(olds)} and is {_kinds(news)}")
                continue
            pairs = [(writer, reader) if self._way == "heard" else (reader, writer) for reader in fitting]
            yield from min((list(self._form(place, *pair)) for pair in pairs), key=len)

    def _form(self, place: str, old: Schema, new: Schema) -> Iterator[Break]:
        pair = id(old), id(new)
        if pair in self._under_way:
            return
        self._under_way.add(pair)
        yield from self._limits(place, old, new)
        yield from self._choices(place, old, new)
        yield from self._fields(place, old, new)
        yield from self._parts(place, old, new)
        self._under_way.discard(pair)

    def _parts(self, place: str, old: Schema, new: Schema) -> Iterator[Break]:
        """Entries of a list, shapes joined into one, and whatever this comparison has no rule for."""
        if "items" in old or "items" in new:
            yield from self.values(f"{place}[]", old.get("items", {}), new.get("items", {}))
        understood = set(UNDERSTOOD)
        for keyword in PAIRWISE:
            before, after = old.get(keyword, ()), new.get(keyword, ())
            if len(before) == len(after):
                understood.add(keyword)
                for was, now in zip(before, after, strict=True):
                    yield from self.values(place, was, now)
        for keyword in sorted((old.keys() | new.keys()) - understood):
            if old.get(keyword) != new.get(keyword):
                yield self._break(place, f"`{keyword}` changed, and what that does to readers is not known")

    def _limits(self, place: str, old: Schema, new: Schema) -> Iterator[Break]:
        writer, reader = (old, new) if self._way == "heard" else (new, old)
        for keyword in (*AT_LEAST, *AT_MOST, *EXACTLY):
            if not _within(keyword, writer.get(keyword), reader.get(keyword)):
                yield self._break(place, f"`{keyword}` was {_said(old, keyword)} and is {_said(new, keyword)}")

    def _choices(self, place: str, old: Schema, new: Schema) -> Iterator[Break]:
        before, after = _allowed(old), _allowed(new)
        if before is not None and after is not None:
            gone = [value for value in before if value not in after]
            fresh = [value for value in after if value not in before]
            if gone and self._way == "heard":
                yield self._break(place, f"the value {_listed(gone)} is gone")
            if fresh and self._way == "said":
                yield self._break(place, f"the value {_listed(fresh)} is new")
        elif before is None and after is not None and self._way == "heard":
            yield self._break(place, f"only {_listed(after)} is taken now")
        elif before is not None and after is None and self._way == "said":
            yield self._break(place, f"it was one of {_listed(before)} and is now any value")

    def _fields(self, place: str, old: Schema, new: Schema) -> Iterator[Break]:
        before, after = _properties(old), _properties(new)
        had_to, must = set(old.get("required", ())), set(new.get("required", ()))
        for name in before:
            where = _inside(place, name)
            if name not in after:
                yield self._break(where, "the field is gone")
                continue
            if name in must - had_to and self._way == "heard":
                yield self._break(where, "the field was optional and is required", "keep it optional")
            if name in had_to - must and self._way == "said":
                yield self._break(where, "the field was required and is optional", "keep it required")
            was, now = _said(before[name], "default"), _said(after[name], "default")
            if "default" in before[name] and name not in must and was != now:
                yield self._break(where, f"absent meant {was} and means {now}", "keep the default")
            yield from self.values(where, before[name], after[name])
        if self._way == "heard":
            for name in sorted((after.keys() & must) - before.keys()):
                yield self._break(_inside(place, name), "the field is new and required", "add it as optional")
        yield from self._others(place, old, new)

    def _others(self, place: str, old: Schema, new: Schema) -> Iterator[Break]:
        """Fields without a name of their own: the entries of a map, or what nobody knows."""
        before, after = old.get("additionalProperties", True), new.get("additionalProperties", True)
        if isinstance(before, Mapping) or isinstance(after, Mapping):
            yield from self.values(_inside(place, "*"), _as_schema(before), _as_schema(after))
        elif after is False and before is True and self._way == "heard":
            yield self._break(place, "unknown fields were ignored and are refused", "ignore them")

    def _break(self, place: str, what: str, instead: str | None = None) -> Break:
        return self._breaks(place=place, what=what, instead=instead or self._instead)


def _forms(schema: Schema, root: Schema) -> Iterator[Schema]:
    """The alternatives that a schema allows, each of one type."""
    if "$ref" in schema:
        yield from _forms(_resolved(schema["$ref"], root), root)
    elif alternatives := schema.get("anyOf") or schema.get("oneOf"):
        for alternative in alternatives:
            yield from _forms(alternative, root)
    elif isinstance(schema.get("type"), list):
        for kind in schema["type"]:
            yield {**schema, "type": kind}
    else:
        yield schema


def _resolved(ref: str, root: Schema) -> Schema:
    """What a `$ref` within one document points to. Raises KeyError when nothing is there."""
    found: Any = root
    for step in ref.removeprefix("#/").split("/"):
        found = found[step.replace("~1", "/").replace("~0", "~")]
    target: Schema = found
    return target


def _kind(form: Schema) -> str | None:
    kind: str | None = form.get("type")
    return kind


def _kinds(forms: Iterable[Schema]) -> str:
    return " or ".join(dict.fromkeys(_kind(form) or "anything" for form in forms))


def _fits(writer: str | None, reader: str | None) -> bool:
    return reader is None or writer == reader or (writer, reader) == ("integer", "number")


def _within(keyword: str, written: Any, read: Any) -> bool:
    """The reader's limit, if it has one, holds for all that the writer's limit allows."""
    if read is None or written == read:
        return True
    if written is None or keyword in EXACTLY:
        return False
    return bool(written >= read if keyword in AT_LEAST else written <= read)


def _properties(form: Schema) -> dict[str, Schema]:
    """Every field that a form names, those among them that it requires and says nothing else about."""
    return {**{name: {} for name in form.get("required", ())}, **form.get("properties", {})}


def _allowed(form: Schema) -> list[Any] | None:
    """The closed list of values, if there is one."""
    if "const" in form:
        return [form["const"]]
    return list(form["enum"]) if "enum" in form else None


def _as_schema(others: Any) -> Schema:
    return others if isinstance(others, Mapping) else {}


def _said(schema: Schema, keyword: str) -> str:
    return repr(schema[keyword]) if keyword in schema else "not said"


def _listed(values: Iterable[Any]) -> str:
    return ", ".join(map(repr, values))


def _inside(place: str, name: str) -> str:
    return f"{place}.{name}" if ": " in place else f"{place}: {name}"
