/* base64.h: RFC 4648 codings. Owns: nothing. Pure.
 * Invariant: decoders refuse bytes outside the alphabets, bad padding and non-zero spare bits.
 * Callers: tokens, join requests, JSON bytes, Sec-WebSocket-Accept. */
#pragma once

#include "arena.h"
#include "buf.h"

/* Accepts the standard and the URL alphabet, with or without padding. */
must_check enum status base64_decode_any(struct slice text, struct arena *arena,
                                         struct slice *ret_bytes);
/* URL alphabet without padding only (JWT segments). */
must_check enum status base64url_decode_strict(struct slice text, struct arena *arena,
                                               struct slice *ret_bytes);
void base64_put(struct buf *out, struct slice bytes);    /* standard, padded */
void base64url_put(struct buf *out, struct slice bytes); /* URL alphabet, no padding */
