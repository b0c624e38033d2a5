#!/usr/bin/env python3
"""Seeds of fuzz_sfu: a call of each codec, with what happens in one.

  seeds_sfu.py DIR    writes into DIR (test/fuzz/corpus/sfu)
"""
import hashlib, os, struct, sys

PACKET, RTCP, WANT, LIMIT, TELL, RESEND, PACE = 9, 4, 1, 2, 3, 5, 8
ADVANCE, MARKER, LEVEL, JUMP = 4, 16, 32, 1


def op(kind, *args, layer=0, wait_ms=None):
    first = kind | layer << 4 | (0x80 if wait_ms is not None else 0)
    return bytes([first] + ([wait_ms] if wait_ms is not None else []) + list(args))


def packet(payload, layer=0, flags=ADVANCE | MARKER, jump=None):
    extra = [] if jump is None else [128 + jump]
    flags |= 0 if jump is None else JUMP
    return op(PACKET, flags, *extra, len(payload), *payload, layer=layer)


def vp8(n, key=False, temporal=0):
    return bytes([0x90, 0xE0, 0x80 | n >> 8 & 0x7F, n & 0xFF, n & 0xFF, temporal << 6 | 0x20,
                  0 if key else 1, 1, 2])


def vp9(n, key=False, temporal=0, spatial=0):
    return bytes([0xA8 | (0 if key else 0x40) | 0x04, n & 0x7F, temporal << 5 | spatial << 1, n & 0xFF, 7])


def h264(n, key=False):
    return bytes([0x67, 0x42, 0xE0, 0x1F]) if key else bytes([0x41, 0x9A, n & 0xFF])


def av1(n, key=False):
    return bytes([0x18 if key else 0x10, 0x0A, n & 0xFF])


def opus(n, key=False):
    return bytes([0x78, n & 0xFF, 3])


def red(n, key=False):
    return bytes([0x80 | 111, 0x0F, 0x00, 0x02, 111, 1, 2, 0x78, n & 0xFF])


CODECS = [vp8, vp8, vp9, h264, av1, opus, red]


def sender_report():
    return struct.pack("!BBHIIIIII", 0x80, 200, 6, 1000, 0xE0000000, 0, 90000, 10, 1000)


def nack(sequence):
    return struct.pack("!BBHIIHH", 0x81, 205, 3, 1, 5000, sequence, 0x0003)


def rtcp(data):
    return op(RTCP, len(data), *data)


def scenarios(make):
    flow = b"".join(packet(make(n, key=n == 0)) for n in range(12))
    start = op(WANT, 0x31) + op(TELL, wait_ms=10)
    yield start + flow + rtcp(sender_report()) + op(TELL, wait_ms=200)
    yield start + flow + rtcp(nack(0x5679)) + op(RESEND, 3) + op(RESEND, 3, wait_ms=150)
    lost = packet(make(12), jump=2) + packet(make(11), jump=-3)
    yield start + flow + lost + op(TELL, wait_ms=30) + packet(make(14), jump=1)
    held = b"".join(packet(make(n)) for n in range(12, 18))
    yield start + flow + op(PACE, 0) + held + op(PACE, 3) + packet(make(18)) + op(PACE, 15)
    up = b"".join(packet(make(n, key=n % 4 == 0), layer=n % 3) for n in range(24))
    yield start + up + op(LIMIT, 0) + up + op(LIMIT, 0x82) + up + op(WANT, 0) + op(WANT, 0x31) + up


def main(folder):
    os.makedirs(folder, exist_ok=True)
    for index, make in enumerate(CODECS):
        for rtx in (0, 0x80):
            # The first byte chooses the codec by its remainder, and RTX by its top bit.
            first = next(b for b in range(rtx, rtx + 128) if b % len(CODECS) == index)
            for body in scenarios(make):
                seed = bytes([first]) + body
                name = hashlib.sha1(seed).hexdigest()
                with open(os.path.join(folder, name), "wb") as f:
                    f.write(seed)


main(sys.argv[1])
