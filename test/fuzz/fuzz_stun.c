/* STUN: any datagram; what reads well must be answerable, and our answers must read back.
 * Covers: src/wire/stun.c */
#include "datagram.h"
#include "stun.h"

#include <string.h>

static void must(bool holds) {
    if (!holds) {
        __builtin_trap();
    }
}

static void read_back(const struct stun_message *m, enum stun_kind kind) {
    struct stun_view v;
    must(datagram_classify(stun_message_slice(m)) == DATAGRAM_STUN);
    must(stun_read(stun_message_slice(m), &v) == STATUS_OK);
    must(v.kind == kind && v.has_fingerprint);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static const uint8_t mac[STUN_MAC_BYTES] = {1, 2, 3};
    struct slice datagram = slice_of(data, size);
    struct stun_view v;
    struct stun_message m;
    (void)datagram_classify(datagram);
    if (stun_read(datagram, &v) != STATUS_OK) {
        return 0;
    }
    if (v.has_integrity) {
        uint8_t header[STUN_HEADER_BYTES];
        struct slice rest;
        stun_integrity_input(&v, header, &rest);
        must(rest.len == v.integrity_at - STUN_HEADER_BYTES);
        must(stun_integrity_matches(&v, v.integrity.data));
    }
    struct stun_address address = {.family = size % 2 ? STUN_IPV4 : STUN_IPV6, .port = 9};
    memcpy(address.ip, v.transaction, size % 2 ? 4 : sizeof(v.transaction));
    stun_write_success(&m, v.transaction, &address);
    must(stun_seal_input(&m).len > 0);
    stun_seal(&m, mac);
    read_back(&m, STUN_SUCCESS);
    struct stun_view back;
    must(stun_read(stun_message_slice(&m), &back) == STATUS_OK && back.has_mapped);
    must(memcmp(&back.mapped, &address, sizeof(address)) == 0);
    stun_write_error(&m, &v,
                     v.unknown_count > 0 ? STUN_ERROR_UNKNOWN_ATTRIBUTE : STUN_ERROR_BAD_REQUEST);
    stun_seal(&m, NULL);
    read_back(&m, STUN_ERROR);
    struct stun_check check = {.remote_ufrag = v.username_remote, .local_ufrag = v.username_local};
    stun_write_check(&m, &check);
    stun_seal(&m, mac);
    read_back(&m, STUN_REQUEST);
    return 0;
}
