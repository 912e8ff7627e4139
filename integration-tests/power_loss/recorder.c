/*
 * What a disk would still hold after the power failed, recorded while a program runs (LD_PRELOAD).
 *
 * Follows the files directly below the directory POWER_LOSS_FOLDER, and keeps in POWER_LOSS_RECORD:
 *
 *   files/<id>    the content of a file as fsync or fdatasync last made it durable
 *   operations    one line for each change of the directory, in their order:
 *                     create <id> <name>      a name for a new, empty file
 *                     rename <old> <new>
 *                     unlink <name>
 *                     sync <n>                the first n of these lines are durable since a sync of the directory
 *
 * The file system itself forgets nothing when a program is killed, so the record is as complete as the calls were.
 * A file is read when it is synced, from where the last sync ended; files that were written elsewhere than at their
 * end are read as a whole. Calls that this file does not model end the program, so that nothing escapes it.
 *
 * POWER_LOSS_IGNORE=files or =directories makes a sync of that kind durable for nobody: the tests' own test.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <unistd.h>

enum { FDS = 65536 };

enum kind { NOT_FOLLOWED, FOLLOWED_FILE, FOLLOWED_DIRECTORY };

struct followed {
    enum kind kind;
    int reader;       /* reads the file; the program's own descriptor may be for writing only */
    int record;       /* files/<id> */
    off_t recorded;   /* bytes there */
    bool rewritten;   /* changed before its end since the last sync */
};

static struct followed fds[FDS];
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static char folder[PATH_MAX];
static size_t folder_length;
static char record[PATH_MAX];
static int operations = -1;
static unsigned long lines;
static unsigned long files;
static bool ignore_files, ignore_directories;

static int (*real_open)(const char *, int, ...);
static int (*real_close)(int);
static int (*real_fsync)(int);
static int (*real_fdatasync)(int);
static int (*real_rename)(const char *, const char *);
static int (*real_unlink)(const char *);
static int (*real_ftruncate)(int, off_t);
static ssize_t (*real_pwrite)(int, const void *, size_t, off_t);
static off_t (*real_lseek)(int, off_t, int);
static void *(*real_mmap)(void *, size_t, int, int, int, off_t);

static void fail(const char *what)
{
    fprintf(stderr, "power-loss recorder: %s: %s\n", what, strerror(errno));
    abort();
}

__attribute__((constructor)) static void begin(void)
{
    const char *follow = getenv("POWER_LOSS_FOLDER"), *keep = getenv("POWER_LOSS_RECORD"), *ignore = getenv("POWER_LOSS_IGNORE");
    char path[PATH_MAX + 16];

    real_open = dlsym(RTLD_NEXT, "open");
    real_close = dlsym(RTLD_NEXT, "close");
    real_fsync = dlsym(RTLD_NEXT, "fsync");
    real_fdatasync = dlsym(RTLD_NEXT, "fdatasync");
    real_rename = dlsym(RTLD_NEXT, "rename");
    real_unlink = dlsym(RTLD_NEXT, "unlink");
    real_ftruncate = dlsym(RTLD_NEXT, "ftruncate");
    real_pwrite = dlsym(RTLD_NEXT, "pwrite");
    real_lseek = dlsym(RTLD_NEXT, "lseek");
    real_mmap = dlsym(RTLD_NEXT, "mmap");
    if (follow == NULL || keep == NULL)
        return;
    ignore_files = ignore != NULL && strcmp(ignore, "files") == 0;
    ignore_directories = ignore != NULL && strcmp(ignore, "directories") == 0;
    folder_length = strlen(follow);
    snprintf(folder, sizeof folder, "%s", follow);
    snprintf(record, sizeof record, "%s", keep);
    snprintf(path, sizeof path, "%s/operations", record);
    operations = real_open(path, O_WRONLY | O_CREAT | O_APPEND | O_EXCL | O_CLOEXEC, 0644);
    if (operations < 0)
        fail(path);
}

/* The name below the followed directory, "" for the directory itself, NULL for everything else. */
static const char *name_of(const char *path)
{
    if (operations < 0 || strncmp(path, folder, folder_length) != 0)
        return NULL;
    if (path[folder_length] == '\0' || strcmp(path + folder_length, "/") == 0)
        return "";
    return path[folder_length] == '/' ? path + folder_length + 1 : NULL;
}

static void note(const char *format, ...)
{
    char line[3 * NAME_MAX];
    va_list values;
    va_start(values, format);
    int length = vsnprintf(line, sizeof line, format, values);
    va_end(values);
    if (write(operations, line, (size_t)length) != length)
        fail("cannot write the operations");
    lines++;
}

static struct followed *followed(int fd, enum kind kind)
{
    return fd >= 0 && fd < FDS && fds[fd].kind == kind ? &fds[fd] : NULL;
}

/* Append what the file holds behind what is recorded, up to `size`. */
static void copy(struct followed *file, off_t size)
{
    if (file->rewritten || size < file->recorded) {
        if (real_ftruncate(file->record, 0) != 0 || real_lseek(file->record, 0, SEEK_SET) != 0)
            fail("cannot rewrite a record");
        file->recorded = 0;
        file->rewritten = false;
    }
    while (file->recorded < size) {
        ssize_t count = sendfile(file->record, file->reader, &file->recorded, (size_t)(size - file->recorded));
        if (count <= 0)
            fail("cannot copy what was synced");
    }
}

static void follow_file(int fd, const char *path, const char *name, bool created)
{
    char kept[PATH_MAX + 32];
    struct stat status;
    if (strchr(name, '/') != NULL || fd >= FDS)
        fail("a subdirectory or too many descriptors are not modelled");
    unsigned long id = ++files;
    snprintf(kept, sizeof kept, "%s/files/%lu", record, id);
    struct followed file = {FOLLOWED_FILE, real_open(path, O_RDONLY | O_CLOEXEC),
                            real_open(kept, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644), 0, false};
    if (file.reader < 0 || file.record < 0 || fstat(fd, &status) != 0)
        fail(kept);
    if (!created) /* it was there when the power came back: all of it is durable */
        copy(&file, status.st_size);
    fds[fd] = file;
    note("create %lu %s\n", id, name);
}

static int open_followed(const char *path, int flags, mode_t mode)
{
    const char *name = name_of(path);
    bool writes = (flags & O_ACCMODE) != O_RDONLY;
    if (name == NULL || (!writes && *name != '\0'))
        return real_open(path, flags, mode);
    pthread_mutex_lock(&lock);
    bool existed = access(path, F_OK) == 0;
    int fd = real_open(path, flags, mode);
    if (fd >= 0 && *name == '\0')
        fds[fd].kind = FOLLOWED_DIRECTORY;
    else if (fd >= 0)
        follow_file(fd, path, name, !existed || (flags & O_TRUNC) != 0);
    pthread_mutex_unlock(&lock);
    return fd;
}

static int sync_followed(int fd, int (*really)(int))
{
    struct stat status;
    pthread_mutex_lock(&lock);
    struct followed *file = followed(fd, FOLLOWED_FILE), *directory = followed(fd, FOLLOWED_DIRECTORY);
    unsigned long before = lines; /* what comes while the disk works is not promised */
    bool sized = file != NULL && fstat(fd, &status) == 0;
    pthread_mutex_unlock(&lock);
    int result = really(fd);
    if (result != 0)
        return result;
    pthread_mutex_lock(&lock);
    if (sized && !ignore_files)
        copy(file, status.st_size);
    if (directory != NULL && !ignore_directories)
        note("sync %lu\n", before);
    pthread_mutex_unlock(&lock);
    return 0;
}

int open(const char *path, int flags, ...)
{
    mode_t mode = 0;
    if (flags & (O_CREAT | O_TMPFILE)) {
        va_list values;
        va_start(values, flags);
        mode = va_arg(values, mode_t);
        va_end(values);
    }
    return open_followed(path, flags, mode);
}

int open64(const char *path, int flags, ...)
{
    mode_t mode = 0;
    if (flags & (O_CREAT | O_TMPFILE)) {
        va_list values;
        va_start(values, flags);
        mode = va_arg(values, mode_t);
        va_end(values);
    }
    return open_followed(path, flags, mode);
}

int creat(const char *path, mode_t mode)
{
    return open_followed(path, O_CREAT | O_WRONLY | O_TRUNC, mode);
}

int close(int fd)
{
    pthread_mutex_lock(&lock);
    struct followed *file = followed(fd, FOLLOWED_FILE);
    if (file != NULL) {
        real_close(file->reader);
        real_close(file->record);
    }
    if (fd >= 0 && fd < FDS)
        fds[fd].kind = NOT_FOLLOWED;
    pthread_mutex_unlock(&lock);
    return real_close(fd);
}

int fsync(int fd)
{
    return sync_followed(fd, real_fsync);
}

int fdatasync(int fd)
{
    return sync_followed(fd, real_fdatasync);
}

int rename(const char *from, const char *to)
{
    const char *old = name_of(from), *new = name_of(to);
    if (old == NULL && new == NULL)
        return real_rename(from, to);
    if (old == NULL || new == NULL)
        fail("a rename across the followed directory's border is not modelled");
    pthread_mutex_lock(&lock);
    int result = real_rename(from, to);
    if (result == 0)
        note("rename %s %s\n", old, new);
    pthread_mutex_unlock(&lock);
    return result;
}

int unlink(const char *path)
{
    const char *name = name_of(path);
    if (name == NULL)
        return real_unlink(path);
    pthread_mutex_lock(&lock);
    int result = real_unlink(path);
    if (result == 0)
        note("unlink %s\n", name);
    pthread_mutex_unlock(&lock);
    return result;
}

/* Changes elsewhere than at a file's end */

static void rewritten(int fd)
{
    pthread_mutex_lock(&lock);
    struct followed *file = followed(fd, FOLLOWED_FILE);
    if (file != NULL)
        file->rewritten = true;
    pthread_mutex_unlock(&lock);
}

int ftruncate(int fd, off_t length)
{
    rewritten(fd);
    return real_ftruncate(fd, length);
}

ssize_t pwrite(int fd, const void *data, size_t size, off_t offset)
{
    rewritten(fd);
    return real_pwrite(fd, data, size, offset);
}

off_t lseek(int fd, off_t offset, int whence)
{
    rewritten(fd);
    return real_lseek(fd, offset, whence);
}

void *mmap(void *address, size_t length, int protection, int flags, int fd, off_t offset)
{
    if (operations >= 0 && followed(fd, FOLLOWED_FILE) != NULL && (protection & PROT_WRITE) && (flags & MAP_SHARED))
        fail("a file that is written through memory is not modelled");
    return real_mmap(address, length, protection, flags, fd, offset);
}

int link(const char *from, const char *to)
{
    static int (*real)(const char *, const char *);
    if (real == NULL)
        real = dlsym(RTLD_NEXT, "link");
    if (name_of(from) != NULL || name_of(to) != NULL)
        fail("a second name of a file is not modelled");
    return real(from, to);
}
