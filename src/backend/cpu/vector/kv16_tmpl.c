/* kv16_tmpl.c - blocks of keys and values in bytes as panels of bfloat16 pairs. Included by the rungs that have dot products of pairs,
 * after their v16, v_store_pairs and v_floats(const int8_t *), 16 bytes as floats. Pairs of neighbours: 8 columns are one v16. */
static void kv_keys16(lf_pair *panel, const uint16_t *scale, const int8_t *bytes, int lines)
{
    for (int i = 0; i < lines; i += LF_HALF, scale += LF_PANEL) {
        v16 s[4];
        for (int c = 0; c < 4; c++) s[c] = v_twice(scale + 8 * c);
        for (int j = i; j < LF_MIN(lines, i + LF_HALF); j++, bytes += 2 * LF_PANEL, panel += LF_PANEL) {
            v_store_pairs(panel, v_mul(v_floats(bytes), s[0]), v_mul(v_floats(bytes + 16), s[1]));
            v_store_pairs(panel + 16, v_mul(v_floats(bytes + 32), s[2]), v_mul(v_floats(bytes + 48), s[3]));
        }
    }
}

static void kv_values16(lf_pair *panel, const uint16_t *scale, const int8_t *bytes, int lines)
{
    for (int i = 0; i < lines; i++, bytes += 2 * LF_PANEL, panel += LF_PANEL) {
        v16 s = v_by_turns(scale + 2 * i);
        v_store_pairs(panel, v_mul(v_floats(bytes), s), v_mul(v_floats(bytes + 16), s));
        v_store_pairs(panel + 16, v_mul(v_floats(bytes + 32), s), v_mul(v_floats(bytes + 48), s));
    }
}
