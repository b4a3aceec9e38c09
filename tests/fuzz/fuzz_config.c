/* fuzz_config.c - any bytes as a configuration (YAML, JSON or Hugging Face's); one that loads is checked, printed, and read back. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/base.h"
#include "foundry/config.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static lf_config c, back;
    char path[64];
    lf_error err = {0}, ignored = {0};
    int fd = memfd_create("fuzz", 0);
    if (fd < 0 || write(fd, data, size) != (ssize_t)size) return 0;
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    lf_config_init(&c);
    if (lf_config_load(&c, path, &err) == 0) {
        lf_config_check(&c, &ignored);
        char *text = lf_config_text(&c, "en", false, &ignored), *again = NULL;
        lf_config_init(&back);
        if (text && ftruncate(fd, 0) == 0 && pwrite(fd, text, strlen(text), 0) == (ssize_t)strlen(text)) {
            if (lf_config_load(&back, path, &err)) __builtin_trap(); /* what we write we read */
            again = lf_config_text(&back, "en", false, &ignored);
            if (!again || strcmp(text, again) != 0) __builtin_trap();
        }
        free(text), free(again);
    } else if (err.code == LF_OK || !err.message[0]) {
        __builtin_trap();
    }
    close(fd);
    return 0;
}
