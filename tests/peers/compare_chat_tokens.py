#!/usr/bin/env python3
"""Conversations as token ids against transformers' apply_chat_template; run by hand (CI does not need it): pip install transformers jinja2, then
    tests/peers/compare_chat_tokens.py build/foundry DIR ...     the tokenizer.json of each DIR with every template of tests/golden/data/chat
Ids must be equal. (Only ours keep special tokens that a person typed as text: the conversations here contain none.)"""
import glob, json, os, subprocess, sys, tempfile

try:
    from transformers import PreTrainedTokenizerFast
except ImportError:
    print("SKIPPED: transformers is not installed (pip install transformers jinja2): nothing was compared", file=sys.stderr)
    sys.exit(0)

TEMPLATES = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../golden/data/chat")
CONVERSATIONS = [
    [{"role": "user", "content": "x"}],
    [{"role": "user", "content": "Hello  there\n\nworld"}, {"role": "assistant", "content": " I'm fine, and you?"}, {"role": "user", "content": "  \n1234 狐狸 "}],
    [{"role": "system", "content": "Be brief. 简短"}, {"role": "user", "content": "def f(x):\n\treturn x"}],
]


def ours(foundry, folder, conversation):
    with tempfile.NamedTemporaryFile("w", suffix=".json") as f:
        json.dump(conversation, f)
        f.flush()
        command = [foundry, "chat-template", "render", folder, "--messages", f.name, "--add-generation-prompt", "--tokens", "--json"]
        result = subprocess.run(command, capture_output=True, text=True)
    return json.loads(result.stdout)["tokens"] if result.returncode == 0 else None


def main(foundry, folders):
    differ = compared = 0
    for folder in folders:
        config = json.load(open(os.path.join(folder, "tokenizer_config.json")))
        names = {k: v["content"] if isinstance(v, dict) else v for k, v in config.items() if k in ("bos_token", "eos_token", "unk_token", "pad_token")}
        tokenizer = PreTrainedTokenizerFast(tokenizer_file=os.path.join(folder, "tokenizer.json"), **names)
        for path in sorted(glob.glob(os.path.join(TEMPLATES, "*.jinja"))):
            with tempfile.TemporaryDirectory() as model:
                for name in ("tokenizer.json", "tokenizer_config.json"):
                    os.symlink(os.path.abspath(os.path.join(folder, name)), os.path.join(model, name))
                os.symlink(os.path.abspath(path), os.path.join(model, "chat_template.jinja"))
                for i, conversation in enumerate(CONVERSATIONS):
                    try:
                        ids = tokenizer.apply_chat_template(conversation, chat_template=open(path).read(), add_generation_prompt=True, return_dict=False)
                    except Exception:
                        continue  # a template without system messages, say: compare_jinja.py looks at those
                    compared += 1
                    if ours(foundry, model, conversation) != ids:
                        differ += 1
                        print(f"{folder}, {os.path.basename(path)}, conversation {i}: they say {ids}")
    print(f"{compared} conversations as tokens, {differ} differ from transformers")
    return differ > 0 or compared == 0


if len(sys.argv) < 3:
    sys.exit(__doc__)
sys.exit(main(sys.argv[1], sys.argv[2:]))
