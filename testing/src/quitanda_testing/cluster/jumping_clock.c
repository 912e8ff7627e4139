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
#include "preloaded_clock.h"

#include <stdatomic.h>
#include <stdint.h>

#define SECOND 1000000000

struct control {
    _Atomic int64_t ahead;  /* of the machine's clock, in nanoseconds */
    _Atomic int64_t stands; /* at this time, in nanoseconds since 1970; 0: it goes */
    _Atomic uint64_t reads;
};

static struct control *control;

__attribute__((constructor)) static void begin(void)
{
    control = shared_control("JUMPING_CLOCKS_FOLDER", sizeof *control);
}

int clock_gettime(clockid_t clock, struct timespec *now)
{
    int result = read_clock(clock, now);
    if (result != 0 || control == NULL || clock != CLOCK_REALTIME || !holds_the_lock())
        return result;
    atomic_fetch_add(&control->reads, 1);
    int64_t shown = atomic_load(&control->stands);
    if (shown == 0)
        shown = (int64_t)now->tv_sec * SECOND + now->tv_nsec + atomic_load(&control->ahead);
    now->tv_sec = (time_t)(shown / SECOND);
    now->tv_nsec = (long)(shown % SECOND);
    return 0;
}
