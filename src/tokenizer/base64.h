/* base64.h - RFC 4648's base64, as ranks and normalization maps are written in text files. */
#ifndef LF_TOKENIZER_BASE64_H
#define LF_TOKENIZER_BASE64_H

#include "base/base.h"

void lf__base64_add(lf_buf *out, const char *bytes, size_t n); /* with '=' at the end */
int lf__base64_read(lf_buf *out, const char *text, size_t n);  /* appends; -1: it is not base64, or no memory */

#endif
