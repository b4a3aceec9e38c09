/* fuzz_imatrix.c - any bytes as a file of importance; what loads is asked for a weight. */
#include <float.h>
#include <stdint.h>
#include <string.h>

#include "fuzz/use_tensors.h"
#include "quant/quant.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char path[64];
    lf_error err = {0};
    int fd = fuzz_file(path, data, size), status;
    if (fd < 0) return 0;
    lf_imatrix *im = lf_imatrix_load(path, &err);
    if (im) {
        const float *means = lf__imatrix_find(im, "blk.0.ffn_down.weight", 8, &status, NULL);
        for (int c = 0; means && c < 8; c++)
            if (!(means[c] >= 0 && means[c] <= FLT_MAX)) __builtin_trap();
        if (lf_imatrix_info_of(im).entries < 1) __builtin_trap();
    } else {
        check_refusal(&err);
    }
    lf_imatrix_free(&im);
    close(fd);
    return 0;
}
