/* test_update.c - the one-pass step of a weight and its panels: panels equal to the bit to those packed afterwards, weights and states
 * equal to those of a step without panels, for every rule and rung, parts that begin in the middle of a panel or of a pair, any number of
 * workers. (The rules' arithmetic: test_rows.c.) */
#include "kernel_test.h"

typedef struct update_case {
    int rows, cols, pair; /* of the whole weight */
    int parts[5];         /* their rows, 0 ends  */
} update_case;

static const update_case cases[] = {
    {1, 1, 0, {1}},
    {5, 70, 0, {5}},
    {96, 64, 0, {32, 64}},
    {67, 33, 0, {15, 17, 35}},    /* odd borders: pairs of k across them */
    {200, 2100, 0, {64, 68, 68}}, /* several tiles of columns            */
    {96, 40, 48, {48, 48}},       /* gate and up                         */
    {74, 1057, 37, {37, 37}},     /* halves that end inside a panel      */
    {700, 128, 350, {350, 350}},
};

typedef struct update_run {
    size_t n, forward, backward; /* floats, words, words */
    float *w, *m, *v, *g;
    uint32_t *panels[2]; /* forward, backward */
} update_run;

static update_run prepare(const update_case *c, lf_dtype type, lf_panels p[2])
{
    p[0] = (lf_panels){.n = c->rows, .k = c->cols, .pair = c->pair, .type = type};
    p[1] = (lf_panels){.n = c->cols, .k = c->rows, .type = type};
    update_run r = {
        .n = (size_t)c->rows * (size_t)c->cols, .forward = lf__panels_bytes(&p[0]) / 4, .backward = lf__panels_bytes(&p[1]) / 4};
    r.w = fill(malloc(4 * r.n * sizeof(float)), (int64_t)r.n * 4, 7, 1.0f);
    r.m = r.w + r.n, r.v = r.m + r.n, r.g = r.v + r.n;
    for (size_t i = 0; i < r.n; i++) r.v[i] = fabsf(r.v[i]);
    r.panels[0] = aligned_alloc(64, lf__panels_bytes(&p[0])), r.panels[1] = aligned_alloc(64, lf__panels_bytes(&p[1]));
    p[0].data = r.panels[0], p[1].data = r.panels[1];
    return r;
}

static void release(update_run *r) { free(r->w), free(r->panels[0]), free(r->panels[1]); }

static void step_parts(lf_device *dev, const update_case *c, update_run *r, lf_step_rule rule, const lf_panels *p)
{
    for (int i = 0, row = 0; c->parts[i]; row += c->parts[i++]) {
        size_t at = (size_t)row * (size_t)c->cols;
        lf_weight_step a = {.rule = rule,
                            .w = r->w + at,
                            .m = rule == LF_STEP_MOMENTUM && c->pair ? NULL : r->m + at,
                            .v = r->v + at,
                            .g = r->g + at,
                            .rows = c->parts[i],
                            .cols = c->cols,
                            .grad_scale = 0.5f,
                            .lr = 1e-2f,
                            .keep = 0.999f,
                            .beta1 = 0.9f,
                            .beta2 = 0.99f,
                            .eps = 1e-8f,
                            .bias1 = 0.271f,
                            .bias2 = 0.0297f,
                            .forward = p ? &p[0] : NULL,
                            .backward = p ? &p[1] : NULL,
                            .row0 = row};
        dev->ops->step_weight(dev, &a);
    }
}

static void pack_both(lf_device *dev, const update_case *c, const lf_panels p[2], const float *w)
{
    dev->ops->pack(dev, &p[0], w, c->cols, 1);
    dev->ops->pack(dev, &p[1], w, 1, c->cols);
}

static void panels_follow(void **state)
{
    (void)state;
    for (const char *const *isa = lf_isa_list(); *isa; isa++)
        for (int threads = 1; threads <= 3 && lf_isa_supported(*isa); threads++) {
            lf_device *dev = open_device(*isa, threads);
            for (size_t i = 0; i < LF_COUNT(cases); i++)
                for (int rule = 0; rule < LF_STEP_RULES; rule++)
                    for (int type = LF_F32; type <= LF_BF16; type += LF_BF16) {
                        const update_case *c = &cases[i];
                        lf_panels p[2], q[2];
                        update_run fused = prepare(c, (lf_dtype)type, p), apart = prepare(c, (lf_dtype)type, q);
                        pack_both(dev, c, p, fused.w);
                        step_parts(dev, c, &fused, (lf_step_rule)rule, p);
                        step_parts(dev, c, &apart, (lf_step_rule)rule, NULL);
                        pack_both(dev, c, q, apart.w);
                        if (memcmp(fused.w, apart.w, 3 * fused.n * sizeof(float)) != 0)
                            fail_msg("%s, %d threads, case %zu, rule %d: other weights", *isa, threads, i, rule);
                        for (size_t k = 0; k < fused.forward; k++)
                            if (fused.panels[0][k] != apart.panels[0][k])
                                fail_msg("%s, %d threads, case %zu, rule %d, type %d: forward word %zu", *isa, threads, i, rule, type, k);
                        for (size_t k = 0; k < fused.backward; k++)
                            if (fused.panels[1][k] != apart.panels[1][k])
                                fail_msg("%s, %d threads, case %zu, rule %d, type %d: backward word %zu", *isa, threads, i, rule, type, k);
                        release(&fused), release(&apart);
                    }
            lf_device_close(&dev);
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(panels_follow)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
