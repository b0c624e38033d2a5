#include <errno.h>

#include "os_priv.h"

enum status os_status(int error) {
    switch (error) {
    case EAGAIN: return STATUS_AGAIN;
    case ENOENT:
    case ENOTDIR: return STATUS_NOT_FOUND;
    case EEXIST:
    case EADDRINUSE: return STATUS_EXISTS;
    case EACCES:
    case EPERM:
    case EROFS: return STATUS_DENIED;
    case ENOMEM:
    case ENOBUFS: return STATUS_NO_MEMORY;
    case EMFILE:
    case ENFILE:
    case ENOSPC:
    case EDQUOT: return STATUS_EXHAUSTED;
    case EPIPE:
    case ECONNRESET:
    case ECONNABORTED: return STATUS_CLOSED;
    case ETIMEDOUT: return STATUS_TIMEOUT;
    case EADDRNOTAVAIL:
    case EAFNOSUPPORT:
    case ECONNREFUSED:
    case EHOSTUNREACH:
    case ENETUNREACH:
    case ENETDOWN: return STATUS_UNAVAILABLE;
    default: return STATUS_IO;
    }
}
