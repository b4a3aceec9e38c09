/* cli_read.c - whole files and standard input as bytes, inside a limit. */
#include "cli/cli.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

int cli_read(cli_bytes *out, const char *path, size_t max, lf_error *err)
{
    bool standard = strcmp(path, "-") == 0;
    const char *name = standard ? cli_say("standard input", "标准输入") : path;
    FILE *in = standard ? stdin : fopen(path, "rb");
    if (!in) return lf_error_set(err, errno == ENOENT ? LF_E_NOT_FOUND : LF_E_IO, "%s: %s", name, strerror(errno));
    size_t cap = 1 << 16;
    cli_bytes b = {malloc(cap + 1), 0};
    while (b.data && b.n <= max) {
        size_t got = fread(b.data + b.n, 1, cap - b.n, in);
        b.n += got;
        if (b.n < cap) break;
        char *grown = realloc(b.data, (cap *= 2) + 1);
        if (!grown) free(b.data);
        b.data = grown;
    }
    int failed = 0;
    if (!b.data)
        failed = lf_error_set(err, LF_E_MEMORY, "%s: out of memory after %zu bytes", name, b.n);
    else if (ferror(in))
        failed = lf_error_set(err, LF_E_IO, "%s: cannot be read: %s", name, strerror(errno));
    else if (b.n > max)
        failed = lf_error_set(err, LF_E_LIMIT, "%s: larger than %zu bytes", name, max);
    if (!standard) fclose(in);
    if (failed) return free(b.data), failed;
    b.data[b.n] = 0;
    *out = b;
    return 0;
}
