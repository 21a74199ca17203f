/* A disk whose syncs fail: an LD_PRELOAD library. While the file that KEDGE_FAILING_SYNC names exists, fsync and fdatasync of files
 * below a folder pg_wal answer EIO. As after a real error of the disk, what was written before stays in the kernel's cache.
 * SPDX-License-Identifier: Apache-2.0 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int fails(int fd) {
  const char* flag = getenv("KEDGE_FAILING_SYNC");
  if (flag == NULL || access(flag, F_OK) != 0) return 0;
  char self[64], path[PATH_MAX];
  snprintf(self, sizeof self, "/proc/self/fd/%d", fd);
  const ssize_t n = readlink(self, path, sizeof path - 1);
  if (n <= 0) return 0;
  path[n] = '\0';
  return strstr(path, "/pg_wal/") != NULL;
}

static int call_next(const char* name, int fd) {
  const int saved = errno;
  if (fails(fd)) {
    errno = EIO;
    return -1;
  }
  errno = saved;
  return ((int (*)(int))dlsym(RTLD_NEXT, name))(fd);
}

int fsync(int fd) { return call_next("fsync", fd); }
int fdatasync(int fd) { return call_next("fdatasync", fd); }
