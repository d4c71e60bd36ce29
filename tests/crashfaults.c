/* Makes calls that change the disk below one folder fail: preloaded, armed by fault_arm. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <unistd.h>

enum { SPACE = 1, NAMES = 2, FLUSH = 4, BYTES = 8 };
static char root[PATH_MAX];
static int error_number, kinds, is_lasting;
static long at = -1, count, hits;
static char where[PATH_MAX + 32];

/* at: number of the call, from 0, that fails; below 0: none. kinds: which calls count. */
void fault_arm(const char *folder, long number, int error, int which, int lasting) {
    snprintf(root, sizeof root, "%s/", folder);
    at = -1; count = 0; hits = 0; where[0] = 0;
    error_number = error; kinds = which; is_lasting = lasting;
    at = number;
}
long fault_count(void) { return count; }
long fault_hits(void) { return hits; }
const char *fault_where(void) { return where; }

static int fails(const char *path, int kind, const char *name) {
    if (!root[0] || !path || strncmp(path, root, strlen(root)) || !(kind & kinds)) return 0;
    long mine = __sync_fetch_and_add(&count, 1);
    if (at < 0 || mine < at || (mine > at && !is_lasting)) return 0;
    if (!__sync_fetch_and_add(&hits, 1)) snprintf(where, sizeof where, "%s %s", name, path);
    errno = error_number;
    return 1;
}
static int fd_fails(int fd, int kind, const char *name) {
    if (!root[0] || !(kind & kinds)) return 0;
    char link[64], path[PATH_MAX];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t n = readlink(link, path, sizeof path - 1);
    if (n <= 0) return 0;
    path[n] = 0;
    return fails(path, kind, name);
}
static int at_fails(int folder, const char *path, int kind, const char *name) {
    if (folder == AT_FDCWD || path[0] == '/') return fails(path, kind, name);
    return fd_fails(folder, kind, name);
}
#define REAL(name) static __typeof__(name) *real; if (!real) real = dlsym(RTLD_NEXT, #name)

ssize_t write(int fd, const void *b, size_t n) { REAL(write); return fd_fails(fd, SPACE | BYTES, "write") ? -1 : real(fd, b, n); }
ssize_t pwrite64(int fd, const void *b, size_t n, off64_t o) { REAL(pwrite64); return fd_fails(fd, SPACE | BYTES, "pwrite") ? -1 : real(fd, b, n, o); }
ssize_t writev(int fd, const struct iovec *v, int n) { REAL(writev); return fd_fails(fd, SPACE | BYTES, "writev") ? -1 : real(fd, v, n); }
int ftruncate64(int fd, off64_t n) { REAL(ftruncate64); return fd_fails(fd, SPACE | BYTES, "ftruncate") ? -1 : real(fd, n); }
int fsync(int fd) { REAL(fsync); return fd_fails(fd, FLUSH, "fsync") ? -1 : real(fd); }
int fdatasync(int fd) { REAL(fdatasync); return fd_fails(fd, FLUSH, "fdatasync") ? -1 : real(fd); }
int rename(const char *a, const char *b) { REAL(rename); return fails(b, SPACE | NAMES, "rename") ? -1 : real(a, b); }
int link(const char *a, const char *b) { REAL(link); return fails(b, SPACE | NAMES, "link") ? -1 : real(a, b); }
int linkat(int x, const char *a, int y, const char *b, int f) { REAL(linkat); return at_fails(y, b, SPACE | NAMES, "linkat") ? -1 : real(x, a, y, b, f); }
int mkdir(const char *a, mode_t m) { REAL(mkdir); return fails(a, SPACE | NAMES, "mkdir") ? -1 : real(a, m); }
int unlink(const char *a) { REAL(unlink); return fails(a, NAMES, "unlink") ? -1 : real(a); }
int unlinkat(int d, const char *a, int f) { REAL(unlinkat); return at_fails(d, a, NAMES, "unlinkat") ? -1 : real(d, a, f); }
int rmdir(const char *a) { REAL(rmdir); return fails(a, NAMES, "rmdir") ? -1 : real(a); }
int chmod(const char *a, mode_t m) { REAL(chmod); return fails(a, NAMES, "chmod") ? -1 : real(a, m); }

#define MODE mode_t m = 0; if (f & (O_CREAT | O_TMPFILE)) { va_list l; va_start(l, f); m = va_arg(l, mode_t); va_end(l); }
#define WRITES (f & (O_CREAT | O_WRONLY | O_RDWR | O_TRUNC))
#define KIND ((f & O_CREAT ? SPACE : 0) | NAMES)
int open(const char *p, int f, ...) { MODE REAL(open); return WRITES && fails(p, KIND, "open") ? -1 : real(p, f, m); }
int open64(const char *p, int f, ...) { MODE REAL(open64); return WRITES && fails(p, KIND, "open") ? -1 : real(p, f, m); }
int openat(int d, const char *p, int f, ...) { MODE REAL(openat); return WRITES && at_fails(d, p, KIND, "open") ? -1 : real(d, p, f, m); }
int openat64(int d, const char *p, int f, ...) { MODE REAL(openat64); return WRITES && at_fails(d, p, KIND, "open") ? -1 : real(d, p, f, m); }
