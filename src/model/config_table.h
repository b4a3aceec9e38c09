/* config_table.h - what the files config*.c share: the option table over lf_config, and setting a row with its origin. Private. */
#ifndef LF_CONFIG_TABLE_H
#define LF_CONFIG_TABLE_H

#include "base/base.h"
#include "foundry/config.h"

extern const lf_option lf__config_options[]; /* ends with a row whose key is NULL; at most 160 rows (lf_config.origin) */

/* Parses text into the row of key and remembers origin ("configs/a.yaml:12"), which also leads the error. */
int lf__config_set(lf_config *c, const char *key, const char *text, const char *origin, lf_error *err);
/* Where the value of key came from. */
const char *lf__config_origin_of(const lf_config *c, const char *key);
/* A Hugging Face config.json, already flattened, into the model section. */
int lf__config_read_hf(lf_config *c, const lf_doc *doc, const char *path, lf_error *err);

/* The fewest digits that say this float, into out (returned). */
char *lf__float_text(char out[32], double value);

#endif
