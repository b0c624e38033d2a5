/* ice_lite.h: the checks of ICE with their passwords: theirs of us, ours of them.
 * Owns: nothing.
 * Never: believes a message before its integrity was checked.
 * Invariant: answers and checks leave with integrity and fingerprint.
 * Source: RFC 8445 section 7, RFC 8489; roles: we are lite, so always the controlled side.
 * Callers: workers. */
#pragma once

#include "hmac.h"
#include "net_address.h"
#include "stun.h"

/* MESSAGE-INTEGRITY of a request (key: ours) or of an answer (key: the client's) is right. */
must_check bool ice_is_authentic(const struct stun_view *v, struct hmac_key *key);

/* Answers an authentic request from `remote`: success, or 420 or 487. True: it was success. The
 * message is empty when memory failed. */
bool ice_answer(const struct stun_view *request, const struct net_address *remote,
                struct hmac_key *key, struct stun_message *ret_message);

/* A check of ours; `key` is the client's password. The message is empty when it did not fit. */
void ice_check(const struct stun_check *check, struct hmac_key *key,
               struct stun_message *ret_message);
