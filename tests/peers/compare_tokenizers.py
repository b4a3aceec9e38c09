#!/usr/bin/env python3
"""Our token ids against Hugging Face's `tokenizers`, run by hand (CI does not need it): pip install tokenizers, then
    tests/peers/compare_tokenizers.py build/foundry TOKENIZER_DIR [TEXT_FILE...]
Mixed random text in many scripts and the files are encoded by both; ids must be equal and the text must come back."""
import random, subprocess, sys, tempfile

try:
    from tokenizers import Tokenizer
except ImportError:
    print("SKIPPED: Hugging Face's tokenizers is not installed (pip install tokenizers): nothing was compared", file=sys.stderr)
    sys.exit(0)


def mixed(seed):
    rng = random.Random(seed)
    pools = [list(range(32, 127)), [9, 10, 13, 32, 39], [0x85, 0xA0, 0x1680, 0x180E, 0x2003, 0x200B, 0x2028, 0x3000],
             list(range(0xC0, 0x250)), list(range(0x300, 0x340)), list(range(0x400, 0x450)), list(range(0x660, 0x66A)),
             list(range(0x3040, 0x30FF)), list(range(0x4E00, 0x5000)), list(range(0xAC00, 0xAC80)), list(range(0x1F600, 0x1F640))]
    words = ["don't ", "we'll", "I'M ", "'s", "  ", "\n\n", " 1234", "...", "<|endoftext|>", "the ", "山水"]
    out = []
    for _ in range(20000):
        pool = rng.choice(pools)
        out.append(rng.choice(words) if rng.random() < 0.2 else "".join(chr(rng.choice(pool)) for _ in range(rng.randint(1, 8))))
    return "".join(out) + "a" * 20000


def main(foundry, folder, *files):
    peer = Tokenizer.from_file(folder + "/tokenizer.json")
    peer.encode_special_tokens = True  # special tokens in text are text
    if peer.decoder is not None and "Fuse" in str(peer.decoder):
        known = {k for k in peer.get_vocab() if len(k) == 1}
        texts = {"characters": "".join(random.Random(1).choices(sorted(known), k=50000))}
    else:
        texts = {f"mixed text {seed}": mixed(seed) for seed in range(3)}
    texts.update({name: open(name, newline="", encoding="utf-8").read() for name in files})
    bad = 0
    for name, text in texts.items():
        with tempfile.NamedTemporaryFile() as f:
            f.write(text.encode())
            f.flush()
            ours = [int(x) for x in subprocess.run([foundry, "tokenizer", "encode", folder, "--file", f.name], check=True,
                                                   capture_output=True).stdout.split()]
        theirs = peer.encode(text, add_special_tokens=False).ids
        back = peer.decode(ours, skip_special_tokens=False) == text
        print(f"{name}: {len(ours)} ids, {'equal' if ours == theirs else 'DIFFERENT'}, text {'comes back' if back else 'DOES NOT COME BACK'}")
        bad += ours != theirs or not back
    return bad > 0


if __name__ == "__main__":
    if len(sys.argv) < 3:
        sys.exit(__doc__)
    sys.exit(main(*sys.argv[1:]))
