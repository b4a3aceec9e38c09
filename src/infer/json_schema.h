/* json_schema.h - what json_schema.c (a schema to rules of GBNF) and json_schema_leaf.c (constants, numbers within bounds, regular
 * expressions, formats) share. Not for other folders. */
#ifndef LF_INFER_JSON_SCHEMA_H
#define LF_INFER_JSON_SCHEMA_H

#include "base/base.h"

struct json_t;

enum { LF_SCHEMA_TEXT_MAX = 1 << 20 }; /* bytes of a schema, and of its grammar */
enum { LF_SCHEMA_DIGITS = 18 };        /* of a whole number, and of what stands behind a point */

/* Bounds of a number; NULL: none. open: the bound itself is outside. */
typedef struct lf_schema_bounds {
    const struct json_t *lo, *hi;
    bool lo_open, hi_open;
} lf_schema_bounds;

/* Each writes one expression of GBNF. NULL, or what is wrong, as the end of a sentence (static text). */
const char *lf__schema_numbers(lf_buf *out, const lf_schema_bounds *bounds, bool whole);
/* The characters between the quotes of a JSON string whose text matches somewhere, as ECMA-262 has it; *at: the byte that is wrong. */
const char *lf__schema_pattern(lf_buf *out, const char *pattern, size_t *at);
/* "text" of GBNF. */
void lf__schema_literal(lf_buf *out, const char *text, size_t n);
/* A property's name and the colon behind it; exactly this value, but for blanks. */
void lf__schema_key(lf_buf *out, const char *name);
void lf__schema_constant(lf_buf *out, const struct json_t *value);
/* What a text of this format is; NULL: it is not known. Borrowed. */
const char *lf__schema_format(const char *name);
/* One character inside [ ]. */
void lf__schema_class_char(lf_buf *out, int32_t cp);
/* A number of JSON: the shortest digits that are the same double. */
void lf__schema_number_text(char out[40], const struct json_t *number);

#endif
