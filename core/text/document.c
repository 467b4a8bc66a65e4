/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <string.h>

#include "text/readings.h"

const char *espy_read_document(const char *answer, size_t *n_bytes) {
    while (espy_is_space(*answer)) answer++;
    size_t n = strlen(answer), fence = strspn(answer, "`");
    *n_bytes = 0;
    if (fence == n) return answer; /* nothing yet, or the beginning of a fence */
    if (fence >= 3) {              /* the line names the language */
        const char *line = strchr(answer, '\n');
        if (!line) return answer;
        answer = line + 1;
        n = strlen(answer);
        size_t end = n;
        while (end && espy_is_space(answer[end - 1])) end--;
        while (end && answer[end - 1] == '`') end--;
        if (!end || answer[end - 1] == '\n') n = end;
    }
    while (n && espy_is_space(answer[n - 1])) n--;
    *n_bytes = n;
    return answer;
}
