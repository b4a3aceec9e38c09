#!/usr/bin/env python3
"""Our chat templates against Python's jinja2, set up as transformers sets it up; run by hand (CI does not need it): pip install jinja2, then
    tests/peers/compare_jinja.py build/foundry            the cases of tests/golden/data/chat: jinja2, our binary and what is committed
    tests/peers/compare_jinja.py build/foundry DIR ...     model folders: their templates with the conversations of the golden cases
    tests/peers/compare_jinja.py --update                  write what jinja2 says into the golden cases
Bytes must be equal; where jinja2 raises, we must fail."""
import datetime, json, os, subprocess, sys, tempfile

try:
    import jinja2.ext, jinja2.sandbox
except ImportError:
    print("SKIPPED: jinja2 is not installed (pip install jinja2): nothing was compared", file=sys.stderr)
    sys.exit(0)

GOLDEN = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../golden/data/chat")
DATE = "2024-07-26T18:30:05"


class Generation(jinja2.ext.Extension):
    tags = {"generation"}

    def parse(self, parser):
        line = next(parser.stream).lineno
        body = parser.parse_statements(["name:endgeneration"], drop_needle=True)
        return jinja2.nodes.CallBlock(self.call_method("same"), [], [], body).set_lineno(line)

    def same(self, caller):
        return caller()


def environment():
    def raise_exception(message):
        raise jinja2.exceptions.TemplateError(message)

    def tojson(x, ensure_ascii=False, indent=None, separators=None, sort_keys=False):
        return json.dumps(x, ensure_ascii=ensure_ascii, indent=indent, separators=separators, sort_keys=sort_keys)

    env = jinja2.sandbox.ImmutableSandboxedEnvironment(trim_blocks=True, lstrip_blocks=True, extensions=[Generation, jinja2.ext.loopcontrols])
    env.filters["tojson"] = tojson
    env.filters["from_json"] = json.loads  # not in transformers, but in templates
    env.globals["raise_exception"] = raise_exception
    env.globals["strftime_now"] = lambda f: datetime.datetime.fromisoformat(DATE).strftime(f)
    return env


def theirs(template, case):
    names = dict(case.get("variables", {}), messages=case.get("messages", []), tools=case.get("tools"), documents=None,
                 add_generation_prompt=case.get("add_generation_prompt", False))
    try:
        return environment().from_string(template).render(**names)
    except Exception as e:
        return e


def ours(foundry, folder, case):
    paths = {}
    with tempfile.TemporaryDirectory() as tmp:
        for key in ("messages", "tools"):
            if key == "messages" or case.get(key) is not None:
                paths[key] = os.path.join(tmp, key)
                with open(paths[key], "w", encoding="utf-8") as f:
                    json.dump(case.get(key, []), f)
        command = [foundry, "chat-template", "render", folder, "--messages", paths["messages"], "--date", DATE]
        command += ["--tools", paths["tools"]] if "tools" in paths else []
        command += ["--add-generation-prompt"] if case.get("add_generation_prompt") else []
        for name, value in case.get("variables", {}).items():
            command += ["--var", name + "=" + json.dumps(value)]
        done = subprocess.run(command, capture_output=True)
        return done.stdout.decode() if done.returncode == 0 else RuntimeError(done.stderr.decode().strip())


def golden():
    """(name, template, case, the file it is kept in)"""
    with open(os.path.join(GOLDEN, "features.json"), encoding="utf-8") as f:
        for i, case in enumerate(json.load(f)):
            yield f"features.json[{i}]", case["template"], case
    with open(os.path.join(GOLDEN, "formats.json"), encoding="utf-8") as f:
        formats = json.load(f)
    for case in formats["cases"]:
        with open(os.path.join(GOLDEN, case["format"] + ".jinja"), encoding="utf-8", newline="") as f:
            yield f"{case['format']} with {case['conversation']}", f.read(), dict(formats["conversations"][case["conversation"]], **case)


def same(name, want, got):
    failed = isinstance(want, Exception), isinstance(got, Exception)
    if failed == (True, True) or (failed == (False, False) and want == got):
        return True
    print(f"DIFFERENT: {name}\n  jinja2: {want!r}\n  ours:   {got!r}")
    return False


def compare(foundry, folders):
    bad = n = 0
    for name, template, case in golden():
        want, n = theirs(template, case), n + 1
        with tempfile.TemporaryDirectory() as tmp:
            with open(os.path.join(tmp, "chat_template.jinja"), "w", encoding="utf-8", newline="") as f:
                f.write(template)
            bad += not same(name, want, ours(foundry, tmp, case))
        bad += not same(name + " (committed)", want, RuntimeError() if case.get("expected") is None else case["expected"])
    with open(os.path.join(GOLDEN, "formats.json"), encoding="utf-8") as f:
        conversations = json.load(f)["conversations"]
    for folder in folders:
        with open(os.path.join(folder, "tokenizer_config.json"), encoding="utf-8") as f:
            config = json.load(f)
        path = os.path.join(folder, "chat_template.jinja")
        template = open(path, encoding="utf-8", newline="").read() if os.path.exists(path) else config["chat_template"]
        special = {k: v["content"] if isinstance(v, dict) else v for k, v in config.items() if k.endswith("_token") and v}
        for conversation, case in conversations.items():
            for prompt in (False, True):
                case, n = dict(case, add_generation_prompt=prompt), n + 1
                want = theirs(template, dict(case, variables=dict(special, **case.get("variables", {}))))
                bad += not same(f"{folder} with {conversation}", want, ours(foundry, folder, case))
    print(f"{n} renders, {bad} differences, jinja2 {jinja2.__version__}")
    return bad > 0


def update():
    def expected(template, case):
        text = theirs(template, case)
        return None if isinstance(text, Exception) else text

    path = os.path.join(GOLDEN, "features.json")
    with open(path, encoding="utf-8") as f:
        cases = json.load(f)
    for case in cases:
        case["expected"] = expected(case["template"], case)
    with open(path, "w", encoding="utf-8") as f:
        f.write("[" + ",\n ".join(json.dumps(case, ensure_ascii=False) for case in cases) + "]\n")
    path = os.path.join(GOLDEN, "formats.json")
    with open(path, encoding="utf-8") as f:
        formats = json.load(f)
    for (_, template, case), kept in zip((g for g in golden() if "format" in g[2]), formats["cases"]):
        kept["expected"] = expected(template, case)
    with open(path, "w", encoding="utf-8") as f:
        f.write('{"conversations": {' + ",\n  ".join(f"{json.dumps(k)}: {json.dumps(v, ensure_ascii=False)}" for k, v in formats["conversations"].items()))
        f.write('},\n "cases": [' + ",\n  ".join(json.dumps(case, ensure_ascii=False) for case in formats["cases"]) + "]}\n")


if __name__ == "__main__":
    sys.exit(update() if sys.argv[1:] == ["--update"] else compare(sys.argv[1], sys.argv[2:]))
