#include "ice_lite.h"

#include <string.h>

static_assert((int)STUN_MAC_BYTES == (int)SHA1_BYTES, "the MAC of STUN is HMAC-SHA1");

bool ice_is_authentic(const struct stun_view *v, struct hmac_key *key) {
    if (!v->has_integrity) {
        return false;
    }
    uint8_t header[STUN_HEADER_BYTES], mac[STUN_MAC_BYTES];
    struct slice parts[2] = {{header, sizeof header}};
    stun_integrity_input(v, header, &parts[1]);
    return hmac_sign(key, parts, ARRAY_LEN(parts), mac) == STATUS_OK &&
           stun_integrity_matches(v, mac);
}

static void seal(struct stun_message *m, struct hmac_key *key) {
    uint8_t mac[STUN_MAC_BYTES];
    struct slice input = stun_seal_input(m);
    if (m->failed || hmac_sign(key, &input, 1, mac) != STATUS_OK) {
        m->failed = true;
        return;
    }
    stun_seal(m, mac);
}

static struct stun_address mapped_address(const struct net_address *a) {
    struct stun_address mapped = {.family = a->family == NET_V6 ? STUN_IPV6 : STUN_IPV4,
                                  .port = a->port};
    memcpy(mapped.ip, a->ip, sizeof mapped.ip);
    return mapped;
}

bool ice_answer(const struct stun_view *request, const struct net_address *remote,
                struct hmac_key *key, struct stun_message *ret_message) {
    bool ok = false;
    if (request->unknown_count > 0) {
        stun_write_error(ret_message, request, STUN_ERROR_UNKNOWN_ATTRIBUTE);
    } else if (request->role == STUN_ROLE_CONTROLLED) {
        stun_write_error(ret_message, request, STUN_ERROR_ROLE_CONFLICT);
    } else {
        struct stun_address mapped = mapped_address(remote);
        stun_write_success(ret_message, request->transaction, &mapped);
        ok = true;
    }
    seal(ret_message, key);
    return ok;
}

void ice_check(const struct stun_check *check, struct hmac_key *key,
               struct stun_message *ret_message) {
    stun_write_check(ret_message, check);
    seal(ret_message, key);
}
