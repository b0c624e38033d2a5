#include "base.h"

const char *status_name(enum status s) {
    switch (s) {
#define S(name, value, text)                                                                       \
    case STATUS_##name: return text;
        STATUSES(S)
#undef S
    }
    return "unknown status";
}
