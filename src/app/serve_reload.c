#include "serve_reload.h"

#include <stdio.h>

#include "config.h"
#include "log.h"
#include "mem.h"

static void say_failed(const char *part, struct slice reason) {
    log_event(LOG_ERROR, "reload_failed", LOG_CSTR("part", part), LOG_STR("reason", reason));
}

static enum status take_keys(const struct serve_reload *r, const struct settings *s) {
    struct edge_key *keys = mem_calloc(s->keys_count, sizeof(*keys));
    if (!keys) {
        return STATUS_NO_MEMORY;
    }
    for (size_t i = 0; i < s->keys_count; i++) {
        keys[i] = (struct edge_key){s->keys[i].key, s->keys[i].secret};
    }
    enum status st = edge_set_keys(r->edge, keys, s->keys_count);
    mem_free(keys);
    return st == STATUS_OK ? control_set_issuer(r->control, s->keys[0].key) : st;
}

static void take_certificate(const struct serve_reload *r, struct settings *s) {
    if (s->tls_cert_file.len == 0) {
        return;
    }
    const char *certificate = arena_cstr(&s->arena, s->tls_cert_file);
    const char *key = arena_cstr(&s->arena, s->tls_key_file);
    enum status st =
        certificate && key ? edge_reload_tls(r->edge, certificate, key) : STATUS_NO_MEMORY;
    if (st != STATUS_OK) {
        say_failed("stoa.tls_cert_file", slice_from_cstr(status_name(st)));
    }
}

static void take(const struct serve_reload *r, struct settings *s) {
    enum status st = take_keys(r, s);
    if (st == STATUS_OK && r->hook) {
        const struct slice *secret = settings_secret_of(s, s->webhook_api_key);
        st = secret ? hook_set_key(r->hook, s->webhook_api_key, *secret) : STATUS_INVALID;
    }
    take_certificate(r, s);
    if (st != STATUS_OK) {
        say_failed("keys", slice_from_cstr(status_name(st)));
    } else {
        log_event(LOG_INFO, "reloaded", LOG_UINT("keys", s->keys_count));
    }
}

void serve_reload(const struct serve_reload *r) {
    struct settings *s = mem_zalloc(sizeof(*s));
    if (!s || settings_init(s) != STATUS_OK) {
        say_failed("configuration", SLICE_LIT("out of memory"));
        mem_free(s);
        return;
    }
    struct config_error error = {0};
    enum status st = config_load(s, r->argc, r->argv, &error);
    if (st == STATUS_OK) {
        st = config_check(s, &error);
    }
    if (st == STATUS_OK) {
        take(r, s);
    } else {
        say_failed("configuration", slice_from_cstr(error.text));
    }
    settings_deinit(s);
    mem_free(s);
}
