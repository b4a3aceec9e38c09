#!/usr/bin/env python3
"""Every component of tokenizer.json that we do, against Hugging Face's `tokenizers`, run by hand (CI does not need it):
    pip install tokenizers; tests/peers/compare_components.py build/foundry
A small vocabulary is trained there for each stack of components; ids of mixed text must be equal, after our own save and load, too, and
decoding must give the same text."""
import json, os, subprocess, sys, tempfile

try:
    from tokenizers import AddedToken, Regex, Tokenizer, decoders as D, models as M, normalizers as N, pre_tokenizers as P
    from tokenizers import processors as X, trainers as T
except ImportError:
    print("SKIPPED: Hugging Face's tokenizers is not installed (pip install tokenizers): nothing was compared", file=sys.stderr)
    sys.exit(0)
from compare_tokenizers import mixed

QWEN2 = (r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+")
LLAMA3 = QWEN2.replace(r"|\p{N}|", r"|\p{N}{1,3}|")
CASED = (r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+@|"
         r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*@|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|"
         r"\s*[\r\n]+|\s+(?!\S)|\s+")
V3 = ["\\p{N}{1,3}", "[一-龥\u3040-ゟ゠-ヿ]+", "[!\"#$%&'()*+,\\-./:;<=>?@\\[\\\\\\]^_`{|}~][A-Za-z]+|[^\r\n\\p{L}\\p{P}\\p{S}]?[\\p{L}\\p{M}]+|"
      " ?[\\p{P}\\p{S}]+[\r\n]*|\\s*[\r\n]+|\\s+(?!\\S)|\\s+"]


def split(*regexes, behavior="isolated", invert=False):
    return [P.Split(Regex(r), behavior, invert) for r in regexes]


def level(*steps, prefix=False, regex=False):
    return P.Sequence([*steps, P.ByteLevel(add_prefix_space=prefix, use_regex=regex)])


byte_level = {
    "gpt2": level(regex=True), "gpt2 with a space": level(regex=True, prefix=True), "qwen2": level(*split(QWEN2)),
    "llama3": level(*split(LLAMA3)), "gpt4o": level(*split(CASED.replace("@", "(?i:'s|'t|'re|'ve|'m|'ll|'d)?"))),
    "tekken": level(*split(CASED.replace("@", "").replace("{1,3}", ""))), "deepseek-v3": level(*split(*V3)),
    "smollm": level(P.Digits(individual_digits=True), regex=True), "digits": level(P.Digits(), regex=True),
    "falcon": P.Sequence([P.Punctuation("contiguous"), P.ByteLevel(add_prefix_space=False), P.Digits(), *split("[0-9][0-9][0-9]")]),
    "own regex": level(*split(r"\p{Han}|[a-z]+|\s|(?=[A-Z])")), "removed": level(*split(r"\s+", behavior="removed")),
    "inverted": level(*split(r"\p{L}+|\p{N}+|[^\p{L}\p{N}]+", behavior="removed", invert=True)),
    "previous": level(*split(r"[aeiou]", behavior="merged_with_previous")), "next": level(*split(r"[aeiou]", behavior="merged_with_next")),
    "contiguous": level(*split(r"[aeiou]", behavior="contiguous")), "string": level(P.Split("e", "merged_with_previous")),
    "punctuation": level(P.Punctuation()), "punctuation removed": level(P.Punctuation("removed")), "whitespace": level(P.Whitespace()),
    "whitespace split": level(P.WhitespaceSplit()), "nothing": level(),
}
for dialect in [r"\w", r"\W+", r"[\w.]", r"\b.", r"\B.", r"[\h]\h", r"\p{Han}", r"\P{Han}\p{^Han}", "[[:alpha:]]", "[[:punct:]]", "[[:upper:][:digit:]]",
                "[[:alnum:]_]", r"[^\s[:word:]]", r"(?m:x.)", r"\u5c71", r"\v|[\b]", "[[:blank:]]+", "[[:cntrl:]]|[[:xdigit:]]{2}"]:
    byte_level["dialect " + dialect] = level(*split(dialect, behavior="removed"))
normalizers = {
    "NFC": N.NFC(), "NFKC": N.NFKC(), "NFD": N.NFD(), "NFKD": N.NFKD(), "lowercase": N.Lowercase(), "strip": N.Strip(),
    "strip left": N.Strip(right=False), "prepend": N.Prepend("x "), "replace": N.Replace("the", "THE"),
    "replace regex": N.Replace(Regex(r" +"), "_"), "sequence": N.Sequence([N.NFKC(), N.Replace(" ", "  "), N.Lowercase()]),
}
spm = N.Sequence([N.Prepend("▁"), N.Replace(" ", "▁")])
text_level = {  # normalizer, pre-tokenizer, decoder
    "llama": (spm, None, D.Sequence([D.Replace("▁", " "), D.ByteFallback(), D.Fuse(), D.Strip(" ", 1, 0)])),
    "metaspace": (None, P.Metaspace(), D.Metaspace()), "metaspace first": (None, P.Metaspace(prepend_scheme="first"), D.Metaspace(prepend_scheme="first")),
    "metaspace whole": (None, P.Metaspace(prepend_scheme="never", split=False), D.Metaspace(prepend_scheme="never")),
}
added = [AddedToken("<|im_start|>", special=True, normalized=False), AddedToken("山水", normalized=True), AddedToken("<l>", lstrip=True, normalized=False),
         AddedToken("<r>", rstrip=True, normalized=False), AddedToken("word", single_word=True, normalized=False), AddedToken("wordy", normalized=False)]
extra = " word words sword wordy 山水山 x <l> y <r>  z<l>\n<r>\n <|im_start|> İstanbul ſ 'ſ 'LL e\u0301\u0323 \u1100\u1161\u11a8 ﬁ ﷺ \u200d1²3½ १२३४ 12345678"


def show(tokenizer, train, vocab=600):
    trainer = T.BpeTrainer(vocab_size=vocab, show_progress=False, special_tokens=["<unk>", "<s>", "</s>"],
                           initial_alphabet=P.ByteLevel.alphabet() if tokenizer.decoder.__class__.__name__ == "ByteLevel" else [])
    tokenizer.train_from_iterator([train], trainer)
    return tokenizer


def stacks(train):
    def byte(pre, normalizer=None, **fields):
        t = Tokenizer(M.BPE(**fields))
        t.pre_tokenizer, t.decoder = pre, D.ByteLevel()
        if normalizer:
            t.normalizer = normalizer
        return show(t, train)
    for name, pre in byte_level.items():
        yield name, byte(pre)
    for name, normalizer in normalizers.items():
        yield "normalizer " + name, byte(byte_level["gpt2"], normalizer)
    for name, (normalizer, pre, decoder) in text_level.items():
        for fallback in (True, False):
            t = Tokenizer(M.BPE(unk_token="<unk>", fuse_unk=True))
            if normalizer:
                t.normalizer = normalizer
            if pre:
                t.pre_tokenizer = pre
            t.decoder = decoder
            t = show(t, train[:60000], 1500)
            if fallback:
                spec = json.loads(t.to_str())
                for byte_value in range(256):
                    spec["model"]["vocab"]["<0x%02X>" % byte_value] = len(spec["model"]["vocab"])
                spec["model"]["byte_fallback"] = True
                t = Tokenizer.from_str(json.dumps(spec))
            yield f"{name}{' with bytes' if fallback else ''}", t
    for name in ("metaspace", "metaspace first"):
        t = Tokenizer(M.Unigram())
        t.normalizer = N.Sequence([N.NFKC(), N.Replace(Regex(" {2,}"), " ")])
        t.pre_tokenizer, t.decoder = text_level[name][1:]
        t.train_from_iterator([train[:60000]], T.UnigramTrainer(vocab_size=4000, show_progress=False, unk_token="<unk>", special_tokens=["<unk>", "<s>"]))
        t.add_tokens(added)
        yield "unigram " + name, t
    for name in ("gpt2", "own regex"):
        t = byte(byte_level[name], N.Sequence([N.NFKC()]), ignore_merges=True)
        t.add_tokens(added)
        t.post_processor = X.TemplateProcessing(single="<s> $A </s>", special_tokens=[("<s>", 1), ("</s>", 2)])
        yield "added tokens, ignore_merges, " + name, t


def ids_of(foundry, folder, file, *flags):
    return [int(x) for x in subprocess.run([foundry, "tokenizer", "encode", folder, "--file", file, *flags], check=True, capture_output=True).stdout.split()]


def main(foundry):
    bad, text = 0, mixed(7)[:40000] + extra
    with tempfile.TemporaryDirectory() as tmp:
        file = tmp + "/text"
        open(file, "w", newline="", encoding="utf-8").write(text)
        for name, peer in stacks(mixed(1)[:100000] + "the cat word 123 " * 2000):
            folder = f"{tmp}/{name.replace(' ', '-')}"
            os.makedirs(folder)
            peer.save(folder + "/tokenizer.json")
            peer.encode_special_tokens = True
            theirs = peer.encode(text, add_special_tokens=False).ids
            try:
                ours = ids_of(foundry, folder, file)
                subprocess.run([foundry, "tokenizer", "convert", folder, "-o", folder + "/again"], check=True, capture_output=True)
                again = ids_of(foundry, folder + "/again", file)
                theirs_again = Tokenizer.from_file(folder + "/again/tokenizer.json")
                theirs_again.encode_special_tokens = True
                back = subprocess.run([foundry, "tokenizer", "decode", folder, "-"], input=" ".join(map(str, ours)).encode(), check=True, capture_output=True).stdout
                same = {"ids": ours == theirs, "saved": again == theirs, "saved, theirs": theirs_again.encode(text, add_special_tokens=False).ids == theirs,
                        "text": back.decode(errors="replace") == peer.decode(ours, skip_special_tokens=False)}
            except subprocess.CalledProcessError as e:
                same = {e.stderr.decode()[:300]: False}
            if name.startswith("unigram") and len(ours) == len(theirs) == len(again):  # cuts of equal probability: sums of other precision
                ties = sum(a != b for a, b in zip(ours, theirs))
                same["ids"] = same["saved"] = same["saved, theirs"] = ties < len(ours) / 1000
            wrong = [k for k, v in same.items() if not v]
            print(f"{name}: {'equal' if not wrong else 'DIFFERENT: ' + ', '.join(wrong)} ({len(theirs)} ids)")
            bad += bool(wrong)
    return bad > 0


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    sys.exit(main(sys.argv[1]))
