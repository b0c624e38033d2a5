/* external_ip.h: the address that the world sees this machine at, asked of a STUN server.
 * Owns: nothing.
 * Never: believes an answer that it did not ask for, or waits longer than it was told.
 * Source: RFC 8489 (a binding request without credentials); wire/room-api.md 10
 *   (rtc.use_external_ip).
 * Callers: app, once, before media begins. It blocks: never on a thread that serves. */
#pragma once

#include "net_address.h"

/* Asks each "host:port" (port 3478 when there is none) in turn, some times, until one answers or
 * `timeout_ms` has passed. IPv4 alone: an IPv6 address is the same outside. UNAVAILABLE: nobody
 * answered. */
must_check enum status external_ip_find(const struct slice *servers, size_t count,
                                        uint32_t timeout_ms, struct net_address *ret_address);
