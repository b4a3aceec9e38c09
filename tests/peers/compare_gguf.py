#!/usr/bin/env python3
"""Our block types and GGUF files against the Python package `gguf`, run by hand (CI does not need it): pip install gguf, then
    tests/peers/compare_gguf.py build/libfoundry.a [libggml-base.so]
    tests/peers/compare_gguf.py --golden tests/golden/data/blocks.safetensors      # writes what tests/unit/test_dtype.c reads
Random blocks of every readable type must dequantize to the same bits; types that the package can write must be written as the same bytes.
With ggml's own library (some wheels on PyPI ship one, e.g. pywhispercpp's) the errors and the speed of quantizing are compared, too."""
import ctypes as C, os, subprocess, sys, tempfile, time

try:
    import gguf, numpy as np
except ImportError:
    print("SKIPPED: the Python package gguf is not installed (pip install gguf): nothing was compared", file=sys.stderr)
    sys.exit(0)

READ = "F16 BF16 Q4_0 Q4_1 Q5_0 Q5_1 Q8_0 Q2_K Q3_K Q4_K Q5_K Q6_K IQ4_NL IQ4_XS MXFP4".split()
SAME_BYTES = "F16 BF16 Q4_0 Q4_1 Q5_0 Q5_1 Q8_0".split()
rng = np.random.default_rng(1)


class Traits(C.Structure):
    _fields_ = [("name", C.c_char_p), ("ggml", C.c_int), ("block", C.c_int), ("bytes", C.c_int), ("fallback", C.c_int),
                ("to_float", C.CFUNCTYPE(None, C.c_void_p, C.c_void_p, C.c_size_t)),
                ("from_float", C.CFUNCTYPE(None, C.c_void_p, C.c_void_p, C.c_size_t, C.c_void_p))]


def load(archive):
    """The archive is position-independent: what the names below need of it becomes a shared library."""
    out = os.path.join(tempfile.mkdtemp(), "foundry.so")
    names = "lf__dtype lf__dtype_find lf__weights_open lf__file_tensor_read lf__weights_create lf__gguf_meta_init lf__gguf_put_u32".split()
    subprocess.run(["cc", "-shared", "-o", out, *[f"-Wl,-u,{name}" for name in names], archive, "-ljansson", "-lm", "-lpthread"], check=True)
    lib = C.CDLL(out)
    lib.lf__dtype.restype = C.POINTER(Traits)
    return lib


def traits(lib, name):
    t = lib.lf__dtype(lib.lf__dtype_find(name.encode())).contents
    size = gguf.GGML_QUANT_SIZES[gguf.GGMLQuantizationType[name]]
    assert (t.ggml, t.block, t.bytes) == (int(gguf.GGMLQuantizationType[name]), *size), name
    return t


def to_float(t, data):
    n = data.size // t.bytes * t.block
    out = np.empty(n, np.float32)
    t.to_float(out.ctypes.data, data.ctypes.data, n)
    return out


def from_float(t, x, importance=None):
    out = np.zeros(x.size // t.block * t.bytes, np.uint8)
    t.from_float(out.ctypes.data, x.ctypes.data, x.size, importance.ctypes.data if importance is not None else None)
    return out


def same(a, b):
    return np.array_equal(np.where(np.isnan(a), 0, a).view(np.uint32), np.where(np.isnan(b), 0, b).view(np.uint32)) and \
        np.array_equal(np.isnan(a), np.isnan(b))


class Tensor(C.Structure):
    _fields_ = [("name", C.c_char_p), ("dtype", C.c_int), ("n_dims", C.c_int), ("shape", C.c_int64 * 8), ("data", C.c_void_p),
                ("bytes", C.c_size_t), ("file", C.c_void_p)]


class Weights(C.Structure):
    _fields_ = [("kind", C.c_int), ("tensors", C.POINTER(Tensor)), ("n", C.c_size_t), ("rest", C.c_uint64 * 8)]


def compare_files(lib):
    """What their writer writes, our reader reads; what ours writes, theirs reads: the same tensors, shapes and values."""
    path, rows = os.path.join(tempfile.mkdtemp(), "t.gguf"), rng.normal(0, 1, (6, 512)).astype(np.float32)
    w = gguf.GGUFWriter(path, "llama")
    w.add_uint32("a.u32", 7)
    w.add_array("tokens", ["a", "", "caf\u00e9"])
    kinds = {name: gguf.GGMLQuantizationType[name] for name in ["F32"] + SAME_BYTES}
    for name, kind in kinds.items():
        w.add_tensor(name, gguf.quants.quantize(rows, kind) if name != "F32" else rows, raw_dtype=kind)
    w.write_header_to_file(), w.write_kv_data_to_file(), w.write_tensors_to_file(), w.close()
    ours, out = Weights(), np.empty_like(rows)
    assert lib.lf__weights_open(C.byref(ours), path.encode(), None) == 0 and ours.n == len(kinds)
    decls = (Tensor * ours.n)()
    for i in range(ours.n):
        t = ours.tensors[i]
        assert list(t.shape[:t.n_dims]) == [6, 512], t.name
        assert lib.lf__file_tensor_read(out.ctypes.data_as(C.c_void_p), C.byref(t), C.c_size_t(0), C.c_size_t(out.size), None) == 0
        kind = kinds[t.name.decode()]
        expected = rows if t.name == b"F32" else gguf.quants.dequantize(gguf.quants.quantize(rows, kind), kind)
        assert same(out.ravel(), expected.ravel()), t.name
        decls[i] = Tensor(t.name, t.dtype, t.n_dims, t.shape)
    lib.lf__weights_create.restype = C.c_void_p
    meta = (C.c_uint64 * 16)()
    lib.lf__gguf_meta_init(meta)
    lib.lf__gguf_put_u32(meta, b"a.u32", 7)
    lib.lf__gguf_put_text(meta, b"general.architecture", b"llama", C.c_size_t(5))
    o = C.c_void_p(lib.lf__weights_create((path + "2").encode(), 1, meta, decls, C.c_size_t(ours.n), None, None))
    for i in range(ours.n):
        assert lib.lf__weights_put(o, rows.ctypes.data_as(C.c_void_p), C.c_size_t(rows.size), None) == 0
    assert lib.lf__weights_commit(C.byref(o), None) == 0
    reader = gguf.GGUFReader(path + "2")
    assert reader.fields["a.u32"].contents() == 7 and len(reader.tensors) == ours.n
    for t in reader.tensors:
        assert list(t.shape) == [512, 6], t.name
        expected = rows if t.name == "F32" else gguf.quants.quantize(rows, t.tensor_type)
        assert np.array_equal(np.asarray(t.data).view(np.uint8).ravel(), np.ascontiguousarray(expected).view(np.uint8).ravel()), t.name
    print(f"files of {ours.n} tensors: theirs read by us, ours read by them")


def samples():
    """Rows as weights are: normal, heavy-tailed, one-sided, with outliers, tiny, zero."""
    n = 256 * 512
    x = [rng.normal(0, 0.02, n), rng.standard_t(3, n) * 0.02, np.abs(rng.normal(0, 1, n)), rng.normal(0, 1e-6, n), np.zeros(n),
         rng.normal(0, 1, n) * (1 + 20 * (rng.random(n) < 0.005)), rng.uniform(-1, 1, n)]
    return [v.astype(np.float32) for v in x]


def main(archive, ggml=None):
    lib, bad = load(archive), 0
    for name in READ:
        t, kind = traits(lib, name), gguf.GGMLQuantizationType[name]
        data = rng.integers(0, 256, 4096 * t.bytes, dtype=np.uint8)
        with np.errstate(all="ignore"):
            ok = same(to_float(t, data), gguf.quants.dequantize(data.reshape(-1, t.bytes), kind).ravel().view(np.float32))
        bad += not ok
        print(f"{name:8} to float: {'same bits' if ok else 'DIFFERENT'}", end="")
        if name in SAME_BYTES:
            ok = all(np.array_equal(from_float(t, x), gguf.quants.quantize(x.reshape(-1, 256), kind).view(np.uint8).ravel()) for x in samples())
            bad += not ok
            print(f", from float: {'same bytes' if ok else 'DIFFERENT'}", end="")
        print()
    compare_files(lib)
    if ggml:
        bad += compare_errors(lib, C.CDLL(ggml))
    return bad


def compare_errors(lib, ggml):
    """RMS error of ours over ggml's per sample, with and without importance, and MB/s of float32 source on one thread."""
    bad = 0
    ggml.ggml_quantize_chunk.restype = C.c_size_t
    for name in [r for r in READ if traits(lib, r).block > 1 and traits(lib, r).from_float]:
        t, ratios = traits(lib, name), []
        for x in samples():
            for w in (None, (rng.random(256).astype(np.float32) ** 4 + 1e-3)):
                ours = to_float(t, from_float(t, x) if w is None else np.concatenate([from_float(t, r, w) for r in x.reshape(-1, 256)]))
                theirs = np.zeros(x.size // t.block * t.bytes, np.uint8)
                ggml.ggml_quantize_chunk(t.ggml, x.ctypes.data_as(C.c_void_p), theirs.ctypes.data_as(C.c_void_p), C.c_int64(0),
                                         C.c_int64(x.size // 256), C.c_int64(256), w.ctypes.data_as(C.c_void_p) if w is not None else None)
                weight = 1 if w is None else np.tile(w, x.size // 256)
                e = [np.sqrt(np.mean(weight * (y.astype(np.float64) - x) ** 2)) for y in (ours, to_float(t, theirs))]
                ratios.append(e[0] / e[1] if e[1] else 1.0)
        x, rates = samples()[0], []
        for work in (lambda: from_float(t, x), lambda: ggml.ggml_quantize_chunk(
                t.ggml, x.ctypes.data_as(C.c_void_p), theirs.ctypes.data_as(C.c_void_p), C.c_int64(0), C.c_int64(x.size // 256), C.c_int64(256),
                None)):
            begin, rounds = time.perf_counter(), 0
            while time.perf_counter() - begin < 0.3:
                work()
                rounds += 1
            rates.append(rounds * x.nbytes / (time.perf_counter() - begin) / 1e6)
        worst = max(ratios)
        bad += worst > 1.02
        print(f"{name:8} error over ggml's, plain and weighted: {' '.join(f'{r:.3f}' for r in ratios)}; "
              f"{rates[0]:.0f} MB/s, ggml {rates[1]:.0f}")
    return bad


def write_golden(path):
    """512 elements of every type in random blocks whose values are finite, as bytes and as float."""
    from safetensors.numpy import save_file
    tensors = {}
    for name in READ:
        kind = gguf.GGMLQuantizationType[name]
        block, size = gguf.GGML_QUANT_SIZES[kind]
        rows = []
        while len(rows) < 512 // block:
            row = rng.integers(0, 256, (1, size), dtype=np.uint8)
            with np.errstate(all="ignore"):
                value = gguf.quants.dequantize(row, kind).astype(np.float32)
            if np.isfinite(value).all():
                rows.append((row.ravel(), value.ravel()))
        tensors[name + ".blocks"] = np.concatenate([r[0] for r in rows])
        tensors[name + ".values"] = np.concatenate([r[1] for r in rows])
    save_file(tensors, path)


if __name__ == "__main__":
    if len(sys.argv) == 3 and sys.argv[1] == "--golden":
        sys.exit(write_golden(sys.argv[2]))
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    sys.exit(1 if main(*sys.argv[1:]) else 0)
