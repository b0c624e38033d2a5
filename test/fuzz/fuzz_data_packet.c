/* DataPackets: what reads well is rewritten into what reads well, with the sender's names, and
 * rewriting that again changes nothing but how a sender spelled its numbers.
 * Covers: src/wire/data_packet.c src/wire/data_packet_rewrite.c */
#include "data_packet.h"

static void must(bool holds) {
    if (!holds) {
        __builtin_trap();
    }
}

static size_t count_names(const struct data_packet_view *v, enum data_packet_names sort) {
    struct data_names names = data_packet_names(v, sort);
    struct slice name;
    size_t count = 0;
    while (data_names_next(&names, &name)) {
        count++;
    }
    return count;
}

static void check(const struct data_packet_view *v, const struct data_packet_sender *sender) {
    struct buf once, twice, thrice;
    struct data_packet_view a, b;
    buf_init(&once, 4 << 20);
    buf_init(&twice, 4 << 20);
    buf_init(&thrice, 4 << 20);
    must(data_packet_rewrite(v, sender, &once) == STATUS_OK);
    must(data_packet_read(buf_slice(&once), &a) == STATUS_OK);
    must(a.kind == sender->kind && a.sequence == v->sequence && a.value == v->value);
    must(slice_eq(a.participant_sid, sender->hidden ? slice_of(NULL, 0) : sender->sid));
    must(slice_eq(a.participant_identity, sender->hidden ? slice_of(NULL, 0) : sender->identity));
    must(slice_eq(a.payload, v->payload) && slice_eq(a.topic, v->topic));
    must(data_packet_is_broadcast(&a) == data_packet_is_broadcast(v));
    must(data_packet_rewrite(&a, sender, &twice) == STATUS_OK);
    must(twice.len <= once.len); /* names are written anew, at their shortest */
    must(data_packet_read(buf_slice(&twice), &b) == STATUS_OK);
    must(a.destination_identities_count == b.destination_identities_count &&
         a.user_destination_identities_count == b.user_destination_identities_count);
    must(data_packet_rewrite(&b, sender, &thrice) == STATUS_OK && thrice.len == twice.len);
    buf_deinit(&once);
    buf_deinit(&twice);
    buf_deinit(&thrice);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct data_packet_view v;
    if (data_packet_read(slice_of(data, size), &v) != STATUS_OK) {
        return 0;
    }
    must(count_names(&v, DATA_NAMES_IDENTITIES) == v.destination_identities_count);
    must(count_names(&v, DATA_NAMES_USER_SIDS) == v.user_destination_sids_count);
    must(count_names(&v, DATA_NAMES_USER_IDENTITIES) == v.user_destination_identities_count);
    struct data_packet_sender sender = {SLICE_LIT("PA_x"), SLICE_LIT("alice"), DATA_KIND_LOSSY,
                                        size % 3 == 0};
    check(&v, &sender);
    return 0;
}
