/*
 * The beginning of every small library that changes what processes read of their clocks (LD_PRELOAD).
 *
 * A library includes this file first. It reads its shared memory with `shared_control` when the process begins, and the
 * machine's clock with `read_clock`.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

static int (*real_clock_gettime)(clockid_t, struct timespec *);
static int (*python_holds_the_lock)(void); /* Python's own PyGILState_Check */

/*
 * The shared memory by which a test commands this process: the file of its QUITANDA_NAME in the folder that the variable
 * names. NULL where there is none; such a process's clocks are left alone.
 */
static void *shared_control(const char *folder_variable, size_t size)
{
    const char *folder = getenv(folder_variable), *name = getenv("QUITANDA_NAME");
    char path[PATH_MAX];

    if (folder == NULL || name == NULL)
        return NULL;
    snprintf(path, sizeof path, "%s/%s", folder, name);
    int fd = open(path, O_RDWR | O_CLOEXEC);
    if (fd < 0)
        return NULL;
    void *shared = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (shared == MAP_FAILED) {
        perror(path);
        abort();
    }
    close(fd);
    python_holds_the_lock = dlsym(RTLD_DEFAULT, "PyGILState_Check");
    return shared;
}

/* Whether the thread holds the Python interpreter's lock. */
static bool holds_the_lock(void)
{
    return python_holds_the_lock != NULL && python_holds_the_lock();
}

/* What the machine's clock shows. */
static int read_clock(clockid_t clock, struct timespec *now)
{
    if (real_clock_gettime == NULL) /* others may read a clock before this library begins */
        real_clock_gettime = dlsym(RTLD_NEXT, "clock_gettime");
    return real_clock_gettime(clock, now);
}
