#include "config_priv.h"

#include <stdlib.h>
#include <string.h>

/* The reference's variables that are not made from a path. Those win over these. */
static const struct {
    const char *name, *path;
} short_variables[] = {
    {"NODE_IP", "rtc.node_ip"},
    {"UDP_PORT", "rtc.udp_port"},
    {"REDIS_HOST", "redis.address"},
    {"REDIS_PASSWORD", "redis.password"},
    {"LIVEKIT_TURN_CERT", "turn.cert_file"},
    {"LIVEKIT_TURN_KEY", "turn.key_file"},
};

/* An empty variable is like none. */
static enum status apply(struct loader *l, const struct setting_desc *desc, const char *name) {
    const char *value = getenv(name);
    return value && *value ? config_set(l, desc, slice_from_cstr(value), name) : STATUS_OK;
}

static bool has_variable(const struct setting_desc *desc) {
    bool list = desc->kind == SETTING_REAL && desc->type == SETTING_LIST;
    return (settings_is_scalar(desc) || list) && !strchr(desc->path, '[');
}

enum status config_apply_environment(struct loader *l) {
    enum status s = STATUS_OK;
    for (size_t i = 0; i < ARRAY_LEN(short_variables) && s == STATUS_OK; i++) {
        s = apply(l, settings_find(slice_from_cstr(short_variables[i].path)),
                  short_variables[i].name);
    }
    for (size_t i = 0; i < SETTINGS_COUNT && s == STATUS_OK; i++) {
        if (!has_variable(&setting_descs[i])) {
            continue;
        }
        struct buf name;
        buf_init(&name, 256);
        settings_put_env_name(&name, &setting_descs[i]);
        buf_put_u8(&name, 0);
        s = name.failed ? STATUS_NO_MEMORY : apply(l, &setting_descs[i], (const char *)name.data);
        buf_deinit(&name);
    }
    return s;
}
