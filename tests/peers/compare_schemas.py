#!/usr/bin/env python3
"""Grammars of JSON Schemas against Python's jsonschema; run by hand (CI does not need it): pip install jsonschema, then
    cmake --build build --target peer_schema && tests/peers/compare_schemas.py build/peer_schema [N]
Of every schema below, and of many put together at random, N random texts that the grammar lets through must be JSON that jsonschema accepts,
and documents that we know to be written plainly must get through. Dates and times are held against datetime."""
import datetime, json, os, random, re, subprocess, sys, tempfile, uuid

try:
    import jsonschema
except ImportError:
    print("SKIPPED: jsonschema is not installed (pip install jsonschema): nothing was compared", file=sys.stderr)
    sys.exit(0)

# schema, documents that must get through, documents that must not
CASES = [
    ({}, [1, "a", None, True, [1, {"a": []}], {"a": {"b": 1.5}}], []),
    ({"type": "string"}, ["", "a\"b\\\n\t", "山水😀"], [1, None]),
    ({"type": ["integer", "null"]}, [0, -5, 123, None], [1.5, "a"]),
    ({"type": "string", "minLength": 2, "maxLength": 4}, ["ab", "山水", "abcd", "😀😀"], ["a", "abcde", ""]),
    ({"type": "string", "maxLength": 5000}, ["a" * 5000], ["a" * 5001]),
    ({"enum": ["red", "green", 1, 1.5, None, {"a": [1, "x"]}, True]}, ["red", 1, 1.5, None, {"a": [1, "x"]}, True], ["blue", 2, False]),
    ({"type": "string", "enum": ["a", 1]}, ["a"], [1]),
    ({"const": "x\"y"}, ["x\"y"], ["x"]),
    ({"type": "object", "properties": {"a": {"type": "integer"}, "b": {"type": "string"}}, "required": ["a", "b"]},
     [{"a": 1, "b": "x"}], [{"a": 1}, {"b": "x"}, {"a": 1, "b": "x", "c": 1}, {"b": "x", "a": 1}]),
    ({"properties": {"a": {"type": "integer"}, "b": {"type": "string"}, "c": {"type": "null"}}, "required": ["b"]},
     [{"a": 1, "b": "x"}, {"b": "x"}, {"b": "x", "c": None}, {"a": 1, "b": "x", "c": None}], [{}, {"a": 1}, {"a": 1, "c": None}]),
    ({"properties": {"a": {"type": "integer"}, "b": {"type": "string"}, "c": {"type": "null"}}},
     [{}, {"a": 1}, {"c": None}, {"a": 1, "c": None}, {"b": ""}], [{"d": 1}]),
    ({"properties": {"name": {"type": "integer"}, "next": {"type": "integer"}, "na": {}}, "additionalProperties": {"type": "boolean"}},
     [{"name": 1, "other": True}, {"n": True}, {"nam": False, "names": True, "": True}, {}, {"na": "x"}], [{"name": True}, {"x": 1}, {"next": False}]),
    ({"properties": {"a": {"type": "integer"}}, "required": ["a", "z"], "additionalProperties": True}, [{"a": 1, "z": 2, "y": 3}, {"a": 1, "z": []}], [{"a": 1}]),
    ({"properties": {"a": {"type": "integer"}}, "required": ["a", "z"]}, [{"a": 1, "z": {"q": 1}}], [{"a": 1}]),
    ({"type": "object", "additionalProperties": {"type": "integer"}}, [{}, {"a": 1, "b\n": 2}], [{"a": "x"}]),
    ({"type": "object", "additionalProperties": False}, [{}], [{"a": 1}]),
    ({"properties": {"山/水~": {"type": "integer"}, "q\"": {"type": "integer"}}, "additionalProperties": {"type": "string"}}, [{"山/水~": 1, "q\"": 2, "x": "y"}, {"山": "y"}], [{"山/水~": "a"}]),
    ({"type": "array", "items": {"type": "integer"}, "minItems": 2, "maxItems": 4}, [[1, 2], [1, 2, 3, 4]], [[1], [1, 2, 3, 4, 5], [], ["a", "b"]]),
    ({"type": "array"}, [[], [1, "a", []]], [{}]),
    ({"items": {"type": "null"}}, [[], [None], [None] * 7], [[1]]),
    ({"maxItems": 0, "type": "array"}, [[]], [[1]]),
    ({"prefixItems": [{"type": "integer"}, {"type": "string"}, {"type": "null"}]}, [[], [1], [1, "a"], [1, "a", None]], [["a"], [1, 2]]),
    ({"prefixItems": [{"type": "integer"}, {"type": "string"}], "items": {"type": "boolean"}, "minItems": 2}, [[1, "a"], [1, "a", True, False]], [[1], [1, "a", 3]]),
    ({"prefixItems": [{"type": "integer"}], "items": {"type": "boolean"}, "minItems": 2, "maxItems": 3}, [[1, True], [1, True, True]], [[1], [1, True, True, True]]),
    ({"prefixItems": [{"type": "integer"}, {"type": "string"}, {"type": "null"}], "items": False, "maxItems": 2, "minItems": 1}, [[1], [1, "a"]], [[], [1, "a", None]]),
    ({"anyOf": [{"type": "integer"}, {"type": "array", "items": {"$ref": "#"}}]}, [1, [1, [2, [], 3]]], ["a"]),
    ({"oneOf": [{"const": 1}, {"type": "string"}]}, [1, "a"], [2]),
    ({"allOf": [{"type": "integer", "minimum": 3}]}, [3, 44], [2]),
    ({"allOf": [{"$ref": "#/$defs/a"}, {"properties": {"y": {"type": "string"}}, "required": ["y"]}], "$defs": {"a": {"properties": {"x": {"type": "integer"}}, "required": ["x"]}}},
     [{"x": 1, "y": "z"}], [{"x": 1}, {"y": "z"}]),
    ({"properties": {"z": {"type": "null"}}, "allOf": [{"properties": {"x": {"type": "integer"}}, "allOf": [{"required": ["z"]}]}]}, [{"z": None, "x": 1}, {"z": None}], [{"x": 1}]),
    ({"$ref": "#/$defs/node", "$defs": {"node": {"type": "object", "properties": {"v": {"type": "integer"}, "next": {"anyOf": [{"$ref": "#/$defs/node"}, {"type": "null"}]}}, "required": ["v", "next"]}}},
     [{"v": 1, "next": {"v": 2, "next": None}}], [{"v": 1}]),
    ({"$ref": "#/definitions/a~1b/anyOf/1", "definitions": {"a/b": {"anyOf": [{}, {"type": "boolean"}]}}}, [True], [1]),
    ({"type": "integer", "anyOf": [{"type": "number", "minimum": 2}, {"enum": [1, 1.5]}]}, [1, 2, 77], [1.5]),
    ({"type": "string", "format": "date"}, ["2024-02-28", "1999-12-31", "2024-06-30"], ["2024-13-01", "2024-06-31", "2024-02-30"]),
    ({"type": "string", "format": "time"}, ["23:59:59Z", "00:00:00.5+01:00"], ["24:00:00Z", "10:00:00"]),
    ({"type": "string", "format": "date-time"}, ["2024-02-28T10:00:00Z"], ["2024-02-28"]),
    ({"type": "string", "format": "uuid"}, ["123e4567-e89b-12d3-a456-426614174000"], ["123e4567"]),
    ({"title": "T", "description": "d", "default": 3, "examples": [1], "$schema": "https://json-schema.org/draft/2020-12/schema", "$comment": "c", "type": "integer"}, [3], ["a"]),
]
for lo, hi in [(0, 9), (0, 10), (1, 100), (5, 5), (-5, 5), (-100, -7), (17, 2345), (99, 101), (0, 1), (-1, 0), (1000, 999999), (123456, 7654321), (-12, 340)]:
    inside = sorted({lo, hi, (lo + hi) // 2, lo + (hi > lo), hi - (hi > lo)})
    outside = [lo - 1, hi + 1, lo - 100, hi * 10 + 100]
    CASES.append(({"type": "integer", "minimum": lo, "maximum": hi}, inside, [x for x in outside if not lo <= x <= hi]))
    CASES.append(({"type": "integer", "exclusiveMinimum": lo - 1, "exclusiveMaximum": hi + 0.5}, inside, [x for x in outside if not lo <= x <= hi]))
    CASES.append(({"type": "number", "minimum": lo, "maximum": hi}, inside + [lo + (hi - lo) / 4], [x for x in outside if not lo <= x <= hi]))
for lo, hi in [(0.5, 1.25), (-0.75, 0.125), (0.001, 0.1), (-3.5, -1.25), (9.99, 10.01), (1e-7, 1e7), (0.1, 0.3)]:
    CASES.append(({"type": "number", "minimum": lo, "maximum": hi}, [lo, hi, (lo + hi) / 2], [lo - 0.01, hi + 0.01]))
    CASES.append(({"type": "number", "exclusiveMinimum": lo, "exclusiveMaximum": hi}, [(lo + hi) / 2], [lo, hi]))
for key, at in [("minimum", 7), ("minimum", -7), ("maximum", 7), ("maximum", -7), ("minimum", 0), ("maximum", 0), ("minimum", 12.5), ("maximum", -0.5)]:
    above = key == "minimum"
    good, bad = [at + 1, at + 100, 10**9], [at - 1, at - 100, -(10**9)]
    for kind in ("integer", "number"):
        fix = lambda l: [int(x) if kind == "integer" else x for x in l]
        g, b = (fix(good), fix(bad)) if above else (fix(bad), fix(good))
        ok = lambda x: x >= at if above else x <= at
        CASES.append(({"type": kind, key: at}, [x for x in g if ok(x)], [x for x in b if not ok(x)]))
        e = "exclusive" + key.title()
        CASES.append(({"type": kind, e: at}, [x for x in g if ok(x) and x != at], [x for x in b if not ok(x)] + [at]))
PATTERNS = [
    ("^[a-z]{2,4}$", ["ab", "abcd"], ["a", "abcde", "AB"]),
    ("^\\d{3}-\\d{4}$", ["123-4567"], ["1234567"]),
    ("abc", ["xabcx", "abc"], ["ab"]),
    ("^a|b$", ["ax", "xb", "a"], ["xa", "bx"]),
    ("^(foo|ba(r|z))+$", ["foo", "barbazfoo"], ["ba"]),
    ("^[^\"\\\\]*$", ["abc é"], ["\""]),
    ("^\\w+\\s\\S\\D\\W$", ["ab xy!"], ["ab"]),
    ("^\\(\\)\\.\\$\\\\\\/$", ["().$\\/"], ["x"]),
    ("^.?\\n\\t$", ["a\n\t", "\n\t"], ["a"]),
    ("^(?:a*?b+?){2}[\\]\\-x]$", ["aabbx", "bb]", "bb-"], ["b"]),
    ("^\\u0041\\x42[\\u4e00-\\u9fff]$", ["AB山"], ["AB"]),
    ("", ["", "anything"], []),
    ("^$", [""], ["a"]),
    ("^[\\w.+-]+@[\\w-]+\\.[a-z]{2,}$", ["a.b@c-d.org"], ["a@b"]),
]
for pattern, good, bad in PATTERNS:
    CASES.append(({"type": "string", "pattern": pattern}, good, bad))

REFUSED = [
    ({"type": "integer", "multipleOf": 2}, "multipleOf"), ({"properties": {"a": {"patternProperties": {}}}}, "#/properties/a"), ({"not": {}}, "\"not\""),
    ({"type": "array", "uniqueItems": True}, "uniqueItems"), ({"type": "array", "items": [{}]}, "prefixItems"), ({"propertie": {}}, "did you mean"),
    ({"$ref": "#/$defs/x"}, "points at nothing"), ({"$ref": "other.json"}, "begins with #/"), ({"$ref": "#"}, "refers to itself"),
    ({"$ref": "#/$defs/a", "$defs": {"a": {"anyOf": [{"$ref": "#/$defs/b"}, {"type": "null"}]}, "b": {"allOf": [{"$ref": "#/$defs/a"}]}}}, "refers to itself"),
    ({"type": "integer", "minimum": 5, "maximum": 4}, "no number"), ({"type": "integer", "minimum": 1e30}, "18 digits"), ({"type": "strin"}, "type must be"),
    ({"type": "string", "minLength": 5, "maxLength": 4}, "above maxLength"), ({"type": "string", "maxLength": -1}, "at least 0"), ({"type": "string", "maxLength": 10**6}, "65536"),
    ({"type": "string", "pattern": "(?=a)"}, "byte 0"), ({"type": "string", "pattern": "a\\b"}, "escape"), ({"type": "string", "pattern": "(a"}, "no )"), ({"type": "string", "pattern": "a)"}, "without its ("),
    ({"type": "string", "pattern": "a", "minLength": 3}, "only one of"), ({"type": "string", "format": "email"}, "date-time and uuid"),
    ({"enum": []}, "list of values"), ({"type": "null", "const": 3}, "no value of"), ({"anyOf": [{}], "properties": {}}, "properties beside anyOf"),
    ({"properties": {"a": False}, "required": ["a"]}, "not allowed"), ({"items": {"anyOf": [False]}}, "no value"), ({"properties": {"a": 3}}, "a schema must be"),
    ({"allOf": [{"properties": {"a": {}}}, {"properties": {"a": {"type": "null"}}}]}, "two parts of allOf"), ({"allOf": [{"type": "string"}, {"minLength": 3}]}, "joins objects only"),
    ({"required": ["a"], "additionalProperties": False}, "not allowed, but listed or required"),
]

FORMATS = {"date": lambda s: datetime.date.fromisoformat(s), "uuid": lambda s: uuid.UUID(s),
           "time": lambda s: datetime.datetime.fromisoformat("2000-01-01T" + re.sub(r"\.(\d{1,6})\d*", lambda m: "." + m[1].ljust(6, "0"), s).replace("Z", "+00:00")),
           "date-time": lambda s: datetime.datetime.fromisoformat(re.sub(r"\.(\d{1,6})\d*", lambda m: "." + m[1].ljust(6, "0"), s).replace("Z", "+00:00"))}


def invent(r, depth=0):
    """A random schema of the supported kind."""
    kind = r.choice(["string", "integer", "number", "boolean", "null", "enum", "const"] + ["object", "array", "anyOf", "allOf", "tuple"] * (depth < 4))
    sub = lambda: invent(r, depth + 1)
    if kind == "string":
        return {"type": "string", **r.choice([{}, {"minLength": r.randrange(4)}, {"maxLength": r.randrange(9)}, {"minLength": 2, "maxLength": 2 + r.randrange(5)}, {"pattern": r.choice(PATTERNS)[0]}, {"format": r.choice(list(FORMATS))}])}
    if kind in ("integer", "number"):
        scale = 10.0 ** r.randrange(-3, 7)
        a, b = sorted(round(r.uniform(-scale, scale), r.randrange(5)) for _ in range(2))
        if kind == "integer":
            a, b = int(a), int(b)
        return {"type": kind, **r.choice([{}, {"minimum": a}, {"maximum": b}, {"minimum": a, "maximum": b}, {"exclusiveMinimum": a, "exclusiveMaximum": b + 2}, {"exclusiveMinimum": a, "minimum": a - 1}])}
    if kind in ("boolean", "null"):
        return {"type": kind}
    if kind == "enum":
        return {"enum": [r.choice([1, 2.5, "a", "é\"", None, True, [1, []], {"k": "v"}]) for _ in range(1 + r.randrange(3))]}
    if kind == "const":
        return {"const": r.choice(["x", 12, -0.001, [], {}])}
    if kind == "array":
        return {"type": "array", "items": sub(), **r.choice([{}, {"minItems": r.randrange(3)}, {"maxItems": r.randrange(4)}, {"minItems": 1, "maxItems": 3}])}
    if kind == "tuple":
        return {"prefixItems": [sub() for _ in range(1 + r.randrange(4))], "type": "array", **r.choice([{}, {"items": sub()}, {"items": False}]), **r.choice([{}, {"minItems": 1}])}
    if kind == "anyOf":
        return {r.choice(["anyOf"]): [sub() for _ in range(1 + r.randrange(3))]}
    names = r.sample(["a", "ab", "abc", "b", "山", "山水", "q\"", "", "x y"], r.randrange(6))
    plain = lambda n: {"type": "object", "properties": {k: sub() for k in n}, "required": [k for k in n if r.random() < 0.4]}
    if kind == "allOf":
        half = r.randrange(len(names) + 1)
        return {"allOf": [plain(names[:half]), plain(names[half:])]}
    return {**plain(names), **r.choice([{}, {"additionalProperties": True}, {"additionalProperties": False}, {"additionalProperties": sub()}])}


def run(tool, schema, lines=None, n=0, seed=0):
    with tempfile.TemporaryDirectory() as tmp:
        path = os.path.join(tmp, "s.json")
        json.dump(schema, open(path, "w"))
        args = [tool, path] + ([str(n), str(seed)] if lines is None else [])
        return subprocess.run(args, input="".join(json.dumps(x) + "\n" for x in lines or []), capture_output=True, text=True)


failures = texts = schemas = 0


def wrong(what, schema, text):
    global failures
    failures += 1
    print(f"WRONG: {what}\n  schema {json.dumps(schema)[:600]}\n  text   {text!r}"[:1500])


def in_ascii(pattern):
    """\\d and \\w mean ASCII in ECMA-262, but not in Python."""
    sets = {"d": "0-9", "w": "A-Za-z0-9_"}

    def spell(m):
        if m[1] == "[":  # a class: its letters stand inside
            return re.sub(r"\\(.)", lambda e: sets.get(e[1], e[0]), m[0])
        return "[" + "^" * m[2].isupper() + sets[m[2].lower()] + "]" if m[2] and m[2].lower() in sets else m[0]

    return re.sub(r"(\[)(?:\\.|[^\]\\])*\]|\\(.)", spell, pattern)


def search(validator, pattern, instance, schema):
    if isinstance(instance, str) and not re.search(in_ascii(pattern), instance):
        yield jsonschema.ValidationError(f"{instance!r} does not match {pattern!r}")


Validator = jsonschema.validators.extend(jsonschema.Draft202012Validator, {"pattern": search})


def check_texts(tool, schema, n, seed):
    global texts, schemas
    out = run(tool, schema, n=n, seed=seed)
    if out.returncode:
        return wrong(out.stderr.strip(), schema, "")
    schemas += 1
    checker = jsonschema.FormatChecker(formats=())
    for name, call in FORMATS.items():
        checker.checks(name, raises=ValueError)(lambda s, call=call: not isinstance(s, str) or bool(call(s)) or True)
    validator = Validator(schema, format_checker=checker)
    for line in filter(None, out.stdout.split("\n")):  # splitlines() also cuts at U+2028
        text = json.loads(line)
        texts += 1
        try:
            validator.validate(json.loads(text))
        except (ValueError, jsonschema.ValidationError) as e:
            wrong(str(e).splitlines()[0], schema, text)
            break


def main():
    tool, n = sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 100
    for i, (schema, good, bad) in enumerate(CASES):
        check_texts(tool, schema, n, i)
        spell = lambda x: [json.dumps(x, ensure_ascii=False), json.dumps(x, ensure_ascii=False, indent=2), json.dumps(x, ensure_ascii=False, separators=(",", ":"))]
        asked = [(t, True) for x in good for t in spell(x)] + [(t, False) for x in bad for t in spell(x)]
        asked = [(t, w) for t, w in asked if "e" not in t or not re.fullmatch(r"[-+.\de]+", t)]
        out = run(tool, schema, [t for t, _ in asked])
        for (text, want), got in zip(asked, out.stdout.split()):
            if (got == "2") != want:
                wrong(f"answer {got}", schema, text)
    for schema, words in REFUSED:
        out = run(tool, schema, n=1)
        if out.returncode != 1 or words not in out.stderr or "s.json: #" not in out.stderr:
            wrong(f"not refused with {words}: {out.stderr.strip()}", schema, out.stdout)
    for seed in range(4 * n):
        schema = invent(random.Random(seed))
        check_texts(tool, schema, 20, seed)
    print(f"{schemas} schemas, {texts} texts, {len(REFUSED)} refusals: {failures} wrong")
    return failures > 0


sys.exit(main())
