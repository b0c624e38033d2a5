/* client.h: a WebRTC client for tests: checks by STUN, DTLS by OpenSSL, one UDP socket.
 * Owns: struct client its socket, key, certificate and SSL.
 * Never: waits longer than it is told; retries of a check are its caller's.
 * Callers: tests of media, in their own process or in one of its own (data_client.c). */
#pragma once

#include <netinet/in.h>
#include <openssl/ssl.h>
#include <sys/socket.h>

#include "hmac.h"
#include "stun.h"

enum { CLIENT_UFRAG_LEN = 4, CLIENT_PWD_LEN = 22 };

struct client_server { /* what the SDP tells of the server */
    uint16_t port;
    bool v6;           /* reach it by ::1 */
    uint16_t tcp_port; /* not 0: reach it by TCP there, and not by UDP */
    char ufrag[17], pwd[25];
};

struct client {
    int fd;
    uint8_t stream[8192]; /* of TCP: bytes that make no datagram yet */
    size_t stream_len;
    struct sockaddr_storage to;
    struct client_server server;
    struct hmac_key *server_key, *own_key;
    char ufrag[CLIENT_UFRAG_LEN + 1], pwd[CLIENT_PWD_LEN + 1];
    uint8_t fingerprint[32];
    EVP_PKEY *pkey;
    X509 *certificate;
    SSL_CTX *ssl_ctx;
    SSL *ssl;
    BIO *in, *out; /* owned by ssl */
    bool started, connected, failed;
    bool ignores_checks; /* of the server: as an address does that is not ours */
    uint8_t transaction[STUN_TRANSACTION_BYTES];
    uint32_t answers, errors, server_checks, datagrams, dtls_datagrams;
    uint64_t received_ns;       /* of the last datagram, where the socket has SO_TIMESTAMPNS */
    struct stun_address mapped; /* of the last answer */
    void (*on_message)(void *arg, const void *data, size_t len);
    void *arg;
    void (*on_media)(void *arg, uint8_t *datagram, size_t len, bool is_rtcp); /* may change it */
    void *media_arg;
};

void client_init(struct client *c, const struct client_server *server);
void client_deinit(struct client *c);
void client_rebind(struct client *c); /* the same client from another port */
void client_use(struct client *c, const char *ufrag, const char *pwd); /* of a restarted server */

enum {
    CHECK_NOMINATES = 1,
    CHECK_BAD_PWD = 2,
    CHECK_BAD_UFRAG = 4,
    CHECK_NO_FINGERPRINT = 8,
    CHECK_UNKNOWN_ATTRIBUTE = 16,
    CHECK_AS_CONTROLLED = 32,
};
void client_check(struct client *c, uint32_t how);
void client_start_dtls(struct client *c); /* sends the first flight */
/* Takes in what has come, at most `wait_ms` later; false when nothing came. */
bool client_pump(struct client *c, int wait_ms);
void client_take(struct client *c, uint8_t *datagram, size_t len); /* that its owner has read */
bool client_send(struct client *c, const void *data, size_t len);  /* one DTLS record */
void client_send_raw(struct client *c, const void *data, size_t len);
/* Checks and shakes hands until connected or failed; false when neither within 10 s. */
bool client_connect(struct client *c);
