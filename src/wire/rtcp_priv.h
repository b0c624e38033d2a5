/* rtcp_priv.h: how the writers of RTCP begin and end a packet. */
#pragma once

#include "rtcp.h"

struct rtcp_open {
    size_t begin;
};
/* The length is filled in by rtcp_close. */
struct rtcp_open rtcp_open(struct rtp_out *out, uint8_t type, size_t count);
struct rtcp_open rtcp_open_feedback(struct rtp_out *out, uint8_t type, uint8_t format,
                                    uint32_t sender, uint32_t media);
/* So many bytes, 0 included, the last of which counts them. */
void rtcp_put_padding(struct rtp_out *out, struct rtcp_open open, size_t bytes);
void rtcp_close(struct rtp_out *out, struct rtcp_open open);
