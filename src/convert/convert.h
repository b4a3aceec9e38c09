/* convert.h - the face of src/convert: models of the world in and out, by the table of parameters that src/model has for each architecture.
 */
#ifndef LF_CONVERT_H
#define LF_CONVERT_H

#include "foundry/convert.h"
#include "formats/formats.h"
#include "model/model.h"

/* The chat template beside a model in a folder: chat_template.jinja, or what tokenizer_config.json says. Free it; NULL: none (*err
 * untouched) or a file that cannot be read. */
char *lf__chat_template(const char *dir, lf_error *err);
/* Tokenizer files of a folder into another; their names into list (separated by ", "). */
int lf__copy_tokenizer(const char *to, const char *from, char *list, size_t size, lf_error *err);
/* The vocabulary of the source into metadata, and from metadata (or beside a model of llama2.c) into a folder. report->tokenizer says what
 * came along. */
int lf__tokenizer_to_gguf(lf_gguf_meta *meta, const char *path, const lf_source *source, lf_convert_report *report, lf_error *err);
int lf__tokenizer_from_llama2c(const char *dir, const char *path, const lf_source *source, lf_convert_report *report, lf_error *err);
int lf__tokenizer_from_gguf(const char *dir, const lf_gguf *g, lf_convert_report *report, lf_error *err);

#endif
