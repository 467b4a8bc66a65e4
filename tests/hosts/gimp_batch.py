#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""The procedures of the plug-in, called by Script-Fu in the GIMP of this machine.

usage: gimp_batch.py PLUG-IN LIBESPY MODEL ESPY SOURCE-ROOT

All is installed for one user, in folders whose names hold blanks, and the second
start is in German. Ends with 77 where there is no GIMP to start. What the pictures
show is known from tests/data/nano/scenes.jsonl; what the model says of them, from the
espy program.
"""
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile

PLUG_IN, LIBRARY, MODEL, ESPY, SOURCE = (os.path.abspath(a) for a in sys.argv[1:6])
NANO = SOURCE + "/tests/data/nano/"
EXAMPLE = SOURCE + "/core/nano/example.png"

# What the two dialects of Script-Fu call by other names.
PRELUDE = {
    2: """
(define (load-picture f) (car (gimp-file-load RUN-NONINTERACTIVE f f)))
(define (layer-of i) (car (gimp-image-get-active-layer i)))
(define (describe i d preset question language source keep)
  (car (plug-in-espy-describe RUN-NONINTERACTIVE i d preset question language source keep "" 2)))
(define (describe-layer i d keep)
  (car (plug-in-espy-describe-layer RUN-NONINTERACTIVE i d "caption" "" "en" keep "" 2)))
(define (describe-all i) (car (plug-in-espy-describe-all RUN-NONINTERACTIVE i (layer-of i) "alt" "en" "" 2)))
(define (find i d what source as) (plug-in-espy-find RUN-NONINTERACTIVE i d what source as "" 2))
(define (describe-with i d model)
  (car (plug-in-espy-describe RUN-NONINTERACTIVE i d "caption" "" "en" "visible" "none" model 2)))
(define (repeat-describe i d) (plug-in-espy-describe RUN-WITH-LAST-VALS i d "" "" "" "" "" "" 0))
(define (repeat-find i d) (plug-in-espy-find RUN-WITH-LAST-VALS i d "" "" "" "" 0))
(define (none-selected? i) (= (car (gimp-selection-is-empty i)) TRUE))
(define (size i) (list (car (gimp-image-width i)) (car (gimp-image-height i))))
(define (n-layers i) (car (gimp-image-get-layers i)))
(define (n-paths i) (car (gimp-image-get-vectors i)))
(define (n-children d) (car (gimp-item-get-children d)))
(define (top-layer i) (vector-ref (cadr (gimp-image-get-layers i)) 0))
(define (name-of d) (car (gimp-item-get-name d)))
(define (next-guide i g) (car (gimp-image-find-next-guide i g)))
(define (to-indexed i) (gimp-image-convert-indexed i CONVERT-DITHER-NONE CONVERT-PALETTE-GENERATE 255 FALSE FALSE ""))
(define (new-layer i w h) (car (gimp-layer-new i w h RGBA-IMAGE "new" 100 LAYER-MODE-NORMAL)))
(define (add-mask d kind) (gimp-layer-add-mask d (car (gimp-layer-create-mask d kind))))
(define black-mask ADD-MASK-BLACK) (define white-mask ADD-MASK-WHITE)
(define (offsets d) (gimp-drawable-offsets d))
(define (comment-of i) (caddr (car (gimp-image-get-parasite i "gimp-comment"))))
(define (save i f) (gimp-file-save RUN-NONINTERACTIVE i (layer-of i) f f))
(define u16 PRECISION-U16-GAMMA) (define yes TRUE) (define no FALSE)
""",
    3: """
(script-fu-use-v3)
(define (load-picture f) (gimp-file-load RUN-NONINTERACTIVE f))
(define (layer-of i) (vector-ref (gimp-image-get-selected-layers i) 0))
(define (describe i d preset question language source keep)
  (plug-in-espy-describe #:run-mode RUN-NONINTERACTIVE #:image i #:drawables (vector d) #:preset preset
    #:question question #:language language #:source source #:keep keep #:threads 2))
(define (describe-layer i d keep)
  (plug-in-espy-describe-layer #:run-mode RUN-NONINTERACTIVE #:image i #:drawables (vector d)
    #:language "en" #:keep keep))
(define (describe-all i) (plug-in-espy-describe-all #:run-mode RUN-NONINTERACTIVE #:language "en"))
(define (find i d what source as)
  (plug-in-espy-find #:run-mode RUN-NONINTERACTIVE #:image i #:drawables (vector d) #:what what
    #:source source #:as as))
(define (describe-with i d model)
  (plug-in-espy-describe #:run-mode RUN-NONINTERACTIVE #:image i #:language "en" #:model model))
(define (repeat-describe i d)
  (plug-in-espy-describe #:run-mode RUN-WITH-LAST-VALS #:image i #:drawables (vector d)))
(define (repeat-find i d)
  (plug-in-espy-find #:run-mode RUN-WITH-LAST-VALS #:image i #:drawables (vector d)))
(define (none-selected? i) (gimp-selection-is-empty i))
(define (size i) (list (gimp-image-get-width i) (gimp-image-get-height i)))
(define (n-layers i) (vector-length (gimp-image-get-layers i)))
(define (n-paths i) (vector-length (gimp-image-get-paths i)))
(define (n-children d) (vector-length (gimp-item-get-children d)))
(define (top-layer i) (vector-ref (gimp-image-get-layers i) 0))
(define (name-of d) (gimp-item-get-name d))
(define (next-guide i g) (gimp-image-find-next-guide i g))
(define (to-indexed i) (gimp-image-convert-indexed i CONVERT-DITHER-NONE CONVERT-PALETTE-GENERATE 255 #f #f ""))
(define (new-layer i w h) (gimp-layer-new i "new" w h RGBA-IMAGE 100 LAYER-MODE-NORMAL))
(define (add-mask d kind) (gimp-layer-add-mask d (gimp-layer-create-mask d kind)))
(define black-mask ADD-MASK-BLACK) (define white-mask ADD-MASK-WHITE)
(define (offsets d) (gimp-drawable-get-offsets d))
(define (comment-of i) (caddr (gimp-image-get-parasite i "gimp-comment")))
(define (save i f)
  (if (string=? (substring f (- (string-length f) 3) (string-length f)) "png")
      (file-png-export #:run-mode RUN-NONINTERACTIVE #:image i #:file f #:include-xmp #t)
      (file-jpeg-export #:run-mode RUN-NONINTERACTIVE #:image i #:file f #:include-xmp #t)))
(define u16 PRECISION-U16-NON-LINEAR) (define yes #t) (define no #f)
""",
}

failures = []


def check(what, ok, detail=""):
    print(("ok    " if ok else "FAIL  ") + what + ("" if ok else ": " + str(detail)), flush=True)
    if not ok:
        failures.append(what)


def quoted(text):
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


class Host:
    def __init__(self, console, version, folder):
        self.console, self.version = console, version
        self.folder = folder
        self.home = folder + "/das Heim"
        major = version.split(".")[0]
        self.prelude = PRELUDE[int(major)]
        config = self.home + "/.config/GIMP/" + ".".join(version.split(".")[:2])
        place = config + "/plug-ins/espy-gimp"
        prefix = folder + "/ein Ort"
        os.makedirs(place)
        for name in ("gradients", "brushes", "palettes", "patterns", "dynamics", "tool-presets"):
            os.makedirs(config + "/" + name)
        os.makedirs(prefix + "/lib")
        os.makedirs(prefix + "/share/espy/models")
        shutil.copy(PLUG_IN, place + "/espy-gimp")
        shutil.copy(LIBRARY, prefix + "/lib/libespy.so.0")
        shutil.copy(MODEL, prefix + "/share/espy/models/espy-nano.gguf")
        self.env = {"PATH": os.environ["PATH"], "HOME": self.home, "LANG": "C.UTF-8",
                    "LD_LIBRARY_PATH": prefix + "/lib", "XDG_DATA_HOME": self.home + "/data",
                    "XDG_DATA_DIRS": prefix + "/share:/usr/local/share:/usr/share",
                    "ESPY_MODEL": "espy-nano", "ESPY_MODELS": prefix + "/share/espy/models"}
        for name in ("ASAN_OPTIONS", "LSAN_OPTIONS"):
            if name in os.environ:
                self.env[name] = os.environ[name]

    def metadata(self, text):
        """How this GIMP keeps it; that of Debian 13 would end it at the first comma."""
        return text.replace(", ", "; ") if self.version.startswith("3.0.") else text

    def run(self, cases, limit=300, **env):
        """Values of the expressions by name ("FAILED" where one failed), and what was printed."""
        out, script = self.folder + "/out.txt", self.folder + "/cases.scm"
        lines = [self.prelude, f"(define out (open-output-file {quoted(out)}))",
                 '(define (report name value) (display name out) (display "\\t" out)'
                 " (display value out) (newline out))",
                 # What an error says, which GIMP 3.2 no longer prints once it is caught.
                 "(define (*error-hook* . said) (for-each (lambda (s) (display s out)) said)"
                 " (newline out) (apply throw said))"]
        for name, expression in cases:
            lines.append(f'(catch (report "{name}" "FAILED") (report "{name}" {expression}))')
        lines.append("(close-output-port out)")
        with open(script, "w", encoding="utf-8") as f:
            f.write("\n".join(lines))
        if os.path.exists(out):
            os.remove(out)
        command = [self.console, "-i", "-d", "-s", "-f"]
        if self.version.startswith("2."):
            command += ["-b", f"(load {quoted(script)})", "-b", "(gimp-quit 0)"]
        else:
            command += ["--quit", "--batch-interpreter=plug-in-script-fu-eval", "-b",
                        f"(load {quoted(script)})"]
        done = subprocess.run(command, env={**self.env, **env}, stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=limit)
        printed = done.stdout.decode("utf-8", "replace")
        values = {}
        if os.path.exists(out):
            for line in open(out, encoding="utf-8"):
                name, _, value = line.rstrip("\n").partition("\t")
                values[name] = value
                printed += line
        for name, _ in cases:
            values.setdefault(name, "DID NOT RUN")
        if "DID NOT RUN" in values.values():
            print(printed)
        return values, printed


def espy(*arguments):
    env = {**os.environ, "ESPY_MODEL": MODEL}
    done = subprocess.run([ESPY, *arguments], env=env, stdout=subprocess.PIPE,
                          stderr=subprocess.DEVNULL, timeout=120)
    return done.stdout.decode().strip()


def truths(task, language="en"):
    for line in open(NANO + "scenes.jsonl", encoding="utf-8"):
        scene = json.loads(line)
        if scene["task"] == task and scene["language"] == language:
            yield NANO + scene["images"][0], scene["truth"]


def overlap(a, b):
    """Intersection over union of x1 y1 x2 y2."""
    width = min(a[2], b[2]) - max(a[0], b[0])
    height = min(a[3], b[3]) - max(a[1], b[1])
    both = max(width, 0) * max(height, 0)
    area = lambda r: (r[2] - r[0]) * (r[3] - r[1])
    return both / (area(a) + area(b) - both)


def numbers(text):
    return [float(n) for n in re.findall(r"-?[\d.]+", text)]


def size_of(path):
    out = subprocess.run(["exiftool", "-s3", "-ImageWidth", "-ImageHeight", path],
                         stdout=subprocess.PIPE, check=True).stdout.split()
    return int(out[0]), int(out[1])


def truth_box(path, box):
    width, height = size_of(path)
    return [box[0] * width / 1000, box[1] * height / 1000, box[2] * width / 1000, box[3] * height / 1000]


def on(path, body):
    """A case with the picture as i and its layer as d; it is closed afterwards."""
    return (f"(let* ((i (load-picture {quoted(path)})) (d (layer-of i)) (value (begin {body})))"
            " (gimp-image-delete i) value)")


def say(source="visible", keep="none", preset="caption", question="", language="en"):
    return f'(describe i d "{preset}" "{question}" "{language}" "{source}" "{keep}")'


# ------------------------------------------------------------------------ tests


def test_describe(host):
    pictures = [(EXAMPLE, ["automobile", "cactus", "diamond"])]
    pictures += [(p, t["names"]) for p, t in truths("caption")][:2]
    got, _ = host.run([(str(n), on(p, say())) for n, (p, _) in enumerate(pictures)])
    for n, (path, names) in enumerate(pictures):
        text, name = got[str(n)], os.path.basename(path)
        check(f"{name}: as the espy program says",
              text == espy("describe", "--language", "en", path), text)
        check(f"{name}: names what is there", any(w in text for w in names), text)


def test_kinds(host):
    """Each kind of image that looks like the example is described like it."""
    like = {
        "16 bit": f"(gimp-image-convert-precision i u16) {say()}",
        "float, linear": f"(gimp-image-convert-precision i PRECISION-FLOAT-LINEAR) {say()}",
        "half, linear": f"(gimp-image-convert-precision i PRECISION-HALF-LINEAR) {say()}",
        "hidden layer": "(let ((l (new-layer i 200 200))) (gimp-image-insert-layer i l 0 0)"
                        " (gimp-drawable-fill l FILL-FOREGROUND) (gimp-item-set-visible l no))"
                        f" {say()}",
        "white mask": f"(add-mask d white-mask) {say('layer')}",
        "partly outside": f"(gimp-layer-set-offsets d -70 -30) {say('layer')}",
        "all outside": f"(gimp-layer-set-offsets d -7000 3000) {say('layer')}",
        "layer by layer": "(describe-layer i d \"none\")",
        "all selected": f"(gimp-selection-all i) {say('selection')}",
    }
    some = {
        "indexed": f"(to-indexed i) {say()}",
        "grey": f"(gimp-image-convert-grayscale i) {say()}",
    }
    cases = [(n, on(EXAMPLE, b)) for n, b in {**like, **some}.items()]
    cases.append(("black mask", on(EXAMPLE, f"(add-mask d black-mask) {say('layer')}")))
    cmyk = host.folder + "/cmyk.jpg"
    convert = shutil.which("convert") or shutil.which("magick")
    if convert:
        subprocess.run([convert, EXAMPLE, "-colorspace", "CMYK", cmyk], check=True)
        # What its colours become is GIMP's affair: as the program sees what GIMP exports.
        seen = host.folder + "/cmyk.png"
        cases.append(("CMYK", on(cmyk, f"(save i {quoted(seen)}) {say()}")))
    got, printed = host.run(cases)
    truth = espy("describe", "--language", "en", EXAMPLE)
    for name in like:
        check(f"{name}: the same text", got[name] == truth, got[name])
    for name in some:
        check(f"{name}: names what is there",
              any(w in got[name] for w in ("automobile", "cactus", "diamond")), got[name])
    if convert:
        check("CMYK: as the espy program says of GIMP's colours",
              got["CMYK"] == espy("describe", "--language", "en", seen), got["CMYK"])
    check("black mask: nothing is seen through it",
          not any(w in got["black mask"] for w in ("automobile", "cactus", "diamond", "FAILED")),
          got["black mask"])


def test_find(host):
    path, truth = next((p, t) for p, t in truths("find") if len(t["boxes"]) == 1)
    what = truth["boxes"][0]["label"]
    box = truth_box(path, truth["boxes"][0]["bbox_2d"])
    width, height = size_of(path)
    find = lambda source, kept: f'(find i d "{what}" "{source}" "{kept}")'
    bounds = "(cdr (gimp-selection-bounds i))"
    moved = "(gimp-image-resize i %d %d 150 90)" % (width + 300, height + 170)
    part = "(gimp-image-select-rectangle i CHANNEL-OP-REPLACE 150 90 %d %d)" % (width, height)
    big = "(gimp-image-scale i %d %d)" % (width * 12, height * 12)
    cases = {
        "json": find("visible", "none"),
        "untouched": f"{find('visible', 'none')} (none-selected? i)",
        "new": f"{find('visible', 'selection-new')} {bounds}",
        "offset": f"{moved} {find('layer', 'selection-new')} {bounds}",
        "selection": f"{moved} {part} {find('selection', 'selection-new')} {bounds}",
        "outside": f"(gimp-layer-set-offsets d -5000 0) {find('layer', 'selection-new')}",
        "huge": f"{big} {find('visible', 'selection-new')} {bounds}",
        "add": "(gimp-image-select-rectangle i CHANNEL-OP-REPLACE 0 0 2 2)"
               f" {find('visible', 'selection-add')} {bounds}",
        "subtract": f"(gimp-selection-all i) {find('visible', 'selection-subtract')}"
                    f" (gimp-selection-invert i) {bounds}",
        "intersect": "(gimp-image-select-rectangle i CHANNEL-OP-REPLACE 0 0 %d %d) %s %s"
                     % (width, (box[1] + box[3]) / 2, find("visible", "selection-intersect"), bounds),
        "paths": f"{find('visible', 'paths')} (list (n-paths i) (n-layers i))",
        "guides": f"{find('visible', 'guides')} (list (next-guide i 0) (next-guide i (next-guide i 0)))",
        "layers": f"{find('visible', 'layers')}"
                  " (list (n-layers i) (n-children (top-layer i)) (offsets (top-layer i)))",
        "crop": f"{find('visible', 'crop')} (size i)",
    }
    got, printed = host.run([(n, on(path, b)) for n, b in cases.items()])
    here = [box[0] + 150, box[1] + 90, box[2] + 150, box[3] + 90]
    twelve = [12 * n for n in box]
    wanted = {"new": box, "offset": here, "selection": here, "huge": twelve, "subtract": box}
    for name, truth in wanted.items():
        at = numbers(got[name])
        share = overlap(at, truth) if len(at) == 4 else 0
        check(f"find, {name}: IoU {share:.2f}", share >= 0.5, got[name])
    found = numbers(got["new"])
    listed = re.search(r"\[.*\]", got["json"])
    shapes = json.loads(listed.group(0)) if listed else []
    check("find: JSON says what the selection shows",
          len(shapes) == 1 and [shapes[0]["x"], shapes[0]["y"], shapes[0]["x"] + shapes[0]["width"],
                                shapes[0]["y"] + shapes[0]["height"]] == found, got["json"])
    check("find, none: nothing is selected", got["untouched"] in ("#t", "1"), got["untouched"])
    check("find, add", numbers(got["add"]) == [0, 0] + found[2:], got["add"])
    half = numbers(got["intersect"])
    check("find, intersect: the upper half", half[:3] == found[:3] and half[3] < found[3],
          got["intersect"])
    check("find, paths: one, and no layer", numbers(got["paths"]) == [1, 1], got["paths"])
    guides = numbers(got["guides"])
    check("find, guides", len(guides) == 2 and guides[0] > 0 and guides[1] > 0, got["guides"])
    layers = numbers(got["layers"])
    check("find, layers: one in a group, where it was", layers == [2, 1] + found[:2], got["layers"])
    check("find, crop", numbers(got["crop"]) == [found[2] - found[0], found[3] - found[1]],
          got["crop"])
    check("find, outside of the canvas: says so", got["outside"] == "FAILED" and
          "lies outside of the image" in printed, got["outside"])


def read_tag(path, tag):
    done = subprocess.run(["exiftool", "-s3", "-" + tag, path], stdout=subprocess.PIPE, check=True)
    return done.stdout.decode().strip()


def test_keep(host):
    png, jpg, again = (host.folder + n for n in ("/ein Bild.png", "/ein Bild.jpg", "/wieder.png"))
    cases = [
        ("alt", on(EXAMPLE, f"(let ((t {say(keep='alt-text')})) {say(keep='comment')}"
                            f" (save i {quoted(png)}) (save i {quoted(jpg)}) t)")),
        ("comment", on(EXAMPLE, f"{say(keep='comment')} (comment-of i)")),
        ("reload", on(png, f"(save i {quoted(again)}) 1")),
        ("layer name", on(EXAMPLE, f"{say(keep='layer-name')} (name-of d)")),
        ("text", on(EXAMPLE, "(describe i d \"text\" \"\" \"en\" \"visible\" \"none\")")),
        ("question", on(EXAMPLE, say(preset="count", question="automobiles"))),
    ]
    got, printed = host.run(cases)
    truth = espy("describe", "--language", "en", EXAMPLE)
    for path in (png, jpg, again):
        name = os.path.basename(path)
        for tag in ("XMP-dc:Description", "XMP-iptcCore:AltTextAccessibility"):
            there = os.path.exists(path)
            check(f"{name}: {tag}", there and read_tag(path, tag) == host.metadata(truth),
                  read_tag(path, tag) if there else "no file")
    check("comment", truth in got["comment"], got["comment"])
    check("layer name", got["layer name"] == truth, got["layer name"])
    check("count: a number", got["question"] == espy("count", "automobiles", EXAMPLE), got["question"])
    both = f"(let* ((a (load-picture {quoted(EXAMPLE)})) (b (load-picture {quoted(EXAMPLE)}))" \
           f" (n (describe-all a))) (save b {quoted(png)}) n)"
    os.remove(png)
    got, printed = host.run([("all", both)])
    check("describe-all: both images", got["all"] == "2" and
          read_tag(png, "XMP-iptcCore:AltTextAccessibility") ==
          host.metadata(espy("describe", "--preset", "alt", "--language", "en", EXAMPLE)), got["all"])


def test_errors(host):
    wrong = {
        "There is no preset \"poem\"": say(preset="poem"),
        "There is no source \"moon\"": say(source="moon"),
        "There is no way to keep a text that is called \"fax\"": say(keep="fax"),
        "There is no way to keep finds that is called \"fax\"": '(find i d "cat" "visible" "fax")',
        "Please say what to find": '(find i d "" "visible" "none")',
        "needs a question": say(preset="question"),
        "Nothing is selected": say(source="selection"),
        "it has no visible layer": f"(gimp-item-set-visible d no) {say()}",
        "no-such-model": '(describe-with i d "no-such-model")',
    }
    got, printed = host.run([(str(n), on(EXAMPLE, b)) for n, b in enumerate(wrong.values())])
    for n, sentence in enumerate(wrong):
        check(f"error: {sentence}", got[str(n)] == "FAILED" and sentence in printed,
              got[str(n)] + "\n" + printed)


def remember(host, **keys):
    """As a dialog leaves it behind, after a model that worked."""
    folder = host.home + "/.config/espy"
    os.makedirs(folder, exist_ok=True)
    if os.path.exists(folder + "/gimp-failure.ini"):
        os.remove(folder + "/gimp-failure.ini")
    with open(folder + "/gimp.ini", "w", encoding="utf-8") as f:
        f.write("[gimp]\n" + "".join(f"{k.replace('_', '-')}={v}\n" for k, v in keys.items()))


def test_repeat(host):
    """Repeat Last: what the dialogs did last, without a dialog, for which there is no display."""
    describe, find = (on(EXAMPLE, f"(repeat-{what} i d)") for what in ("describe", "find"))
    no_display = "There is no display"
    for name, case, keys in (("text", describe, {"preset": "caption", "keep": ""}),
                             ("finds", find, {"find": "diamond"})):
        remember(host, **keys)
        got, printed = host.run([("repeat", case)])
        check(f"repeat: the dialog, where no {name} were kept", got["repeat"] == "FAILED" and
              no_display in printed, got["repeat"] + "\n" + printed)
    remember(host, keep="comment", kept_preset="question", question="What color is the diamond?",
             language="English", preset="tags", find="diamond", into="guides")
    guides = "(repeat-find i d) (list (next-guide i 0) (next-guide i (next-guide i 0)))"
    got, printed = host.run([("comment", on(EXAMPLE, "(repeat-describe i d) (comment-of i)")),
                             ("guides", on(EXAMPLE, guides))])
    answer = espy("ask", "What color is the diamond?", EXAMPLE)
    check("repeat: the question, kept as a comment", answer and answer in got["comment"],
          got["comment"])
    at = numbers(got["guides"])
    check("repeat: guides around what was found", len(at) == 2 and min(at) > 0, got["guides"])
    remember(host, find="zebra", into="selection-new")
    nowhere = espy("find", "zebra", EXAMPLE)
    got, printed = host.run([("zebra", find)])
    check("repeat: nothing found is told", nowhere or (got["zebra"] == "FAILED" and
          "Nothing of that was found" in printed), got["zebra"] + "\n" + printed)
    remember(host)


def german_locale(folder):
    """The environment of a German user, or None where it cannot be had."""
    names = subprocess.run(["locale", "-a"], stdout=subprocess.PIPE).stdout.decode().lower()
    env = {"LANG": "de_DE.UTF-8", "LC_ALL": "de_DE.UTF-8"}
    if "de_de.utf8" in names or "de_de.utf-8" in names:
        return env
    made = subprocess.run(["localedef", "-i", "de_DE", "-f", "UTF-8", folder + "/de_DE.UTF-8"],
                          stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL).returncode
    return {**env, "LOCPATH": folder} if made == 0 else None


def test_german(host):
    env = german_locale(host.folder)
    if not env:
        check("German: there is no such locale", not os.environ.get("ESPY_NEEDS_HOSTS"), "left out")
        return
    path, truth = next((p, t) for p, t in truths("find") if len(t["boxes"]) == 1)
    box = truth["boxes"][0]
    cases = [("text", on(EXAMPLE, say(language=""))),
             ("find", on(path, f"(find i d \"{box['label']}\" \"visible\" \"selection-new\")"
                               " (cdr (gimp-selection-bounds i))"))]
    got, _ = host.run(cases, **env)
    check("German, where commas are decimal points",
          got["text"] == espy("describe", "--language", "de", EXAMPLE), got["text"])
    at = numbers(got["find"])
    check("German: find", len(at) == 4 and overlap(at, truth_box(path, box["bbox_2d"])) >= 0.5,
          got["find"])


def test_example(host):
    """The script of plugin-gimp/examples, which is for GIMP 3."""
    if host.version.startswith("2."):
        return
    pictures = host.folder + "/meine Bilder"
    os.makedirs(pictures)
    shutil.copy(EXAMPLE, pictures + "/ein Auto.png")
    with open(pictures + "/notes.txt", "w") as f:
        f.write("no picture")
    script = SOURCE + "/plugin-gimp/examples/alt-text.sh"
    done = subprocess.run([script, pictures, "en"], env=host.env, stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=300)
    check("example: ends well", done.returncode == 0, done.stdout.decode("utf-8", "replace"))
    text = read_tag(pictures + "/ein Auto.png", "XMP-iptcCore:AltTextAccessibility")
    check("example: alt text in the file",
          text == host.metadata(espy("describe", "--preset", "alt", "--language", "en", EXAMPLE)), text)


def main():
    console = shutil.which("gimp-console")
    if not console or not shutil.which("exiftool") or not os.path.exists(PLUG_IN):
        print("skip: no gimp-console, exiftool or plug-in here")
        return 1 if os.environ.get("ESPY_NEEDS_HOSTS") else 77
    said = subprocess.run([console, "--version"], stdout=subprocess.PIPE).stdout.decode()
    version = re.search(r"\d+\.\d+\.\d+", said).group(0)
    print("GIMP", version)
    with tempfile.TemporaryDirectory() as folder:
        host = Host(console, version, folder)
        for test in (test_describe, test_kinds, test_find, test_keep, test_errors, test_repeat,
                     test_example, test_german):
            test(host)
    print(f"{len(failures)} failed" if failures else "all passed")
    return 1 if failures else 0


sys.exit(main())
