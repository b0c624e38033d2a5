/* Data channel messages: what reads well is written back as the same bytes.
 * Covers: src/wire/dcep.c */
#include "dcep.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct slice message = slice_of(data, size);
    struct dcep_open open;
    (void)dcep_classify(message);
    if (dcep_read_open(message, &open) == STATUS_OK) {
        struct buf out;
        buf_init(&out, size + 1);
        dcep_put_open(&out, &open);
        if (out.failed || !slice_eq(buf_slice(&out), message)) {
            __builtin_trap();
        }
        buf_deinit(&out);
    }
    return 0;
}
