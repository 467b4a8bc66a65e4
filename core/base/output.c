/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A file that is complete takes its name by rename(2), which would put it in the
 * place of a device or a link too. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/status.h"

/* The new file first stands beside it, under another name. */
static espy_status check_folder(const char *real, const char *path, espy_error *err) {
    const char *slash = strrchr(real, '/');
    char *folder = slash ? strndup(real, (size_t)(slash - real) + (slash == real)) : strdup(".");
    if (!folder) return espy_out_of_memory(err);
    int why = access(folder, W_OK | X_OK) == 0 ? 0 : errno;
    free(folder);
    if (!why) return ESPY_OK;
    return espy_fail(err, ESPY_ERR_IO, -1, "%s: cannot write: %s", path, strerror(why));
}

espy_status espy_output_path(char **out, const char *path, espy_error *err) {
    struct stat st;
    *out = NULL;
    int is_there = lstat(path, &st) == 0, is_link = is_there && S_ISLNK(st.st_mode);
    char *real = is_link ? realpath(path, NULL) : strdup(path);
    if (!real && is_link && errno != ENOMEM)
        return espy_fail(err, ESPY_ERR_ARGUMENT, -1, "%s: is a link that leads to no file: %s",
                         path, strerror(errno));
    if (!real) return espy_out_of_memory(err);
    espy_status status = ESPY_OK;
    if (is_there && (stat(real, &st) != 0 || !S_ISREG(st.st_mode)))
        status = espy_fail(err, ESPY_ERR_ARGUMENT, -1,
                           "%s is not a regular file; give a file's name", path);
    if (!status) status = check_folder(real, path, err);
    if (status)
        free(real);
    else
        *out = real;
    return status;
}
