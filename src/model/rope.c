/* rope.c - rotary position tables: how fast each pair of a head turns, plain or stretched to longer contexts, and cos and sin of every
 * position. A table carries the attention factor in its cos and sin, so forward and backward need not know of scalings.
 *
 *   d elements of a head turn, pair i by   p inv_i,   inv_i = theta^(-2i/d)        f = factor, M = max_position_embeddings,
 *                                                                                  O = original_max_position_embeddings
 *   linear    inv_i / f                                                            (Chen et al. 2023)
 *   dynamic   theta (f n / M - (f - 1))^(d / (d - 2)) for theta, context n > M     (NTK-aware, bloc97 and emozilla 2023)
 *   llama3    s inv_i + (1 - s) inv_i / f,  s = clamp((O inv_i / 2 pi - low) / (high - low), 0, 1)
 *   yarn      (1 - r) inv_i + r inv_i / f,  r = clamp((i - lo) / (hi - lo), 0, 1); lo, hi: the pairs that turn beta_fast, beta_slow
 *             times in O positions; cos and sin times 0.1 ln f + 1                 (Peng et al. 2023)
 *   longrope  inv_i / g_i,  g = short_factor up to O positions, long_factor beyond; times sqrt(1 + ln(M / O) / ln O)  (Ding et al. 2024)
 *
 * What depends on n is fixed by the context that a session declares, never by how far it has come. Everything in double, rounded once. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "model/model.h"

#define PI 3.14159265358979323846

static bool is(const lf_model_config *c, const char *type) { return strcmp(c->rope_scaling.rope_type, type) == 0; }

int64_t lf__rope_original(const lf_model_config *c)
{
    int64_t given = c->rope_scaling.original_max_position_embeddings;
    return given ? given : c->max_position_embeddings;
}

/* Numbers separated by '|' (how lists stand in the option table); how many there are, or -1 when one is none or does not lie in (0, 1e6].
 * Values are float32, as everybody else reads them. */
static int read_factors(double *out, int max, const char *text)
{
    int n = 0;
    for (const char *p = text; *p; n++) {
        char number[64];
        size_t len = strcspn(p, "|");
        double value;
        if (len >= sizeof number) return -1;
        memcpy(number, p, len);
        number[len] = '\0';
        if (lf__parse_double(number, "factor", 0, 1e6, &value, NULL) || !((float)value > 0)) return -1;
        if (n < max) out[n] = (double)(float)value;
        p += len;
        if (*p == '|') p++;
    }
    return n;
}

/* Which of two tables a context of n positions wants: 0 or 1 with longrope, n itself where every length has its own. */
static int64_t table_key(const lf_model_config *c, int64_t n)
{
    if (is(c, "longrope")) return n > lf__rope_original(c);
    if (is(c, "dynamic")) return LF_MAX(n, c->max_position_embeddings);
    return 0;
}

/* lo and hi of yarn's ramp: pairs of a head of width d. */
static void yarn_range(const lf_rope_scaling *s, double theta, int d, double original, double *lo, double *hi)
{
    double ends[2];
    for (int i = 0; i < 2; i++) {
        double turns = i ? s->beta_slow : s->beta_fast;
        ends[i] = d * lf__ln(original / (turns * 2 * PI)) / (2 * lf__ln(theta));
    }
    *lo = LF_MAX(s->truncate ? __builtin_floor(ends[0]) : ends[0], 0);
    *hi = LF_MIN(s->truncate ? __builtin_ceil(ends[1]) : ends[1], d - 1);
    if (*lo == *hi) *hi += 0.001;
}

/* 0.1 m ln f + 1 (Peng et al. 2023, equation 22). */
static double yarn_scale(double f, double m) { return f > 1 ? 0.1 * m * lf__ln(f) + 1 : 1; }

double lf__rope_attention_factor(const lf_model_config *c)
{
    const lf_rope_scaling *s = &c->rope_scaling;
    bool yarn = is(c, "yarn"), longrope = is(c, "longrope");
    if (!yarn && !longrope) return 1;
    if (s->attention_factor > 0) return s->attention_factor;
    double original = (double)lf__rope_original(c);
    if (yarn && s->mscale > 0 && s->mscale_all_dim > 0) return yarn_scale(s->factor, s->mscale) / yarn_scale(s->factor, s->mscale_all_dim);
    if (yarn) return yarn_scale(s->factor, 1);
    double stretch = s->factor > 1 ? s->factor : (double)c->max_position_embeddings / original;
    return stretch > 1 && original > 1 ? __builtin_sqrt(1 + lf__ln(stretch) / lf__ln(original)) : 1;
}

double lf__rope_frequencies(double *inv, const lf_model_config *c, int d, bool local, int64_t context)
{
    const lf_rope_scaling *s = &c->rope_scaling;
    double theta = local ? c->rope_local_base_freq : c->rope_theta, f = s->factor, original = (double)lf__rope_original(c);
    bool scaled = !local; /* layers with a base of their own are never stretched */
    if (scaled && is(c, "dynamic") && d > 2) {
        double m = (double)c->max_position_embeddings, n = (double)LF_MAX(context, c->max_position_embeddings);
        theta *= lf__pow(f * n / m - (f - 1), (double)d / (d - 2));
    }
    for (int i = 0; i < d / 2; i++) inv[i] = lf__pow(theta, -2.0 * i / d);
    if (!scaled) return 1;
    if (is(c, "linear"))
        for (int i = 0; i < d / 2; i++) inv[i] /= f;
    if (is(c, "llama3")) {
        for (int i = 0; i < d / 2; i++) {
            double turns = original * inv[i] / (2 * PI), smooth = (turns - s->low_freq_factor) / (s->high_freq_factor - s->low_freq_factor);
            smooth = LF_MIN(LF_MAX(smooth, 0), 1);
            inv[i] = smooth * inv[i] + (1 - smooth) * inv[i] / f;
        }
    }
    if (is(c, "yarn")) {
        double lo, hi;
        yarn_range(s, theta, d, original, &lo, &hi);
        for (int i = 0; i < d / 2; i++) {
            double ramp = LF_MIN(LF_MAX((i - lo) / (hi - lo), 0), 1);
            inv[i] = (1 - ramp) * inv[i] + ramp * inv[i] / f;
        }
    }
    if (is(c, "longrope")) {
        double factors[LF_ROPE_FACTORS];
        int n = read_factors(factors, LF_ROPE_FACTORS, table_key(c, context) ? s->long_factor : s->short_factor);
        for (int i = 0; i < d / 2 && i < n; i++) inv[i] /= factors[i];
    }
    return lf__rope_attention_factor(c);
}

/* ---- rules ------------------------------------------------------------------------------------------------------------------------- */
int lf__rope_check(const lf_model_config *c, int d, const char *where, lf_error *err)
{
    const lf_rope_scaling *s = &c->rope_scaling;
    if (!s->rope_type[0] || is(c, "default")) return 0;
    static const char *const types[] = {"linear", "dynamic", "llama3", "yarn", "longrope"};
    bool known = false;
    for (size_t i = 0; i < LF_COUNT(types); i++) known |= is(c, types[i]);
    if (!known)
        return lf_error_set(err, LF_E_UNSUPPORTED,
                            "%s: rope_scaling.rope_type is \"%.64s\"; linear, dynamic, llama3, yarn and longrope are known", where,
                            s->rope_type);
    if (!is(c, "longrope") && !(s->factor >= 1 && s->factor <= 1e6))
        return lf_error_set(err, LF_E_CONFIG, "%s: rope_scaling.factor is %g; %s needs a number from 1 to 1e6", where, s->factor,
                            s->rope_type);
    if (is(c, "llama3") && !(s->low_freq_factor > 0 && s->high_freq_factor > s->low_freq_factor && s->high_freq_factor <= 1e6))
        return lf_error_set(err, LF_E_CONFIG, "%s: rope_scaling.low_freq_factor is %g and high_freq_factor %g; llama3 needs 0 < low < high",
                            where, s->low_freq_factor, s->high_freq_factor);
    if (is(c, "yarn") && !(s->beta_slow > 0 && s->beta_fast >= s->beta_slow && s->beta_fast <= 1e6 && c->rope_theta > 1))
        return lf_error_set(err, LF_E_CONFIG,
                            "%s: rope_scaling.beta_fast is %g and beta_slow %g; yarn needs 0 < slow <= fast and rope_theta > 1", where,
                            s->beta_fast, s->beta_slow);
    for (int i = 0; is(c, "longrope") && i < 2; i++) {
        double factors[LF_ROPE_FACTORS];
        int n = read_factors(factors, LF_ROPE_FACTORS, i ? s->long_factor : s->short_factor);
        if (n < 0)
            return lf_error_set(err, LF_E_CONFIG, "%s: rope_scaling.%s_factor: expected numbers above 0, at most 1e6", where,
                                i ? "long" : "short");
        if (n != d / 2 || n > LF_ROPE_FACTORS)
            return lf_error_set(err, LF_E_CONFIG,
                                "%s: rope_scaling.%s_factor has %d numbers, one for each of the %d pairs of a head is needed%s", where,
                                i ? "long" : "short", n, d / 2, d / 2 > LF_ROPE_FACTORS ? " (and at most 512 are possible)" : "");
    }
    return 0;
}

/* ---- tables ------------------------------------------------------------------------------------------------------------------------ */
typedef struct fill_job {
    float *table;
    const double *inv;
    double factor;
    int d;
    int64_t positions;
} fill_job;

static void fill(void *arg, int tid, int n_threads)
{
    const fill_job *job = arg;
    int64_t lo, hi;
    lf__split(job->positions, 16, tid, n_threads, &lo, &hi);
    for (int64_t p = lo; p < hi; p++) {
        float *at = job->table + (size_t)p * (size_t)job->d;
        for (int i = 0; i < job->d / 2; i++) {
            at[2 * i] = (float)(job->factor * lf__cos((double)p * job->inv[i]));
            at[2 * i + 1] = (float)(job->factor * lf__sin((double)p * job->inv[i]));
        }
    }
}

void lf__rope_fill(const lf_model *m, float *table, bool local, int64_t positions, int64_t context)
{
    double inv[LF_ROPE_FACTORS];
    double factor = lf__rope_frequencies(inv, &m->config, m->rotary, local, context);
    fill_job job = {table, inv, factor, m->rotary, positions};
    lf__pool_run(m->device->pool, fill, &job);
}

int64_t lf__model_longest(const lf_model *m) { return is(&m->config, "dynamic") ? 1 << 20 : m->config.max_position_embeddings; }

int lf__model_declare(lf_model_ctx *c, const lf_model *m, int64_t context, lf_error *err)
{
    const lf_model_config *k = &m->config;
    if (context > lf__model_longest(m))
        return lf_error_set(err, LF_E_LIMIT, "%" PRId64 " tokens are longer than the model's context of %" PRId64, context,
                            lf__model_longest(m));
    bool own = context > m->rope_rows || table_key(k, context) != table_key(k, k->max_position_embeddings);
    if (!m->rotary || !own) return 0;
    size_t bytes = (size_t)LF_MAX(context, 1) * (size_t)m->rotary * sizeof(float), tables = m->rope_local ? 2 : 1;
    lf__arena_release(&c->rope);
    if (lf__arena_init_as(&c->rope, &m->weights, "rope", tables * lf__round_up(bytes, LF_ALIGN), err)) return -1;
    for (size_t local = 0; local < tables && !c->rope.measuring; local++) {
        float *table = lf__arena_push(&c->rope, bytes);
        lf__rope_fill(m, table, local, context, context);
        c->ctx.rope[local] = table;
    }
    return 0;
}
