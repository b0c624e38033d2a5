/* serve_reload.h: what SIGHUP changes in a running server: API keys, TLS certificate, the key that
 * webhooks are signed with.
 * Owns: nothing. Never: changes another setting: those want a restart.
 * Invariant: a configuration that the server would not start with changes nothing; the certificate
 *   is taken apart from it, and stays when the new one is broken.
 * Callers: serve. */
#pragma once

#include "control.h"
#include "hook.h"

struct serve_reload {
    int argc;
    char **argv;
    struct control *control;
    struct edge *edge;
    struct hook *hook; /* NULL: no webhooks */
};
/* Logs what became of it. */
void serve_reload(const struct serve_reload *r);
