/* A disk that forgets what was not synced: an LD_PRELOAD library that keeps, beside the real folder, the image that a power cut would
 * leave in the unkindest case.
 *
 *   KEDGE_FORGETFUL_ROOT    the folder that is watched
 *   KEDGE_FORGETFUL_SHADOW  where the image is kept; an existing, empty folder outside of it
 *   KEDGE_FORGETFUL_DEAF=1  syncs are not noted at all: then everything must turn out lost (the test's own test)
 *
 * Model: fsync/fdatasync of a file makes its content durable, not its name; fsync of a directory makes its entries (names, renames,
 * removals) durable, not their content. What was never synced is gone. Every fsync therefore notes one thing in the shadow:
 *   SHADOW/file-<inode>-<birth>   the file's bytes
 *   SHADOW/dir-<inode>-<birth>    one line an entry: "d|f <inode>-<birth> <name>"
 * each written beside and renamed, so that a stopped process leaves whole notes only. restore.py builds a folder from them.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#define _GNU_SOURCE
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

/* "<inode>-<birth>": inode numbers are used again, birth times are not. */
static int identity(int directory, const char* name, int flags, char* text, size_t size, int* is_directory) {
  struct statx info;
  if (statx(directory, name, flags | AT_SYMLINK_NOFOLLOW, STATX_BASIC_STATS | STATX_BTIME, &info) != 0) return -1;
  *is_directory = S_ISDIR(info.stx_mode);
  snprintf(text, size, "%llu-%lld.%09u", (unsigned long long)info.stx_ino, (long long)info.stx_btime.tv_sec, info.stx_btime.tv_nsec);
  return 0;
}

static void note(const char* kind, const char* id, void (*fill)(int from, int to), int from) {
  static __thread int counter;
  char path[PATH_MAX], temporary[PATH_MAX];
  const char* shadow = getenv("KEDGE_FORGETFUL_SHADOW");
  snprintf(path, sizeof path, "%s/%s-%s", shadow, kind, id);
  snprintf(temporary, sizeof temporary, "%s/.tmp-%d-%ld-%d", shadow, getpid(), (long)syscall(SYS_gettid), counter++);
  const int to = open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  if (to < 0) abort();
  fill(from, to);
  close(to);
  if (rename(temporary, path) != 0) abort();
}

static void fill_file(int from, int to) {
  char buffer[1 << 16];
  char self[64];
  snprintf(self, sizeof self, "/proc/self/fd/%d", from); /* the descriptor may be open for writing only */
  const int in = open(self, O_RDONLY | O_CLOEXEC);
  if (in < 0) abort();
  ssize_t n;
  while ((n = read(in, buffer, sizeof buffer)) > 0) {
    if (write(to, buffer, (size_t)n) != n) abort();
  }
  close(in);
}

static void fill_directory(int from, int to) {
  char self[64];
  snprintf(self, sizeof self, "/proc/self/fd/%d", from);
  DIR* directory = opendir(self);
  if (directory == NULL) abort();
  const struct dirent* entry;
  while ((entry = readdir(directory)) != NULL) {
    char id[64];
    int is_directory = 0;
    if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0) continue;
    if (identity(from, entry->d_name, 0, id, sizeof id, &is_directory) != 0) continue; /* gone meanwhile */
    dprintf(to, "%c %s %s\n", is_directory ? 'd' : 'f', id, entry->d_name);
  }
  closedir(directory);
}

static void note_sync(int fd) {
  const char* root = getenv("KEDGE_FORGETFUL_ROOT");
  if (root == NULL || getenv("KEDGE_FORGETFUL_SHADOW") == NULL || getenv("KEDGE_FORGETFUL_DEAF") != NULL) return;
  char self[64], path[PATH_MAX], id[64];
  snprintf(self, sizeof self, "/proc/self/fd/%d", fd);
  const ssize_t n = readlink(self, path, sizeof path - 1);
  if (n <= 0) return;
  path[n] = '\0';
  const size_t length = strlen(root);
  if (strncmp(path, root, length) != 0 || (path[length] != '/' && path[length] != '\0')) return;
  int is_directory = 0;
  if (identity(fd, "", AT_EMPTY_PATH, id, sizeof id, &is_directory) != 0) abort();
  note(is_directory ? "dir" : "file", id, is_directory ? fill_directory : fill_file, fd);
}

static int call_next(const char* name, int fd) {
  int (*next)(int) = (int (*)(int))dlsym(RTLD_NEXT, name);
  const int result = next(fd);
  const int error = errno;
  if (result == 0) note_sync(fd);
  errno = error;
  return result;
}

int fsync(int fd) { return call_next("fsync", fd); }
int fdatasync(int fd) { return call_next("fdatasync", fd); }
