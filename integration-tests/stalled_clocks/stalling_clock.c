/*
 * A clock that stands still while it is read, and the process with it (LD_PRELOAD).
 *
 * Before one of so many reads of the monotonic clocks by a thread that holds the Python interpreter's lock, that thread
 * sleeps. So all of the process's Python stands still, and time has really passed afterwards: as where a process is
 * stopped, its machine is paused, or it gets no CPU, exactly between two looks at the clock.
 *
 * Left alone are reads that decide nothing and would only thin out the stalls that matter: by threads without that lock
 * (gRPC's own, and those that wait for it and look twice in a millisecond), and the interpreter's look at the clock
 * whenever any lock is taken.
 *
 * The process is one of those meant where STALLED_CLOCKS_FOLDER holds a file of its QUITANDA_NAME. That file is shared
 * memory, see `struct control`: the campaign switches stalls on and off, and sees how many there were.
 */
#include "preloaded_clock.h"

#include <execinfo.h>
#include <stdatomic.h>
#include <stdint.h>
#include <string.h>

struct control {
    _Atomic uint64_t every;        /* one of so many reads stalls; 0: none */
    _Atomic uint64_t milliseconds; /* how long */
    _Atomic uint64_t seed;
    _Atomic uint64_t reads;        /* since the file was made, while stalls were on */
    _Atomic uint64_t stalls;
};

static struct control *control;

__attribute__((constructor)) static void begin(void)
{
    control = shared_control("STALLED_CLOCKS_FOLDER", sizeof *control);
}

/* Whether the read is one of PyThread_acquire_lock_timed, which is near on the stack then. */
static bool takes_a_lock(void)
{
    void *callers[6];
    Dl_info info;
    for (int depth = backtrace(callers, 6); depth > 0; depth--)
        if (dladdr(callers[depth - 1], &info) != 0 && info.dli_sname != NULL
            && strcmp(info.dli_sname, "PyThread_acquire_lock_timed") == 0)
            return true;
    return false;
}

/* Well mixed bits of a number (SplitMix64). */
static uint64_t mixed(uint64_t number)
{
    number += 0x9e3779b97f4a7c15;
    number = (number ^ (number >> 30)) * 0xbf58476d1ce4e5b9;
    number = (number ^ (number >> 27)) * 0x94d049bb133111eb;
    return number ^ (number >> 31);
}

static void maybe_stall(void)
{
    uint64_t every = atomic_load(&control->every);
    if (every == 0 || takes_a_lock())
        return;
    uint64_t number = atomic_fetch_add(&control->reads, 1);
    if (mixed(atomic_load(&control->seed) + number) % every != 0)
        return;
    atomic_fetch_add(&control->stalls, 1);
    uint64_t milliseconds = atomic_load(&control->milliseconds);
    struct timespec left = {(time_t)(milliseconds / 1000), (long)(milliseconds % 1000) * 1000000};
    while (nanosleep(&left, &left) != 0)
        ;
}

int clock_gettime(clockid_t clock, struct timespec *now)
{
    if (control != NULL && (clock == CLOCK_MONOTONIC || clock == CLOCK_MONOTONIC_RAW) && holds_the_lock())
        maybe_stall();
    return read_clock(clock, now);
}
