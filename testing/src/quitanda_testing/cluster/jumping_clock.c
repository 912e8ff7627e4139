/*
 * A wall clock that jumps and stands still, for Python alone (LD_PRELOAD).
 *
 * What a thread that holds the Python interpreter's lock reads of CLOCK_REALTIME is so much ahead of the machine's clock
 * as the test says, or stands at one time. Other threads see the machine's clock: their waits until a time are the
 * kernel's, which does not know of the jump. Monotonic clocks go on, as they do where a machine's time is set.
 *
 * The process is one of those meant where JUMPING_CLOCKS_FOLDER holds a file of its QUITANDA_NAME. That file is shared
 * memory, see `struct control`.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <limits.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#define SECOND 1000000000

struct control {
    _Atomic int64_t ahead;  /* of the machine's clock, in nanoseconds */
    _Atomic int64_t stands; /* at this time, in nanoseconds since 1970; 0: it goes */
    _Atomic uint64_t reads;
};

static struct control *control;
static int (*real_clock_gettime)(clockid_t, struct timespec *);
static int (*holds_the_lock)(void); /* Python's own PyGILState_Check */

__attribute__((constructor)) static void begin(void)
{
    const char *folder = getenv("JUMPING_CLOCKS_FOLDER"), *name = getenv("QUITANDA_NAME");
    char path[PATH_MAX];

    real_clock_gettime = dlsym(RTLD_NEXT, "clock_gettime");
    if (folder == NULL || name == NULL)
        return;
    snprintf(path, sizeof path, "%s/%s", folder, name);
    int fd = open(path, O_RDWR | O_CLOEXEC);
    if (fd < 0)
        return;
    void *shared = mmap(NULL, sizeof *control, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    close(fd);
    if (shared == MAP_FAILED) {
        perror(path);
        abort();
    }
    holds_the_lock = dlsym(RTLD_DEFAULT, "PyGILState_Check");
    control = shared;
}

int clock_gettime(clockid_t clock, struct timespec *now)
{
    if (real_clock_gettime == NULL)
        real_clock_gettime = dlsym(RTLD_NEXT, "clock_gettime");
    int result = real_clock_gettime(clock, now);
    if (result != 0 || control == NULL || clock != CLOCK_REALTIME || holds_the_lock == NULL || !holds_the_lock())
        return result;
    atomic_fetch_add(&control->reads, 1);
    int64_t shown = atomic_load(&control->stands);
    if (shown == 0)
        shown = (int64_t)now->tv_sec * SECOND + now->tv_nsec + atomic_load(&control->ahead);
    now->tv_sec = (time_t)(shown / SECOND);
    now->tv_nsec = (long)(shown % SECOND);
    return 0;
}
