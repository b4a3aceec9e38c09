#!/usr/bin/env python3
"""Our ids and texts against Google's `sentencepiece`, run by hand (CI does not need it): pip install sentencepiece, then
    tests/peers/compare_sentencepiece.py BUILD [MODEL...]           ids of 100,000 random byte strings, all of Unicode, 10 MB of mixed text
    tests/peers/compare_sentencepiece.py BUILD --golden             writes tests/golden/data/sentencepiece anew
    tests/peers/compare_sentencepiece.py BUILD --check MODEL TEXT   a model that foundry has written loads there and gives our ids
Without MODEL, the small models of tests/golden/data/sentencepiece are compared. The vectors are held against us by BUILD/test_sentencepiece."""
import glob, os, random, shutil, subprocess, sys, tempfile

try:
    import sentencepiece as spm
except ImportError:
    print("SKIPPED: sentencepiece is not installed (pip install sentencepiece): nothing was compared", file=sys.stderr)
    sys.exit(0)

HERE = os.path.dirname(os.path.abspath(__file__))
GOLDEN = os.path.join(HERE, "../golden/data/sentencepiece")
POOLS = [range(32, 127), [9, 10, 13, 32, 39], [0x85, 0xA0, 0x1680, 0x2003, 0x200B, 0x2028, 0x3000, 0x2581], range(0xC0, 0x250), range(0x300, 0x340),
         range(0x400, 0x450), range(0x3040, 0x30FF), range(0x4E00, 0x5000), range(0xAC00, 0xAC80), range(0x1100, 0x1200), range(0x1F600, 0x1F640)]
WORDS = ["the ", "  ", "\n\n", " 1234", "...", "<s>", "</s>", "<unk>", "<sep>", "thou", "tho", "\u5c71\u6c34", "\u2581the", "\u2581", "<0x41>", "ab",
         "A\u030a", "\ufb01", "\uff21"]


def mixed(rng, n):
    out = []
    for _ in range(n):
        pools = POOLS if rng.random() < 0.3 else POOLS[:1]
        out.append(rng.choice(WORDS) if rng.random() < 0.3 else "".join(chr(rng.choice(rng.choice(pools))) for _ in range(rng.randint(1, 8))))
    return "".join(out).encode()


def random_bytes(rng):
    n = rng.randint(0, 40)
    if rng.random() < 0.4:
        return bytes(rng.randrange(256) for _ in range(n))
    return bytes(rng.choice(b"abtho \xe2\x96\x81\xff\xc3\xa9\xe5\xb1\xb1\xe6\xb0\xb4<0x41>\x00\n ") for _ in range(n))


def encoded(model, peer, texts):
    """Ids by spm_encode where it is installed (Debian's 0.1.97, whose sums of floats we follow: 0.2 rounds near ties otherwise), else by the package."""
    if not shutil.which("spm_encode"):
        return [peer.encode(text) for text in texts]
    one_line = [text for text in texts if b"\n" not in text]
    lines = subprocess.run(["spm_encode", "--model=" + model, "--output_format=id"], input=b"".join(t + b"\n" for t in one_line),
                           check=True, capture_output=True).stdout.decode().split("\n")
    ids = iter([int(x) for x in line.split()] for line in lines)
    return [peer.encode(text) if b"\n" in text else next(ids) for text in texts]


def vectors(path, model, texts):
    """One line a text: its bytes in hex, the ids, the decoded bytes in hex ("-" where decoding writes what is not in the text)."""
    peer = spm.SentencePieceProcessor(model_file=model)
    with open(path, "w") as f:
        for text, ids in zip(texts, encoded(model, peer, texts)):
            lossy = peer.unk_id() in ids or b"\xef\xbf\xbd" in peer.decode(ids).encode()
            f.write(f"{text.hex()}\t{' '.join(map(str, ids))}\t{'-' if lossy else peer.decode(ids).encode().hex()}\n")


def hold(build, folder):
    done = subprocess.run([os.path.join(build, "test_sentencepiece")], env={**os.environ, "FOUNDRY_SP_VECTORS": folder}, capture_output=True, text=True)
    print(*(line for line in done.stderr.splitlines() if "ERROR" in line), sep="\n", end="\n" * (done.returncode != 0))
    return done.returncode


def compare(build, models):
    rng = random.Random(20)
    unicode = "".join(chr(c) for c in range(1, 0x110000) if not 0xD800 <= c < 0xE000).encode()
    texts = [random_bytes(rng) for _ in range(100000)] + [unicode.replace(b"\n", b"")]
    while sum(map(len, texts)) < 16e6:  # long ones, too: sums of floats decide near ties there
        texts.append(mixed(rng, rng.choice([70, 700, 7000, 70000])).replace(b"\n", b" "))
    texts += [bytes(rng.choice(b"thousael ") for _ in range(n)) for n in (20000, 200000)]
    bad = 0
    for model in models:
        with tempfile.TemporaryDirectory() as folder:
            shutil.copy(model, os.path.join(folder, "peer.model"))
            vectors(os.path.join(folder, "peer.tsv"), model, texts)
            failed = hold(build, folder)
        print(f"{model}: {len(texts)} texts, {sum(map(len, texts)) / 1e6:.1f} MB: {'DIFFERENT' if failed else 'equal'}")
        bad += failed != 0
    return bad > 0


def check(build, model, text):
    ours = subprocess.run([os.path.join(build, "foundry"), "tokenizer", "encode", model, "--file", text], check=True, capture_output=True)
    theirs = spm.SentencePieceProcessor(model_file=model).encode(open(text, "rb").read())
    same = [int(x) for x in ours.stdout.split()] == theirs
    print(f"{model}, {text}: {len(theirs)} ids, {'equal' if same else 'DIFFERENT'}")
    return not same


def golden(build):
    from sentencepiece import sentencepiece_model_pb2 as proto  # needs protobuf
    rng = random.Random(7)
    shutil.rmtree(GOLDEN, ignore_errors=True)
    os.makedirs(GOLDEN)
    with tempfile.TemporaryDirectory() as tmp:
        corpus, rules = os.path.join(tmp, "text"), os.path.join(tmp, "rules.tsv")
        words = ["".join(rng.choice("etaoinshrdlu") for _ in range(rng.randint(1, 6))) for _ in range(400)] + ["thou", "the", "12", "345", "山水", "水山山"]
        with open(corpus, "w") as f:
            for _ in range(3000):
                f.write(" ".join(words[min(int(rng.expovariate(0.02)), 405)] for _ in range(10)) + " " + rng.choice(words[400:]) + ".\n")
        with open(rules, "w") as f:
            f.write("FF21\t41\n41 30A\tC5\n9\t20\nA0\t20\n3000\t20\n7\t\nFB01\t66 69\n200B\t20\n")
        mapped = dict(normalization_rule_tsv=rules)
        plain = dict(normalization_rule_name="identity", remove_extra_whitespaces=False, byte_fallback=True,
                     user_defined_symbols=["<sep>", "tho", "thou", "山水", "ab", "\u2581the"])
        kinds = {"unigram_map": dict(model_type="unigram", vocab_size=150, **mapped), "bpe_map": dict(model_type="bpe", vocab_size=150, **mapped),
                 "unigram_bytes": dict(model_type="unigram", vocab_size=420, **plain),
                 "bpe_bytes": dict(model_type="bpe", vocab_size=420, split_digits=True, allow_whitespace_only_pieces=True, **plain),
                 "unigram_suffix": dict(model_type="unigram", vocab_size=120, treat_whitespace_as_suffix=True, **mapped),
                 "bpe_across": dict(model_type="bpe", vocab_size=150, split_by_whitespace=False, add_dummy_prefix=False, **mapped)}
        for name, options in kinds.items():
            spm.SentencePieceTrainer.train(input=corpus, model_prefix=os.path.join(tmp, name), minloglevel=2, num_threads=1, **options)
            message = proto.ModelProto.FromString(open(os.path.join(tmp, name + ".model"), "rb").read())
            for field in ("input", "model_prefix"):  # paths of this machine
                message.trainer_spec.ClearField(field)
            message.normalizer_spec.ClearField("normalization_rule_tsv")
            open(os.path.join(GOLDEN, name + ".model"), "wb").write(message.SerializeToString())
        for name in ["bpe_map", "unigram_map"]:
            message = proto.ModelProto.FromString(open(os.path.join(GOLDEN, name + ".model"), "rb").read())
            for piece in rng.sample([p for p in message.pieces if p.type == 1], 40):
                piece.type = 5  # unused
            open(os.path.join(GOLDEN, name.replace("map", "unused") + ".model"), "wb").write(message.SerializeToString())
    for model in sorted(glob.glob(GOLDEN + "/*.model")):
        texts = [random_bytes(rng) for _ in range(100)] + [mixed(rng, rng.randint(1, 12)) for _ in range(100)] + [b"", b" ", b"   ", b"\xe2\x96\x81", b"a" * 300]
        texts += [bytes(rng.choice(b"thousael ") for _ in range(600)) for _ in range(3)]  # near ties
        vectors(model.replace(".model", ".tsv"), model, texts)
    return hold(build, GOLDEN)


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    if sys.argv[2:3] == ["--golden"]:
        sys.exit(golden(sys.argv[1]))
    if sys.argv[2:3] == ["--check"]:
        sys.exit(check(sys.argv[1], sys.argv[3], sys.argv[4]))
    sys.exit(compare(sys.argv[1], sys.argv[2:] or sorted(glob.glob(GOLDEN + "/*.model"))))
