#!/usr/bin/env python3
"""Our logits against llama.cpp's on GGUF files that we write, run by hand (CI does not need it): pip install llama-cpp-python numpy, then
    tests/peers/compare_llama_cpp.py build/foundry build/peer_logits            # every golden model, exported as f32 and q8_0
    tests/peers/compare_llama_cpp.py build/foundry build/peer_logits DIR...     # model folders of ours
    tests/peers/compare_llama_cpp.py build/foundry --tokenizers TEXT PATH...    # ids of a text by tokenizers, each written as GGUF
Relative error of the logits at most 1e-3 in f32; llama.cpp rounds activations before it multiplies them with q8_0, so there it is 0.1. What
GGUF cannot say (a window in llama's architecture, dynamic scaling) is compared within the tokens where it makes no difference, and Gemma's
scores are divided by the root of the head's width, as llama.cpp always does. The split rules gpt4o and tekken are approximated there (a letter is
upper case unless it is a-z, marks are no letters): ids differ in texts with such letters."""
import ctypes, glob, json, os, shutil, subprocess, sys, tempfile

try:
    import llama_cpp
    import numpy as np
except ImportError as missing:
    print(f"SKIPPED: {missing.name} is not installed (pip install llama-cpp-python numpy): nothing was compared", file=sys.stderr)
    sys.exit(0)

SAME_UNTIL = {"mistral": 11, "llama_dynamic": 16, "phi3": 11}  # tokens
BOUND = {"f32": 1e-3, "q8_0": 0.1}


@ctypes.CFUNCTYPE(None, ctypes.c_int, ctypes.c_char_p, ctypes.c_void_p)
def quiet(level, text, user):
    if os.environ.get("VERBOSE"):
        sys.stderr.write(text.decode(errors="replace"))


def theirs(path, ids):
    params = llama_cpp.llama_model_default_params()
    model = llama_cpp.llama_model_load_from_file(path.encode(), params)
    if not model:
        return None
    context = llama_cpp.llama_context_default_params()
    context.n_ctx, context.n_batch, context.n_ubatch, context.n_threads, context.n_threads_batch = 64, 64, 64, 1, 1
    context.type_k = context.type_v = 0  # f32
    context.flash_attn_type = 0
    ctx = llama_cpp.llama_init_from_model(model, context)
    vocab = llama_cpp.llama_vocab_n_tokens(llama_cpp.llama_model_get_vocab(model))
    batch = llama_cpp.llama_batch_init(len(ids), 0, 1)
    batch.n_tokens = len(ids)
    for i, token in enumerate(ids):
        batch.token[i], batch.pos[i], batch.n_seq_id[i], batch.seq_id[i][0], batch.logits[i] = int(token), i, 1, 0, 1
    if llama_cpp.llama_decode(ctx, batch):
        sys.exit(f"{path}: llama_decode failed")
    out = np.stack([np.ctypeslib.as_array(llama_cpp.llama_get_logits_ith(ctx, i), (vocab,)).copy() for i in range(len(ids))])
    llama_cpp.llama_batch_free(batch)
    llama_cpp.llama_free(ctx)
    llama_cpp.llama_model_free(model)
    return out


TEXT = "Once upon a time, 1234 cats don't say \"what\"...\n\n  Two  spaces\t\u5c71\u6c34 caf\u00e9 \U0001f600 end "


def ids_by_llama_cpp(path, text):
    params = llama_cpp.llama_model_default_params()
    params.vocab_only = True
    model = llama_cpp.llama_model_load_from_file(path.encode(), params)
    if not model:
        return None
    ids = (ctypes.c_int32 * (len(text) + 16))()
    n = llama_cpp.llama_tokenize(llama_cpp.llama_model_get_vocab(model), text, len(text), ids, len(ids), False, False)
    llama_cpp.llama_model_free(model)
    return list(ids[:n])


def ids_by_us(foundry, source, text):
    with tempfile.NamedTemporaryFile() as f:
        f.write(text)
        f.flush()
        mine = subprocess.run([foundry, "tokenizer", "encode", source, "--file", f.name], capture_output=True, text=True, check=True).stdout
    return [int(i) for i in mine.split()]


def same_ids(foundry, source, path):
    """The text's ids by llama.cpp from the GGUF file, by us from the folder: None where there is no tokenizer."""
    if not any(os.path.exists(os.path.join(source, f)) for f in ("tokenizer.json", "tokenizer.model", "vocab.json")):
        return None
    return ids_by_llama_cpp(path, TEXT.encode()) == ids_by_us(foundry, source, TEXT.encode())


def tokenizers(foundry, source, *folders):
    """Each tokenizer as a GGUF file of its own: the text's ids by llama.cpp from that file, by us from the folder."""
    text, bad = open(source, "rb").read(), 0
    for folder in folders:
        with tempfile.TemporaryDirectory() as tmp:
            run = subprocess.run([foundry, "tokenizer", "convert", folder, "-o", tmp, "--format", "gguf"], capture_output=True, text=True)
            equal = not run.returncode and ids_by_llama_cpp(os.path.join(tmp, "tokenizer.gguf"), text) == ids_by_us(foundry, folder, text)
        bad += not equal and not run.returncode
        print(f"{folder}: {run.stderr.strip() if run.returncode else 'ids equal' if equal else 'ids DIFFERENT'}")
    return bad > 0


def ours(program, path, ids):
    out = subprocess.run([program, path] + [str(int(i)) for i in ids], capture_output=True)
    if out.returncode:
        sys.exit(f"{path}: {out.stderr.decode()}")
    return np.frombuffer(out.stdout, dtype=np.float32).reshape(len(ids), -1)


def main(foundry, program, *folders):
    root = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "golden", "data")
    folders = folders or [os.path.dirname(p) for p in sorted(glob.glob(os.path.join(root, "*", "config.json")))]
    bad = 0
    for folder in folders:
        name = os.path.basename(folder.rstrip("/"))
        for dtype in BOUND:
            with tempfile.TemporaryDirectory() as tmp:
                path, source = os.path.join(tmp, "model.gguf"), os.path.join(tmp, "model")
                shutil.copytree(folder, source)
                if name.startswith("gemma"):
                    config = json.load(open(os.path.join(source, "config.json")))
                    config["query_pre_attn_scalar"] = config["head_dim"]
                    json.dump(config, open(os.path.join(source, "config.json"), "w"))
                run = subprocess.run([foundry, "model", "export", source, "--dtype", dtype, "-o", path], capture_output=True, text=True)
                if run.returncode:
                    sys.exit(run.stderr)
                ids = np.random.default_rng(1).integers(0, 96, 40)[: SAME_UNTIL.get(name, 40)]
                want, have = theirs(path, ids), ours(program, path, ids)
                equal = same_ids(foundry, source, path)
            if want is None:
                print(f"{name:<16} {dtype}: llama.cpp does not load it")
                bad += 1
                continue
            error = float(np.abs(want - have).max() / np.abs(want).max())
            bad += error > BOUND[dtype]
            bad += equal is False
            print(f"{name:<16} {dtype:<5} {len(ids)} tokens: relative error of the logits {error:.1e}{'   TOO LARGE' if error > BOUND[dtype] else ''}"
                  f"{'' if equal is None else ', ids equal' if equal else ', ids DIFFERENT'}")
    return bad > 0


if __name__ == "__main__":
    if len(sys.argv) < 3:
        sys.exit(__doc__)
    llama_cpp.llama_log_set(quiet, None)
    llama_cpp.llama_backend_init()
    sys.exit(tokenizers(sys.argv[1], *sys.argv[3:]) if sys.argv[2] == "--tokenizers" else main(*sys.argv[1:]))
