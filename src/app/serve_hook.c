#include "serve_hook.h"

enum status serve_hook_create(struct settings *s, struct hook **ret_hook) {
    *ret_hook = NULL;
    if (s->webhook_urls.count == 0) {
        return STATUS_OK;
    }
    const struct slice *secret = settings_secret_of(s, s->webhook_api_key);
    if (!secret || s->webhook_urls.count > HOOK_RECEIVERS_MAX) {
        return STATUS_INVALID;
    }
    struct hook_receiver receivers[HOOK_RECEIVERS_MAX];
    for (size_t i = 0; i < s->webhook_urls.count; i++) {
        receivers[i] = (struct hook_receiver){
            .url = arena_cstr(&s->arena, s->webhook_urls.items[i]),
            .key = s->webhook_api_key,
            .secret = *secret,
        };
        if (!receivers[i].url) {
            return STATUS_NO_MEMORY;
        }
    }
    const struct hook_config config = {
        .receivers = receivers,
        .receivers_count = s->webhook_urls.count,
        .include_events = s->webhook_include.items,
        .include_count = s->webhook_include.count,
        .exclude_events = s->webhook_exclude.items,
        .exclude_count = s->webhook_exclude.count,
        .max_age_ms = (uint32_t)s->webhook_max_age_ms,
        .max_depth = (uint32_t)s->webhook_max_depth,
    };
    return hook_create(&config, ret_hook);
}
