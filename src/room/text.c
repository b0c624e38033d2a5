#include <string.h>

#include "mem.h"
#include "text.h"

enum status text_copy(struct slice from, struct text *ret_text) {
    if (from.len == 0) {
        *ret_text = (struct text){0};
        return STATUS_OK;
    }
    char *data = mem_alloc(from.len + 1);
    if (!data) {
        return STATUS_NO_MEMORY;
    }
    memcpy(data, from.data, from.len);
    data[from.len] = '\0';
    *ret_text = (struct text){.data = data, .len = from.len};
    return STATUS_OK;
}

void text_deinit(struct text *t) {
    mem_free(t->data);
    *t = (struct text){0};
}

char *text_cstr(const struct text *t) {
    return t->data ? t->data : (char *)(uintptr_t) "";
}
