/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* espy chat: a conversation, line by line. The whole history is handed to the
 * library each time, which computes only what is new. A line that is the path
 * of a picture or film (typed, or dropped on the terminal) adds it to the next
 * question; a line that begins with / may be a command. */
#include "cli.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* One message with what it owns. */
typedef struct turn {
    const char *role;
    char *text;
    cli_medium *media; /* [n_media], before the text */
    int n_media;
} turn;

typedef struct chat {
    cli_session session;
    turn *turns; /* [n_turns] */
    int n_turns;
    turn next; /* pictures and films that wait for a question */
    int n_pictures, n_films;
    int interactive;
    char last; /* character that was written last */
    int code;
} chat;

static void turn_free(turn *t) {
    for (int i = 0; i < t->n_media; i++) cli_medium_close(&t->media[i]);
    free(t->media);
    free(t->text);
    *t = (turn){ 0 };
}

static void forget(chat *c) {
    for (int i = 0; i < c->n_turns; i++) turn_free(&c->turns[i]);
    turn_free(&c->next);
    c->n_turns = c->n_pictures = c->n_films = 0;
    if (c->session.context) espy_context_rewind(c->session.context, 0, NULL);
}

/* Takes over what t owns, also on failure. */
static int push_turn(chat *c, turn *t) {
    turn *grown = realloc(c->turns, ((size_t)c->n_turns + 1) * sizeof *grown);
    if (!grown || !t->text) {
        if (grown) c->turns = grown;
        turn_free(t);
        cli_say("out of memory");
        c->code = CLI_FAILED;
        return -1;
    }
    c->turns = grown;
    grown[c->n_turns++] = *t;
    *t = (turn){ 0 };
    return 0;
}

/* What the options say about sizes. */
static espy_request limits_of(const chat *c) {
    const cli_options *o = c->session.o;
    return (espy_request){ .min_pixels = o->min_pixels > 0 ? o->min_pixels : 0,
                           .max_pixels = o->max_pixels > 0 ? o->max_pixels : 0 };
}

static void tell(const chat *c, const char *path, const cli_medium *m) {
    if (!c->interactive) return;
    if (m->is_film)
        fprintf(stderr, "film %d: %s, %d frame%s\n", c->n_films, path, m->frames.n_images,
                m->frames.n_images == 1 ? "" : "s");
    else
        fprintf(stderr, "picture %d: %s, %dx%d\n", c->n_pictures, path, espy_image_width(m->image),
                espy_image_height(m->image));
}

static void add_picture(chat *c, const char *path) {
    espy_error err = { .offset = -1 };
    const espy_request limits = limits_of(c);
    cli_medium medium;
    cli_medium *grown = realloc(c->next.media, ((size_t)c->next.n_media + 1) * sizeof *grown);
    if (!grown) {
        cli_say("out of memory");
        c->code = CLI_FAILED;
        return;
    }
    c->next.media = grown;
    if (cli_medium_load(&medium, &c->session, path, &limits, &err)) {
        cli_medium_close(&medium);
        c->code = cli_report(path, &err);
        return;
    }
    grown[c->next.n_media++] = medium;
    *(medium.is_film ? &c->n_films : &c->n_pictures) += 1;
    tell(c, path, &medium);
}

static int on_text(void *user, const char *piece, size_t n_bytes) {
    chat *c = user;
    if (n_bytes) {
        cli_progress_clear(&c->session.progress);
        cli_write(piece, n_bytes);
        c->last = piece[n_bytes - 1];
    }
    return cli_interrupted();
}

static int on_progress(void *user, const char *phase, int64_t done, int64_t total) {
    chat *c = user;
    return cli_progress_step(&c->session.progress, phase, done, total);
}

/* The history as messages; the parts are one block, freed with *parts. */
static espy_message *make_messages(const chat *c, espy_part **parts, int *n_messages) {
    const cli_options *o = c->session.o;
    size_t n_parts = 1;
    for (int i = 0; i < c->n_turns; i++) n_parts += (size_t)c->turns[i].n_media + 1;
    espy_message *messages = calloc((size_t)c->n_turns + 1, sizeof *messages);
    espy_part *part = *parts = calloc(n_parts, sizeof *part);
    if (!messages || !part) {
        free(messages);
        return NULL;
    }
    int n = 0;
    if (o->system) {
        *part = (espy_part){ .type = ESPY_PART_TEXT, .text = o->system };
        messages[n++] = (espy_message){ "system", part++, 1 };
    }
    for (int i = 0; i < c->n_turns; i++) {
        const turn *t = &c->turns[i];
        messages[n++] = (espy_message){ t->role, part, t->n_media + 1 };
        for (int j = 0; j < t->n_media; j++) *part++ = cli_medium_part(&t->media[j]);
        *part++ = (espy_part){ .type = ESPY_PART_TEXT, .text = t->text };
    }
    *n_messages = n;
    return messages;
}

static espy_status generate(chat *c, espy_result *result, espy_error *err) {
    const cli_options *o = c->session.o;
    espy_part *parts;
    espy_sampling sampling;
    espy_request request = { .max_tokens = o->max_tokens > 0 ? o->max_tokens : 1024,
                             .sampling = &sampling,
                             .stop = (const char *const *)o->stop,
                             .n_stop = o->n_stop,
                             .min_pixels = o->min_pixels > 0 ? o->min_pixels : 0,
                             .max_pixels = o->max_pixels > 0 ? o->max_pixels : 0,
                             .on_text = on_text,
                             .on_progress = on_progress,
                             .user = c };
    cli_session_sampling(&c->session, NULL, &sampling);
    espy_message *messages = make_messages(c, &parts, &request.n_messages);
    espy_status status = messages ? ESPY_OK : cli_fail(err, ESPY_ERR_MEMORY, -1, "out of memory");
    request.messages = messages;
    if (!status) status = cli_session_reserve(&c->session, 0, err);
    for (int i = 0; !status && i < c->n_turns; i++)
        cli_session_limits(&c->session, c->turns[i].n_media);
    if (!status) status = espy_generate(c->session.context, &request, result, err);
    free(messages);
    free(parts);
    return status;
}

static void drop_last_turn(chat *c) {
    turn_free(&c->turns[--c->n_turns]);
}

/* Asks what the line says. A question that gets no answer leaves the history. */
static void ask(chat *c, const char *line) {
    espy_error err = { .offset = -1 };
    espy_result result = { 0 };
    c->next.role = "user";
    c->next.text = strdup(line);
    if (push_turn(c, &c->next)) return;
    c->last = '\n';
    cli_signals_rearm();
    espy_status status = generate(c, &result, &err);
    cli_progress_clear(&c->session.progress);
    if (c->last != '\n' || (!status && !*result.text)) puts("");
    fflush(stdout);
    if (status) {
        drop_last_turn(c);
        if (!cli_interrupted()) c->code = cli_report(NULL, &err);
        if (status == ESPY_ERR_FULL && c->interactive)
            fputs("/reset begins anew; --context N makes room for more.\n", stderr);
    } else {
        turn answer = { .role = "assistant", .text = result.text };
        result.text = NULL; /* the turn has it now */
        if (push_turn(c, &answer)) drop_last_turn(c);
        cli_session_timings(&c->session, &result);
    }
    espy_result_clear(&result);
    if (!c->interactive && cli_interrupted()) c->code = CLI_INTERRUPTED;
    if (c->interactive) cli_signals_rearm();
}

static int is_file(const char *path) {
    struct stat st;
    return stat(path, &st) == 0 && S_ISREG(st.st_mode);
}

static int hex(char c) {
    return c >= '0' && c <= '9'                 ? c - '0'
           : (c | 32) >= 'a' && (c | 32) <= 'f' ? (c | 32) - 'a' + 10
                                                : -1;
}

/* Terminals drop a path in quotes, with backslashes, or as file://...%20...;
 * undoes that in place. */
static char *plain_path(char *s) {
    size_t n = strlen(s);
    if (is_file(s)) return s;
    if (n > 1 && (*s == '\'' || *s == '"') && s[n - 1] == *s) {
        s[n - 1] = 0;
        return s + 1;
    }
    int is_uri = !strncmp(s, "file://", 7);
    char *from = is_uri ? s + 7 : s, *to = s;
    for (; *from; from++) {
        if (!is_uri && *from == '\\' && from[1]) from++;
        if (is_uri && *from == '%' && hex(from[1]) >= 0 && hex(from[2]) >= 0) {
            *to++ = (char)(hex(from[1]) * 16 + hex(from[2]));
            from += 2;
        } else {
            *to++ = *from;
        }
    }
    *to = 0;
    return s;
}

static void show_help(void) {
    fputs("Type a question and press Enter; the path of a picture or film alone adds it.\n"
          "  /image PATH  add a picture or film to the next question\n"
          "  /reset       forget everything\n"
          "  /help        show this\n"
          "  /quit        end (so does Ctrl-D)\n"
          "Ctrl-C stops an answer.\n",
          stderr);
}

/* Handles one line; returns non-zero to end. */
static int handle(chat *c, char *line) {
    while (*line == ' ' || *line == '\t') line++;
    size_t n = strlen(line);
    while (n && strchr(" \t\r\n", line[n - 1])) line[--n] = 0;
    if (!n) return 0;
    char *copy = strdup(line);
    if (!copy) return cli_say("out of memory"), c->code = CLI_FAILED, 1;
    char *path = plain_path(copy);
    int end = 0;
    if (is_file(path)) {
        add_picture(c, path);
    } else if (!strncmp(line, "/image ", 7)) {
        free(copy);
        copy = NULL;
        line += 7 + strspn(line + 7, " ");
        add_picture(c, plain_path(line));
    } else if (!strcmp(line, "/reset")) {
        forget(c);
    } else if (!strcmp(line, "/help") || !strcmp(line, "/?")) {
        show_help();
    } else if (!strcmp(line, "/quit") || !strcmp(line, "/exit")) {
        end = 1;
    } else if (*line == '/' && line[1] && !strchr(line, ' ')) {
        cli_say("%s: neither a file nor a command; see /help", line);
        c->code = CLI_FAILED;
    } else {
        ask(c, line);
    }
    free(copy);
    return end || c->code == CLI_INTERRUPTED;
}

static void converse(chat *c) {
    char *line = NULL;
    size_t capacity = 0;
    int end = 0;
    if (c->interactive) fputs("/help tells what can be typed; Ctrl-D ends.\n", stderr);
    while (!end) {
        if (c->interactive) fputs("> ", stderr);
        if (getline(&line, &capacity, stdin) < 0) {
            if (c->interactive) fputc('\n', stderr);
            if (cli_interrupted()) c->code = CLI_INTERRUPTED;
            break;
        }
        end = handle(c, line);
        /* What went wrong was said; a person may go on, and end in peace. */
        if (c->interactive && c->code != CLI_INTERRUPTED) c->code = CLI_OK;
    }
    free(line);
}

static int run(const cli_options *o) {
    chat c = { .interactive = isatty(STDIN_FILENO) && isatty(STDERR_FILENO) };
    c.session.o = o;
    c.code = cli_session_open(&c.session, o, NULL);
    for (int i = 0; i < o->n_args && !c.code; i++) add_picture(&c, o->args[i]);
    if (!c.code) converse(&c);
    forget(&c);
    free(c.turns);
    cli_session_close(&c.session);
    return c.code;
}

const cli_command cli_chat = {
    .name = "chat",
    .arguments = "[IMAGE...]",
    .summary = "talk about pictures and films, several turns",
    .examples = "  espy chat cat.jpg\n"
                "  printf '%s\\n' cat.jpg 'What is it?' 'What colour is it?' | espy chat\n",
    .groups = CLI_ANSWER | CLI_PICTURE | CLI_MODEL | CLI_SAMPLING,
    .min_args = 0,
    .max_args = -1,
    .run = run,
};
