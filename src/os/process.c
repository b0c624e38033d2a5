#include "process.h"

#include <fcntl.h>
#include <unistd.h>

#include "fd.h"
#include "slice.h"

uint64_t process_memory_bytes(void) {
    char text[128]; /* seven numbers: size, resident, shared ... in pages */
    int fd = open("/proc/self/statm", O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        return 0;
    }
    ssize_t got = read(fd, text, sizeof(text));
    fd_close(&fd);
    struct slice rest = slice_of(text, got > 0 ? (size_t)got : 0);
    (void)slice_split(&rest, ' ');
    uint64_t pages = 0;
    long page_bytes = sysconf(_SC_PAGESIZE);
    if (!slice_to_u64(slice_split(&rest, ' '), &pages) || page_bytes <= 0) {
        return 0;
    }
    return pages * (uint64_t)page_bytes;
}
