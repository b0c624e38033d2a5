#include <string.h>

#include "ident.h"

/* Without 0, 1, I, O and l, which people mistake for one another. */
static const char ident_alphabet[] = "23456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz";
static const char base62_alphabet[] =
    "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
enum {
    IDENT_LETTERS = sizeof(ident_alphabet) - 1,
    BASE62_LETTERS = sizeof(base62_alphabet) - 1,
};
static_assert(IDENT_LETTERS == 57, "the reference's alphabet");
static_assert(BASE62_LETTERS == 62, "letters and digits");

/* `len` letters, uniform: random bytes past the largest multiple of `letters` are drawn again. */
static void draw(struct rng *r, const char *alphabet, unsigned letters, char *out, size_t len) {
    unsigned usable = 256 - 256 % letters;
    for (size_t done = 0; done < len;) {
        uint8_t bytes[32];
        size_t count = MIN(len - done, sizeof(bytes));
        rng_bytes(r, bytes, count);
        for (size_t i = 0; i < count; i++) {
            if (bytes[i] < usable) {
                out[done++] = alphabet[bytes[i] % letters];
            }
        }
    }
}

static size_t put_prefix(struct ident *id, const char *prefix) {
    size_t len = strlen(prefix);
    assert(len + IDENT_RANDOM_LEN < IDENT_MAX);
    memcpy(id->text, prefix, len);
    return len;
}

struct ident ident_make(struct rng *r, const char *prefix) {
    struct ident id = {0};
    size_t len = put_prefix(&id, prefix);
    draw(r, ident_alphabet, IDENT_LETTERS, id.text + len, IDENT_RANDOM_LEN);
    return id;
}

struct ident ident_from_bits(const char *prefix, uint64_t lo, uint64_t hi) {
    struct ident id = {0};
    size_t len = put_prefix(&id, prefix);
    /* Half the letters from each word: 57^6 is below 2^36, so 64 bits leave no bias to speak of. */
    for (size_t i = 0; i < IDENT_RANDOM_LEN; i++) {
        uint64_t *bits = i < IDENT_RANDOM_LEN / 2 ? &lo : &hi;
        id.text[len + i] = ident_alphabet[*bits % IDENT_LETTERS];
        *bits /= IDENT_LETTERS;
    }
    return id;
}

struct slice ident_slice(const struct ident *id) {
    return slice_of(id->text, strnlen(id->text, IDENT_MAX - 1));
}

bool ident_equal(const struct ident *id, struct slice text) {
    return slice_eq(ident_slice(id), text);
}

void ident_base62(struct rng *r, char *out, size_t len) {
    draw(r, base62_alphabet, BASE62_LETTERS, out, len);
    out[len] = '\0';
}
