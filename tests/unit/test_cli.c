/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The espy program as a user runs it: a shell line in, both outputs and the
 * exit code out. The models are the tiny ones of tests/data. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cjson/cJSON.h>
#include <cmocka.h>

#include "bytes.h"

#define IMAGES "$ESPY_SOURCE_ROOT/tests/data/pictures"
#define MODELS "$ESPY_SOURCE_ROOT/tests/data/qwen3_vl"
#define FILMS "$ESPY_SOURCE_ROOT/tests/data/films"
#define WITH_MODEL "-m " MODELS "/bf16 -n 4 --greedy "

#define PHOTO "$ESPY_SOURCE_ROOT/tests/data/images/photo-420.jpg"

static char scratch[] = "/tmp/espy-cli-XXXXXX";
static char out[1 << 18], err[1 << 16];

static void slurp(const char *name, char *text, size_t capacity) {
    char path[100];
    snprintf(path, sizeof path, "%s/%s", scratch, name);
    FILE *f = fopen(path, "rb");
    assert_non_null(f);
    size_t n = fread(text, 1, capacity - 1, f);
    text[n] = 0;
    fclose(f);
}

/* Runs a shell line in which `espy` is the program; HOME and the model
 * variables point into the scratch folder, so nothing installed is found. */
static int run(const char *line) {
    char command[6000];
    int n = snprintf(
        command, sizeof command,
        "cd %s && espy() { \"$ESPY_PROGRAM\" \"$@\"; } && "
        "export HOME=%s XDG_DATA_HOME=%s/data XDG_DATA_DIRS=%s/none && "
        "unset ESPY_MODEL ESPY_MODELS LC_ALL LC_MESSAGES LANG && { %s\n} >out 2>err </dev/null",
        scratch, scratch, scratch, scratch, line);
    assert_true(n > 0 && (size_t)n < sizeof command);
    int status = system(command);
    slurp("out", out, sizeof out);
    slurp("err", err, sizeof err);
    assert_true(WIFEXITED(status));
    return WEXITSTATUS(status);
}

#define assert_says(text, part)                                                                    \
    do {                                                                                           \
        if (!strstr(text, part)) fail_msg("\"%s\" is not in \"%s\"", part, text);                  \
    } while (0)

static void helps(void **state) {
    (void)state;
    assert_int_equal(run("espy --help"), 0);
    assert_says(out, "Usage: espy");
    assert_int_equal(run("espy describe --help"), 0);
    assert_says(out, "Usage: espy describe [OPTION...] IMAGE...");
    assert_says(out, "Examples:");
    assert_int_equal(run("espy help bench"), 0);
    assert_says(out, "--max-pixels=N");
    assert_null(strstr(out, "--fps"));
    assert_null(strstr(out, "--alpha"));
    assert_int_equal(run("espy help run"), 0);
    assert_says(out, "--request=FILE.json");
    assert_int_equal(run("espy --version"), 0);
    assert_true(!strncmp(out, "espy ", 5));
    assert_int_equal(run("espy ask -V"), 0);
    assert_true(!strncmp(out, "espy ", 5));
    assert_string_equal(err, "");
}

static void refuses_wrong_usage(void **state) {
    (void)state;
    static const struct {
        const char *line, *sentence;
    } cases[] = {
        { "espy", "" },
        { "espy nonsense", "'nonsense' is neither a command nor a file" },
        { "espy help nonsense", "no command 'nonsense'" },
        { "espy describe", "IMAGE... is missing" },
        { "espy ask", "QUESTION [IMAGE...] is missing" },
        { "espy run", "--request is missing" },
        { "espy info a b", "'b' is one argument too many" },
        { "espy describe --colour x", "--colour: unknown option" },
        { "espy describe --model", "--model" },
        { "espy describe --max-tokens abc y", "--max-tokens: 'abc' is not a whole number" },
        { "espy describe --max-tokens=1.5 y", "--max-tokens: '1.5' is not a whole number" },
        { "espy describe --stop x --top-k x y", "--top-k: 'x' is not a whole number" },
        { "espy describe -q -nx y", "--max-tokens: 'x' is not a whole number" },
        { "espy describe -qn -x y", "--max-tokens: '-x' is not a whole number" },
        { "espy describe --fps abc y", "--fps: 'abc' is not a number" },
        { "espy describe --threads 99999999999 y", "'99999999999' is too large or too small" },
        { "espy describe -m '' x", "--model is empty" },
        { "espy describe --keep-seed 1 x", "--keep-seed only goes with --keep" },
        { "espy describe " WITH_MODEL "--kernels foo " PHOTO,
          "espy: kernels 'foo' do not run on this CPU" },
        { "espy describe --max-tokens 0 x", "--max-tokens must be at least 1" },
        { "espy describe --threads 0 x", "--threads must be from 1" },
        { "espy describe -t -1 x", "--threads must be from 1" },
        { "espy describe -n -1 x", "--max-tokens must be at least 1" },
        { "espy describe --top-k -1 x", "--top-k must be at least 0" },
        { "espy describe --min-pixels -1 x", "--min-pixels must be at least 1" },
        { "espy -q ask what " PHOTO, "'ask' is a command; put it before the options" },
        { "espy -m x chat", "'chat' is a command; put it before the options" },
        { "espy describe --top-p 2 x", "--top-p must be from 0 to 1" },
        { "espy describe --greedy --temperature 1 x", "--greedy contradicts" },
        { "espy describe --min-pixels 9 --max-pixels 8 x", "--min-pixels must not exceed" },
        { "espy describe --keep 0 x", "--keep must be more than 0 and at most 1" },
        { "espy describe --keep 1.5 x", "--keep must be more than 0" },
        { "espy describe --keep 0.5 --keep-seed -1 x", "--keep-seed must be at least 0" },
        { "espy describe --preset text --keep 0.5 x", "--keep does not go with the preset 'text'" },
        { "espy describe --preset html --keep 1 x", "which needs all of the picture" },
        { "espy find --keep 0.5 cup x", "--keep: unknown option" },
        { "espy describe --alpha black x", "--alpha must be white or drop" },
        { "espy describe --preset poem x",
          "--preset must be caption, alt, detailed, tags, text, markdown, html or events" },
        { "espy describe --cache-type f8 x", "--cache-type must be" },
        { "espy bench --size 640 x", "--size must be like 640x480" },
        { "espy find cup", "THINGS IMAGE... is missing" },
        { "espy find --answer a --fitted 640 cup x", "--fitted must be like 640x480" },
        { "espy find --fitted 640x480 cup " PHOTO, "--fitted only goes with --answer" },
        { "espy find --answer a cup " PHOTO " " PHOTO, "--answer is about one picture" },
        { "espy find --answer - cup -", "cannot both be standard input" },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        int code = run(cases[i].line);
        if (code != 2) fail_msg("%s: exit code %d", cases[i].line, code);
        assert_says(err, cases[i].sentence);
        if (strcmp(cases[i].line, "espy") != 0) assert_string_equal(out, "");
    }
}

static void finds_models(void **state) {
    (void)state;
    assert_int_equal(run("espy -m nemo " IMAGES "/dot.png"), 1);
    assert_says(err, "no model 'nemo'");
    assert_says(err, "data/espy/models");
    assert_int_equal(run("espy -m ./nemo " IMAGES "/dot.png"), 1);
    assert_says(err, "nemo");
    assert_int_equal(run("espy describe none.png"), 1);
    assert_says(err, "espy: none.png: No such file");

    /* By name, as the only one, by the environment; several are not guessed. */
    assert_int_equal(run("mkdir -p data/espy/models && ln -sf " MODELS "/bf16 data/espy/models/one"
                         " && espy info one && espy info"),
                     0);
    assert_says(out, "qwen3_vl");
    assert_int_equal(run("ln -sf " MODELS "/f32 data/espy/models/two; espy info"), 1);
    assert_says(err, "which model?");
    assert_says(err, "--model NAME takes one of them");
    assert_says(err, "models/one");
    assert_says(err, "models/two");
    assert_int_equal(run("ESPY_MODEL=two espy info --json"), 0);
    assert_says(out, "\"family\":\"qwen3_vl\"");
    assert_int_equal(run("ESPY_MODELS=/nowhere:" MODELS " espy info f16"), 0);
    assert_says(out, "DeepStack      3 layers\n");
    assert_says(out, "films          768 frames at most, all of 4096 to 36864 pixels\n");
    assert_null(strstr(out, "windows"));
    assert_int_equal(run("espy info " MODELS "/../qwen2_5_vl/gguf/micro-bf16.gguf"), 0);
    assert_says(out, "windows        112 pixels, in all but 2 of the vision layers\n");
    assert_says(out,
                "films          768 frames at most, each of 100352 to 602112 pixels, all of at "
                "most 38535168 pixels\n");
    assert_null(strstr(out, "DeepStack"));
    assert_int_equal(run("rm -r data"), 0);
}

/* What espy-nano cannot do is said once, where pictures are answered. */
static void tells_the_limits_of_the_built_in_model(void **state) {
    (void)state;
    static const char line[] = "espy: the built-in espy-nano knows drawn shapes";
    char path[200];
    assert_int_equal(run("mkdir -p data/espy/models"), 0);
    snprintf(path, sizeof path, "%s/data/espy/models/espy-nano.gguf", scratch);
    write_built_in(path);
    assert_int_equal(run("espy -n 2 " IMAGES "/dot.png " IMAGES "/odd.png"), 0);
    assert_says(err, line);
    assert_null(strstr(strstr(err, line) + 1, "espy:"));
    assert_true(strchr(err, '\n') == err + strlen(err) - 1);
    assert_int_equal(run("printf '%s\\nx\\ny\\n' " IMAGES "/dot.png | espy chat -n 2"), 0);
    assert_says(err, line);
    assert_null(strstr(strstr(err, line) + 1, "espy:"));
    static const char *const silent[] = { "espy -q -n 2 " IMAGES "/dot.png", "espy ask -n 2 hello",
                                          "espy info", "espy " WITH_MODEL IMAGES "/dot.png" };
    for (size_t i = 0; i < sizeof silent / sizeof *silent; i++) {
        assert_int_equal(run(silent[i]), 0);
        assert_string_equal(err, "");
    }
    assert_int_equal(run("rm -r data"), 0);
}

static void describes(void **state) {
    (void)state;
    assert_int_equal(run("espy describe " WITH_MODEL IMAGES "/dot.png"), 0);
    assert_string_equal(err, "");
    assert_true(strlen(out) > 1 && out[strlen(out) - 1] == '\n');
    assert_null(strstr(out, "=="));
    assert_int_equal(run("espy describe " WITH_MODEL IMAGES "/dot.png >a;"
                         "espy " WITH_MODEL "- <" IMAGES "/dot.png >b; cmp a b"),
                     0);
    assert_int_equal(run("espy describe --preset alt " WITH_MODEL IMAGES "/dot.png"), 0);
    assert_true(strlen(out) > 1);
}

/* Whether this espy was built with films, which the build says and espy must agree to. */
static int reads_films(void) {
    run("espy describe " WITH_MODEL FILMS "/vp8.webm");
    assert_int_equal(strstr(err, "built without FFmpeg's libraries") == NULL, HAS_FILM);
    return HAS_FILM;
}

static void watches_films(void **state) {
    (void)state;
    if (!reads_films()) skip();
    assert_int_equal(run("espy describe --json --fps 4 -v " WITH_MODEL FILMS "/vp8.webm"), 0);
    assert_says(out, "\"video_grid_thw\":[[3,4,4]],\"video_times\":[0.125,0.6875,1.25]");
    assert_says(err, "prompt: Describe this video in one sentence.");
    assert_says(err, "vp8, 64x48, 1.50 s, 8.000 frames a second; 6 frames");
    assert_int_equal(run("espy ask --json --frames 2 " WITH_MODEL "When? - <" FILMS "/h264.mkv"),
                     0);
    assert_says(out, "\"video_times\":[0.6875]");
    /* on standard input it gets a film's words and limits too */
    assert_int_equal(run("espy -v " WITH_MODEL "- <" FILMS "/vp8.webm >a; espy " WITH_MODEL FILMS
                         "/vp8.webm >b; cmp a b"),
                     0);
    assert_says(err, "prompt: Describe this video in one sentence.");
    assert_int_equal(run("espy --preset events --json " WITH_MODEL "- <" FILMS "/vp8.webm"), 0);
    assert_says(out, "\"shapes\":[");
    assert_int_equal(run("espy -v --frames 1 " WITH_MODEL "- <" FILMS "/one.mp4"), 0);
    assert_says(err, "; 1 frame is looked at");
    assert_int_equal(run("espy find " WITH_MODEL "x - </dev/null"), 1);
    assert_says(err, "standard input: ");
    /* a picture and films in one prompt, and one by one */
    assert_int_equal(run("espy ask --json --together " WITH_MODEL "x " IMAGES "/dot.png " FILMS
                         "/one.mp4 " FILMS "/numbered.gif"),
                     0);
    assert_says(out, "\"video_grid_thw\":[[1,4,4],[2,4,4]],\"video_times\":[0,");
    assert_int_equal(run("espy " WITH_MODEL FILMS "/one.mp4 " IMAGES "/dot.png " FILMS
                         "/empty.mp4 " FILMS "/sound.webm"),
                     1);
    assert_says(out, "one.mp4 ==");
    assert_says(out, "dot.png ==");
    assert_says(err, "empty.mp4: empty, not a film");
    assert_says(err, "sound.webm: holds sound, no moving pictures");
    /* frames of their own */
    assert_int_equal(run("espy ask --json --rate 4 --fps 4 " WITH_MODEL "x " IMAGES
                         "/film-1.png " IMAGES "/film-5.png " IMAGES "/film-9.png"),
                     0);
    assert_says(out, "\"video_grid_thw\":[[2,4,4]],\"video_times\":[0.125,0.5]");
    assert_null(strstr(out, "\"file\":"));
    assert_says(out, "\"files\":[");
    assert_says(out, "film-9.png\"]");
    assert_int_equal(
        run("espy ask --rate 4 " WITH_MODEL "x " IMAGES "/film-1.png " IMAGES "/tiny-1.png"), 1);
    assert_says(err, "tiny-1.png has 40x36 pixels, the first frame 72x56");
    assert_int_equal(
        run("espy ask --rate 4 " WITH_MODEL "x " IMAGES "/film-1.png " IMAGES "/film-2.png"), 0);
    assert_null(strstr(out, "=="));
    assert_int_equal(run("espy describe --preset events " WITH_MODEL IMAGES "/dot.png"), 1);
    assert_string_equal(strstr(err, "dot.png"),
                        "dot.png: the preset 'events' is about films, not pictures\n");
    assert_int_equal(
        run("espy --preset events --json " WITH_MODEL IMAGES "/dot.png " FILMS "/vp8.webm"), 1);
    assert_says(err, "dot.png: the preset 'events' is about films");
    assert_says(out, "\"shapes\":[");
    assert_int_equal(run("espy ask --frames 0 " WITH_MODEL "x " FILMS "/one.mp4"), 2);
    assert_int_equal(run("espy ask --rate 4 " WITH_MODEL "x " FILMS "/one.mp4"), 2);
    assert_says(err, "--rate is for pictures");
    assert_says(err, "/one.mp4 is a film; --fps says how many of its frames");
    assert_int_equal(
        run("espy ask --times 0,1 " WITH_MODEL "x " IMAGES "/dot.png " FILMS "/one.mp4"), 2);
    assert_says(err, "--times is for pictures");
    assert_int_equal(
        run("printf '%s\\n' " FILMS "/vp8.webm 'What?' 'And?' | espy chat " WITH_MODEL), 0);
    assert_string_equal(err, "");
}

/* Boxes with times, and spans, in pixels and seconds of the film. */
static void reads_answers_about_films(void **state) {
    (void)state;
    if (!reads_films()) skip();
    assert_int_equal(
        run("echo '[{\"time\": 1.5, \"bbox_2d\": [0, 500, 500, 1000], \"label\": \"x\"}]' >a;"
            "espy find --answer a x " FILMS "/turned-left.mp4;"
            "espy find --answer a x - <" FILMS "/turned-left.mp4"),
        0);
    assert_string_equal(out, "x\t0 32 24 64 at 1.5 s\nx\t0 32 24 64 at 1.5 s\n");
    assert_int_equal(run("echo '{\"00:00.10 - 00:01.00\": \"it moves\"}' >a;"
                         "espy find --answer a x " FILMS "/vp8.webm;"
                         "espy find --json --answer a x " FILMS "/vp8.webm"),
                     0);
    assert_says(out, "it moves\t0.1-1 s\n");
    assert_says(out, "{\"type\":\"span\",\"label\":\"it moves\",\"start\":0.1,\"end\":1}");
    assert_int_equal(run("espy find --draw a.png x " FILMS "/vp8.webm"), 2);
    /* of a folder the pictures are drawn */
    assert_int_equal(run("mkdir -p mixed && cp " FILMS "/vp8.webm " IMAGES "/dot.png mixed; "
                         "espy find " WITH_MODEL "--svg drawn x mixed >/dev/null; ls drawn"),
                     0);
    assert_string_equal(out, "dot.svg\n");
    assert_says(err, "mixed/vp8.webm: a film; --draw and --svg are for pictures");
}

static void watches_films_of_requests(void **state) {
    (void)state;
    if (!reads_films()) skip();
    assert_int_equal(
        run("cp " FILMS "/vp8.webm . && echo '{\"messages\": [{\"role\": \"user\", \"content\": "
            "[{\"type\": \"video\", \"video\": \"vp8.webm\", \"fps\": 4, \"max_frames\": 5},"
            " {\"type\": \"video\", \"video\": \"vp8.webm\", \"do_sample_frames\": false}]}], "
            "\"max_tokens\": 2}' >r.json && espy run -m " MODELS "/bf16 --request r.json"),
        0);
    assert_says(out, "\"video_grid_thw\":[[3,4,4],[6,");
    assert_says(out, "\"video_times\":[0.1875,0.875,1.375,0.0625,");
    assert_int_equal(run("sed 's/\"max_frames\": 5/\"keep\": 0.5/' r.json >k.json; "
                         "espy run -m " MODELS "/bf16 --request k.json"),
                     1);
    assert_says(err, "keep is for pictures");
    assert_int_equal(
        run("sed -i s/vp8.webm/none.webm/ r.json; espy run -m " MODELS "/bf16 --request r.json"),
        1);
    assert_says(err, "none.webm: cannot open: No such file");
}

/* One answer per file; what fails does not stop the rest. */
static void describes_several(void **state) {
    (void)state;
    assert_int_equal(run("mkdir -p d && cp " IMAGES "/dot.png d/b.png && cp " IMAGES
                         "/odd.png d/a.PNG && echo x >d/note.txt && echo x >d/c.jpg;"
                         "espy describe " WITH_MODEL "d none.png"),
                     1);
    const char *a = strstr(out, "== d/a.PNG =="), *b = strstr(out, "== d/b.png ==");
    assert_true(a && b && a < b);
    assert_null(strstr(out, "note.txt"));
    assert_says(err, "espy: none.png: No such file");
    assert_says(err, "d/c.jpg");
    assert_null(strstr(out, "c.jpg"));

    assert_int_equal(run("rm d/c.jpg; espy describe --json " WITH_MODEL "d none.png"), 1);
    int n_texts = 0, n_errors = 0;
    for (char *line = strtok(out, "\n"); line; line = strtok(NULL, "\n")) {
        cJSON *json = cJSON_Parse(line);
        assert_non_null(json);
        assert_true(cJSON_IsString(cJSON_GetObjectItem(json, "file")));
        n_errors += cJSON_HasObjectItem(json, "error");
        n_texts += cJSON_HasObjectItem(json, "text");
        cJSON_Delete(json);
    }
    assert_int_equal(n_texts, 2);
    assert_int_equal(n_errors, 1);
    assert_int_equal(run("rm d/*.png d/*.PNG; espy describe " WITH_MODEL "d"), 1);
    assert_says(err, "folder without pictures");
    assert_int_equal(run("rm -r d"), 0);
}

/* The prompt that a command line makes, as --verbose tells it. */
/* Neither a number that is none nor a pipe without a writer is taken. */
static void refuses_nan_and_pipes(void **state) {
    (void)state;
    static const char *const options[] = { "fps", "keep", "rate", "top-p", "min-p", "temperature" };
    for (size_t i = 0; i < sizeof options / sizeof *options; i++) {
        char line[400], says[100];
        snprintf(line, sizeof line, "espy describe --%s nan " WITH_MODEL IMAGES "/dot.png",
                 options[i]);
        snprintf(says, sizeof says, "--%s must be ", options[i]);
        assert_int_equal(run(line), 2);
        assert_says(err, says);
    }
    char line[1000];
    snprintf(line, sizeof line, "%s/pipe.mp4", scratch);
    assert_int_equal(mkfifo(line, 0600), 0);
    snprintf(line, sizeof line, "espy describe " WITH_MODEL "%s/pipe.mp4", scratch);
    assert_int_equal(run(line), 1);
    assert_says(err, "pipe.mp4: not a regular file");
}

static void asks_in_words_of_the_task(void **state) {
    (void)state;
    static const struct {
        const char *before, *arguments, *prompt;
    } cases[] = {
        { "", "", "prompt: Describe this image in one sentence.\n" },
        { "LANG=de_DE.UTF-8", "",
          "prompt: Describe this image in one sentence. Answer in German.\n" },
        { "LANG=de_DE.UTF-8 LC_ALL=C", "", "prompt: Describe this image in one sentence.\n" },
        { "LC_MESSAGES=fr_FR", "-p alt", "one short, plain sentence. Answer in French.\n" },
        { "LANG=de_DE.UTF-8", "-p tags",
          "prompt: List the tags of this image as a JSON array of strings.\n" },
        { "LANG=de_DE.UTF-8", "--language en", "prompt: Describe this image in one sentence.\n" },
        { "", "-p tags --language Klingon", "strings. Answer in Klingon.\n" },
        { "", "-p markdown", "prompt: qwenvl markdown\n" },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char line[500];
        snprintf(line, sizeof line,
                 "export A=b %s; espy describe -v " WITH_MODEL "%s " IMAGES "/dot.png",
                 cases[i].before, cases[i].arguments);
        assert_int_equal(run(line), 0);
        assert_says(err, cases[i].prompt);
    }
    assert_int_equal(run("LANG=de espy ask -v " WITH_MODEL "'What is it?' " IMAGES "/dot.png"), 0);
    assert_says(err, "prompt: What is it?\n");
    assert_int_equal(run("espy count -v " WITH_MODEL "cats " IMAGES "/dot.png"), 0);
    assert_says(err, "prompt: How many cats are there in this image? Answer with a number.\n");
    assert_int_equal(run("espy describe -p text --language de " WITH_MODEL IMAGES "/dot.png"), 2);
    assert_says(err, "--language does not go with the preset 'text'");
    assert_int_equal(run("espy describe --language 'a.b' " WITH_MODEL IMAGES "/dot.png"), 1);
    assert_says(err, "'a.b' is not the name of a language");
    assert_int_equal(run("espy count " WITH_MODEL "cats"), 2);
}

/* A preset's answer is the same in both forms of output. */
static void reads_answers(void **state) {
    (void)state;
    assert_int_equal(run("espy describe -p tags --json " WITH_MODEL IMAGES "/dot.png"), 0);
    cJSON *json = cJSON_Parse(out);
    cJSON *tags = cJSON_GetObjectItem(json, "tags");
    assert_true(cJSON_IsArray(tags) && cJSON_GetArraySize(tags) > 0);
    char text[1000];
    size_t n = 0;
    for (cJSON *tag = tags->child; tag; tag = tag->next)
        n += (size_t)snprintf(text + n, sizeof text - n, "%s%s", tag->valuestring,
                              tag->next ? ", " : "\n");
    assert_int_equal(run("espy describe -p tags " WITH_MODEL IMAGES "/dot.png"), 0);
    assert_string_equal(out, text);
    cJSON_Delete(json);
    assert_int_equal(run("for p in markdown html; do espy describe -p $p " WITH_MODEL IMAGES
                         "/dot.png; espy describe -p $p --json " WITH_MODEL IMAGES
                         "/dot.png; done"),
                     0);
    const char *line = out; /* streamed, and at once */
    for (int i = 0; i < 2; i++) {
        json = cJSON_Parse(strchr(line, '{'));
        assert_non_null(json);
        const char *whole = cJSON_GetStringValue(cJSON_GetObjectItem(json, "text"));
        assert_true(strlen(whole) > 0 && !strncmp(line, whole, strlen(whole)));
        assert_int_equal(line[strlen(whole)], '\n');
        line = strchr(strchr(line, '{'), '\n') + 1;
        cJSON_Delete(json);
    }
}

/* Several at a time, told in order as if one by one; a broken one in its turn. */
static void describes_a_folder(void **state) {
    (void)state;
    static char alone[1 << 15];
    const char *const names[] = { "a-odd", "b-broken", "c-dot", "d-grey", "e-photo", "f-odd" };
    assert_int_equal(run("mkdir many && cp " IMAGES "/odd.png many/a-odd.png && cp " IMAGES
                         "/odd.png many/f-odd.png && cp " IMAGES
                         "/dot.png many/c-dot.png && cp " IMAGES
                         "/grey.png many/d-grey.png && cp " PHOTO
                         " many/e-photo.png && echo no > many/b-broken.png"),
                     0);
    size_t n = 0;
    for (int i = 0; i < 6; i++) {
        char line[600];
        snprintf(line, sizeof line, "espy describe -n 9 " WITH_MODEL "many/%s.png", names[i]);
        assert_int_equal(run(line), i == 1);
        if (i == 1) continue;
        n += (size_t)snprintf(alone + n, sizeof alone - n, "%s== many/%s.png ==\n%s", n ? "\n" : "",
                              names[i], out);
    }
    assert_int_equal(run("espy describe -n 9 " WITH_MODEL "many"), 1);
    assert_string_equal(out, alone);
    assert_says(err, "many/b-broken.png: ");
    assert_int_equal(run("espy describe -n 9 --json " WITH_MODEL "many/*.png"), 1);
    const char *at = out;
    for (int i = 0; i < 6; i++) {
        char file[80];
        snprintf(file, sizeof file, "\"file\":\"many/%s.png\"", names[i]);
        at = strstr(at, file);
        assert_non_null(at);
    }
    /* part of the tokens: other answers, all the same with the same seed */
    assert_int_equal(run("espy describe -n 9 --keep 0.3 " WITH_MODEL "many"), 1);
    assert_string_not_equal(out, alone);
    assert_true(strlen(out) < sizeof alone);
    memcpy(alone, out, strlen(out) + 1);
    assert_int_equal(run("espy describe -n 9 --keep 0.3 --keep-seed 0 " WITH_MODEL "many"), 1);
    assert_string_equal(out, alone);
    assert_int_equal(run("espy describe -n 9 --keep 0.3 --keep-seed 5 " WITH_MODEL "many"), 1);
    assert_string_not_equal(out, alone);
}

static void asks(void **state) {
    (void)state;
    assert_int_equal(run("espy ask " WITH_MODEL "what " IMAGES "/dot.png " IMAGES "/odd.png"), 0);
    assert_says(out, "/dot.png ==");
    assert_says(out, "/odd.png ==");
    assert_int_equal(
        run("espy ask --json --together " WITH_MODEL "what " IMAGES "/dot.png " IMAGES "/odd.png"),
        0);
    assert_says(out, "\"files\":[");
    assert_int_equal(run("espy ask " WITH_MODEL "what"), 0);
    assert_true(strlen(out) > 1);
}

/* Frames with times are what a request says with stamps between them. */
static void stamps_frames(void **state) {
    (void)state;
    assert_int_equal(run("cp " IMAGES "/dot.png " IMAGES
                         "/odd.png . && echo '{\"messages\": [{\"role\": \"user\","
                         " \"content\": [{\"text\": \"<0.0 seconds>\"}, {\"image\": \"dot.png\"},"
                         " {\"text\": \"<1.5 seconds>\"}, {\"image\": \"odd.png\"},"
                         " {\"text\": \"What happens?\"}]}], \"max_tokens\": 4}' >r.json &&"
                         "espy run -m " MODELS "/bf16 -r r.json"),
                     0);
    cJSON *request = cJSON_Parse(out);
    assert_non_null(request);
    assert_says(cJSON_GetStringValue(cJSON_GetObjectItem(request, "rendered")),
                "<1.5 seconds><|vision_start|>");
    assert_int_equal(
        run("espy ask --json --times 0,1.5 " WITH_MODEL "'What happens?' dot.png odd.png"), 0);
    cJSON *answer = cJSON_Parse(out);
    assert_non_null(answer);
    static const char *const keys[] = { "text", "prompt_tokens" };
    for (int i = 0; i < 2; i++)
        assert_true(cJSON_Compare(cJSON_GetObjectItem(request, keys[i]),
                                  cJSON_GetObjectItem(answer, keys[i]), 1));
    cJSON_Delete(request);
    cJSON_Delete(answer);
    assert_int_equal(run("espy ask --times 0,1,2 " WITH_MODEL "what dot.png odd.png"), 2);
    assert_says(err, "--times has 3 times for 2 pictures");
    static const char *const wrong[] = { "x", "1,", "2,1", "-1", "1;2", "nan", "0,inf", "''" };
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        char line[300];
        snprintf(line, sizeof line, "espy ask --times=%s " WITH_MODEL "what dot.png",
                 strcmp(wrong[i], "1;2") ? wrong[i] : "'1;2'");
        assert_int_equal(run(line), 2);
        assert_says(err, "--times must be");
    }
}

/* Several turns through a pipe; the second answer differs from the one that
 * the question alone gets. */
static void chats(void **state) {
    (void)state;
    assert_int_equal(run("printf '%s\\n' " IMAGES "/dot.png 'What is it?' 'And now?' |"
                         "espy chat " WITH_MODEL ">two; printf '%s\\n' 'What is it?' /reset"
                         " \"/image " IMAGES "/dot.png\" 'What is it?' 'And now?' | "
                         "espy chat " WITH_MODEL ">three; tail -n +2 three >tail3; "
                         "printf 'And now?' | espy chat " WITH_MODEL ">one;"
                         "wc -c <two; cat two three"),
                     0);
    assert_int_equal(run("cmp two three"), 1);
    assert_int_equal(run("tail -c $(wc -c <two) three | cmp - two"), 0);
    assert_int_equal(run("tail -c $(wc -c <one) two | cmp -s - one"), 1);
    assert_int_equal(run("echo /image none.png | espy chat " WITH_MODEL), 1);
    assert_says(err, "none.png");
    assert_int_equal(run("printf '/quit\\nhello\\n' | espy chat " WITH_MODEL), 0);
    assert_string_equal(out, "");
}

/* The oldest family, whose pictures are squashed and announced. */
static void knows_qwen_vl(void **state) {
    (void)state;
#define WITH_QWEN_VL "-m $ESPY_SOURCE_ROOT/tests/data/qwen_vl/bf16 -n 4 --greedy "
    assert_int_equal(run("espy info $ESPY_SOURCE_ROOT/tests/data/qwen_vl/bf16"), 0);
    assert_says(out, "qwen_vl (arXiv:2308.12966)");
    assert_says(out, "256 tokens a picture");
    assert_says(out, "squashed to 448x448 pixels");
    assert_says(out, "films          none;");
    assert_null(strstr(out, "DeepStack"));
    assert_int_equal(run("espy describe " WITH_QWEN_VL IMAGES "/tall.png"), 0);
    assert_true(strlen(out) > 1);
    assert_int_equal(run("espy ask --json --together " WITH_QWEN_VL "what " IMAGES
                         "/dot.png " IMAGES "/odd.png"),
                     0);
    cJSON *json = cJSON_Parse(out);
    assert_true(cJSON_GetObjectItem(json, "prompt_tokens")->valueint > 2 * 258);
    cJSON_Delete(json);
    assert_int_equal(run("printf '%s\\n' " IMAGES "/dot.png 'What is it?' 'And now?' |"
                         "espy chat " WITH_QWEN_VL " | wc -l"),
                     0);
    assert_true(atoi(out) >= 2);
    assert_int_equal(
        run("echo '<ref> a cup</ref><box>(500,250),(750,999)</box>' | espy find --answer "
            "- " WITH_QWEN_VL "cup " PHOTO),
        0);
    assert_string_equal(out, "a cup\t48 16 72 64\n");
    assert_int_equal(run("espy find " WITH_QWEN_VL "cup " PHOTO), 1);
    assert_says(err, "broke off");
    assert_int_equal(
        run("espy convert $ESPY_SOURCE_ROOT/tests/data/qwen_vl/bf16 -o q.gguf; ls q.*"), 2);
    assert_says(err, "no GGUF form of qwen_vl models");
}

static void runs_requests(void **state) {
    (void)state;
    assert_int_equal(run("espy run -m " MODELS "/bf16 -r " MODELS "/requests/two_pictures.json"),
                     0);
    assert_string_equal(err, "");
    cJSON *json = cJSON_Parse(out);
    assert_non_null(json);
    static const char *const keys[] = { "text",           "tokens",         "top_logprobs",
                                        "finish",         "prompt_tokens",  "rendered",
                                        "image_grid_thw", "video_grid_thw", "rope_delta",
                                        "timings" };
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
        if (!cJSON_HasObjectItem(json, keys[i])) fail_msg("no %s", keys[i]);
    int n = cJSON_GetArraySize(cJSON_GetObjectItem(json, "tokens"));
    cJSON *steps = cJSON_GetObjectItem(json, "top_logprobs");
    assert_true(n > 0);
    assert_int_equal(cJSON_GetArraySize(steps), n);
    assert_int_equal(cJSON_GetArraySize(cJSON_GetArrayItem(steps, 0)), 5);
    assert_int_equal(cJSON_GetArraySize(cJSON_GetObjectItem(json, "image_grid_thw")), 2);
    cJSON_Delete(json);

    /* A picture named by a tag is the same picture. */
    assert_int_equal(
        run("cp " IMAGES "/dot.png . && "
            "echo '{\"prompt\": \"a <img>dot.png</img> b\", \"max_tokens\": 3}' >tag.json && "
            "echo '{\"prompt\": \"a <|vision_start|><|image_pad|><|vision_end|> b\","
            " \"images\": [\"dot.png\"], \"max_tokens\": 3, \"mood\": 1}' >pad.json && "
            "for i in tag pad; do espy run -m " MODELS "/bf16 --request $i.json |"
            " sed 's/,\"timings.*//' >$i; done; cmp tag pad && cat tag"),
        0);
    assert_says(out, "\"tokens\":[");
    assert_says(err, "pad.json: mood is not known");

    assert_int_equal(run("espy run -m " MODELS "/bf16 -r none.json"), 1);
    assert_says(err, "espy: none.json: No such file");
    assert_int_equal(run("echo '{\"prompt\": }' | espy run -m " MODELS "/bf16 -r -"), 1);
    assert_says(err, "standard input: not valid JSON (at byte 11)");
    assert_string_equal(out, "");
}

static void measures(void **state) {
    (void)state;
    assert_int_equal(run("espy bench --json --repeat 2 -n 5 --size 90x60 " MODELS "/bf16"), 0);
    cJSON *json = cJSON_Parse(out);
    assert_non_null(json);
    assert_int_equal(cJSON_GetObjectItem(json, "generate_tokens")->valuedouble, 5);
    assert_true(cJSON_GetObjectItem(json, "prompt_tokens_per_s")->valuedouble > 0);
    assert_true(cJSON_GetObjectItem(json, "vision_tokens_per_s")->valuedouble > 0);
    cJSON_Delete(json);
}

static void converts(void **state) {
    (void)state;
    assert_int_equal(run("mkdir made && espy convert " MODELS "/bf16 --type q8_0 -o made"), 0);
    assert_says(out, "made/bf16-Q8_0.gguf  0.3 MB");
    assert_says(out, "made/mmproj-bf16-F16.gguf  0.4 MB");
    assert_int_equal(run("espy describe -n 4 -m made/bf16-Q8_0.gguf " IMAGES "/dot.png"), 0);
    assert_int_equal(run("espy convert " MODELS "/bf16 --type Q8_0 -o made"), 1);
    assert_says(err, "made/bf16-Q8_0.gguf: is there already; --force replaces it");
    assert_int_equal(run("espy convert -q " MODELS "/bf16 --type Q8_0 -o made --force"), 0);
    assert_string_equal(out, "");
    assert_int_equal(run("cd made && rm * && espy convert " MODELS "/micro/ && ls"), 0);
    assert_says(out, "\nmicro-Q4_K_M.gguf\nmmproj-micro-F16.gguf\n");
    assert_int_equal(run("cd made && rm * && espy convert " MODELS
                         "/micro -o ./x-Q8_0.gguf --type Q8_0 --vision-type BF16 && ls && "
                         "espy info x-Q8_0.gguf"),
                     0);
    assert_says(out, "\nmmproj-x-BF16.gguf\nx-Q8_0.gguf\n");
    assert_says(out, "name           micro");
    assert_int_equal(run("espy convert " MODELS "/bf16 --one-file -o made/one.gguf -t 1 && "
                         "ls made && espy info made/one.gguf"),
                     0);
    assert_null(strstr(out, "mmproj-one"));
    assert_int_equal(run("espy quantize made/one.gguf made/two.gguf --type Q4_0 && "
                         "espy info made/two.gguf"),
                     0);
    assert_says(out, "Q4_0");
    assert_int_equal(run("espy quantize made/one.gguf made/two.gguf"), 1);
    assert_says(err, "made/two.gguf: is there already; --force replaces it");
    assert_int_equal(run("ls made | grep -c part"), 1); /* grep: none */
}

/* The vision part does not depend on the language part's type; types come first. */
static void keeps_an_mmproj(void **state) {
    (void)state;
    assert_int_equal(run("rm -rf k; mkdir k && espy convert -q " MODELS "/bf16 -o k"), 0);
    assert_int_equal(run("printf x >>k/mmproj-bf16-F16.gguf; cp k/mmproj-bf16-F16.gguf m; "
                         "espy convert " MODELS
                         "/bf16 -o k --type Q8_0 && cmp m k/mmproj-bf16-F16.gguf"),
                     0);
    assert_says(err, "k/mmproj-bf16-F16.gguf: is there already, kept");
    assert_says(out, "k/bf16-Q8_0.gguf");
    assert_null(strstr(out, "mmproj"));
    assert_int_equal(run("mkdir k2 && espy convert -q " MODELS "/bf16 -o k2 --type Q8_0 && "
                         "cmp k/bf16-Q8_0.gguf k2/bf16-Q8_0.gguf"),
                     0);
    assert_int_equal(run("espy convert " MODELS "/bf16 -o k --type Q8_0 --force; "
                         "cmp k/mmproj-bf16-F16.gguf k2/mmproj-bf16-F16.gguf"),
                     0);
    assert_int_equal(run("espy convert " MODELS "/bf16 -o k/bf16-Q8_0.gguf --type Q9"), 2);
    assert_says(err, "type 'Q9' is none that espy writes");
    assert_int_equal(run("espy quantize none.gguf k/bf16-Q8_0.gguf --type Q9"), 2);
    assert_says(err, "type 'Q9' is none that espy writes");
    assert_int_equal(run("rm -r k k2 m"), 0);
}

/* A pipe stands for every device; each command leaves it, and tells so before it
 * opens a model. A link leads to the file that is replaced. */
static void writes_to_files_alone(void **state) {
    (void)state;
    static const char *const lines[] = {
        "espy convert -f " MODELS "/none -o p.gguf",
        "espy quantize -f none.gguf p.gguf --type Q8_0",
        "espy find -m none --draw p.gguf cup " PHOTO,
        "espy find -m none --svg p.gguf cup " PHOTO,
        "espy run -m none -r r.json --trace p.gguf",
    };
    assert_int_equal(run("mkfifo p.gguf && echo '{\"prompt\": \"x\", \"max_tokens\": 1}' >r.json"),
                     0);
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) {
        char line[500];
        snprintf(line, sizeof line, "%s; test -p p.gguf && test ! -e p.gguf.part", lines[i]);
        assert_int_equal(run(line), 0);
        assert_says(err, "p.gguf is not a regular file; give a file's name");
    }
    assert_int_equal(run("espy find -m none --svg none/x.svg cup " PHOTO), 1);
    assert_says(err, "none/x.svg: cannot write: No such file");
    assert_int_equal(
        run("mkdir w && echo old >w/t && echo old >w/s && ln -s w/t t && ln -s w/s s && "
            "espy run -q -m " MODELS "/bf16 -r r.json --trace t >/dev/null && "
            "echo '[]' | espy find -q --answer - --svg s cup " PHOTO " && "
            "test -L t && test -L s && grep -q svg w/s && ! grep -q old w/t && ls w"),
        0);
    assert_string_equal(out, "s\nt\n");
    assert_int_equal(run("rm -r p.gguf w t s r.json"), 0);
}

static void limits_sizes(void **state) {
    (void)state;
    assert_int_equal(run("espy " WITH_MODEL "--min-pixels 99999999 " IMAGES "/dot.png"), 1);
    assert_says(err, "min_pixels 99999999 is more than 16777216");
    assert_int_equal(run("espy " WITH_MODEL "--max-pixels 16777217 " IMAGES "/dot.png"), 1);
    assert_says(err, "max_pixels 16777217 is more than 16777216");
    assert_int_equal(run("espy " WITH_MODEL "--max-pixels 16777216 " IMAGES "/dot.png"), 0);
}

static void refuses_to_convert(void **state) {
    (void)state;
    assert_int_equal(run("espy convert"), 2);
    assert_says(err, "FOLDER is missing");
    assert_int_equal(run("espy convert " MODELS "/f32 -o nowhere/"), 2);
    assert_says(err, "--out nowhere/ is neither a folder nor a name that ends in .gguf");
    assert_int_equal(run("espy convert " MODELS "/f32 --type Q9"), 2);
    assert_says(err, "type 'Q9' is none that espy writes (F32, F16");
    assert_int_equal(run("espy convert " MODELS "/nothing"), 1);
    assert_says(err, "nothing");
    assert_int_equal(run("espy quantize x.gguf"), 2);
    assert_says(err, "OUT.gguf is missing");
    assert_int_equal(run("espy quantize none.gguf x.gguf; ls *.gguf"), 2);
    assert_says(err, "none.gguf: cannot open");
}

static void reports_full_disks(void **state) {
    (void)state;
    if (access("/dev/full", W_OK) != 0) skip();
    assert_int_equal(run("espy describe " WITH_MODEL IMAGES "/dot.png >/dev/full"), 1);
    assert_says(err, "cannot write to standard output");
}

/* The manual and the completions know every option that the help shows. */
static void documents_every_option(void **state) {
    (void)state;
    assert_int_equal(
        run("cd \"$ESPY_SOURCE_ROOT/core/cli\"; n=0; for c in describe ask count chat info run "
            "bench convert quantize; do"
            "  for o in $(espy $c --help | sed -n 's/^ .* --\\([a-z-]*\\)[ =].*/\\1/p'); do"
            "    n=$((n + 1));"
            "    grep -q -- \"Fl -$o\\b\" espy.1 || echo \"$o is not in espy.1\";"
            "    grep -q -- \"--$o\\b\" completion/espy.bash || echo \"$o: espy.bash\";"
            "    grep -q -- \"--$o\\b\" completion/_espy || echo \"$o: _espy\";"
            "    grep -q -- \"-l $o\\b\" completion/espy.fish || echo \"$o: espy.fish\";"
            "  done; done; echo $n >&2"),
        0);
    assert_string_equal(out, "");
    assert_true(strtol(err, NULL, 10) > 60);
}

static int begin(void **state) {
    (void)state;
    return !getenv("ESPY_PROGRAM") || !getenv("ESPY_SOURCE_ROOT") || !mkdtemp(scratch);
}

static int end(void **state) {
    (void)state;
    char command[100];
    snprintf(command, sizeof command, "rm -rf '%s'", scratch);
    return system(command);
}

/* The answer is stored; the picture has 96 x 64 pixels. */
static void finds_things(void **state) {
    (void)state;
    const char *answer = "printf '[{\"bbox_2d\": [500, 250, 750, 1000], \"label\": \"a\\tcup\"},"
                         "{\"point_2d\": [0, 0], \"n\": 1}]' | ";
    char line[2000];
    snprintf(line, sizeof line, "%s espy find --answer - --svg out.svg cup %s", answer, PHOTO);
    assert_int_equal(run(line), 0);
    assert_string_equal(out, "a cup\t48 16 72 64\ncup\t0 0\n");
    assert_string_equal(err, "");
    assert_int_equal(run("grep -c '<polygon\\|<circle' out.svg; ls *.part 2>/dev/null"), 2);
    assert_string_equal(out, "4\n"); /* each with its edge */

    snprintf(line, sizeof line, "%s espy find -j --answer - --fitted 1000x500 a,b %s", answer,
             PHOTO);
    assert_int_equal(run(line), 0);
    cJSON *json = cJSON_Parse(out), *shapes = cJSON_GetObjectItem(json, "shapes");
    assert_int_equal(cJSON_GetArraySize(shapes), 1); /* 1000 is far beyond 500 */
    assert_int_equal(cJSON_GetObjectItem(json, "rejected")->valueint, 1);
    assert_int_equal(cJSON_GetObjectItem(json, "width")->valueint, 96);
    assert_string_equal(cJSON_GetObjectItem(json, "status")->valuestring, "complete");
    const cJSON *point = cJSON_GetArrayItem(shapes, 0);
    assert_string_equal(cJSON_GetObjectItem(point, "label")->valuestring, "object 1");
    assert_string_equal(
        cJSON_GetObjectItem(cJSON_GetObjectItem(point, "attributes"), "n")->valuestring, "1");
    assert_says(cJSON_GetObjectItem(json, "text")->valuestring, "a\tcup");
    cJSON_Delete(json);

    assert_int_equal(run("echo '[]' | espy find --answer - cup " PHOTO), 0);
    assert_string_equal(out, "");
    assert_says(err, "nothing found\n");
    assert_int_equal(run("echo 'There are none.' | espy find --answer - cup " PHOTO), 0);
    assert_says(err, "nothing found; the answer was: There are none.");
    assert_int_equal(run("echo '[{' | espy find --answer - cup " PHOTO), 1);
    assert_says(err, "broke off before anything was found");
}

static void keeps_pictures_when_finding(void **state) {
    (void)state;
    assert_int_equal(run("cp " PHOTO " p.jpg && echo '[]' | "
                         "espy find --answer - --svg p.jpg cup p.jpg; cmp p.jpg " PHOTO " && "
                         "echo '[]' | espy find --answer - --svg none/p.svg cup p.jpg"),
                     1);
    assert_says(err, "p.jpg: one of the pictures; not written over");
    assert_says(err, "none/p.svg: cannot write: No such file");
    /* Several pictures go into a folder, by name. */
    assert_int_equal(run("mkdir -p fa fb && cp p.jpg fa/ && cp p.jpg fb/p.jpeg && rm -rf o && "
                         "espy find " WITH_MODEL "--svg o 'a, b' fa/p.jpg fb/p.jpeg; ls o"),
                     0);
    assert_string_equal(out, "== fa/p.jpg ==\n\n== fb/p.jpeg ==\np-2.svg\np.svg\n");
    assert_int_equal(run("espy find " WITH_MODEL "--svg p.jpg a fa/p.jpg fb/p.jpeg"), 1);
    assert_says(err, "p.jpg: for several pictures this must be a folder");
    /* The question is the family's own; four tokens of a random model are none. */
    assert_int_equal(run("espy find -v " WITH_MODEL "'red cup, dog' p.jpg"), 1);
    assert_says(err, "Locate every instance that belongs to the following categories: "
                     "\"red cup, dog\". Report bbox coordinates in JSON format.");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(helps),
        cmocka_unit_test(refuses_wrong_usage),
        cmocka_unit_test(finds_models),
        cmocka_unit_test(tells_the_limits_of_the_built_in_model),
        cmocka_unit_test(describes),
        cmocka_unit_test(watches_films),
        cmocka_unit_test(reads_answers_about_films),
        cmocka_unit_test(watches_films_of_requests),
        cmocka_unit_test(describes_several),
        cmocka_unit_test(refuses_nan_and_pipes),
        cmocka_unit_test(asks_in_words_of_the_task),
        cmocka_unit_test(reads_answers),
        cmocka_unit_test(describes_a_folder),
        cmocka_unit_test(asks),
        cmocka_unit_test(stamps_frames),
        cmocka_unit_test(chats),
        cmocka_unit_test(knows_qwen_vl),
        cmocka_unit_test(runs_requests),
        cmocka_unit_test(measures),
        cmocka_unit_test(converts),
        cmocka_unit_test(keeps_an_mmproj),
        cmocka_unit_test(writes_to_files_alone),
        cmocka_unit_test(limits_sizes),
        cmocka_unit_test(refuses_to_convert),
        cmocka_unit_test(reports_full_disks),
        cmocka_unit_test(documents_every_option),
        cmocka_unit_test(finds_things),
        cmocka_unit_test(keeps_pictures_when_finding),
    };
    return cmocka_run_group_tests(tests, begin, end);
}
