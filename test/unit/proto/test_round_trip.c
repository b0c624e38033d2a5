#include "fixture.h"

#include "random_message.h"

enum { ROUNDS = 3000 };

static struct slice encode(struct fixture *f, const ProtobufCMessage *m) {
    buf_clear(&f->out);
    proto_encode(m, &f->out);
    assert_false(f->out.failed);
    return arena_copy(&f->arena, buf_slice(&f->out));
}

/* Through protobuf and both styles of JSON, the bytes stay the same. */
static void codings_lose_nothing(void **state) {
    struct fixture *f = *state;
    struct rng rng;
    uint8_t key[32] = "a seed";
    rng_init(&rng, key);
    size_t bytes_total = 0;
    for (int round = 0; round < ROUNDS; round++) {
        fixture_reset(f);
        const ProtobufCMessageDescriptor *type = random_type(&rng);
        struct slice bytes = encode(f, random_message(&rng, type, &f->arena));
        bytes_total += bytes.len;
        ProtobufCMessage *m = decode_ok(f, type, bytes);
        assert_true(slice_eq(encode(f, m), bytes));
        for (int style = JSON_TWIRP; style <= JSON_COMPACT; style++) {
            buf_clear(&f->out);
            proto_encode_json(m, (enum json_style)style, &f->out);
            assert_false(f->out.failed);
            struct slice text = arena_copy(&f->arena, buf_slice(&f->out));
            ProtobufCMessage *again;
            assert_int_equal(proto_decode_json(type, text, &f->arena, &again), STATUS_OK);
            if (!slice_eq(encode(f, again), bytes)) {
                fail_msg("round %d, %s: %.*s", round, type->name, SLICE_ARG(text));
            }
        }
    }
    assert_true(bytes_total > ROUNDS * 100); /* the messages are not all empty */
}

/* Any cut and any spoilt byte gives an answer, and what is accepted can be written again. */
static void spoilt_bytes_are_answered(void **state) {
    struct fixture *f = *state;
    struct rng rng;
    uint8_t key[32] = "another seed";
    rng_init(&rng, key);
    for (int round = 0; round < ROUNDS; round++) {
        fixture_reset(f);
        const ProtobufCMessageDescriptor *type = random_type(&rng);
        struct slice bytes = encode(f, random_message(&rng, type, &f->arena));
        uint8_t *spoilt = (uint8_t *)(uintptr_t)bytes.data;
        size_t len = bytes.len;
        if (len > 0 && rng_below(&rng, 2) == 0) {
            len = rng_below(&rng, len);
        }
        for (uint64_t n = rng_below(&rng, 3); len > 0 && n > 0; n--) {
            spoilt[rng_below(&rng, len)] ^= (uint8_t)(1u << rng_below(&rng, 8));
        }
        ProtobufCMessage *m;
        if (proto_decode(type, slice_of(spoilt, len), &f->arena, &m) != STATUS_OK) {
            continue;
        }
        struct slice first = encode(f, m);
        m = decode_ok(f, type, first);
        assert_true(slice_eq(encode(f, m), first));
    }
}

int main(void) {
#define T(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)
    const struct CMUnitTest tests[] = {
        T(codings_lose_nothing),
        T(spoilt_bytes_are_answered),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
