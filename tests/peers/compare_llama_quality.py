#!/usr/bin/env python3
"""What we quantize, opened by llama.cpp; run by hand (CI does not need it): pip install llama-cpp-python numpy, then
    tests/peers/compare_llama_quality.py build/foundry MODEL TEXT            # MODEL: a run or a folder with a tokenizer
For every type, with and without importance: perplexity by our definition (documents by themselves, every token once) on llama.cpp's logits and
on ours, within 1 %. Then llama.cpp quantizes with our importance, and a divergence of both files from the base shows that theirs is as near."""
import ctypes, json, math, os, subprocess, sys, tempfile

try:
    import llama_cpp
    import numpy as np
except ImportError as missing:
    print(f"SKIPPED: {missing.name} is not installed (pip install llama-cpp-python numpy): nothing was compared", file=sys.stderr)
    sys.exit(0)

TYPES = ["q8_0", "q6_k", "q5_k", "q4_k_m", "q4_k", "iq4_nl", "q4_0"]
CONTEXT = 256


@ctypes.CFUNCTYPE(None, ctypes.c_int, ctypes.c_char_p, ctypes.c_void_p)
def quiet(level, text, user):
    if os.environ.get("VERBOSE"):
        sys.stderr.write(text.decode(errors="replace"))


def run(*command):
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"{' '.join(command)}: {done.stderr}")
    return done.stdout


def documents(foundry, source, path):
    """Ids of each document behind the end token, the end token behind those that a separator ends."""
    end = "<|endoftext|>"
    pieces = open(path, encoding="utf-8").read().split(f"\n{end}\n")
    for i, piece in enumerate(pieces):
        if not piece:
            continue
        with tempfile.NamedTemporaryFile("w", encoding="utf-8") as f:
            f.write(piece)
            f.flush()
            ids = [int(t) for t in run(foundry, "tokenizer", "encode", source, "--file", f.name).split()]
        yield ids, i + 1 < len(pieces)


def theirs(path, documents, start):
    """Mean -ln p over all tokens, by llama.cpp."""
    model = llama_cpp.llama_model_load_from_file(path.encode(), llama_cpp.llama_model_default_params())
    if not model:
        sys.exit(f"{path}: llama.cpp does not load it")
    params = llama_cpp.llama_context_default_params()
    params.n_ctx = params.n_batch = params.n_ubatch = CONTEXT
    params.n_threads = params.n_threads_batch = 1
    params.type_k = params.type_v = 0
    params.flash_attn_type = 0
    ctx = llama_cpp.llama_init_from_model(model, params)
    vocab = llama_cpp.llama_vocab_n_tokens(llama_cpp.llama_model_get_vocab(model))
    batch, total, count = llama_cpp.llama_batch_init(CONTEXT, 0, 1), 0.0, 0
    for ids, ended in documents:
        tokens = [start] + ids + [start] * ended
        for begin in range(0, len(tokens) - 1, CONTEXT):
            window, targets = tokens[begin : begin + CONTEXT][: len(tokens) - 1 - begin], tokens[begin + 1 : begin + 1 + CONTEXT]
            llama_cpp.llama_memory_clear(llama_cpp.llama_get_memory(ctx), True)
            batch.n_tokens = len(window)
            for i, token in enumerate(window):
                batch.token[i], batch.pos[i], batch.n_seq_id[i], batch.seq_id[i][0], batch.logits[i] = token, i, 1, 0, 1
            if llama_cpp.llama_decode(ctx, batch):
                sys.exit(f"{path}: llama_decode failed")
            for i, target in enumerate(targets):
                z = np.ctypeslib.as_array(llama_cpp.llama_get_logits_ith(ctx, i), (vocab,)).astype(np.float64)
                total += math.log(np.exp(z - z.max()).sum()) + z.max() - z[target]
                count += 1
    llama_cpp.llama_batch_free(batch)
    llama_cpp.llama_free(ctx)
    llama_cpp.llama_model_free(model)
    return total / count, count


def quantize_with_theirs(source, out, imatrix):
    """llama.cpp's own q4_k of every matrix, with what our file of importance says."""
    import gguf

    tensors = {t.name: np.array(t.data, np.float32).reshape(-1) for t in gguf.GGUFReader(imatrix).tensors}
    means = {n[: -len(".in_sum2")]: v / tensors[n[: -len(".in_sum2")] + ".counts"][0] for n, v in tensors.items() if n.endswith(".in_sum2")}
    class Entry(ctypes.Structure):
        _fields_ = [("name", ctypes.c_char_p), ("data", ctypes.POINTER(ctypes.c_float)), ("size", ctypes.c_size_t)]

    keep = {n: np.ascontiguousarray(v, np.float32) for n, v in means.items()}
    entries = (Entry * (len(keep) + 1))(*[Entry(n.encode(), v.ctypes.data_as(ctypes.POINTER(ctypes.c_float)), v.size) for n, v in keep.items()])
    params = llama_cpp.llama_model_quantize_default_params()
    params.ftype, params.pure, params.nthread = 14, True, 1  # Q4_K
    params.imatrix = ctypes.cast(entries, type(params.imatrix)) if not isinstance(params.imatrix, (int, type(None))) else ctypes.addressof(entries)
    if llama_cpp.llama_model_quantize(source.encode(), out.encode(), params):
        sys.exit("llama.cpp does not quantize with our importance")


def main(foundry, source, path):
    llama_cpp.llama_log_set(quiet, None)
    llama_cpp.llama_backend_init()
    bad = 0
    with tempfile.TemporaryDirectory() as tmp:
        base, imatrix, file, other = (os.path.join(tmp, n) for n in ("base.gguf", "imatrix.gguf", "q.gguf", "theirs.gguf"))
        run(foundry, "model", "export", source, "--dtype", "f32", "-o", base)
        run(foundry, "imatrix", base, "--data", path, "--chunks", "100", "-o", imatrix)
        texts = list(documents(foundry, source, path))
        start = json.loads(run(foundry, "tokenizer", "info", source, "--json"))["end_token"]
        for kind in TYPES:
            for extra in ([], ["--imatrix", imatrix]):
                run(foundry, "quantize", source, "--type", kind, "-o", file, *extra)
                ours = json.loads(run(foundry, "eval", "perplexity", file, "--data", path, "--ctx", str(CONTEXT), "--json"))
                nll, count = theirs(file, texts, start)
                ratio = math.exp(nll - ours["nll"])
                wrong = count != ours["tokens"] or abs(ratio - 1) > 0.01
                bad += wrong
                print(f"{kind:<8}{'imatrix' if extra else '':<8} ours {ours['perplexity']:.4f}  llama.cpp {math.exp(nll):.4f}  ratio {ratio:.5f}{'   TOO FAR' if wrong else ''}", flush=True)
        quantize_with_theirs(base, other, imatrix)
        run(foundry, "quantize", source, "--type", "q4_k", "--imatrix", imatrix, "-o", file)
        for name, of in (("ours", file), ("llama.cpp's", other)):
            kl = json.loads(run(foundry, "eval", "kl", of, "--base", base, "--data", path, "--json"))
            print(f"q4_k with our importance, {name}: KL {kl['kl']:.6f} ± {kl['kl_error']:.6f}")
    return bad > 0


if __name__ == "__main__":
    if len(sys.argv) != 4:
        sys.exit(__doc__)
    sys.exit(main(*sys.argv[1:]))
