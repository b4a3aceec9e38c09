/* convert.c - a model from any format into any other. The source is matched with the parameter table first (model_files.c), then every
 * parameter passes through in pieces: read as float in our layout, turned into the target's, converted to its type, written. Owns one
 * piece, the open source and the file being written. */
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "convert/convert.h"
#include "quant/quant.h"

enum { SHARD_BYTES_DECIMAL_GB = 5 };

typedef struct job {
    const lf_convert_options *o;
    lf_convert_report *report;
    const char *path, *out;
    lf_weights_kind kind;
    lf_quant_rules rules; /* which type every matrix gets */
    lf_config *config;
    lf_model *plan;
    lf_source source;
    lf_pool *pool;
    lf_file_tensor *decls; /* of all parameters, then of the extras of GGUF */
    char (*names)[96];
    struct fate *fates; /* [n_params] */
    lf_gguf_extra *extras;
    int n_extras;
    float *piece;
    double done, total; /* floats */
    lf_error *err;
} job;

/* ---- what goes out ----------------------------------------------------------------------------------------------------------------- */
/* Of parameter i. */
typedef struct fate {
    const float *importance; /* of its columns, or NULL */
    bool fallback;           /* another type than was asked for */
} fate;

static int choose(job *j, lf_dtype *type, int i)
{
    const lf_param *p = &j->plan->params[i];
    const lf_file_tensor *t = j->source.tensors[i];
    fate *f = &j->fates[i];
    int asked = j->rules.type, status = 0;
    *type = asked >= 0 ? (lf_dtype)asked : t->dtype;
    if (j->kind == LF_WEIGHTS_SAFETENSORS) {
        if (*type != LF_F16 && *type != LF_BF16) *type = LF_F32;
        return 0;
    }
    *type = LF_F32;
    if (p->n_dims == 1 || p->weight == &j->plan->positions) return 0;
    if (lf__rules_type(&j->rules, type, &f->fallback, j->plan, p, t->dtype, j->err)) return -1;
    j->report->fallbacks += f->fallback;
    if (*type == t->dtype) return 0;
    bool blocks = lf__dtype(*type)->block > 1;
    if (blocks && lf__dtype(t->dtype)->block > 1 && j->o->once) {
        lf_error_set(j->err, LF_E_MISMATCH, "%s: \"%s\" is %s already: made %s from that, it would carry the errors of both", j->path,
                     t->name, lf__dtype(t->dtype)->name, lf__dtype(*type)->name);
        return lf_error_hint(j->err, "start from the model it was made from, or say --requantize");
    }
    if (blocks && j->o->imatrix) f->importance = lf__imatrix_find(j->o->imatrix, j->names[i], p->cols, &status, j->err);
    j->report->weighted += f->importance != NULL;
    return status;
}

/* Does no matrix become blocks that were not there before? */
static bool nothing_to_weigh(const job *j)
{
    for (int i = 0; i < j->plan->n_params; i++)
        if (lf__dtype(j->decls[i].dtype)->block > 1 && j->decls[i].dtype != j->source.tensors[i]->dtype) return false;
    return true;
}

static int declare(job *j)
{
    const lf_model *m = j->plan;
    int n = m->n_params;
    j->extras = lf__calloc(2, sizeof *j->extras, j->err);
    j->decls = lf__calloc((size_t)n + 2, sizeof *j->decls, j->err);
    j->names = lf__calloc((size_t)n, sizeof *j->names, j->err);
    j->fates = lf__calloc((size_t)n, sizeof *j->fates, j->err);
    if (!j->extras || !j->decls || !j->names || !j->fates) return -1;
    if (j->kind == LF_WEIGHTS_GGUF && m->rotary) j->n_extras = lf__gguf_extras(j->extras, &m->config);
    size_t piece = 1;
    for (int i = 0; i < n; i++) {
        const lf_param *p = &m->params[i];
        lf_file_tensor *d = &j->decls[i];
        *d = (lf_file_tensor){.name = lf__param_name(j->names[i], p, j->kind), .n_dims = p->n_dims};
        if (choose(j, &d->dtype, i)) return -1;
        lf__param_shape(d->shape, p, j->kind);
        size_t count = (size_t)p->rows * (size_t)p->cols;
        piece = LF_MAX(piece, (size_t)lf__param_piece(m, p) * (size_t)p->cols);
        if (!lf__dtype_size(&d->bytes, d->dtype, count))
            return lf_error_set(j->err, LF_E_LIMIT, "%s: \"%s\" is too large", j->out, d->name);
        j->report->bytes += d->bytes, j->report->source_bytes += j->source.tensors[i]->bytes;
        j->report->weights += (int64_t)count;
        j->total += (double)count;
    }
    if (lf__rules_check(&j->rules, j->path, j->err)) return -1;
    if (j->o->imatrix && j->kind == LF_WEIGHTS_GGUF && !j->report->weighted && !nothing_to_weigh(j))
        return lf_error_set(j->err, LF_E_MISMATCH, "%s: the importance knows none of its matrices: it is another model's", j->path);
    for (int i = 0; i < j->n_extras; i++)
        j->decls[n + i] = (lf_file_tensor){.name = j->extras[i].name, .dtype = LF_F32, .n_dims = 1, .shape = {j->extras[i].n}};
    j->report->tensors = n + j->n_extras;
    j->piece = lf__calloc(piece, sizeof *j->piece, j->err);
    return j->piece ? 0 : -1;
}

/* ---- one parameter through --------------------------------------------------------------------------------------------------------- */
/* A number that the type cannot hold would become infinity, or spoil its block. */
static int check_numbers(const job *j, int i, const float *v, size_t n)
{
    lf_dtype t = j->decls[i].dtype;
    float most = t == LF_F16 ? 65504.0f : INFINITY;
    if (t == LF_F32) return 0;
    for (size_t k = 0; k < n; k++) {
        if (fabsf(v[k]) <= most && isfinite(v[k])) continue;
        lf_error_set(j->err, LF_E_NUMERIC, "%s: \"%s\" holds %g, which %s cannot", j->path, j->source.tensors[i]->name, (double)v[k],
                     lf__dtype(t)->name);
        return isfinite(v[k]) ? lf_error_hint(j->err, "--dtype bf16 or f32 holds it") : -1;
    }
    return 0;
}

/* One piece in the file's type and order: as it is stored where that is what is wanted, else by way of floats. */
static int pass_piece(job *j, lf_weights_out *w, int i, int row0, int rows, bool stored)
{
    const lf_param *p = &j->plan->params[i];
    size_t n = (size_t)rows * (size_t)p->cols, row = 0;
    if (stored) {
        lf__dtype_size(&row, j->decls[i].dtype, (size_t)p->cols);
        return lf__source_read_stored(j->piece, &j->source, i, row0, rows, j->err) ||
                       lf__param_stored_to_file(j->piece, j->plan, p, j->kind, rows, row, j->err) ||
                       lf__weights_put_bytes(w, j->piece, (size_t)rows * row)
                   ? -1
                   : 0;
    }
    return lf__source_read(j->piece, &j->source, i, row0, rows, j->err) || check_numbers(j, i, j->piece, n) ||
                   lf__param_to_file(j->piece, j->plan, p, j->kind, rows, j->err) || lf__weights_put(w, j->piece, n, j->fates[i].importance)
               ? -1
               : 0;
}

static void tell(const job *j, int i, const double sums[2])
{
    const lf_file_tensor *d = &j->decls[i];
    const lf_param *p = &j->plan->params[i];
    double n = (double)p->rows * p->cols;
    lf_tensor_written t = {.name = d->name,
                           .from = lf__dtype(j->source.tensors[i]->dtype)->name,
                           .to = lf__dtype(d->dtype)->name,
                           .shape = {d->n_dims == 1 ? 1 : d->shape[0], d->shape[d->n_dims - 1]},
                           .bytes = d->bytes,
                           .rmse = sqrt(sums[0] / n),
                           .relative = sums[1] > 0 ? sqrt(sums[0] / sums[1]) : 0,
                           .weighted = j->fates[i].importance != NULL,
                           .fallback = j->fates[i].fallback};
    j->o->on_tensor(&t, j->o->tensor_user);
}

static int pass(job *j, lf_weights_out *w, int i)
{
    const lf_param *p = &j->plan->params[i];
    bool stored = p->n_dims == 2 && lf__source_is_stored(&j->source, i, j->decls[i].dtype) && lf__param_keeps(j->plan, p, j->kind);
    int step = lf__param_piece(j->plan, p);
    double sums[2] = {0};
    lf__weights_measure(w, j->o->on_tensor ? sums : NULL);
    for (int row = 0; row < p->rows; row += step) {
        int rows = LF_MIN(step, p->rows - row);
        if (pass_piece(j, w, i, row, rows, stored)) return -1;
        j->done += (double)rows * p->cols;
        if (j->o->progress && j->o->progress("convert", j->done, j->total, "weights", j->o->progress_user))
            return lf_error_set(j->err, LF_E_INTERRUPTED, "stopped; \"%s\" was not written", j->out);
    }
    lf__weights_measure(w, NULL);
    if (j->o->on_tensor) tell(j, i, sums);
    return 0;
}

/* Parameters [first, last) and, at the very end, the extras into one file. */
static int write_file(job *j, const char *path, const lf_gguf_meta *meta, int first, int last)
{
    int n = last - first + (last == j->plan->n_params ? j->n_extras : 0), status = 0;
    lf_weights_out *w = lf__weights_create(path, j->kind, meta, j->decls + first, (size_t)n, j->pool, j->err);
    if (!w) return -1;
    for (int i = first; i < last && !status; i++) status = pass(j, w, i);
    for (int i = 0; i < n - (last - first) && !status; i++) status = lf__weights_put(w, j->extras[i].values, (size_t)j->extras[i].n, NULL);
    j->report->files++;
    if (status == 0 || !j->err || !j->err->code) return lf__weights_commit(&w, j->err); /* its own failure is the cause */
    lf__weights_discard(&w);
    return -1;
}

/* ---- Hugging Face ------------------------------------------------------------------------------------------------------------------- */
/* The first parameter of the next file: as many as fit, at least one. */
static int shard_end(const job *j, int first, uint64_t most)
{
    uint64_t bytes = 0;
    int end = first;
    while (end < j->plan->n_params && (end == first || bytes + j->decls[end].bytes <= most)) bytes += j->decls[end++].bytes;
    return end;
}

static int write_shards(job *j, const char *dir)
{
    uint64_t most = j->o->shard_bytes ? j->o->shard_bytes : (uint64_t)SHARD_BYTES_DECIMAL_GB * 1000000000u;
    char path[LF_PATH_MAX], name[64];
    int n = 0, k = 0, status = 0;
    for (int i = 0; i < j->plan->n_params; i = shard_end(j, i, most)) n++;
    if (n == 1) return lf__path_join(path, dir, "model.safetensors", j->err) || write_file(j, path, NULL, 0, j->plan->n_params) ? -1 : 0;
    lf_buf index;
    lf__buf_init(&index, 100 << 20);
    lf__buf_printf(&index, "{\n  \"metadata\": {\"total_size\": %" PRIu64 "},\n  \"weight_map\": {\n", j->report->bytes);
    for (int i = 0, end; i < j->plan->n_params && !status; i = end) {
        end = shard_end(j, i, most);
        snprintf(name, sizeof name, "model-%05d-of-%05d.safetensors", ++k, n);
        for (int p = i; p < end; p++)
            lf__buf_printf(&index, "    \"%s\": \"%s\"%s\n", j->decls[p].name, name, p + 1 < j->plan->n_params ? "," : "");
        status = lf__path_join(path, dir, name, j->err) || write_file(j, path, NULL, i, end) ? -1 : 0;
    }
    lf__buf_puts(&index, "  }\n}\n");
    if (!status && index.failed) status = lf_error_set(j->err, LF_E_MEMORY, "%s: out of memory for the index", j->out);
    if (!status)
        status = lf__path_join(path, dir, "model.safetensors.index.json", j->err) || lf__write_file(path, index.data, index.len, j->err)
                     ? -1
                     : 0;
    lf__buf_release(&index);
    return status;
}

/* The type most of the weights have: what the config says. */
static const char *dtype_word(const job *j)
{
    static const char *const words[] = {[LF_F32] = "float32", [LF_F16] = "float16", [LF_BF16] = "bfloat16"};
    uint64_t bytes[3] = {0};
    for (int i = 0; i < j->plan->n_params; i++) bytes[j->decls[i].dtype] += j->decls[i].bytes;
    return words[bytes[LF_BF16] > LF_MAX(bytes[LF_F32], bytes[LF_F16]) ? LF_BF16 : bytes[LF_F16] > bytes[LF_F32] ? LF_F16 : LF_F32];
}

static int write_folder(job *j)
{
    char tmp[LF_PATH_MAX], path[LF_PATH_MAX];
    char **names = NULL;
    size_t n = 0;
    if (lf__path_exists(j->out) && (!lf__path_is_dir(j->out) || lf__list_dir(j->out, &names, &n, j->err) || n)) {
        lf__names_free(&names, n);
        lf_error_set(j->err, LF_E_IO, "\"%s\" exists and is not an empty folder", j->out);
        return lf_error_hint(j->err, "name a folder that does not exist yet");
    }
    lf__names_free(&names, n);
    if (lf__dir_begin(tmp, j->out, j->err)) return -1;
    int status = write_shards(j, tmp);
    if (!status)
        status = lf__path_join(path, tmp, "config.json", j->err) || lf__config_save_hf(j->config, dtype_word(j), path, j->err) ? -1 : 0;
    if (!status && lf__path_is_dir(j->path) && !j->source.weights.gguf)
        status = lf__copy_tokenizer(tmp, j->path, j->report->tokenizer, sizeof j->report->tokenizer, j->err);
    if (!status && j->source.weights.gguf) status = lf__tokenizer_from_gguf(tmp, j->source.weights.gguf, j->report, j->err);
    if (!status && j->source.weights.llama2c) status = lf__tokenizer_from_llama2c(tmp, j->path, &j->source, j->report, j->err);
    if (!status && !j->report->tokenizer[0]) lf__log(LF_LOG_WARNING, "%s: no tokenizer came along", j->out);
    if (!status) status = lf__dir_commit(tmp, j->out, true, j->err);
    if (status) lf__remove_tree(tmp, NULL);
    return status;
}

/* ---- GGUF --------------------------------------------------------------------------------------------------------------------------- */
/* general.file_type, as others number it. */
static uint32_t file_type(int dtype)
{
    static const struct {
        int dtype;
        uint32_t number;
    } types[] = {{LF_F32, 0},   {LF_F16, 1},   {LF_Q4_0, 2},  {LF_Q4_1, 3},  {LF_Q8_0, 7},  {LF_Q5_0, 8},    {LF_Q5_1, 9},
                 {LF_Q2_K, 10}, {LF_Q3_K, 11}, {LF_Q4_K, 14}, {LF_Q5_K, 16}, {LF_Q6_K, 18}, {LF_IQ4_NL, 25}, {LF_BF16, 32}};
    for (size_t i = 0; i < LF_COUNT(types); i++)
        if (types[i].dtype == dtype) return types[i].number;
    return 0;
}

static int write_gguf(job *j)
{
    lf_gguf_meta meta;
    lf__gguf_meta_init(&meta);
    int status = lf__gguf_describe(&meta, j->config, j->out, j->err);
    int largest = 0;
    for (int i = 1; i < j->plan->n_params; i++)
        if (j->decls[i].bytes > j->decls[largest].bytes) largest = i;
    const char *name = lf__path_name(j->path);
    lf__gguf_put_text(&meta, "general.name", name, strcspn(name, "/"));
    int mix = j->rules.file_type;
    lf__gguf_put_u32(&meta, "general.file_type", mix >= 0 ? (uint32_t)mix : file_type((int)j->decls[largest].dtype));
    lf__gguf_put_u32(&meta, "general.quantization_version", 2);
    if (!status) status = lf__tokenizer_to_gguf(&meta, j->path, &j->source, j->report, j->err);
    if (!status) status = write_file(j, j->out, &meta, 0, j->plan->n_params);
    lf__gguf_meta_release(&meta);
    return status;
}

/* ---- all of it ---------------------------------------------------------------------------------------------------------------------- */
static int read_options(job *j)
{
    const lf_convert_options *o = j->o;
    bool gguf = o->format && strcmp(o->format, "gguf") == 0;
    if (!gguf && (!o->format || strcmp(o->format, "hf") != 0))
        return lf_error_set(j->err, LF_E_ARGUMENT, "format: expected hf or gguf, got \"%s\"", o->format ? o->format : "");
    j->kind = gguf ? LF_WEIGHTS_GGUF : LF_WEIGHTS_SAFETENSORS;
    if (gguf || !o->dtype) return lf__rules_init(&j->rules, o->dtype, o->keep, o->n_keep, j->err);
    int type = lf__dtype_find(o->dtype);
    if (type != LF_F32 && type != LF_F16 && type != LF_BF16)
        return lf_error_set(j->err, LF_E_ARGUMENT, "dtype: expected one of F32, F16, BF16, got \"%.32s\"", o->dtype);
    return lf__rules_init(&j->rules, o->dtype, NULL, 0, j->err);
}

int lf_model_convert(const char *source, const char *out, const lf_convert_options *options, lf_convert_report *report, lf_error *err)
{
    lf_convert_report unused;
    lf_error local = {0}; /* callees are asked whether they failed */
    job j = {.o = options, .report = report ? report : &unused, .path = source, .out = out, .err = &local};
    *j.report = (lf_convert_report){0};
    int threads = options->threads ? options->threads : lf__cpu_count(), status = read_options(&j);
    if (!status)
        status = (j.config = lf__calloc(1, sizeof *j.config, &local)) && lf__model_config_read(j.config, source, &local) == 0 ? 0 : -1;
    if (!status) status = (j.plan = lf__model_alloc(NULL, &j.config->model, false, LF_F32, true, &local)) ? 0 : -1;
    if (!status) status = lf__source_open(&j.source, j.plan, source, &local) || lf__source_check_tied(&j.source, &local) ? -1 : 0;
    if (!status) status = declare(&j) || !(j.pool = lf__pool_new(LF_MIN(threads, 256), -1, &local)) ? -1 : 0;
    if (!status) {
        j.config->model = j.plan->config;
        snprintf(j.report->type, sizeof j.report->type, "%s", j.kind == LF_WEIGHTS_GGUF ? j.plan->family->gguf : j.plan->family->type);
        status = j.kind == LF_WEIGHTS_GGUF ? write_gguf(&j) : write_folder(&j);
    }
    lf__pool_free(&j.pool);
    if (j.source.model) lf__source_close(&j.source);
    lf_model_free(&j.plan);
    lf__rules_release(&j.rules);
    free(j.fates), free(j.config), free(j.extras), free(j.decls), free(j.names), free(j.piece);
    return status ? lf__error_pass(err, &local) : 0;
}
