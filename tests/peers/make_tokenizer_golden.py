#!/usr/bin/env python3
"""Writes tests/golden/data/tokenizer_components.json: what Hugging Face's `tokenizers` makes of one text with every component of
tokenizer.json that we do. Two small vocabularies (bytes, text) are shared by all cases. Run by hand: pip install tokenizers; then
    tests/peers/make_tokenizer_golden.py > tests/golden/data/tokenizer_components.json"""
import json, sys

from tokenizers import Tokenizer
import compare_components as C

TEXT = ("The cat's word, don't WE'LL 'ſ I'M sword wordy! <l> x  <r>  y\n\n\tx =  12345 ²3½ १२३४५\r\n  end/ /\n 山水，明月。カタ・カナ ひらがな한국어 "
        "e\u0301\u0323 \u1100\u1161\u11a8 ﬁ ﷺ ＡＢ Å a\u200db \u2028\u3000\x01\x02a İstanbul ÀÉaBc ǅungla 😀👨‍👩‍👧 <|im_start|> [x]{y} e_f--g `$+ 1a2b "
        "<s>word</s> ▁x")
TRAIN = "The cat and the word of the sword, don't we'll end: ing ation 123 456 山水明月 山水 the the the\n  x = x + 1\n" * 40


def parts(spec):
    return {k: spec[k] for k in ("added_tokens", "normalizer", "pre_tokenizer", "post_processor", "decoder") if spec[k] not in (None, [])} | {
        "ignore_merges": spec["model"].get("ignore_merges", False), "byte_fallback": spec["model"].get("byte_fallback", False),
        "fuse_unk": spec["model"].get("fuse_unk", False)}


def main():
    models = {}
    byte = C.show(with_parts(C.M.BPE(), C.byte_level["gpt2"], C.D.ByteLevel()), TRAIN, 340)
    models["bytes"] = json.loads(byte.to_str())["model"]
    text = C.show(with_parts(C.M.BPE(unk_token="<unk>"), C.P.Metaspace(), C.D.Metaspace()), TRAIN, 120)
    models["text"] = json.loads(text.to_str())["model"]
    for value in range(256):
        models["text"]["vocab"]["<0x%02X>" % value] = len(models["text"]["vocab"])
    cases = []
    for name, peer in C.stacks(TRAIN):
        if name.startswith("unigram"):
            continue
        spec = json.loads(peer.to_str())
        kind = "bytes" if "ByteLevel" in str(spec["decoder"]) else "text"
        fields = parts(spec)
        n = len(models[kind]["vocab"])
        added = [t for t in spec["added_tokens"] if t["content"] not in models[kind]["vocab"]]
        fields["added_tokens"] = [t for t in spec["added_tokens"] if t["id"] < 3] + [t | {"id": n + i} for i, t in enumerate(added)]
        for t in spec["added_tokens"][3:]:
            if t not in added:
                fields["added_tokens"].append(t | {"id": models[kind]["vocab"][t["content"]]})
        document = {"version": "1.0", "truncation": None, "padding": None} | {k: fields.get(k) for k in ("added_tokens", "normalizer", "pre_tokenizer", "post_processor", "decoder")}
        document["model"] = models[kind] | {k: fields[k] for k in ("ignore_merges", "byte_fallback", "fuse_unk")}
        peer = Tokenizer.from_str(json.dumps(document))
        ids = {}
        for special in (False, True):
            peer.encode_special_tokens = not special
            ids["special" if special else "plain"] = peer.encode(TEXT, add_special_tokens=False).ids
        around = peer.encode("", add_special_tokens=True).ids
        cases.append({"name": name, "model": kind, "fields": {k: v for k, v in fields.items() if v}, "ids": ids["plain"]}
                     | ({"special": ids["special"]} if ids["special"] != ids["plain"] else {}) | ({"around": around} if around else {}))
    out = ['{"text": ' + json.dumps(TEXT) + ",", '"models": {"bytes": ' + json.dumps(models["bytes"]) + ",", '"text": ' + json.dumps(models["text"]) + "},", '"cases": [']
    print("\n".join(out) + "\n" + ",\n".join(json.dumps(c) for c in cases) + "\n]}")


def with_parts(model, pre, decoder):
    t = Tokenizer(model)
    t.pre_tokenizer, t.decoder = pre, decoder
    return t


if __name__ == "__main__":
    sys.exit(main())
