/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "base/source.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

espy_status espy_source_open(espy_source *out, const char *path, espy_error *err) {
    *out = (espy_source){ 0 };
    /* a pipe is opened without waiting for its writer, and refused below */
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0)
        return espy_fail(err, ESPY_ERR_IO, -1, "%s: cannot open: %s", path, strerror(errno));
    struct stat st;
    espy_status status = ESPY_OK;
    espy_source s = { .data = (const uint8_t *)"" };
    if (fstat(fd, &st) != 0) {
        status = espy_fail(err, ESPY_ERR_IO, -1, "%s: %s", path, strerror(errno));
    } else if (!S_ISREG(st.st_mode)) {
        status = espy_fail(err, ESPY_ERR_IO, -1, "%s: not a regular file", path);
    } else if (st.st_size > 0) {
        void *p = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
        if (p == MAP_FAILED)
            status = espy_fail(err, ESPY_ERR_IO, -1, "%s: cannot map: %s", path, strerror(errno));
        else
            s = (espy_source){ .data = p, .n_bytes = st.st_size, .mapped = 1 };
    }
    close(fd);
    if (status) return status;
    s.name = strdup(path);
    if (!s.name) {
        espy_source_close(&s);
        return espy_out_of_memory(err);
    }
    *out = s;
    return ESPY_OK;
}

espy_status espy_source_memory(espy_source *out, const void *data, int64_t n_bytes,
                               const char *name, espy_error *err) {
    *out = (espy_source){ .name = strdup(name), .data = data, .n_bytes = n_bytes };
    return out->name ? ESPY_OK : espy_out_of_memory(err);
}

void espy_source_close(espy_source *s) {
    if (s->mapped) munmap((void *)(uintptr_t)s->data, (size_t)s->n_bytes);
    free(s->owned);
    free(s->name);
    *s = (espy_source){ 0 };
}

char *espy_path_join(const char *folder, const char *name) {
    size_t n = strlen(folder), size = n + strlen(name) + 2;
    char *path = malloc(size);
    if (path) snprintf(path, size, "%s%s%s", folder, n && folder[n - 1] == '/' ? "" : "/", name);
    return path;
}
