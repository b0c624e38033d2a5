#include "srtp_oracle.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>
#include <srtp2/srtp.h>
#include <string.h>

#include "srtp.h"

struct oracle {
    srtp_t session;
};

struct oracle *oracle_create(const struct dtls_srtp *keys, bool sending) {
    static bool begun;
    if (!begun) {
        assert_int_equal(srtp_init(), srtp_err_status_ok);
        begun = true;
    }
    uint8_t master[16 + 14];
    memcpy(master, sending ? keys->local_key : keys->remote_key, 16);
    memcpy(master + 16, sending ? keys->local_salt : keys->remote_salt, keys->salt_len);
    srtp_policy_t policy = {
        .ssrc.type = sending ? ssrc_any_outbound : ssrc_any_inbound,
        .key = master,
        .window_size = SRTP_WINDOW_PACKETS,
    };
    if (keys->profile == DTLS_SRTP_AEAD_AES_128_GCM) {
        srtp_crypto_policy_set_aes_gcm_128_16_auth(&policy.rtp);
        srtp_crypto_policy_set_aes_gcm_128_16_auth(&policy.rtcp);
    } else {
        srtp_crypto_policy_set_rtp_default(&policy.rtp);
        srtp_crypto_policy_set_rtcp_default(&policy.rtcp);
    }
    struct oracle *o = test_malloc(sizeof *o);
    assert_int_equal(srtp_create(&o->session, &policy), srtp_err_status_ok);
    return o;
}

void oracle_destroy(struct oracle *o) {
    assert_int_equal(srtp_dealloc(o->session), srtp_err_status_ok);
    test_free(o);
}

static enum oracle_verdict verdict(srtp_err_status_t status) {
    switch ((int)status) {
    case srtp_err_status_ok: return ORACLE_OK;
    case srtp_err_status_auth_fail: return ORACLE_UNAUTHENTICATED;
    case srtp_err_status_replay_fail: return ORACLE_EXISTS;
    case srtp_err_status_replay_old: return ORACLE_STALE;
    default: return ORACLE_OTHER;
    }
}

enum oracle_verdict oracle_protect(struct oracle *o, uint8_t *packet, size_t *len, bool rtcp) {
    int bytes = (int)*len;
    enum oracle_verdict v = verdict(rtcp ? srtp_protect_rtcp(o->session, packet, &bytes)
                                         : srtp_protect(o->session, packet, &bytes));
    *len = (size_t)bytes;
    return v;
}

enum oracle_verdict oracle_unprotect(struct oracle *o, uint8_t *packet, size_t *len, bool rtcp) {
    int bytes = (int)*len;
    enum oracle_verdict v = verdict(rtcp ? srtp_unprotect_rtcp(o->session, packet, &bytes)
                                         : srtp_unprotect(o->session, packet, &bytes));
    *len = (size_t)bytes;
    return v;
}
