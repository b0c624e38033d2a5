#include <stdio.h>

#include "config_presets.h"
#include "config_priv.h"
#include "net_address.h"

/* One rule each: INVALID with what and why in the error, or OK. */

bool config_ports(struct slice text, uint16_t *ret_first, uint16_t *ret_last) {
    uint64_t first = 0, last = 0;
    struct slice head = slice_split(&text, '-');
    if (!slice_to_u64(head, &first) || first > UINT16_MAX) {
        return false;
    }
    last = first;
    if (text.len > 0 && (!slice_to_u64(text, &last) || last > UINT16_MAX || last < first)) {
        return false;
    }
    *ret_first = (uint16_t)first;
    *ret_last = (uint16_t)last;
    return true;
}

bool config_journal_sync(struct slice text, uint32_t *ret_interval_ms, bool *ret_always) {
    enum { NS_PER_MS = 1000000, INTERVAL_MS_MAX = 60000 };
    bool negative = false, always = slice_eq_cstr(text, "always");
    uint64_t ns = 0;
    const char *reason;
    if (!always && (setting_read_duration(text, &negative, &ns, &reason) != STATUS_OK || negative ||
                    ns < NS_PER_MS || ns / NS_PER_MS > INTERVAL_MS_MAX)) {
        return false;
    }
    *ret_interval_ms = (uint32_t)(ns / NS_PER_MS);
    *ret_always = always;
    return true;
}

static bool is_address(struct slice text) {
    struct net_address address;
    return net_address_parse(text, 0, &address) == STATUS_OK;
}

static enum status check_keys(struct settings *s, struct config_error *error) {
    if (s->keys_count == 0) {
        return config_refuse(
            error, "keys",
            "none is configured: one of keys, key_file, LIVEKIT_KEYS or --dev is needed");
    }
    for (size_t i = 0; i < s->keys_count && !s->development; i++) {
        struct slice key = s->keys[i].key;
        if (s->keys[i].secret.len >= CONFIG_SECRET_BYTES_MIN) {
            continue;
        }
        struct buf name;
        buf_init(&name, CONFIG_ERROR_MAX);
        buf_printf(&name, "keys: secret of %.*s", SLICE_ARG(slice_sub(key, 0, 64)));
        settings_warn(s, buf_slice(&name), SLICE_LIT("is shorter than 32 characters"));
        buf_deinit(&name);
        if (s->keys_strict) {
            return config_refuse(error, "keys",
                                 "a secret is shorter than 32 characters, and stoa.keys_strict "
                                 "is on; stoa generate-keys makes a pair");
        }
    }
    return STATUS_OK;
}

static enum status check_log(struct settings *s, struct config_error *error) {
    static const char *const levels[] = {"", "debug", "info", "warn", "warning", "error"};
    for (size_t i = 0; i < ARRAY_LEN(levels); i++) {
        if (slice_eq_nocase(s->log_level, slice_from_cstr(levels[i]))) {
            return STATUS_OK;
        }
    }
    return config_refuse(error, "logging.level", "must be debug, info, warn or error");
}

static enum status check_addresses(struct settings *s, struct config_error *error) {
    for (size_t i = 0; i < s->bind_addresses.count; i++) {
        if (!is_address(s->bind_addresses.items[i])) {
            return config_refuse(error, "bind_addresses", "must be IP addresses");
        }
    }
    if (!is_address(s->metrics_bind)) {
        return config_refuse(error, "stoa.metrics_bind", "must be an IP address");
    }
    for (size_t i = 0; i < s->trusted_proxies.count; i++) {
        struct net_prefix prefix;
        if (net_prefix_parse(s->trusted_proxies.items[i], &prefix) != STATUS_OK) {
            return config_refuse(error, "stoa.trusted_proxies", "must be CIDRs, as 10.0.0.0/8");
        }
    }
    return STATUS_OK;
}

static enum status check_media(struct settings *s, struct config_error *error) {
    uint16_t first = 0, last = 0;
    if (!config_ports(s->udp_port, &first, &last)) {
        return config_refuse(error, "rtc.udp_port", "must be a port or a range first-last");
    }
    struct slice rest = s->node_ip;
    for (size_t count = 0; rest.len > 0; count++) {
        struct slice ip = slice_trim(slice_split(&rest, ','));
        if (count == 2 || !is_address(ip)) {
            return config_refuse(error, "rtc.node_ip",
                                 "must be one IPv4 address, one IPv6 address, or both with a "
                                 "comma between");
        }
    }
    return STATUS_OK;
}

static enum status check_tls(struct settings *s, struct config_error *error) {
    bool both = (s->tls_cert_file.len > 0) == (s->tls_key_file.len > 0);
    return both ? STATUS_OK
                : config_refuse(error, "stoa.tls_cert_file",
                                "and stoa.tls_key_file are needed together");
}

static enum status check_webhooks(struct settings *s, struct config_error *error) {
    for (size_t i = 0; i < s->webhook_urls.count; i++) {
        struct slice url = s->webhook_urls.items[i];
        if (!slice_starts_with(url, SLICE_LIT("http://")) &&
            !slice_starts_with(url, SLICE_LIT("https://"))) {
            return config_refuse(error, "webhook.urls", "must begin with http:// or https://");
        }
    }
    if (s->webhook_urls.count > 0 && !settings_secret_of(s, s->webhook_api_key)) {
        return config_refuse(error, "webhook", "api_key is required to use webhooks");
    }
    return STATUS_OK;
}

static enum status check_presets(struct settings *s, struct config_error *error) {
    const struct node_preset *presets = NULL;
    size_t count = 0;
    struct arena arena;
    arena_init(&arena, SETTINGS_BYTES_MAX);
    enum status st = config_presets(s, &arena, &presets, &count, error);
    arena_deinit(&arena);
    return st;
}

static enum status check_journal(struct settings *s, struct config_error *error) {
    uint32_t interval_ms;
    bool always;
    if (!config_journal_sync(s->journal_sync, &interval_ms, &always)) {
        return config_refuse(error, "stoa.journal.sync", "must be 1ms to 1m, or always");
    }
    if (s->journal_dir.len >= CONFIG_JOURNAL_PATH_MAX) {
        return config_refuse(error, "stoa.journal.dir", "is too long");
    }
    return STATUS_OK;
}

enum status config_check(struct settings *s, struct config_error *ret_error) {
    static enum status (*const rules[])(struct settings *, struct config_error *) = {
        check_keys, check_log,      check_addresses, check_media,
        check_tls,  check_webhooks, check_presets,   check_journal};
    ret_error->usage = false;
    enum status result = STATUS_OK;
    for (size_t i = 0; i < ARRAY_LEN(rules) && result == STATUS_OK; i++) {
        result = rules[i](s, ret_error);
    }
    return result;
}
