/* serve_hook.h: webhooks of a running server, from its settings.
 * Owns: nothing. Never: starts a thread when no URL is configured.
 * Invariant: the configuration was checked: webhook.api_key names a key when URLs are set.
 * Callers: serve. */
#pragma once

#include "hook.h"
#include "settings.h"

/* *ret_hook is NULL when no URL is configured. */
must_check enum status serve_hook_create(struct settings *s, struct hook **ret_hook);
