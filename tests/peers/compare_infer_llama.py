#!/usr/bin/env python3
"""How fast prompts and steps are beside llama.cpp, on the same GGUF files, run by hand: pip install llama-cpp-python numpy, then
    tests/peers/compare_infer_llama.py build/foundry [--layers 4] [--types q4_0,q8_0,q4_k,bf16] [--threads 1,2] [--batch 1,4,8] [--depth 8192]
                                                     [--prefill 512] [--steps 24] [--rounds 3] [--attention] [--json]
Random weights in the shape of a billion-weight model (2,048 wide, ffn 5,632, 32 heads over 4, vocabulary 32,000) with a few layers: as fast a
layer as all of it. Ours and theirs by turns, `rounds` times; medians. Ours is `foundry bench infer` (with the choice of a token), theirs
llama_decode alone with defaults (16-bit keys and values, flash attention where it chooses it). --attention: what a step at each depth takes
longer than one at the beginning, for every type of keys and values and with and without their flash attention. What their build can do is printed first: a build
without this machine's instructions is no measure (another build: LLAMA_CPP_LIB_PATH=FOLDER). On a machine with other work: chrt -f 40, a type at a time."""
import argparse, ctypes, json, os, statistics, struct, subprocess, sys, tempfile, time

try:
    import llama_cpp
    import numpy as np
except ImportError as missing:
    print(f"SKIPPED: {missing.name} is not installed (pip install llama-cpp-python numpy): nothing was compared", file=sys.stderr)
    sys.exit(0)

WIDTH, FFN, HEADS, KV_HEADS, VOCAB, CONTEXT = 2048, 5632, 32, 4, 32000, 16384
BITS = {"f32": 32, "bf16": 16, "f16": 16, "q8_0": 8.5}  # of a key's or value's element


@ctypes.CFUNCTYPE(None, ctypes.c_int, ctypes.c_char_p, ctypes.c_void_p)
def quiet(level, text, user):
    if os.environ.get("VERBOSE"):
        sys.stderr.write(text.decode(errors="replace"))


def make_folder(folder, layers):
    """A Hugging Face folder with random bfloat16 weights."""
    config = dict(architectures=["LlamaForCausalLM"], model_type="llama", hidden_size=WIDTH, intermediate_size=FFN, num_hidden_layers=layers,
                  num_attention_heads=HEADS, num_key_value_heads=KV_HEADS, vocab_size=VOCAB, max_position_embeddings=CONTEXT,
                  rms_norm_eps=1e-5, rope_theta=10000.0, hidden_act="silu", tie_word_embeddings=False, torch_dtype="bfloat16")
    json.dump(config, open(os.path.join(folder, "config.json"), "w"))
    kv = WIDTH // HEADS * KV_HEADS
    shapes = {"model.embed_tokens.weight": (VOCAB, WIDTH), "model.norm.weight": (WIDTH,), "lm_head.weight": (VOCAB, WIDTH)}
    for i in range(layers):
        p = f"model.layers.{i}."
        shapes |= {p + "self_attn.q_proj.weight": (WIDTH, WIDTH), p + "self_attn.k_proj.weight": (kv, WIDTH),
                   p + "self_attn.v_proj.weight": (kv, WIDTH), p + "self_attn.o_proj.weight": (WIDTH, WIDTH),
                   p + "mlp.gate_proj.weight": (FFN, WIDTH), p + "mlp.up_proj.weight": (FFN, WIDTH), p + "mlp.down_proj.weight": (WIDTH, FFN),
                   p + "input_layernorm.weight": (WIDTH,), p + "post_attention_layernorm.weight": (WIDTH,)}
    header, at = {}, 0
    for name, shape in shapes.items():
        n = 2 * int(np.prod(shape))
        header[name] = dict(dtype="BF16", shape=list(shape), data_offsets=[at, at + n])
        at += n
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    rng = np.random.default_rng(1)
    with open(os.path.join(folder, "model.safetensors"), "wb") as f:
        f.write(struct.pack("<Q", len(text)) + text)
        for shape in shapes.values():
            x = np.ones(shape, np.float32) if len(shape) == 1 else rng.standard_normal(shape, np.float32) * np.float32(0.02)
            f.write((x.view(np.uint32) >> 16).astype(np.uint16).tobytes())


class Theirs:
    def __init__(self, path):
        self.model = llama_cpp.llama_model_load_from_file(path.encode(), llama_cpp.llama_model_default_params())
        if not self.model:
            sys.exit(f"{path}: llama.cpp does not load it")
        self.rng = np.random.default_rng(2)

    def feed(self, ctx, rows):
        """rows: (token, position, sequence, logits wanted)"""
        batch = llama_cpp.llama_batch_init(len(rows), 0, 1)
        batch.n_tokens = len(rows)
        for i, (token, position, sequence, wanted) in enumerate(rows):
            batch.token[i], batch.pos[i], batch.n_seq_id[i], batch.seq_id[i][0], batch.logits[i] = token, position, 1, sequence, wanted
        begun = time.perf_counter()
        if llama_cpp.llama_decode(ctx, batch):
            sys.exit("llama_decode failed")
        llama_cpp.llama_synchronize(ctx)
        seconds = time.perf_counter() - begun
        llama_cpp.llama_batch_free(batch)
        return seconds

    def context(self, threads, sequences, positions, kv="f16", flash=None):
        p = llama_cpp.llama_context_default_params()
        p.n_ctx, p.n_batch, p.n_ubatch, p.n_seq_max = sequences * ((positions + 255) // 256 * 256), 512, 512, sequences
        p.n_threads = p.n_threads_batch = threads
        p.type_k = p.type_v = getattr(llama_cpp, "GGML_TYPE_" + kv.upper())
        p.flash_attn_type = llama_cpp.LLAMA_FLASH_ATTN_TYPE_AUTO if flash is None else int(flash)
        return llama_cpp.llama_init_from_model(self.model, p)

    def prompt(self, ctx, sequence, first, n):
        tokens = [int(t) for t in self.rng.integers(0, VOCAB, n)]
        return sum(self.feed(ctx, [(t, first + at + i, sequence, int(at + i == n - 1)) for i, t in enumerate(tokens[at:at + 512])])
                   for at in range(0, n, 512))

    def prefill(self, threads, n):
        ctx = self.context(threads, 1, n)
        seconds = []
        for i in range(4):
            llama_cpp.llama_memory_clear(llama_cpp.llama_get_memory(ctx), True)
            seconds.append(self.prompt(ctx, 0, 0, n))
        llama_cpp.llama_free(ctx)
        return n / statistics.median(seconds[1:])

    def step(self, ctx, batch, begin, steps):
        """Seconds of one, behind `begin` positions that are there; there are no more of them afterwards."""
        seconds = [self.feed(ctx, [(int(self.rng.integers(0, VOCAB)), begin + i, s, 1) for s in range(batch)]) for i in range(steps + 1)]
        for s in range(batch):
            llama_cpp.llama_memory_seq_rm(llama_cpp.llama_get_memory(ctx), s, begin, -1)
        return statistics.median(seconds[1:])

    def deep(self, threads, batch, depth, steps, **kv):
        """A context whose texts have `depth` positions, one at least."""
        ctx = self.context(threads, batch, max(depth, 1) + steps + 2, **kv)
        llama_cpp.llama_set_n_threads(ctx, threads, 1)  # where others work, two that wait for each other are slower than one
        for s in range(batch):
            self.prompt(ctx, s, 0, max(depth, 1))
        return ctx

    def decode(self, threads, batch, depth, steps):
        ctx = self.deep(threads, batch, depth, steps)
        seconds = self.step(ctx, batch, max(depth, 1), steps)
        llama_cpp.llama_free(ctx)
        return batch / seconds

    def close(self):
        llama_cpp.llama_model_free(self.model)


def ours(foundry, path, threads, depth, batches, prefill, steps, kv="auto"):
    command = [foundry, "bench", "infer", path, "--threads", str(threads), "--depth", str(depth), "--batch", ",".join(map(str, batches)),
               "--prefill", str(prefill), "--decode", str(steps), "--kv-type", kv, "--json"]
    run = subprocess.run(command, capture_output=True, text=True)
    if run.returncode:
        sys.exit(run.stderr)
    return json.loads(run.stdout)["lines"]


def compare(a, path, weights, threads):
    theirs, table = Theirs(path), {}

    def note(key, who, tokens, line=None):
        table.setdefault(key, {"ours": [], "theirs": [], "line": None})[who].append(tokens)
        table[key]["line"] = line or table[key]["line"]

    for _ in range(a.rounds):
        for depth, batches, prefill in [(0, a.batch, a.prefill)] + [(d, [1], 0) for d in a.depth]:
            for line in ours(a.foundry, path, threads, depth, batches, prefill, a.steps):
                note((line["phase"], line["batch"], depth), "ours", line["tokens_per_second"], line)
            if prefill:
                note(("prefill", 1, 0), "theirs", theirs.prefill(threads, prefill))
            for batch in batches:
                note(("decode", batch, depth), "theirs", theirs.decode(threads, batch, depth, a.steps))
    theirs.close()
    out = []
    for (phase, batch, depth), t in table.items():
        mine, other, line = statistics.median(t["ours"]), statistics.median(t["theirs"]), t["line"]
        out.append(dict(weights=weights, threads=threads, phase=phase, batch=batch, depth=depth, ours=mine, theirs=other, ratio=mine / other,
                        share_of_peak=line["share_of_peak"], share_of_read=line["share_of_read"], load=os.getloadavg()[0]))
        print(f"{weights:<6} {threads}T {phase:<7} batch {batch} depth {depth:<5} ours {mine:8.1f} tok/s  llama.cpp {other:8.1f}  x {mine / other:5.2f}   "
              f"ours: {100 * line['share_of_peak']:3.0f}% of the multiplier, {100 * line['share_of_read']:3.0f}% of reading   load {os.getloadavg()[0]:.1f}",
              file=sys.stderr if a.json else sys.stdout, flush=True)
    return out


def compare_attention(a, path, weights):
    """A step at a depth less one at the beginning is the reading of so many keys and values: nothing else in it grows."""
    theirs, out = Theirs(path), []
    modes = [("f16", False), ("f16", True), ("q8_0", True)]  # bytes for values want flash attention
    for depth in a.depth:
        contexts = {m: [theirs.deep(1, 1, d, a.steps, kv=m[0], flash=m[1]) for d in (0, depth)] for m in modes}
        for threads in a.threads:
            took = {}
            for _ in range(a.rounds):
                for kv in a.kv:
                    for line in ours(a.foundry, path, threads, f"{depth},0", [1], 0, a.steps, kv):  # the deep one first: it warms up for both
                        took.setdefault(("ours", kv, line["depth"]), []).append(line["seconds"])
                for m in modes:
                    for d, ctx in zip((0, depth), contexts[m]):
                        llama_cpp.llama_set_n_threads(ctx, threads, threads)
                        took.setdefault((m, m[0], d), []).append(theirs.step(ctx, 1, max(d, 1), a.steps))
            lines = []
            for who, kv in dict.fromkeys((who, kv) for who, kv, _ in took):
                at_once = [s for (w, _, d), times in took.items() if d == 0 and (w == "ours") == (who == "ours") for s in times]  # whatever the type
                begin, end = statistics.median(at_once), statistics.median(took[who, kv, depth])
                added = (end - begin) / a.layers
                name = f"ours {kv}" if who == "ours" else f"llama.cpp {kv}" + (", flash" if who[1] else "")
                lines.append(dict(who=name, weights=weights, threads=threads, depth=depth, kv=kv, step_begin=begin, step_deep=end, attention=added,
                                  gbs=2 * (WIDTH // HEADS * KV_HEADS) * depth * BITS[kv] / 8 / added * 1e-9))
            fastest = min(l["attention"] for l in lines if not l["who"].startswith("ours"))
            for l in lines:
                l["ratio"] = fastest / l["attention"]
                print(f"{weights} {threads}T depth {depth}  {l['who']:<20} step {1e3 * l['step_begin']:6.2f} -> {1e3 * l['step_deep']:6.2f} ms, attention "
                      f"{1e3 * l['attention']:6.3f} ms a layer, {l['gbs']:5.1f} GB/s   {l['ratio']:5.2f} x their fastest   load {os.getloadavg()[0]:.1f}",
                      file=sys.stderr if a.json else sys.stdout, flush=True)
            out += lines
        for pair in contexts.values():
            for ctx in pair:
                llama_cpp.llama_free(ctx)
    theirs.close()
    return out


def main():
    numbers = lambda text: [int(x) for x in text.split(",") if x]
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("foundry")
    p.add_argument("--layers", type=int, default=4)
    p.add_argument("--types", default="q4_0,q8_0,q4_k,bf16")
    p.add_argument("--threads", type=numbers, default=[1, 2])
    p.add_argument("--batch", type=numbers, default=[1, 4, 8])
    p.add_argument("--depth", type=numbers, default=[8192])
    p.add_argument("--prefill", type=int, default=512)
    p.add_argument("--steps", type=int, default=24)
    p.add_argument("--rounds", type=int, default=3)
    p.add_argument("--attention", action="store_true")
    p.add_argument("--kv", type=lambda text: text.split(","), default=["bf16", "q8_0"], help="with --attention: our types of keys and values")
    p.add_argument("--json", action="store_true")
    p.add_argument("--keep", help="a folder for the models, kept")
    a = p.parse_args()
    llama_cpp.llama_log_set(quiet, None)
    llama_cpp.llama_backend_init()
    print(f"llama-cpp-python {llama_cpp.__version__}: {llama_cpp.llama_print_system_info().decode()}", file=sys.stderr)
    with tempfile.TemporaryDirectory() as tmp:
        root, lines = a.keep or tmp, []
        folder = os.path.join(root, f"random-{a.layers}")
        if not os.path.isdir(folder):
            os.makedirs(folder)
            make_folder(folder, a.layers)
        for weights in a.types.split(","):
            path = os.path.join(root, f"{a.layers}-{weights}.gguf")
            if not os.path.exists(path):
                run = subprocess.run([a.foundry, "model", "export", folder, "--format", "gguf", "--dtype", weights, "-o", path], capture_output=True, text=True)
                if run.returncode:
                    sys.exit(run.stderr)
            if a.attention:
                lines += compare_attention(a, path, weights)
            for threads in () if a.attention else a.threads:
                lines += compare(a, path, weights, threads)
            if not a.keep:
                os.remove(path)
    if a.json:
        print(json.dumps(lines, indent=1))


if __name__ == "__main__":
    main()
