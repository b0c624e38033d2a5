#include <string.h>

#include "edge_priv.h"

/* The API keys of one thread: each has its own, since their HMACs are not shared. New ones are put
 * beside them by whoever re-read the configuration and taken over at the next look, so that no
 * thread waits and a token is checked against the old keys or the new ones, never a mixture. */

struct edge_keys {
    size_t count;
    struct edge_key_entry {
        struct slice name; /* in text */
        struct hmac_key *hmac;
    } entries[];
};

static struct edge_keys *keys_destroy(struct edge_keys *k) {
    for (size_t i = 0; k && i < k->count; i++) {
        k->entries[i].hmac = hmac_key_destroy(k->entries[i].hmac);
    }
    mem_free(k);
    return NULL;
}

static size_t names_bytes(const struct edge_key *keys, size_t count) {
    size_t bytes = 0;
    for (size_t i = 0; i < count; i++) {
        bytes += keys[i].key.len;
    }
    return bytes;
}

static struct edge_keys *keys_create(const struct edge_key *keys, size_t count) {
    size_t table = sizeof(struct edge_keys) + count * sizeof(struct edge_key_entry);
    struct edge_keys *k = mem_zalloc(table + names_bytes(keys, count));
    uint8_t *text = (uint8_t *)k + table;
    for (size_t i = 0; k && i < count; i++) {
        struct slice name = keys[i].key;
        memcpy(text, name.data, name.len);
        k->entries[i].name = slice_of(text, name.len);
        text += name.len;
        k->entries[i].hmac = hmac_key_create(HMAC_SHA256, keys[i].secret);
        k->count++;
        if (!k->entries[i].hmac) {
            return keys_destroy(k);
        }
    }
    return k;
}

enum status edge_set_keys(struct edge *e, const struct edge_key *keys, size_t count) {
    if (count == 0 || count > EDGE_KEYS_MAX) {
        return STATUS_INVALID;
    }
    struct edge_keys *all[EDGE_THREADS_MAX] = {0};
    bool ok = true;
    for (uint32_t i = 0; i < e->threads_count; i++) {
        all[i] = keys_create(keys, count);
        ok = ok && all[i];
    }
    for (uint32_t i = 0; i < e->threads_count; i++) {
        /* One that nobody has looked at yet was never in use. */
        keys_destroy(ok ? atomic_exchange(&e->threads[i]->next_keys, all[i]) : all[i]);
    }
    return ok ? STATUS_OK : STATUS_NO_MEMORY;
}

static void take_next(struct edge_thread *t) {
    if (atomic_load_explicit(&t->next_keys, memory_order_relaxed)) {
        keys_destroy(t->keys);
        t->keys = atomic_exchange(&t->next_keys, NULL);
    }
}

struct hmac_key *edge_keys_find(struct edge_thread *t, struct slice name) {
    take_next(t);
    for (size_t i = 0; t->keys && i < t->keys->count; i++) {
        if (slice_eq(t->keys->entries[i].name, name)) {
            return t->keys->entries[i].hmac;
        }
    }
    return NULL;
}

struct hmac_key *edge_keys_first(struct edge_thread *t, struct slice *ret_name) {
    take_next(t);
    if (!t->keys || t->keys->count == 0) {
        return NULL;
    }
    *ret_name = t->keys->entries[0].name;
    return t->keys->entries[0].hmac;
}

void edge_keys_deinit(struct edge_thread *t) {
    t->keys = keys_destroy(t->keys);
    keys_destroy(atomic_exchange(&t->next_keys, NULL));
}

enum status edge_reload_tls(struct edge *e, const char *certificate, const char *key) {
    return e->tls ? tls_context_reload(e->tls, certificate, key) : STATUS_INVALID;
}
