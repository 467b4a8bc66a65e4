/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "program.h"

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

int program_run(char *const argv[], const char *out_path) {
    pid_t child = fork();
    if (child < 0) return -1;
    if (child == 0) {
        int out = open(out_path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
        if (out < 0 || dup2(out, STDOUT_FILENO) < 0) _exit(127);
        close(out);
        execv(argv[0], argv);
        _exit(127);
    }
    int status;
    if (waitpid(child, &status, 0) != child) return -1;
    if (WIFSIGNALED(status)) return 128 + WTERMSIG(status);
    return WEXITSTATUS(status);
}
