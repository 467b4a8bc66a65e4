/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cue.h"

#include <math.h>

/* Players take these for the end of a line. */
static gboolean ends_line(gunichar c) {
    return (c >= '\n' && c <= '\r') || c == 0x85 || c == 0x2028 || c == 0x2029;
}

/* Its lines, without empty ones (which end a cue) and control characters, joined by
 * between. */
static char *clean(const char *text, const char *between) {
    g_autofree char *valid = g_utf8_make_valid(text ? text : "", -1);
    GString *plain = g_string_new(NULL);
    for (const char *p = valid; *p; p = g_utf8_next_char(p)) {
        gunichar c = g_utf8_get_char(p);
        g_string_append_unichar(plain, ends_line(c) ? '\n' : g_unichar_iscntrl(c) ? ' ' : c);
    }
    g_auto(GStrv) lines = g_strsplit(plain->str, "\n", -1);
    g_string_truncate(plain, 0);
    for (char **line = lines; *line; line++) {
        g_strstrip(*line);
        if (!**line) continue;
        if (plain->len) g_string_append(plain, between);
        g_string_append(plain, *line);
    }
    return g_string_free(plain, FALSE);
}

static char *replaced(char *text, const char *what, const char *by) {
    GString *s = g_string_new(text);
    g_free(text);
    g_string_replace(s, what, by, 0);
    return g_string_free(s, FALSE);
}

/* SRT knows no way to write an arrow, which stands between times. */
static char *srt_text(const char *text) {
    return replaced(clean(text, "\n"), "-->", "-- >");
}

static char *vtt_text(const char *text) {
    char *s = replaced(clean(text, "\n"), "&", "&amp;");
    return replaced(replaced(s, "<", "&lt;"), ">", "&gt;");
}

/* hours:minutes:seconds, point is what stands before the milliseconds */
static char *clock_text(gint64 ms, char point) {
    return g_strdup_printf("%02d:%02d:%02d%c%03d", (int)(ms / 3600000), (int)(ms / 60000 % 60),
                           (int)(ms / 1000 % 60), point, (int)(ms % 1000));
}

static char *timed_cue(caption_format format, const char *text, int number, double start_s,
                       double end_s) {
    gint64 start_ms = llround(start_s * 1e3), end_ms = llround(end_s * 1e3);
    if (!*text || end_ms <= start_ms) return NULL;
    char point = format == FORMAT_SRT ? ',' : '.';
    g_autofree char *from = clock_text(start_ms, point), *to = clock_text(end_ms, point);
    if (format == FORMAT_VTT) return g_strdup_printf("%s --> %s\n%s\n\n", from, to, text);
    return g_strdup_printf("%d\n%s --> %s\n%s\n\n", number, from, to, text);
}

const char *cue_header(caption_format format) {
    return format == FORMAT_VTT ? "WEBVTT\n\n" : "";
}

char *cue_format(const caption *c, caption_format format, int number, double start_s,
                 double end_s) {
    g_autofree char *text = NULL;
    switch (format) {
    case FORMAT_JSON:
        text = caption_to_json(c, start_s, end_s);
        return g_strconcat(text, "\n", NULL);
    case FORMAT_TEXT:
        text = clean(c->text, " ");
        return *text ? g_strconcat(text, "\n", NULL) : NULL;
    case FORMAT_VTT:
        text = vtt_text(c->text);
        return timed_cue(format, text, number, start_s, end_s);
    default:
        text = srt_text(c->text);
        return timed_cue(FORMAT_SRT, text, number, start_s, end_s);
    }
}
