#!/usr/bin/env python3
"""Our logits against Hugging Face's `transformers`, run by hand (CI does not need it): pip install torch transformers, then
    tests/peers/compare_transformers.py build/peer_logits          # a small random model of every type, saved by transformers, run by us
    tests/peers/compare_transformers.py build/peer_logits DIR...   # model folders (float32), run by both
    tests/peers/compare_transformers.py build/peer_logits --export build/foundry   # the golden models, exported in shards, run by both
    tests/peers/compare_transformers.py --write DIR                # the golden folders arcee, gemma3, phi3, phi3_short, phi3_long, sinks below DIR
Relative error of the logits at most 2e-5; the golden folders carry gradients, which tests/golden compares."""
import json, os, subprocess, sys, tempfile

try:
    import torch
    import transformers
    from transformers.masking_utils import AttentionMaskInterface, eager_mask
    from transformers.models.gpt_oss.modeling_gpt_oss import eager_attention_forward as with_sinks
    from safetensors.torch import save_file
except ImportError as missing:
    print(f"SKIPPED: {missing.name} is not installed (pip install torch transformers): nothing was compared", file=sys.stderr)
    sys.exit(0)

COMMON = dict(vocab_size=96, hidden_size=48, intermediate_size=80, num_attention_heads=4, num_key_value_heads=2, num_hidden_layers=2,
              max_position_embeddings=128, rms_norm_eps=1e-5, initializer_range=0.2, bos_token_id=1, eos_token_id=2, pad_token_id=None)
LONG = dict(rope_type="longrope", rope_theta=10000.0, original_max_position_embeddings=32,
            short_factor=[1.0, 1.02, 1.05, 1.1, 1.15, 1.2], long_factor=[1.0, 1.3, 1.7, 2.5, 3.3, 4.8], partial_rotary_factor=0.75)
NAMED = dict(rope_theta=10000.0)

# name: (type, tokens, settings)
MODELS = {
    "llama": ("llama", 24, {}),
    "llama3": ("llama", 40, dict(max_position_embeddings=512, rope_parameters=dict(
        rope_type="llama3", factor=8.0, low_freq_factor=1.0, high_freq_factor=4.0, original_max_position_embeddings=64, **NAMED))),
    "linear": ("llama", 40, dict(rope_parameters=dict(rope_type="linear", factor=4.0, **NAMED))),
    "dynamic": ("llama", 60, dict(max_position_embeddings=32, rope_parameters=dict(rope_type="dynamic", factor=2.0, **NAMED))),
    "yarn": ("llama", 40, dict(rope_parameters=dict(rope_type="yarn", factor=4.0, original_max_position_embeddings=32, **NAMED))),
    "yarn_mscale": ("llama", 40, dict(rope_parameters=dict(
        rope_type="yarn", factor=4.0, original_max_position_embeddings=32, mscale=0.7, mscale_all_dim=1.0, truncate=False, **NAMED))),
    "mistral": ("mistral", 40, dict(sliding_window=9)),
    "qwen2": ("qwen2", 24, {}),
    "qwen3": ("qwen3", 24, dict(head_dim=16)),
    "smollm3": ("smollm3", 24, dict(num_hidden_layers=5)),
    "gemma2": ("gemma2", 40, dict(head_dim=16, sliding_window=9, query_pre_attn_scalar=24)),
    "gemma3": ("gemma3_text", 40, dict(num_hidden_layers=7, head_dim=16, sliding_window=9, query_pre_attn_scalar=24, rope_parameters=dict(
        full_attention=dict(rope_type="linear", factor=8.0, rope_theta=1000000.0),
        sliding_attention=dict(rope_type="default", rope_theta=10000.0)))),
    "phi3": ("phi3", 40, dict(hidden_size=64, sliding_window=11, rope_parameters=dict(rope_type="default", partial_rotary_factor=0.75, **NAMED))),
    "phi3_short": ("phi3", 32, dict(hidden_size=64, original_max_position_embeddings=32, rope_parameters=LONG)),
    "phi3_long": ("phi3", 48, dict(hidden_size=64, original_max_position_embeddings=32, rope_parameters=LONG)),
    "arcee": ("arcee", 24, dict(rope_parameters=dict(rope_type="yarn", factor=2.0, original_max_position_embeddings=64, **NAMED))),
    "sinks": ("mistral", 40, dict(sliding_window=9, attention_sinks=True)),  # and the attention of gpt-oss
    "gpt2": ("gpt2", 24, None),
}
GOLDEN = ("arcee", "gemma3", "phi3", "phi3_short", "phi3_long", "sinks")
transformers.AttentionInterface.register("sinks", with_sinks)
AttentionMaskInterface.register("sinks", eager_mask)


def build(name):
    kind, tokens, settings = MODELS[name]
    if kind == "gpt2":
        config = transformers.AutoConfig.for_model("gpt2", vocab_size=96, n_embd=48, n_layer=2, n_head=4, n_positions=64)
    else:
        config = transformers.AutoConfig.for_model(kind, **{**COMMON, **settings})
    torch.manual_seed(7)
    sinks = getattr(config, "attention_sinks", False)
    config._attn_implementation = "sinks" if sinks else "eager"
    model = transformers.AutoModelForCausalLM.from_config(config).float().eval()
    for layer in model.model.layers if sinks else ():
        layer.self_attn.sinks = torch.nn.Parameter(torch.randn(config.num_attention_heads))
    with torch.no_grad():  # norms and biases that matter
        for key, p in model.named_parameters():
            if p.dim() == 1:
                p.add_(0.2 * torch.randn_like(p))
    return model, torch.randint(0, 96, (2, tokens))


def save(model, folder):
    model.save_pretrained(folder)
    if getattr(model.config, "attention_sinks", False):  # a mixture that transformers has no type for
        path = os.path.join(folder, "config.json")
        config = json.load(open(path)) | dict(model_type="foundry", architectures=["FoundryForCausalLM"])
        json.dump(config, open(path, "w"), indent=2, sort_keys=True)


def relative(a, b):
    return float((a - b).abs().max() / b.abs().max())


def ours(program, folder, ids):
    out = subprocess.run([program, folder] + [str(int(i)) for i in ids], capture_output=True)
    if out.returncode:
        sys.exit(f"{folder}: {out.stderr.decode()}")
    return torch.frombuffer(bytearray(out.stdout), dtype=torch.float32).reshape(len(ids), -1)


def compare(program, label, folder, model, ids):
    with torch.no_grad():
        theirs = model(ids[None], use_cache=False).logits[0]
    error = relative(ours(program, folder, ids), theirs)
    print(f"{label:<14} {len(ids)} tokens: relative error of the logits {error:.1e}{'' if error <= 2e-5 else '   TOO LARGE'}")
    return error > 2e-5


def write(root):
    for name in GOLDEN:
        model, tokens = build(name)
        path = os.path.join(root, name)
        save(model, path)
        os.remove(os.path.join(path, "generation_config.json"))
        targets = torch.roll(tokens, -1, 1)
        targets[:, -1] = -100
        logits = model(tokens, use_cache=False).logits
        nll = torch.nn.functional.cross_entropy(logits.flatten(0, 1), targets.flatten(), reduction="none", ignore_index=-100)
        loss = nll.sum() / (targets >= 0).sum()
        loss.backward()
        io = dict(tokens=tokens.int(), targets=targets.int(), logits=logits.detach(), token_nll=nll.detach().reshape(tokens.shape), loss=loss.detach())
        save_file({k: v.contiguous() for k, v in io.items()}, os.path.join(path, "io.safetensors"))
        save_file({k: p.grad.contiguous() for k, p in model.named_parameters()}, os.path.join(path, "grads.safetensors"))


def main(program, *folders):
    bad = 0
    if program == "--write":
        return write(*folders)
    if folders and folders[0] == "--export":
        golden = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "golden", "data")
        kept = tempfile.TemporaryDirectory()
        root = kept.name
        names = sorted(n for n in os.listdir(golden) if os.path.exists(os.path.join(golden, n, "config.json")))
        for n in names:
            subprocess.run([folders[1], "model", "export", os.path.join(golden, n), "--format", "hf", "--shard-bytes", "100k", "-o",
                            os.path.join(root, n)], check=True, capture_output=True)
        folders = [os.path.join(root, n) for n in names if n != "sinks"]
    for folder in folders:
        model = transformers.AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32, attn_implementation="eager").eval()
        ids = torch.randint(0, model.config.vocab_size, (min(48, model.config.max_position_embeddings),))
        bad += compare(program, os.path.basename(folder.rstrip("/")), folder, model, ids)
    for name in MODELS if not folders else ():
        model, tokens = build(name)
        with tempfile.TemporaryDirectory() as folder:
            save(model, folder)
            bad += compare(program, name, folder, model, tokens[0])
    return bad > 0


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    sys.exit(main(*sys.argv[1:]))
