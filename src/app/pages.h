/* pages.h: the operators' pages as bytes, written by tools/embed_pages.py from web/dist.
 * Owns: const tables.
 * Never: empty by mistake: without web/dist there are none, and the edge says so.
 * Invariant: the first of them, if any, is the page itself, with an empty path.
 * Callers: serve. */
#pragma once

#include "edge.h"

extern const struct edge_asset pages_embedded[];
extern const size_t pages_embedded_count;
